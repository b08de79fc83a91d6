"""A site that takes cards by the payment sandbox, a process of its own with a ledger of its own; and what must hold of the
two whatever happened: nothing is there that our events do not tell, nothing here that it does not know."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from typer.testing import CliRunner

from deploy.local.process import free_port
from oms.main import app
from tests.integration.staffed_site import WORKERS, StaffedSite
from tests.integration.test_doors import Site
from tests.sandbox import KEY, Sandbox

__all__ = ["KINDS", "CardShop", "open_shop"]

DOORS = "oms.doors"
KINDS = ("authorization", "charge", "void", "refund")
"""What calls make at the sandbox."""


class CardShop(StaffedSite):
    """`began` is the day (UTC) on which it opened."""

    def __init__(self, site: Site, sandbox: Sandbox) -> None:
        super().__init__(site)
        self.sandbox = sandbox
        self.began = datetime.now(UTC).date()

    # What is there

    def made(self, kind: str, name: str, account: str = "multi") -> list[dict[str, Any]]:
        """What the provider's own ledger has of an order."""
        found: list[dict[str, Any]] = self.sandbox.get("/search", account, order_id=self.ids[name], kind=kind)["data"]
        return found

    def await_made(self, kind: str, name: str, state: str) -> dict[str, Any]:
        """The thing of this kind that comes into this state."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.made(kind, name) if one["state"] == state), None)

        return self._seen(found, f"{name}: {kind} {state}") or {}

    def by_hand(self, path: str, **body: Any) -> dict[str, Any]:
        """What somebody does at the provider's site, who is not us."""
        headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": uuid4().hex}
        answer = httpx.post(f"{self.sandbox.url}{path}", json=body, headers=headers, trust_env=False)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def counts(self, name: str) -> Counter[str]:
        """How much of each kind that is, without what was refused."""
        refused = ("declined", "failed")
        counted = {kind: sum(one["state"] not in refused for one in self.made(kind, name)) for kind in KINDS}
        return Counter({kind: count for kind, count in counted.items() if count})

    # What must hold

    def reconcile(self, day: date, *more: str, provider: str = "sandbox") -> tuple[int, dict[str, Any]]:
        """What `oms payments reconcile` says of a day, with its exit code."""
        asked = ["payments", "reconcile", provider, "--day", day.isoformat(), "--json", *more]
        done = CliRunner().invoke(app, asked, env=self.site.environment)
        assert done.exit_code in (0, 1), done.output
        return done.exit_code, dict(json.loads(done.output))

    def days(self) -> Iterator[date]:
        """The days (UTC) since the shop opened."""
        day = self.began
        while day <= datetime.now(UTC).date():
            yield day
            day += timedelta(days=1)

    def prove(self, names: Sequence[str]) -> str:
        """I-05: no key of a call made two things, and the ledgers agree both ways, day by day. I-08: everything there
        names an order of ours. What was counted."""
        things = [(kind, one) for name in names for kind in KINDS for one in self.made(kind, name)]
        keys = Counter((kind, one["metadata"]["key"]) for kind, one in things if one["state"] != "declined")
        assert [key for key, count in keys.items() if count > 1] == []
        orders, entries = set(self.ids.values()), 0
        for day in self.days():
            code, said = self.reconcile(day)
            assert (code, said["differences"]) == (0, [])
            entries += said["entries"]
            there = self.sandbox.get(f"/ledger/{day}")["entries"]
            assert {entry["order_id"] for entry in there} <= orders
        assert len(keys) > 0 < entries
        made = Counter(kind for kind, _ in things)
        counted = ", ".join(f"{made[kind]} {kind}s" for kind in KINDS)
        return f"{len(names)} orders; there: {counted}; {entries} entries of its ledger are our events, both ways"


@contextmanager
def open_shop(site: Site, folder: Path, *options: str) -> Iterator[CardShop]:
    """The site with a sandbox whose notices come to its doors; `options` are those of `python -m deploy.sandbox`."""
    notices = f"http://127.0.0.1:{site.settings.http_port}/payments/webhooks/sandbox"
    sandbox = Sandbox(folder, free_port(), ("--notices", notices, "--hold", "2", *options))
    sandbox.start()
    for secret in ("key", "secret"):
        (folder / secret).chmod(0o600)
    site.environment.update(
        {
            "OMS_SANDBOX_URL": sandbox.url,
            "OMS_SANDBOX_KEY_FILE": str(folder / "key"),
            "OMS_SANDBOX_SECRETS_FILE": str(folder / "secret"),
        }
    )
    shop = CardShop(site, sandbox)
    try:
        for module in (DOORS, WORKERS):
            shop.stop(module)
            shop.start(module)
        yield shop
    finally:
        sandbox.kill()
