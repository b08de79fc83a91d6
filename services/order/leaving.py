"""Goods that leave us, and what they are worth: the next units from the bottom of each line, with their share of its value.

However they leave, it is one event, which captures and completion listen to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from contracts.money import Money
from contracts.order import FulfilledKind, LinesFulfilled, Move
from contracts.payments import CaptureLine
from services.order.order import WITH_CUSTOMER, OrderState, line_units
from services.order.value import line_values, part_of

__all__ = ["lines_fulfilled"]


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
