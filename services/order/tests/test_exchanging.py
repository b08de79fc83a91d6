"""Exchanges: goods come back, others go out, and one difference is paid; whatever becomes of either, the account closes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from chassis.stream import open_deadlines
from chassis.testing import Outcome
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import (
    Disposition,
    InspectedItem,
    ReturnedItem,
    ReturnInspected,
    ReturnReason,
    ReturnReceived,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import ReleaseClaim
from contracts.message import Event
from contracts.order import (
    Bucket,
    CancelLine,
    CancelOrder,
    ChangeProposed,
    ChangeRefusal,
    ChangeRefused,
    ConfirmChange,
    CreditApplied,
    CreditCharged,
    CreditPaidOut,
    DeclineChange,
    ExchangeAgreed,
    ExchangeSend,
    ExchangeWish,
    HoldKind,
    IncreaseRequested,
    LinesCancelled,
    OrderLine,
    ProposeChange,
    RefundChangeRefusal,
    RefundChangeRefused,
    RefundGranted,
    RefundTo,
    RelationKind,
    ReleaseHold,
    ReturnApproved,
    ReturnDecider,
    WithdrawReturn,
)
from contracts.payments import (
    ORDER_COMPLETE,
    AuthorizeMore,
    CancelIncrease,
    CapturePayment,
    DeclineReason,
    IncreaseDeclined,
    PaymentIncreased,
    PaymentRefunded,
    TenderRefund,
    VoidPayment,
)
from contracts.payments.invoices import IssueCreditNote, IssueInvoice, MoveOnAccount
from services.order.exchange_money import owed_in_money
from services.order.exchange_money import secured as secured_in_all
from services.order.invoicing import invoice_id
from services.order.on_account import charge_of
from services.order.order import OrderStatus, status
from services.order.refund_state import RefundStage
from services.order.refunding import refundable
from services.order.return_saga import STEPS
from services.order.stream import ORDER
from services.order.tests.refund_story import asks, claim, grant, paid, paid_back, refund_of
from services.order.tests.story import ORDER_ID, PAYMENT, Story, eur, kinds, order, units_of
from services.order.tests.test_replacing import again
from services.order.tests.test_replacing import leaves as left_again
from services.order.views import order_view

ONE = ExchangeWish(line="1", quantity=1, reason=ReturnReason.DID_NOT_FIT, sku="B")


def balanced(story: Story) -> None:
    """What was captured and is not back is what the customer keeps, by the events, and their credit."""
    order, refunds, kept = story.view.order, story.view.refunds, 0
    for event, _, _ in story.log:
        match event:
            case RefundGranted():
                kept -= event.amount.amount
            case CreditApplied() | CreditPaidOut():
                kept += event.amount.amount
            case CreditCharged():
                kept -= event.amount.amount
    kept += order.captured
    assert order.captured - refunds.refunded == kept + refunds.credit
    assert kept >= 0 and refunds.refunded <= order.captured and refundable(story.view) >= 0


def line(sku: str = "B", amount: int = 1500, quantity: int = 1) -> OrderLine:
    return OrderLine(
        line="", sku=sku, quantity=quantity, unit="each", amount=eur(amount), tax_included=True, ship_group="1"
    )


def proposed(story: Story, *wishes: ExchangeWish, **more: Any) -> ChangeProposed:
    outcome = story.tell(ProposeChange(returns=wishes or (ONE,), **more))
    found = outcome.events[-1]
    assert isinstance(found, ChangeProposed), found
    return found


def confirmed(story: Story) -> Outcome:
    change = story.view.changes.proposed
    assert change is not None
    return story.tell(ConfirmChange(change=change.change))


def secured(story: Story) -> Outcome:
    asked = story.view.changes.increase
    assert asked is not None
    answer = PaymentIncreased(order_id=ORDER_ID, increase=asked.change, amount=asked.amount, authorizations=())
    return story.tell(answer, subject=PAYMENT)


def declined(story: Story) -> Outcome:
    asked = story.view.changes.increase
    assert asked is not None
    answer = IncreaseDeclined(
        order_id=ORDER_ID, increase=asked.change, amount=asked.amount, reason=DeclineReason.UNSUPPORTED_METHOD
    )
    return story.tell(answer, subject=PAYMENT)


def came(story: Story, quantity: int = 1, disposition: Disposition = Disposition.RESTOCK, number: int = 1) -> Outcome:
    """Units of the return came, and somebody looked at them."""
    each = story.view.returns.returns[str(number)]
    [asked] = each.requested.lines
    subject = stream("return", each.return_id)
    item = ReturnedItem(line=asked.line, sku=asked.sku, quantity=quantity)
    received = ReturnReceived(location="north", document="b", items=(item,), expected=0)
    story.tell(received, subject=subject)
    seen = InspectedItem(line=asked.line, sku=asked.sku, quantity=quantity, disposition=disposition)
    return story.tell(ReturnInspected(location="north", document="i", items=(seen,), open_units=0), subject=subject)


def leaves(story: Story, place: int = 1) -> Outcome:
    """The work of a node leaves."""
    for step in (story.listed, story.picked, story.packed, story.labelled, story.handed_over):
        step(place=place)
    return story.shipped(place=place)


def taken(story: Story) -> None:
    """Payments take what they are asked for."""
    for key, left in sorted(story.view.fulfillment.fulfilled.items()):
        if left.asked and not left.captured:
            story.captured(left.asked, fulfillment=key)


def found(outcome: Outcome, kind: type[Event]) -> Any:
    [event] = [event for event in outcome.events if isinstance(event, kind)]
    return event


def sent(outcome: Outcome, kind: type[Any]) -> list[Any]:
    return [send.message for send in outcome.sent if isinstance(send.message, kind)]


def trusted(*lines: tuple[str, int, int]) -> Story:
    """A paid order whose rules let goods of an exchange leave at once."""
    placed = order(*lines).lines
    return paid(*lines, lines=tuple(one.model_copy(update={"return_policy": "trusted"}) for one in placed))


# An even exchange


def test_another_size_costs_nothing_and_leaves_when_the_first_is_back() -> None:
    # given three units for 10.00 that were paid
    story = paid()
    # when one of them is to be exchanged for another article
    shown = proposed(story)
    # then the difference is nothing, and the order is still complete
    assert (shown.credit, shown.difference, shown.send) == (eur(333), eur(0), ExchangeSend.ON_RECEIPT)
    assert status(story.view.order) is OrderStatus.COMPLETED
    # and once it is confirmed the goods are asked back, and those that go out are kept for them
    outcome = confirmed(story)
    assert kinds(outcome) == [
        "OrderReopened",
        "ReturnRequested",
        "ReturnApproved",
        "LinesAdded",
        "ExchangeAgreed",
        "OrderChanged",
        "SourcingDecided",
    ]
    agreed = found(outcome, ExchangeAgreed)
    assert (agreed.lines, agreed.number, agreed.credit, agreed.worth) == (("2",), 1, eur(333), eur(333))
    added = story.view.order.terms.lines[-1]
    assert added.relates_to is not None and added.relates_to.kind is RelationKind.EXCHANGE_OF
    story.reserved(1)
    assert units_of(story, "2") == {Bucket.RESERVED: 1}
    # and they go once somebody has looked at what came
    outcome = came(story)
    assert kinds(outcome) == ["ReturnUnitsInspected", "RefundGranted", "ReturnReckoned", "ReleasedToFulfillment"]
    granted = found(outcome, RefundGranted)
    assert (granted.to, granted.amount, refund_of(story).stage) == (RefundTo.EXCHANGE, eur(333), RefundStage.SET_OFF)
    assert [note.gross for note in sent(outcome, IssueCreditNote)] == [eur(333)]
    balanced(story)
    # without a cent paid back or taken
    outcome = leaves(story)
    assert kinds(outcome) == ["LinesFulfilled", "CreditApplied", "CaptureNotNeeded", "OrderCompleted"]
    assert [document.gross for document in sent(outcome, IssueInvoice)] == [eur(333)]
    assert not sent(outcome, CapturePayment)
    assert (story.view.order.captured, story.view.refunds.refunded, story.view.refunds.credit) == (1000, 0, 0)
    balanced(story)
    [shown_] = order_view(story.stream)["exchanges"]
    assert (shown_["to_come"], shown_["to_leave"], shown_["earned"], shown_["applied"]) == (0, 0, 333, 333)


def test_what_was_sent_in_an_exchange_comes_back_at_its_own_worth() -> None:
    story = paid()
    proposed(story)
    confirmed(story)
    story.reserved(1)
    came(story)
    leaves(story)
    outcome = asks(story, claim(1, "2"))
    assert found(outcome, RefundGranted).amount == eur(333)
    paid_back(story, 2)
    balanced(story)


# A dearer and a cheaper one


def test_what_is_dearer_is_secured_first_and_only_the_difference_is_taken() -> None:
    # given a unit for 10.00
    story = paid(("A", 1, 1000))
    wish = ExchangeWish(line="1", quantity=1, reason=ReturnReason.CHANGED_MIND)
    shown = proposed(story, wish, added=(line(amount=1500),))
    assert (shown.credit, shown.difference, shown.after) == (eur(1000), eur(500), eur(2500))
    # when it is confirmed, the difference is asked for, and declined all stays as it was
    outcome = confirmed(story)
    assert [more.amount for more in sent(outcome, AuthorizeMore)] == [eur(500)]
    outcome = declined(story)
    assert kinds(outcome) == ["ChangeRefused", "OrderCompleted"]
    assert units_of(story) == {Bucket.FULFILLED: 1}
    # and secured it is done
    proposed(story, wish, added=(line(amount=1500),))
    confirmed(story)
    assert "ExchangeAgreed" in kinds(secured(story))
    story.reserved(1)
    came(story)
    outcome = leaves(story)
    assert found(outcome, CreditApplied).amount == eur(1000)
    assert [capture.amount for capture in sent(outcome, CapturePayment)] == [eur(500)]
    assert [document.gross for document in sent(outcome, IssueInvoice)] == [eur(1500)]
    taken(story)
    assert (status(story.view.order), story.view.order.captured) == (OrderStatus.PARTLY_RETURNED, 1500)
    balanced(story)


def test_what_is_cheaper_pays_out_the_difference_once_the_goods_are_back() -> None:
    story = paid(("A", 1, 1000))
    wish = ExchangeWish(line="1", quantity=1, reason=ReturnReason.CHANGED_MIND)
    assert proposed(story, wish, added=(line(amount=700),)).difference == eur(-300)
    confirmed(story)
    story.reserved(1)
    outcome = came(story)
    assert (found(outcome, CreditPaidOut).amount, refund_of(story, 2).contents.amount) == (eur(300), eur(300))
    balanced(story)
    leaves(story)
    paid_back(story, 2)
    assert (story.view.refunds.credit, story.view.refunds.refunded) == (0, 300)
    assert status(story.view.order) is OrderStatus.PARTLY_RETURNED
    balanced(story)


# Beside an exchange


def test_what_is_to_come_back_for_goods_that_were_agreed_is_not_given_off_as_well() -> None:
    # given a unit for 10.00 that is to come back for one of 15.00, whose 5.00 more are secured
    story, wish = paid(("A", 1, 1000)), ExchangeWish(line="1", quantity=1, reason=ReturnReason.CHANGED_MIND)
    proposed(story, wish, added=(line(amount=1500),))
    confirmed(story)
    secured(story)
    story.reserved(1)
    # when an amount is given off, then it is refused: it would be asked for again when the goods are back
    refused = found(asks(story, grant(200)), RefundChangeRefused)
    assert (refused.reason, refused.possible) == (RefundChangeRefusal.ABOVE_CAPTURED, eur(0))
    assert not sent(came(story), AuthorizeMore)
    leaves(story)
    taken(story)
    assert story.view.order.captured == 1500
    # and once the others have left it is given off of what was paid for those
    assert found(asks(story, grant(200)), RefundGranted).amount == eur(200)
    paid_back(story, 2)
    balanced(story)


@pytest.mark.parametrize("late", [False, True])
def test_what_is_kept_beside_an_exchange_bears_what_is_given_off(late: bool) -> None:
    # given one of two units for 20.00 that is to come back for one of 15.00
    story, wish = paid(("A", 2, 2000)), ExchangeWish(line="1", quantity=1, reason=ReturnReason.CHANGED_MIND)
    shown = proposed(story, wish, added=(line(amount=1500),))
    assert (shown.credit, shown.difference) == (eur(1000), eur(500))
    confirmed(story)
    secured(story)
    story.reserved(1)
    # when 8.00 are given off, and the other unit came broken
    assert found(asks(story, grant(1001)), RefundChangeRefused).possible == eur(1000)
    asks(story, grant(800))
    paid_back(story)
    if not late:
        assert found(asks(story, claim(1)), RefundGranted).amount == eur(200)
    # then no more than was agreed is asked for
    outcome = came(story)
    assert not sent(outcome, AuthorizeMore) and found(outcome, RefundGranted).amount == eur(1000)
    leaves(story)
    taken(story)
    if late:
        assert found(asks(story, claim(1)), RefundGranted).amount == eur(1000)
    balanced(story)


def test_two_exchanges_do_not_count_on_the_same_money() -> None:
    # given two units for 20.00, of which 15.00 were given off
    story = paid(("A", 2, 2000))
    asks(story, grant(1500))
    paid_back(story)
    # then the first exchange counts on what is left, and the second on nothing
    assert proposed(story).credit == eur(500)
    confirmed(story)
    assert proposed(story).credit == eur(0)


def test_what_never_comes_of_one_exchange_is_not_asked_for_by_another() -> None:
    # given two exchanges: the goods of the first came, and what goes out for them has still to leave
    story = paid(("A", 2, 2000))
    for number in (1, 2):
        proposed(story)
        confirmed(story)
        story.reserved(number)
    came(story)
    # when those of the second never come
    outcome = expired(story, 2)
    # then what was to leave for them is cancelled, and nothing more is secured
    assert units_of(story, "3") == {Bucket.CANCELLED: 1}
    assert not [event for event in outcome.events if isinstance(event, IncreaseRequested)]
    leaves(story)
    assert status(story.view.order) is OrderStatus.PARTLY_RETURNED
    balanced(story)


# What the rules let


@pytest.mark.parametrize(
    ("wish", "more", "reason"),
    [
        (
            ONE,
            {"send": ExchangeSend.AT_ONCE},
            ChangeRefusal.NOT_AT_ONCE,
        ),
        (ONE.model_copy(update={"reason": ReturnReason.OTHER}), {}, ChangeRefusal.NOT_RETURNABLE),
        (ONE.model_copy(update={"quantity": 9}), {}, ChangeRefusal.NOT_RETURNABLE),
        (ONE.model_copy(update={"sku": None}), {}, ChangeRefusal.INCOMPLETE),
    ],
)
def test_what_the_rules_do_not_let_is_refused(wish: ExchangeWish, more: Any, reason: ChangeRefusal) -> None:
    outcome = paid().tell(ProposeChange(returns=(wish,), **more))
    assert found(outcome, ChangeRefused).reason is reason


def test_what_the_rules_leave_to_a_person_comes_back_by_an_exception_which_its_return_names() -> None:
    # given a reason that no rule knows, which is refused without a word of a person
    story, wish = paid(), ONE.model_copy(update={"reason": ReturnReason.OTHER})
    refused = found(story.tell(ProposeChange(returns=(wish,))), ChangeRefused)
    assert "say why in `exception`" in (refused.detail or "")
    # when somebody says why they let it come back, the proposal shows that and its return is approved by a person
    assert proposed(story, wish, exception="a gift for the wrong child").exception == "a gift for the wrong child"
    approved = found(confirmed(story), ReturnApproved)
    assert (approved.by, approved.detail) == (ReturnDecider.PERSON, "a gift for the wrong child")
    # and it goes on like any exchange
    story.reserved(1)
    came(story)
    leaves(story)
    taken(story)
    balanced(story)
    assert units_of(story, "2") == {Bucket.FULFILLED: 1}


def test_an_exception_changes_nothing_of_what_the_rules_allow_or_deny() -> None:
    assert proposed(paid(), exception="whatever").exception is None
    more = ONE.model_copy(update={"quantity": 9})
    outcome = paid().tell(ProposeChange(returns=(more,), exception="whatever"))
    assert found(outcome, ChangeRefused).reason is ChangeRefusal.NOT_RETURNABLE


def test_goods_that_are_not_paid_for_yet_are_not_exchanged() -> None:
    story = Story().released(("A", 1, 1000)).until_handed_over()
    story.shipped()
    assert found(story.tell(ProposeChange(returns=(ONE,))), ChangeRefused).reason is ChangeRefusal.NOT_CAPTURED


@pytest.mark.parametrize("quantity", [1, 2])
def test_goods_that_were_paid_back_are_not_exchanged(quantity: int) -> None:
    # given units of which all, or one, were paid back and never came
    story = paid(("A", quantity, 1000))
    asks(story, claim(1))
    paid_back(story)
    # then they are worth nothing in an exchange, and others do not go out for them
    outcome = story.tell(ProposeChange(returns=(ONE.model_copy(update={"quantity": quantity}),)))
    assert found(outcome, ChangeRefused).reason is ChangeRefusal.NOT_RETURNABLE


def test_of_goods_that_were_sent_again_those_that_came_second_are_exchanged() -> None:
    # given a unit that came broken, and was sent again
    story = paid(("A", 1, 1000))
    asks(story, again())
    left_again(story, 1, 1)
    # then the broken one is exchanged for nothing
    outcome = story.tell(ProposeChange(returns=(ONE,)))
    assert found(outcome, ChangeRefused).reason is ChangeRefusal.NOT_RETURNABLE
    # and the other one at what was paid
    assert proposed(story, ONE.model_copy(update={"line": "2"})).credit == eur(1000)


def test_a_proposal_whose_units_come_back_otherwise_meanwhile_is_refused() -> None:
    story = paid(("A", 1, 1000))
    proposed(story)
    asks(story, claim(1))
    assert found(confirmed(story), ChangeRefused).reason is ChangeRefusal.OUTDATED
    assert status(story.view.order) is OrderStatus.COMPLETED


# At once


def at_once() -> Story:
    """Goods for 10.00 leave for others of 10.00 that have still to come back."""
    story = trusted(("A", 1, 1000))
    assert proposed(story).send is ExchangeSend.AT_ONCE
    outcome = confirmed(story)
    assert [more.amount for more in sent(outcome, AuthorizeMore)] == [eur(1000)]
    secured(story)
    story.reserved(1)
    outcome = leaves(story)
    assert kinds(outcome) == ["LinesFulfilled", "CreditApplied", "CaptureNotNeeded"]
    [stated] = sent(outcome, IssueInvoice)
    assert (stated.gross, stated.on_account, stated.credit) == (eur(1000), eur(0), eur(1000))
    assert story.view.refunds.credit == -1000
    balanced(story)
    return story


def test_goods_that_leave_at_once_are_secured_until_the_others_are_back_and_nothing_is_taken() -> None:
    story = at_once()
    assert story.view.order.open
    came(story)
    assert (story.view.order.captured, story.view.refunds.credit) == (1000, 0)
    assert status(story.view.order) is OrderStatus.PARTLY_RETURNED
    balanced(story)


def test_an_amount_off_while_goods_are_out_both_ways_is_of_what_was_paid_once() -> None:
    # given goods for 10.00 that were paid, and others of 10.00 that credit pays which has still to come
    story = at_once()
    outcome = asks(story, grant(1001))
    refused = found(outcome, RefundChangeRefused)
    assert (refused.reason, refused.possible) == (RefundChangeRefusal.ABOVE_CAPTURED, eur(1000))
    # then a tenth off is 1.00
    assert found(asks(story, grant(percent="10")), RefundGranted).amount == eur(100)


def expired(story: Story, number: int = 1) -> Outcome:
    returning = story.view.returns.returns[str(number)]
    assert returning.goods_by is not None
    story.later(STEPS["return_goods"].answer_within)
    return story.tell(DeadlinePassed(name=f"return_goods/{number}", due=returning.goods_by))


def test_goods_that_never_come_back_are_charged() -> None:
    story = at_once()
    outcome = expired(story)
    assert found(outcome, CreditCharged).amount == eur(1000)
    assert [capture.amount for capture in sent(outcome, CapturePayment)] == [eur(1000)]
    assert not sent(outcome, IssueInvoice)
    taken(story)
    assert (story.view.order.captured, story.view.refunds.credit) == (2000, 0)
    assert status(story.view.order) is OrderStatus.COMPLETED
    balanced(story)
    # and should they come after all, what was taken goes back
    came(story)
    assert refund_of(story, 2).contents.amount == eur(1000)
    paid_back(story, 2)
    assert (story.view.refunds.refunded, story.view.refunds.credit) == (1000, 0)
    balanced(story)


def test_a_return_that_is_withdrawn_charges_what_left_for_it() -> None:
    story = at_once()
    outcome = story.tell(WithdrawReturn(number=1))
    assert found(outcome, CreditCharged).amount == eur(1000)


# Of an order on account


def moved(outcome: Outcome) -> dict[str, int]:
    """By invoice, what more is to be paid of it."""
    return {
        sent_.stream: sent_.message.amount.amount for sent_ in outcome.sent if isinstance(sent_.message, MoveOnAccount)
    }


def invoice_of(story: Story, place: int) -> str:
    """The stream of the invoice for what left first, second, or later."""
    [key] = [key for key, left in story.view.fulfillment.fulfilled.items() if left.number == place]
    return stream("invoice", invoice_id(story.view.order.terms, key))


def test_what_is_over_of_an_exchange_is_owed_no_more_of_what_it_was_captured_for() -> None:
    # given goods for 10.00 on account that are exchanged for others of 7.00
    story = paid(("A", 1, 1000))
    wish = ExchangeWish(line="1", quantity=1, reason=ReturnReason.CHANGED_MIND)
    proposed(story, wish, added=(line(amount=700),))
    confirmed(story)
    story.reserved(1)
    came(story)
    # when what is over is paid out, the first invoice is 3.00 less, and no document says so
    outcome = paid_back(story, 2)
    assert moved(outcome) == {invoice_of(story, 0): -300}
    assert not sent(outcome, IssueCreditNote)


def test_what_is_charged_after_all_is_owed_of_what_left_for_it_and_goes_off_it_again() -> None:
    # given goods that left at once, and the others of 10.00 never came
    story = at_once()
    outcome = expired(story)
    charge = found(outcome, CreditCharged)
    # then the second invoice, which credit had paid, is to be paid
    assert moved(outcome) == {invoice_of(story, 1): 1000}
    # and when they come after all, no more
    taken(story)
    came(story)
    capture = aggregate_id("default", "capture", PAYMENT, charge.fulfillment, "0", "0")
    decision = refund_of(story, 2).contents
    answer = PaymentRefunded(
        order_id=ORDER_ID,
        refund=decision.refund,
        amount=decision.amount,
        refunds=(TenderRefund(refund="part", tender=0, capture=capture, amount=decision.amount),),
        refunded=decision.amount,
        captured=eur(2000),
    )
    assert moved(story.tell(answer, subject=PAYMENT)) == {invoice_of(story, 1): -1000}


def test_goods_that_come_late_one_by_one_leave_no_invoice_to_be_paid() -> None:
    # given two for 10.00 each that left at once and apart, and the two others never came: both are charged
    story = trusted(("A", 1, 1000), ("A", 1, 1000))
    proposed(story, ONE, ONE.model_copy(update={"line": "2"}))
    confirmed(story)
    secured(story)
    story.reserved(2)
    story.queued(3)
    leaves(story, 1)
    story.reserved(3)
    leaves(story, 2)
    outcome = expired(story)
    charge = found(outcome, CreditCharged)
    open_amounts = Counter(moved(outcome))
    assert open_amounts == {invoice_of(story, 1): 1000, invoice_of(story, 2): 1000}
    taken(story)
    # when they come after all, one after the other
    returned, capture = (
        story.view.returns.returns["1"],
        aggregate_id("default", "capture", PAYMENT, charge.fulfillment, "0", "0"),
    )
    for asked in returned.requested.lines:
        item = ReturnedItem(line=asked.line, sku=asked.sku, quantity=1)
        here = ReturnReceived(location="north", document=f"b{asked.line}", items=(item,), expected=0)
        over = found(story.tell(here, subject=stream("return", returned.return_id)), CreditPaidOut)
        part = TenderRefund(refund=over.refund, tender=0, capture=capture, amount=over.amount)
        answer = PaymentRefunded(
            order_id=ORDER_ID,
            refund=over.refund,
            amount=over.amount,
            refunds=(part,),
            refunded=over.amount,
            captured=eur(4000),
        )
        open_amounts.update(moved(story.tell(answer, subject=PAYMENT)))
    # then nothing more is to be paid of either
    assert set(open_amounts.values()) == {0}


def test_a_charge_takes_the_place_of_credit_that_no_charge_before_it_took_the_place_of() -> None:
    # given goods that left for 6.00 and for 4.00, and a charge of 3.00 which is of those that left last
    applied = [
        CreditApplied(change="1", fulfillment="f1", amount=eur(600)),
        CreditApplied(change="1", fulfillment="f2", amount=eur(400)),
        CreditApplied(change="2", fulfillment="f2", amount=eur(900)),
    ]
    first = charge_of(CreditCharged(change="1", fulfillment="c1", amount=eur(300)), applied, [])
    assert first.shares == (("f2", 300),)
    # then of the next one as much as is left is of the same
    second = charge_of(CreditCharged(change="1", fulfillment="c2", amount=eur(700)), applied, [first])
    assert second.shares == (("f2", 100), ("f1", 600))


# On receipt, and not as agreed


def waiting() -> Story:
    """Two units for 10.00 are to be exchanged for two others, which are kept until they come."""
    story = paid(("A", 2, 1000))
    proposed(story, ONE.model_copy(update={"quantity": 2}))
    confirmed(story)
    story.reserved(1)
    return story


def test_nothing_leaves_for_goods_that_never_come() -> None:
    story = waiting()
    outcome = expired(story)
    assert found(outcome, LinesCancelled).reason == "not_returned"
    assert kinds(outcome)[-1] == "OrderCompleted"
    balanced(story)


def test_nor_do_goods_that_cost_nothing() -> None:
    # given a gift that is exchanged for another size, and never comes back
    story = paid(("A", 1, 0))
    proposed(story)
    confirmed(story)
    story.reserved(1)
    outcome = expired(story)
    # then the other is cancelled, and the order is complete again
    assert found(outcome, LinesCancelled).moves
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_nothing_leaves_for_a_return_that_is_withdrawn_whatever_else_was_secured() -> None:
    # given three units for 10.00 each that were secured; one left, and one is cancelled once the first is to be exchanged
    story = Story().placed(("A", 1, 1000), ("A", 1, 1000), ("A", 1, 1000))
    story.reserved(0)
    story.queued(1)
    story.queued(2)
    story.authorized()
    leaves(story, 0)
    taken(story)
    proposed(story)
    confirmed(story)
    story.tell(CancelOrder(lines=(CancelLine(line="2"),)))
    story.reserved(3)
    # when the return is withdrawn
    outcome = story.tell(WithdrawReturn(number=1))
    # then what was kept for it does not leave, though money for it would be there
    assert found(outcome, LinesCancelled).reason == "not_returned"
    assert units_of(story, "4") == {Bucket.CANCELLED: 1}
    balanced(story)


def test_goods_that_come_worn_cost_the_rest_which_is_secured_before_the_others_leave() -> None:
    story = waiting()
    outcome = came(story, 2, Disposition.SCRAP)
    assert found(outcome, IncreaseRequested).amount == eur(300)
    assert units_of(story, "2") == {Bucket.RESERVED: 2}
    outcome = secured(story)
    assert kinds(outcome) == ["IncreaseRecorded", "ReleasedToFulfillment"]
    # the tender that pays it pays so much more, and a later change is not asked to pay it again
    assert [tender.amount for tender in story.view.order.terms.tenders] == [eur(1300)]
    outcome = leaves(story)
    assert [invoice.on_account for invoice in sent(outcome, IssueInvoice)] == [eur(300)]
    assert [capture.amount for capture in sent(outcome, CapturePayment)] == [eur(300)]
    taken(story)
    assert not story.view.order.open
    balanced(story)


def test_a_rest_that_cannot_be_secured_is_somebody_s_until_it_is_or_the_lines_are_cancelled() -> None:
    story = waiting()
    came(story, 2, Disposition.SCRAP)
    outcome = declined(story)
    assert kinds(outcome) == ["ChangeRefused", "HoldPlaced"]
    [held] = story.view.order.holds.values()
    assert (held.kind, held.lines) == (HoldKind.EXCHANGE_SHORT, ("2",))
    # released, it is asked for again
    outcome = story.tell(ReleaseHold(hold=held.hold))
    assert found(outcome, IncreaseRequested).change == "1.2"
    declined(story)
    # cancelled, what came is paid out
    outcome = story.tell(CancelOrder(lines=(CancelLine(line="2"),)))
    assert found(outcome, CreditPaidOut).amount == eur(700)
    paid_back(story, 2)
    assert not story.view.order.open
    balanced(story)


def test_what_nobody_has_any_more_is_paid_out_when_the_goods_are_back() -> None:
    story = waiting()
    story.tell(CancelOrder(lines=(CancelLine(line="2"),)))
    assert not story.view.order.open
    outcome = came(story, 2)
    assert found(outcome, CreditPaidOut).amount == eur(1000)
    paid_back(story, 2)
    assert story.view.refunds.credit == 0
    balanced(story)


def test_a_proposal_for_a_complete_order_ends_when_nobody_confirms_it() -> None:
    story = paid()
    shown = proposed(story)
    outcome = story.later(timedelta(hours=24)).tell(DeadlinePassed(name="change/1", due=shown.expires))
    assert kinds(outcome) == ["ChangeDeclined"]


def test_what_was_let_go_of_when_the_order_was_complete_pays_for_nothing_more() -> None:
    # given an order of two units for 10.00, of which one was cancelled before it left: 5.00 were let go of
    story = Story().placed(("A", 2, 1000))
    story.reserved(0)
    story.tell(CancelOrder(lines=(CancelLine(line="1", quantity=1),)))
    story.authorized()
    story.until_handed_over()
    story.shipped()
    taken(story)
    assert (status(story.view.order), story.view.order.captured) == (OrderStatus.COMPLETED, 500)
    # when the other is exchanged for what costs 7.00
    wish = ExchangeWish(line="1", quantity=1, reason=ReturnReason.CHANGED_MIND)
    assert proposed(story, wish, added=(line(amount=700),)).difference == eur(200)
    # then 2.00 are secured anew
    assert [more.amount for more in sent(confirmed(story), AuthorizeMore)] == [eur(200)]


def test_two_exchanges_one_after_the_other_are_each_paid_once() -> None:
    story = paid(("A", 1, 1000))
    for number, out in (("1", "2"), ("2", "3")):
        wish = ExchangeWish(line=number, quantity=1, reason=ReturnReason.DID_NOT_FIT)
        proposed(story, wish, added=(line(amount=1000 + 100 * int(number)),))
        confirmed(story)
        secured(story)
        story.reserved(int(number))
        came(story, number=int(number))
        leaves(story, int(number))
        taken(story)
        assert units_of(story, out) == {Bucket.FULFILLED: 1}
        balanced(story)
    assert (story.view.order.captured, story.view.refunds.credit) == (1200, 0)


# A proposal beside an exchange


def beside() -> Story:
    """Two units of an exchange came worn, and the rest is being secured, while another change waits to be confirmed."""
    story = waiting()
    story.tell(ProposeChange(added=(line("A", 100),)))
    came(story, 2, Disposition.SCRAP)
    asked = story.view.changes.increase
    assert asked is not None and asked.change == "1.1"
    return story


def test_a_rest_that_is_secured_lets_a_change_that_was_proposed_meanwhile_be_confirmed() -> None:
    story = beside()
    # when the rest is secured, the change that waits is the customer's to confirm again
    secured(story)
    outcome = story.tell(ConfirmChange(change="2"))
    assert [more.amount for more in sent(outcome, AuthorizeMore)] == [eur(100)]
    assert "OrderChanged" in kinds(secured(story))


def test_a_rest_that_is_declined_is_asked_for_again_beside_a_proposal() -> None:
    story = beside()
    assert kinds(declined(story)) == ["ChangeRefused", "HoldPlaced"]
    [held] = story.view.order.holds.values()
    outcome = story.tell(ReleaseHold(hold=held.hold))
    assert found(outcome, IncreaseRequested).change == "1.2"


def test_a_proposal_expires_by_its_own_time_while_the_rest_of_an_exchange_is_secured() -> None:
    story = beside()
    shown = story.view.changes.proposed
    assert shown is not None
    assert open_deadlines(ORDER, story.stream)["change/2"] == shown.expires
    # a name of what is asked for the exchange declines nothing
    assert found(story.tell(DeclineChange(change="1.1")), ChangeRefused).reason is ChangeRefusal.UNDER_WAY
    outcome = story.later(timedelta(hours=24)).tell(DeadlinePassed(name="change/2", due=shown.expires))
    assert kinds(outcome) == ["ChangeDeclined"]
    # and what is asked for the exchange is still waited for
    assert kinds(secured(story)) == ["IncreaseRecorded", "ReleasedToFulfillment"]


def test_an_answer_that_comes_after_all_was_let_go_of_secures_nothing() -> None:
    # given an exchange that was given up while its difference was asked for, so that the order was complete again
    story = paid(("A", 1, 1000))
    wish = ExchangeWish(line="1", quantity=1, reason=ReturnReason.DID_NOT_FIT)
    proposed(story, wish, added=(line(amount=1500),))
    confirmed(story)
    assert kinds(story.tell(DeclineChange(change="1"))) == ["ChangeDeclined", "OrderCompleted"]
    # when the answer comes while the next one is asked for
    proposed(story, wish, added=(line(amount=1500),))
    confirmed(story)
    answer = PaymentIncreased(order_id=ORDER_ID, increase="1", amount=eur(500), authorizations=())
    assert kinds(story.tell(answer, subject=PAYMENT)) == []
    # then only the second is counted on
    secured(story)
    assert secured_in_all(story.view) == owed_in_money(story.view) == 1500


def test_what_is_paid_for_an_exchange_that_is_given_up_at_that_moment_is_given_back() -> None:
    # given an exchange that is being paid for, of an order that has taken all that it needs
    story = paid(("A", 1, 1000))
    proposed(story, ExchangeWish(line="1", quantity=1, reason=ReturnReason.DID_NOT_FIT), added=(line(amount=1500),))
    confirmed(story)
    # when it is given up while the answer is on its way, so that the order is complete again
    outcome = story.tell(DeclineChange(change="1"))
    # then payments gives up what is under way, and gives back what is there by then
    assert sent(outcome, CancelIncrease) == [CancelIncrease(order_id=ORDER_ID, increase="1", amount=eur(500))]
    assert sent(outcome, VoidPayment) == [VoidPayment(order_id=ORDER_ID, cause=ORDER_COMPLETE)]
    # and the answer changes nothing any more
    answer = PaymentIncreased(order_id=ORDER_ID, increase="1", amount=eur(500), authorizations=())
    story.tell(answer, subject=PAYMENT).then_nothing()


def test_stock_that_comes_for_goods_that_nobody_waits_for_is_given_back_when_the_order_is_complete() -> None:
    # given an exchange whose goods wait for stock
    story = paid()
    proposed(story)
    confirmed(story)
    story.queued(1)
    # when the other goods never come back, so that the order is complete without it
    outcome = expired(story)
    assert kinds(outcome)[-1] == "OrderCompleted"
    assert [(each.quantity, each.location) for each in sent(outcome, ReleaseClaim)] == [(1, None)]
    # and stock that was on its way for them comes
    outcome = story.reserved(1)
    # then it is given back where it lies, once
    assert kinds(outcome) == ["StockGivenBack"]
    assert [(each.sequence, each.quantity, each.location) for each in sent(outcome, ReleaseClaim)] == [(1, 1, "north")]
    story.reserved(1).then_nothing()
