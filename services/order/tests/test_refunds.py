"""Money that goes back: granted by somebody, paid by payments, and somebody's where that fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.decider import Send
from chassis.stream import open_deadlines
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import (
    Disposition,
    InspectedItem,
    ReturnedItem,
    ReturnInspected,
    ReturnReason,
    ReturnReceived,
)
from contracts.ids import stream
from contracts.message import Message
from contracts.money import Charge, ChargeKind, Money, RefundRule, Tender, TenderMethod
from contracts.order import (
    ApproveRefund,
    DeclineRefund,
    NoticeRequested,
    RefundApprover,
    RefundCause,
    RefundChangeRefusal,
    RefundChangeRefused,
    RefundDecline,
    RefundDeclined,
    Refunded,
    RefundFailed,
    RefundGranted,
    RefundProposed,
    RefundTo,
    RefundWithdrawn,
    RequestReturn,
    RetryRefund,
    ReturnWish,
    StepAskedAgain,
    WithdrawRefund,
)
from contracts.payments import CaptureLine, IssueCause, IssueValue, RefundPayment
from services.order.order import OrderStatus, status
from services.order.refund_saga import FINANCE_DESK
from services.order.refund_state import RefundStage
from services.order.refunding import in_returns
from services.order.stream import ORDER
from services.order.tests.refund_story import (
    ADA,
    ANNA,
    BEN,
    CREDIT_LEDGER,
    asks,
    claim,
    credited,
    credited_before,
    grant,
    not_credited,
    paid,
    paid_back,
    refund_of,
    refused,
    repeated,
    taken_back,
)
from services.order.tests.story import NAME, ORDER_ID, PAYMENT, Story, eur, kinds
from services.order.views import order_view
from services.order.waiting import waiting


def why_not(story: Story, wish: Message) -> RefundChangeRefusal:
    [event] = asks(story, wish).events
    assert isinstance(event, RefundChangeRefused)
    return event.reason


def silence(story: Story, name: str) -> list[str]:
    """The deadline of this name passes."""
    due = open_deadlines(ORDER, story.stream)[name]
    story.at(due)
    return kinds(story.tell(DeadlinePassed(name=name, due=due)))


def test_units_that_came_broken_are_paid_back_of_an_order_that_is_complete() -> None:
    # given an order of three units for 10.00 that left, was captured and is complete
    story = paid()
    assert status(story.view.order) is OrderStatus.COMPLETED
    # when one of them is claimed
    outcome = asks(story, claim())
    # then its share is granted, the highest unit's, and payments are asked
    [granted] = outcome.events
    assert isinstance(granted, RefundGranted)
    assert [(line.from_unit, line.to_unit, line.amount) for line in granted.lines] == [(2, 3, eur(334))]
    assert (granted.amount, granted.number, granted.by, granted.approved_by) == (eur(334), 1, "anna", None)
    wish = RefundPayment(
        order_id=ORDER_ID,
        refund=granted.refund,
        amount=eur(334),
        lines=tuple(CaptureLine(**line.model_dump()) for line in granted.lines),
        other=eur(0),
        cause="damaged",
    )
    outcome.sends(Send("payments", PAYMENT, wish, wants_answer=True))
    assert story.view.refunds.credit == 334
    # and once payments have paid, that is what the outside reads
    [refunded] = paid_back(story).events[:1]
    assert isinstance(refunded, Refunded)
    assert (refunded.amount, refunded.cause, len(refunded.refunds)) == (eur(334), RefundCause.DAMAGED, 1)
    assert (story.view.refunds.credit, story.view.refunds.refunded) == (0, 334)
    assert status(story.view.order) is OrderStatus.COMPLETED
    shown = order_view(story.stream)
    assert (shown["captured"], shown["refunded"], shown["credit"]) == (1000, 334, 0)
    [seen] = shown["refunds"]
    assert (seen["number"], seen["stage"], seen["cause"]) == (1, RefundStage.REFUNDED, "damaged")
    assert [line["paid_back"] for line in shown["lines"]] == [1]


def test_any_sequence_of_units_sums_to_what_was_paid() -> None:
    story = paid()
    amounts = []
    for number in (1, 2, 3):
        asks(story, claim())
        amounts.append(refund_of(story, number).contents.amount.amount)
        paid_back(story, number)
    assert amounts == [334, 333, 333]
    assert why_not(story, claim()) is RefundChangeRefusal.NOT_FULFILLED


def test_a_lost_answer_is_asked_for_again_and_known_again() -> None:
    story = paid()
    asks(story, claim())
    key = refund_of(story).contents.refund
    assert silence(story, f"refund/{key}") == ["StepAskedAgain"]
    [refunded, *_] = repeated(story).events
    assert isinstance(refunded, Refunded)
    paid_back(story).then_nothing()


def test_what_payments_refuse_is_somebody_s_who_can_try_again() -> None:
    story = paid()
    asks(story, claim())
    # when payments pay a part of it and refuse the rest
    [failed] = refused(story, part=100).events
    # then that has an owner, and the books know the part
    assert isinstance(failed, RefundFailed)
    assert (failed.owner, failed.refunded_part) == ("finance_desk", eur(100))
    assert story.view.refunds.credit == 234
    found = waiting(NAME, story.log)
    assert found is not None and "somebody to look at 3.34 EUR (refund 1)" in found.sentence
    assert "finance_desk can have it tried again" in found.sentence
    refused(story).then_nothing()
    # when somebody has it tried again, the same is asked, and it goes well
    outcome = asks(story, RetryRefund(refund="1", detail="the provider is back"))
    assert kinds(outcome) == ["StepAskedAgain"]
    assert [send.message.TYPE for send in outcome.sent] == [RefundPayment.TYPE]
    paid_back(story)
    assert (story.view.refunds.credit, story.view.refunds.refunded) == (0, 334)
    assert why_not(story, RetryRefund(refund="1")) is RefundChangeRefusal.NOT_FAILED


def test_silence_becomes_an_exception_and_a_late_answer_ends_it() -> None:
    story = paid()
    asks(story, claim())
    name = f"refund/{refund_of(story).contents.refund}"
    assert [silence(story, name) for _ in range(3)] == [["StepAskedAgain"]] * 3
    assert silence(story, name) == ["StepUnanswered", "RefundFailed"]
    assert refund_of(story).stage is RefundStage.FAILED
    paid_back(story)
    assert refund_of(story).stage is RefundStage.REFUNDED


def test_what_payments_may_still_pay_is_not_taken_back_until_they_refuse_it() -> None:
    # given a refund that payments have not answered
    story = paid()
    asks(story, claim(3))
    name = f"refund/{refund_of(story).contents.refund}"
    for _ in range(4):
        silence(story, name)
    # when somebody takes it back, to claim the units again, then it stands: they would be paid twice
    assert why_not(story, WithdrawRefund(refund="1", detail="no")) is RefundChangeRefusal.UNANSWERED
    # when payments refuse it late, then it may be taken back
    assert kinds(refused(story)) == ["RefundFailed"]
    assert kinds(asks(story, WithdrawRefund(refund="1", detail="no"))) == ["RefundWithdrawn"]


def test_a_decision_that_failed_can_be_taken_back_and_made_anew() -> None:
    story = paid()
    asks(story, claim(3))
    refused(story)
    [withdrawn] = asks(story, WithdrawRefund(refund="1", detail="it was found")).events
    assert isinstance(withdrawn, RefundWithdrawn) and withdrawn.amount == eur(1000)
    assert story.view.refunds.credit == 0
    assert why_not(story, WithdrawRefund(refund="1", detail="again")) is RefundChangeRefusal.NOT_FAILED
    asks(story, claim(3))
    assert refund_of(story, 2).contents.amount == eur(1000)


def test_money_that_was_on_its_way_counts_though_the_decision_was_taken_back() -> None:
    story = paid()
    asks(story, claim())
    refused(story)
    asks(story, WithdrawRefund(refund="1", detail="it was found"))
    paid_back(story)
    assert (story.view.refunds.granted, story.view.refunds.refunded) == (334, 334)


def test_above_what_one_may_give_alone_a_second_person_approves() -> None:
    # given a claim above the limit of whoever asks
    story = paid(("A", 2, 40_000))
    [proposed] = asks(story, claim()).events
    assert isinstance(proposed, RefundProposed)
    assert story.view.refunds.credit == 0
    found = waiting(NAME, story.log)
    assert found is not None and "a second person to approve 200.00 EUR (refund 1)" in found.sentence
    # when the same person approves it, or one who may not give so much
    [same] = asks(story, ApproveRefund(refund="1", approver=RefundApprover.FINANCE), ANNA).events
    [small] = asks(story, ApproveRefund(refund="1"), BEN).events
    # then nothing comes of that
    assert isinstance(same, RefundChangeRefused) and same.reason is RefundChangeRefusal.SAME_PERSON
    assert isinstance(small, RefundChangeRefused) and small.reason is RefundChangeRefusal.ABOVE_LIMIT
    # when another may, then it is granted, once
    [granted] = asks(story, ApproveRefund(refund="1", approver=RefundApprover.FINANCE), BEN).events
    assert isinstance(granted, RefundGranted)
    assert (granted.by, granted.approved_by, granted.amount) == ("anna", "ben", eur(20_000))
    again = ApproveRefund(refund="1", approver=RefundApprover.FINANCE)
    assert why_not(story, again) is RefundChangeRefusal.NOT_PROPOSED


def test_many_small_refunds_are_a_large_one() -> None:
    # given somebody who gave most of what they may give alone
    story = paid(("A", 2, 40_000))
    assert kinds(asks(story, grant(9_000)))[0] == "RefundGranted"
    # when they give more, it is proposed; another may still give it alone
    assert kinds(asks(story, grant(1_001)))[0] == "RefundProposed"
    assert kinds(asks(story, grant(1_000)))[0] == "RefundGranted"
    assert kinds(asks(story, grant(1_001), BEN))[0] == "RefundGranted"


def test_a_proposal_is_declined_by_a_person_or_by_time() -> None:
    story = paid(("A", 2, 40_000))
    asks(story, claim())
    [declined] = asks(story, DeclineRefund(refund="1", detail="ask for a photograph"), BEN).events
    assert isinstance(declined, RefundDeclined)
    assert (declined.because, declined.by) == (RefundDecline.DECLINED, "ben")
    asks(story, claim())
    name = f"refund_proposal/{refund_of(story, 2).contents.refund}"
    assert silence(story, name) == ["RefundDeclined"]
    assert why_not(story, DeclineRefund(refund="2")) is RefundChangeRefusal.NOT_PROPOSED
    assert why_not(story, claim(3)) is RefundChangeRefusal.NOT_FULFILLED


def test_a_proposal_is_overtaken_by_what_was_paid_back_since() -> None:
    story = paid(("A", 1, 40_000))
    asks(story, claim())
    asks(story, claim(approver=RefundApprover.FINANCE))
    asks(story, grant(10_000, approver=RefundApprover.FINANCE))
    asks(story, grant(35_000, approver=RefundApprover.FINANCE))
    [declined] = asks(story, ApproveRefund(refund="1", approver=RefundApprover.FINANCE), BEN).events
    assert isinstance(declined, RefundDeclined) and declined.because is RefundDecline.OVERTAKEN


def test_a_proposal_is_overtaken_also_where_what_is_left_is_worth_more() -> None:
    # given two of three units proposed, and wrapping that comes back with the last unit
    wrapping = Charge(kind=ChargeKind.GIFT_WRAP, amount=eur(90_000), refund_rule=RefundRule.WHEN_ALL_RETURNED)
    tender = Tender(method=TenderMethod.INVOICE, amount=eur(150_000))
    story = paid(("A", 3, 60_000), charges=(wrapping,), stated_total=eur(150_000), tenders=(tender,))
    assert kinds(asks(story, claim(2))) == ["RefundProposed"]
    # when one of them is paid back, and the third comes back
    asks(story, claim(1, approver=RefundApprover.FINANCE))
    asks(story, RequestReturn(lines=(ReturnWish(line="1", quantity=1, reason=ReturnReason.DID_NOT_FIT),)))
    back = stream("return", story.view.returns.returns["1"].return_id)
    item: dict[str, Any] = {"line": "1", "sku": "A", "quantity": 1}
    came = ReturnReceived(location="north", document="b1", items=(ReturnedItem(**item),), expected=0)
    story.tell(came, subject=back)
    looked = InspectedItem(**item, disposition=Disposition.RESTOCK)
    story.tell(ReturnInspected(location="north", document="i1", items=(looked,), open_units=0), subject=back)
    assert refund_of(story, 3).contents.amount == eur(20_000)
    # then the one that is left is worth more than both were, and the other is not paid back twice
    [declined] = asks(story, ApproveRefund(refund="1", approver=RefundApprover.FINANCE), BEN).events
    assert isinstance(declined, RefundDeclined) and declined.because is RefundDecline.OVERTAKEN


def test_an_appeasement_is_an_amount_or_a_percentage_and_no_units() -> None:
    story = paid()
    [granted] = asks(story, grant(150)).events
    assert isinstance(granted, RefundGranted) and (granted.lines, granted.other) == ((), eur(150))
    asks(story, grant(percent="12.5"))
    assert refund_of(story, 2).contents.amount == eur(106)
    # and what comes back later is never more than is left
    asks(story, claim(3))
    assert refund_of(story, 3).contents.amount == eur(744)
    assert why_not(story, grant(1)) is RefundChangeRefusal.ABOVE_CAPTURED
    assert why_not(story, grant(percent="10")) is RefundChangeRefusal.NOTHING_DUE


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (claim(line="9"), RefundChangeRefusal.UNKNOWN_LINE),
        (claim(4), RefundChangeRefusal.NOT_FULFILLED),
        (claim(cause=RefundCause.RETURNED), RefundChangeRefusal.NOT_BY_HAND),
        (claim(lines=()), RefundChangeRefusal.UNCLEAR),
        (claim(amount=eur(1)), RefundChangeRefusal.UNCLEAR),
        (grant(1, percent="1"), RefundChangeRefusal.UNCLEAR),
        (grant(percent="101"), RefundChangeRefusal.UNCLEAR),
        (grant(1001), RefundChangeRefusal.ABOVE_CAPTURED),
        (grant(0), RefundChangeRefusal.NOTHING_DUE),
        (grant(amount=Money(amount=1, currency="USD")), RefundChangeRefusal.OTHER_CURRENCY),
        (RetryRefund(refund="1"), RefundChangeRefusal.UNKNOWN_REFUND),
        (ApproveRefund(refund="1"), RefundChangeRefusal.UNKNOWN_REFUND),
    ],
)
def test_what_cannot_be_given_is_refused_by_name(wish: Message, reason: RefundChangeRefusal) -> None:
    assert why_not(paid(), wish) is reason


def test_money_that_was_not_taken_is_not_given_back() -> None:
    story = Story().released(("A", 3, 1000)).until_handed_over()
    story.shipped()
    assert why_not(story, claim()) is RefundChangeRefusal.NOT_CAPTURED
    assert why_not(Story(), claim()) is RefundChangeRefusal.UNKNOWN_ORDER
    assert why_not(Story(), WithdrawRefund(refund="1", detail="x")) is RefundChangeRefusal.UNKNOWN_ORDER


def test_whoever_is_not_known_gives_nothing_alone() -> None:
    assert kinds(paid().tell(grant(1), door="console")) == ["RefundProposed"]


def test_a_deadline_of_a_refund_that_was_paid_is_nobody_s() -> None:
    story = paid()
    asks(story, claim())
    name = f"refund/{refund_of(story).contents.refund}"
    due = open_deadlines(ORDER, story.stream)[name]
    paid_back(story)
    story.later(timedelta(days=1)).tell(DeadlinePassed(name=name, due=due)).then_nothing()


def test_asking_again_is_counted() -> None:
    story = paid()
    asks(story, claim())
    refused(story)
    [again] = asks(story, RetryRefund(refund=refund_of(story).contents.refund)).events
    assert isinstance(again, StepAskedAgain) and again.asks == 2


def test_a_customer_may_get_it_as_store_credit() -> None:
    # given a paid order of a customer who is known
    story = paid(customer=ADA)
    # when a claim is granted as store credit
    outcome = asks(story, claim(to=RefundTo.STORE_CREDIT))
    # then their own ledger is asked to add it, and payments give nothing back
    [sent] = outcome.sent
    assert (sent.service, sent.stream, sent.wants_answer) == ("payments", CREDIT_LEDGER, True)
    assert isinstance(sent.message, IssueValue)
    assert (sent.message.amount, sent.message.entry) == (eur(334), refund_of(story).contents.refund)
    assert (sent.message.issuer, sent.message.customer, sent.message.cause) == ("webshop", "ada", IssueCause.REFUND)
    # and once it has it, that is what the outside reads
    refunded, notice = credited(story).events
    assert isinstance(refunded, Refunded) and (refunded.to, refunded.refunds) == (RefundTo.STORE_CREDIT, ())
    assert isinstance(notice, NoticeRequested) and notice.credit
    assert story.view.refunds.credit == 0
    credited_before(story).then_nothing()


def test_store_credit_that_is_not_issued_is_somebody_s() -> None:
    story = paid(customer=ADA)
    asks(story, claim(to=RefundTo.STORE_CREDIT))
    [failed] = not_credited(story).events
    assert (
        isinstance(failed, RefundFailed) and failed.detail == "the customer's store credit does not take it: conflict"
    )
    [sent] = asks(story, RetryRefund(refund="1")).sent
    assert isinstance(sent.message, IssueValue)
    assert kinds(credited_before(story))[0] == "Refunded"


def test_store_credit_that_nobody_answers_for_is_asked_again_and_then_somebody_s() -> None:
    story = paid(customer=ADA)
    asks(story, claim(to=RefundTo.STORE_CREDIT))
    name = f"refund_credit/{refund_of(story).contents.refund}"
    assert [silence(story, name) for _ in range(3)] == [["StepAskedAgain"]] * 3
    assert silence(story, name) == ["StepUnanswered", "RefundFailed"]


def test_nobody_s_store_credit_is_not_issued() -> None:
    assert why_not(paid(), claim(to=RefundTo.STORE_CREDIT)) is RefundChangeRefusal.NO_CUSTOMER


def test_units_that_are_in_a_return_are_not_claimed_beside_it() -> None:
    # given three units, two of which are to come back
    story = paid()
    wish = ReturnWish(line="1", quantity=2, reason=ReturnReason.DID_NOT_FIT)
    story.tell(RequestReturn(lines=(wish,)), door="http")
    # when two are claimed, then the return decides about one of them; the third can be claimed
    assert why_not(story, claim(2)) is RefundChangeRefusal.IN_RETURN
    asks(story, claim(1))
    [line] = refund_of(story).contents.lines
    assert not set(range(line.from_unit, line.to_unit)) & {
        unit for start, end in in_returns(story.view, "1") for unit in range(start, end)
    }


def test_a_refund_of_which_something_was_withdrawn_is_not_paid_whole_again() -> None:
    # given 10.00 of which 4.00 went back, and the rest was withdrawn
    story = paid()
    asks(story, claim(3))
    refused(story, part=400)
    asks(story, WithdrawRefund(refund="1", detail="6.00 were paid in cash"))
    # when the 4.00 are taken back
    taken_back(story, 400)
    assert (refund_of(story).stage, story.view.refunds.credit) == (RefundStage.FAILED, 400)
    # then the same is not asked for again, since payments would pay all of it
    assert why_not(story, RetryRefund(refund="1")) is RefundChangeRefusal.PARTLY_WITHDRAWN
    # but what is owed still can be granted anew
    [withdrawn] = asks(story, WithdrawRefund(refund="1", detail="granted anew")).events
    assert isinstance(withdrawn, RefundWithdrawn) and withdrawn.amount == eur(400)
    [again] = [send.message for send in asks(story, grant(400)).sent if isinstance(send.message, RefundPayment)]
    assert again.amount == eur(400)
    paid_back(story, 2)
    assert (story.view.refunds.refunded, story.view.refunds.credit) == (400, 0)


def test_money_that_whoever_paid_it_takes_back_is_owed_again_and_told_once() -> None:
    # given a refund that is back
    story = paid()
    asks(story, claim())
    paid_back(story)
    refund = refund_of(story)
    before = story.view.refunds.credit, story.view.refunds.refunded
    # when payments say that it was taken back, also twice
    amount = refund.contents.amount
    [failed] = taken_back(story, amount.amount).events
    assert isinstance(failed, RefundFailed)
    assert (failed.taken_back, failed.refunded_part, failed.owner) == (amount, None, FINANCE_DESK)
    # then the customer is owed it, and somebody has it tried again
    assert story.view.refunds.credit == before[0] + amount.amount
    assert refund_of(story).stage is RefundStage.FAILED
    asks(story, RetryRefund(refund="1"))
    [again] = [event for event in paid_back(story).events if isinstance(event, Refunded)]
    assert again.again
    assert (story.view.refunds.credit, story.view.refunds.refunded) == before
