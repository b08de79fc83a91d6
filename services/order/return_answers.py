"""What the order makes of goods that come back: which of its units they are, and what became of them.

A fact is never refused, also of a return that is over: units of it that are still the customer's are taken back then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.fulfillment import (
    InspectedItem,
    OpenReturn,
    ReturnCancelled,
    ReturnClosed,
    ReturnInspected,
    ReturnMatched,
    ReturnOpened,
    ReturnReceived,
    ReturnRefused,
    ReturnReopened,
    ReturnSent,
)
from contracts.ids import split_stream
from contracts.message import Event, Message
from contracts.order import (
    Bucket,
    InspectedRange,
    Move,
    ReturnCompleted,
    ReturnDecider,
    ReturnDenial,
    ReturnedRange,
    ReturnListed,
    ReturnOnItsWay,
    ReturnResumed,
    ReturnUnitsInspected,
    ReturnUnitsReceived,
)
from services.order.order import move
from services.order.return_policy import INSPECT_WITHIN
from services.order.return_state import NOT_RETURNED, Returning, ReturnState, numbered
from services.order.returning import declined, free, given_back, taken_back, waited_back
from services.order.unit_ranges import Ranges, count, shared, take, without

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["decide"]

MATCHED = "matched"
"""Stands for the document of goods that had come before the order was known."""


def _of(state: OrderStream, context: Context) -> Returning | None:
    """The return that answers, by the stream that the answer is about."""
    return numbered(state.returns, split_stream(context.subject)[1])


def _on_opened(message: ReturnOpened, state: OrderStream, context: Context) -> Sequence[Event]:
    each = _of(state, context)
    return () if each is None or each.listed else [ReturnListed(number=each.number)]


def _on_refused(message: ReturnRefused, state: OrderStream, context: Context) -> Sequence[Event]:
    each = _of(state, context)
    if each is None or each.listed or each.state.over or message.step != OpenReturn.__name__:
        return ()
    detail = f"fulfillment refused {message.step}: {message.reason}"
    return [declined(each, ReturnDecider.FULFILLMENT, ReturnDenial.NOT_TAKEN, detail)]


def _on_sent(message: ReturnSent, state: OrderStream, context: Context) -> Sequence[Event]:
    each = _of(state, context)
    if each is None or each.state not in (ReturnState.APPROVED, ReturnState.IN_TRANSIT):
        return ()
    sent = ReturnOnItsWay(number=each.number, carrier=message.carrier, tracking_number=message.tracking_number)
    return [sent]


# Received


def _on_received(message: ReturnReceived, state: OrderStream, context: Context) -> Sequence[Event]:
    each = _of(state, context)
    if each is None:
        return ()
    came: dict[str, int] = defaultdict(int)
    for item in message.items:
        came[item.line or ""] += item.quantity
    return [_received(came, message.location, message.document, each, state, context)]


def _received(
    came: Mapping[str, int], location: str, document: str, each: Returning, state: OrderStream, context: Context
) -> ReturnUnitsReceived:
    lines: list[ReturnedRange] = []
    moves: list[Move] = []
    for name, quantity in came.items():
        ranges, moved = _back(name, quantity, each, state)
        moves += moved
        if ranges:
            lines.append(ReturnedRange(line=name, ranges=ranges))
    return ReturnUnitsReceived(
        number=each.number,
        location=location,
        document=document,
        lines=tuple(lines),
        beyond=sum(came.values()) - sum(count(line.ranges) for line in lines),
        inspect_by=context.now + INSPECT_WITHIN,
        moves=tuple(moves),
    )


def _back(name: str, quantity: int, each: Returning, state: OrderStream) -> tuple[Ranges, list[Move]]:
    """The units of a line that came: those that were waited for, then those of this return that are free again."""
    line = each.lines.get(name)
    if line is None:
        return (), []
    waited = take(line.waited, quantity)
    again = take(shared(line.asked.ranges, free(state, name)), quantity - count(waited))
    moves = [
        *move(name, count(waited), Bucket.RETURN_REQUESTED, Bucket.RETURNED),
        *taken_back(state, name, count(again), Bucket.RETURNED),
    ]
    return tuple(sorted((*waited, *again), key=lambda units: units.from_unit)), moves


# Inspected


def _on_inspected(message: ReturnInspected, state: OrderStream, context: Context) -> Sequence[Event]:
    each = _of(state, context)
    if each is None:
        return ()
    seen = _Looked(each, state)
    for item in message.items:
        seen.at(item)
    return seen.events(message.document)


class _Looked:
    """What becomes of units of a return, item by item: no unit is taken twice."""

    def __init__(self, each: Returning, state: OrderStream) -> None:
        self._each, self._state = each, state
        self._lines: list[InspectedRange] = []
        self._missing: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._used: dict[str, Ranges] = {}

    def at(self, item: InspectedItem) -> None:
        """Units that nobody had looked at, or of which something else was said."""
        line = self._each.lines.get(item.line or "")
        if line is None or item.line is None or item.disposition is item.instead_of:
            return
        if item.disposition in NOT_RETURNED and item.instead_of in NOT_RETURNED:
            return  # the customer's before, and after
        if item.instead_of is None:
            here = line.received
        elif item.instead_of in NOT_RETURNED:
            here = shared(line.asked.ranges, free(self._state, item.line))
        else:
            here = line.inspected.get(item.instead_of, ())
        ranges = take(without(here, self._used.get(item.line, ())), item.quantity)
        if ranges:
            self._used[item.line] = (*self._used.get(item.line, ()), *ranges)
            self._say(item, item.line, ranges)

    def _say(self, item: InspectedItem, line: str, ranges: Ranges) -> None:
        missing, first = item.disposition in NOT_RETURNED, item.instead_of is None
        if missing and first:
            self._missing[line] += count(ranges)
        if item.instead_of in NOT_RETURNED:
            self._found[line] += count(ranges)
        lost = True if missing and not first else None
        self._lines.append(InspectedRange(line=line, ranges=ranges, disposition=item.disposition, lost=lost))

    def events(self, document: str) -> Sequence[Event]:
        if not self._lines:
            return ()
        # Of a line all at once: where they were before, there are only so many.
        moves = [
            *(back for line, n in self._missing.items() for back in given_back(self._each, line, n, Bucket.RETURNED)),
            *(back for line, n in self._found.items() for back in taken_back(self._state, line, n, Bucket.RETURNED)),
        ]
        inspected = ReturnUnitsInspected(
            number=self._each.number, document=document, lines=tuple(self._lines), moves=tuple(moves)
        )
        return [inspected]


# Matched, over, and more to say


def _on_matched(message: ReturnMatched, state: OrderStream, context: Context) -> Sequence[Event]:
    """What had come before anybody knew whose it was, and what became of it."""
    each = _of(state, context)
    if each is None or each.listed:
        return ()
    left = {name: line.waited for name, line in each.lines.items()}
    found: list[Event] = [ReturnListed(number=each.number)]
    inspected: list[InspectedRange] = []
    for location in sorted({units.location for units in message.units}):
        here = [units for units in message.units if units.location == location]
        received: list[ReturnedRange] = []
        for units in here:
            ranges = take(left.get(units.line, ()), units.quantity)
            left[units.line] = without(left.get(units.line, ()), ranges)
            received.append(ReturnedRange(line=units.line, ranges=ranges))
            if units.disposition is not None:
                inspected.append(InspectedRange(line=units.line, ranges=ranges, disposition=units.disposition))
        found.append(
            ReturnUnitsReceived(
                number=each.number,
                location=location,
                document=MATCHED,
                lines=tuple(received),
                inspect_by=context.now + INSPECT_WITHIN,
                moves=_to_returned(received),
            )
        )
    if inspected:
        missing: Counter[str] = Counter()
        for part in inspected:
            if part.disposition in NOT_RETURNED:
                missing[part.line] += count(part.ranges)
        moves = [back for line, n in missing.items() for back in given_back(each, line, n, Bucket.RETURNED)]
        found.append(
            ReturnUnitsInspected(number=each.number, document=MATCHED, lines=tuple(inspected), moves=tuple(moves))
        )
    return found


def _to_returned(received: Iterable[ReturnedRange]) -> tuple[Move, ...]:
    return tuple(
        Move(line=part.line, quantity=count(part.ranges), source=Bucket.RETURN_REQUESTED, target=Bucket.RETURNED)
        for part in received
        if part.ranges
    )


def _on_closed(message: ReturnClosed, state: OrderStream, context: Context) -> Sequence[Event]:
    each = _of(state, context)
    if each is None or each.state is ReturnState.COMPLETED:
        return ()
    return [ReturnCompleted(number=each.number, moves=waited_back(each))]


def _on_reopened(message: ReturnReopened, state: OrderStream, context: Context) -> Sequence[Event]:
    each = _of(state, context)
    return () if each is None else [ReturnResumed(number=each.number, detail=message.detail)]


def _nothing(message: Message, state: OrderStream, context: Context) -> Sequence[Event]:
    """Compensation is not waited for."""
    return ()


decide: Mapping[type[Message], Any] = {
    ReturnOpened: _on_opened,
    ReturnRefused: _on_refused,
    ReturnSent: _on_sent,
    ReturnReceived: _on_received,
    ReturnInspected: _on_inspected,
    ReturnMatched: _on_matched,
    ReturnClosed: _on_closed,
    ReturnReopened: _on_reopened,
    ReturnCancelled: _nothing,
}
