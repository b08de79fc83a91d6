"""The sandbox's books."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import httpx

from contracts.money import Money
from services.payments.provider_ledger import Entry, EntryKind, LedgerAway
from services.payments.providers.sandbox import provider_name

__all__ = ["SandboxLedger"]

ANSWER_SECONDS = 30.0
HELD = frozenset({"authorized", "action_required"})


class SandboxLedger:
    """Of one account there."""

    def __init__(self, url: str, key: str, account: str = "multi") -> None:
        self.name = provider_name(account)
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}", "Sandbox-Account": account}

    async def entries(self, day: date) -> tuple[Entry, ...]:
        """All of a day (UTC). Raises LedgerAway."""
        try:
            async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
                answer = await client.get(f"{self._url}/ledger/{day.isoformat()}", headers=self._headers)
                answer.raise_for_status()
                return tuple(_entry(said) for said in answer.json()["entries"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            said = str(error) or type(error).__name__
            raise LedgerAway(f"the books of {self.name} cannot be read: {said}") from error


def _entry(said: Mapping[str, Any]) -> Entry:
    settled = said["settled_currency"]
    return Entry(
        EntryKind(said["type"]),
        reference=said["charge"] if said["type"].startswith("dispute") else said["id"],
        amount=Money(amount=said["amount"], currency=said["currency"]),
        day=datetime.fromtimestamp(said["created"], UTC).date(),
        key=said["key"],
        order_id=said["order_id"],
        authorization=said["authorization"],
        settled=Money(amount=said["settled"], currency=settled),
        fee=Money(amount=said["fee"], currency=settled),
        held=said["type"] == "authorization" and said["state"] in HELD,
    )
