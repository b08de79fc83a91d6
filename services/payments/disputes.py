"""Disputes of what was captured: a payer who went to the bank, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.message import Event
from contracts.payments import (
    DisputeLost,
    DisputeOpened,
    DisputeStage,
    DisputeWon,
    IgnoredBecause,
    RecordProviderOutcome,
)
from services.payments.card_calls import Charge
from services.payments.endings import ignored
from services.payments.payment_state import Payment

__all__ = ["dispute"]

EVENTS = {DisputeStage.OPENED: DisputeOpened, DisputeStage.WON: DisputeWon, DisputeStage.LOST: DisputeLost}


def dispute(message: RecordProviderOutcome, stage: DisputeStage, state: Payment) -> Sequence[Event]:
    """Opened once, then won or lost once."""
    capture, charge = _disputed(message, state)
    if charge is None:
        return [ignored(message, IgnoredBecause.UNKNOWN_CALL)]
    known = state.disputes.get(capture)
    if known in (DisputeStage.WON, DisputeStage.LOST) or known is stage:
        return [ignored(message, IgnoredBecause.NOTHING_NEW)]
    return [
        EVENTS[stage](
            order_id=message.order_id,
            key=charge.key,
            capture=capture,
            amount=message.amount or state.money(charge.amount),
            provider=message.provider,
            reference=message.reference,
        )
    ]


def _disputed(message: RecordProviderOutcome, state: Payment) -> tuple[str, Charge | None]:
    """The capture that a dispute is about, by the key of its call or the provider's name of the charge."""
    for capture, charge in sorted(state.cards.charges.items()):
        if message.key == charge.key or (message.reference and message.reference == charge.reference):
            return capture, charge
    return "", None
