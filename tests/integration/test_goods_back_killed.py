"""Changes, returns and exchanges while order, payments, inventory and fulfillment are killed at fault points, with every
service running and cards by the sandbox. People go on as if nothing were; whoever shares no code with it checks the sums."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.card_shop import CardShop, open_shop
from tests.integration.test_doors import Site
from tests.integration.test_doors import site as site
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(1200)

KILLED = ("services.order", "services.payments", "services.inventory", "services.fulfillment")
FAULTS = ("handling.decide:7:kill9", "loop.produced:5:kill9", "loop.offsets_sent:3:kill9", "loop.committed:6:kill9")
"""Where each of them dies, one after the other: before anything is written, half written, all but committed, and when
nobody was told that it is."""

EACH = 3
"""Orders of each kind."""

LOOK_SECONDS = 0.3
DONE_SECONDS = 400
VERIFY_SECONDS = 120


class Keeper:
    """Starts every process that died once more: to die at the next of its faults, and at last to live."""

    def __init__(self, shop: CardShop) -> None:
        self._shop = shop
        self._faults = {module: deque(FAULTS) for module in KILLED}
        self._ended = threading.Event()
        self.deaths = dict.fromkeys(KILLED, 0)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for module in KILLED:
            self._shop.stop(module)
            self._start(module)
        keeping = threading.Thread(target=self._keep)
        keeping.start()
        try:
            yield
        finally:
            self._ended.set()
            keeping.join()

    def _start(self, module: str) -> None:
        faults = self._faults[module]
        self._shop.site.start(module, faults.popleft() if faults else "")

    def _keep(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            for module in KILLED:
                code = self._shop.site.processes[module].poll()
                if code == -signal.SIGKILL:
                    self.deaths[module] += 1
                    self._start(module)


class Desk:
    """People who say things once more until they hear that it was taken, and look until they see what came of it."""

    def __init__(self, shop: CardShop) -> None:
        self._shop = shop

    def says(self, path: str, body: dict[str, Any], key: str) -> None:
        """The key makes it one, however often it is said."""

        def taken() -> bool:
            answer = self._shop.site.post(path, body, key)
            assert answer.status_code in (200, 201, 202, 503), answer.text
            return answer.status_code in (200, 201)

        eventually(taken, DONE_SECONDS, f"{path} {key}", LOOK_SECONDS)

    def sees(self, name: str, what: Callable[[dict[str, Any]], Any], because: str) -> Any:
        def found() -> Any:
            return what(self._shop.site.get(f"/orders/{name}"))

        try:
            return eventually(found, DONE_SECONDS, f"{name}: {because}", LOOK_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}; {json.dumps(self._shop.site.get(f'/orders/{name}'))[:4000]}") from error

    def stock(self, sku: str, quantity: int) -> None:
        body = {"location": "dc-1", "quantity": quantity}
        self.says(f"/stock-items/{sku}/receipts", body, f"stock-{sku}-{quantity}")

    def leaves(self, name: str, before: int = 0) -> None:
        """All of the work that follows so many others is picked, packed and handed over."""
        work = self.sees(name, lambda shown: _works(shown)[before:], "work")[0]
        node, shown = f"/fulfillment-orders/{work['id']}", self._shop.site.http
        eventually(lambda: shown.get(node).status_code == 200, DONE_SECONDS, f"{name} on its list", LOOK_SECONDS)
        done = [
            {part: line[part] for part in ("line", "sequence", "quantity")} for line in shown.get(node).json()["lines"]
        ]
        packages = [{"number": 1, "contents": done, "weight_grams": 1800}]
        for step, fact in (("acceptance", {}), ("pick", {"lines": done}), ("pack", {"packages": packages})):
            self.says(f"{node}/{step}", {"document": step, **fact}, f"{work['id']}-{step}")
        self.sees(name, lambda shown: _works(shown)[before].get("shipment"), "a label")
        self.says(f"{node}/hand-over", {"document": "hand-over"}, f"{work['id']}-hand-over")

    def comes_back(self, name: str, number: int = 0) -> None:
        """A unit of a return comes, and somebody looks at it."""
        back = self.sees(name, lambda shown: shown["returns"][number : number + 1], "a return")[0]
        node, line = f"/returns/{back['id']}", back["lines"][0]
        eventually(lambda: self._shop.site.http.get(node).status_code == 200, DONE_SECONDS, "the return", LOOK_SECONDS)
        item = {"line": line["line"], "sku": line["sku"], "quantity": line["quantity"]}
        for step, more in (("receipts", {}), ("inspections", {"disposition": "restock"})):
            body = {"document": step, "location": "dc-1", "items": [{**item, **more}]}
            self.says(f"{node}/{step}", body, f"{back['id']}-{step}")

    def agrees(self, name: str, change: dict[str, Any]) -> None:
        """A change is proposed and confirmed."""
        self.says(f"/orders/{name}/changes", change, f"change-{name}")
        number = self.sees(name, lambda shown: (shown.get("change") or {}).get("change"), "a proposal")
        self.says(f"/orders/{name}/changes/{number}/confirm", {}, f"confirm-{name}")
        self.sees(name, lambda shown: shown["changes"] == 1, "the change")

    # Whole orders

    def changed(self, name: str) -> None:
        """Of two units that nobody has yet three are wanted, which the card is secured once more for. Each may be a work
        of its own: what is known of stock at the order may be older than the count, so that one unit is asked for apart."""
        sku = f"SKU-{name}"
        self.stock(sku, 1)
        self.says(f"/stock-items/{sku}/counts", {"location": "dc-1", "counted": 0}, f"count-{name}")
        self._shop.order(name, sku=sku)
        self.sees(name, lambda shown: shown["lines"][0]["units"].get("backordered") == 2, "waiting for goods")
        self.agrees(name, {"lines": [{"line": "1", "quantity": 3, "amount": 1000}]})
        self.stock(sku, 3)
        for work in range(self.sees(name, _released, "released")):
            self.leaves(name, work)
        self._shop.await_payment(name, DONE_SECONDS, captured=3000)

    def returned(self, name: str) -> None:
        """One of two units comes back, and is paid back."""
        self._sold(name)
        lines = [{"line": "1", "quantity": 1, "reason": "changed_mind"}]
        self.says(f"/orders/{name}/returns", {"lines": lines}, f"return-{name}")
        self.comes_back(name)
        self._shop.await_payment(name, DONE_SECONDS, refunded=1000)

    def dearer(self, name: str) -> None:
        """One of two units goes back for one that costs 5.00 more, which is all that is taken."""
        self._exchanged(name, 1500)
        self._shop.await_payment(name, DONE_SECONDS, captured=2500, refunded=0)

    def cheaper(self, name: str) -> None:
        """One of two units goes back for one that costs 4.00 less, which is paid out."""
        self._exchanged(name, 600)
        self._shop.await_payment(name, DONE_SECONDS, captured=2000, refunded=400)

    def _sold(self, name: str) -> None:
        sku = f"SKU-{name}"
        self.stock(sku, 2)
        self._shop.order(name, sku=sku)
        self.leaves(name)
        self._shop.await_payment(name, DONE_SECONDS, captured=2000)
        self.sees(name, lambda shown: shown["status"] == "completed", "complete")

    def _exchanged(self, name: str, price: int) -> None:
        self._sold(name)
        self.stock(f"OTHER-{name}", 1)
        back = {"line": "1", "quantity": 1, "reason": "did_not_fit"}
        other = {"line_id": "b", "sku": f"OTHER-{name}", "quantity": 1, "amount": price, "tax_included": True}
        self.agrees(name, {"returns": [back], "added": [other], "send": "on_receipt"})
        self.comes_back(name)
        self.leaves(name, 1)
        self.sees(name, lambda shown: shown["exchanges"][0]["to_leave"] == 0, "the other one left")


def _works(shown: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(shown.get("fulfillment_orders") or [], key=lambda work: int(work["sequence"]))


def _released(shown: dict[str, Any]) -> int:
    """How many works there are, once nothing waits for one."""
    waiting = [line for line in shown["lines"] if line["units"].keys() & {"ordered", "backordered", "reserved"}]
    return 0 if waiting else len(_works(shown))


@pytest.fixture(scope="module")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CardShop]:
    with open_shop(site, tmp_path_factory.mktemp("sandbox")) as made:
        yield made


def test_goods_go_both_ways_while_services_die_and_every_sum_still_checks(
    shop: CardShop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given customers who change, send back and exchange, while each service dies four times
    desk, keeper = Desk(shop), Keeper(shop)
    kinds = {"changed": desk.changed, "returned": desk.returned, "dearer": desk.dearer, "cheaper": desk.cheaper}
    names = [f"{kind}-{number}" for number in range(EACH) for kind in kinds]
    described = {
        "name": "Acme GmbH",
        "address_lines": ["Weg 1"],
        "postcode": "10115",
        "city": "Berlin",
        "country": "DE",
    }
    desk.says("/sellers", {"seller": "acme", "particulars": {**described, "vat_id": "DE123456789"}}, "acme")
    began = time.monotonic()
    with keeper.at_work():
        shop.all(lambda name: kinds[name.partition("-")[0]](name), names)
        shop.all(lambda name: desk.sees(name, _at_rest, "at rest"), names)
    # then each died at each of its points
    assert keeper.deaths == dict.fromkeys(KILLED, len(FAULTS))
    # the provider has one thing for each, and its books are ours
    counted = shop.prove(names)
    # and who shares no code with it finds money and goods whole
    report = tmp_path / "verified.json"
    checked = subprocess.run(
        [sys.executable, "-m", "oms", "verify", "--grace", "3", "--json", str(report)],
        env=shop.site.environment,
        capture_output=True,
        text=True,
        timeout=VERIFY_SECONDS,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with capsys.disabled():
        took = time.monotonic() - began
        print(f"\n{sum(keeper.deaths.values())} deaths, {took:.0f} s: {counted}\n{checked.stdout}")


def _at_rest(shown: dict[str, Any]) -> bool:
    return shown["status"] in ("completed", "partly_returned") and shown["credit"] == 0
