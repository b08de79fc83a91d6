"""Reserving: stock is held or waited for, the money is secured, the order is confirmed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.message import Event, Instant
from contracts.money import Money, Tender
from contracts.order.units import QuantityMoved

__all__ = [
    "AuthorizationRecorded",
    "AuthorizationRequested",
    "CancelAfterPassed",
    "ClaimRefused",
    "LineBackordered",
    "LineReserved",
    "OrderConfirmed",
    "ReservationLost",
]

Positive = Annotated[int, Field(gt=0)]


class LineReserved(QuantityMoved, Event):
    """Stock is held for `quantity` units of a line at a location, by the claim `sequence`."""

    line: str
    sequence: int
    location: str
    quantity: Positive


class LineBackordered(QuantityMoved, Event):
    """`quantity` units of a line wait for supply; `awaits` names it, where one is known."""

    line: str
    sequence: int
    quantity: Positive
    awaits: str | None = None
    expected_at: Instant | None = None


class ClaimRefused(Event):
    """Inventory refused a claim whole: these units are sourced again."""

    line: str
    sequence: int
    location: str
    quantity: Positive
    reason: str


class ReservationLost(QuantityMoved, Event):
    """Stock that was held is not any more: these units are sourced again."""

    line: str
    sequence: int
    location: str
    quantity: Positive
    reason: str


class CancelAfterPassed(Event):
    """The last moment of some lines (`due`) has passed: what is not reserved of them is cancelled, now and later."""

    due: Instant


class AuthorizationRequested(Event):
    """Payments is asked to secure `amount` (what is not cancelled) over the tenders, each up to its amount."""

    amount: Money
    tenders: tuple[Tender, ...]
    answer_by: Instant


class AuthorizationRecorded(Event):
    """The amount is secured."""

    amount: Money


class OrderConfirmed(Event):
    """Everything not cancelled is reserved, waits for supply, or has left already, and all of it is secured: the order
    will be fulfilled. `amount` is what is owed. `all_left`: nothing of it has still to leave us."""

    amount: Money
    all_left: bool = False
