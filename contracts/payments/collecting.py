"""What is open of invoices, charged on their due dates to cards that buyers left with a provider.

The invoice says when and how much, the payment of its order asks the provider. A charge is known by its id, uuid5 of
(tenant, `capture`, payment, `collection`, invoice, attempt); attempts of an invoice count from 1. What an invoice takes of
a charge is in receivables.py (`InvoicePaid` with `collected`). Amounts are money in minor units, instants UTC.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from contracts.message import Command, Event, Instant
from contracts.money import Money
from contracts.payments.paying import CardDecline

__all__ = [
    "ChargeMatched",
    "ChargeUnneeded",
    "CollectInvoice",
    "CollectionAsked",
    "CollectionDelayed",
    "CollectionFailed",
    "CollectionFailure",
    "CollectionGivenUp",
    "CollectionStarted",
    "CollectionTaken",
    "InvoiceOverpaid",
    "ReturnCollected",
]


class CollectionFailure(StrEnum):
    """Why an invoice was not charged: the card was declined; the order was not paid by a tender that names one."""

    CARD_DECLINED = "card_declined"
    NO_CARD = "no_card"


# Commands


class CollectInvoice(Command):
    """Charge what is open of an invoice (its id) to the card on file of a tender (its place)."""

    order_id: str
    invoice: str
    attempt: int
    tender: int
    amount: Money


class ReturnCollected(Command):
    """So much of a charge the invoice needs no more: it goes back. `number` counts those of an invoice from 1."""

    order_id: str
    invoice: str
    charge: str
    number: int
    amount: Money


# Events of an invoice


class CollectionAsked(Event):
    """The invoice is due, or due again, and so much of it is open: it is to be charged."""

    order_id: str
    invoice: str
    attempt: int
    tender: int
    amount: Money


class CollectionDelayed(Event):
    """The card was declined softly: it is charged again at `again_at`, for what is open then."""

    attempt: int
    reason: CollectionFailure
    card: CardDecline | None = None
    again_at: Instant


class CollectionGivenUp(Event):
    """The invoice is not charged any more by itself: `owner` should look after it."""

    attempt: int
    reason: CollectionFailure
    card: CardDecline | None = None
    owner: str


class InvoiceOverpaid(Event):
    """The buyer owes less than was paid of the invoice: so much of a charge goes back. `number` counts from 1."""

    order_id: str
    invoice: str
    charge: str
    number: int
    amount: Money


# Events of a payment


class CollectionStarted(Event):
    """A provider is asked to charge an invoice; `charge` will be its id."""

    order_id: str
    invoice: str
    attempt: int
    tender: int
    charge: str
    amount: Money
    reply_to: str | None = None


class CollectionTaken(Event):
    """An invoice was charged, and hears of it. `provider` as it calls itself, `booked_on` the day in UTC."""

    order_id: str
    invoice: str
    attempt: int
    charge: str
    provider: str
    amount: Money
    booked_on: date


class CollectionFailed(Event):
    """An invoice was not charged. `soft`: the same may go well another day. Answers the invoice."""

    order_id: str
    invoice: str
    attempt: int
    amount: Money
    reason: CollectionFailure
    card: CardDecline | None = None
    soft: bool = False
    reply_to: str | None = None


class ChargeMatched(Event):
    """The invoice took `amount` of its charge; the rest of it goes back."""

    order_id: str
    invoice: str
    charge: str
    amount: Money


class ChargeUnneeded(Event):
    """The invoice needs so much of its charge no more: it goes back."""

    order_id: str
    invoice: str
    charge: str
    number: int
    amount: Money
