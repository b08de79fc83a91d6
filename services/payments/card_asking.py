"""What a payment asks a provider for: to secure, raise, take and let go; each attempt under a key of its own."""

from __future__ import annotations

from chassis.decider import Context
from contracts.ids import aggregate_id, provider_key, split_stream
from contracts.money import Money, Tender
from contracts.payments import (
    CallStep,
    CardAuthorizationRequested,
    CardCaptureRequested,
    CardRefundRequested,
    CardVoidRequested,
    ProviderCall,
)
from services.payments.card_calls import Secured, raises
from services.payments.payment_state import Payment

__all__ = ["REQUESTS", "again", "authorization_request", "raise_request", "void_request"]

REQUESTS: dict[
    CallStep, type[CardAuthorizationRequested | CardCaptureRequested | CardVoidRequested | CardRefundRequested]
] = {
    CallStep.AUTHORIZE: CardAuthorizationRequested,
    CallStep.CAPTURE: CardCaptureRequested,
    CallStep.VOID: CardVoidRequested,
    CallStep.REFUND: CardRefundRequested,
}


def authorization_request(
    state: Payment,
    context: Context,
    place: int,
    tender: Tender,
    number: int = 0,
    *,
    amount: Money | None = None,
    part: str | None = None,
    increase: str | None = None,
) -> CardAuthorizationRequested:
    """Secure a tender, or a part of it for a capture, as a new attempt: the `number`-th of this handling."""
    group = state.cards.groups + number
    call = ProviderCall(
        step=CallStep.AUTHORIZE,
        key=provider_key(context.stream, CallStep.AUTHORIZE, group),
        tender=place,
        authorization=aggregate_id(context.tenant, "authorization", context.stream, str(place), f"attempt-{group}"),
        amount=amount or tender.amount,
        provider=tender.provider,
        token=tender.reference,
        part=part,
        increase=increase,
    )
    return CardAuthorizationRequested(order_id=split_stream(context.stream)[1], call=call)


def raise_request(
    state: Payment, context: Context, place: int, tender: Tender, row: Secured, increase: str
) -> CardAuthorizationRequested:
    """Secure what a tender pays of an increase on an authorisation that is there."""
    call = ProviderCall(
        step=CallStep.AUTHORIZE,
        key=provider_key(context.stream, CallStep.AUTHORIZE, state.cards.groups),
        tender=place,
        authorization=row.row.authorization,
        amount=tender.amount,
        provider=row.provider,
        reference=row.row.reference,
        increase=increase,
    )
    return CardAuthorizationRequested(order_id=split_stream(context.stream)[1], call=call)


def again(state: Payment, context: Context, call: ProviderCall) -> CardAuthorizationRequested:
    """Secure the same once more after it was declined softly: as another attempt."""
    more = state.increases.under_way
    tenders = state.tenders if call.increase is None or more is None else more.asked.tenders
    if raises(call):
        row = state.cards.secured[call.authorization]
        if row.open and not row.unwanted:
            return raise_request(state, context, call.tender, tenders[call.tender], row, call.increase or "")
    return authorization_request(state, context, call.tender, tenders[call.tender], increase=call.increase)


def void_request(
    context: Context,
    number: int,
    state: Payment,
    tender: int,
    authorization: str,
    amount: Money,
    provider: str | None,
    reference: str | None,
) -> CardVoidRequested:
    """Let go of an authorisation: the `number`-th attempt of this handling."""
    group = state.cards.groups + number
    call = ProviderCall(
        step=CallStep.VOID,
        key=provider_key(context.stream, CallStep.VOID, group),
        tender=tender,
        authorization=authorization,
        amount=amount,
        provider=provider,
        reference=reference,
    )
    return CardVoidRequested(order_id=split_stream(context.stream)[1], call=call)
