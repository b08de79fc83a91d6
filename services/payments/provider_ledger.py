"""What a provider's own books say: entries of a day, asked for or read from a settlement file.

A port: adapters give entries, reconciling.py compares them with our events. Amounts in minor units, days in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from contracts.money import Money

__all__ = ["Entry", "EntryKind", "LedgerAway", "Payout", "ProviderLedger", "Settlement"]


class EntryKind(StrEnum):
    """What an entry is: money held, taken, given back, and taken back of that again; a charge disputed, won back; `other` moves money and is none of
    our doing."""

    AUTHORIZATION = "authorization"
    CHARGE = "charge"
    REFUND = "refund"
    REFUND_TAKEN_BACK = "refund_taken_back"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the provider's books. `reference` is its name of the thing, `key` the key of our call where the
    provider tells it, `settled` what it is in the account's currency (negative when money leaves), `fee` what the
    provider kept. `held` says of an authorisation that the money is held still."""

    kind: EntryKind
    reference: str
    amount: Money
    day: date
    key: str | None = None
    order_id: str | None = None
    authorization: str | None = None
    settled: Money | None = None
    fee: Money | None = None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Payout:
    """What left the provider for the merchant's bank, as the file says it: positive."""

    reference: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a settlement file says."""

    entries: tuple[Entry, ...]
    payouts: tuple[Payout, ...]


class LedgerAway(RuntimeError):
    """The provider does not show its books now; the text says why."""


class ProviderLedger(Protocol):
    """Shows a provider's books."""

    @property
    def name(self) -> str:
        """The provider's name."""

    async def entries(self, day: date) -> tuple[Entry, ...]:
        """All of a day (UTC). Raises LedgerAway."""
