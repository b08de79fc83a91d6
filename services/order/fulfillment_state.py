"""Where the fulfillment of an order stands: the work of each node, its packages and labels; what left, and its captures.

State and `evolve` alone; what leads to the events is in fulfillment_advance.py and fulfillment_answers.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.maps import HashTrieMap
from chassis.saga import Asks, deadlines, note, settle, suspend
from chassis.states import replace
from contracts.fulfillment import (
    Package,
)
from contracts.message import Event
from contracts.money import Money
from contracts.order import (
    Bucket,
    CancelLeftToNode,
    CancelReason,
    CancelRefused,
    CaptureNotNeeded,
    CaptureRecorded,
    CaptureRequested,
    CreditApplied,
    CreditCharged,
    DispatchRequested,
    FulfillmentAcceptedByNode,
    FulfillmentDeclined,
    FulfillmentHandedOver,
    FulfillmentListed,
    FulfillmentReady,
    FulfillmentWithdrawn,
    HoldPlaced,
    LinesAdded,
    LinesFulfilled,
    LinesPacked,
    LinesPicked,
    LinesShort,
    LinesWithdrawn,
    Move,
    OrderCancelled,
    OrderCancelRequested,
    OrderCompleted,
    OrderImported,
    OrderLine,
    OrderPlaced,
    OrderReopened,
    OrderTerms,
    ReleasedLine,
    ReleasedToFulfillment,
    ShipmentLabelled,
    ShipmentRequested,
    ShipMethod,
    ShipNotBeforePassed,
    StepAskedAgain,
    StepUnanswered,
)
from contracts.payments import (
    CaptureLine,
)
from services.order.order import (
    IN_FULFILLMENT,
)
from services.order.value import rated_lines

__all__ = [
    "CAPTURE",
    "COLLECT",
    "DECIDE",
    "DISPATCH",
    "LABEL",
    "NOT_BEFORE",
    "RELEASE",
    "WITHDRAW",
    "WORK",
    "Fulfilled",
    "FulfillmentState",
    "Withdrawal",
    "Work",
    "count",
    "deadlines_of",
    "early_lines",
    "evolve",
    "fulfilled_in_order",
    "given_to",
    "not_before",
    "to_pick",
    "work_of",
    "works_in_order",
]

RELEASE = "release"
WORK = "work"
COLLECT = "collect"
LABEL = "label"
DISPATCH = "dispatch"
CAPTURE = "capture"
NOT_BEFORE = "ship_not_before"
WITHDRAW = "withdraw"
DECIDE = "decide"
STEP_NAMES = (RELEASE, WORK, COLLECT, LABEL, DISPATCH, CAPTURE, WITHDRAW, DECIDE)


# State


@dataclass(frozen=True, slots=True)
class Work:
    """A fulfillment order as the order knows it. `counts` are the units of each of its lines that it still has, by
    bucket name and line; `ready` once they lie ready to be collected; `open` until its units are fulfilled, cancelled or sourced again; `left` once they are
    fulfilled. `shipments` were asked for so far, of which `shipment` is the last; `let_go` are the lines of which the
    node let go of units before it picked."""

    location: str
    sequence: int
    ship_group: str
    method: ShipMethod
    lines: tuple[ReleasedLine, ...]
    counts: HashTrieMap[str, int]
    packages: tuple[Package, ...] = ()
    shipment: str | None = None
    shipments: int = 0
    labelled: bool = False
    handed_over: str | None = None
    handed_over_at: datetime | None = None
    dispatching: bool = False
    ready: bool = False
    open: bool = True
    left: bool = False
    let_go: tuple[str, ...] = ()

    @property
    def given_up(self) -> bool:
        """It is closed and nothing of it will leave."""
        return not self.open and not self.left


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """Units that left together, in the order in which such things happened (`number`, from 0): where from, and what they
    are worth. `asked` is what payments were asked to take for them, `applied` what credit pays, in minor units. Of no units:
    what is taken of money instead of credit (`applied` below zero)."""

    number: int
    location: str | None
    amount: Money
    ranges: tuple[CaptureLine, ...]
    asked: int | None = None
    captured: bool = False
    applied: int = 0

    @property
    def covered(self) -> int:
        """What is taken, or to be taken, or paid by credit for them, in minor units."""
        return (self.asked or 0) + self.applied

    @property
    def settled(self) -> bool:
        """Payments were asked to take what it is worth, or need not be."""
        return self.captured or self.asked is not None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a node is asked to let go of: the number of the request, and the units by line; none named: all."""

    request: int
    parts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FulfillmentState:
    """How far fulfillment is: `works` by fulfillment order, what was `fulfilled` by the id that captures name.
    `cancelling` stands once a cancel of the order was wished for; `cancels` counts those that asked nodes, `withdrawing` are the
    fulfillment orders whose answer is open, and `asked_back` is what they were asked; `not_before` are the first moments of lines, in order, that have not come."""

    works: HashTrieMap[str, Work] = HashTrieMap()
    fulfilled: HashTrieMap[str, Fulfilled] = HashTrieMap()
    asks: Asks = HashTrieMap()
    cancelling: bool = False
    cancels: int = 0
    cancel_cause: CancelReason = CancelReason.CUSTOMER
    withdrawing: tuple[str, ...] = ()
    asked_back: HashTrieMap[str, Withdrawal] = HashTrieMap()
    not_before: tuple[datetime, ...] = ()


def count_key(bucket: Bucket, line: str) -> str:
    """Names the units of a line that a fulfillment order has in a bucket."""
    return f"{bucket}:{line}"


def count(work: Work, bucket: Bucket, line: str) -> int:
    """Units of a line that a fulfillment order has in a bucket."""
    return work.counts.get(count_key(bucket, line), 0)


def to_pick(state: FulfillmentState, sequence: int) -> bool:
    """Whether a node still has units of a claim (its sequence) to pick."""
    return any(
        line.sequence == sequence and work.open and count(work, Bucket.RELEASED, line.line)
        for work in state.works.values()
        for line in work.lines
    )


def given_to(state: FulfillmentState, location: str, sequence: int) -> bool:
    """Whether a node at this location was ever given units of a claim (its sequence)."""
    return any(
        line.sequence == sequence for work in state.works.values() if work.location == location for line in work.lines
    )


def works_in_order(works: HashTrieMap[str, Work]) -> list[tuple[str, Work]]:
    return sorted(works.items(), key=lambda item: item[1].sequence)


BEFORE = "before"
"""The key of what had left another system before the order was taken over."""


def fulfilled_in_order(fulfilled: HashTrieMap[str, Fulfilled]) -> list[tuple[str, Fulfilled]]:
    return sorted(fulfilled.items(), key=lambda item: item[1].number)


# Evolve


def evolve(state: FulfillmentState, event: Event) -> FulfillmentState:
    """The saga after one more event of the order's stream."""
    if isinstance(event, OrderPlaced):
        limits = {limit for line in event.lines if (limit := not_before(event, line)) is not None}
        state = replace(state, not_before=tuple(sorted(limits)))
    evolver = _EVOLVERS.get(type(event))
    return state if evolver is None else evolver(state, event)


def _added(state: FulfillmentState, event: LinesAdded) -> FulfillmentState:
    """The first moments of lines that came later; that of the order is known, or has passed."""
    limits = {line.ship_not_before for line in event.lines if line.ship_not_before is not None}
    return replace(state, not_before=tuple(sorted({*state.not_before, *limits})))


def not_before(terms: OrderTerms, line: OrderLine) -> datetime | None:
    """The first moment at which a line may go to a node, if it has one."""
    return line.ship_not_before or terms.ship_not_before


def early_lines(terms: OrderPlaced, state: FulfillmentState) -> frozenset[str]:
    """The lines whose first moment has not come."""
    if not state.not_before:
        return frozenset()
    return frozenset(line.line for line in rated_lines(terms) if not_before(terms, line) in state.not_before)


def _not_before_passed(state: FulfillmentState, event: ShipNotBeforePassed) -> FulfillmentState:
    return replace(state, not_before=tuple(limit for limit in state.not_before if limit > event.due))


def _released(state: FulfillmentState, event: ReleasedToFulfillment) -> FulfillmentState:
    counts: dict[str, int] = defaultdict(int)
    for line in event.lines:
        counts[count_key(Bucket.RELEASED, line.line)] += line.quantity
    work = Work(event.location, event.sequence, event.ship_group, event.method, event.lines, HashTrieMap(counts))
    asks = note(state.asks, RELEASE, event.fulfillment_order, event.answer_by)
    asks = note(asks, WORK, event.fulfillment_order, event.work_by)
    return replace(state, works=state.works.insert(event.fulfillment_order, work), asks=asks)


def _with(state: FulfillmentState, key: str, work: Work, *settled: str) -> FulfillmentState:
    asks = state.asks
    for step in settled:
        asks = settle(asks, step, key)
    return replace(state, works=state.works.insert(key, work), asks=asks)


def _moved(work: Work, moves: Iterable[Move]) -> Work:
    """The units that a fulfillment order has, after some moved; those that left fulfillment are no longer its own."""
    counts = work.counts
    for each in moves:
        if each.source in IN_FULFILLMENT:
            key = count_key(each.source, each.line)
            counts = counts.insert(key, counts[key] - each.quantity)
        if each.target in IN_FULFILLMENT:
            key = count_key(each.target, each.line)
            counts = counts.insert(key, counts.get(key, 0) + each.quantity)
    return replace(work, counts=counts)


def _listed(state: FulfillmentState, event: FulfillmentListed | FulfillmentAcceptedByNode) -> FulfillmentState:
    return replace(state, asks=settle(state.asks, RELEASE, event.fulfillment_order))


def _declined(state: FulfillmentState, event: FulfillmentDeclined | FulfillmentWithdrawn) -> FulfillmentState:
    key = event.fulfillment_order
    work = replace(state.works[key], open=False, counts=HashTrieMap())
    return _with(_decided(state, key), key, work, RELEASE, WORK, COLLECT, LABEL)


def _decided(state: FulfillmentState, key: str) -> FulfillmentState:
    """A node has answered a cancel, or has nothing left to be asked about."""
    asks = settle(settle(state.asks, WITHDRAW, key), DECIDE, key)
    withdrawing = tuple(other for other in state.withdrawing if other != key)
    return replace(state, asks=asks, withdrawing=withdrawing, asked_back=state.asked_back.discard(key))


def _lines_withdrawn(state: FulfillmentState, event: LinesWithdrawn) -> FulfillmentState:
    key, before = event.fulfillment_order, state.works[event.fulfillment_order]
    kept = () if event.given_back else event.moves
    unpicked = (each.line for each in kept if each.source is Bucket.RELEASED)
    work = replace(_moved(before, event.moves), let_go=tuple(dict.fromkeys((*before.let_go, *unpicked))))
    state = _decided(state, key)
    if not before.packages or not event.moves:
        return _with(state, key, work)
    return _with(state, key, replace(work, packages=event.packages, shipment=None, labelled=False), LABEL)


def _picked(state: FulfillmentState, event: LinesPicked) -> FulfillmentState:
    key = event.fulfillment_order
    return _with(state, key, _moved(state.works[key], event.moves), RELEASE)


def _short(state: FulfillmentState, event: LinesShort) -> FulfillmentState:
    key = event.fulfillment_order
    work = _moved(state.works[key], event.moves)
    if any(work.counts.values()):
        return _with(state, key, work, RELEASE)
    return _with(state, key, replace(work, open=False), RELEASE, WORK)


def _packed(state: FulfillmentState, event: LinesPacked) -> FulfillmentState:
    key = event.fulfillment_order
    work = replace(_moved(state.works[key], event.moves), packages=event.packages)
    return _with(state, key, work, RELEASE)


def _shipment_requested(state: FulfillmentState, event: ShipmentRequested) -> FulfillmentState:
    key = event.fulfillment_order
    before = state.works[key]
    state = _with(state, key, replace(before, shipment=event.shipment, shipments=before.shipments + 1))
    return replace(state, asks=note(state.asks, LABEL, key, event.answer_by))


def _labelled(state: FulfillmentState, event: ShipmentLabelled) -> FulfillmentState:
    key = event.fulfillment_order
    return _with(state, key, replace(state.works[key], labelled=True), LABEL)


def _handed_over(state: FulfillmentState, event: FulfillmentHandedOver) -> FulfillmentState:
    key = event.fulfillment_order
    work = replace(state.works[key], handed_over=event.document, handed_over_at=event.occurred_at)
    return _with(state, key, work, RELEASE, WORK)


def _ready(state: FulfillmentState, event: FulfillmentReady) -> FulfillmentState:
    key = event.fulfillment_order
    state = _with(state, key, replace(state.works[key], ready=True), RELEASE, WORK)
    return replace(state, asks=note(state.asks, COLLECT, key, event.collect_by))


def _dispatch_requested(state: FulfillmentState, event: DispatchRequested) -> FulfillmentState:
    key = event.fulfillment_order
    state = _with(state, key, replace(state.works[key], dispatching=True))
    return replace(state, asks=note(state.asks, DISPATCH, key, event.answer_by))


def _taken_over(state: FulfillmentState, event: OrderImported) -> FulfillmentState:
    """What had left before is settled, and so is whatever was captured beyond it."""
    left = Fulfilled(0, None, event.fulfilled_amount, event.fulfilled, asked=event.settled.amount, captured=True)
    return replace(state, fulfilled=state.fulfilled.insert(BEFORE, left))


def _fulfilled(state: FulfillmentState, event: LinesFulfilled) -> FulfillmentState:
    left = Fulfilled(len(state.fulfilled), event.location, event.amount, event.ranges)
    state = replace(state, fulfilled=state.fulfilled.insert(event.fulfillment, left))
    key = event.fulfillment_order
    if key is None:
        return state
    before = state.works[key]
    packages = event.packages or before.packages
    work = replace(_moved(before, event.moves), packages=packages, open=False, left=True)
    return _with(state, key, work, RELEASE, WORK, COLLECT, LABEL, DISPATCH)


def work_of(state: FulfillmentState, shipment: str) -> str | None:
    """The fulfillment order that a shipment belongs to."""
    return next((key for key, work in works_in_order(state.works) if work.shipment == shipment), None)


def _capture_requested(state: FulfillmentState, event: CaptureRequested) -> FulfillmentState:
    key = event.fulfillment
    left = replace(state.fulfilled[key], asked=event.amount.amount)
    asks = note(state.asks, CAPTURE, key, event.answer_by)
    return replace(state, fulfilled=state.fulfilled.insert(key, left), asks=asks)


def _applied(state: FulfillmentState, event: CreditApplied) -> FulfillmentState:
    key = event.fulfillment
    left = replace(state.fulfilled[key], applied=state.fulfilled[key].applied + event.amount.amount)
    return replace(state, fulfilled=state.fulfilled.insert(key, left))


def _charged(state: FulfillmentState, event: CreditCharged) -> FulfillmentState:
    nothing = event.amount.model_copy(update={"amount": 0})
    charge = Fulfilled(len(state.fulfilled), None, nothing, (), applied=-event.amount.amount)
    return replace(state, fulfilled=state.fulfilled.insert(event.fulfillment, charge))


def _captured(state: FulfillmentState, event: CaptureRecorded | CaptureNotNeeded) -> FulfillmentState:
    key = event.fulfillment
    left = replace(state.fulfilled[key], captured=True)
    return replace(state, fulfilled=state.fulfilled.insert(key, left), asks=settle(state.asks, CAPTURE, key))


def _cancel_requested(state: FulfillmentState, event: OrderCancelRequested) -> FulfillmentState:
    asks, asked_back, number = state.asks, state.asked_back, state.cancels + 1
    for key in event.fulfillment_orders:
        asks = note(asks, WITHDRAW, key, event.answer_by)
        parts = tuple((part.line, part.quantity) for part in event.parts if part.fulfillment_order == key)
        asked_back = asked_back.insert(key, Withdrawal(number, parts))
    return replace(
        state,
        asks=asks,
        cancelling=state.cancelling or not event.parts,
        cancels=number,
        cancel_cause=event.cause,
        withdrawing=(*state.withdrawing, *event.fulfillment_orders),
        asked_back=asked_back,
    )


def _left_to_node(state: FulfillmentState, event: CancelLeftToNode) -> FulfillmentState:
    key = event.fulfillment_order
    return replace(state, asks=note(settle(state.asks, WITHDRAW, key), DECIDE, key, event.answer_by))


def _cancel_refused(state: FulfillmentState, event: CancelRefused) -> FulfillmentState:
    key = event.fulfillment_order
    if key is None:
        return state
    return _decided(state, key)


def _hold_placed(state: FulfillmentState, event: HoldPlaced) -> FulfillmentState:
    if event.step is None or event.key is None:
        return state
    return replace(state, asks=suspend(state.asks, event.step, event.key))


def _asked_again(state: FulfillmentState, event: StepAskedAgain) -> FulfillmentState:
    if event.step not in STEP_NAMES:
        return state
    return replace(state, asks=note(state.asks, event.step, event.key, event.answer_by, event.asks))


def _unanswered(state: FulfillmentState, event: StepUnanswered) -> FulfillmentState:
    return replace(state, asks=suspend(state.asks, event.step, event.key))


def _ended(state: FulfillmentState, event: Event) -> FulfillmentState:
    asks = state.asks
    for asked in state.asks.values():
        asks = settle(asks, asked.step, asked.key)
    return replace(state, asks=asks, not_before=())


def _reopened(state: FulfillmentState, event: OrderReopened) -> FulfillmentState:
    """A cancel of what was left then is over."""
    return replace(state, cancelling=False)


_EVOLVERS: Mapping[type[Event], Any] = {
    OrderImported: _taken_over,
    LinesAdded: _added,
    ShipNotBeforePassed: _not_before_passed,
    ReleasedToFulfillment: _released,
    FulfillmentListed: _listed,
    FulfillmentAcceptedByNode: _listed,
    FulfillmentDeclined: _declined,
    FulfillmentWithdrawn: _declined,
    LinesWithdrawn: _lines_withdrawn,
    LinesPicked: _picked,
    LinesShort: _short,
    LinesPacked: _packed,
    ShipmentRequested: _shipment_requested,
    ShipmentLabelled: _labelled,
    FulfillmentHandedOver: _handed_over,
    FulfillmentReady: _ready,
    DispatchRequested: _dispatch_requested,
    LinesFulfilled: _fulfilled,
    CreditApplied: _applied,
    CreditCharged: _charged,
    CaptureRequested: _capture_requested,
    CaptureRecorded: _captured,
    CaptureNotNeeded: _captured,
    OrderCancelRequested: _cancel_requested,
    CancelLeftToNode: _left_to_node,
    CancelRefused: _cancel_refused,
    HoldPlaced: _hold_placed,
    StepAskedAgain: _asked_again,
    StepUnanswered: _unanswered,
    OrderCancelled: _ended,
    OrderCompleted: _ended,
    OrderReopened: _reopened,
}


def deadlines_of(state: FulfillmentState) -> Mapping[str, datetime]:
    open_asks = deadlines(state.asks)
    return {**open_asks, NOT_BEFORE: state.not_before[0]} if state.not_before else open_asks
