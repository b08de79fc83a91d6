"""What the fulfillment of an order makes of answers: the facts of nodes and carriers, and what payments took.

A fact is never refused: it moves units, whatever the order had in mind. What nodes answer to a cancel is in
cancel_answers.py, next steps in fulfillment_advance.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.fulfillment import (
    CreateFulfillmentOrder,
    FulfillmentAccepted,
    FulfillmentOrderCreated,
    FulfillmentRefused,
    FulfillmentRejected,
    HandedOver,
    Package,
    Packed,
    Picked,
)
from contracts.ids import split_stream
from contracts.message import Event, Message
from contracts.money import Money
from contracts.order import (
    Bucket,
    CaptureRecorded,
    FulfilledKind,
    FulfillmentAcceptedByNode,
    FulfillmentDeclined,
    FulfillmentHandedOver,
    FulfillmentListed,
    HeldStep,
    HoldKind,
    LinesCancelled,
    LinesDelivered,
    LinesPacked,
    LinesPicked,
    LinesShort,
    Move,
    ShipmentLabelled,
    ShortLine,
)
from contracts.payments import (
    CaptureRefused,
    CaptureRepeated,
    PaymentCaptured,
)
from contracts.shipping import (
    CreateShipment,
    Delivered,
    DispatchShipment,
    LabelIssued,
    ShipmentCancelled,
    ShipmentCancelRefused,
    ShipmentRefused,
    Shipped,
)
from services.order import order as orders
from services.order.fulfillment_state import CAPTURE, DISPATCH, LABEL, RELEASE, Fulfilled, Work, count, work_of
from services.order.leaving import lines_fulfilled
from services.order.order import (
    IN_FULFILLMENT,
    line_units,
    move,
)

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["all_of", "contents_of", "decide", "of_node", "of_shipment"]

# Answers


def of_node(state: OrderStream, context: Context) -> tuple[str, Work] | None:
    """The open fulfillment order that answers, by the stream that the answer is about."""
    key = split_stream(context.subject)[1]
    work = state.fulfillment.works.get(key)
    return (key, work) if work is not None and work.open else None


def _on_created(message: FulfillmentOrderCreated, state: OrderStream, context: Context) -> Sequence[Event]:
    found = of_node(state, context)
    return () if found is None else (FulfillmentListed(fulfillment_order=found[0]),)


def _on_accepted(message: FulfillmentAccepted, state: OrderStream, context: Context) -> Sequence[Event]:
    found = of_node(state, context)
    return () if found is None else (FulfillmentAcceptedByNode(fulfillment_order=found[0], document=message.document),)


def _on_rejected(message: FulfillmentRejected, state: OrderStream, context: Context) -> Sequence[Event]:
    """Its claims are given back whole, so what they hold or wait for elsewhere is sourced again too."""
    found = of_node(state, context)
    if found is None:
        return ()
    key, work = found
    claims = tuple(dict.fromkeys(line.sequence for line in work.lines))
    moves = [*all_of(work, Bucket.ORDERED), *_elsewhere(state, claims)]
    declined = FulfillmentDeclined(
        fulfillment_order=key,
        location=work.location,
        lines=tuple(dict.fromkeys(line.line for line in work.lines)),
        claims=claims,
        reason=message.reject_reason,
        moves=tuple(moves),
    )
    return declined, *_asked_back_too(state, key, moves)


def _asked_back_too(state: OrderStream, key: str, moves: Sequence[Move]) -> Sequence[Event]:
    """Units that the node was asked to let go of when it gave all of them up: they are not sourced again."""
    asked = state.fulfillment.asked_back.get(key)
    if asked is None or not asked.parts or state.fulfillment.cancelling:
        return ()
    back: Counter[str] = Counter()
    for each in moves:
        back[each.line] += each.quantity
    gone = [
        each
        for line, quantity in asked.parts
        for each in move(line, min(quantity, back[line]), Bucket.ORDERED, Bucket.CANCELLED)
    ]
    return (LinesCancelled(reason=state.fulfillment.cancel_cause, moves=tuple(gone)),) if gone else ()


def all_of(work: Work, target: Bucket) -> list[Move]:
    """Everything that a fulfillment order still has, to one bucket."""
    lines = dict.fromkeys(line.line for line in work.lines)
    return [
        each
        for line in lines
        for bucket in IN_FULFILLMENT
        for each in move(line, count(work, bucket, line), bucket, target)
    ]


def _elsewhere(state: OrderStream, claims: Sequence[int]) -> list[Move]:
    """What these claims hold or wait for apart from the fulfillment order, back to `ordered`."""
    held = sorted(state.reservation.held.values(), key=lambda part: (part.sequence, part.location))
    moves = [
        each
        for part in held
        if part.sequence in claims
        for each in move(part.line, part.quantity, Bucket.RESERVED, Bucket.ORDERED)
    ]
    for sequence in claims:
        claim = state.reservation.claims[str(sequence)]
        moves += move(claim.line, claim.waiting, Bucket.BACKORDERED, Bucket.ORDERED)
    return moves


def _on_picked(message: Picked, state: OrderStream, context: Context) -> Sequence[Event]:
    """Picked units and missing ones. More than was asked for is the node's to put back: only what was released
    counts."""
    found = of_node(state, context)
    if found is None:
        return ()
    key, work = found
    left = {line.line: count(work, Bucket.RELEASED, line.line) for line in work.lines}
    picked: list[Move] = []
    short: list[ShortLine] = []
    for line in message.lines:
        taken = min(line.quantity, left.get(line.line, 0))
        missing = min(line.short, left.get(line.line, 0) - taken)
        left[line.line] = left.get(line.line, 0) - taken - missing
        picked += move(line.line, taken, Bucket.RELEASED, Bucket.PICKED)
        if missing > 0:
            short.append(ShortLine(line=line.line, sequence=line.sequence, quantity=missing, reason=line.short_reason))
    events: list[Event] = []
    if picked:
        events.append(LinesPicked(fulfillment_order=key, document=message.document, moves=tuple(picked)))
    if short:
        events.append(_short_event(key, work, short))
    return events


def _short_event(key: str, work: Work, short: Sequence[ShortLine]) -> LinesShort:
    moves = [each for line in short for each in move(line.line, line.quantity, Bucket.RELEASED, Bucket.ORDERED)]
    return LinesShort(fulfillment_order=key, location=work.location, lines=tuple(short), moves=tuple(moves))


def contents_of(packages: Iterable[Package], key: str) -> dict[str, int]:
    """Units by line in the packages that belong to a fulfillment order."""
    found: dict[str, int] = defaultdict(int)
    for package in packages:
        for content in package.contents:
            if content.fulfillment_order == key:
                found[content.line] += content.quantity
    return found


def _on_packed(message: Packed, state: OrderStream, context: Context) -> Sequence[Event]:
    found = of_node(state, context)
    if found is None:
        return ()
    key, work = found
    moves = [
        each
        for line, quantity in contents_of(message.packages, key).items()
        for each in move(line, min(quantity, count(work, Bucket.PICKED, line)), Bucket.PICKED, Bucket.PACKED)
    ]
    if not moves:
        return ()
    return (LinesPacked(fulfillment_order=key, packages=message.packages, moves=tuple(moves)),)


def _on_handed_over(message: HandedOver, state: OrderStream, context: Context) -> Sequence[Event]:
    found = of_node(state, context)
    if found is None or found[1].handed_over is not None:
        return ()
    handed = FulfillmentHandedOver(
        fulfillment_order=found[0], document=message.document, occurred_at=message.occurred_at
    )
    return (handed,)


def _on_refused(message: FulfillmentRefused, state: OrderStream, context: Context) -> Sequence[Event]:
    found = of_node(state, context)
    if found is None or message.step != CreateFulfillmentOrder.__name__:
        return ()
    detail = f"fulfillment refused {message.step}: {message.reason}"
    return (orders.hold(state.order, HoldKind.STEP_REFUSED, detail, (HeldStep.RELEASE,), step=RELEASE, key=found[0]),)


def of_shipment(state: OrderStream, context: Context) -> tuple[str, Work] | None:
    """The fulfillment order whose shipment answers, by the stream that the answer is about."""
    key = work_of(state.fulfillment, split_stream(context.subject)[1])
    return None if key is None else (key, state.fulfillment.works[key])


def _on_labels(message: LabelIssued, state: OrderStream, context: Context) -> Sequence[Event]:
    found = of_shipment(state, context)
    if found is None or not found[1].open or found[1].labelled:
        return ()
    labelled = ShipmentLabelled(
        shipment=split_stream(context.subject)[1],
        fulfillment_order=found[0],
        carrier=message.carrier,
        service=message.service,
        labels=message.labels,
    )
    return (labelled,)


def _on_shipment_refused(message: ShipmentRefused, state: OrderStream, context: Context) -> Sequence[Event]:
    found = of_shipment(state, context)
    step = {CreateShipment.__name__: LABEL, DispatchShipment.__name__: DISPATCH}.get(message.step)
    if found is None or not found[1].open or step is None:
        return ()
    detail = f"shipping refused {message.step}: {message.reason}" + (f", {message.detail}" if message.detail else "")
    return (orders.hold(state.order, HoldKind.STEP_REFUSED, detail, (HeldStep.RELEASE,), step=step, key=found[0]),)


def _on_shipped(message: Shipped, state: OrderStream, context: Context) -> Sequence[Event]:
    """The shipment's units are fulfilled: the next from the bottom of each line, with their share of its value."""
    found = of_shipment(state, context)
    if found is None or not found[1].open:
        return ()
    key, work = found
    moves: list[Move] = []
    for line, quantity in contents_of(message.packages, key).items():
        moves += move(line, min(quantity, count(work, Bucket.PACKED, line)), Bucket.PACKED, Bucket.FULFILLED)
    if not moves:
        return ()
    fulfilled = lines_fulfilled(
        state.order,
        FulfilledKind.SHIPPED,
        split_stream(context.subject)[1],
        moves,
        location=work.location,
        fulfillment_order=key,
        carrier=message.carrier,
        service=message.service,
        packages=message.packages,
    )
    return (fulfilled,)


def _on_delivered(message: Delivered, state: OrderStream, context: Context) -> Sequence[Event]:
    """Recorded also after the order is completed: a fact about its units."""
    found = of_shipment(state, context)
    if found is None:
        return ()
    moves: list[Move] = []
    for line, quantity in contents_of([message.package], found[0]).items():
        fulfilled = line_units(state.order.lines[line], Bucket.FULFILLED)
        moves += move(line, min(quantity, fulfilled), Bucket.FULFILLED, Bucket.DELIVERED)
    if not moves:
        return ()
    shipment = split_stream(context.subject)[1]
    delivered = LinesDelivered(
        shipment=shipment, package=message.package.package, occurred_at=message.occurred_at, moves=tuple(moves)
    )
    return (delivered,)


def _capture_open(state: OrderStream, fulfillment: str) -> Fulfilled | None:
    left = state.fulfillment.fulfilled.get(fulfillment)
    return left if left is not None and left.asked is not None and not left.captured else None


def _on_captured(message: PaymentCaptured | CaptureRepeated, state: OrderStream, context: Context) -> Sequence[Event]:
    left = _capture_open(state, message.fulfillment)
    if left is None or message.amount.amount != left.asked:
        return ()
    captured = Money(amount=state.order.captured + message.amount.amount, currency=message.amount.currency)
    return (CaptureRecorded(fulfillment=message.fulfillment, amount=message.amount, captured=captured),)


def _on_capture_refused(message: CaptureRefused, state: OrderStream, context: Context) -> Sequence[Event]:
    key = message.fulfillment
    if _capture_open(state, key) is None:
        return ()
    amount = f"{message.amount.to_decimal()} {message.amount.currency}"
    detail = f"payments refused to capture {amount}: {message.reason}"
    return (orders.hold(state.order, HoldKind.STEP_REFUSED, detail, (HeldStep.RELEASE,), step=CAPTURE, key=key),)


def _nothing(message: Message, state: OrderStream, context: Context) -> Sequence[Event]:
    """What becomes of labels that are not needed changes nothing in the order."""
    return ()


decide: Mapping[type[Message], Any] = {
    FulfillmentOrderCreated: _on_created,
    FulfillmentAccepted: _on_accepted,
    FulfillmentRejected: _on_rejected,
    FulfillmentRefused: _on_refused,
    Picked: _on_picked,
    Packed: _on_packed,
    HandedOver: _on_handed_over,
    LabelIssued: _on_labels,
    ShipmentRefused: _on_shipment_refused,
    Shipped: _on_shipped,
    Delivered: _on_delivered,
    PaymentCaptured: _on_captured,
    CaptureRepeated: _on_captured,
    CaptureRefused: _on_capture_refused,
    ShipmentCancelled: _nothing,
    ShipmentCancelRefused: _nothing,
}
