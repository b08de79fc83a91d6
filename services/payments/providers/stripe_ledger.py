"""Stripe's books: its balance transactions of a day, with what each is of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import stripe

from services.payments.provider_ledger import Entry, EntryKind, LedgerAway
from services.payments.providers.stripe_reading import CAPTURE
from services.payments.providers.stripe_words import NAME, money_here

__all__ = ["StripeLedger"]

ANSWER_SECONDS = 60.0
PAGE = 100
ENTRIES_MAX = 100_000

KINDS = {
    "charge": EntryKind.CHARGE,
    "payment": EntryKind.CHARGE,
    "refund": EntryKind.REFUND,
    "payment_refund": EntryKind.REFUND,
    "refund_failure": EntryKind.REFUND_TAKEN_BACK,
    "payout": None,
}
"""What the types of balance transactions are here; payouts are no entries, all others are `other`."""


class StripeLedger:
    """By the account's secret key. Charges carry our order and authorisation, and no key of the capture: they are met
    by Stripe's name of them. Money that is only held is in no book there."""

    name = NAME

    def __init__(self, key: str, url: str = "https://api.stripe.com") -> None:
        self._key, self._url = key, url

    async def entries(self, day: date) -> tuple[Entry, ...]:
        """All of a day (UTC). Raises LedgerAway."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = start + timedelta(days=1)
        client = stripe.HTTPXClient(timeout=httpx.Timeout(ANSWER_SECONDS))
        api = stripe.StripeClient(self._key, base_addresses={"api": self._url}, http_client=client).v1
        found: list[Entry] = []
        try:
            page = await api.balance_transactions.list_async(
                {
                    "limit": PAGE,
                    "created": {"gte": int(start.timestamp()), "lt": int(end.timestamp())},
                    "expand": ["data.source"],
                }
            )
            async for posted in page.auto_paging_iter():
                entry = entry_of(posted.to_dict(), day)
                if entry is not None:
                    found.append(entry)
                if len(found) > ENTRIES_MAX:
                    raise LedgerAway(
                        f"stripe has more than {ENTRIES_MAX} entries of {day}: compare its settlement files"
                    )
        except stripe.StripeError as error:
            raise LedgerAway(f"the books of stripe cannot be read: {error.user_message or error}") from error
        finally:
            await client.close_async()  # type: ignore[no-untyped-call]
        return tuple(found)


def entry_of(posted: Mapping[str, Any], day: date) -> Entry | None:
    """A balance transaction as an entry; None for a payout."""
    kind = KINDS.get(posted["type"], EntryKind.OTHER)
    if kind is None:
        return None
    source = posted.get("source")
    about: Mapping[str, Any] = source if isinstance(source, Mapping) else {"id": source or posted["id"]}
    if about.get("object") == "dispute":
        return _dispute(posted, about, day)
    words: Mapping[str, str] = about.get("metadata") or {}
    settled = money_here(posted["amount"], posted["currency"])
    taken = _taken(about) if kind is EntryKind.CHARGE else about.get("amount")
    amount = money_here(taken, about["currency"]) if taken is not None and "currency" in about else settled
    return Entry(
        kind,
        reference=about["id"],
        amount=amount,
        day=day,
        key=words.get(CAPTURE) if kind is EntryKind.CHARGE else words.get("key"),
        order_id=words.get("order_id"),
        authorization=words.get("authorization"),
        settled=settled,
        fee=money_here(posted.get("fee") or 0, posted["currency"]),
    )


def _taken(charge: Mapping[str, Any]) -> int | None:
    captured = charge.get("amount_captured")
    return charge.get("amount") if captured is None else captured


def _dispute(posted: Mapping[str, Any], dispute: Mapping[str, Any], day: date) -> Entry:
    """Money withdrawn for a dispute, or given back when it was won."""
    won = posted["amount"] > 0
    return Entry(
        EntryKind.DISPUTE_WON if won else EntryKind.DISPUTE,
        reference=str(dispute["charge"]),
        amount=money_here(dispute["amount"], dispute["currency"]),
        day=day,
        settled=money_here(posted["amount"], posted["currency"]),
        fee=money_here(posted.get("fee") or 0, posted["currency"]),
    )
