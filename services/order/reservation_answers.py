"""What the reservation makes of answers: stock reserved, queued, refused or broken, money secured or declined.

Late answers change nothing, since the compensation that was sent follows them; but for stock that comes for units which
were cancelled while they waited: it is given back, also once the order is over. Next steps are in reservation_advance.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.inventory import (
    BreakReason,
    ClaimReduced,
    ClaimReleased,
    ClaimRepeated,
    DemandQueued,
    RejectReason,
    ReservationBroken,
    StockRejected,
    StockReserved,
)
from contracts.message import Event, Message
from contracts.order import (
    AuthorizationRecorded,
    Bucket,
    CancelAfterPassed,
    CancelReason,
    ClaimRefused,
    HeldStep,
    HoldKind,
    LineBackordered,
    LineReserved,
    LinesCancelled,
    Move,
    OrderCancelled,
    RelationKind,
    ReservationLost,
    StockGivenBack,
)
from contracts.payments import (
    AuthorizationExpired,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentPending,
    PaymentRepeated,
    PaymentVoided,
)
from services.order import order as orders
from services.order.fulfillment_state import given_to
from services.order.order import OrderState, line_of, move, moves_to_cancelled
from services.order.reservation_state import AUTHORIZE, ONLY, Claim, claims_in_order, held_key

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["cancel_after_passed", "cancel_rest", "decide", "held_by", "may_wait", "too_late"]


# Answers


def _not_released(state: OrderStream, sequence: int) -> Claim | None:
    """The claim that an answer is about, unless all of it was released: late answers change nothing then, since the
    release that was sent follows them. A cancel of the order releases all claims."""
    claim, cancelled = state.reservation.claims.get(str(sequence)), state.order.ended == OrderCancelled.__name__
    return claim if claim is not None and claim.live and not cancelled else None


def _live(state: OrderStream, sequence: int) -> Claim | None:
    """The claim that an answer is about, if somebody waits for it still."""
    return _not_released(state, sequence) if state.order.open else None


def _on_reserved(message: StockReserved, state: OrderStream, context: Context) -> Sequence[Event]:
    """What came for units that were cancelled while they waited is given back, also when the order is complete: only
    what waited of their claim was released, and this no longer did."""
    claim = _not_released(state, message.sequence)
    if claim is None:
        return ()
    wanted = message.quantity if state.order.open else 0
    first = min(wanted, claim.unanswered)
    second = min(wanted - first, claim.waiting)
    moves = [
        *move(claim.line, first, Bucket.ORDERED, Bucket.RESERVED),
        *move(claim.line, second, Bucket.BACKORDERED, Bucket.RESERVED),
    ]
    events: list[Event] = []
    if moves:
        events.append(
            LineReserved(
                line=claim.line,
                sequence=claim.sequence,
                location=message.location,
                quantity=first + second,
                moves=tuple(moves),
            )
        )
    if late := min(message.quantity - first - second, claim.withdrawn):
        events.append(
            StockGivenBack(line=claim.line, sequence=claim.sequence, quantity=late, location=message.location)
        )
    return events


def _on_queued(message: DemandQueued, state: OrderStream, context: Context) -> Sequence[Event]:
    claim = _live(state, message.sequence)
    quantity = min(message.quantity, claim.unanswered) if claim else 0
    if claim is None or not quantity:
        return ()
    return (
        LineBackordered(
            line=claim.line,
            sequence=claim.sequence,
            quantity=quantity,
            awaits=message.awaits,
            expected_at=message.expected_at,
            moves=move(claim.line, quantity, Bucket.ORDERED, Bucket.BACKORDERED),
        ),
    )


def _on_rejected(message: StockRejected, state: OrderStream, context: Context) -> Sequence[Event]:
    """What is short here is sourced again elsewhere, unless it was to wait: then too many wait already."""
    claim = _live(state, message.sequence)
    if claim is None or not claim.unanswered:
        return ()
    refused = ClaimRefused(
        line=claim.line,
        sequence=claim.sequence,
        location=claim.location,
        quantity=claim.unanswered,
        reason=message.reason,
    )
    if message.reason is RejectReason.SHORT and not claim.queue:
        return (refused,)
    detail = f"inventory refused {claim.sku} at {claim.location}: {message.reason}"
    return refused, orders.hold(state.order, HoldKind.CLAIM_REFUSED, detail, lines=(claim.line,))


def _on_broken(message: ReservationBroken, state: OrderStream, context: Context) -> Sequence[Event]:
    """Only what no node has heard of is sourced again. A node that has the work says itself what it did not find,
    and a short pick breaks the same units that its pick reports. Should it have broken the rest of such a claim too,
    which waits to be released, the pick of that rest will tell."""
    claim = _live(state, message.sequence)
    held = state.reservation.held.get(held_key(message.sequence, message.location))
    if claim is None or held is None:
        return ()
    if message.reason is BreakReason.SHORT_PICK and given_to(state.fulfillment, message.location, message.sequence):
        return ()
    quantity = min(message.quantity, held.quantity)
    lost = ReservationLost(
        line=claim.line,
        sequence=claim.sequence,
        location=message.location,
        quantity=quantity,
        reason=message.reason,
        moves=move(claim.line, quantity, Bucket.RESERVED, Bucket.ORDERED),
    )
    return (lost,)


def _on_authorized(
    message: PaymentAuthorized | PaymentRepeated, state: OrderStream, context: Context
) -> Sequence[Event]:
    asked = state.reservation.authorization
    if not state.order.open or asked is None or state.reservation.authorized or message.amount != asked.amount:
        return ()
    return (AuthorizationRecorded(amount=message.amount),)


def _on_declined(message: PaymentDeclined, state: OrderStream, context: Context) -> Sequence[Event]:
    if not state.order.open or state.reservation.authorized:
        return ()
    known = any(hold.kind is HoldKind.PAYMENT_DECLINED for hold in state.order.holds.values())
    detail = f"payments declined: {message.reason}" + (f", {message.detail}" if message.detail else "")
    blocks = (HeldStep.AUTHORIZATION, HeldStep.RELEASE)
    held = orders.hold(state.order, HoldKind.PAYMENT_DECLINED, detail, blocks, step=AUTHORIZE, key=ONLY)
    return () if known else (held,)


def _on_expired(message: AuthorizationExpired, state: OrderStream, context: Context) -> Sequence[Event]:
    if not state.order.open:
        return ()
    amount = f"{message.amount.to_decimal()} {message.amount.currency}"
    detail = f"the authorisation of {amount} lapsed before it was captured"
    return (orders.hold(state.order, HoldKind.AUTHORIZATION_EXPIRED, detail, (HeldStep.RELEASE,)),)


def _nothing(message: Message, state: OrderStream, context: Context) -> Sequence[Event]:
    """Compensation is never refused, a repeated claim was answered before, and a payment under way is answered when it
    ends: none of these changes the order."""
    return ()


decide: Mapping[type[Message], Any] = {
    StockReserved: _on_reserved,
    DemandQueued: _on_queued,
    StockRejected: _on_rejected,
    ClaimRepeated: _nothing,
    ClaimReduced: _nothing,
    ClaimReleased: _nothing,
    ReservationBroken: _on_broken,
    PaymentAuthorized: _on_authorized,
    PaymentRepeated: _on_authorized,
    PaymentDeclined: _on_declined,
    PaymentPending: _nothing,
    PaymentVoided: _nothing,
    AuthorizationExpired: _on_expired,
}


def cancel_after_passed(state: OrderStream, at: datetime) -> Sequence[Event]:
    """The last moment of some lines passed: what waits of them is cancelled. A claim that holds a part already is
    given back whole, and that part is sourced again."""
    order, reservation = state.order, state.reservation
    if not order.open or at not in reservation.cancel_afters:
        return ()
    waiting = [claim for claim in claims_in_order(reservation.claims) if claim.live and may_wait(claim)]
    claims = [claim for claim in waiting if too_late(order, claim.line, at)]
    moves: list[Move] = []
    for claim in claims:
        moves += move(claim.line, claim.waiting, Bucket.BACKORDERED, Bucket.CANCELLED)
        moves += move(claim.line, held_by(state, claim), Bucket.RESERVED, Bucket.ORDERED)
        moves += move(claim.line, claim.unanswered, Bucket.ORDERED, Bucket.CANCELLED)
    passed = CancelAfterPassed(due=at)
    if not moves:
        return (passed,)
    released = tuple(claim.sequence for claim in claims)
    return passed, LinesCancelled(reason=CancelReason.TOO_LATE, released_claims=released, moves=tuple(moves))


SENT_LATER = (RelationKind.REPLACEMENT_OF, RelationKind.EXCHANGE_OF)
"""Lines that are sent for units that had left: nobody knew of them when the last moment of the order was said."""


def too_late(order: OrderState, line: str, at: datetime) -> bool:
    """Whether the last moment of a line has passed. That of the order is of what it was placed with: what is sent for
    what had left is sent when that is over."""
    placed = line_of(order, line)
    again = placed.relates_to is not None and placed.relates_to.kind in SENT_LATER
    limit = placed.cancel_after or (None if again else order.terms.cancel_after)
    return limit is not None and limit <= at


def may_wait(claim: Claim) -> bool:
    return claim.waiting > 0 or (claim.queue and claim.unanswered > 0)


def held_by(state: OrderStream, claim: Claim) -> int:
    return sum(held.quantity for held in state.reservation.held.values() if held.sequence == claim.sequence)


def cancel_rest(state: OrderStream, reason: CancelReason) -> LinesCancelled:
    """Cancel every unit that no node has heard of, and give back the claims that still hold or await something: for
    such units, or for a node that let go of them before it picked."""
    holding = {held.sequence for held in state.reservation.held.values()}
    holding |= {
        line.sequence
        for work in state.fulfillment.works.values()
        for line in work.lines
        if work.given_up or line.line in work.let_go
    }
    released = tuple(
        claim.sequence
        for claim in claims_in_order(state.reservation.claims)
        if claim.live and (claim.unanswered or claim.waiting or claim.sequence in holding)
    )
    return LinesCancelled(reason=reason, released_claims=released, moves=moves_to_cancelled(state.order))
