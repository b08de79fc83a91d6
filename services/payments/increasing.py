"""Securing more than an order was placed with, for a change of it, and giving that up.

Of an order that was complete, too: what it did not take was let go of, and it goes on with what is secured now. One that
was cancelled has taken nothing, and secures nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.decider import Context
from contracts.message import Event
from contracts.payments import (
    AuthorizeMore,
    AuthorizePayment,
    CancelIncrease,
    DeclineReason,
    IncreaseDeclined,
    IncreaseStarted,
    PaymentIncreased,
)
from services.payments.authorizing import at_once, unfit
from services.payments.endings import increase_declined
from services.payments.methods import HOW, How
from services.payments.payment_state import Payment

__all__ = ["cancel_increase", "increase"]


def increase(command: AuthorizeMore, state: Payment, context: Context) -> Sequence[Event]:
    """Secure so much more, or say why not: what was secured before stays. The same again changes nothing."""
    if (known := _known(command, state, context)) is not None:
        return known
    if (refusal := _refusal(command, state)) is not None:
        return [_declined(command, context, *refusal)]
    named: dict[str, Any] = {
        "order_id": command.order_id,
        "increase": command.increase,
        "amount": command.amount,
        "tenders": command.tenders,
        "reply_to": context.reply_to,
    }
    if any(tender.amount.amount and HOW[tender.method] is not How.AT_ONCE for tender in command.tenders):
        return [IncreaseStarted(**named, until=command.until)]
    rows = tuple(at_once(place, tender, context) for place, tender in enumerate(command.tenders))
    return [PaymentIncreased(**named, authorizations=rows)]


def _known(command: AuthorizeMore, state: Payment, context: Context) -> Sequence[Event] | None:
    """What is said of one that was asked for before: its answer, nothing while it is under way; None of a new one."""
    if (before := state.increases.declined.get(command.increase)) is not None:
        return [before.model_copy(update={"reply_to": context.reply_to})]
    under_way = state.increases.under_way
    waits = None if under_way is None or under_way.asked.increase != command.increase else under_way.asked
    known = state.increases.done.get(command.increase) or waits
    if known is None:
        return None
    if (known.amount, known.tenders) != (command.amount, command.tenders):
        return [_declined(command, context, DeclineReason.CONFLICT)]
    if isinstance(known, IncreaseStarted):
        return []
    return [known.model_copy(update={"repeated": True, "reply_to": context.reply_to})]


def _refusal(command: AuthorizeMore, state: Payment) -> tuple[DeclineReason, str | None] | None:
    """Why nothing more can be secured, and the detail for people; nothing when it can."""
    if state.voided and not (state.complete or state.captured):
        return DeclineReason.VOIDED, None
    asked = AuthorizePayment(order_id=command.order_id, amount=command.amount, tenders=command.tenders)
    if (refusal := unfit(asked)) is not None:
        return refusal
    for place, (known, tender) in enumerate(zip(state.tenders, command.tenders, strict=False)):
        if (known.method, known.reference) != (tender.method, tender.reference):
            return DeclineReason.CONFLICT, f"tender {place} is known as another"
    if state.started is not None:
        return DeclineReason.CONFLICT, "what the order was placed with is still being secured"
    if state.increases.under_way is not None:
        return DeclineReason.CONFLICT, f"increase {state.increases.under_way.asked.increase} is still being secured"
    return None


def cancel_increase(command: CancelIncrease, state: Payment, context: Context) -> Sequence[Event]:
    """Give it up, and remember it where it was never seen. One that has an answer stays as it is."""
    if command.increase in state.increases.done or command.increase in state.increases.declined:
        return []
    if state.increases.waits_for(command.increase):
        return increase_declined(state, command.increase, DeclineReason.VOIDED)
    return [
        IncreaseDeclined(
            order_id=command.order_id,
            increase=command.increase,
            amount=command.amount,
            reason=DeclineReason.VOIDED,
            reply_to=context.reply_to,
        )
    ]


def _declined(
    command: AuthorizeMore, context: Context, reason: DeclineReason, detail: str | None = None
) -> IncreaseDeclined:
    return IncreaseDeclined(
        order_id=command.order_id,
        increase=command.increase,
        amount=command.amount,
        reason=reason,
        detail=detail,
        reply_to=context.reply_to,
    )
