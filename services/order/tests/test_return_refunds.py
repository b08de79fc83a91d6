"""What the customer gets for units that came back: exactly what was paid for them, less what the rules keep."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import Outcome
from contracts.fulfillment import (
    Disposition,
    InspectedItem,
    ReturnedItem,
    ReturnInspected,
    ReturnReason,
    ReturnReceived,
)
from contracts.money import Charge, ChargeKind, RefundRule, Tender, TenderMethod
from contracts.order import (
    Bucket,
    CancelLine,
    CancelOrder,
    IfShort,
    OrderLine,
    RefundCause,
    RefundGranted,
    RefundTo,
    RequestReturn,
    ReturnReckoned,
    ReturnRequested,
    ReturnWish,
)
from services.order.order import line_units
from services.order.return_state import held
from services.order.tests.refund_story import asks, claim, paid
from services.order.tests.story import Story, eur, kinds, messages, units_of
from services.order.tests.test_returns import (
    MISSING,
    RESTOCK,
    SCRAP,
    approved,
    ask,
    closed,
    complete,
    goods,
    inspected,
    opened,
    received,
    wish,
)
from services.order.unit_ranges import count

SENT_BACK = Disposition.SENT_BACK


def of(outcome: Outcome) -> tuple[RefundGranted | None, ReturnReckoned]:
    """The refund that was granted, and what was said of it."""
    refunds = [event for event in outcome.events if isinstance(event, RefundGranted)]
    [reckoned] = [event for event in outcome.events if isinstance(event, ReturnReckoned)]
    refund = refunds[0] if refunds else None
    assert len(refunds) <= 1 and reckoned.refund == (refund.refund if refund else None)
    return refund, reckoned


def amount(outcome: Outcome) -> int:
    refund, _ = of(outcome)
    assert refund is not None and refund.cause in (RefundCause.RETURNED, RefundCause.RETURNED_AT_FAULT)
    return refund.amount.amount


def with_shipping(*lines: tuple[str, int, int]) -> Story:
    """An order of these lines and 1.50 of shipping that is never given back, which left and is paid for."""
    charge = Charge(kind=ChargeKind.SHIPPING, amount=eur(150), refund_rule=RefundRule.NEVER)
    total = eur(sum(line[2] for line in lines) + 150)
    tenders = (Tender(method=TenderMethod.INVOICE, amount=total),)
    return paid(*lines, charges=(charge,), stated_total=total, tenders=tenders)


def test_it_is_granted_once_somebody_looked_at_what_came() -> None:
    story = approved(2)
    outcome = received(story)
    assert not any(isinstance(event, ReturnReckoned) for event in outcome.events)
    outcome = inspected(story)
    refund, reckoned = of(outcome)
    assert refund is not None and (refund.amount, refund.fee, reckoned.fee) == (eur(600), None, None)
    assert [(line.from_unit, line.to_unit) for line in refund.lines] == [(0, 2)]
    assert messages(outcome) == ["RefundPayment"]
    # looked at again, closed: nothing more is owed
    for more in (inspected(story, 1, SCRAP, "i2", instead_of=RESTOCK), closed(story)):
        assert not any(isinstance(event, RefundGranted) for event in more.events)


def test_or_once_it_came_where_the_rules_say_so() -> None:
    story = approved(2, return_policy="trusted")
    assert amount(received(story)) == 600
    assert not any(isinstance(event, RefundGranted) for event in inspected(story).events)


def test_what_was_missing_is_not_paid_for_until_it_is_found() -> None:
    story = approved(2)
    received(story)
    assert not any(isinstance(event, ReturnReckoned) for event in inspected(story, 1, MISSING).events)
    assert amount(inspected(story, 1, RESTOCK, "i2")) == 300
    assert amount(inspected(story, 1, RESTOCK, "i3", instead_of=MISSING)) == 300


def test_what_is_sent_back_to_the_customer_is_theirs_and_not_paid_back() -> None:
    story = approved(2)
    received(story)
    # when one of two is not taken, and goes back to them
    outcome = inspected(story, 1, SENT_BACK)
    assert not any(isinstance(event, ReturnReckoned) for event in outcome.events)
    assert units_of(story)[Bucket.FULFILLED] == 2
    # then the other is paid for, and that one may be asked for again
    assert amount(inspected(story, 1, RESTOCK, "i2")) == 300
    closed(story)
    assert units_of(story) == {Bucket.FULFILLED: 2, Bucket.RETURNED: 1}
    [requested, *_] = ask(story, wish(1)).events
    assert isinstance(requested, ReturnRequested)


def test_what_was_missing_and_then_goes_back_to_the_customer_is_theirs_all_the_time() -> None:
    story = approved(2)
    received(story)
    inspected(story, 1, MISSING)
    assert kinds(inspected(story, 1, SENT_BACK, "i2", instead_of=MISSING, reason="found, and not ours")) == []
    assert units_of(story)[Bucket.FULFILLED] == 2
    # and what was to go back and stays with us after all is paid for
    inspected(story, 1, SENT_BACK, "i3")
    assert amount(inspected(story, 1, RESTOCK, "i4", instead_of=SENT_BACK, reason="we take it")) == 300


@pytest.mark.parametrize("if_short", list(IfShort))
def test_what_came_back_and_is_not_sent_again_after_all_is_paid_back(if_short: IfShort) -> None:
    # given units for 10.00 that came broken: one is sent again, and comes back; nothing is due for it
    story = complete(1)
    asks(story, claim(1, to=RefundTo.REPLACEMENT, if_short=if_short))
    ask(story, wish(1, reason=ReturnReason.DAMAGED))
    opened(story)
    received(story, 1)
    refund, _ = of(inspected(story, 1, SCRAP))
    assert refund is None
    # when the goods that were to be sent are cancelled
    outcome = story.tell(CancelOrder(lines=(CancelLine(line="2"),)))
    # then what was paid for it is paid back with the return
    assert "ReplacementGivenUp" in kinds(outcome)
    assert amount(outcome) == story.view.order.captured
    # and once
    assert not any(isinstance(event, RefundGranted) for event in closed(story).events)


def test_the_rules_keep_for_restocking_wear_and_our_label_and_that_once() -> None:
    story = complete(3, return_policy="electronics")
    ask(story, wish(3, label=True))
    opened(story)
    received(story, 3)
    # 15 % of 3.00 and a label at 4.95: all of it is kept
    refund, reckoned = of(inspected(story, 1))
    assert refund is None and reckoned.fee == eur(300)
    refund, reckoned = of(inspected(story, 1, RESTOCK, "i2"))
    assert refund is not None and (refund.amount, reckoned.fee, reckoned.label) == (eur(255), eur(45), None)
    # and 30 % more for what is worn
    refund, reckoned = of(inspected(story, 1, SCRAP, "i3"))
    assert refund is not None and (refund.amount, reckoned.fee) == (eur(165), eur(135))


def test_a_label_that_nothing_was_due_for_is_kept_with_what_comes_next() -> None:
    # given two units of 901 for 9.00: of the first the share is nothing, of the second a cent
    story = complete(901)
    ask(story, wish(2, label=True))
    opened(story)
    received(story)
    # when the first is looked at, nothing is due for it, and nothing kept
    refund, reckoned = of(inspected(story, 1))
    assert (refund, reckoned.fee, reckoned.label) == (None, None, None)
    # then the label is kept with the second, as far as that goes
    refund, reckoned = of(inspected(story, 1, RESTOCK, "i2"))
    assert (refund, reckoned.fee, reckoned.label) == (None, eur(1), eur(1))


def test_nothing_is_kept_where_we_are_at_fault() -> None:
    story = complete(3, return_policy="electronics")
    ask(story, wish(2, ReturnReason.DEFECTIVE, label=True))
    opened(story)
    received(story)
    assert amount(inspected(story, 2, SCRAP)) == 600


@pytest.mark.parametrize(
    ("reason", "cause", "shipping"),
    [
        (ReturnReason.DEFECTIVE, RefundCause.RETURNED_AT_FAULT, 100),
        (ReturnReason.WRONG_ITEM, RefundCause.RETURNED_AT_FAULT, 100),
        (ReturnReason.CHANGED_MIND, RefundCause.RETURNED, 0),
    ],
)
def test_where_we_are_at_fault_shipping_comes_back_with_the_units_by_itself(
    reason: ReturnReason, cause: RefundCause, shipping: int
) -> None:
    # given three units for 9.00, and shipping of 1.50 that is never given back
    story = with_shipping(("A", 3, 900))
    ask(story, wish(2, reason))
    opened(story)
    received(story)
    # when two of them come back
    refund, _ = of(inspected(story, 2))
    # then their share of the shipping does too, if it was our fault
    assert refund is not None
    assert (refund.cause, refund.amount, refund.other) == (cause, eur(600 + shipping), eur(shipping))


def test_of_a_return_for_several_reasons_shipping_comes_back_for_what_is_our_fault() -> None:
    story = with_shipping(("A", 1, 600), ("B", 1, 900))
    wishes = (
        ReturnWish(line="1", quantity=1, reason=ReturnReason.CHANGED_MIND),
        ReturnWish(line="2", quantity=1, reason=ReturnReason.DAMAGED),
    )
    ask(story, RequestReturn(lines=wishes))
    opened(story)
    came = (("1", "A"), ("2", "B"))
    items = tuple(ReturnedItem(line=line, sku=sku, quantity=1) for line, sku in came)
    goods(story, ReturnReceived(location="north", document="b1", items=items, expected=0))
    looked = tuple(InspectedItem(line=line, sku=sku, quantity=1, disposition=RESTOCK) for line, sku in came)
    outcome = goods(story, ReturnInspected(location="north", document="i1", items=looked, open_units=0))
    refunds = [event for event in outcome.events if isinstance(event, RefundGranted)]
    assert [(each.cause, each.amount, each.number) for each in refunds] == [
        (RefundCause.RETURNED, eur(600), 1),
        (RefundCause.RETURNED_AT_FAULT, eur(990), 2),
    ]


def test_what_was_given_back_before_is_not_again() -> None:
    story = complete(2)
    asks(story, claim(2))
    ask(story, wish(2))
    opened(story)
    received(story)
    refund, reckoned = of(inspected(story))
    assert refund is None and reckoned.fee is None


def test_what_is_not_paid_for_yet_waits_until_it_is() -> None:
    story = Story().released(("A", 2, 900)).until_handed_over()
    story.shipped()
    ask(story, wish(2))
    opened(story)
    received(story)
    assert not any(isinstance(event, ReturnReckoned) for event in inspected(story).events)
    assert amount(story.captured(900)) == 900


steps = st.lists(
    st.tuples(st.sampled_from(["wish", "come", "look", "close"]), st.integers(1, 4), st.sampled_from(Disposition)),
    min_size=3,
    max_size=18,
)


@settings(max_examples=100)
@given(st.integers(1, 7), st.integers(0, 1_000), steps)
def test_no_unit_comes_back_twice_and_what_came_is_paid_to_the_cent(
    quantity: int, worth: int, course: list[tuple[str, int, Disposition]]
) -> None:
    story = _left(quantity, worth)
    for number, (what, units, disposition) in enumerate(course):
        _goes_on(story, what, units, disposition, f"d{number}")
        line = story.view.order.lines["1"]
        here = line_units(line, Bucket.RETURN_REQUESTED, Bucket.RETURNED)
        assert here == count(held(story.view.returns, "1"))
        returns = story.view.returns.returns.values()
        assert here == sum(count((*each.lines["1"].waited, *each.lines["1"].here)) for each in returns)
        assert sum(line.units) == quantity
        assert story.view.refunds.granted <= worth
    # when all that is left comes back too, and nobody is at fault but we
    for number in range(quantity + 1):
        _goes_on(story, "wish", 1, RESTOCK, f"w{number}")
        _goes_on(story, "come", quantity, RESTOCK, f"c{number}")
        _goes_on(story, "look", quantity, RESTOCK, f"l{number}")
    assert line_units(story.view.order.lines["1"], Bucket.RETURNED) == quantity
    assert story.view.refunds.granted == worth


def _left(quantity: int, worth: int) -> Story:
    line = OrderLine(line="1", sku="A", quantity=quantity, unit="each", amount=eur(worth), ship_group="1")
    story = Story().released(("A", quantity, worth), lines=(line,)).until_handed_over()
    story.shipped()
    if worth:
        story.captured(worth)
    return story


def _goes_on(story: Story, what: str, units: int, disposition: Disposition, document: str) -> None:
    """One more thing happens to the last return, or a new one begins."""
    if what == "wish":
        for event in ask(story, wish(units, ReturnReason.DEFECTIVE)).events:
            if isinstance(event, ReturnRequested):
                _says(story, event.number, opened)
        return
    for number in range(1, len(story.view.returns.returns) + 1):
        if what == "come":
            _says(story, number, received, units, document=document)
        elif what == "look":
            _says(story, number, inspected, units, disposition, document)
        else:
            _says(story, number, closed)


def _says(story: Story, number: int, told: Any, *what: Any, **more: Any) -> None:
    """Fulfillment says this of a return by its number."""
    told(_Of(story, number), *what, **more)


class _Of:
    """A story in which fulfillment speaks of one return."""

    def __init__(self, story: Story, number: int) -> None:
        self._story, self._id = story, story.view.returns.returns[str(number)].return_id

    def tell(self, message: Any, subject: str) -> Outcome:
        return self._story.tell(message, subject=f"return/{self._id}")
