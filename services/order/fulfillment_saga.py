"""The fulfillment saga: give nodes their work, have what they packed labelled and shipped, take the money for it.

It folds the order's own stream. A node's facts and a carrier's are never refused: they move units, whatever the order
had in mind. Fulfilment takes units of a line from the bottom, cancellation from the top. Reads in one order: the
table, state, evolve, answers, next steps, reactions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chassis.decider import Context, Fold, Outgoing, Send
from chassis.saga import Step, ask, asked_by
from contracts.fulfillment import (
    CancelFulfillment,
    CreateFulfillmentOrder,
    FulfillmentAccepted,
    FulfillmentCancelled,
    FulfillmentCancelRefused,
    FulfillmentLine,
    FulfillmentOrderCreated,
    FulfillmentRefused,
    FulfillmentRejected,
    HandedOver,
    Packed,
    Picked,
)
from contracts.ids import aggregate_id, stream
from contracts.message import Event
from contracts.money import Money
from contracts.order import (
    Bucket,
    CancelReason,
    CaptureNotNeeded,
    CaptureRequested,
    DispatchRequested,
    FulfillmentDeclined,
    FulfillmentWithdrawn,
    HeldStep,
    OrderCancelled,
    OrderCancelRequested,
    OrderCompleted,
    ReleasedLine,
    ReleasedToFulfillment,
    ShipGroup,
    ShipmentRequested,
    StepAskedAgain,
)
from contracts.payments import (
    CapturePayment,
    CaptureRefused,
    CaptureRepeated,
    PaymentCaptured,
)
from contracts.shipping import (
    CancelShipment,
    CreateShipment,
    DispatchShipment,
    LabelIssued,
    ShipmentRefused,
    Shipped,
)
from services.order.fulfillment_answers import decide
from services.order.fulfillment_state import (
    CAPTURE,
    DISPATCH,
    LABEL,
    RELEASE,
    WITHDRAW,
    WORK,
    FulfillmentState,
    Value,
    Work,
    deadlines_of,
    evolve,
    works_in_order,
)
from services.order.order import (
    IN_FULFILLMENT,
    NOT_RELEASED,
    WITH_CUSTOMER,
    OrderState,
    blocked,
    due,
    line_of,
    move,
    moves_to_cancelled,
    units,
)
from services.order.reservation_answers import cancel_rest
from services.order.reservation_saga import void_payment

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FOLD", "STEPS", "advance", "decide"]

CARRIER = "own-fleet"


# The table


def _group(order: OrderState, name: str) -> ShipGroup:
    return next(group for group in order.terms.ship_groups if group.group == name)


def _create(state: OrderStream, key: str) -> Sequence[Send]:
    work, terms = state.fulfillment.works[key], state.order.terms
    group = _group(state.order, work.ship_group)
    message = CreateFulfillmentOrder(
        order_id=terms.order_id,
        location=work.location,
        sequence=work.sequence,
        ship_group=group.group,
        method=group.method,
        service_level=group.service_level,
        ship_to=group.ship_to,
        priority=terms.priority,
        instructions=group.instructions,
        gift_message=group.gift_message,
        lines=tuple(
            FulfillmentLine(
                line=line.line,
                sequence=line.sequence,
                sku=line.sku,
                quantity=line.quantity,
                unit=line.unit,
                description=line_of(state.order, line.line).description,
            )
            for line in work.lines
        ),
    )
    return [Send("fulfillment", stream("fulfillment_order", key), message, wants_answer=True)]


def _withdraw(state: OrderStream, key: str) -> Sequence[Send]:
    message = CancelFulfillment(cause=state.fulfillment.cancel_cause)
    return [Send("fulfillment", stream("fulfillment_order", key), message, wants_answer=True)]


def _wait(state: OrderStream, key: str) -> Sequence[Send]:
    """The node has what it needs; the order waits for its facts."""
    return ()


def _label(state: OrderStream, key: str) -> Sequence[Send]:
    work = state.fulfillment.works[key]
    group = _group(state.order, work.ship_group)
    if group.ship_to is None or work.shipment is None:
        return ()
    message = CreateShipment(
        order_id=state.order.terms.order_id,
        fulfillment_order=key,
        location=work.location,
        carrier=CARRIER,
        service_level=group.service_level,
        ship_to=group.ship_to,
        packages=work.packages,
    )
    return [Send("shipping", stream("shipment", work.shipment), message, wants_answer=True)]


def _cancel_shipment(state: OrderStream, key: str) -> Sequence[Send]:
    shipment = state.fulfillment.works[key].shipment
    message = CancelShipment(cause=state.fulfillment.cancel_cause)
    return [Send("shipping", stream("shipment", shipment), message)] if shipment else ()


def _dispatch(state: OrderStream, key: str) -> Sequence[Send]:
    work = state.fulfillment.works[key]
    if work.shipment is None or work.handed_over is None:
        return ()
    message = DispatchShipment(document=work.handed_over, occurred_at=work.handed_over_at)
    return [Send("shipping", stream("shipment", work.shipment), message, wants_answer=True)]


def _capture(state: OrderStream, key: str) -> Sequence[Send]:
    work, order_id = state.fulfillment.works[key], state.order.terms.order_id
    if work.shipment is None or work.value is None or work.asked is None:
        return ()
    currency = state.order.terms.currency
    other = work.asked - sum(part.amount.amount for part in work.value.ranges)
    message = CapturePayment(
        order_id=order_id,
        shipment=work.shipment,
        amount=Money(amount=work.asked, currency=currency),
        lines=work.value.ranges,
        other=Money(amount=other, currency=currency),
    )
    return [Send("payments", stream("payment", order_id), message, wants_answer=True)]


def _fulfillment_order(event: Any) -> Sequence[str]:
    """The steps of a fulfillment order are asked for under its id."""
    return (event.fulfillment_order,)


STEPS: Mapping[str, Step] = {
    step.name: step
    for step in (
        Step(
            name=RELEASE,
            when="the order is confirmed and units are reserved that no node has: one for each location and ship group",
            asked_by=ReleasedToFulfillment,
            keys=_fulfillment_order,
            service="fulfillment",
            sends=CreateFulfillmentOrder,
            answers=(FulfillmentOrderCreated, FulfillmentRefused),
            answer_within=timedelta(minutes=5),
            asks_max=3,
            on_silence="hold no_answer",
            ask=_create,
            compensation=CancelFulfillment,
            undo=_withdraw,
        ),
        Step(
            name=WORK,
            when="the node has the work",
            asked_by=ReleasedToFulfillment,
            keys=_fulfillment_order,
            service="fulfillment",
            sends=None,
            answers=(FulfillmentAccepted, FulfillmentRejected, Picked, Packed, HandedOver),
            answer_within=timedelta(days=3),
            asks_max=1,
            on_silence="hold no_answer, which blocks nothing",
            ask=_wait,
        ),
        Step(
            name=LABEL,
            when="Packed",
            asked_by=ShipmentRequested,
            keys=_fulfillment_order,
            service="shipping",
            sends=CreateShipment,
            answers=(LabelIssued, ShipmentRefused),
            answer_within=timedelta(minutes=5),
            asks_max=3,
            on_silence="hold no_answer",
            ask=_label,
            compensation=CancelShipment,
            undo=_cancel_shipment,
        ),
        Step(
            name=DISPATCH,
            when="HandedOver, and the labels are there",
            asked_by=DispatchRequested,
            keys=_fulfillment_order,
            service="shipping",
            sends=DispatchShipment,
            answers=(Shipped, ShipmentRefused),
            answer_within=timedelta(minutes=5),
            asks_max=3,
            on_silence="hold no_answer",
            ask=_dispatch,
        ),
        Step(
            name=CAPTURE,
            when="Shipped: the shipment's units are fulfilled and worth something",
            asked_by=CaptureRequested,
            keys=_fulfillment_order,
            service="payments",
            sends=CapturePayment,
            answers=(PaymentCaptured, CaptureRepeated, CaptureRefused),
            answer_within=timedelta(minutes=15),
            asks_max=3,
            on_silence="hold no_answer",
            ask=_capture,
        ),
        Step(
            name=WITHDRAW,
            when="a cancel is wished for while nodes have the work",
            asked_by=OrderCancelRequested,
            keys=lambda event: event.fulfillment_orders,
            service="fulfillment",
            sends=CancelFulfillment,
            answers=(FulfillmentCancelled, FulfillmentCancelRefused),
            answer_within=timedelta(minutes=15),
            asks_max=3,
            on_silence="hold no_answer",
            ask=_withdraw,
        ),
    )
}


# Next steps


def advance(state: OrderStream, context: Context) -> Sequence[Event]:
    """The saga's next step, if its state allows one: finish a cancel, release, label, dispatch, capture, complete."""
    order, saga = state.order, state.fulfillment
    if not order.open:
        return ()
    events = [event for key, work in works_in_order(saga.works) for event in _next_of(state, key, work, context)]
    if events:
        return events
    if saga.cancelling:
        return _finish_cancel(state)
    if not order.confirmed or state.reservation.unanswered:
        return ()
    if units(order, Bucket.RESERVED):
        return () if blocked(order, HeldStep.RELEASE) else _release(state, context)
    return _complete(state)


def _next_of(state: OrderStream, key: str, work: Work, context: Context) -> Sequence[Event]:
    """The next step of one fulfillment order. One that is being withdrawn is not labelled, but what has left has."""
    if work.given_up:
        return ()
    if work.packages and work.shipment is None and (work.handed_over or key not in state.fulfillment.withdrawing):
        shipment = aggregate_id(state.order.terms.tenant, "shipment", key, "0")
        by = context.now + STEPS[LABEL].answer_within
        return (ShipmentRequested(shipment=shipment, fulfillment_order=key, carrier=CARRIER, answer_by=by),)
    if work.shipment is None:
        return ()
    if work.open and work.labelled and work.handed_over and not work.dispatching:
        return (_dispatched(key, work, work.shipment, work.handed_over, context),)
    if work.value is not None and work.asked is None and not work.captured:
        return (_capturing(state, key, work.shipment, work.value, context),)
    return ()


def _dispatched(key: str, work: Work, shipment: str, document: str, context: Context) -> DispatchRequested:
    return DispatchRequested(
        shipment=shipment,
        fulfillment_order=key,
        document=document,
        occurred_at=work.handed_over_at,
        answer_by=context.now + STEPS[DISPATCH].answer_within,
    )


def _capturing(state: OrderStream, key: str, shipment: str, value: Value, context: Context) -> Event:
    """Ask for what left and was not asked for yet, and never for more than is owed in all: a line may be worth less
    than nothing, beside a discount of the whole order or by a person's leave, and comes off the others."""
    works = state.fulfillment.works.values()
    left = sum(work.value.amount.amount for work in works if work.value is not None)
    amount = min(left, due(state.order)) - sum(work.asked or 0 for work in works)
    if amount <= 0:
        return CaptureNotNeeded(shipment=shipment, amount=value.amount)
    taken = Money(amount=amount, currency=value.amount.currency)
    by = context.now + STEPS[CAPTURE].answer_within
    return CaptureRequested(shipment=shipment, fulfillment_order=key, amount=taken, answer_by=by)


def _release(state: OrderStream, context: Context) -> Sequence[Event]:
    """Everything reserved goes to its nodes: a fulfillment order for each location and ship group."""
    parts: dict[tuple[str, str], list[ReleasedLine]] = defaultdict(list)
    held = sorted(state.reservation.held.values(), key=lambda part: (part.sequence, part.location))
    for part in held:
        line = line_of(state.order, part.line)
        parts[part.location, line.ship_group].append(
            ReleasedLine(line=line.line, sequence=part.sequence, sku=line.sku, quantity=part.quantity, unit=line.unit)
        )
    first = len(state.fulfillment.works)
    return [
        _released_to(state, context, location, group, number, lines)
        for number, ((location, group), lines) in enumerate(sorted(parts.items()), start=first)
    ]


def _released_to(
    state: OrderStream, context: Context, location: str, group: str, number: int, lines: Sequence[ReleasedLine]
) -> ReleasedToFulfillment:
    terms = state.order.terms
    return ReleasedToFulfillment(
        fulfillment_order=aggregate_id(terms.tenant, "fulfillment_order", terms.order_id, location, str(number)),
        sequence=number,
        location=location,
        ship_group=group,
        lines=tuple(lines),
        answer_by=context.now + STEPS[RELEASE].answer_within,
        work_by=context.now + STEPS[WORK].answer_within,
        moves=tuple(
            each for line in lines for each in move(line.line, line.quantity, Bucket.RESERVED, Bucket.RELEASED)
        ),
    )


def _finish_cancel(state: OrderStream) -> Sequence[Event]:
    """Once every node has answered: the rest is cancelled, and with it the order, unless something has left."""
    saga, order = state.fulfillment, state.order
    if saga.withdrawing:
        return ()
    if not units(order, *IN_FULFILLMENT, *WITH_CUSTOMER):
        return (OrderCancelled(cause=saga.cancel_cause, moves=moves_to_cancelled(order)),)
    rest = cancel_rest(state, saga.cancel_cause)
    return (rest,) if rest.moves or rest.released_claims else _complete(state)


def _complete(state: OrderStream) -> Sequence[Event]:
    order = state.order
    open_captures = any(work.value is not None and not work.captured for work in state.fulfillment.works.values())
    if units(order, *NOT_RELEASED, *IN_FULFILLMENT) or open_captures:
        return ()
    if not units(order, *WITH_CUSTOMER):
        return (OrderCancelled(cause=order.cancelled_because or CancelReason.NOTHING_TO_FULFILL),)
    return (OrderCompleted(captured=Money(amount=order.captured, currency=order.terms.currency)),)


# Reactions


def react(state: OrderStream, event: Event) -> Sequence[Outgoing]:
    """The messages of a step that was asked for, and the compensation of what is given up."""
    match event:
        case StepAskedAgain():
            return ask(STEPS, event.step, event.key, state)
        case FulfillmentWithdrawn() | FulfillmentDeclined():
            return STEPS[LABEL].undo(state, event.fulfillment_order)
        case OrderCompleted():
            return _void_rest(state)
    return asked_by(STEPS, event, state)


def _void_rest(state: OrderStream) -> Sequence[Send]:
    """What was authorised for units that were cancelled later is given back."""
    asked = state.reservation.authorization
    if asked is None or asked.amount.amount <= state.order.captured:
        return ()
    return void_payment(state, "")


FOLD = Fold("fulfillment", 3, FulfillmentState(), evolve, react, deadlines_of)
