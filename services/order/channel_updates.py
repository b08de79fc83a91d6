"""What channels hear: from an event of an order to a `ChannelUpdate`, in the channel's own line ids.

Pure: given the event and what is known of its order, the same update under the same id, however often it is made.
What staff wrote (details of their holds and cancels) and who did it stay inside. Who keeps what is known of orders,
and writes the updates, is `channel_follower.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis.states import replace
from contracts.channel import ChannelLineUpdate, ChannelPackage, ChannelUpdate, UpdateKind
from contracts.envelope import Envelope
from contracts.fulfillment import Package, PackageContent
from contracts.message import Message
from contracts.money import Money, RefundExecutor
from contracts.order import (
    Bucket,
    CancelReason,
    CancelRefused,
    FulfilledKind,
    FulfillmentReady,
    FulfillmentWithdrawn,
    HoldKind,
    HoldPlaced,
    HoldReleased,
    LineBackordered,
    LinesAdded,
    LinesCancelled,
    LinesDelivered,
    LinesFulfilled,
    LinesWithdrawn,
    OrderAdjusted,
    OrderCancelled,
    OrderCancelRequested,
    OrderChanged,
    OrderCompleted,
    OrderConfirmed,
    OrderConflicted,
    OrderImported,
    OrderPlaced,
    PackageFate,
    PackageWentAstray,
    QuantityMoved,
    Refunded,
    ReplacementGranted,
    ReturnCompleted,
    ReturnDeclined,
    ReturnExpired,
    ReturnRequested,
    ReturnUnitsReceived,
    ReturnWithdrawn,
)
from services.order.value import parts_among, parts_of_kits

__all__ = ["FOLLOWED", "KnownLine", "KnownOrder", "KnownPart", "counted", "known_order", "update_of", "with_lines"]

TELLS_WHY = frozenset(
    {
        HoldKind.NO_LINES,
        HoldKind.NOT_POSITIVE,
        HoldKind.NEGATIVE_AMOUNT,
        HoldKind.TOTAL_DIFFERS,
        HoldKind.TENDERS_DIFFER,
        HoldKind.UNKNOWN_CURRENCY,
        HoldKind.MISSING_ADDRESS,
        HoldKind.MISSING_LOCATION,
        HoldKind.MISSING_SKU,
        HoldKind.UNSUPPORTED_METHOD,
        HoldKind.UNKNOWN_SHIP_GROUP,
        HoldKind.UNKNOWN_SKU,
    }
)
"""Holds for what the channel sent: it reads what was found, and can mend it. Of any other it reads the kind alone."""


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A line by the channel's own id, with the quantity that was ordered."""

    line_id: str
    quantity: int
    unit: str


@dataclass(frozen=True, slots=True)
class KnownPart:
    """A component line of ours: the line of its kit, its quantity in one kit, and how many units of it ever came to a
    bucket that channels hear of."""

    kit: str
    per: int
    came: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What an update needs to know of its order: whose it is, and its lines by our ids. A line that the channel never
    sent is not among them, but among the `parts` of the kits that it sent. `cancelling` is why nodes are being asked to
    let go of it."""

    tenant: str
    channel_account: str
    external_id: str
    number: str
    lines: Mapping[str, KnownLine]
    cancelling: CancelReason | None = None
    parts: Mapping[str, KnownPart] = field(default_factory=dict)


def known_order(placed: OrderPlaced) -> KnownOrder:
    """What is known of an order once it is placed."""
    lines = {
        line.line: KnownLine(line.channel_line, line.quantity, line.unit)
        for line in placed.lines
        if line.channel_line is not None
    }
    parts = {part.line: KnownPart(part.kit, part.per) for part in parts_of_kits(placed)}
    return KnownOrder(placed.tenant, placed.channel_account, placed.external_id, placed.number, lines, parts=parts)


def counted(order: KnownOrder, event: Message) -> KnownOrder:
    """The order once the units that an event moved are counted as parts of kits."""
    if not order.parts or not isinstance(event, QuantityMoved):
        return order
    parts = dict(order.parts)
    for move in event.moves:
        if move.line in parts and move.target in _OF_KITS and move.source not in _COMING_BACK:
            came = parts[move.line].came
            grown = {**came, move.target.value: came.get(move.target.value, 0) + move.quantity}
            parts[move.line] = replace(parts[move.line], came=grown)
    return order if parts == order.parts else replace(order, parts=parts)


_COMING_BACK = (Bucket.RETURN_REQUESTED, Bucket.RETURNED)
"""Where units were that stay with the customer after all: they left, or arrived, before."""


def _fewest(units: int, per: int) -> int:
    """Kits that so many units of a component suffice for."""
    return units // per


def _touched(units: int, per: int) -> int:
    """Kits that so many units of a component are missing from."""
    return -(-units // per)


_OF_KITS: Mapping[Bucket, tuple[Callable[[Iterable[int]], int], Callable[[int, int], int]]] = {
    Bucket.FULFILLED: (min, _fewest),
    Bucket.DELIVERED: (min, _fewest),
    Bucket.CANCELLED: (max, _touched),
}
"""How kits are counted from their components: one has left when all of it has, and is given up when any of it is."""


def _with_kits(order: KnownOrder, moved: Mapping[str, int], target: Bucket) -> Mapping[str, int]:
    """Units of lines that came to a bucket just now, and with them the kits that this completes. The order has counted
    them already."""
    best, kits_of = _OF_KITS[target]
    after: dict[str, list[int]] = defaultdict(list)
    before: dict[str, list[int]] = defaultdict(list)
    for line, part in order.parts.items():
        came = part.came.get(target.value, 0)
        after[part.kit].append(kits_of(came, part.per))
        before[part.kit].append(kits_of(came - moved.get(line, 0), part.per))
    return {**moved, **{kit: more for kit in after if (more := best(after[kit]) - best(before[kit])) > 0}}


def _of_these(order: KnownOrder, units: Mapping[str, int]) -> Mapping[str, int]:
    """These units, and with them the kits that they are by themselves."""
    kits: dict[str, list[int]] = defaultdict(list)
    for line, part in order.parts.items():
        kits[part.kit].append(_fewest(units.get(line, 0), part.per))
    return {**units, **{kit: min(each) for kit, each in kits.items() if min(each)}}


def update_of(event: Message, envelope: Envelope, order: KnownOrder) -> ChannelUpdate | None:
    """What the channel hears of an event; None where it is none of its business."""
    tell = _TOLD.get(type(event))
    told = tell(event, order) if tell else None
    if told is None:
        return None
    common = {
        "channel_account": order.channel_account,
        "external_id": order.external_id,
        "number": order.number,
        "version": envelope.sequence or 0,
        "occurred_at": envelope.time,
    }
    return ChannelUpdate(**{**common, **told})


def _units(order: KnownOrder, quantities: Mapping[str, int]) -> tuple[ChannelLineUpdate, ...]:
    """Quantities of our lines as the channel's, in the order of the order's lines."""
    return tuple(
        ChannelLineUpdate(line_id=line.line_id, quantity=quantities[ours], unit=line.unit)
        for ours, line in order.lines.items()
        if ours in quantities
    )


def _moved(event: QuantityMoved, target: Bucket, order: KnownOrder) -> tuple[ChannelLineUpdate, ...]:
    moved: Counter[str] = Counter()
    for move in event.moves:
        if move.target is target:
            moved[move.line] += move.quantity
    return _units(order, _with_kits(order, moved, target))


def _contents(contents: Iterable[PackageContent], order: KnownOrder) -> tuple[ChannelLineUpdate, ...]:
    packed: Counter[str] = Counter()
    for content in contents:
        packed[content.line] += content.quantity
    return _units(order, _of_these(order, packed))


def _package(package: Package, order: KnownOrder) -> ChannelPackage:
    return ChannelPackage(
        package=package.package,
        lines=_contents(package.contents, order),
        weight_grams=package.weight_grams,
        sscc=package.sscc,
        tracking_number=package.tracking_number,
    )


Told = dict[str, Any]

_OF_FATES = {PackageFate.LOST: UpdateKind.LOST, PackageFate.RETURNED: UpdateKind.RETURNED}


def _accepted(event: OrderPlaced, order: KnownOrder) -> Told:
    ordered = {ours: line.quantity for ours, line in order.lines.items()}
    return {"kind": UpdateKind.ACCEPTED, "lines": _units(order, ordered), "amount": event.totals.total}


def _taken_over(event: OrderImported, order: KnownOrder) -> Told:
    """What is open of it: of the rest the channel heard from the other system."""
    over = {each.line: each.fulfilled + each.cancelled for each in event.progress}
    still = {ours: line.quantity - over.get(ours, 0) for ours, line in order.lines.items()}
    lines = _units(order, {ours: units for ours, units in still.items() if units > 0})
    return {"kind": UpdateKind.ACCEPTED, "lines": lines, "amount": event.totals.total}


def _held(event: HoldPlaced, order: KnownOrder) -> Told:
    why = event.detail if event.kind in TELLS_WHY else None
    lines = _whole_lines(event.held_lines or event.lines, order)
    return {"kind": UpdateKind.HELD, "hold": event.kind, "lines": lines, "detail": why}


def _hold_released(event: HoldReleased, order: KnownOrder) -> Told:
    return {"kind": UpdateKind.HOLD_RELEASED, "hold": event.kind, "lines": _whole_lines(event.held_lines, order)}


def _whole_lines(lines: Iterable[str], order: KnownOrder) -> tuple[ChannelLineUpdate, ...]:
    """Lines with all that was ordered of them; a component of a kit is the kit's line."""
    named = {order.parts[line].kit if line in order.parts else line for line in lines}
    return _units(order, {ours: line.quantity for ours, line in order.lines.items() if ours in named})


def _changed(event: OrderAdjusted, order: KnownOrder) -> Told:
    return {"kind": UpdateKind.CHANGED, "amount": event.charge.amount, "detail": event.charge.kind.value}


def _order_changed(event: OrderChanged, order: KnownOrder) -> Told:
    return {"kind": UpdateKind.CHANGED, "amount": event.difference, "detail": f"change {event.change}"}


def with_lines(order: KnownOrder, added: LinesAdded) -> KnownOrder:
    """The order once lines came to it: those of the channel's own by its id, and the components of kits."""
    theirs = {
        line.line: KnownLine(line.channel_line, line.quantity, line.unit)
        for line in added.lines
        if line.channel_line is not None
    }
    parts = {part.line: KnownPart(part.kit, part.per) for part in parts_among(added.lines)}
    return replace(order, lines={**order.lines, **theirs}, parts={**order.parts, **parts})


def _conflicted(event: OrderConflicted, order: KnownOrder) -> Told:
    return {"kind": UpdateKind.CONFLICTED}


def _backordered(event: LineBackordered, order: KnownOrder) -> Told:
    part = order.parts.get(event.line)
    waits = {event.line: event.quantity} if part is None else {part.kit: _touched(event.quantity, part.per)}
    return {"kind": UpdateKind.BACKORDERED, "lines": _units(order, waits), "expected_at": event.expected_at}


def _confirmed(event: OrderConfirmed, order: KnownOrder) -> Told:
    return {"kind": UpdateKind.CONFIRMED, "amount": event.amount}


def _order_cancelled(event: OrderCancelled, order: KnownOrder) -> Told:
    units = _moved(event, Bucket.CANCELLED, order)
    return {"kind": UpdateKind.CANCELLED, "lines": units, "cancel_reason": event.cause, "closed": True}


def _units_cancelled(event: LinesCancelled | FulfillmentWithdrawn | LinesWithdrawn, order: KnownOrder) -> Told | None:
    """Nothing, where claims are given back and no unit of the channel's is given up."""
    reason = event.reason if isinstance(event, LinesCancelled) else order.cancelling
    units = _moved(event, Bucket.CANCELLED, order)
    return {"kind": UpdateKind.CANCELLED, "lines": units, "cancel_reason": reason} if units else None


def _cancel_refused(event: CancelRefused, order: KnownOrder) -> Told:
    kept: Counter[str] = Counter()
    for line in event.lines:
        kept[line.line] += line.quantity
    return {
        "kind": UpdateKind.CANCEL_REFUSED,
        "lines": _units(order, _of_these(order, kept)),
        "detail": event.reason.value,
        "cancel": event.cancel,
    }


def _ready(event: FulfillmentReady, order: KnownOrder) -> Told:
    return {
        "kind": UpdateKind.READY_FOR_PICKUP,
        "lines": _units(order, _of_these(order, {each.line: each.quantity for each in event.lines})),
        "location": event.location,
        "collect_by": event.collect_by,
    }


def _fulfilled(event: LinesFulfilled, order: KnownOrder) -> Told:
    """Where a parcel comes from is our business; where somebody stood at a counter or till they know."""
    return {
        "kind": UpdateKind.FULFILLED,
        "lines": _moved(event, Bucket.FULFILLED, order),
        "fulfilled_kind": event.kind,
        "location": None if event.kind is FulfilledKind.SHIPPED else event.location,
        "packages": tuple(_package(package, order) for package in event.packages),
        "carrier": event.carrier,
        "service": event.service,
        "amount": event.amount,
    }


def _delivered(event: LinesDelivered, order: KnownOrder) -> Told:
    lines = _moved(event, Bucket.DELIVERED, order)
    return {
        "kind": UpdateKind.DELIVERED,
        "lines": lines,
        "packages": (ChannelPackage(package=event.package, lines=lines),),
        "occurred_at": event.occurred_at,
    }


def _astray(event: PackageWentAstray, order: KnownOrder) -> Told:
    units = _of_these(order, {line.line: line.quantity for line in event.lines})
    lines = _units(order, units)
    return {
        "kind": _OF_FATES[event.fate],
        "lines": lines,
        "packages": (ChannelPackage(package=event.package, lines=lines),),
        "carrier": event.carrier,
        "occurred_at": event.occurred_at,
    }


def _refunded(event: Refunded, order: KnownOrder) -> Told | None:
    """Of money that the channel took, this is where it is told to give it back; nothing of what was told before."""
    if event.again:
        return None
    units: Counter[str] = Counter()
    for line in event.lines:
        units[line.line] += line.to_unit - line.from_unit
    theirs = sum(part.amount.amount for part in event.refunds if part.executor is RefundExecutor.CHANNEL)
    return {
        "kind": UpdateKind.REFUNDED,
        "lines": _units(order, _of_these(order, units)),
        "amount": event.amount,
        "to_refund": Money(amount=theirs, currency=event.amount.currency) if theirs else None,
        "detail": event.cause.value,
    }


def _replaced(event: ReplacementGranted, order: KnownOrder) -> Told:
    units: Counter[str] = Counter()
    for part in event.replaced:
        units[part.line] += part.to_unit - part.from_unit
    return {"kind": UpdateKind.REPLACED, "lines": _units(order, _of_these(order, units)), "detail": event.cause.value}


def _return_requested(event: ReturnRequested, order: KnownOrder) -> Told:
    lines = _units(order, _of_these(order, {line.line: line.quantity for line in event.lines}))
    detail = "approved" if event.approved else "asked"
    return {"kind": UpdateKind.RETURN_REQUESTED, "lines": lines, "detail": detail}


def _return_received(event: ReturnUnitsReceived, order: KnownOrder) -> Told | None:
    """Nothing, where what came was not announced."""
    came = {part.line: sum(each.to_unit - each.from_unit for each in part.ranges) for part in event.lines}
    lines = _units(order, _of_these(order, came))
    return {"kind": UpdateKind.RETURN_RECEIVED, "lines": lines, "location": event.location} if lines else None


def _return_ended(
    event: ReturnDeclined | ReturnExpired | ReturnWithdrawn | ReturnCompleted, order: KnownOrder
) -> Told | None:
    """Nothing, where all of it came, or a wish was declined at once: who wished was answered."""
    kept: Counter[str] = Counter()
    for move in event.moves:
        kept[move.line] += move.quantity
    lines = _units(order, _of_these(order, kept))
    return {"kind": UpdateKind.RETURN_ENDED, "lines": lines} if lines else None


def _completed(event: OrderCompleted, order: KnownOrder) -> Told:
    return {"kind": UpdateKind.COMPLETED, "amount": event.captured, "closed": True}


_TOLD: dict[type[Message], Callable[[Any, KnownOrder], Told | None]] = {
    OrderPlaced: _accepted,
    OrderImported: _taken_over,
    HoldPlaced: _held,
    HoldReleased: _hold_released,
    OrderAdjusted: _changed,
    OrderChanged: _order_changed,
    OrderConflicted: _conflicted,
    LineBackordered: _backordered,
    OrderConfirmed: _confirmed,
    LinesCancelled: _units_cancelled,
    FulfillmentWithdrawn: _units_cancelled,
    LinesWithdrawn: _units_cancelled,
    OrderCancelled: _order_cancelled,
    CancelRefused: _cancel_refused,
    FulfillmentReady: _ready,
    LinesFulfilled: _fulfilled,
    LinesDelivered: _delivered,
    PackageWentAstray: _astray,
    OrderCompleted: _completed,
    Refunded: _refunded,
    ReplacementGranted: _replaced,
    ReturnRequested: _return_requested,
    ReturnUnitsReceived: _return_received,
    ReturnDeclined: _return_ended,
    ReturnExpired: _return_ended,
    ReturnWithdrawn: _return_ended,
    ReturnCompleted: _return_ended,
}

_FOLLOWED: tuple[type[Message], ...] = (*_TOLD, OrderCancelRequested, LinesAdded)

FOLLOWED = frozenset(kind.TYPE for kind in _FOLLOWED)
"""The types of events that a channel hears of, the one that says why nodes are asked to let go, and the one that brings
lines."""
