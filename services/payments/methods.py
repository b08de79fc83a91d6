"""How each method of payment is secured and taken, and the limits of waiting for those whom we ask."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from contracts.money import Tender, TenderMethod

__all__ = [
    "ACTION_WITHIN",
    "ASK_AFTER",
    "ASK_PENDING_AFTER",
    "CAPTURE_DECLINES_MAX",
    "HOW",
    "PAYMENTS_DESK",
    "RETRY_AFTER_MAX",
    "SOFT_AGAIN_AFTER",
    "TRANSFER_WITHIN",
    "TRY_AGAIN_AFTER",
    "How",
    "asks_others",
    "by_ledger",
    "by_provider",
    "by_transfer",
]


class How(StrEnum):
    """Who secures a tender: nobody has to, a payment provider that a worker asks, the payer, who
    sends the money, or a ledger of stored value."""

    AT_ONCE = "at_once"
    PROVIDER = "provider"
    TRANSFER = "transfer"
    LEDGER = "ledger"


HOW: Mapping[TenderMethod, How] = {
    TenderMethod.INVOICE: How.AT_ONCE,
    TenderMethod.EXTERNAL: How.AT_ONCE,
    TenderMethod.COUPON: How.AT_ONCE,
    TenderMethod.CASH_ON_DELIVERY: How.AT_ONCE,
    TenderMethod.CARD: How.PROVIDER,
    TenderMethod.BANK_TRANSFER: How.TRANSFER,
    TenderMethod.GIFT_CARD: How.LEDGER,
    TenderMethod.STORE_CREDIT: How.LEDGER,
}
"""What this service can take. A method that others secure has events of its own that fill `secured`, `taken` and
`given back` of payment_state.py, and a branch in advancing.py."""

PAYMENTS_DESK = "payments_desk"
"""Who finds out what a provider cannot tell."""

TRANSFER_WITHIN = timedelta(days=14)
"""How long the money of a transfer is waited for."""

ACTION_WITHIN = timedelta(minutes=30)
"""How long a payer has to confirm. Shorter than an order waits for its payment (three times 15 minutes)."""

SOFT_AGAIN_AFTER = tuple(timedelta(minutes=minutes) for minutes in (2, 10))
"""When a card that was declined softly is tried again, attempt by attempt; then it counts as declined."""

TRY_AGAIN_AFTER = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 120, 600, 1_800, 3_600, 7_200, 21_600))
"""When a call of which nothing happened for certain is made again; then a person has to look. Some 10 hours in all."""

RETRY_AFTER_MAX = timedelta(hours=1)
"""The longest wait that a provider may ask for."""

ASK_AFTER = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 1_800, 7_200, 21_600, 43_200, 86_400))
"""When a provider is asked what became of a call that nobody can tell of; then a person has to look. Some 2 days."""

ASK_PENDING_AFTER = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 48, 120, 240))
"""When a provider is asked about a call that it has taken and not yet done; then a person has to look."""

CAPTURE_DECLINES_MAX = 2
"""Captures of one part that may be declined, each on an authorisation of its own, before the capture is refused."""


def by_provider(tender: Tender) -> bool:
    """Whether a provider is asked for the money of a tender."""
    return HOW.get(tender.method) is How.PROVIDER


def by_ledger(tender: Tender) -> bool:
    """Whether a ledger of stored value is asked for the money of a tender; of one that pays nothing it is not."""
    return HOW.get(tender.method) is How.LEDGER and tender.amount.amount > 0


def by_transfer(tender: Tender) -> bool:
    """Whether the payer has to send the money of a tender; of one that pays nothing nobody waits for it."""
    return HOW.get(tender.method) is How.TRANSFER and tender.amount.amount > 0


def asks_others(tender: Tender) -> bool:
    """Whether somebody has to be asked to take of a tender, or to give back to it."""
    return by_provider(tender) or by_ledger(tender)
