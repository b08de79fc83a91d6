"""Goods that leave us, and what they are worth: the next units from the bottom of each line, with their share of its value.

However they leave, it is one event, which captures and completion listen to.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts.ids import aggregate_id
from contracts.money import Money
from contracts.order import Bucket, FulfilledKind, LinesFulfilled, Move
from contracts.payments import CaptureLine
from services.order.order import WITH_CUSTOMER, OrderState, line_units, move, units
from services.order.value import LineValue, line_values, part_of
from services.order.ways import handed_out, ship_groups

__all__ = ["hand_out", "lines_fulfilled", "worth"]


def lines_fulfilled(
    order: OrderState, kind: FulfilledKind, fulfillment: str, moves: Sequence[Move], **more: Any
) -> LinesFulfilled:
    """The event that units have left under the id `fulfillment`; `more` are the fields that this kind has beside."""
    values, currency = line_values(order.terms, order.adjustments), order.terms.currency
    leaving: Counter[str] = Counter()
    for each in moves:
        leaving[each.line] += each.quantity
    ranges: list[CaptureLine] = []
    others = 0
    for line, quantity in leaving.items():
        start = line_units(order.lines[line], *WITH_CUSTOMER)
        own, other = part_of(values[line], start, start + quantity)
        amount = Money(amount=own, currency=currency)
        ranges.append(CaptureLine(line=line, from_unit=start, to_unit=start + quantity, amount=amount))
        others += other
    total = sum(part.amount.amount for part in ranges) + others
    return LinesFulfilled(
        kind=kind,
        fulfillment=fulfillment,
        ranges=tuple(ranges),
        other=Money(amount=others, currency=currency),
        amount=Money(amount=total, currency=currency),
        moves=tuple(moves),
        **more,
    )


def worth(values: Mapping[str, LineValue], ranges: Iterable[CaptureLine]) -> int:
    """What units are worth by these values of the lines, in minor units: a difference in money may have been accepted
    since they left."""
    return sum(sum(part_of(values[part.line], part.from_unit, part.to_unit)) for part in ranges)


def hand_out(order: OrderState) -> Sequence[LinesFulfilled]:
    """What was handed out at a till had left before the order came, whatever holds it: one event for each ship group."""
    if not order.open or not units(order, Bucket.ORDERED):
        return ()
    moves: dict[str, list[Move]] = defaultdict(list)
    for line in handed_out(order.terms):
        here = line_units(order.lines[line.line], Bucket.ORDERED)
        moves[line.ship_group] += move(line.line, here, Bucket.ORDERED, Bucket.FULFILLED)
    groups, terms = ship_groups(order.terms), order.terms
    return [
        lines_fulfilled(
            order,
            FulfilledKind.HANDED_OUT,
            aggregate_id(terms.tenant, "hand_out", terms.order_id, name),
            left,
            location=groups[name].location,
        )
        for name, left in moves.items()
        if left
    ]
