"""The payment of one order as its events leave it: what is secured, taken and given back, by tender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from chassis.maps import HashTrieMap
from contracts.message import Event
from contracts.money import Money
from contracts.payments import (
    AuthorizationExpired,
    CapturePayment,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentRefunded,
    PaymentVoided,
)

__all__ = ["EXPIRY", "Payment", "Taken", "capture_key", "deadlines_of", "evolve", "split_capture_key"]

EXPIRY = "authorization_expires:"
"""The deadline of an authorisation is this and its tender's place."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one capture took of a tender (its place), and what of that went back; minor units."""

    capture: str
    tender: int
    amount: int
    refunded: int = 0


@dataclass(frozen=True, slots=True)
class Payment:
    """`remaining` is what may still be captured (minor units) by the tender's place, as text; `captures` the amounts
    captured, by fulfilment and sequence; `taken` the same by tender, in the order of capture; `refunds` the amounts given
    back, by the refund's id."""

    authorized: PaymentAuthorized | None = None
    remaining: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    captures: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    captured: int = 0
    taken: tuple[Taken, ...] = ()
    refunds: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    refunded: int = 0
    voided: bool = False

    @property
    def left(self) -> int:
        """What may still be captured, in minor units."""
        return sum(self.remaining.values())

    def money(self, amount: int) -> Money:
        """An amount of the payment's currency; only of one that is authorised."""
        assert self.authorized is not None, "a payment has no currency before it is authorised"
        return Money(amount=amount, currency=self.authorized.amount.currency)


# Evolve


def evolve(state: Payment, event: Event) -> Payment:
    """The payment after one more event."""
    match event:
        case PaymentAuthorized():
            rows = {str(row.tender): row.amount.amount for row in event.authorizations}
            return replace(state, authorized=event, remaining=HashTrieMap(rows))
        case PaymentCaptured():
            return _captured(state, event)
        case AuthorizationExpired():
            return replace(state, remaining=state.remaining.discard(str(event.tender)))
        case PaymentRefunded():
            return _refunded(state, event)
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
        captures=state.captures.insert(capture_key(event), event.amount.amount),
        captured=state.captured + event.amount.amount,
        taken=(*state.taken, *(Taken(row.capture, row.tender, row.amount.amount) for row in event.captures)),
    )


def _refunded(state: Payment, event: PaymentRefunded) -> Payment:
    back = {part.capture: part.amount.amount for part in event.refunds}
    return replace(
        state,
        taken=tuple(replace(row, refunded=row.refunded + back.get(row.capture, 0)) for row in state.taken),
        refunds=state.refunds.insert(event.refund, event.amount.amount),
        refunded=state.refunded + event.amount.amount,
    )


def capture_key(message: CapturePayment | PaymentCaptured) -> str:
    """What a capture is known by: fulfilment and sequence."""
    return f"{message.fulfillment}\x1f{message.sequence}"


def split_capture_key(key: str) -> tuple[str, int]:
    """The fulfilment and sequence of a capture."""
    fulfillment, _, sequence = key.rpartition("\x1f")
    return fulfillment, int(sequence)


def deadlines_of(state: Payment) -> Mapping[str, datetime]:
    """When each authorisation that still has something to capture lapses."""
    rows = () if state.authorized is None else state.authorized.authorizations
    return {
        f"{EXPIRY}{row.tender}": row.expires_at
        for row in rows
        if row.expires_at is not None and state.remaining.get(str(row.tender))
    }
