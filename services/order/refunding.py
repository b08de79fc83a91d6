"""What is due for units that come back, or that the customer need not keep paying for: exactly what was paid for them.

Pure amounts, from the terms of the order and from what was granted before. Who wishes for a refund, and what becomes of
it, is in refund_granting.py and refund_saga.py; a return and a change ask here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.ids import aggregate_id
from contracts.money import Charge, ChargeKind, DecimalText, Money, RefundRule
from contracts.order import IfShort, LineUnits, OrderTerms, RefundCause, RefundGranted, RefundLine, RefundTo
from services.order.fulfillment_state import BEFORE
from services.order.order import IN_FULFILLMENT, NOT_RELEASED, WITH_CUSTOMER, line_units
from services.order.refund_state import ANSWER_WITHIN, Range, RefundStage, given_back, without
from services.order.replaced_units import Units, paid_back, paid_for, replaced
from services.order.return_state import held
from services.order.value import LineValue, line_values, part_of

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = [
    "BACK_ANYWAY",
    "Due",
    "Units",
    "captured_units",
    "charges_due",
    "claimable_units",
    "granted",
    "in_returns",
    "percent_of",
    "refund_due",
    "refund_id",
    "refundable",
    "spoken_for",
]

FAULTS = frozenset({RefundCause.MISSING, RefundCause.DAMAGED, RefundCause.WRONG_ITEM, RefundCause.LOST})
"""Claims that are the merchant's fault: what a person may grant for units that stay where they are."""

BACK_ANYWAY: Mapping[RefundCause, frozenset[ChargeKind]] = {
    cause: frozenset({ChargeKind.SHIPPING, ChargeKind.HANDLING}) for cause in (*FAULTS, RefundCause.RETURNED_AT_FAULT)
}
"""Charges that come back with their units whatever their own rule says, by cause: nobody pays for a parcel with
nothing, or the wrong thing, in it."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is due for some units, in minor units: `lines` by ranges with what was paid for them themselves; `other` is
    their share of the charges of order and groups, of which `withheld` was kept with earlier refunds; `fee` is kept.
    `amount` is what the customer gets. `waiting` are units whose money is not taken yet, `paid_back` those that a
    refund was granted for before or that were sent again, `elsewhere` those whose money another system took: nothing is
    due for those. `claimed` are the units asked for, where some were sent in the place of those in `lines`."""

    lines: tuple[RefundLine, ...]
    other: int
    withheld: int
    fee: int
    amount: int
    waiting: tuple[Units, ...] = ()
    paid_back: tuple[Units, ...] = ()
    elsewhere: tuple[Units, ...] = ()
    claimed: tuple[Units, ...] = ()


# What may come back


def captured_units(state: OrderStream) -> Mapping[str, tuple[Range, ...]]:
    """The units of each line whose money was taken here."""
    return _units_of(state, lambda key, captured: captured and key != BEFORE)


def _units_of(state: OrderStream, wanted: Callable[[str, bool], bool]) -> Mapping[str, tuple[Range, ...]]:
    found: dict[str, list[Range]] = {}
    for key, left in state.fulfillment.fulfilled.items():
        if wanted(key, left.captured):
            for part in left.ranges:
                found.setdefault(part.line, []).append((part.from_unit, part.to_unit))
    return {line: tuple(sorted(ranges)) for line, ranges in found.items()}


def claimable_units(state: OrderStream) -> Mapping[str, tuple[Range, ...]]:
    """The units of each line whose money was taken here, that nothing was granted for and that are in no return: what
    is due for those is decided there."""
    return {line: without(ranges, spoken_for(state, line)) for line, ranges in captured_units(state).items()}


def spoken_for(state: OrderStream, line: str) -> tuple[Range, ...]:
    """The units of a line that money was granted for, that were sent again, or that are in a return."""
    refunds = state.refunds
    return (*paid_back(refunds, line), *replaced(refunds, line), *in_returns(state, line))


def in_returns(state: OrderStream, line: str) -> tuple[Range, ...]:
    """The units of a line that are on their way back, or came."""
    return tuple((each.from_unit, each.to_unit) for each in held(state.returns, line))


def refundable(state: OrderStream) -> int:
    """What can be granted at most now, in minor units: what was captured here, or paid by credit, less all that was
    granted."""
    order, refunds = state.order, state.refunds
    return order.captured - order.captured_before - (refunds.granted - refunds.applied)


def percent_of(amount: int, percent: DecimalText) -> int:
    """A percentage of an amount in minor units, rounded down."""
    return int((Decimal(amount) * Decimal(percent) / 100).to_integral_value(ROUND_FLOOR))


# What is due


def refund_due(
    state: OrderStream, ranges: Iterable[Units], cause: RefundCause, fee: int = 0, counted_on: int = 0
) -> Due:
    """What is due for units that left; for those that were sent in the place of others what was paid for these. Of each charge by its rule: with its units, when all that it was charged for has
    come back, or never; a discount goes with its units always. `fee` (minor units) is kept, as far as it goes; together
    with what was granted before, and what exchanges have `counted_on`, it is never more than was captured."""
    captured, elsewhere = captured_units(state), _units_of(state, lambda key, _: key == BEFORE)
    now: list[Units] = []
    asked_for, again = _sent_again(state, ranges)
    waiting, back, before = [], again, []
    for line, start, end in (paid for units in asked_for for paid in paid_for(state.refunds, units)):
        asked: tuple[Range, ...] = ((start, end),)
        known = given_back(state.refunds, line)
        open_ = without(asked, known)
        taken = without(open_, without(open_, captured.get(line, ())))
        left = without(open_, taken)
        before += [Units(line, *each) for each in without(left, without(left, elsewhere.get(line, ())))]
        waiting += [Units(line, *each) for each in without(left, elsewhere.get(line, ()))]
        back += [Units(line, *each) for each in without(asked, open_)]
        now += [Units(line, *each) for each in taken]
    parts = _Parts(state)
    lines = tuple(parts.line(units, cause) for units in now)
    withheld = parts.come_back(now, cause)
    other = sum(parts.other(units, cause) for units in now) + withheld
    value = max(0, min(sum(line.amount.amount for line in lines) + other, refundable(state) - counted_on))
    kept = max(0, min(fee, value))
    claimed = tuple(asked_for) if any(units.line in state.refunds.origins for units in asked_for) else ()
    return Due(lines, other, withheld, kept, value - kept, tuple(waiting), tuple(back), tuple(before), claimed)


def _sent_again(state: OrderStream, ranges: Iterable[Units]) -> tuple[list[Units], list[Units]]:
    """The units that something may be due for, and those that were sent again: what is due for those is asked of what was
    sent in their place."""
    live, again = [], []
    for line, start, end in ranges:
        asked: tuple[Range, ...] = ((start, end),)
        here = without(asked, replaced(state.refunds, line))
        live += [Units(line, *each) for each in here]
        again += [Units(line, *each) for each in without(asked, here)]
    return live, again


def charges_due(state: OrderStream, counted_on: int) -> Due:
    """What is due for no units: charges that come back once all that they were charged for has, where that came about by
    a cancel of the last units that could still leave. Once a person took such a refund back it is for people. `counted_on` is what exchanges wait for."""
    paid_back = any(refund.lines for refund in state.refunds.standing())
    if not paid_back or _left_to_people(state) or not _later(_charges(state)):
        return Due((), 0, 0, 0, 0)
    withheld = _Parts(state).come_back((), RefundCause.CANCELLED)
    return Due((), withheld, withheld, 0, max(0, min(withheld, refundable(state) - counted_on)))


def _left_to_people(state: OrderStream) -> bool:
    return any(
        refund.stage is RefundStage.WITHDRAWN and refund.contents.withheld and not refund.contents.lines
        for refund in state.refunds.refunds.values()
    )


def _charges(state: OrderStream) -> Iterator[Charge]:
    """Every charge of the order."""
    terms = state.order.terms
    yield from (charge for line in terms.lines for charge in line.charges)
    yield from (charge for group in terms.ship_groups for charge in group.charges)
    yield from (*terms.charges, *state.order.adjustments)


class _Parts:
    """The value of each line in its parts: all of it, and by scope what comes back later than with the units."""

    def __init__(self, state: OrderStream) -> None:
        self._state = state
        self._terms, self._adjustments = state.order.terms, state.order.adjustments
        self._all = line_values(self._terms, self._adjustments)
        self._kept: dict[tuple[RefundRule, frozenset[ChargeKind]], Mapping[str, LineValue]] = {}

    def _of(self, rule: RefundRule, cause: RefundCause) -> Mapping[str, LineValue]:
        """The charges that come back by this rule, whatever the cause brings back anyway left out."""
        anyway = BACK_ANYWAY.get(cause, frozenset())
        if (rule, anyway) not in self._kept:
            wanted = _ruled(rule, anyway)
            self._kept[rule, anyway] = line_values(self._terms, self._adjustments, wanted)
        return self._kept[rule, anyway]

    def line(self, units: Units, cause: RefundCause) -> RefundLine:
        """What was paid for units themselves, and comes back with them."""
        own, _ = part_of(self._all[units.line], units.start, units.end)
        for rule in (RefundRule.NEVER, RefundRule.WHEN_ALL_RETURNED):
            own -= part_of(self._of(rule, cause)[units.line], units.start, units.end)[0]
        amount = Money(amount=own, currency=self._terms.currency)
        return RefundLine(line=units.line, from_unit=units.start, to_unit=units.end, amount=amount)

    def other(self, units: Units, cause: RefundCause) -> int:
        """Their share of other charges, as far as it comes back with them."""
        _, other = part_of(self._all[units.line], units.start, units.end)
        for rule in (RefundRule.NEVER, RefundRule.WHEN_ALL_RETURNED):
            other -= part_of(self._of(rule, cause)[units.line], units.start, units.end)[1]
        return other

    def come_back(self, now: Sequence[Units], cause: RefundCause) -> int:
        """What was kept, or would be now, of charges that come back once all that they were charged for has."""
        given = [*self._granted(), *((units, cause) for units in now)]
        total = 0
        for lines, value_of in self._scopes():
            if self._all_back(lines, [units for units, _ in given]):
                total += sum(value_of(units, why) for units, why in given if units.line in lines)
        return max(0, total - sum(each.withheld for each in self._state.refunds.standing()))

    def _granted(self) -> Iterator[tuple[Units, RefundCause]]:
        for refund in self._state.refunds.standing():
            for line in refund.lines:
                yield Units(line.line, line.from_unit, line.to_unit), refund.cause

    def _scopes(self) -> Iterator[tuple[frozenset[str], Callable[[Units, RefundCause], int]]]:
        """What such charges were charged for (a line, a ship group, the whole order), and the share of units in them."""
        terms = self._terms
        paid = frozenset(self._all) - frozenset(self._state.refunds.origins.keys())
        mine = [line for line in terms.lines if line.line in paid]
        for line in mine:
            if _later(line.charges):
                yield frozenset({line.line}), self._own_withheld
        groups = {line.ship_group for line in mine}
        for group in terms.ship_groups:
            if group.group in groups and _later(group.charges):
                alone = terms.model_copy(update={"charges": (), "ship_groups": (group,)})
                members = frozenset(line.line for line in mine if line.ship_group == group.group)
                yield members, self._other_withheld(alone, ())
        empty = tuple(group for group in terms.ship_groups if group.group not in groups)
        if _later((*terms.charges, *self._adjustments, *(charge for group in empty for charge in group.charges))):
            alone = terms.model_copy(update={"ship_groups": empty})
            yield paid, self._other_withheld(alone, self._adjustments)

    def _own_withheld(self, units: Units, cause: RefundCause) -> int:
        return part_of(self._of(RefundRule.WHEN_ALL_RETURNED, cause)[units.line], units.start, units.end)[0]

    def _other_withheld(self, alone: OrderTerms, adjustments: Sequence[Charge]) -> Callable[[Units, RefundCause], int]:
        """The share of units in the charges of a group, or of the order itself, that these terms have `alone`."""
        values: dict[frozenset[ChargeKind], Mapping[str, LineValue]] = {}

        def share_of(units: Units, cause: RefundCause) -> int:
            anyway = BACK_ANYWAY.get(cause, frozenset())
            if anyway not in values:
                values[anyway] = line_values(alone, adjustments, _ruled(RefundRule.WHEN_ALL_RETURNED, anyway))
            return part_of(values[anyway][units.line], units.start, units.end)[1]

        return share_of

    def _all_back(self, lines: frozenset[str], given: Sequence[Units]) -> bool:
        """Whether every unit of these lines that left was given back, and none is still to leave."""
        order, back = self._state.order, dict.fromkeys(lines, 0)
        for units in given:
            if units.line in back:
                back[units.line] += units.end - units.start
        found = [(order.lines[line], count) for line, count in back.items()]
        return any(back.values()) and all(
            line_units(line, *WITH_CUSTOMER) == count and not line_units(line, *NOT_RELEASED, *IN_FULFILLMENT)
            for line, count in found
        )


def _later(charges: Iterable[Charge]) -> bool:
    return any(_ruled(RefundRule.WHEN_ALL_RETURNED, frozenset())(charge) for charge in charges)


def _ruled(rule: RefundRule, anyway: frozenset[ChargeKind]) -> Callable[[Charge], bool]:
    """Whether a charge comes back by this rule. A discount goes with its units whatever it says: else whoever sends
    back what was cheaper would get more than was paid."""
    return lambda charge: charge.refund_rule is rule and charge.amount.amount > 0 and charge.kind not in anyway


# The decision


def refund_id(state: OrderStream, number: int) -> str:
    """The id of the refund of this number."""
    terms = state.order.terms
    return aggregate_id(terms.tenant, "refund", terms.order_id, str(number))


def granted(
    state: OrderStream,
    context: Context,
    due: Due,
    cause: RefundCause,
    *,
    reason: str | None = None,
    by: str | None = None,
    ahead: int = 0,
    to: RefundTo = RefundTo.ORIGINAL,
) -> RefundGranted | None:
    """The decision to pay back what is `due` by a rule; None where nothing is. `ahead` are the refunds that the same
    handling granted before, and that this state does not know."""
    if not due.amount:
        return None
    number = state.refunds.count + ahead + 1
    made = contents(state, due, cause, number, reason, to)
    return RefundGranted(**made, by=by, answer_by=context.now + ANSWER_WITHIN)


def contents(
    state: OrderStream,
    due: Due,
    cause: RefundCause,
    number: int,
    reason: str | None,
    to: RefundTo = RefundTo.ORIGINAL,
    if_short: IfShort | None = None,
) -> dict[str, Any]:
    """What a refund is made of, whether it is proposed or granted."""
    currency = state.order.terms.currency
    # What the lines come to beyond the cap was never captured: `other` says what is left, so that the sum is the amount.
    other = due.amount + due.fee - sum(line.amount.amount for line in due.lines)
    return {
        "refund": refund_id(state, number),
        "number": number,
        "cause": cause,
        "lines": due.lines,
        "other": Money(amount=other, currency=currency),
        "withheld": Money(amount=due.withheld, currency=currency) if due.withheld else None,
        "fee": Money(amount=due.fee, currency=currency) if due.fee else None,
        "amount": Money(amount=due.amount, currency=currency),
        "to": to,
        "reason": reason,
        "claimed": tuple(LineUnits(line=line, from_unit=start, to_unit=end) for line, start, end in due.claimed)
        or None,
        "if_short": if_short,
    }
