"""The returns of an order: which units each has, and how far it is. State and `evolve` alone.

A fold of the order's stream beside the sagas, which it outlives. What leads to the events is in returning.py and
return_answers.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chassis.maps import HashTrieMap
from chassis.saga import Asks, deadlines, name_of, note, settle, suspend
from chassis.states import replace
from contracts.fulfillment import Disposition
from contracts.message import Event
from contracts.order import (
    Bucket,
    LinesDelivered,
    LinesFulfilled,
    Move,
    OrderImported,
    RefundMoment,
    ReplacementGivenUp,
    ReturnApproved,
    ReturnCompleted,
    ReturnDeclined,
    ReturnExpired,
    ReturnLine,
    ReturnListed,
    ReturnOnItsWay,
    ReturnReckoned,
    ReturnRequested,
    ReturnResumed,
    ReturnUnitsInspected,
    ReturnUnitsReceived,
    ReturnWithdrawn,
    StepAskedAgain,
    StepUnanswered,
    UnitRange,
)
from services.order.unit_ranges import Ranges, count, joined, without

__all__ = [
    "DECISION",
    "INSPECT_RETURN",
    "NOT_RETURNED",
    "OPEN_RETURN",
    "RETURN_GOODS",
    "LineReturn",
    "ReturnState",
    "Returning",
    "ReturnsState",
    "as_of",
    "deadlines_of",
    "evolve",
    "held",
    "numbered",
]

OPEN_RETURN = "open_return"
RETURN_GOODS = "return_goods"
INSPECT_RETURN = "inspect_return"
STEP_NAMES = (OPEN_RETURN, RETURN_GOODS, INSPECT_RETURN)

NOT_RETURNED = frozenset({Disposition.MISSING, Disposition.SENT_BACK})
"""Dispositions of units that are the customer's: they never came, or go back to them."""

DECISION = "return_decision"
"""The deadline of a person's decision, by the number of the return."""


class ReturnState(StrEnum):
    """How far a return is for the order. `requested`: a person has to decide."""

    REQUESTED = "requested"
    APPROVED = "approved"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    COMPLETED = "completed"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"

    @property
    def over(self) -> bool:
        """Nothing more is to come."""
        return self in (ReturnState.COMPLETED, ReturnState.DECLINED, ReturnState.EXPIRED, ReturnState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class LineReturn:
    """Units of a line in a return: those that are `waited` for, `received` and not looked at, and those that were, by
    disposition. `from_delivered` of them were delivered before; the others had left us and nobody said more. For those that
    are `settled` it is decided what the customer gets."""

    asked: ReturnLine
    waited: Ranges = ()
    received: Ranges = ()
    inspected: HashTrieMap[str, Ranges] = HashTrieMap()
    from_delivered: int = 0
    settled: Ranges = ()

    @property
    def here(self) -> Ranges:
        """The units that came back."""
        return joined(self.received, *self.inspected.values())

    @property
    def due(self) -> list[tuple[str | None, Ranges]]:
        """The units of which it is to be decided what the customer gets, by disposition."""
        at_receipt = self.asked.refund_at is RefundMoment.RECEIPT
        parts: list[tuple[str | None, Ranges]] = [(None, self.received if at_receipt else ())]
        parts += sorted(self.inspected.items())
        return [(said, left) for said, ranges in parts if (left := without(ranges, self.settled))]


@dataclass(frozen=True, slots=True)
class Returning:
    """A return of the order, by its `number` within it."""

    number: int
    return_id: str
    state: ReturnState
    requested: ReturnRequested
    lines: HashTrieMap[str, LineReturn]
    decide_by: datetime | None = None
    listed: bool = False
    goods_by: datetime | None = None
    label_kept: bool = False


@dataclass(frozen=True, slots=True)
class ReturnsState:
    """The returns by number (as text). `since` is when units of a line last left us or arrived: from then on its window
    counts; `now` the time of the last event."""

    returns: HashTrieMap[str, Returning] = HashTrieMap()
    asks: Asks = HashTrieMap()
    since: HashTrieMap[str, datetime] = HashTrieMap()
    now: datetime | None = None


def numbered(state: ReturnsState, return_id: str) -> Returning | None:
    """The return whose goods come back in this stream: the last one, where an earlier wish for them came to nothing."""
    named = [each for each in state.returns.values() if each.return_id == return_id]
    return max(named, key=lambda each: each.number, default=None)


def held(state: ReturnsState, line: str) -> Ranges:
    """The units of a line that are in returns, on their way or here."""
    parts = (each.lines.get(line) for each in state.returns.values())
    return joined(*(joined(part.waited, part.here) for part in parts if part is not None))


def deadlines_of(state: ReturnsState) -> Mapping[str, datetime]:
    """When answers are late, and by when a person decides."""
    decisions = {
        name_of(DECISION, number): each.decide_by
        for number, each in sorted(state.returns.items())
        if each.decide_by is not None
    }
    return {**deadlines(state.asks), **decisions}


# Evolve


def as_of(state: ReturnsState, moment: datetime) -> ReturnsState:
    """The time of the event that comes next: since when customers have what it says they have."""
    return replace(state, now=moment)


def evolve(state: ReturnsState, event: Event) -> ReturnsState:
    """The returns after one more event of the order's stream."""
    evolver = _EVOLVERS.get(type(event))
    return state if evolver is None else evolver(state, event)


def _with_customer(state: ReturnsState, event: LinesFulfilled | LinesDelivered | OrderImported) -> ReturnsState:
    if state.now is None:
        return state
    since = state.since
    for each in event.moves:
        if each.target in (Bucket.FULFILLED, Bucket.DELIVERED):
            since = since.insert(each.line, state.now)
    return replace(state, since=since)


def _requested(state: ReturnsState, event: ReturnRequested) -> ReturnsState:
    lines = {
        line.line: LineReturn(line, line.ranges, from_delivered=_delivered(event.moves, line.line))
        for line in event.lines
    }
    first = ReturnState.APPROVED if event.approved else ReturnState.REQUESTED
    each = Returning(event.number, event.return_id, first, event, HashTrieMap(lines), event.answer_by)
    return _with(state, each)


def _delivered(moves: Iterable[Move], line: str) -> int:
    """How many more of a line's units, that were delivered, a return has after these moves."""
    own = [each for each in moves if each.line == line]
    came = sum(each.quantity for each in own if each.source is Bucket.DELIVERED)
    return came - sum(each.quantity for each in own if each.target is Bucket.DELIVERED)


def _with(state: ReturnsState, each: Returning, *settled: str) -> ReturnsState:
    asks = state.asks
    for step in settled:
        asks = settle(asks, step, str(each.number))
    return replace(state, returns=state.returns.insert(str(each.number), each), asks=asks)


def _approved(state: ReturnsState, event: ReturnApproved) -> ReturnsState:
    key = str(event.number)
    each = replace(state.returns[key], state=ReturnState.APPROVED, decide_by=None, goods_by=event.goods_by)
    asks = note(state.asks, OPEN_RETURN, key, event.answer_by)
    return _with(replace(state, asks=note(asks, RETURN_GOODS, key, event.goods_by)), each)


def _over(state: ReturnsState, event: Any) -> ReturnsState:
    """Nothing is waited for any more; what was is the customer's again."""
    if event.number is None:
        return state
    each = state.returns[str(event.number)]
    lines = {
        name: replace(line, waited=(), from_delivered=line.from_delivered + _delivered(event.moves, name))
        for name, line in each.lines.items()
    }
    if isinstance(event, ReturnExpired) and _any_here(each):
        # The rest never came; what did goes its way, and the node says when that is over.
        return _with(state, replace(each, lines=HashTrieMap(lines)), OPEN_RETURN, RETURN_GOODS)
    each = replace(each, state=_ENDS[type(event)], decide_by=None, lines=HashTrieMap(lines))
    return _with(state, each, *STEP_NAMES)


def _any_here(each: Returning) -> bool:
    return any(line.here for line in each.lines.values())


_ENDS: Mapping[type[Event], ReturnState] = {
    ReturnDeclined: ReturnState.DECLINED,
    ReturnExpired: ReturnState.EXPIRED,
    ReturnWithdrawn: ReturnState.WITHDRAWN,
    ReturnCompleted: ReturnState.COMPLETED,
}


def _listed(state: ReturnsState, event: ReturnListed) -> ReturnsState:
    return _with(state, replace(state.returns[str(event.number)], listed=True), OPEN_RETURN)


def _on_its_way(state: ReturnsState, event: ReturnOnItsWay) -> ReturnsState:
    each = state.returns[str(event.number)]
    return _with(state, replace(each, state=ReturnState.IN_TRANSIT))


def _changed(
    each: Returning, line: str, ranges: Ranges, moves: Iterable[Move], disposition: str | None, gone: bool = False
) -> Returning:
    """The return once units of a line were received (`disposition` None), or have a disposition, or are `gone` again."""
    before = each.lines[line]
    seen = {said: left for said, there in before.inspected.items() if (left := without(there, ranges))}
    received = without(before.received, ranges)
    if disposition is None:
        received = joined(received, ranges)
    elif not gone:
        seen[disposition] = joined(seen.get(disposition, ()), ranges)
    after = replace(
        before,
        waited=without(before.waited, ranges),
        received=received,
        inspected=HashTrieMap(seen),
        from_delivered=before.from_delivered + _delivered(moves, line),
    )
    return replace(each, lines=each.lines.insert(line, after))


def _received(state: ReturnsState, event: ReturnUnitsReceived) -> ReturnsState:
    key = str(event.number)
    each = state.returns[key]
    for part in event.lines:
        each = _changed(each, part.line, part.ranges, event.moves, None)
    each = replace(each, state=each.state if each.state is ReturnState.COMPLETED else ReturnState.RECEIVED)
    missing = any(line.waited for line in each.lines.values())
    state = _with(state, each, OPEN_RETURN, *(() if missing else (RETURN_GOODS,)))
    if not event.lines:
        return state
    return replace(state, asks=note(state.asks, INSPECT_RETURN, key, event.inspect_by))


def _inspected(state: ReturnsState, event: ReturnUnitsInspected) -> ReturnsState:
    each, moves = state.returns[str(event.number)], event.moves
    for part in event.lines:
        missing = part.disposition in NOT_RETURNED and not part.lost
        each = _changed(each, part.line, part.ranges, moves, part.disposition, missing)
        moves = tuple(move for move in moves if move.line != part.line)
    unseen = any(count(line.received) for line in each.lines.values())
    return _with(state, each, *(() if unseen else (INSPECT_RETURN,)))


def _reckoned(state: ReturnsState, event: ReturnReckoned) -> ReturnsState:
    each = state.returns[str(event.number)]
    lines = each.lines
    for part in event.lines:
        line = lines[part.line]
        lines = lines.insert(part.line, replace(line, settled=joined(line.settled, part.ranges)))
    return _with(state, replace(each, lines=lines, label_kept=each.label_kept or event.label is not None))


def _not_sent_again(state: ReturnsState, event: ReplacementGivenUp) -> ReturnsState:
    """Nothing was due for units that others were to be sent for. Now that none are, it is to be decided again."""
    returns = state.returns
    for key, each in state.returns.items():
        lines = each.lines
        for units in event.units:
            line = lines.get(units.line)
            if line is not None:
                again = UnitRange(from_unit=units.from_unit, to_unit=units.to_unit)
                lines = lines.insert(units.line, replace(line, settled=without(line.settled, (again,))))
        returns = returns.insert(key, replace(each, lines=lines))
    return replace(state, returns=returns)


def _resumed(state: ReturnsState, event: ReturnResumed) -> ReturnsState:
    return _with(state, replace(state.returns[str(event.number)], state=ReturnState.RECEIVED))


def _asked_again(state: ReturnsState, event: StepAskedAgain) -> ReturnsState:
    if event.step not in STEP_NAMES:
        return state
    return replace(state, asks=note(state.asks, event.step, event.key, event.answer_by, event.asks))


def _unanswered(state: ReturnsState, event: StepUnanswered) -> ReturnsState:
    return replace(state, asks=suspend(state.asks, event.step, event.key))


_EVOLVERS: Mapping[type[Event], Any] = {
    OrderImported: _with_customer,
    LinesFulfilled: _with_customer,
    LinesDelivered: _with_customer,
    ReturnRequested: _requested,
    ReturnApproved: _approved,
    ReturnDeclined: _over,
    ReturnExpired: _over,
    ReturnWithdrawn: _over,
    ReturnCompleted: _over,
    ReturnListed: _listed,
    ReturnOnItsWay: _on_its_way,
    ReturnUnitsReceived: _received,
    ReturnUnitsInspected: _inspected,
    ReturnReckoned: _reckoned,
    ReplacementGivenUp: _not_sent_again,
    ReturnResumed: _resumed,
    StepAskedAgain: _asked_again,
    StepUnanswered: _unanswered,
}
