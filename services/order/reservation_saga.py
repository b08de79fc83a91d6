"""The reservation saga: source the order once, claim every unit, secure the money, confirm.

It folds the order's own stream, and takes its next step whenever its state allows one. Policy: an order is confirmed,
and released, when every unit is reserved or cancelled; one that waits for supply waits whole. Reads in one order: the
table, state, evolve, answers, next steps, reactions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from chassis.decider import Context, Fold, Outgoing, Send
from chassis.saga import Step, ask, asked_by, undo
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import FulfillmentRejected, Picked
from contracts.ids import aggregate_id, stream
from contracts.inventory import (
    ClaimRepeated,
    ClaimStock,
    Demand,
    DemandQueued,
    OnShortage,
    ReleaseClaim,
    ReservationBroken,
    StockRejected,
    StockReserved,
)
from contracts.message import Event, Message
from contracts.money import Money, share
from contracts.order import (
    AuthorizationRequested,
    Bucket,
    CancelReason,
    ConfirmationRequested,
    ConfirmedLine,
    FulfillmentDeclined,
    FulfillmentWithdrawn,
    HeldStep,
    HoldKind,
    LinesCancelled,
    LinesPicked,
    LinesShort,
    OrderCancelled,
    OrderConfirmed,
    OrderLine,
    PlaceOrder,
    ReleaseHold,
    SourcingDecided,
    StepAskedAgain,
)
from contracts.payments import (
    AuthorizePayment,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentRepeated,
    VoidPayment,
)
from services.order.fulfillment_state import to_pick
from services.order.order import OrderState, blocked, due, line_of, line_units, units
from services.order.reservation_answers import decide, may_wait
from services.order.reservation_state import (
    AUTHORIZE,
    CLAIM,
    ONLY,
    Claim,
    ReservationState,
    claims_in_order,
    deadlines_of,
    evolve,
)
from services.order.sourcing_decision import CLAIMS_ANSWERED_WITHIN, open_demands, source
from services.order.value import tenders_for

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FOLD", "STEPS", "advance", "decide", "needs", "void_payment"]


# The table


def _claim(state: OrderStream, key: str) -> Sequence[Send]:
    claims = (
        claim for claim in claims_in_order(state.reservation.claims) if claim.decision == int(key) and claim.unanswered
    )
    return [_to_stock_item(state.order, claim, _claim_stock(state.order, claim), True) for claim in claims]


def _claim_stock(order: OrderState, claim: Claim) -> ClaimStock:
    requested = line_of(order, claim.line).requested or order.terms.requested
    return ClaimStock(
        sku=claim.sku,
        demand=_demand(order, claim),
        sequence=claim.sequence,
        quantity=claim.quantity,
        unit=claim.unit,
        location=claim.location,
        eligible_locations=claim.eligible_locations,
        on_shortage=OnShortage.QUEUE if claim.queue else OnShortage.REJECT,
        need_by=requested.latest if requested else None,
        priority=order.terms.priority,
    )


def _release_claims(state: OrderStream, key: str) -> Sequence[Send]:
    claims = claims_in_order(state.reservation.claims)
    return [_release_claim(state.order, claim) for claim in claims if claim.decision == int(key) and claim.live]


def _release_claim(order: OrderState, claim: Claim) -> Send:
    release = ReleaseClaim(sku=claim.sku, demand=_demand(order, claim), sequence=claim.sequence)
    return _to_stock_item(order, claim, release, False)


def _demand(order: OrderState, claim: Claim) -> Demand:
    return Demand(kind="order", id=order.terms.order_id, line=claim.line)


def _to_stock_item(order: OrderState, claim: Claim, message: Message, wants_answer: bool) -> Send:
    item = stream("stock_item", aggregate_id(order.terms.tenant, "stock_item", claim.sku))
    return Send("inventory", item, message, wants_answer)


def _authorize(state: OrderStream, key: str) -> Sequence[Send]:
    asked = state.reservation.authorization
    if asked is None:
        return ()
    terms = state.order.terms
    message = AuthorizePayment(order_id=terms.order_id, amount=asked.amount, tenders=asked.tenders)
    return [Send("payments", stream("payment", terms.order_id), message, wants_answer=True)]


def void_payment(state: OrderStream, key: str) -> Sequence[Send]:
    """Give back what is authorised and not captured."""
    order_id = state.order.terms.order_id
    return [Send("payments", stream("payment", order_id), VoidPayment(order_id=order_id))]


STEPS: Mapping[str, Step] = {
    step.name: step
    for step in (
        Step(
            name=CLAIM,
            when="the order is placed and nothing holds it; units were refused, lost, found short or rejected",
            asked_by=SourcingDecided,
            keys=lambda event: (str(event.decision),),
            service="inventory",
            sends=ClaimStock,
            answers=(StockReserved, DemandQueued, StockRejected, ClaimRepeated),
            answer_within=CLAIMS_ANSWERED_WITHIN,
            asks_max=3,
            on_silence="hold no_answer",
            ask=_claim,
            compensation=ReleaseClaim,
            undo=_release_claims,
        ),
        Step(
            name=AUTHORIZE,
            when="every unit is reserved or cancelled, and something is owed",
            asked_by=AuthorizationRequested,
            keys=lambda event: (ONLY,),
            service="payments",
            sends=AuthorizePayment,
            answers=(PaymentAuthorized, PaymentDeclined, PaymentRepeated),
            answer_within=timedelta(minutes=15),
            asks_max=3,
            on_silence="hold no_answer",
            ask=_authorize,
            compensation=VoidPayment,
            undo=void_payment,
        ),
    )
}


# Next steps


def needs(message: Message, state: OrderStream) -> Sequence[str]:
    """The SKUs whose availability is read with the stream, wherever this message may lead to a sourcing decision: so may
    any that answers what a hold was placed for."""
    if isinstance(message, PlaceOrder):
        return () if state.order.placed else sorted({line.sku for line in message.lines if line.quantity > 0})
    if not state.order.open:
        return ()
    extra = _skus_of(message, state)
    if extra is None and all(hold.kind is not HoldKind.NO_ANSWER for hold in state.order.holds.values()):
        return ()
    return sorted({demand.sku for demand in open_demands(state)} | (extra or set()))


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
            return set()
        case DeadlinePassed(name="cancel_after"):
            return {claim.sku for claim in reservation.claims.values() if claim.live and may_wait(claim)}
    return None


def advance(state: OrderStream, context: Context) -> Sequence[Event]:
    """The saga's next step, if its state allows one: source, authorise, confirm."""
    order, reservation = state.order, state.reservation
    if not order.open or reservation.unanswered or state.fulfillment.cancelling:
        return ()
    if units(order, Bucket.ORDERED):
        return () if blocked(order, HeldStep.SOURCING) else source(state, context)
    if order.confirmed or units(order, Bucket.BACKORDERED) or blocked(order, HeldStep.AUTHORIZATION):
        return ()
    if not units(order, Bucket.RESERVED):
        return (OrderCancelled(cause=order.cancelled_because or CancelReason.NOTHING_TO_FULFILL),)
    return _authorize_or_confirm(state, context)


def _authorize_or_confirm(state: OrderStream, context: Context) -> Sequence[Event]:
    owed = Money(amount=due(state.order), currency=state.order.terms.currency)
    if owed.amount <= 0 or state.reservation.authorized:
        return OrderConfirmed(amount=owed), _confirmation(state.order, owed)
    if state.reservation.authorization is not None:
        return ()
    tenders = tenders_for(owed.amount, state.order.terms.tenders)
    answer_by = context.now + STEPS[AUTHORIZE].answer_within
    return (AuthorizationRequested(amount=owed, tenders=tenders, answer_by=answer_by),)


def _confirmation(order: OrderState, owed: Money) -> ConfirmationRequested:
    terms = order.terms
    lines = tuple(confirmed for line in terms.lines if (confirmed := _confirmed_line(order, line)) is not None)
    return ConfirmationRequested(
        order_id=terms.order_id,
        number=terms.number,
        channel_number=terms.channel_number,
        brand=terms.brand,
        seller=terms.seller,
        locale=terms.locale,
        buyer=terms.buyer,
        lines=lines,
        total=owed,
    )


def _confirmed_line(order: OrderState, line: OrderLine) -> ConfirmedLine | None:
    """What is left of a line, and its share of the line's amount; nothing where nothing is."""
    kept = line.quantity - line_units(order.lines[line.line], Bucket.CANCELLED)
    if kept <= 0:
        return None
    amount = share(line.amount.amount, line.quantity, 0, kept)
    return ConfirmedLine(
        sku=line.sku,
        description=line.description,
        quantity=kept,
        unit=line.unit,
        amount=Money(amount=amount, currency=line.amount.currency),
    )


# Reactions


def react(state: OrderStream, event: Event) -> Sequence[Outgoing]:
    """The messages of a step that was asked for, and the compensation of what is given up."""
    match event:
        case StepAskedAgain():
            return ask(STEPS, event.step, event.key, state)
        case LinesCancelled():
            return _give_back(state, event.released_claims)
        case FulfillmentDeclined():
            return _give_back(state, event.claims)
        case LinesPicked() | LinesShort() | FulfillmentWithdrawn():
            return _give_back_after(state, event.fulfillment_order)
        case OrderCancelled():
            return undo(STEPS, state.reservation.asks, state)
    return asked_by(STEPS, event, state)


def _give_back(state: OrderStream, sequences: Iterable[int]) -> Sequence[Send]:
    """Release these claims, but for one that a node still has to pick from: a release gives back all that a claim
    holds, at every location."""
    return [
        _release_claim(state.order, state.reservation.claims[str(sequence)])
        for sequence in sequences
        if not to_pick(state.fulfillment, sequence)
    ]


def _give_back_after(state: OrderStream, fulfillment_order: str) -> Sequence[Send]:
    """Release what was given back while this node still had to pick from it."""
    sequences = dict.fromkeys(line.sequence for line in state.fulfillment.works[fulfillment_order].lines)
    return _give_back(state, [each for each in sequences if not state.reservation.claims[str(each)].live])


FOLD = Fold("reservation", 2, ReservationState(), evolve, react, deadlines_of)
