"""What a payment says when something comes to nothing, whoever was asked for it: declined, refused, ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.payments import (
    CaptureRefusal,
    CaptureRefused,
    DeclineReason,
    IgnoredBecause,
    IncreaseDeclined,
    PaymentDeclined,
    ProviderOutcomeIgnored,
    RecordProviderOutcome,
    RefundRefusal,
    RefundRefused,
)

if TYPE_CHECKING:
    from services.payments.payment_state import Payment

__all__ = ["capture_refused", "ignored", "increase_declined", "payment_declined", "refund_refused"]


def payment_declined(state: Payment, reason: DeclineReason, detail: str | None = None) -> list[PaymentDeclined]:
    """What was to be secured is not; nothing where nothing was."""
    started = state.started
    if started is None:
        return []
    return [
        PaymentDeclined(
            order_id=started.order_id,
            amount=started.amount,
            reason=reason,
            detail=detail,
            reply_to=started.reply_to,
        )
    ]


def increase_declined(
    state: Payment, increase: str, reason: DeclineReason, detail: str | None = None
) -> list[IncreaseDeclined]:
    """No more is secured by this increase; nothing where nobody waits for it."""
    more = state.increases.under_way
    if more is None or more.asked.increase != increase:
        return []
    return [
        IncreaseDeclined(
            order_id=more.asked.order_id,
            increase=increase,
            amount=more.asked.amount,
            reason=reason,
            detail=detail,
            reply_to=more.asked.reply_to,
        )
    ]


def capture_refused(state: Payment, part: str | None, reason: CaptureRefusal) -> list[CaptureRefused]:
    """The capture that a part belongs to rests until it is asked for again; nothing where it rests already."""
    return [
        CaptureRefused(
            order_id=each.asked.order_id,
            fulfillment=each.asked.fulfillment,
            sequence=each.asked.sequence,
            amount=each.asked.amount,
            reason=reason,
            remaining=state.money(state.left),
            reply_to=each.asked.reply_to,
        )
        for each in state.capturing.values()
        if not each.refused and any(row.capture == part for row in each.asked.captures)
    ]


def refund_refused(state: Payment, part: str | None, reason: RefundRefusal, detail: str) -> list[RefundRefused]:
    """The refund that a part belongs to rests until it is asked for again; nothing where it rests already."""
    return [
        RefundRefused(
            order_id=each.asked.order_id,
            refund=each.asked.refund,
            amount=each.asked.amount,
            reason=reason,
            detail=detail,
            refunded_part=state.money(sum(row.amount.amount for row in each.asked.refunds if row.refund in each.done)),
            reply_to=each.asked.reply_to,
        )
        for each in state.refunding.values()
        if not each.refused and any(row.refund == part for row in each.asked.refunds)
    ]


def ignored(message: RecordProviderOutcome, because: IgnoredBecause) -> ProviderOutcomeIgnored:
    """What a provider said changes nothing."""
    return ProviderOutcomeIgnored(
        order_id=message.order_id, key=message.key, step=message.step, result=message.result, because=because
    )
