"""Where the reservation of an order stands: its claims, what they hold, and what was asked for.

State and `evolve` alone; what leads to the events is in reservation_advance.py and reservation_answers.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.maps import HashTrieMap
from chassis.saga import Asks, deadlines, note, settle, suspend
from chassis.states import replace
from contracts.message import Event
from contracts.order import (
    AuthorizationRecorded,
    AuthorizationRequested,
    Bucket,
    CancelAfterPassed,
    ChangeDeclined,
    ChangeRefused,
    ClaimRefused,
    FulfillmentDeclined,
    GivenBack,
    HoldPlaced,
    HoldReleased,
    IncreaseRecorded,
    IncreaseRequested,
    LineBackordered,
    LineReserved,
    LinesAdded,
    LinesCancelled,
    LinesShort,
    Move,
    OrderCancelled,
    OrderCompleted,
    OrderImported,
    OrderPlaced,
    QuantityMoved,
    ReleasedToFulfillment,
    ReservationLost,
    ShipGroupChanged,
    SourcingDecided,
    StepAskedAgain,
    StepUnanswered,
    StockGivenBack,
)
from services.order.value import rated_among, rated_lines

__all__ = [
    "AUTHORIZE",
    "CANCEL_AFTER",
    "CLAIM",
    "INCREASE",
    "ONLY",
    "Claim",
    "Held",
    "ReservationState",
    "claims_in_order",
    "deadlines_of",
    "evolve",
    "held_key",
]

CLAIM = "claim"
AUTHORIZE = "authorize"
INCREASE = "increase"
CANCEL_AFTER = "cancel_after"
ONLY = "1"
"""The key of a step that an order takes once."""


# State


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on stock. `unanswered` units stand in `ordered`, `waiting` ones in `backordered`; a claim is `live`
    until it is refused or released. `withdrawn` units were cancelled while they waited, and stock may be on its way for
    them all the same. What waits `awaits` a supply, `expected_at` then, where one was announced."""

    line: str
    sequence: int
    sku: str
    quantity: int
    unit: str
    location: str
    queue: bool
    eligible_locations: tuple[str, ...]
    decision: int
    unanswered: int
    waiting: int = 0
    withdrawn: int = 0
    live: bool = True
    awaits: str | None = None
    expected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Units that a claim holds at a location and no node has heard of."""

    line: str
    sequence: int
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ReservationState:
    """How far the reservation is. `unanswered` sums the claims; `open_units` are neither reserved nor cancelled;
    `refused` locations are left out of the next attempts, `barred` ones of everything for that line;
    `increased` is what was secured beside that for changes, and `let_go` what of both was given back when the order was
    complete, in minor units; `taken_before` is what another system captured; `cancel_afters` are the last moments of lines, in order, that have not passed; `first_expected` is when the supply of a
    line was expected when it first waited for one."""

    claims: HashTrieMap[str, Claim] = HashTrieMap()
    held: HashTrieMap[str, Held] = HashTrieMap()
    unanswered: int = 0
    open_units: int = 0
    decisions: int = 0
    attempt: int = 0
    next_sequence: int = 0
    refused: HashTrieMap[str, tuple[str, ...]] = HashTrieMap()
    barred: HashTrieMap[str, tuple[str, ...]] = HashTrieMap()
    cancel_afters: tuple[datetime, ...] = ()
    asks: Asks = HashTrieMap()
    authorization: AuthorizationRequested | None = None
    authorized: bool = False
    increased: int = 0
    let_go: int = 0
    taken_before: int = 0
    first_expected: HashTrieMap[str, datetime] = HashTrieMap()


def claims_in_order(claims: HashTrieMap[str, Claim]) -> list[Claim]:
    return sorted(claims.values(), key=lambda claim: claim.sequence)


def held_key(sequence: int, location: str) -> str:
    """Names what a claim holds at a location."""
    return f"{sequence}@{location}"


# Evolve


def evolve(state: ReservationState, event: Event) -> ReservationState:
    """The saga after one more event of the order's stream."""
    if isinstance(event, QuantityMoved):
        state = replace(state, open_units=state.open_units + _opened(event.moves))
    evolver = _EVOLVERS.get(type(event))
    return state if evolver is None else evolver(state, event)


def _opened(moves: Iterable[Move]) -> int:
    """By how many the open units grow: those that came to `ordered` or `backordered`, less those that left."""
    waiting = (Bucket.ORDERED, Bucket.BACKORDERED)
    return sum(((move.target in waiting) - (move.source in waiting)) * move.quantity for move in moves)


def _placed(state: ReservationState, event: OrderPlaced) -> ReservationState:
    limits = {limit for line in event.lines if (limit := line.cancel_after or event.cancel_after) is not None}
    open_units = sum(line.quantity for line in rated_lines(event))
    return replace(state, open_units=state.open_units + open_units, cancel_afters=tuple(sorted(limits)))


def _taken_over(state: ReservationState, event: OrderImported) -> ReservationState:
    return replace(_placed(state, event), taken_before=event.captured.amount)


def _added(state: ReservationState, event: LinesAdded) -> ReservationState:
    limits = {line.cancel_after for line in event.lines if line.cancel_after is not None}
    open_units = sum(line.quantity for line in rated_among(event.lines))
    limits.update(state.cancel_afters)
    added = replace(state, open_units=state.open_units + open_units, cancel_afters=tuple(sorted(limits)))
    return _afresh(added)


def _group_changed(state: ReservationState, event: ShipGroupChanged) -> ReservationState:
    return _afresh(_given_back(state, event.released_claims))


def _increase_requested(state: ReservationState, event: IncreaseRequested) -> ReservationState:
    return replace(state, asks=note(state.asks, INCREASE, event.change, event.answer_by))


def _increased(state: ReservationState, event: IncreaseRecorded) -> ReservationState:
    asks = settle(state.asks, INCREASE, event.change)
    return replace(state, asks=asks, increased=state.increased + event.amount.amount)


def _change_refused(state: ReservationState, event: ChangeRefused | ChangeDeclined) -> ReservationState:
    return state if event.change is None else replace(state, asks=settle(state.asks, INCREASE, event.change))


def _decided(state: ReservationState, event: SourcingDecided) -> ReservationState:
    claims, asks = state.claims, state.asks
    for part in event.allocations:
        claim = Claim(
            line=part.line,
            sequence=part.sequence,
            sku=part.sku,
            quantity=part.quantity,
            unit=part.unit,
            location=part.location,
            queue=part.queue,
            eligible_locations=part.eligible_locations,
            decision=event.decision,
            unanswered=part.quantity,
        )
        claims = claims.insert(str(part.sequence), claim)
    if event.answer_by is not None:
        asks = note(asks, CLAIM, str(event.decision), event.answer_by)
    return replace(
        state,
        claims=claims,
        asks=asks,
        unanswered=sum(part.quantity for part in event.allocations),
        decisions=event.decision,
        attempt=event.attempt,
        next_sequence=state.next_sequence + len(event.allocations),
    )


def _answered(state: ReservationState, claim: Claim) -> ReservationState:
    """A claim changed; when no unit is unanswered any more, the step is."""
    unanswered = state.unanswered + claim.unanswered - state.claims[str(claim.sequence)].unanswered
    asks = state.asks if unanswered else settle(state.asks, CLAIM, str(state.decisions))
    claims = state.claims.insert(str(claim.sequence), claim)
    return replace(state, claims=claims, unanswered=unanswered, asks=asks)


def _reserved(state: ReservationState, event: LineReserved) -> ReservationState:
    claim = state.claims[str(event.sequence)]
    first = min(event.quantity, claim.unanswered)
    waiting = claim.waiting - (event.quantity - first)
    state = _answered(state, replace(claim, unanswered=claim.unanswered - first, waiting=waiting))
    key = held_key(event.sequence, event.location)
    before = state.held[key].quantity if key in state.held else 0
    held = Held(event.line, event.sequence, event.location, before + event.quantity)
    return replace(state, held=state.held.insert(key, held))


def _backordered(state: ReservationState, event: LineBackordered) -> ReservationState:
    claim = state.claims[str(event.sequence)]
    unanswered, waiting = claim.unanswered - event.quantity, claim.waiting + event.quantity
    claim = replace(claim, unanswered=unanswered, waiting=waiting, awaits=event.awaits, expected_at=event.expected_at)
    state = _answered(state, claim)
    if event.expected_at is None or event.line in state.first_expected:
        return state
    return replace(state, first_expected=state.first_expected.insert(event.line, event.expected_at))


def _refused(state: ReservationState, event: ClaimRefused) -> ReservationState:
    claim = state.claims[str(event.sequence)]
    claim = replace(claim, unanswered=0, live=event.quantity < claim.quantity)
    return replace(_answered(state, claim), refused=_with(state.refused, event.line, event.location))


def _with(known: HashTrieMap[str, tuple[str, ...]], line: str, location: str) -> HashTrieMap[str, tuple[str, ...]]:
    before = known.get(line, ())
    return known if location in before else known.insert(line, (*before, location))


def _afresh(state: ReservationState) -> ReservationState:
    """What changed is no refusal: attempts count from the start."""
    return replace(state, attempt=0, refused=HashTrieMap())


def _lost(state: ReservationState, event: ReservationLost) -> ReservationState:
    key = held_key(event.sequence, event.location)
    left = state.held[key].quantity - event.quantity
    held = replace(state.held[key], quantity=left)
    return _afresh(replace(state, held=state.held.insert(key, held) if left else state.held.remove(key)))


def _cancelled(state: ReservationState, event: LinesCancelled) -> ReservationState:
    return _reduced(_given_back(state, event.released_claims), event.given_back)


def _reduced(state: ReservationState, parts: Iterable[GivenBack]) -> ReservationState:
    """Claims hold so much less, or wait for so much less; the rest of them stays."""
    for part in parts:
        if part.location is None:
            claim = state.claims[str(part.sequence)]
            less = replace(claim, waiting=claim.waiting - part.quantity, withdrawn=claim.withdrawn + part.quantity)
            state = replace(state, claims=state.claims.insert(str(part.sequence), less))
            continue
        key = held_key(part.sequence, part.location)
        left = state.held[key].quantity - part.quantity
        held = state.held.insert(key, replace(state.held[key], quantity=left)) if left else state.held.remove(key)
        state = replace(state, held=held)
    return state


def _late_stock(state: ReservationState, event: StockGivenBack) -> ReservationState:
    claim = state.claims[str(event.sequence)]
    less = replace(claim, withdrawn=claim.withdrawn - event.quantity)
    return replace(state, claims=state.claims.insert(str(event.sequence), less))


def _given_back(state: ReservationState, sequences: Iterable[int]) -> ReservationState:
    """Claims are released: they hold nothing, wait for nothing and are owed no answer."""
    for sequence in sequences:
        claim = replace(state.claims[str(sequence)], unanswered=0, waiting=0, live=False)
        state = _answered(state, claim)
        gone = [key for key, held in state.held.items() if held.sequence == sequence]
        for key in gone:
            state = replace(state, held=state.held.remove(key))
    return state


def _released(state: ReservationState, event: ReleasedToFulfillment) -> ReservationState:
    held = state.held
    for line in event.lines:
        held = held.remove(held_key(line.sequence, event.location))
    return replace(state, held=held)


def _declined(state: ReservationState, event: FulfillmentDeclined) -> ReservationState:
    barred = state.barred
    for line in event.lines:
        barred = _with(barred, line, event.location)
    return replace(_afresh(_given_back(state, event.claims)), barred=barred)


def _short(state: ReservationState, event: LinesShort) -> ReservationState:
    barred = state.barred
    for line in event.lines:
        barred = _with(barred, line.line, event.location)
    return replace(_afresh(state), barred=barred)


def _cancel_after_passed(state: ReservationState, event: CancelAfterPassed) -> ReservationState:
    return replace(state, cancel_afters=tuple(limit for limit in state.cancel_afters if limit > event.due))


def _hold_placed(state: ReservationState, event: HoldPlaced) -> ReservationState:
    """A step that ended in a hold waits for a person, and for no answer."""
    return state if event.step is None else replace(state, asks=suspend(state.asks, event.step, event.key or ONLY))


def _hold_released(state: ReservationState, event: HoldReleased) -> ReservationState:
    return _afresh(state)


def _authorization_requested(state: ReservationState, event: AuthorizationRequested) -> ReservationState:
    asks = note(state.asks, AUTHORIZE, ONLY, event.answer_by)
    return replace(state, asks=asks, authorization=event, authorized=False)


def _authorized(state: ReservationState, event: AuthorizationRecorded) -> ReservationState:
    return replace(state, authorized=True, asks=settle(state.asks, AUTHORIZE, ONLY))


def _asked_again(state: ReservationState, event: StepAskedAgain) -> ReservationState:
    if event.step not in (CLAIM, AUTHORIZE, INCREASE):
        return state
    return replace(state, asks=note(state.asks, event.step, event.key, event.answer_by, event.asks))


def _unanswered(state: ReservationState, event: StepUnanswered) -> ReservationState:
    return replace(state, asks=suspend(state.asks, event.step, event.key))


def _ended(state: ReservationState, event: Event) -> ReservationState:
    """Nobody waits any more. The claims stay known, since what is released now must be named."""
    asks = state.asks
    for asked in state.asks.values():
        asks = settle(asks, asked.step, asked.key)
    return replace(state, asks=asks, unanswered=0, open_units=0, held=HashTrieMap(), cancel_afters=())


def _completed(state: ReservationState, event: OrderCompleted) -> ReservationState:
    """What is secured and was not taken is given back."""
    asked = state.authorization.amount.amount if state.authorization else 0
    taken = event.captured.amount - state.taken_before
    return replace(_ended(state, event), let_go=max(0, asked + state.increased - taken))


_EVOLVERS: Mapping[type[Event], Any] = {
    OrderPlaced: _placed,
    OrderImported: _taken_over,
    LinesAdded: _added,
    ShipGroupChanged: _group_changed,
    IncreaseRequested: _increase_requested,
    IncreaseRecorded: _increased,
    ChangeRefused: _change_refused,
    ChangeDeclined: _change_refused,
    SourcingDecided: _decided,
    LineReserved: _reserved,
    LineBackordered: _backordered,
    ClaimRefused: _refused,
    ReservationLost: _lost,
    LinesCancelled: _cancelled,
    StockGivenBack: _late_stock,
    ReleasedToFulfillment: _released,
    FulfillmentDeclined: _declined,
    LinesShort: _short,
    CancelAfterPassed: _cancel_after_passed,
    HoldPlaced: _hold_placed,
    HoldReleased: _hold_released,
    AuthorizationRequested: _authorization_requested,
    AuthorizationRecorded: _authorized,
    StepAskedAgain: _asked_again,
    StepUnanswered: _unanswered,
    OrderCancelled: _ended,
    OrderCompleted: _completed,
}


def deadlines_of(state: ReservationState) -> Mapping[str, datetime]:
    found = dict(deadlines(state.asks))
    if state.open_units and state.cancel_afters:
        found[CANCEL_AFTER] = state.cancel_afters[0]
    return found
