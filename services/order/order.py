"""The order: what was agreed, where each unit of each line stands, and what holds it up.

Reads in one order: state, evolve, what may be asked of it, decide. The sagas beside it fold the same stream and
take its next steps; what is only theirs is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chassis.decider import Context, Fold
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.ids import order_number, split_stream
from contracts.message import Event
from contracts.money import Charge, ChargeKind, Money
from contracts.order import (
    ALL_STEPS,
    Bucket,
    CancelReason,
    CaptureRecorded,
    HeldStep,
    HoldChangeRefusal,
    HoldChangeRefused,
    HoldKind,
    HoldPlaced,
    HoldReleased,
    IgnoreReason,
    ImportOrder,
    IncreaseRecorded,
    LinesAdded,
    LinesCancelled,
    Move,
    OrderAdjusted,
    OrderCancelled,
    OrderCancelRequested,
    OrderChanged,
    OrderChangeRequested,
    OrderCompleted,
    OrderConfirmed,
    OrderConflicted,
    OrderImported,
    OrderLine,
    OrderPlaced,
    OrderReopened,
    OrderRevisionIgnored,
    OrderTerms,
    PlaceHold,
    PlaceOrder,
    QuantityMoved,
    ReleaseHold,
    ShipGroupChanged,
)
from services.order import taking_over
from services.order.checks import MONEY_HOLDS, NOT_ACCEPTABLE, OF_THE_WAY, SHOWN_LINES_MAX, Finding, findings
from services.order.kits import exploded
from services.order.value import line_values, part_of, parts_of_kits, rated_among, rated_lines, tenders_total, totals
from services.order.ways import handed_out

__all__ = [
    "BUCKETS",
    "FOLD",
    "IN_FULFILLMENT",
    "NOT_RELEASED",
    "ORDER_DESK",
    "WITH_CUSTOMER",
    "Hold",
    "LineState",
    "OrderState",
    "OrderStatus",
    "blocked",
    "due",
    "held_lines",
    "held_units",
    "hold",
    "import_order",
    "line_of",
    "line_units",
    "move",
    "moved",
    "moves_to_cancelled",
    "place_hold",
    "place_order",
    "release_hold",
    "status",
    "units",
]

ORDER_DESK = "order_desk"
"""Who looks after holds, conflicts and notices that failed, until roles say otherwise."""

BUCKETS = tuple(Bucket)
_PLACE = {bucket: place for place, bucket in enumerate(BUCKETS)}
NONE_MOVED = (0,) * len(BUCKETS)

WITH_CUSTOMER = (Bucket.FULFILLED, Bucket.DELIVERED, Bucket.RETURN_REQUESTED, Bucket.RETURNED)
"""Where units are that have left us."""

IN_FULFILLMENT = (Bucket.RELEASED, Bucket.PICKED, Bucket.PACKED)
"""Where units are that a node works on."""

NOT_RELEASED = (Bucket.ORDERED, Bucket.BACKORDERED, Bucket.RESERVED)
"""Where units are that no node has heard of."""


# State


@dataclass(frozen=True, slots=True)
class LineState:
    """Units of a line by bucket, in the order of BUCKETS; `index` is its place in the order as placed."""

    index: int
    units: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that stands, of the whole order or of some `lines` alone."""

    hold: str
    kind: HoldKind
    blocks: tuple[HeldStep, ...]
    step: str | None = None
    key: str | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order. `lines` are those that goods leave by: of a kit its components. `units` sums the lines by bucket; `revision` and `fingerprint` are the newest that were heard of;
    `captured` is in minor units, of which another system took `captured_before`, and `settled` is what of the order is not asked for here; `cancelled_because` why units were cancelled last, should nothing be left; `ended` the
    event that closed it: nothing is decided about it any more, unless it is reopened."""

    placed: OrderPlaced | None = None
    lines: HashTrieMap[str, LineState] = HashTrieMap()
    units: tuple[int, ...] = NONE_MOVED
    adjustments: tuple[Charge, ...] = ()
    holds: HashTrieMap[str, Hold] = HashTrieMap()
    holds_placed: int = 0
    revision: int | None = None
    fingerprint: str = ""
    confirmed: bool = False
    captured: int = 0
    captured_before: int = 0
    settled: int = 0
    cancelled_because: CancelReason | None = None
    ended: str | None = None

    @property
    def terms(self) -> OrderPlaced:
        """What was agreed; raises ValueError while no order was placed."""
        if self.placed is None:
            raise ValueError("no order was placed in this stream")
        return self.placed

    @property
    def open(self) -> bool:
        """An order that was placed and has not ended."""
        return self.placed is not None and self.ended is None


class OrderStatus(StrEnum):
    """What people call the state of an order: a function of its units, holds and end."""

    HELD = "held"
    PLACED = "placed"
    BACKORDERED = "backordered"
    RESERVED = "reserved"
    CONFIRMED = "confirmed"
    IN_FULFILLMENT = "in_fulfillment"
    PARTLY_FULFILLED = "partly_fulfilled"
    FULFILLED = "fulfilled"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    PARTLY_RETURNED = "partly_returned"
    RETURNED = "returned"


def units(state: OrderState, *buckets: Bucket) -> int:
    """Units of all lines in these buckets."""
    return sum(state.units[_PLACE[bucket]] for bucket in buckets)


def line_units(line: LineState, *buckets: Bucket) -> int:
    """Units of a line in these buckets."""
    return sum(line.units[_PLACE[bucket]] for bucket in buckets)


def line_of(state: OrderState, line: str) -> OrderLine:
    """A line as it was placed."""
    return state.terms.lines[state.lines[line].index]


def blocked(state: OrderState, step: HeldStep) -> bool:
    """Whether a hold of the whole order keeps a step from being taken."""
    return any(step in hold.blocks and not hold.lines for hold in state.holds.values())


def held_lines(state: OrderState, step: HeldStep) -> frozenset[str]:
    """The lines for which holds of their own keep a step from being taken."""
    return frozenset(line for hold in state.holds.values() if step in hold.blocks for line in hold.lines)


def held_units(state: OrderState, step: HeldStep, *buckets: Bucket) -> int:
    """Units in these buckets of the lines for which holds of their own keep a step from being taken."""
    return sum(line_units(state.lines[line], *buckets) for line in held_lines(state, step))


def due(state: OrderState) -> int:
    """What is owed for the units that are not cancelled, in minor units: cancellation takes from the top."""
    total = 0
    for name, value in line_values(state.terms, state.adjustments).items():
        total += sum(part_of(value, 0, value.units - line_units(state.lines[name], Bucket.CANCELLED)))
    return total


def status(state: OrderState) -> OrderStatus | None:
    """The one word for an order; None when there is none. A line-level view is in its buckets."""
    if state.placed is None:
        return None
    if state.ended is not None:
        return OrderStatus.CANCELLED if state.ended == OrderCancelled.__name__ else _complete(state)
    if any(blocked(state, step) for step in ALL_STEPS) or _all_held(state):
        return OrderStatus.HELD
    working, gone = units(state, *IN_FULFILLMENT), units(state, *WITH_CUSTOMER)
    waiting = units(state, *NOT_RELEASED)
    if gone:
        return OrderStatus.PARTLY_FULFILLED if working or waiting else OrderStatus.FULFILLED
    if working:
        return OrderStatus.IN_FULFILLMENT
    if units(state, Bucket.BACKORDERED):
        return OrderStatus.BACKORDERED
    if state.confirmed:
        return OrderStatus.CONFIRMED
    return OrderStatus.PLACED if units(state, Bucket.ORDERED) else OrderStatus.RESERVED


def _complete(state: OrderState) -> OrderStatus:
    """Of an order that is complete: whether goods of it came back."""
    if not units(state, Bucket.RETURNED):
        return OrderStatus.COMPLETED
    kept = units(state, Bucket.FULFILLED, Bucket.DELIVERED, Bucket.RETURN_REQUESTED)
    return OrderStatus.PARTLY_RETURNED if kept else OrderStatus.RETURNED


def _all_held(state: OrderState) -> bool:
    """Whether all that has still to leave belongs to lines that are held."""
    if not any(held.lines for held in state.holds.values()):
        return False
    held = set().union(*(held_lines(state, step) for step in ALL_STEPS))
    still = units(state, *NOT_RELEASED, *IN_FULFILLMENT)
    return 0 < still == sum(line_units(state.lines[line], *NOT_RELEASED) for line in held)


# Evolve


def evolve(state: OrderState, event: Event) -> OrderState:
    """The order after one more event of its stream, its sagas' included."""
    state = _units_after(state, event)
    match event:
        case OrderImported():
            return _taken_over(state, event)
        case LinesAdded() | ShipGroupChanged() | OrderChanged() | IncreaseRecorded():
            return _terms_changed(state, event)
        case OrderChangeRequested():
            return replace(state, revision=event.revision, fingerprint=event.fingerprint)
        case HoldPlaced():
            held = Hold(event.hold, event.kind, event.blocks, event.step, event.key, event.held_lines)
            return replace(state, holds=state.holds.insert(event.hold, held), holds_placed=state.holds_placed + 1)
        case HoldReleased():
            return replace(state, holds=state.holds.discard(event.hold))
        case OrderAdjusted():
            return replace(state, adjustments=(*state.adjustments, event.charge))
        case OrderConfirmed():
            return replace(state, confirmed=True)
        case CaptureRecorded():
            return replace(state, captured=state.captured + event.amount.amount)
        case LinesCancelled(reason=why) | OrderCancelRequested(cause=why):
            return replace(state, cancelled_because=why)
        case OrderCancelled() | OrderCompleted():
            return replace(state, ended=type(event).__name__, holds=HashTrieMap())
        case OrderReopened():
            return replace(state, ended=None)
    return state


def _units_after(state: OrderState, event: Event) -> OrderState:
    """Where units are after an event: those of a new order, and those that moved."""
    if isinstance(event, OrderPlaced):
        state = _placed(state, event)
    if isinstance(event, QuantityMoved) and event.moves:
        state = moved(state, event.moves)
    return state


def _terms_changed(
    state: OrderState, event: LinesAdded | ShipGroupChanged | OrderChanged | IncreaseRecorded
) -> OrderState:
    """What is agreed now. Lines and tenders come at the end, so that the places of the others stay."""
    before = state.terms
    if isinstance(event, OrderChanged | IncreaseRecorded):
        if not event.tenders:
            return state
        # What is recorded as secured names all of them, a change those that come with it.
        kept = () if isinstance(event, IncreaseRecorded) else before.tenders
        return replace(state, placed=before.model_copy(update={"tenders": (*kept, *event.tenders)}))
    if isinstance(event, ShipGroupChanged):
        groups = tuple(event.group if group.group == event.group.group else group for group in before.ship_groups)
        terms = before.model_copy(update={"ship_groups": groups})
        return replace(state, placed=terms.model_copy(update={"totals": totals(terms)}))
    added = {"lines": (*before.lines, *event.lines), "tenders": (*before.tenders, *event.tenders)}
    terms = before.model_copy(update=added)
    lines, total = state.lines, state.units
    rated = {line.line for line in rated_among(event.lines)}
    for index, line in enumerate(event.lines, start=len(before.lines)):
        if line.line in rated:
            lines = lines.insert(line.line, LineState(index, (line.quantity, *NONE_MOVED[1:])))
            total = (total[0] + line.quantity, *total[1:])
    return replace(state, placed=terms.model_copy(update={"totals": totals(terms)}), lines=lines, units=total)


def _placed(state: OrderState, event: OrderPlaced) -> OrderState:
    lines, kits = {}, {part.kit for part in parts_of_kits(event)}
    for index, line in enumerate(event.lines):
        if line.line not in kits:
            lines[line.line] = LineState(index, (max(0, line.quantity), *NONE_MOVED[1:]))
    total = sum(line.units[0] for line in lines.values())
    return replace(
        state,
        placed=event,
        lines=HashTrieMap(lines),
        units=(total, *NONE_MOVED[1:]),
        revision=event.revision,
        fingerprint=event.fingerprint,
    )


def _taken_over(state: OrderState, event: OrderImported) -> OrderState:
    """From here on it is an order as it was placed, of which something has been done."""
    terms = OrderPlaced.model_construct(**{name: getattr(event, name) for name in OrderPlaced.model_fields})
    before = event.captured.amount
    return replace(state, placed=terms, captured=before, captured_before=before, settled=event.settled.amount)


def moved(state: OrderState, moves: Iterable[Move]) -> OrderState:
    """The order after units moved between buckets: what leaves one arrives in the other, so sums stay."""
    lines, total = state.lines, state.units
    for move in moves:
        line = lines[move.line]
        lines = lines.insert(move.line, replace(line, units=_shift(line.units, move)))
        total = _shift(total, move)
    return replace(state, lines=lines, units=total)


def move(line: str, quantity: int, source: Bucket, target: Bucket) -> tuple[Move, ...]:
    """The move of some units of a line; none where there are none to move."""
    return (Move(line=line, quantity=quantity, source=source, target=target),) if quantity > 0 else ()


def moves_to_cancelled(state: OrderState) -> tuple[Move, ...]:
    """Every unit that no node has heard of, to `cancelled`, in line order."""
    lines = sorted(state.lines.items(), key=lambda item: item[1].index)
    return tuple(
        each
        for name, line in lines
        for bucket in NOT_RELEASED
        for each in move(name, line_units(line, bucket), bucket, Bucket.CANCELLED)
    )


def _shift(counts: tuple[int, ...], move: Move) -> tuple[int, ...]:
    after = list(counts)
    after[_PLACE[move.source]] -= move.quantity
    after[_PLACE[move.target]] += move.quantity
    return tuple(after)


# Decide


def place_order(message: PlaceOrder, state: OrderState, context: Context) -> Sequence[Event]:
    """A message that parses becomes an order, with its kits exploded; what does not add up becomes holds."""
    if state.placed is not None:
        return _placed_again(message, state)
    placed = OrderPlaced(**_taken(message, context))
    return (placed, *_holds(message, findings(message)))


def import_order(message: ImportOrder, state: OrderState, context: Context) -> Sequence[Event]:
    """An order from another system enters in its present state, unless it is known; what does not add up becomes holds."""
    if state.placed is not None:
        return _placed_again(message, state)
    if refused := taking_over.refusal(message):
        return (refused,)
    terms = OrderPlaced(**_taken(message, context))
    moves = taking_over.moved_before(terms, message.progress)
    ranges, left = taking_over.left_before(terms, moves)
    imported = OrderImported(
        **{name: getattr(terms, name) for name in OrderPlaced.model_fields},
        system=message.system,
        progress=message.progress,
        captured=message.captured,
        authorized=message.authorized,
        fulfilled=ranges,
        fulfilled_amount=Money(amount=left, currency=message.currency),
        settled=Money(amount=max(left, message.captured.amount), currency=message.currency),
        moves=moves,
    )
    found = (*findings(message, taking_over.gone_before(message)), *taking_over.not_secured(message, terms))
    return (imported, *_holds(message, found))


def _taken(message: PlaceOrder | ImportOrder, context: Context) -> dict[str, Any]:
    """What an order is that is taken: its terms with kits exploded, its id and number, and our sums."""
    identifier = split_stream(context.stream)[1]
    return {
        **{name: getattr(message, name) for name in OrderTerms.model_fields},
        "lines": exploded(message.lines, context.needed),
        "tenant": context.tenant,
        "order_id": identifier,
        "number": order_number(identifier),
        "totals": totals(message),
    }


def _holds(terms: OrderTerms, found: Sequence[Finding]) -> list[HoldPlaced]:
    blocks = _kept_by_findings(terms)
    return [_found(finding, number, blocks) for number, finding in enumerate(found, start=1)]


def _kept_by_findings(terms: OrderTerms) -> tuple[HeldStep, ...]:
    """What holds keep from being done that were found at placement: of goods that are all gone the money alone."""
    gone = handed_out(terms)
    return (HeldStep.AUTHORIZATION,) if gone and len(gone) == len(rated_lines(terms)) else ALL_STEPS


def _found(finding: Finding, number: int, blocks: tuple[HeldStep, ...]) -> HoldPlaced:
    return HoldPlaced(
        hold=str(number),
        kind=finding.kind,
        detail=finding.detail,
        blocks=blocks,
        lines=finding.lines,
        expected=finding.expected,
        found=finding.found,
        owner=ORDER_DESK,
    )


def _placed_again(message: PlaceOrder | ImportOrder, state: OrderState) -> Sequence[Event]:
    known, revision = state.revision, message.revision
    if message.fingerprint == state.fingerprint:
        same = IgnoreReason.SAME_FINGERPRINT
        return (OrderRevisionIgnored(reason=same, revision=revision, known_revision=known),)
    if revision is not None and known is not None and revision < known:
        lower = IgnoreReason.LOWER_REVISION
        return (OrderRevisionIgnored(reason=lower, revision=revision, known_revision=known),)
    if revision is None or known is None or revision == known or state.ended is not None:
        return (
            OrderConflicted(
                known_fingerprint=state.fingerprint,
                fingerprint=message.fingerprint,
                revision=revision,
                owner=ORDER_DESK,
            ),
        )
    asked = OrderChangeRequested(
        known_fingerprint=state.fingerprint, fingerprint=message.fingerprint, revision=revision
    )
    return asked, hold(state, HoldKind.CHANGE_REQUESTED, f"revision {revision} asks for another order")


def hold(
    state: OrderState,
    kind: HoldKind,
    detail: str,
    blocks: Sequence[HeldStep] = ALL_STEPS,
    lines: Sequence[str] = (),
    step: str | None = None,
    key: str | None = None,
    held: Sequence[str] = (),
) -> HoldPlaced:
    """The next hold of an order, or of the lines `held` alone, which blocks those steps that may still be taken. `step`
    and `key` name a step of a saga that is asked for again on release."""
    return HoldPlaced(
        hold=str(state.holds_placed + 1),
        kind=kind,
        detail=detail,
        blocks=tuple(step for step in blocks if _may_come(state, step, held)),
        lines=tuple(lines),
        step=step,
        key=key,
        owner=ORDER_DESK,
        held_lines=tuple(held),
    )


def _may_come(state: OrderState, step: HeldStep, held: Sequence[str]) -> bool:
    """Whether a hold can keep a step from being taken: what has left is neither sourced nor released any more, and the
    money is secured for the whole order or not at all."""
    if held:
        still = any(line_units(state.lines[line], *NOT_RELEASED, *IN_FULFILLMENT) for line in held)
        return still and step is not HeldStep.AUTHORIZATION
    if units(state, *NOT_RELEASED, *IN_FULFILLMENT):
        return True
    return step is HeldStep.AUTHORIZATION and not state.confirmed


def place_hold(message: PlaceHold, state: OrderState, context: Context) -> Sequence[Event]:
    """A person or a system keeps an open order, or some lines of it, from going on."""
    if not state.open:
        known = HoldChangeRefusal.CLOSED if state.placed else HoldChangeRefusal.UNKNOWN_ORDER
        return (HoldChangeRefused(reason=known),)
    named = tuple(dict.fromkeys(message.lines))
    if unknown := tuple(sorted(set(named) - {line.line for line in state.terms.lines})):
        return (HoldChangeRefused(reason=HoldChangeRefusal.UNKNOWN_LINE, lines=unknown[:SHOWN_LINES_MAX]),)
    shown, held = named[:SHOWN_LINES_MAX], _leaving_with(state.terms, named)
    return (hold(state, message.kind, message.detail, message.blocks, shown, held=held),)


def _leaving_with(terms: OrderTerms, named: Sequence[str]) -> tuple[str, ...]:
    """The lines, in line order, that goods of these lines leave by: of a kit all of its components, since nobody gets a
    part of a kit."""
    parts = parts_of_kits(terms)
    kits = {part.kit for part in parts if part.kit in named or part.line in named}
    with_kits = {part.line for part in parts if part.kit in kits} | (set(named) - kits)
    return tuple(line.line for line in terms.lines if line.line in with_kits)


def release_hold(message: ReleaseHold, state: OrderState, context: Context) -> Sequence[Event]:
    """A person accepts what a hold shows; with the last one about money the difference becomes an adjustment."""
    held = state.holds.get(message.hold)
    if held is None or not _acceptable(state, held):
        return (HoldChangeRefused(hold=message.hold, reason=_why_not(state, held)),)
    released = HoldReleased(
        hold=held.hold,
        kind=held.kind,
        detail=message.detail,
        step=held.step,
        key=held.key,
        held_lines=held.lines,
    )
    others = [other.kind for other in state.holds.values() if other.hold != held.hold]
    if held.kind in MONEY_HOLDS and MONEY_HOLDS.isdisjoint(others):
        return (released, *_accepted_difference(state))
    return (released,)


def _acceptable(state: OrderState, held: Hold) -> bool:
    """What goods cannot go their way without is missed by none that have left, or were cancelled."""
    if held.kind in OF_THE_WAY:
        return not units(state, *NOT_RELEASED)
    return held.kind not in NOT_ACCEPTABLE


def _why_not(state: OrderState, held: Hold | None) -> HoldChangeRefusal:
    if held is not None:
        return HoldChangeRefusal.CANNOT_BE_ACCEPTED
    if state.placed is None:
        return HoldChangeRefusal.UNKNOWN_ORDER
    return HoldChangeRefusal.CLOSED if state.ended else HoldChangeRefusal.UNKNOWN_HOLD


def _accepted_difference(state: OrderState) -> Iterable[OrderAdjusted]:
    """What the customer pays is what was agreed: the rest is a rounding of the document, an adjustment of its own."""
    values = line_values(state.terms, state.adjustments).values()
    difference = tenders_total(state.terms) - sum(value.own + value.other for value in values)
    if not difference or state.confirmed or not units(state, Bucket.ORDERED, *WITH_CUSTOMER):
        return ()
    amount = Money(amount=difference, currency=state.terms.currency)
    return (OrderAdjusted(charge=Charge(kind=ChargeKind.ROUNDING, amount=amount, tax_included=True)),)


FOLD = Fold("order", 7, OrderState(), evolve)
