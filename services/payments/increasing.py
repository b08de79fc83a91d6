"""Securing more than an order was placed with, for a change of it: of methods that need nobody to be asked.

Of an order that was complete, too: what it did not take was let go of, and it goes on with what is secured now. One that
was cancelled has taken nothing, and secures nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Context
from contracts.message import Event
from contracts.payments import (
    AuthorizeMore,
    AuthorizePayment,
    DeclineReason,
    IncreaseDeclined,
    PaymentIncreased,
)
from services.payments.authorizing import at_once, unfit
from services.payments.methods import HOW, How
from services.payments.payment_state import Payment

__all__ = ["increase"]


def increase(command: AuthorizeMore, state: Payment, context: Context) -> Sequence[Event]:
    """Secure so much more, or say why not: what was secured before stays. The same again changes nothing."""
    if (known := state.increases.get(command.increase)) is not None:
        if (known.amount, known.tenders) != (command.amount, command.tenders):
            return [_declined(command, context, DeclineReason.CONFLICT)]
        return [known.model_copy(update={"repeated": True, "reply_to": context.reply_to})]
    if state.voided and not state.captured:
        return [_declined(command, context, DeclineReason.VOIDED)]
    asked = AuthorizePayment(order_id=command.order_id, amount=command.amount, tenders=command.tenders)
    if (refusal := unfit(asked)) is not None:
        return [_declined(command, context, *refusal)]
    if state.started is not None:
        detail = "what the order was placed with is still being secured"
        return [_declined(command, context, DeclineReason.CONFLICT, detail)]
    if any(tender.amount.amount and HOW[tender.method] is not How.AT_ONCE for tender in command.tenders):
        return [
            _declined(
                command,
                context,
                DeclineReason.UNSUPPORTED_METHOD,
                "what a provider, a ledger or the payer secures is not asked for more",
            )
        ]
    return [
        PaymentIncreased(
            order_id=command.order_id,
            increase=command.increase,
            amount=command.amount,
            tenders=command.tenders,
            authorizations=tuple(at_once(place, tender, context) for place, tender in enumerate(command.tenders)),
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
