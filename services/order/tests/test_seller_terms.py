"""What a seller set goes before the tables, decides what is asked with it, and is kept with the decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from contracts.fulfillment import Postage, ReturnReason
from contracts.order import (
    ApproveRefund,
    ChangeProposed,
    ExchangeSend,
    ExchangeWish,
    ProposeChange,
    RefundChangeRefusal,
    RefundChangeRefused,
    RefundGranted,
    RefundLimits,
    RefundMoment,
    RefundProposed,
    ReplacementGranted,
    RequestReturn,
    ReturnDeclined,
    ReturnDenial,
    ReturnQuestion,
    ReturnRequested,
    ReturnRule,
    ReturnTerms,
)
from services.order.tests.refund_story import ANNA, BEN, asks, claim, grant, paid
from services.order.tests.story import Story, eur
from services.order.tests.test_return_refunds import of
from services.order.tests.test_returns import DAY, ask, complete, inspected, opened, received, wish


def rule(name: str = "standard", **more: Any) -> ReturnRule:
    """Ten days, and nothing for people to decide."""
    said: dict[str, Any] = {"window_days": 10, "grace_days": 0, "fault_days": 365, "final_sale": False}
    said |= {"restocking": 1_000, "damaged": 0, "refund_at": RefundMoment.INSPECTION}
    said |= {"at_once": False, "label": Postage.DEDUCTED}
    return ReturnRule(name=name, **{**said, **more})


def terms(*rules: ReturnRule, fee: int | None = None) -> ReturnTerms:
    return ReturnTerms(rules=rules, label_fees=None if fee is None else (eur(fee),))


def requested(story: Story, message: RequestReturn) -> ReturnRequested:
    event = ask(story, message).events[0]
    assert isinstance(event, ReturnRequested), event
    return event


# Returns


def test_a_window_that_was_set_decides_and_is_kept_with_what_was_decided() -> None:
    story, said = complete(), rule(window_days=100)
    story.later(timedelta(days=90))
    event = requested(story, wish(terms=terms(said)))
    assert event.approved
    assert (event.lines[0].policy, event.lines[0].rule, event.lines[0].restocking) == ("standard", said, 1_000)


def test_one_that_is_over_says_by_which_rule() -> None:
    story, said = complete(), rule()
    story.later(11 * DAY)
    event = ask(story, wish(terms=terms(said))).events[0]
    assert isinstance(event, ReturnDeclined)
    assert [(line.denial, line.rule) for line in event.lines] == [(ReturnDenial.TOO_LATE, said)]
    # and the table would have taken it
    assert requested(story, wish()).approved


def test_days_of_grace_that_were_set_are_for_a_person() -> None:
    story = complete()
    story.later(11 * DAY)
    event = requested(story, wish(terms=terms(rule(grace_days=5))))
    assert [line.question for line in event.lines] == [ReturnQuestion.LATE]


def test_a_category_of_the_seller_s_own_holds_for_lines_that_name_it_and_no_other() -> None:
    said = rule("furniture", final_sale=True)
    refused = ask(complete(return_policy="furniture"), wish(terms=terms(said))).events[0]
    assert isinstance(refused, ReturnDeclined) and refused.lines[0].denial is ReturnDenial.FINAL_SALE
    # where we are at fault it comes back all the same, and what names nothing is by the standard rules of the table
    fault = wish(reason=ReturnReason.DEFECTIVE, terms=terms(said))
    assert requested(complete(return_policy="furniture"), fault).approved
    line = requested(complete(), wish(terms=terms(said))).lines[0]
    assert (line.policy, line.rule) == ("standard", None)


def test_the_table_s_own_names_are_as_the_table_has_them_until_they_are_set() -> None:
    line = requested(complete(return_policy="electronics"), wish(terms=terms(rule()))).lines[0]
    assert (line.policy, line.restocking, line.rule) == ("electronics", 1_500, None)


def test_our_label_costs_what_was_set_when_it_was_asked_for() -> None:
    story = complete(3)
    event = requested(story, wish(3, label=True, terms=terms(rule(restocking=0), fee=200)))
    assert (event.postage, event.label_fee) == (Postage.DEDUCTED, eur(200))
    opened(story)
    received(story, 3)
    refund, reckoned = of(inspected(story, 3))
    assert refund is not None and (refund.amount, reckoned.label) == (eur(700), eur(200))


def test_in_a_currency_without_a_fee_our_label_costs_nothing_once_fees_are_set() -> None:
    event = requested(complete(), wish(label=True, terms=ReturnTerms(label_fees=())))
    assert event.label_fee == eur(0)


def test_a_seller_may_pay_for_the_label() -> None:
    event = requested(complete(), wish(label=True, terms=terms(rule(label=Postage.OURS))))
    assert event.postage is Postage.OURS
    # but not for postage of the customer's own
    event = requested(complete(), wish(terms=terms(rule(label=Postage.OURS))))
    assert event.postage is Postage.CUSTOMERS


def test_an_exchange_is_by_the_same_rules() -> None:
    story = paid(("A", 1, 1000))
    said = terms(rule(restocking=1_000, at_once=True), fee=100)
    one = ExchangeWish(line="1", quantity=1, reason=ReturnReason.DID_NOT_FIT, sku="B")
    event = story.tell(ProposeChange(returns=(one,), label=True, terms=said)).events[-1]
    assert isinstance(event, ChangeProposed)
    assert (event.send, event.credit, event.label_fee) == (ExchangeSend.AT_ONCE, eur(800), eur(100))


# Refunds


def limits(alone: int, approves: int = 0, **more: Any) -> RefundLimits:
    return RefundLimits(alone=(eur(alone),), approves=(eur(approves),), **more)


def test_what_a_role_may_give_alone_is_what_was_set() -> None:
    event = asks(paid(), grant(500, limits=limits(500))).events[0]
    assert isinstance(event, RefundGranted) and event.limits == limits(500)
    event = asks(paid(), grant(501, limits=limits(500))).events[0]
    assert isinstance(event, RefundProposed) and event.limits == limits(500)


def test_goods_that_are_sent_again_count_as_what_they_would_be_in_money() -> None:
    wished = claim(to="replacement", limits=limits(333))
    assert isinstance(asks(paid(), wished).events[0], RefundProposed)
    events = asks(paid(), claim(to="replacement", limits=limits(334))).events
    assert [event.limits for event in events if isinstance(event, ReplacementGranted)] == [limits(334)]


def test_in_another_currency_than_those_that_were_set_every_refund_needs_two() -> None:
    event = asks(paid(), grant(1, limits=RefundLimits(alone=()))).events[0]
    assert isinstance(event, RefundProposed)


def test_a_second_person_approves_as_far_as_was_set() -> None:
    story = paid()
    asks(story, grant(600, limits=limits(0)))
    refused = asks(story, ApproveRefund(refund="1", limits=limits(0, 599)), BEN).events[0]
    assert isinstance(refused, RefundChangeRefused) and refused.reason is RefundChangeRefusal.ABOVE_LIMIT
    granted = asks(story, ApproveRefund(refund="1", limits=limits(0, 600)), BEN).events[0]
    assert isinstance(granted, RefundGranted) and granted.limits == limits(0, 600)


def test_any_sum_may_be_set() -> None:
    story = paid()
    asks(story, grant(600, limits=limits(0)), ANNA)
    wished = ApproveRefund(refund="1", limits=RefundLimits(alone=(), approves_any=True))
    assert isinstance(asks(story, wished, BEN).events[0], RefundGranted)
