"""The fulfillment saga: give nodes their work, have it shipped or collected, and take the money for what left.

It folds the order's own stream. Here are the table and the messages that go out; its state is in fulfillment_state.py,
what it makes of answers in fulfillment_answers.py, counter_answers.py and cancel_answers.py, and its next steps in
fulfillment_advance.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from chassis.decider import Fold, Outgoing, Send
from chassis.saga import Step, ask, asked_by, asking
from contracts.fulfillment import (
    CancelDecided,
    CancelFulfillment,
    CancelRequested,
    CancelUnits,
    Collected,
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
    ReadyForPickup,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import Demand, RecordHandedOut
from contracts.message import Event
from contracts.money import Money
from contracts.order import (
    CancelLeftToNode,
    CaptureRequested,
    DispatchRequested,
    FulfilledKind,
    FulfillmentDeclined,
    FulfillmentReady,
    FulfillmentWithdrawn,
    LinesFulfilled,
    LinesWithdrawn,
    OrderCancelRequested,
    OrderCompleted,
    ReleasedToFulfillment,
    ShipmentRequested,
    ShipMethod,
    StepAskedAgain,
)
from contracts.payments import (
    ORDER_COMPLETE,
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
from services.order.fulfillment_state import (
    CAPTURE,
    COLLECT,
    DECIDE,
    DISPATCH,
    LABEL,
    RELEASE,
    WITHDRAW,
    WORK,
    FulfillmentState,
    Withdrawal,
    deadlines_of,
    evolve,
)
from services.order.order import OrderState, line_of
from services.order.reservation_saga import void_payment
from services.order.ways import ship_groups

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["CARRIER", "FOLD", "STEPS"]

CARRIER = "own-fleet"
"""Who brings the packages."""

COLLECT_WITHIN = timedelta(days=7)
"""How long goods lie ready at a counter before a person is asked what becomes of them."""


# The table


def _create(state: OrderStream, key: str) -> Sequence[Send]:
    work, terms = state.fulfillment.works[key], state.order.terms
    group = ship_groups(terms)[work.ship_group]
    collector = group.pickup_person or terms.buyer
    message = CreateFulfillmentOrder(
        order_id=terms.order_id,
        location=work.location,
        sequence=work.sequence,
        ship_group=group.group,
        method=group.method,
        service_level=group.service_level,
        ship_to=group.ship_to,
        pickup_person=collector if group.method is ShipMethod.PICKUP else None,
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
    asked = state.fulfillment.asked_back.get(key) or Withdrawal(state.fulfillment.cancels)
    message = CancelFulfillment(
        cause=state.fulfillment.cancel_cause,
        request=asked.request,
        lines=tuple(CancelUnits(line=line, quantity=quantity) for line, quantity in asked.parts),
    )
    return [Send("fulfillment", stream("fulfillment_order", key), message, wants_answer=True)]


def _wait(state: OrderStream, key: str) -> Sequence[Send]:
    """Everybody has what they need; the order waits for what they do."""
    return ()


def _label(state: OrderStream, key: str) -> Sequence[Send]:
    work = state.fulfillment.works[key]
    group = ship_groups(state.order.terms)[work.ship_group]
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
    return _give_up_shipment(state, state.fulfillment.works[key].shipment)


def _give_up_shipment(state: OrderStream, shipment: str | None) -> Sequence[Send]:
    message = CancelShipment(cause=state.fulfillment.cancel_cause)
    return [Send("shipping", stream("shipment", shipment), message)] if shipment else ()


def _dispatch(state: OrderStream, key: str) -> Sequence[Send]:
    work = state.fulfillment.works[key]
    if work.shipment is None or work.handed_over is None:
        return ()
    message = DispatchShipment(document=work.handed_over, occurred_at=work.handed_over_at)
    return [Send("shipping", stream("shipment", work.shipment), message, wants_answer=True)]


def _capture(state: OrderStream, key: str) -> Sequence[Send]:
    left, order_id = state.fulfillment.fulfilled[key], state.order.terms.order_id
    if left.asked is None:
        return ()
    currency = left.amount.currency
    other = left.asked - sum(part.amount.amount for part in left.ranges)
    message = CapturePayment(
        order_id=order_id,
        fulfillment=key,
        amount=Money(amount=left.asked, currency=currency),
        lines=left.ranges,
        other=Money(amount=other, currency=currency),
    )
    return [Send("payments", stream("payment", order_id), message, wants_answer=True)]


def _fulfillment_order(event: Any) -> Sequence[str]:
    """The steps of a fulfillment order are asked for under its id."""
    return (event.fulfillment_order,)


_asked = partial(Step, keys=_fulfillment_order, asks_max=3, on_silence="hold no_answer")
"""A row, unless it says otherwise: asked for under the id of a fulfillment order, three times, then a person has to look."""

STEPS: Mapping[str, Step] = {
    step.name: step
    for step in (
        _asked(
            name=RELEASE,
            when="the order is confirmed, units are reserved, may leave and wait for no others: one for each location and ship group",
            asked_by=ReleasedToFulfillment,
            service="fulfillment",
            sends=CreateFulfillmentOrder,
            answers=(FulfillmentOrderCreated, FulfillmentRefused),
            answer_within=timedelta(minutes=5),
            ask=_create,
            compensation=CancelFulfillment,
            undo=_withdraw,
        ),
        _asked(
            name=WORK,
            when="the node has the work",
            asked_by=ReleasedToFulfillment,
            service="fulfillment",
            sends=None,
            answers=(FulfillmentAccepted, FulfillmentRejected, Picked, Packed, HandedOver, ReadyForPickup),
            answer_within=timedelta(days=3),
            asks_max=1,
            on_silence="hold no_answer, which blocks nothing",
            ask=_wait,
        ),
        _asked(
            name=COLLECT,
            when="ReadyForPickup: it waits at the counter",
            asked_by=FulfillmentReady,
            service="fulfillment",
            sends=None,
            answers=(Collected,),
            answer_within=COLLECT_WITHIN,
            asks_max=1,
            on_silence="hold not_collected, which blocks nothing",
            ask=_wait,
        ),
        _asked(
            name=LABEL,
            when="Packed, to be shipped",
            asked_by=ShipmentRequested,
            service="shipping",
            sends=CreateShipment,
            answers=(LabelIssued, ShipmentRefused),
            answer_within=timedelta(minutes=5),
            ask=_label,
            compensation=CancelShipment,
            undo=_cancel_shipment,
        ),
        _asked(
            name=DISPATCH,
            when="HandedOver, and the labels are there",
            asked_by=DispatchRequested,
            service="shipping",
            sends=DispatchShipment,
            answers=(Shipped, ShipmentRefused),
            answer_within=timedelta(minutes=5),
            ask=_dispatch,
        ),
        _asked(
            name=CAPTURE,
            when="Shipped, Collected, or handed out at a till and secured: units are fulfilled and worth something",
            asked_by=CaptureRequested,
            keys=lambda event: (event.fulfillment,),
            service="payments",
            sends=CapturePayment,
            answers=(PaymentCaptured, CaptureRepeated, CaptureRefused),
            answer_within=timedelta(minutes=15),
            ask=_capture,
        ),
        _asked(
            name=WITHDRAW,
            when="a cancel is wished for while nodes have the work, of the order or of some units",
            asked_by=OrderCancelRequested,
            keys=lambda event: event.fulfillment_orders,
            service="fulfillment",
            sends=CancelFulfillment,
            answers=(FulfillmentCancelled, CancelRequested, FulfillmentCancelRefused),
            answer_within=timedelta(minutes=15),
            ask=_withdraw,
        ),
        _asked(
            name=DECIDE,
            when="CancelRequested: the node has accepted the work, and answers within a time of its own; then",
            asked_by=CancelLeftToNode,
            service="fulfillment",
            sends=None,
            answers=(CancelDecided,),
            answer_within=timedelta(minutes=15),
            asks_max=1,
            on_silence="hold no_answer, which blocks nothing",
            ask=_wait,
        ),
    )
}

_ASKING = asking(STEPS)


# Reactions


def react(state: OrderStream, event: Event) -> Sequence[Outgoing]:
    """The messages of a step that was asked for, and the compensation of what is given up."""
    match event:
        case StepAskedAgain():
            return ask(STEPS, event.step, event.key, state)
        case FulfillmentWithdrawn() | FulfillmentDeclined():
            return STEPS[LABEL].undo(state, event.fulfillment_order)
        case LinesWithdrawn():
            return _give_up_shipment(state, event.shipment)
        case LinesFulfilled(kind=FulfilledKind.HANDED_OUT):
            return _handed_out(state.order, event)
        case OrderCompleted():
            return _void_rest(state)
    return asked_by(_ASKING, event, state)


def _handed_out(order: OrderState, event: LinesFulfilled) -> Sequence[Send]:
    """Each stock item hears what left its shelf. Where nobody said which shelf, or which goods, only a count can tell."""
    terms, location = order.terms, event.location
    lines = [(line_of(order, each.line), each.quantity) for each in event.moves]
    return [
        Send(
            "inventory",
            stream("stock_item", aggregate_id(terms.tenant, "stock_item", line.sku)),
            RecordHandedOut(
                sku=line.sku,
                demand=Demand(kind="order", id=terms.order_id, line=line.line),
                location=location,
                quantity=quantity,
                unit=line.unit,
                fulfillment=event.fulfillment,
                occurred_at=terms.placed_at,
            ),
        )
        for line, quantity in lines
        if line.sku and location is not None
    ]


def _void_rest(state: OrderStream) -> Sequence[Send]:
    """What was authorised for units that were cancelled later is given back, and what may have come although it was given
    up: the order may not have heard of it yet."""
    asked = state.reservation.authorization
    secured = (asked.amount.amount if asked else 0) + state.reservation.increased
    if secured <= state.order.captured - state.order.captured_before and not state.changes.given_up:
        return ()
    return void_payment(state, "", ORDER_COMPLETE)


FOLD = Fold("fulfillment", 8, FulfillmentState(), evolve, react, deadlines_of)
