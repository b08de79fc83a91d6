"""The payment of one order: what is authorised of its tenders, what is captured for what was fulfilled, what is given back.

Here are the methods that need nobody outside: on account by invoice, taken by the channel (external), and paid by a
manufacturer's coupon. Nothing is captured above what is authorised; every capture is known by fulfilment and sequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chassis.decider import Answer, Context, Fold, Outgoing, StreamKind
from chassis.maps import HashTrieMap
from contracts.chassis import DeadlinePassed
from contracts.ids import aggregate_id
from contracts.message import Event
from contracts.money import ExternalState, Money, Tender, TenderMethod
from contracts.payments import (
    Authorization,
    AuthorizationExpired,
    AuthorizePayment,
    Capability,
    Capture,
    CapturePayment,
    CaptureRefusal,
    CaptureRefused,
    CaptureRepeated,
    DeclineReason,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRepeated,
    PaymentVoided,
    VoidPayment,
)

__all__ = ["KINDS", "PAYMENT", "split_capture_key"]

METHODS = frozenset({TenderMethod.INVOICE, TenderMethod.EXTERNAL, TenderMethod.COUPON})
"""What this service can take by itself."""

EXPIRY = "authorization_expires:"
"""The deadline of an authorisation is this and its tender's place."""


@dataclass(frozen=True, slots=True)
class Payment:
    """`remaining` is what may still be captured (minor units) by the tender's place, as text; `captures` the amounts
    captured, by fulfilment and sequence."""

    authorized: PaymentAuthorized | None = None
    remaining: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    captures: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    captured: int = 0
    voided: bool = False

    def money(self, amount: int) -> Money:
        """An amount of the payment's currency; only of one that is authorised."""
        assert self.authorized is not None, "a payment has no currency before it is authorised"
        return Money(amount=amount, currency=self.authorized.amount.currency)


# Evolve


def _evolve(state: Payment, event: Event) -> Payment:
    match event:
        case PaymentAuthorized():
            rows = {str(row.tender): row.amount.amount for row in event.authorizations}
            return replace(state, authorized=event, remaining=HashTrieMap(rows))
        case PaymentCaptured():
            return _captured(state, event)
        case AuthorizationExpired():
            return replace(state, remaining=state.remaining.discard(str(event.tender)))
        case PaymentVoided():
            return replace(state, voided=True, remaining=HashTrieMap())
    return state


def _captured(state: Payment, event: PaymentCaptured) -> Payment:
    remaining = state.remaining
    for capture in event.captures:
        place = str(capture.tender)
        remaining = remaining.insert(place, remaining[place] - capture.amount.amount)
    return replace(
        state,
        remaining=remaining,
        captures=state.captures.insert(_capture_key(event), event.amount.amount),
        captured=state.captured + event.amount.amount,
    )


def _capture_key(message: CapturePayment | PaymentCaptured) -> str:
    return f"{message.fulfillment}\x1f{message.sequence}"


def split_capture_key(key: str) -> tuple[str, int]:
    """The fulfilment and sequence of a capture."""
    fulfillment, _, sequence = key.rpartition("\x1f")
    return fulfillment, int(sequence)


# Decide


def _authorize(command: AuthorizePayment, state: Payment, context: Context) -> Sequence[Event]:
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


def _capture(command: CapturePayment, state: Payment, context: Context) -> Sequence[Event]:
    if (known := state.captures.get(_capture_key(command))) is not None:
        return [_repeated(command, known, context)]
    if (reason := _capture_refusal(command, state)) is not None:
        return [_capture_refused(command, state, context, reason)]
    return [
        PaymentCaptured(
            order_id=command.order_id,
            fulfillment=command.fulfillment,
            sequence=command.sequence,
            amount=command.amount,
            lines=command.lines,
            other=command.other,
            captures=_drawn(command, state, context),
            captured=state.money(state.captured + command.amount.amount),
            remaining=state.money(_remaining(state) - command.amount.amount),
            reply_to=context.reply_to,
        )
    ]


def _repeated(command: CapturePayment, known: int, context: Context) -> Event:
    named: dict[str, Any] = {
        "order_id": command.order_id,
        "fulfillment": command.fulfillment,
        "sequence": command.sequence,
        "amount": command.amount,
        "reply_to": context.reply_to,
    }
    if known == command.amount.amount:
        return CaptureRepeated(**named)
    return CaptureRefused(**named, reason=CaptureRefusal.CONFLICT)


def _remaining(state: Payment) -> int:
    return sum(state.remaining.values())


def _capture_refusal(command: CapturePayment, state: Payment) -> CaptureRefusal | None:
    if state.voided:
        return CaptureRefusal.VOIDED
    if state.authorized is None:
        return CaptureRefusal.NOT_AUTHORIZED
    if command.amount.currency != state.authorized.amount.currency:
        return CaptureRefusal.WRONG_CURRENCY
    if not 0 <= command.amount.amount <= _remaining(state):
        return CaptureRefusal.ABOVE_AUTHORIZED
    return None


def _capture_refused(
    command: CapturePayment, state: Payment, context: Context, reason: CaptureRefusal
) -> CaptureRefused:
    return CaptureRefused(
        order_id=command.order_id,
        fulfillment=command.fulfillment,
        sequence=command.sequence,
        amount=command.amount,
        reason=reason,
        remaining=None if state.authorized is None else state.money(_remaining(state)),
        reply_to=context.reply_to,
    )


def _drawn(command: CapturePayment, state: Payment, context: Context) -> tuple[Capture, ...]:
    """The amount, drawn on the tenders by rank; those of one rank in the order they were given."""
    assert state.authorized is not None, "a capture of what was never authorised is refused before"
    tenders = state.authorized.tenders
    wanted, captures = command.amount.amount, []
    for row in sorted(
        state.authorized.authorizations,
        key=lambda row: (tenders[row.tender].rank, row.tender),
    ):
        if drawn := min(wanted, state.remaining.get(str(row.tender), 0)):
            wanted -= drawn
            key = (
                context.stream,
                command.fulfillment,
                str(command.sequence),
                str(row.tender),
            )
            captures.append(
                Capture(
                    capture=aggregate_id(context.tenant, "capture", *key),
                    tender=row.tender,
                    authorization=row.authorization,
                    amount=state.money(drawn),
                )
            )
    return tuple(captures)


def _void(command: VoidPayment, state: Payment, context: Context) -> Sequence[Event]:
    seen = state.authorized is not None
    return [
        PaymentVoided(
            order_id=command.order_id,
            seen=seen,
            amount=state.money(_remaining(state)) if seen else None,
            captured=state.money(state.captured) if seen else None,
            cause=command.cause,
            reply_to=context.reply_to,
        )
    ]


def _expire(message: DeadlinePassed, state: Payment, context: Context) -> Sequence[Event]:
    if _deadlines(state).get(message.name) != message.due or state.authorized is None:
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


# React and deadlines


def _react(state: Payment, event: Event) -> Sequence[Outgoing]:
    reply_to = getattr(event, "reply_to", None)
    return () if reply_to is None else (Answer(reply_to),)


def _deadlines(state: Payment) -> Mapping[str, datetime]:
    """When each authorisation that still has something to capture lapses."""
    rows = () if state.authorized is None else state.authorized.authorizations
    return {
        f"{EXPIRY}{row.tender}": row.expires_at
        for row in rows
        if row.expires_at is not None and state.remaining.get(str(row.tender))
    }


PAYMENT = StreamKind(
    kind="payment",
    folds=(Fold("payment", 2, Payment(), _evolve, _react, _deadlines),),
    decide={
        AuthorizePayment: _authorize,
        CapturePayment: _capture,
        VoidPayment: _void,
        DeadlinePassed: _expire,
    },
)

KINDS = (PAYMENT,)
