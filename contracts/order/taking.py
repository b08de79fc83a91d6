"""Taking an order, and what becomes of another body for one that is known."""

from __future__ import annotations

from enum import StrEnum

from contracts.message import Command, Event
from contracts.money import SHARES_VERSION, Charge
from contracts.order.terms import OrderTerms, Totals

__all__ = [
    "IgnoreReason",
    "OrderAdjusted",
    "OrderChangeRequested",
    "OrderConflicted",
    "OrderPlaced",
    "OrderRevisionIgnored",
    "PlaceOrder",
]


class PlaceOrder(OrderTerms, Command):
    """Take an order. Its body is known again by its fingerprint, not by its bytes."""

    def digest(self) -> str:
        """The fingerprint of the commercial fields: a channel that repeats itself in other words means the same."""
        return self.fingerprint


class OrderPlaced(OrderTerms, Event):
    """An order was taken. `number` is what people say; `totals` are ours, from the lines; `shares_version` is the
    allocation that every later share of an amount is taken by."""

    tenant: str
    order_id: str
    number: str
    totals: Totals
    shares_version: int = SHARES_VERSION


class OrderAdjusted(Event):
    """An adjustment of the whole order: what a person accepted as the difference to what is paid."""

    charge: Charge


class IgnoreReason(StrEnum):
    """Why another body for a known order changed nothing."""

    SAME_FINGERPRINT = "same_fingerprint"
    LOWER_REVISION = "lower_revision"


class OrderRevisionIgnored(Event):
    """The channel sent the order again; nothing in it was new."""

    reason: IgnoreReason
    revision: int | None = None
    known_revision: int | None = None


class OrderConflicted(Event):
    """The order came again with another body and nothing says which is newer: `owner` has to look."""

    known_fingerprint: str
    fingerprint: str
    revision: int | None = None
    owner: str


class OrderChangeRequested(Event):
    """A higher revision with another body came: a wish to change the order, which a hold asks a person about."""

    known_fingerprint: str
    fingerprint: str
    revision: int
