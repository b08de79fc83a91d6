"""Cards with every service running and the sandbox as a process of its own: a worker that is killed around the call
charges nobody twice, and what the provider tells by itself comes in through its door."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.process import free_port
from tests.integration.test_doors import Site, order
from tests.integration.test_doors import site as site
from tests.sandbox import Sandbox
from tests.waiting import eventually

WORKERS, DOORS = "oms.workers", "oms.doors"
POINTS = ("worker.before_act", "worker.after_act", "worker.after_record")


class Shop:
    """An installation that takes cards by a sandbox."""

    def __init__(self, site: Site, sandbox: Sandbox) -> None:
        self.site, self.sandbox = site, sandbox

    def stop(self, module: str = WORKERS) -> None:
        self.site.processes[module].send_signal(signal.SIGTERM)
        assert self.site.processes[module].wait(30) == 0

    def start(self, module: str = WORKERS) -> None:
        self.site.start(module)
        eventually(lambda: self.site.running(module), 60, f"{module} running")

    def killed_at(self, point: str, nth: int) -> None:
        """A worker dies there; another takes over."""
        self.site.start(WORKERS, f"{point}:{nth}:kill9")
        assert self.site.processes[WORKERS].wait(60) == -signal.SIGKILL
        self.start()

    def ordered(self, name: str, token: str = "tok_ok") -> str:
        """An order of 20.00 euros by card; its id."""
        self.site.receive("SKU-CARD", 2)
        lines = [{"line_id": "a", "sku": "SKU-CARD", "quantity": 2, "amount": 2000}]
        tenders = [{"method": "card", "amount": 2000, "reference": token}]
        body = {"lines": lines, "tenders": tenders}
        self.site.post("/orders", order(name, **body))
        return str(eventually(lambda: self.site.get(f"/orders/{name}").get("order_id"), 60, "the order"))

    def shipped(self, name: str) -> None:
        """Everything leaves, so that it is to be captured."""
        work, node = self.site.work(name)
        done = [{"line": "1", "sequence": work["sequence"], "quantity": 2}]
        packages = [{"number": 1, "contents": done, "weight_grams": 1800}]
        self.site.report(node, {"acceptance": {}, "pick": {"lines": done}, "pack": {"packages": packages}})
        eventually(lambda: self.site.get(f"/orders/{name}")["fulfillment_orders"][0].get("shipment"), 60, "a shipment")
        self.site.report(node, {"hand-over": {}})

    def made(self, kind: str, order_id: str) -> list[dict[str, Any]]:
        """What the provider's own ledger has of an order."""
        found: list[dict[str, Any]] = self.sandbox.get("/search", order_id=order_id, kind=kind)["data"]
        return found

    def payment(self, order_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.site.get(f"/payments/{order_id}")
        return shown


@pytest.fixture(scope="module")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("sandbox")
    notices = f"http://127.0.0.1:{site.settings.http_port}/payments/webhooks/sandbox"
    sandbox = Sandbox(folder, free_port(), ("--notices", notices, "--hold", "2"))
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
    made = Shop(site, sandbox)
    try:
        for module in (DOORS, WORKERS):
            made.stop(module)
            made.start(module)
        yield made
    finally:
        sandbox.kill()


def test_a_card_is_secured_and_captured_when_the_goods_leave(shop: Shop) -> None:
    order_id = shop.ordered("card-1")
    eventually(lambda: shop.payment(order_id).get("authorization") == "full", 60, "the card secured")
    shop.shipped("card-1")
    eventually(lambda: shop.site.status("card-1") == "completed", 60, "the order completed")
    assert [charge["amount"] for charge in shop.made("charge", order_id)] == [2000]
    assert shop.payment(order_id)["charge"] == "full"


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_worker_killed_around_the_call_charges_once(shop: Shop, point: str, nth: int) -> None:
    # given a worker that dies around an authorisation, and another around what follows the goods that left
    name = f"killed-{point}-{nth}"
    shop.stop()
    order_id = shop.ordered(name)
    if nth == 1:
        shop.killed_at(point, 1)
    else:
        shop.start()
    eventually(lambda: shop.payment(order_id).get("authorization") == "full", 60, "the card secured")
    shop.stop()
    shop.shipped(name)
    shop.killed_at(point, nth)
    # then the provider's own ledger has one authorisation and one charge, and so have we
    eventually(lambda: shop.site.status(name) == "completed", 60, "the order completed")
    assert len(shop.made("authorization", order_id)) == len(shop.made("charge", order_id)) == 1
    assert shop.payment(order_id)["captured"] == 2000


@pytest.mark.parametrize("token", ["tok_timeout_after", "tok_error_after", "tok_capture_error_after"])
def test_what_the_provider_did_without_saying_so_is_found_and_not_done_again(shop: Shop, token: str) -> None:
    order_id = shop.ordered(token, token)
    eventually(lambda: shop.payment(order_id).get("authorization") == "full", 90, "the card secured")
    shop.shipped(token)
    eventually(lambda: shop.site.status(token) == "completed", 90, "the order completed")
    assert len(shop.made("authorization", order_id)) == len(shop.made("charge", order_id)) == 1


def test_what_the_provider_tells_by_itself_comes_in_while_no_worker_runs(shop: Shop) -> None:
    # given a dispute that the provider tells of after the capture
    order_id = shop.ordered("disputed", "tok_dispute")
    eventually(lambda: shop.payment(order_id).get("authorization") == "full", 60, "the card secured")
    shop.shipped("disputed")
    eventually(lambda: shop.payment(order_id).get("disputes"), 60, "the dispute told")
    assert shop.payment(order_id)["disputes"][0]["stage"] == "opened"


def test_nobody_is_charged_twice_of_all_that_happened(shop: Shop) -> None:
    # over all orders: at most one charge a key, and as much as our events say
    orders = [one["order_id"] for one in shop.site.get("/payments?limit=200")["payments"]]
    charges = [charge for order_id in orders for charge in shop.made("charge", order_id)]
    keys = [charge["metadata"]["key"] for charge in charges]
    assert len(keys) == len(set(keys)) > 0
    taken = sum(shop.payment(order_id)["captured"] for order_id in orders)
    assert taken == sum(charge["amount"] for charge in charges)
