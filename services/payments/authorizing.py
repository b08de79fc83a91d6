"""Securing the amount of an order over its tenders, and letting go of what nobody took."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Context
from contracts.chassis import DeadlinePassed
from contracts.ids import aggregate_id
from contracts.message import Event
from contracts.money import ExternalState, Tender, TenderMethod
from contracts.payments import (
    Authorization,
    AuthorizationExpired,
    AuthorizePayment,
    Capability,
    DeclineReason,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentRepeated,
    PaymentVoided,
    VoidPayment,
)
from services.payments.payment_state import EXPIRY, Payment, deadlines_of

__all__ = ["authorize", "expire", "void"]

METHODS = frozenset({TenderMethod.INVOICE, TenderMethod.EXTERNAL, TenderMethod.COUPON})
"""What this service can take by itself."""


def authorize(command: AuthorizePayment, state: Payment, context: Context) -> Sequence[Event]:
    """Secure the amount, or say why not; the same again changes nothing."""
    if state.voided:
        return [_declined(command, context, DeclineReason.VOIDED)]
    if (known := state.authorized) is not None:
        if (known.amount, known.tenders) != (command.amount, command.tenders):
            return [_declined(command, context, DeclineReason.CONFLICT)]
        return [
            PaymentRepeated(
                order_id=command.order_id,
                amount=known.amount,
                authorizations=known.authorizations,
                reply_to=context.reply_to,
            )
        ]
    if (refusal := _unfit(command)) is not None:
        return [_declined(command, context, *refusal)]
    return [
        PaymentAuthorized(
            order_id=command.order_id,
            amount=command.amount,
            tenders=command.tenders,
            authorizations=tuple(
                _authorization(place, tender, context) for place, tender in enumerate(command.tenders)
            ),
            reply_to=context.reply_to,
        )
    ]


def _unfit(command: AuthorizePayment) -> tuple[DeclineReason, str] | None:
    """Why these tenders cannot secure the amount, and the detail for people; nothing when they can."""
    if unsupported := sorted({tender.method for tender in command.tenders} - METHODS):
        return DeclineReason.UNSUPPORTED_METHOD, f"cannot take {', '.join(unsupported)}"
    if currencies := sorted({tender.amount.currency for tender in command.tenders} - {command.amount.currency}):
        return (
            DeclineReason.MIXED_CURRENCIES,
            f"{', '.join(currencies)} towards {command.amount.currency}",
        )
    total = sum(tender.amount.amount for tender in command.tenders)
    if total != command.amount.amount or min(tender.amount.amount for tender in command.tenders) < 0:
        return (
            DeclineReason.DOES_NOT_ADD_UP,
            f"tenders of {total} towards {command.amount.amount} minor units",
        )
    return None


def _declined(
    command: AuthorizePayment,
    context: Context,
    reason: DeclineReason,
    detail: str | None = None,
) -> PaymentDeclined:
    return PaymentDeclined(
        order_id=command.order_id,
        amount=command.amount,
        reason=reason,
        detail=detail,
        reply_to=context.reply_to,
    )


def _authorization(place: int, tender: Tender, context: Context) -> Authorization:
    """Ours never lapse; the channel's lapses unless it has captured already."""
    captured = tender.external_state is ExternalState.CAPTURED
    return Authorization(
        authorization=aggregate_id(context.tenant, "authorization", context.stream, str(place), "1"),
        tender=place,
        method=tender.method,
        amount=tender.amount,
        capture_time=tender.capture,
        capabilities=(Capability.MULTI_CAPTURE, Capability.PARTIAL_VOID),
        reference=tender.reference,
        expires_at=None if captured else tender.expires_at,
    )


def void(command: VoidPayment, state: Payment, context: Context) -> Sequence[Event]:
    """Give back what is not captured, in every state."""
    seen = state.authorized is not None
    return [
        PaymentVoided(
            order_id=command.order_id,
            seen=seen,
            amount=state.money(state.left) if seen else None,
            captured=state.money(state.captured) if seen else None,
            cause=command.cause,
            reply_to=context.reply_to,
        )
    ]


def expire(message: DeadlinePassed, state: Payment, context: Context) -> Sequence[Event]:
    """An authorisation lapses with what was not captured of it."""
    if deadlines_of(state).get(message.name) != message.due or state.authorized is None:
        return []
    row = state.authorized.authorizations[int(message.name.removeprefix(EXPIRY))]
    return [
        AuthorizationExpired(
            order_id=state.authorized.order_id,
            authorization=row.authorization,
            tender=row.tender,
            amount=state.money(state.remaining[str(row.tender)]),
            reply_to=state.authorized.reply_to,
        )
    ]
