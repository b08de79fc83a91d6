"""Securing the amount of an order over its tenders, and letting go of what nobody took."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Context
from contracts.chassis import DeadlinePassed
from contracts.ids import aggregate_id
from contracts.message import Event
from contracts.money import ExternalState, Tender
from contracts.payments import (
    Authorization,
    AuthorizationExpired,
    AuthorizePayment,
    Capability,
    DeclineReason,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentPending,
    PaymentRepeated,
    PaymentStarted,
    PaymentVoided,
    VoidPayment,
)
from services.payments.methods import HOW, How, by_ledger
from services.payments.payment_state import EXPIRY, Payment

__all__ = ["at_once", "authorize", "expire", "unfit", "void"]


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
    if (started := state.started) is not None:
        if (started.amount, started.tenders) != (command.amount, command.tenders):
            return [_declined(command, context, DeclineReason.CONFLICT)]
        return [PaymentPending(order_id=command.order_id, amount=command.amount, reply_to=context.reply_to)]
    if state.increases.under_way is not None:
        return [_declined(command, context, DeclineReason.CONFLICT, "more than it is being secured already")]
    if (refusal := unfit(command)) is not None:
        return [_declined(command, context, *refusal)]
    if any(HOW[tender.method] is not How.AT_ONCE for tender in command.tenders):
        return [
            PaymentStarted(
                order_id=command.order_id,
                amount=command.amount,
                tenders=command.tenders,
                round=state.round + 1,
                reply_to=context.reply_to,
            )
        ]
    rows = tuple(at_once(place, tender, context) for place, tender in enumerate(command.tenders))
    return [
        PaymentAuthorized(
            order_id=command.order_id,
            amount=command.amount,
            tenders=command.tenders,
            authorizations=rows,
            reply_to=context.reply_to,
        )
    ]


def unfit(command: AuthorizePayment) -> tuple[DeclineReason, str] | None:
    """Why these tenders cannot secure the amount, and the detail for people; nothing when they can."""
    if unsupported := sorted({tender.method for tender in command.tenders} - set(HOW)):
        return DeclineReason.UNSUPPORTED_METHOD, f"cannot take {', '.join(unsupported)}"
    if currencies := sorted({tender.amount.currency for tender in command.tenders} - {command.amount.currency}):
        return (
            DeclineReason.MIXED_CURRENCIES,
            f"{', '.join(currencies)} towards {command.amount.currency}",
        )
    if any(HOW[tender.method] is How.PROVIDER and not tender.reference for tender in command.tenders):
        return DeclineReason.UNSUPPORTED_METHOD, "a card needs the provider's token of it as its reference"
    if any(by_ledger(tender) and not tender.reference for tender in command.tenders):
        return DeclineReason.UNSUPPORTED_METHOD, "stored value needs its ledger as its reference: whose is it?"
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


def at_once(place: int, tender: Tender, context: Context) -> Authorization:
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
    seen = bool(state.tenders)
    return [
        PaymentVoided(
            order_id=command.order_id,
            seen=seen,
            amount=state.money(_uncaptured(state)) if seen else None,
            captured=state.money(state.captured) if seen else None,
            cause=command.cause,
            reply_to=context.reply_to,
        )
    ]


def _uncaptured(state: Payment) -> int:
    """What is secured and not taken, in minor units; of a payment under way what is secured so far."""
    return state.left if state.authorized is not None else sum(row.amount.amount for row in state.secured.values())


def expire(message: DeadlinePassed, state: Payment, context: Context) -> Sequence[Event]:
    """An authorisation lapses with what was not captured of it."""
    if state.authorized is None:
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
