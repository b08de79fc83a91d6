"""Taking over an order that lived in another system: what had left or was given up there stays so, what was captured
there stays captured, and the rest is as open as that of an order placed here.

Here lives what an import says and what is wrong with it. The order's own file makes events of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from contracts.money import Money
from contracts.order import (
    Bucket,
    HoldKind,
    ImportOrder,
    ImportRefusal,
    ImportRefused,
    LineProgress,
    Move,
    OrderTerms,
)
from contracts.payments import CaptureLine
from services.order.checks import CURRENCIES, SHOWN_LINES_MAX, Finding
from services.order.value import line_values, part_of, parts_of_kits, rated_lines
from services.order.ways import handed_out

__all__ = ["gone_before", "left_before", "moved_before", "not_secured", "refusal"]


def refusal(message: ImportOrder) -> ImportRefused | None:
    """Why an order cannot be taken over, if so: half of it would be another order, and it is not lost where it is."""
    ordered = {line.line: max(0, line.quantity) for line in message.lines}
    if unknown := [each.line for each in message.progress if each.line not in ordered]:
        return _refused(ImportRefusal.UNKNOWN_LINE, unknown)
    gone = dict.fromkeys(ordered, 0)
    for each in message.progress:
        gone[each.line] += each.fulfilled + each.cancelled
    if more := [line for line, count in gone.items() if count > ordered[line]]:
        return _refused(ImportRefusal.MORE_THAN_ORDERED, more)
    if gone == ordered:
        return _refused(ImportRefusal.NOTHING_OPEN, ())
    if had_left := [line.line for line in handed_out(message) if gone[line.line] < ordered[line.line]]:
        return _refused(ImportRefusal.HANDED_OUT, had_left)
    if message.currency not in CURRENCIES:
        return _refused(ImportRefusal.UNKNOWN_CURRENCY, ())
    known = {each.currency for each in (message.captured, message.authorized) if each is not None}
    return _refused(ImportRefusal.OTHER_CURRENCY, ()) if known != {message.currency} else None


def _refused(reason: ImportRefusal, lines: Sequence[str]) -> ImportRefused:
    return ImportRefused(reason=reason, lines=tuple(lines[:SHOWN_LINES_MAX]))


def moved_before(terms: OrderTerms, progress: Iterable[LineProgress]) -> tuple[Move, ...]:
    """What had become of units before, in line order; what is said of a kit is so of each component."""
    kits = {part.line: part for part in parts_of_kits(terms)}
    fulfilled, cancelled = _said(progress)
    moves: list[Move] = []
    for line in rated_lines(terms):
        part = kits.get(line.line)
        name, per = (part.kit, part.per) if part else (line.line, 1)
        moves += _moves(line.line, fulfilled[name] * per, Bucket.FULFILLED)
        moves += _moves(line.line, cancelled[name] * per, Bucket.CANCELLED)
    return tuple(moves)


def _said(progress: Iterable[LineProgress]) -> tuple[Counter[str], Counter[str]]:
    """The units by line that had left and that were given up; what is said of a line twice sums."""
    fulfilled: Counter[str] = Counter()
    cancelled: Counter[str] = Counter()
    for each in progress:
        fulfilled[each.line] += each.fulfilled
        cancelled[each.line] += each.cancelled
    return fulfilled, cancelled


def gone_before(message: ImportOrder) -> frozenset[str]:
    """The lines that had units, of which nothing is open: what they lack is missed by nobody."""
    fulfilled, cancelled = _said(message.progress)
    lines = (line for line in message.lines if line.quantity > 0)
    return frozenset(line.line for line in lines if fulfilled[line.line] + cancelled[line.line] == line.quantity)


def _moves(line: str, quantity: int, target: Bucket) -> tuple[Move, ...]:
    return (Move(line=line, quantity=quantity, source=Bucket.ORDERED, target=target),) if quantity else ()


def left_before(terms: OrderTerms, moves: Iterable[Move]) -> tuple[tuple[CaptureLine, ...], int]:
    """The units that had left, from the bottom of each line with their share of its amount, and what they are worth in
    all, in minor units."""
    values, ranges, total = line_values(terms), [], 0
    for move in moves:
        if move.target is Bucket.FULFILLED:
            own, other = part_of(values[move.line], 0, move.quantity)
            amount = Money(amount=own, currency=terms.currency)
            ranges.append(CaptureLine(line=move.line, from_unit=0, to_unit=move.quantity, amount=amount))
            total += own + other
    return tuple(ranges), total


def _owed(terms: OrderTerms, moves: Iterable[Move]) -> int:
    """What is owed for all that is not cancelled, in minor units: cancellation takes from the top."""
    cancelled = {move.line: move.quantity for move in moves if move.target is Bucket.CANCELLED}
    values = line_values(terms).items()
    return sum(sum(part_of(value, 0, value.units - cancelled.get(line, 0))) for line, value in values)


def not_secured(message: ImportOrder, terms: OrderTerms) -> tuple[Finding, ...]:
    """What is wrong with the money that the other system took or secured, by the value of what had left and of all that
    is not cancelled; `terms` are the order's, with kits exploded where that is known."""
    moves = moved_before(terms, message.progress)
    left, owed = left_before(terms, moves)[1], _owed(terms, moves)
    taken, rest = message.captured.amount, owed - max(message.captured.amount, left)
    secured = None if message.authorized is None else message.authorized.amount
    checks: Sequence[tuple[bool, str, int, int]] = (
        (taken < left, "less was captured there than what had left is worth", left, taken),
        (taken > owed, "more was captured there than is owed in all", owed, taken),
        (secured is not None and secured < rest, "less is authorised there than is still owed", rest, secured or 0),
    )

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=message.currency)

    return tuple(
        Finding(HoldKind.SECURED_DIFFERS, detail, expected=money(expected), found=money(found))
        for wrong, detail, expected, found in checks
        if wrong
    )
