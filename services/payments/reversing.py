"""Refunds that a provider takes back: it had made them, and they failed all the same, as at a closed account."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.message import Event
from contracts.payments import (
    ProviderCall,
    RecordProviderOutcome,
    RefundRefusal,
    RefundRefused,
    RefundReversed,
    TenderRefund,
)
from services.payments.payment_state import Payment

__all__ = ["refund_reversed"]


def refund_reversed(message: RecordProviderOutcome, state: Payment, call: ProviderCall) -> Sequence[Event]:
    """The part is with us again. Its refund rests until it is asked for again; a person decides about that, since the
    next one may come back too."""
    for refund, parts, done, under_way, reply_to in _refunds(state):
        found = next((part for part in parts if part.refund == call.part and part.refund in done), None)
        if found is None:
            continue
        whole = state.refunds.get(refund)
        still = tuple(part for part in parts if part.refund in done and part is not found)
        event = RefundReversed(
            order_id=message.order_id,
            refund=refund,
            key=call.key,
            reversed=found,
            refunds=still,
            refunded=state.money(state.refunded - (whole.amount.amount if whole else 0)),
            provider=message.provider,
            code=message.code,
            reply_to=None if under_way else reply_to,
        )
        return [event, *_refused(state, refund, still, under_way)]
    return []


def prepaid_reversed(message: RecordProviderOutcome, state: Payment, call: ProviderCall) -> RefundReversed:
    """What was given back of a charge at the order, and that no refund of the order asked for, is with us again."""
    assert call.part is not None, "what goes back of a charge is a part"
    return RefundReversed(
        order_id=message.order_id,
        refund=call.part,
        key=call.key,
        reversed=TenderRefund(
            refund=call.part,
            tender=call.tender,
            capture=state.prepaid[call.authorization].charge,
            amount=call.amount,
        ),
        refunded=call.amount.model_copy(update={"amount": state.refunded}),
        provider=message.provider,
        code=message.code,
        prepaid=True,
    )


def _refunds(state: Payment) -> list[tuple[str, tuple[TenderRefund, ...], frozenset[str], bool, str | None]]:
    """Every refund by its id, with its parts, those that went back, and whether it is under way."""
    whole = [
        (name, each.refunds, frozenset(part.refund for part in each.refunds), False, each.reply_to)
        for name, each in sorted(state.refunds.items())
    ]
    return whole + [
        (name, each.asked.refunds, frozenset(each.done), not each.refused, each.asked.reply_to)
        for name, each in sorted(state.refunding.items())
    ]


def _refused(state: Payment, refund: str, still: Sequence[TenderRefund], under_way: bool) -> Sequence[Event]:
    if not under_way:
        return ()
    asked = state.refunding[refund].asked
    return (
        RefundRefused(
            order_id=asked.order_id,
            refund=refund,
            amount=asked.amount,
            reason=RefundRefusal.PROVIDER,
            detail="the provider took back a part that it had paid",
            refunded_part=state.money(sum(part.amount.amount for part in still)),
            reply_to=asked.reply_to,
        ),
    )
