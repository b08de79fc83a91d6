"""Reserving: stock is held or waited for, the money is secured, the order is confirmed and the customer told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.message import Command, Event, Instant, Intent, Value
from contracts.money import Money, Tender
from contracts.order.units import QuantityMoved
from contracts.personal import Personal

__all__ = [
    "AuthorizationRecorded",
    "AuthorizationRequested",
    "CancelAfterPassed",
    "ClaimRefused",
    "ConfirmationRequested",
    "ConfirmationSent",
    "ConfirmationSentAgain",
    "ConfirmedLine",
    "LineBackordered",
    "LineReserved",
    "OrderConfirmed",
    "RecordConfirmationSent",
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
    """Everything not cancelled is reserved and secured: the order will be fulfilled. `amount` is what is owed."""

    amount: Money


class ConfirmedLine(Value):
    """A line as the customer is told about it."""

    sku: str
    description: str | None = None
    quantity: int
    unit: str
    amount: Money


class ConfirmationRequested(Intent):
    """The customer is to be told that the order is confirmed."""

    order_id: str
    number: str
    channel_number: str | None = None
    brand: str | None = None
    seller: str
    locale: str | None = None
    buyer: Personal | None = None
    lines: tuple[ConfirmedLine, ...]
    total: Money


class RecordConfirmationSent(Command):
    """The confirmation left: `confirmation` names the event that asked for it, `name` the message that was made."""

    confirmation: str
    name: str


class ConfirmationSent(Event):
    """The confirmation left as the message `name`."""

    confirmation: str
    name: str


class ConfirmationSentAgain(Event):
    """It was reported again that the confirmation left; nothing changed."""

    confirmation: str
