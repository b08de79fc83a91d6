"""The next steps of the reservation saga: source what is open, secure the money, confirm.

Asked whenever the order's state has changed; each takes one step that this state allows. What a step asks of whom is
the table in reservation_saga.py. Policy: an order is confirmed, once and whole, when every unit is reserved, waits for
supply, is held by its line or is cancelled; what of it may leave then is leaving.py's to say. One of which nothing but
held lines is left waits for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chassis.decider import Context
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import (
    CancelDecided,
    FulfillmentCancelled,
    FulfillmentCancelRefused,
    FulfillmentRejected,
    Picked,
)
from contracts.inventory import (
    DemandQueued,
    ReservationBroken,
    StockRejected,
    StockReserved,
)
from contracts.message import Event, Message
from contracts.money import Money
from contracts.order import (
    ApproveRefund,
    AuthorizationRequested,
    Bucket,
    CancelByChannel,
    CancelOrder,
    CancelReason,
    ConfirmChange,
    GrantRefund,
    HeldStep,
    HoldKind,
    ImportOrder,
    OrderCancelled,
    OrderConfirmed,
    PlaceOrder,
    ProposeChange,
    RefundTo,
    ReleaseHold,
    SettlePackage,
)
from contracts.payments import PaymentIncreased
from services.order.kits import kit_key
from services.order.order import (
    NOT_RELEASED,
    WITH_CUSTOMER,
    OrderState,
    blocked,
    due,
    held_units,
    line_of,
    units,
)
from services.order.refund_state import find
from services.order.reservation_answers import may_wait
from services.order.reservation_saga import STEPS
from services.order.reservation_state import (
    AUTHORIZE,
)
from services.order.sourcing_decision import open_demands, source
from services.order.value import tenders_for
from services.order.ways import handed_out

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["advance", "needs"]


def needs(message: Message, state: OrderStream) -> Sequence[str]:
    """The SKUs whose availability (at placement also whose components) is read with the stream, wherever this message may lead to a sourcing decision: so may
    any that answers what a hold was placed for."""
    if isinstance(message, PlaceOrder | ImportOrder):
        gone = {line.line for line in handed_out(message)}
        ordered = [line for line in message.lines if line.quantity > 0]
        wanted = {line.sku for line in ordered if line.line not in gone} | {kit_key(line.sku) for line in ordered}
        return () if state.order.placed else sorted(wanted)
    if again := _after_the_end(message, state):
        return sorted(again)
    if not state.order.open:
        return ()
    extra = _skus_of(message, state)
    if extra is None and all(hold.kind is not HoldKind.NO_ANSWER for hold in state.order.holds.values()):
        return ()
    return sorted({demand.sku for demand in open_demands(state)} | (extra or set()))


def _after_the_end(message: Message, state: OrderStream) -> set[str]:
    """The SKUs that may be sourced by this message also of an order that has ended: goods are sent again, or others for
    what comes back."""
    match message:
        case ProposeChange(returns=returns) if returns:
            others = {wish.sku for wish in returns if wish.sku}
            return _changed_by(message, state) | others | {kit_key(sku) for sku in others}
        case ConfirmChange() if not state.order.open:
            return _changed_by(message, state)
        case GrantRefund(to=RefundTo.REPLACEMENT) | SettlePackage(reship=True):
            wanted = True
        case ApproveRefund():
            refund = find(state.refunds, message.refund)
            wanted = refund is not None and refund.contents.to is RefundTo.REPLACEMENT
        case _:
            wanted = False
    return {line_of(state.order, name).sku for name in state.order.lines} if wanted else set()


def _skus_of(message: Message, state: OrderStream) -> set[str] | None:
    """The SKUs that the message itself may open again; None when it cannot end in sourcing."""
    order, reservation = state.order, state.reservation
    match message:
        case StockReserved() | DemandQueued():
            others = units(order, Bucket.ORDERED) > reservation.unanswered
            return set() if others and reservation.unanswered <= message.quantity else None
        case StockRejected():
            return {message.sku} if reservation.unanswered <= message.quantity else None
        case ReservationBroken():
            return {message.sku}
        case FulfillmentRejected():
            lines = {line.line for line in message.lines}
            return {line_of(order, line).sku for line in sorted(lines) if line in order.lines}
        case Picked():
            lines = {line.line for line in message.lines if line.short}
            return {line_of(order, line).sku for line in sorted(lines) if line in order.lines}
        case ReleaseHold():
            released = order.holds.get(message.hold)
            return {line_of(order, line).sku for line in released.lines} if released else set()
        case ProposeChange() | ConfirmChange() | PaymentIncreased():
            return _changed_by(message, state)
        case CancelOrder() | CancelByChannel():
            return _unanswered(state) if message.lines else None
        case CancelDecided() | FulfillmentCancelled() | FulfillmentCancelRefused():
            return _unanswered(state) if any(asked.parts for asked in state.fulfillment.asked_back.values()) else None
        case DeadlinePassed(name="cancel_after"):
            return {claim.sku for claim in reservation.claims.values() if claim.live and may_wait(claim)}
    return None


def _changed_by(message: Message, state: OrderStream) -> set[str]:
    """The SKUs that a change may have sourced: of a proposal also what its kits are made of."""
    order, proposed = state.order, state.changes.proposed
    skus = {line_of(order, name).sku for name in order.lines}
    if isinstance(message, ProposeChange):
        named = {wish.line for wish in message.lines}
        wanted = {line.sku for line in order.terms.lines if line.line in named} | {each.sku for each in message.added}
        return skus | wanted | {kit_key(sku) for sku in wanted}
    return skus | ({line.sku for line in proposed.lines} if proposed else set())


def _unanswered(state: OrderStream) -> set[str]:
    """The SKUs of claims that are given back whole when a part of them is cancelled, so that the rest is sourced again."""
    return {claim.sku for claim in state.reservation.claims.values() if claim.live and claim.unanswered}


def advance(state: OrderStream, context: Context) -> Sequence[Event]:
    """The saga's next step, if its state allows one: secure what left already, source, authorise, confirm."""
    order, reservation = state.order, state.reservation
    if not order.open or state.fulfillment.cancelling:
        return ()
    if _left_unsettled(state) and (asked := _authorize(state, context)):
        return asked
    if reservation.unanswered:
        return ()
    open_units = units(order, Bucket.ORDERED)
    if open_units and blocked(order, HeldStep.SOURCING):
        return ()
    if open_units > (held := held_units(order, HeldStep.SOURCING, Bucket.ORDERED)):
        return source(state, context)
    if order.confirmed or blocked(order, HeldStep.AUTHORIZATION):
        return ()
    if not units(order, Bucket.BACKORDERED, Bucket.RESERVED, *WITH_CUSTOMER):
        return () if held else (OrderCancelled(cause=order.cancelled_because or CancelReason.NOTHING_TO_FULFILL),)
    return _authorize(state, context) or _confirm(state)


def _left_unsettled(state: OrderStream) -> bool:
    """Whether something left us whose worth was not asked for yet."""
    return any(not left.settled for left in state.fulfillment.fulfilled.values())


def _to_secure(order: OrderState) -> int:
    """What is owed and not settled by another system, in minor units."""
    return due(order) - order.settled


def _authorize(state: OrderStream, context: Context) -> Sequence[Event]:
    """Have all that is owed secured, unless that was asked for before: goods that left do not wait for the others."""
    order = state.order
    if order.confirmed or state.reservation.authorization is not None or blocked(order, HeldStep.AUTHORIZATION):
        return ()
    owed = Money(amount=_to_secure(order), currency=order.terms.currency)
    if owed.amount <= 0:
        return ()
    tenders = tenders_for(owed.amount, order.terms.tenders, order.settled)
    answer_by = context.now + STEPS[AUTHORIZE].answer_within
    return (AuthorizationRequested(amount=owed, tenders=tenders, answer_by=answer_by),)


def _confirm(state: OrderStream) -> Sequence[Event]:
    """Once it is secured."""
    owed = Money(amount=due(state.order), currency=state.order.terms.currency)
    if _to_secure(state.order) > 0 and not state.reservation.authorized:
        return ()
    return (OrderConfirmed(amount=owed, all_left=not units(state.order, *NOT_RELEASED)),)
