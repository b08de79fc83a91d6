"""What a payment does when a deadline of its passes: makes a call again, asks after it, gives it up, lets go."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Context
from contracts.chassis import DeadlinePassed
from contracts.message import Event
from contracts.payments import (
    CardAuthorizationLapsed,
    CardDecline,
    ProviderInquiryRequested,
)
from services.payments.authorizing import expire
from services.payments.card_asking import REQUESTS, again, void_request
from services.payments.card_calls import CALL, LAPSES, CallStage, CardCall, raises
from services.payments.outcomes import declined
from services.payments.payment_state import Payment, deadlines_of
from services.payments.transfers import AWAITS, missed

__all__ = ["passed"]


def passed(message: DeadlinePassed, state: Payment, context: Context) -> Sequence[Event]:
    """What is due now; nothing of a deadline that nobody waits for any more."""
    if deadlines_of(state).get(message.name) != message.due:
        return []
    if message.name.startswith(CALL):
        return _call_due(state.cards.calls[message.name.removeprefix(CALL)], state, context)
    if message.name.startswith(LAPSES):
        row = state.cards.secured[message.name.removeprefix(LAPSES)]
        return [
            CardAuthorizationLapsed(
                order_id=context.stream.partition("/")[2],
                authorization=row.row.authorization,
                tender=row.row.tender,
                amount=row.row.amount.model_copy(update={"amount": row.left}),
            )
        ]
    if message.name.startswith(AWAITS):
        return missed(state, message.name.removeprefix(AWAITS))
    return expire(message, state, context)


def _call_due(known: CardCall, state: Payment, context: Context) -> Sequence[Event]:
    order_id = context.stream.partition("/")[2]
    match known.stage:
        case CallStage.DELAYED:
            return [REQUESTS[known.call.step](order_id=order_id, call=known.call, tries=known.tries + 1)]
        case CallStage.DECLINED:
            return [again(state, context, known.call)]
        case CallStage.ACTION_REQUIRED:
            provider = known.provider or known.call.provider or "none"
            call = known.call
            ends = declined(state, known, context, provider, CardDecline.AUTHENTICATION_FAILED)
            if raises(call):
                return ends
            void = void_request(
                context, 0, state, call.tender, call.authorization, call.amount, provider, known.reference
            )
            return [*ends, void]
    # taken and not yet done, or nobody can tell: never called again blindly. It is asked after as it was made: by the
    # authorisation or charge that it was asked of, not by what the provider calls what came of it.
    return [ProviderInquiryRequested(order_id=order_id, call=known.call, inquiries=known.inquiries + 1)]
