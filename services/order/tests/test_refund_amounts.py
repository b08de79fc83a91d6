"""What is due for units, by example: the figures of docs/refunds.md."""

from __future__ import annotations

import pytest

from contracts.money import Charge, ChargeKind, RefundRule, Tender, TenderMethod
from contracts.order import CancelLine, CancelOrder, RefundCause, RefundGranted, ShipGroup, ShipMethod, WithdrawRefund
from services.order.refunding import Due, Units, granted, percent_of, refund_due, refundable
from services.order.sourcing import Availability
from services.order.tests.refund_story import asks, claim, context, grant, paid, refund_of, refused
from services.order.tests.story import COUNTER, SHIP_TO, Story, eur, kinds, messages
from services.order.tests.test_refund_money import leave
from services.order.value import totals


def shipping(rule: RefundRule, amount: int = 500, kind: ChargeKind = ChargeKind.SHIPPING) -> Charge:
    return Charge(kind=kind, amount=eur(amount), refund_rule=rule)


def with_charges(*charges: Charge, of: str = "order") -> Story:
    """Two units for 20.00 and these charges, paid."""
    total = 2000 + sum(charge.amount.amount for charge in charges)
    group = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, charges=charges if of == "group" else ())
    more = {
        "charges": charges if of == "order" else (),
        "ship_groups": (group,),
        "stated_total": eur(total),
        "tenders": (Tender(method=TenderMethod.INVOICE, amount=eur(total)),),
    }
    story = paid(("A", 2, 2000), **more)
    assert totals(story.view.order.terms).total == eur(total)
    return story


def returned(story: Story, *units: int, fee: int = 0) -> Due:
    """These units of the line come back, and what is due is granted."""
    ranges = [Units("1", unit, unit + 1) for unit in units]
    due = refund_due(story.view, ranges, RefundCause.RETURNED, fee)
    event = granted(story.view, context(story), due, RefundCause.RETURNED)
    if event is not None:
        story.given(event)
    return due


@pytest.mark.parametrize("of", ["order", "group"])
@pytest.mark.parametrize(
    ("rule", "amounts"),
    [
        (RefundRule.WHEN_ALL_RETURNED, (1000, 1500)),
        (RefundRule.NEVER, (1000, 1000)),
        (RefundRule.BY_UNITS, (1250, 1250)),
    ],
)
def test_shipping_comes_back_by_its_rule(rule: RefundRule, amounts: tuple[int, int], of: str) -> None:
    story = with_charges(shipping(rule), of=of)
    assert (returned(story, 0).amount, returned(story, 1).amount) == amounts


@pytest.mark.parametrize("rule", list(RefundRule))
def test_whoever_is_not_at_fault_gets_shipping_back_with_the_units(rule: RefundRule) -> None:
    story = with_charges(shipping(rule))
    asks(story, claim(1))
    assert refund_of(story).contents.amount == eur(1250)
    # and what comes back afterwards brings no part of it twice
    last = {RefundRule.NEVER: 1000, RefundRule.WHEN_ALL_RETURNED: 1250, RefundRule.BY_UNITS: 1250}
    assert returned(story, 0).amount == last[rule]


def test_a_discount_goes_with_its_units_whatever_its_rule_says() -> None:
    story = with_charges(shipping(RefundRule.NEVER, -400, ChargeKind.DISCOUNT))
    assert (returned(story, 0).amount, returned(story, 1).amount) == (800, 800)


def test_what_is_charged_for_all_is_kept_while_some_are_still_to_leave() -> None:
    # given shipping for two groups of which one has left
    charge = shipping(RefundRule.WHEN_ALL_RETURNED)
    story = Story({"A": {"north": Availability(9, 1), "berlin": Availability(9, 2)}})
    groups = (ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO), COUNTER.model_copy(update={"group": "2"}))
    lines = (("A", 1, 1000), ("A", 1, 1000))
    placed = Story().placed(*lines).view.order.terms.lines
    story.released(
        *lines,
        lines=(placed[0], placed[1].model_copy(update={"ship_group": "2"})),
        ship_groups=groups,
        charges=(charge,),
        stated_total=eur(2500),
        tenders=(Tender(method=TenderMethod.INVOICE, amount=eur(2500)),),
    )
    leaving = next(n for n in (0, 1) if story.view.fulfillment.works[story.work(n)].ship_group == "1")
    leave(story, leaving)
    assert story.view.order.captured == 1250
    # when that one comes back, its part of the shipping is kept
    assert returned(story, 0).amount == 1000


def one_of_two(rule: RefundRule = RefundRule.WHEN_ALL_RETURNED) -> Story:
    """Two units for 20.00 and 5.00 of shipping, of which one has left and is captured, and the other waits for supply."""
    story = Story({"A": {"north": Availability(1, 1)}})
    total = eur(2500)
    more = {"charges": (shipping(rule),), "stated_total": total}
    story.placed(("A", 2, 2000), tenders=(Tender(method=TenderMethod.INVOICE, amount=total),), **more)
    for claimed in sorted(story.view.reservation.claims.values(), key=lambda each: each.sequence):
        story.queued(claimed.sequence) if claimed.queue else story.reserved(claimed.sequence)
    story.authorized()
    leave(story, 0)
    assert story.view.order.captured == 1250
    return story


CANCEL_ONE = CancelOrder(lines=(CancelLine(line="1", quantity=1),))


def test_what_is_charged_for_all_comes_back_when_the_last_that_was_to_leave_is_cancelled() -> None:
    # given a unit that came back, whose part of the shipping is kept since another is to leave
    story = one_of_two()
    assert returned(story, 0).amount == 1000
    # when the other is cancelled
    outcome = story.tell(CANCEL_ONE)
    # then that part comes back too, for no units
    [refund] = [event for event in outcome.events if isinstance(event, RefundGranted)]
    assert (refund.cause, refund.lines, refund.withheld) == (RefundCause.CANCELLED, (), eur(250))
    assert (refund.amount, refund.other, refund.number) == (eur(250), eur(250), 2)
    assert messages(outcome).count("RefundPayment") == 1
    assert refundable(story.view) == 0


@pytest.mark.parametrize("rule", [RefundRule.NEVER, RefundRule.BY_UNITS])
def test_by_other_rules_a_cancel_brings_nothing_back(rule: RefundRule) -> None:
    story = one_of_two(rule)
    returned(story, 0)
    assert "RefundGranted" not in kinds(story.tell(CANCEL_ONE))


def test_what_came_back_with_a_claim_is_not_brought_back_by_a_cancel() -> None:
    story = one_of_two()
    asks(story, claim(1))
    assert refund_of(story).contents.amount == eur(1250)
    assert "RefundGranted" not in kinds(story.tell(CANCEL_ONE))


def test_while_units_are_kept_a_cancel_brings_nothing_back() -> None:
    story = one_of_two()
    assert "RefundGranted" not in kinds(story.tell(CANCEL_ONE))
    # and what comes back afterwards brings it with it
    assert returned(story, 0).amount == 1250


def test_a_charge_that_was_not_to_come_back_after_all_is_not_granted_again() -> None:
    story = one_of_two()
    returned(story, 0)
    story.tell(CANCEL_ONE)
    refused(story, 2)
    assert kinds(asks(story, WithdrawRefund(refund="2", detail="agreed with the customer"))) == ["RefundWithdrawn"]
    assert "RefundGranted" not in kinds(asks(story, grant(100)))[1:]


def test_a_fee_is_kept_as_far_as_it_goes() -> None:
    story = paid(("A", 2, 2000))
    first = returned(story, 0, fee=150)
    assert (first.fee, first.amount) == (150, 850)
    second = returned(story, 1, fee=5000)
    assert (second.fee, second.amount) == (1000, 0)


def test_goodwill_comes_off_what_all_units_give() -> None:
    story = paid(("A", 2, 2000))
    asks(story, grant(200))
    assert (returned(story, 0).amount, returned(story, 1).amount) == (1000, 800)


def test_units_are_not_paid_back_twice_nor_before_their_money_is_taken() -> None:
    story = paid(("A", 2, 2000))
    returned(story, 0)
    due = refund_due(story.view, [Units("1", 0, 2)], RefundCause.RETURNED)
    assert (due.amount, due.paid_back) == (1000, (Units("1", 0, 1),))
    waiting = Story().released(("A", 2, 2000)).until_handed_over()
    waiting.shipped()
    due = refund_due(waiting.view, [Units("1", 0, 2)], RefundCause.RETURNED)
    assert (due.amount, due.waiting) == (0, (Units("1", 0, 2),))
    assert granted(waiting.view, context(waiting), due, RefundCause.RETURNED) is None


def test_a_percentage_is_rounded_down() -> None:
    assert [percent_of(999, percent) for percent in ("10", "12.5", "100")] == [99, 124, 999]


def test_nothing_of_an_order_that_was_cancelled_before_it_left_is_given_back() -> None:
    story = Story().placed(("A", 2, 2000))
    story.tell(CancelOrder())
    assert refund_due(story.view, [Units("1", 0, 2)], RefundCause.CANCELLED).amount == 0
