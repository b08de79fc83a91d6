"""Money that closes: whatever comes back, in any parts and currency, with or without tax on top, what was captured and not
refunded is what the customer keeps and their credit; and all units together come to exactly what was captured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.money import Charge, ChargeKind, Money, RefundRule, TaxLine, Tender, TenderMethod
from contracts.order import (
    OrderLine,
    RefundApprover,
    RefundCause,
    RetryRefund,
    ShipGroup,
    ShipMethod,
    WithdrawRefund,
)
from contracts.payments import PaymentCaptured
from services.order.refund_state import RefundStage, given_back, in_order
from services.order.refunding import Units, captured_units, granted, refund_due, refundable
from services.order.sourcing import Availability
from services.order.tests.refund_story import ANNA, asks, claim, context, grant, paid_back, refunded_share, refused
from services.order.tests.story import ORDER_ID, PAYMENT, SHIP_TO, Story, order
from services.order.value import line_values, part_of

CURRENCIES = ("EUR", "JPY", "KWD")
STOCK = {sku: {"north": Availability(99, 1)} for sku in "AB"}
GROUPS = ("1", "2")


def money(amount: int, currency: str) -> Money:
    return Money(amount=amount, currency=currency)


@st.composite
def taxed(draw: st.DrawFn, currency: str, amount: int, most: int) -> tuple[TaxLine, ...]:
    """No tax, one or two, on or in an amount; a discount bears none."""
    return tuple(
        TaxLine(
            jurisdiction="DE",
            rate=rate,
            base=money(amount, currency),
            amount=money(draw(st.integers(0, most)) if amount > 0 else 0, currency),
            computed_by="shop",
        )
        for rate in draw(st.sampled_from([(), ("0.19",), ("0.07",), ("0.19", "0.07")]))
    )


@st.composite
def charges(draw: st.DrawFn, currency: str, rules: Sequence[RefundRule]) -> Charge:
    """A charge or a discount, with tax in it, on it, or none."""
    amount = draw(st.integers(-40, 300))
    taxes = draw(taxed(currency, amount, most=60))
    return Charge(
        kind=ChargeKind.DISCOUNT if amount < 0 else draw(st.sampled_from([ChargeKind.SHIPPING, ChargeKind.FEE])),
        amount=money(amount, currency),
        taxes=taxes,
        tax_included=draw(st.booleans()),
        refund_rule=draw(st.sampled_from(rules)),
    )


@st.composite
def orders(draw: st.DrawFn, rules: Sequence[RefundRule] = tuple(RefundRule)) -> Any:
    """An order of one to three lines in one or two groups, that may leave one after the other."""
    currency = draw(st.sampled_from(CURRENCIES))
    some = st.lists(charges(currency, rules), max_size=2).map(tuple)
    lines = tuple(
        OrderLine(
            line=str(number),
            sku=draw(st.sampled_from("AB")),
            quantity=draw(st.integers(1, 7)),
            unit="each",
            amount=money(draw(st.integers(200, 5_000)), currency),
            tax_included=draw(st.booleans()),
            taxes=draw(taxed(currency, 1, most=90)),
            ship_group=draw(st.sampled_from(GROUPS)),
            charges=draw(some),
        )
        for number in range(1, draw(st.integers(1, 3)) + 1)
    )
    groups = tuple(
        ShipGroup(group=name, method=ShipMethod.SHIP, ship_to=SHIP_TO, charges=draw(some)) for name in GROUPS
    )
    fields = {"lines": lines, "ship_groups": groups, "charges": draw(some), "currency": currency}
    return order(("A", 1, 1), **fields)


def left(placed: Any, leaving: Sequence[bool]) -> Story | None:
    """The order once the works that are `leaving` have left and are captured; None where it owes nothing."""
    values = line_values(placed)
    total = sum(value.own + value.other for value in values.values())
    tenders = (Tender(method=TenderMethod.INVOICE, amount=money(total, placed.currency)),)
    if total <= 0 or any(value.own + value.other < 0 for value in values.values()):
        return None
    story = Story(STOCK)
    story.tell(placed.model_copy(update={"tenders": tenders, "stated_total": money(total, placed.currency)}), door="d")
    assert not len(story.view.order.holds), [hold.kind for hold in story.view.order.holds.values()]
    for sequence in sorted(int(key) for key in story.view.reservation.claims):
        story.reserved(sequence)
    story.authorized()
    for place in range(len(story.view.fulfillment.works)):
        if leaving[place % len(leaving)]:
            leave(story, place)
    return story


def leave(story: Story, place: int) -> None:
    """A work leaves, and is captured."""
    for step in (story.listed, story.picked, story.packed, story.labelled, story.handed_over, story.shipped):
        step(place=place)
    key = story.shipment(place).partition("/")[2]
    asked = story.view.fulfillment.fulfilled[key].asked
    if asked is None:
        return
    amount = money(asked, story.view.order.terms.currency)
    answer = PaymentCaptured(
        order_id=ORDER_ID,
        fulfillment=key,
        sequence=0,
        amount=amount,
        lines=(),
        captures=(),
        captured=amount,
        remaining=amount,
    )
    story.tell(answer, subject=PAYMENT)


def closes(story: Story) -> None:
    """The equation, while all that is given back is money."""
    captured, refunds = story.view.order.captured, story.view.refunds
    assert 0 <= refunds.refunded <= refunds.granted <= captured
    assert captured - refunds.refunded == kept_by_units(story) + refunds.credit


def kept_by_units(story: Story) -> int:
    """What the customer keeps, taken from the units themselves: goodwill apart, each unit that is not given back is kept
    at what was paid for it."""
    view, refunds = story.view, story.view.refunds
    values, kept = line_values(view.order.terms, view.order.adjustments), 0
    for line, ranges in captured_units(view).items():
        back = {unit for start, end in given_back(refunds, line) for unit in range(start, end)}
        kept += sum(
            sum(part_of(values[line], unit, unit + 1))
            for start, end in ranges
            for unit in range(start, end)
            if unit not in back
        )
    goodwill = sum(each.owed for each in refunds.refunds.values() if each.contents.cause is RefundCause.APPEASEMENT)
    retained = sum(
        refunded_share(view, refund) - refund.contents.amount.amount
        for refund in refunds.refunds.values()
        if refund.granted and refund.contents.lines and refund.stage is not RefundStage.WITHDRAWN
    )
    return kept - goodwill + retained


wishes = st.lists(st.tuples(st.sampled_from("123"), st.integers(1, 4)), min_size=1, max_size=12)
slow = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@given(orders((RefundRule.BY_UNITS,)), st.sampled_from([(True,), (True, False), (False, True)]), wishes)
@slow
def test_every_sequence_of_claims_sums_to_what_was_captured(
    placed: Any, leaving: Sequence[bool], course: list[tuple[str, int]]
) -> None:
    story = left(placed, leaving)
    if story is None:
        return
    for line, quantity in course:
        asks(story, claim(quantity, line, approver=RefundApprover.FINANCE))
        closes(story)
        for _, refund in in_order(story.view.refunds):
            if refund.stage is RefundStage.GRANTED and quantity % 2:
                paid_back(story, refund.contents.number)
                closes(story)
    for line, ranges in captured_units(story.view).items():
        count = sum(end - start for start, end in ranges)
        for _ in range(count):
            asks(story, claim(1, line, approver=RefundApprover.FINANCE))
            closes(story)
    assert story.view.refunds.granted == story.view.order.captured


@given(orders(), st.sampled_from([(True,), (True, False), (False, True)]), st.randoms(use_true_random=False))
@slow
def test_by_any_rules_all_but_what_never_comes_back_comes_back(
    placed: Any, leaving: Sequence[bool], chance: Any
) -> None:
    story = left(placed, leaving)
    if story is None:
        return
    captured = captured_units(story.view)
    units = [(line, unit) for line, ranges in captured.items() for each in ranges for unit in range(*each)]
    chance.shuffle(units)
    given_amounts = []
    while units:
        count = chance.randint(1, min(3, len(units)))
        now, units = units[:count], units[count:]
        due = refund_due(story.view, [Units(line, unit, unit + 1) for line, unit in now], RefundCause.RETURNED)
        assert 0 <= due.amount <= refundable(story.view)
        event = granted(story.view, context(story), due, RefundCause.RETURNED)
        if event is not None:
            story.given(event)
            given_amounts.append(event.amount.amount)
    never = line_values(placed, (), lambda charge: charge.refund_rule is RefundRule.NEVER and charge.amount.amount > 0)
    kept = sum(sum(part_of(never[line], *each)) for line, ranges in captured.items() for each in ranges)
    later = line_values(
        placed, (), lambda charge: charge.refund_rule is RefundRule.WHEN_ALL_RETURNED and charge.amount.amount > 0
    )
    held = sum(sum(part_of(later[line], *each)) for line, ranges in captured.items() for each in ranges)
    whole = not any(work.open for work in story.view.fulfillment.works.values())
    total = sum(given_amounts)
    # Units that are worth less than what is kept of them give nothing, and so keep a little of the others' too.
    assert total <= story.view.order.captured - kept
    if whole and all(amount >= 0 for amount in given_amounts) and not _tiny(placed):
        assert total == story.view.order.captured - kept
    if not whole and not _tiny(placed):
        assert story.view.order.captured - kept - held <= total


def _tiny(placed: Any) -> bool:
    """Whether a unit may be worth no more than what is kept of it."""
    kept = line_values(
        placed, (), lambda charge: charge.refund_rule is not RefundRule.BY_UNITS and charge.amount.amount > 0
    )
    values = line_values(placed)
    return any(
        value.own + value.other - kept[line].own - kept[line].other < 4 * value.units for line, value in values.items()
    )


@given(
    orders(),
    st.lists(
        st.tuples(st.sampled_from(["claim", "goodwill", "pay", "refuse", "retry", "withdraw"]), st.integers(1, 9)),
        max_size=25,
    ),
)
@slow
def test_whatever_becomes_of_refunds_no_more_is_given_than_was_taken(
    placed: Any, course: list[tuple[str, int]]
) -> None:
    story = left(placed, (True,))
    if story is None:
        return
    currency = placed.currency
    for deed, number in course:
        known = [each for _, each in in_order(story.view.refunds)]
        at = number % len(known) + 1 if known else 0
        match deed:
            case "claim":
                asks(story, claim(number % 3 + 1, str(number % 3 + 1), approver=RefundApprover.FINANCE))
            case "goodwill":
                off = {"amount": money(number * 37, currency)} if number % 2 else {"percent": str(number * 3)}
                asks(story, grant(approver=RefundApprover.FINANCE, **off))
            case "pay" if known and known[at - 1].granted:
                paid_back(story, at)
            case "refuse" if known and known[at - 1].granted:
                refused(story, at, part=known[at - 1].contents.amount.amount * (number % 3) // 4)
            case "retry":
                asks(story, RetryRefund(refund=str(at)), ANNA)
            case "withdraw":
                asks(story, WithdrawRefund(refund=str(at), detail="no"), ANNA)
        refunds = story.view.refunds
        assert refunds.refunded <= refunds.granted
        paid = [refund for refund in refunds.refunds.values() if refund.stage is RefundStage.REFUNDED]
        assert all(refund.refunded == refund.contents.amount.amount for refund in paid)
        owed = list(accumulate(refund.owed for refund in refunds.refunds.values()))
        assert refunds.granted == (owed[-1] if owed else 0)
        late = any(refund.stage is RefundStage.REFUNDED and refund.failed for refund in refunds.refunds.values())
        assert late or refunds.granted <= story.view.order.captured


@given(
    orders(),
    st.sampled_from([(True,), (True, False), (False, True)]),
    st.lists(
        st.tuples(st.sampled_from(["claim", "claim", "goodwill", "pay", "leave"]), st.integers(1, 12)), max_size=20
    ),
)
@slow
def test_the_money_closes_after_every_step_while_goods_still_leave(
    placed: Any, leaving: Sequence[bool], course: list[tuple[str, int]]
) -> None:
    story = left(placed, leaving)
    if story is None:
        return
    closes(story)
    for deed, number in course:
        owed = [refund for _, refund in in_order(story.view.refunds) if refund.stage is RefundStage.GRANTED]
        works = enumerate(story.view.fulfillment.works.values())
        still = [place for place, work in works if not work.left]
        match deed:
            case "claim":
                asks(story, claim(number % 3 + 1, str(number % 3 + 1), approver=RefundApprover.FINANCE))
            case "goodwill":
                off = money(number * 11, placed.currency)
                asks(story, grant(amount=off, approver=RefundApprover.FINANCE))
            case "pay" if owed:
                paid_back(story, owed[number % len(owed)].contents.number)
            case "leave" if still:
                leave(story, still[0])
        closes(story)
