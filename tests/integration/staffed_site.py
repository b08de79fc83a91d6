"""A site with those who work there: who starts and ends its processes, buys, packs, cancels, gives money back."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tests.integration.test_doors import START_SECONDS, Site, order
from tests.waiting import eventually

__all__ = ["PRICE", "WORKERS", "StaffedSite"]

WORKERS = "oms.workers"

PRICE = 2000
"""What an order costs, in cents."""

AT_ONCE = 6
"""Orders that people work on at once."""

SEEN_SECONDS = 120
"""How long people wait for what they are to see."""

LOOK_SECONDS = 0.3
"""How often people look, of whom there are many."""

ORDER_CHARACTERS = 4000
"""How much of an order is said of a payment that did not come true."""

SKU = "SKU-PAID"
T = TypeVar("T")


class StaffedSite:
    """`ids` are those of the orders that were placed here, by name."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ids: dict[str, str] = {}

    # Processes

    def stop(self, module: str = WORKERS) -> None:
        """End a process as an operator does."""
        self.site.processes[module].send_signal(signal.SIGTERM)
        assert self.site.processes[module].wait(30) == 0

    def start(self, module: str = WORKERS, fault: str = "") -> None:
        """Start a process and wait until it runs. One that dies where `fault` says is not waited for: what the one before
        left may kill it at once."""
        self.site.start(module, fault)
        if not fault:
            eventually(lambda: self.site.running(module), START_SECONDS, f"{module} running")

    def died(self, module: str = WORKERS) -> None:
        """Wait for its death."""
        assert self.site.processes[module].wait(START_SECONDS) == -signal.SIGKILL

    # People

    def all(self, do: Callable[[str], T], names: Iterable[str], at_once: int = AT_ONCE) -> list[T]:
        """Do it for each order, several at once."""
        with ThreadPoolExecutor(at_once) as people:
            return list(people.map(do, names))

    def stock(self, orders: int) -> None:
        """Goods for so many orders."""
        assert self.site.receive(SKU, 2 * orders).status_code == 200

    def sold(self, worth: int, key: str) -> tuple[str, str]:
        """A gift card: its ledger and its code."""
        answer = self.site.post("/stored-values/gift-cards", {"amount": worth, "currency": "EUR"}, key)
        assert answer.status_code in (200, 202), answer.text
        said = answer.json()
        return said["stored_value"], said["code"]

    def ledger(self, card: str) -> dict[str, int]:
        """What a gift card's ledger says, in cents."""
        shown = self.site.get(f"/stored-values/{card}")
        return {name: shown[name] for name in ("issued", "available", "held", "redeemed", "expired")}

    def order(self, name: str, token: str = "tok_ok", tenders: Sequence[dict[str, Any]] = (), sku: str = SKU) -> str:
        """An order of 20.00 euros for two units, by card unless the tenders are said; its id. Its buyer gets no mail."""
        lines = [{"line_id": "a", "sku": sku, "quantity": 2, "amount": PRICE}]
        by_card = [{"method": "card", "amount": PRICE, "reference": token}]
        body = {"lines": lines, "tenders": list(tenders) or by_card, "buyer": {"name": "Ada Lindqvist"}}
        answer = self.site.post("/orders", order(name, **body))
        assert answer.status_code in (201, 202), answer.text
        found = self._seen(lambda: self.site.get(f"/orders/{name}").get("order_id"), f"the order {name}")
        self.ids[name] = str(found)
        return self.ids[name]

    def works(self, name: str) -> list[dict[str, Any]]:
        """The fulfillment orders of an order."""
        found: list[dict[str, Any]] = self.site.get(f"/orders/{name}").get("fulfillment_orders") or []
        return found

    def packed(self, name: str, quantity: int = 2, before: int = 0) -> str:
        """All of a work (that which follows `before` others) is in one package with a label; the address of the work."""
        work = self._seen(lambda: self.works(name)[before:], f"work for {name}")[0]
        node = f"/fulfillment-orders/{work['id']}"
        self._seen(lambda: self.site.http.get(node).status_code == 200, "the node's list")
        done = [{"line": "1", "sequence": work["sequence"], "quantity": quantity}]
        packages = [{"number": 1, "contents": done, "weight_grams": 1800}]
        self.site.report(node, {"acceptance": {}, "pick": {"lines": done}, "pack": {"packages": packages}})
        self._seen(lambda: all(each.get("shipment") for each in self.works(name)), f"a shipment of {name}")
        return node

    def left(self, name: str, quantity: int = 2, before: int = 0) -> None:
        """All of a work leaves, so that it is to be captured."""
        self.site.report(self.packed(name, quantity, before), {"hand-over": {}})

    def cancelled(self, name: str) -> None:
        """The customer wants none of it."""
        answer = self.site.post(f"/orders/{name}/cancel", {"detail": "changed my mind"})
        assert answer.status_code in (200, 202), answer.text

    def given_back(self, name: str) -> None:
        """The customer gets half of the money back."""
        body = {"cause": "appeasement", "percent": "50", "reason": "it was late"}
        answer = self.site.post(f"/orders/{name}/refunds", body)
        assert answer.status_code in (200, 202), answer.text

    # What is seen

    def payment(self, name: str) -> dict[str, Any]:
        """The payment of an order as our door shows it."""
        shown: dict[str, Any] = self.site.get(f"/payments/{self.ids[name]}")
        return shown

    def await_payment(self, name: str, seconds: float = 120, **wanted: Any) -> None:
        """Wait until the payment says so."""

        def says() -> bool:
            shown = self.payment(name)
            return all(shown.get(field) == value for field, value in wanted.items())

        try:
            eventually(says, seconds, f"{name}: {wanted}", LOOK_SECONDS)
        except AssertionError as error:
            order = json.dumps(self.site.get(f"/orders/{name}"))[:ORDER_CHARACTERS]
            raise AssertionError(f"{error}; {self.payment(name)}; {order}") from error

    def _seen(self, what: Callable[[], T], because: str) -> T:
        return eventually(what, SEEN_SECONDS, because, LOOK_SECONDS)

    def await_hold(self, name: str, kind: str) -> None:
        """Wait until the order is held for this."""

        def held() -> bool:
            return kind in [hold["kind"] for hold in self.site.get(f"/orders/{name}").get("holds", ())]

        self._seen(held, f"{name} held: {kind}")
