"""Units of a line as ranges [a, b), counted from the bottom: sorted, apart from one another, and never empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contracts.order import UnitRange

__all__ = ["Ranges", "count", "joined", "shared", "take", "without"]

Ranges = tuple[UnitRange, ...]


def count(ranges: Iterable[UnitRange]) -> int:
    """How many units these are."""
    return sum(each.to_unit - each.from_unit for each in ranges)


def _of(units: Iterable[tuple[int, int]]) -> Ranges:
    return tuple(UnitRange(from_unit=start, to_unit=end) for start, end in units)


def joined(*parts: Iterable[UnitRange]) -> Ranges:
    """The units of all of them."""
    found: list[tuple[int, int]] = []
    for each in sorted((each for part in parts for each in part), key=lambda each: each.from_unit):
        if found and each.from_unit <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], each.to_unit)
        else:
            found.append((each.from_unit, each.to_unit))
    return _of(found)


def without(ranges: Iterable[UnitRange], less: Iterable[UnitRange]) -> Ranges:
    """The units that are not among `less`."""
    left = [(each.from_unit, each.to_unit) for each in joined(ranges)]
    for cut in less:
        left = [
            part
            for start, end in left
            for part in ((start, min(end, cut.from_unit)), (max(start, cut.to_unit), end))
            if part[0] < part[1]
        ]
    return _of(left)


def shared(ranges: Iterable[UnitRange], others: Iterable[UnitRange]) -> Ranges:
    """The units that are in both."""
    return without(ranges, without(ranges, others))


def take(ranges: Sequence[UnitRange], quantity: int) -> Ranges:
    """The first so many of the units, or as many as there are."""
    found: list[tuple[int, int]] = []
    for each in ranges:
        end = min(each.to_unit, each.from_unit + quantity)
        if end > each.from_unit:
            found.append((each.from_unit, end))
            quantity -= end - each.from_unit
    return _of(found)
