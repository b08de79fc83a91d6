"""Units that were sent again: which are, which unit each is sent for, and where the money for it was paid.

A line of a replacement is owed nothing. What was paid stays with the unit that was placed with the order, so what is due
for a unit that was sent in its place, also for the third of a row, is what was paid for that first one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from services.order.refund_state import Range, RefundsState, given_back, without

__all__ = ["Units", "paid_back", "paid_for", "replaced", "sent_for"]


class Units(NamedTuple):
    """The units [start, end) of a line."""

    line: str
    start: int
    end: int


def replaced(state: RefundsState, line: str) -> tuple[Range, ...]:
    """The units of a line that are sent again, or were."""
    return tuple(sorted((part.from_unit, part.to_unit) for part in state.replaced.get(line, ())))


def paid_for(state: RefundsState, units: Units) -> Iterator[Units]:
    """Where the money for these units was paid: these themselves, or those that they were sent for."""
    origins = state.origins.get(units.line)
    if origins is None:
        yield units
        return
    for before in sent_for(state, units):
        yield from paid_for(state, before)


def sent_for(state: RefundsState, units: Units) -> Iterator[Units]:
    """The units that these were sent in the place of; of units that were placed with the order none."""
    for part in state.origins.get(units.line, ()):
        size = part.to_unit - part.from_unit
        start, end = max(units.start, part.by_from), min(units.end, part.by_from + size)
        if start < end:
            shift = part.from_unit - part.by_from
            yield Units(part.line, start + shift, end + shift)


def paid_back(state: RefundsState, line: str) -> tuple[Range, ...]:
    """The units of a line that money was granted for, by its own numbers."""
    own = given_back(state, line)
    return tuple(sorted((*own, *_paid_back_before(state, line))))


def _paid_back_before(state: RefundsState, line: str) -> Iterable[Range]:
    for part in state.origins.get(line, ()):
        whole = ((part.from_unit, part.to_unit),)
        for start, end in without(whole, without(whole, paid_back(state, part.line))):
            shift = part.by_from - part.from_unit
            yield start + shift, end + shift
