"""Changing an order: propose, preview, confirm or decline; a refused change leaves all as it was.

What a change is made of is planned in change_plan.py. Confirmed it is done at once where nothing more has to be secured;
else payments is asked first, and what it says decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.message import Event, Message
from contracts.money import Money, Tender
from contracts.order import (
    ChangeDeclined,
    ChangeEnd,
    ChangeProposed,
    ChangeRefusal,
    ChangeRefused,
    ChangeSource,
    ConfirmChange,
    DeclineChange,
    HoldReleased,
    IncreaseRecorded,
    IncreaseRequested,
    OrderCompleted,
    OrderReopened,
    ProposeChange,
    ReopenCause,
)
from contracts.payments import IncreaseDeclined, PaymentIncreased
from services.order.change_plan import Refused, done, in_money, made, no_longer
from services.order.exchange_advance import short_hold
from services.order.exchange_money import secured
from services.order.exchange_state import asked_for
from services.order.reservation_saga import STEPS
from services.order.reservation_state import INCREASE
from services.order.value import tenders_for

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["PAID_WITHIN", "PROPOSAL_STANDS", "decide", "expire", "proposal"]

PROPOSAL_STANDS = timedelta(hours=24)
"""How long a proposal can be confirmed: prices and stock that it was shown with are of that day."""

PAID_WITHIN = timedelta(days=3)
"""How long a change that was confirmed waits for its money: a transfer takes a working day, over a weekend three."""


def _propose(message: ProposeChange, state: OrderStream, context: Context) -> Sequence[Event]:
    try:
        return proposal(message, state, context, ChangeSource.DOOR)
    except Refused as refused:
        return (ChangeRefused(reason=refused.reason, detail=refused.detail),)


def proposal(
    message: ProposeChange,
    state: OrderStream,
    context: Context,
    source: ChangeSource,
    hold: str | None = None,
) -> Sequence[Event]:
    """The proposal, in place of one that is open. Raises Refused when nothing of the kind can be done."""
    _may_change(state, exchange=bool(message.returns))
    proposed = made(message, state, context, source, context.now + PROPOSAL_STANDS, hold)
    before = state.changes.proposed
    if before is None:
        return (proposed,)
    return ChangeDeclined(change=before.change, end=ChangeEnd.REPLACED), proposed


def _may_change(state: OrderStream, exchange: bool = False) -> None:
    """Goods that come back may be exchanged for others when all is complete, too."""
    if state.order.placed is None:
        raise Refused(ChangeRefusal.UNKNOWN_ORDER)
    complete = state.order.ended == OrderCompleted.__name__
    if not (complete and exchange) and (state.order.ended is not None or state.fulfillment.cancelling):
        raise Refused(ChangeRefusal.CLOSED)
    if state.changes.increase is not None:
        raise Refused(ChangeRefusal.UNDER_WAY, f"change {state.changes.increase.change} is being paid for")


def _confirm(message: ConfirmChange, state: OrderStream, context: Context) -> Sequence[Event]:
    """Done, or asked for its money, or refused: the order may be another than when it was proposed."""
    try:
        proposed = _open(message.change, state)
    except Refused as refused:
        # It is about no proposal that is open, and one that is stands.
        return (ChangeRefused(reason=refused.reason, detail=refused.detail),)
    try:
        no_longer(proposed, state, context)
    except Refused as refused:
        return (ChangeRefused(change=proposed.change, reason=refused.reason, detail=refused.detail),)
    more = _to_secure(state, proposed)
    if more <= 0:
        return (*_reopened(proposed, state), *_done(proposed, state, context))
    terms, settled = state.order.terms, state.order.settled + secured(state)
    asked = IncreaseRequested(
        change=proposed.change,
        amount=Money(amount=more, currency=terms.currency),
        tenders=tenders_for(more, (*terms.tenders, *proposed.tenders), settled),
        answer_by=context.now + STEPS[INCREASE].answer_within,
        until=context.now + PAID_WITHIN,
    )
    return (*_reopened(proposed, state), asked)


def _reopened(proposed: ChangeProposed, state: OrderStream) -> Sequence[Event]:
    """An order that was complete goes on, and is complete again at once should the change come to nothing."""
    if state.order.open:
        return ()
    return (OrderReopened(cause=ReopenCause.EXCHANGE, reference=proposed.change),)


def _open(change: str, state: OrderStream) -> ChangeProposed:
    proposed = state.changes.proposed
    _may_change(state, exchange=proposed is not None and bool(proposed.returns))
    if proposed is None or proposed.change != change:
        raise Refused(ChangeRefusal.UNKNOWN_CHANGE, f"no change {change} waits to be confirmed")
    return proposed


def _to_secure(state: OrderStream, proposed: ChangeProposed) -> int:
    """What has to be secured beside that, in minor units; nothing before the first time, which asks for all."""
    if state.reservation.authorization is None and not state.order.confirmed:
        return 0
    return in_money(proposed, proposed.after.amount, state) - state.order.settled - secured(state)


def _done(proposed: ChangeProposed, state: OrderStream, context: Context) -> Sequence[Event]:
    return (*done(proposed, state, context), *_released(proposed, state))


def _released(proposed: ChangeProposed, state: OrderStream) -> Sequence[Event]:
    """The hold that asked about it has its answer."""
    held = None if proposed.hold is None else state.order.holds.get(proposed.hold)
    if held is None:
        return ()
    detail = f"change {proposed.change} was decided"
    return (HoldReleased(hold=held.hold, kind=held.kind, detail=detail, held_lines=held.lines),)


def _decline(message: DeclineChange, state: OrderStream, context: Context) -> Sequence[Event]:
    """Also while it is being paid for: that is let go of."""
    try:
        asked, proposed = state.changes.securing, state.changes.proposed
        if asked is None or proposed is None or message.change != asked.change or not state.order.open:
            proposed = _open(message.change, state)
    except Refused as refused:
        return (ChangeRefused(reason=refused.reason, detail=refused.detail),)
    declined = ChangeDeclined(change=proposed.change, end=ChangeEnd.DECLINED, detail=message.detail)
    return declined, *_released(proposed, state)


def expire(change: str, state: OrderStream, context: Context) -> Sequence[Event]:
    """Nobody confirmed it, or paid what it costs more, in time; a hold that asked about it stays."""
    proposed, asked = state.changes.proposed, state.changes.securing
    if proposed is None or proposed.change != change:
        return ()
    ends = proposed.expires if asked is None else asked.until
    if ends is None or ends > context.now:
        return ()
    detail = None if asked is None else "what it costs more was not paid in time"
    return (ChangeDeclined(change=change, end=ChangeEnd.EXPIRED, detail=detail),)


def _on_increased(message: PaymentIncreased, state: OrderStream, context: Context) -> Sequence[Event]:
    """The money is there: the change is done, unless the order has gone on in the meantime so that it cannot be. What came
    although it was given up pays for what comes next, or is given back at the end."""
    asked, proposed = state.changes.increase, state.changes.proposed
    if state.order.open and message.increase in state.changes.given_up:
        return (_recorded(message, _known_there(message.tenders, state), state),)
    if not state.order.open or asked is None or message.increase != asked.change:
        return ()
    if asked_for(asked.change) in state.exchanges.exchanges:
        return (_recorded(message, _grown(asked.tenders, state), state),)
    if proposed is None:
        return ()
    try:
        no_longer(proposed, state, context)
    except Refused as refused:
        recorded = _recorded(message, _known_there(asked.tenders, state), state)
        return recorded, ChangeRefused(change=asked.change, reason=refused.reason, detail=refused.detail)
    recorded = IncreaseRecorded(change=asked.change, amount=message.amount)
    return recorded, *_done(proposed, state, context)


def _recorded(message: PaymentIncreased, tenders: tuple[Tender, ...], state: OrderStream) -> IncreaseRecorded:
    changed = None if tenders == state.order.terms.tenders else tenders
    return IncreaseRecorded(change=message.increase, amount=message.amount, tenders=changed)


def _known_there(tenders: Sequence[Tender], state: OrderStream) -> tuple[Tender, ...]:
    """The tenders of the order, and those that payments know at the places after them: a place there is never another."""
    known = state.order.terms.tenders
    return (*known, *tenders[len(known) :])


def _grown(more: Sequence[Tender], state: OrderStream) -> tuple[Tender, ...]:
    """The tenders of the order, each with what more it pays; one that came since it was asked for pays no more."""
    known = state.order.terms.tenders
    pays = (*(tender.amount.amount for tender in more), *(0 for _ in known[len(more) :]))
    return tuple(
        tender.model_copy(
            update={"amount": Money(amount=tender.amount.amount + cents, currency=tender.amount.currency)}
        )
        for tender, cents in zip(known, pays, strict=True)
    )


def _on_increase_declined(message: IncreaseDeclined, state: OrderStream, context: Context) -> Sequence[Event]:
    asked = state.changes.increase
    if not state.order.open or asked is None or message.increase != asked.change:
        return ()
    detail = f"payments declined: {message.reason}" + (f", {message.detail}" if message.detail else "")
    exchange = state.exchanges.exchanges.get(asked_for(asked.change))
    if exchange is not None:
        refused = ChangeRefused(change=asked.change, reason=ChangeRefusal.PAYMENT_DECLINED, detail=detail)
        return refused, short_hold(state, exchange, detail)
    return (ChangeRefused(change=asked.change, reason=ChangeRefusal.PAYMENT_DECLINED, detail=detail),)


decide: Mapping[type[Message], Any] = {
    ProposeChange: _propose,
    ConfirmChange: _confirm,
    DeclineChange: _decline,
    PaymentIncreased: _on_increased,
    IncreaseDeclined: _on_increase_declined,
}
