"""Goods that leave us: which may not yet, and of those that do what they are worth, the next units from the bottom of
each line with their share of its value.

However they leave, it is one event, which captures and completion listen to.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts.ids import aggregate_id
from contracts.money import Money
from contracts.order import Bucket, FulfilledKind, HeldStep, LinesFulfilled, Move
from contracts.payments import CaptureLine
from services.order.fulfillment_state import FulfillmentState, early_lines
from services.order.order import NOT_RELEASED, WITH_CUSTOMER, OrderState, held_lines, line_units, move, units
from services.order.value import LineValue, line_values, part_of, parts_of_kits, rated_lines
from services.order.ways import handed_out, ship_groups

__all__ = ["hand_out", "kept_back", "lines_fulfilled", "worth"]

_WAITING = (Bucket.ORDERED, Bucket.BACKORDERED)
"""Where units are that others of their ship group or kit may have to wait for."""


def kept_back(order: OrderState, saga: FulfillmentState) -> frozenset[str]:
    """The lines of which nothing goes to a node yet: those that are held, or early, and those of a ship group that must
    be complete, and of a kit, while any unit of that group or kit waits, is held or is early."""
    held = held_lines(order, HeldStep.RELEASE) | early_lines(order.terms, saga)
    if not held and not units(order, *_WAITING):
        return frozenset()
    complete = {name for name, group in ship_groups(order.terms).items() if group.complete}
    kits = {part.line: part.kit for part in parts_of_kits(order.terms)}
    together: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in rated_lines(order.terms):
        if line.ship_group in complete:
            together["group", line.ship_group].append(line.line)
        elif line.line in kits:
            together["kit", kits[line.line]].append(line.line)
    waiting = [names for names in together.values() if any(_waits(order, each, held) for each in names)]
    return held.union(*waiting)


def _waits(order: OrderState, line: str, held: frozenset[str]) -> bool:
    """Whether others of its ship group or kit may have to wait for units of a line."""
    return line_units(order.lines[line], *(NOT_RELEASED if line in held else _WAITING)) > 0


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
