"""The account of an exchange: what came back and what is expected, what left, and what has still to leave; and what of an
order has to be secured in money, once credit is set against its lines.

Pure amounts in minor units. The credit pays first, so that no more money is taken than the difference; whatever changes
what comes back or what leaves, the rest follows from these sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from contracts.fulfillment import Disposition
from contracts.order import Bucket, ExchangeSend, RefundCause, ReturnLine
from contracts.payments import CaptureLine
from services.order.exchange_state import Exchange
from services.order.order import WITH_CUSTOMER, due, line_units
from services.order.refunding import Due, refund_due
from services.order.replaced_units import Units
from services.order.return_policy import cause_of, fee_of, label_fee
from services.order.return_state import LineReturn
from services.order.unit_ranges import Ranges, count, joined, without
from services.order.value import line_values, part_of

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = [
    "any_settled",
    "counted_on",
    "credit_for",
    "exchanges",
    "expected",
    "lines_still_out",
    "of_lines",
    "open_units",
    "owed_in_money",
    "room",
    "secured",
    "to_leave",
    "to_pay",
    "value_for",
    "waiting",
    "worth_nothing",
]


def exchanges(state: OrderStream) -> list[Exchange]:
    """The exchanges in their order."""
    return sorted(state.exchanges.exchanges.values(), key=lambda each: each.number)


# What comes back


def value_for(state: OrderStream, lines: Iterable[ReturnLine]) -> int:
    """What was paid for units that are to come back, as far as it comes back with them."""
    mine = [(line, line.ranges) for line in lines]
    return sum(due.amount for due in _dues(state, mine, others=counted_on(state)))


def worth_nothing(state: OrderStream, lines: Iterable[ReturnLine]) -> bool:
    """Whether nothing is due for some of these units: they were paid back or sent again, or another system took their
    money."""
    return any(due.paid_back or due.elsewhere for due in _dues(state, [(line, line.ranges) for line in lines]))


def waiting(state: OrderStream, lines: Iterable[ReturnLine]) -> bool:
    """Whether the money of some of these units is not taken yet."""
    return any(due.waiting for due in _dues(state, [(line, line.ranges) for line in lines]))


def _dues(
    state: OrderStream, parts: Sequence[tuple[ReturnLine, Ranges]], fee: int = 0, others: int = 0
) -> Iterator[Due]:
    """What is due for units, where we are not at fault and where we are; a fee is kept of the first alone. `others` is
    what other exchanges have counted on."""
    for cause in (RefundCause.RETURNED, RefundCause.RETURNED_AT_FAULT):
        mine = [(line.line, ranges) for line, ranges in parts if cause_of(line) is cause]
        if mine:
            yield refund_due(state, _units(mine), cause, fee if cause is RefundCause.RETURNED else 0, others)


def credit_for(state: OrderStream, lines: Sequence[ReturnLine], label: int) -> int:
    """What the customer is credited for units that come back as good as they went, `label` is kept for our label."""
    return _credit(state, [(line, line.ranges) for line in lines], label, counted_on(state))


def _credit(state: OrderStream, parts: Sequence[tuple[ReturnLine, Ranges]], label: int, others: int) -> int:
    fee = label
    for line, ranges in parts:
        due = refund_due(state, _units([(line.line, ranges)]), RefundCause.RETURNED)
        own = sum(each.amount.amount for each in due.lines)
        fee += fee_of(own, line.reason, Disposition.RESTOCK, line.restocking, line.damaged)
    return sum(due.amount for due in _dues(state, parts, fee, others))


def _units(parts: Iterable[tuple[str, Ranges]]) -> list[Units]:
    return [Units(line, each.from_unit, each.to_unit) for line, ranges in parts for each in ranges]


def _open(line: LineReturn) -> Ranges:
    return without(joined(line.waited, line.here), line.settled)


def open_units(state: OrderStream, each: Exchange) -> int:
    """Units that have still to come back, or that it is not decided yet what the customer gets for."""
    returning = state.returns.returns[str(each.number)]
    return sum(count(_open(line)) for line in returning.lines.values())


def any_settled(state: OrderStream, each: Exchange) -> bool:
    """Whether it is decided what the customer gets for some unit of it; where nothing is open, and not, nothing came."""
    returning = state.returns.returns[str(each.number)]
    return any(line.settled for line in returning.lines.values())


def counted_on(state: OrderStream, but: int | None = None) -> int:
    """What exchanges expect to be credited, but for the one of this return: it pays for goods that were agreed, so that
    nothing else is given back out of it."""
    total = 0
    for each in exchanges(state):
        if each.number != but:
            total += _expected(state, each, total)
    return total


def expected(state: OrderStream, each: Exchange) -> int:
    """What more is expected to be credited: for units that have still to come, or to be looked at."""
    return _expected(
        state, each, sum(expected(state, other) for other in exchanges(state) if other.number < each.number)
    )


def _expected(state: OrderStream, each: Exchange, others: int) -> int:
    returning = state.returns.returns[str(each.number)]
    parts = [(line.asked, _open(line)) for _, line in sorted(returning.lines.items()) if _open(line)]
    kept = returning.label_kept
    asked, currency = returning.requested, state.order.terms.currency
    label = 0 if kept else label_fee(asked.postage, currency, asked.label_fee)
    return _credit(state, parts, label, others) if parts else 0


# What goes out


def to_leave(state: OrderStream, each: Exchange) -> int:
    """What the units of its lines are worth that have neither left nor been cancelled."""
    values, total = line_values(state.order.terms, state.order.adjustments), 0
    for name in each.lines:
        line = state.order.lines.get(name)
        if line is not None:
            gone = line_units(line, *WITH_CUSTOMER)
            kept = sum(line.units) - line_units(line, Bucket.CANCELLED)
            total += sum(part_of(values[name], gone, max(gone, kept)))
    return total


def of_lines(state: OrderStream, each: Exchange, ranges: Iterable[CaptureLine]) -> int:
    """What units that left together are worth, as far as they are of its lines."""
    values = line_values(state.order.terms, state.order.adjustments)
    mine = (part for part in ranges if part.line in each.lines)
    return sum(sum(part_of(values[part.line], part.from_unit, part.to_unit)) for part in mine)


# The account


def room(state: OrderStream, each: Exchange) -> int:
    """What of the credit, that is there or expected, pays for nothing yet; below zero where more was counted on than is
    to come."""
    return each.earned + expected(state, each) - each.paid_out - each.applied


def _set_against(state: OrderStream, each: Exchange) -> int:
    """What of its lines is, or will be, paid by credit. Of what leaves at once only credit that is there counts: the rest
    is secured until the goods are back."""
    credit = each.earned - each.paid_out
    if each.send is ExchangeSend.ON_RECEIPT:
        credit += expected(state, each)
    return min(credit, each.applied + to_leave(state, each))


def owed_in_money(state: OrderStream) -> int:
    """What has to be secured for the order in all, beside what another system settled and what credit pays."""
    return due(state.order) - state.order.settled - sum(_set_against(state, each) for each in exchanges(state))


def to_pay(state: OrderStream) -> int:
    """What of what is owed was not captured yet, beside what another system settled and what credit pays. What is bought on
    account is captured when it is charged there, whenever the buyer pays."""
    return max(0, owed_in_money(state) - (state.order.captured - state.order.captured_before))


def secured(state: OrderStream) -> int:
    """What payments was asked to secure so far, and has not let go of since the order was complete."""
    reservation = state.reservation
    asked = reservation.authorization
    return (asked.amount.amount if asked else 0) + reservation.increased - reservation.let_go


def lines_still_out(state: OrderStream) -> Iterator[Exchange]:
    """Exchanges of which more left than came back: goods are out both ways."""
    return (each for each in exchanges(state) if each.applied > each.earned - each.paid_out)
