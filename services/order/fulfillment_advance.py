"""The next steps of the fulfillment saga: finish a cancel, release, label, dispatch, capture, complete.

Asked whenever the order's state has changed; each takes one step that this state allows. What a step asks of whom is
the table in fulfillment_saga.py. Fulfilment takes units of a line from the bottom, cancellation from the top.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chassis.decider import Context
from contracts.ids import aggregate_id
from contracts.message import Event
from contracts.money import Money
from contracts.order import (
    Bucket,
    CancelReason,
    CaptureNotNeeded,
    CaptureRequested,
    DispatchRequested,
    HeldStep,
    OrderCancelled,
    OrderCompleted,
    ReleasedLine,
    ReleasedToFulfillment,
    ShipmentRequested,
    ShipMethod,
)
from services.order.exchange_advance import goods_are_out, kept_for_returns, set_against
from services.order.fulfillment_saga import CARRIER, STEPS
from services.order.fulfillment_state import (
    CAPTURE,
    DISPATCH,
    LABEL,
    RELEASE,
    WORK,
    Work,
    fulfilled_in_order,
    works_in_order,
)
from services.order.leaving import kept_back, worth
from services.order.order import (
    IN_FULFILLMENT,
    NOT_RELEASED,
    WITH_CUSTOMER,
    blocked,
    due,
    line_of,
    move,
    moves_to_cancelled,
    units,
)
from services.order.reservation_answers import cancel_rest
from services.order.value import line_values
from services.order.ways import ship_groups

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["advance"]


def advance(state: OrderStream, context: Context) -> Sequence[Event]:
    """The saga's next step, if its state allows one: finish a cancel, release, label, dispatch, capture, complete."""
    order, saga = state.order, state.fulfillment
    if not order.open:
        return ()
    events = [event for key, work in works_in_order(saga.works) for event in _next_of(state, key, work, context)]
    if state.reservation.authorized or order.confirmed:
        events += _captures(state, context)
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
    """The next step of one fulfillment order. One that is being withdrawn is not labelled, but what has left has; what
    is collected needs no label."""
    if work.given_up or work.method is ShipMethod.PICKUP:
        return ()
    if work.packages and work.shipment is None and (work.handed_over or key not in state.fulfillment.withdrawing):
        shipment = aggregate_id(state.order.terms.tenant, "shipment", key, str(work.shipments))
        by = context.now + STEPS[LABEL].answer_within
        return (ShipmentRequested(shipment=shipment, fulfillment_order=key, carrier=CARRIER, answer_by=by),)
    if work.shipment is None:
        return ()
    if work.open and work.labelled and work.handed_over and not work.dispatching:
        return (_dispatched(key, work, work.shipment, work.handed_over, context),)
    return ()


def _dispatched(key: str, work: Work, shipment: str, document: str, context: Context) -> DispatchRequested:
    return DispatchRequested(
        shipment=shipment,
        fulfillment_order=key,
        document=document,
        occurred_at=work.handed_over_at,
        answer_by=context.now + STEPS[DISPATCH].answer_within,
    )


def _captures(state: OrderStream, context: Context) -> Sequence[Event]:
    """Ask for what left and was not asked for yet, less what credit pays, and never for more than is owed in all: a line may be worth less
    than nothing, beside a discount of the whole order or by a person's leave, and comes off the others."""
    left = fulfilled_in_order(state.fulfillment.fulfilled)
    if all(one.settled for _, one in left):
        return ()
    order, by = state.order, context.now + STEPS[CAPTURE].answer_within
    owed, values = due(order), line_values(order.terms, order.adjustments)
    value = covered = 0
    events: list[Event] = []
    used: dict[str, int] = {}
    for key, one in left:
        value += worth(values, one.ranges)
        covered += one.covered
        if one.settled:
            continue
        due_now = max(0, min(value, owed) - covered)
        credit = set_against(state, key, one.ranges, due_now, used)
        events += credit
        taken = Money(amount=due_now - sum(each.amount.amount for each in credit), currency=one.amount.currency)
        covered += due_now
        if taken.amount > 0:
            events.append(CaptureRequested(fulfillment=key, amount=taken, answer_by=by))
        else:
            events.append(CaptureNotNeeded(fulfillment=key, amount=one.amount))
    return events


def _release(state: OrderStream, context: Context) -> Sequence[Event]:
    """Everything reserved that waits for no others goes to its nodes: a fulfillment order for each location and ship
    group."""
    parts: dict[tuple[str, str], list[ReleasedLine]] = defaultdict(list)
    kept = kept_back(state.order, state.fulfillment) | kept_for_returns(state)
    held = sorted(state.reservation.held.values(), key=lambda part: (part.sequence, part.location))
    for part in held:
        if part.line in kept:
            continue
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
        method=ship_groups(terms)[group].method,
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
    open_captures = any(not left.captured for left in state.fulfillment.fulfilled.values())
    if units(order, *NOT_RELEASED, *IN_FULFILLMENT) or open_captures or state.changes.increase:
        return ()
    if goods_are_out(state):
        return ()
    if not units(order, *WITH_CUSTOMER):
        return (OrderCancelled(cause=order.cancelled_because or CancelReason.NOTHING_TO_FULFILL),)
    return (OrderCompleted(captured=Money(amount=order.captured, currency=order.terms.currency)),)
