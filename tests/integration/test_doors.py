"""The doors on a real broker and database, with every service running: what a channel, a person and a worker see."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from chassis.kafka import KafkaLog
from chassis.sealing import create_master_key
from chassis.settings import Settings
from chassis.tokens import Kind, Role, Tokens
from chassis.vault import create_vault
from contracts import topics
from oms.main import app
from oms.preparing import create_topics
from oms.tokens import at_console, console_token, create_console_token
from services.shipping.tests.parcels import scanned, text_of
from tests.waiting import eventually

MODULES = (*(f"services.{name}" for name in topics.SERVICES), "oms.doors", "oms.workers")

START_SECONDS = 180
"""How long all processes may take to begin at once, on a machine that has other work."""


@dataclass
class Site:
    """An installation of its own, and a client of its doors."""

    settings: Settings
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]]
    http: httpx.Client

    def start(self, module: str, fault: str = "") -> None:
        name = module.rpartition(".")[2]
        log = (self.settings.home / f"{name}.log").open("ab")
        environment = {**self.environment, "OMS_FAULT": fault}
        self.processes[module] = subprocess.Popen(
            [sys.executable, "-m", module], stdout=log, stderr=log, env=environment
        )

    def running(self, module: str) -> bool:
        name = module.rpartition(".")[2]
        place = self.settings.home / "run" / f"{name}.json"
        assert self.processes[module].poll() is None, (self.settings.home / f"{name}.log").read_text()[-3000:]
        try:
            document = httpx.get(json.loads(place.read_text())["address"], trust_env=False).json()
        except (OSError, ValueError, httpx.HTTPError):
            return False
        return bool(document["state"] == "running" and document["pid"] == self.processes[module].pid)

    def post(self, path: str, body: Any, key: str = "", **more: str) -> httpx.Response:
        wanted = {"Idempotency-Key": key or uuid4().hex, "Prefer": "wait=20", **more}
        return self.http.post(path, json=body, headers=wanted)

    def get(self, path: str) -> Any:
        return self.http.get(path).json()

    def placed(self, external_id: str, **changes: Any) -> dict[str, Any]:
        answer = self.post("/orders", order(external_id, **changes))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def status(self, external_id: str) -> str | None:
        """What an order is; None while there is none, of which the answer's own `status` is a number."""
        answer = self.http.get(f"/orders/{external_id}")
        return str(answer.json()["status"]) if answer.status_code == 200 else None

    def receive(self, sku: str, quantity: int) -> httpx.Response:
        return self.post(f"/stock-items/{sku}/receipts", {"location": "dc-1", "quantity": quantity})

    def work(self, external_id: str) -> tuple[dict[str, Any], str]:
        """The one fulfillment order of an order, and its address, once its node has it on its list."""
        work = eventually(lambda: self.get(f"/orders/{external_id}").get("fulfillment_orders"), because="work")[0]
        node = f"/fulfillment-orders/{work['id']}"
        eventually(lambda: self.http.get(node).status_code == 200, because="the node's list")
        return work, node

    def report(self, node: str, facts: dict[str, Any]) -> None:
        """The node reports one fact after the other, each under a document of its own."""
        for step, fact in facts.items():
            answer = self.post(f"{node}/{step}", {"document": step, **fact})
            assert answer.status_code == 200, answer.text

    def publish(self, value: bytes, headers: list[tuple[str, str | bytes | None]]) -> None:
        producer = Producer({"bootstrap.servers": self.settings.bootstrap, "enable.idempotence": True})
        topic = topics.named(topics.CHANNEL_ORDERS, self.settings.namespace)
        producer.produce(topic, value=value, key=b"webshop-eu", headers=headers)
        assert producer.flush(20) == 0


def order(external_id: str, **changes: Any) -> dict[str, Any]:
    """An order of two units for 20.00 euros, paid by invoice."""
    return {
        "channel_account": "webshop-eu",
        "external_id": external_id,
        "channel": "web",
        "seller": "acme",
        "placed_at": "2026-01-05T09:00:00Z",
        "currency": "EUR",
        "buyer": {"name": "Ada Lindqvist", "email": "ada@example.org"},
        "ship_groups": [
            {
                "group": "1",
                "ship_to": {
                    "name": "Ada Lindqvist",
                    "address_lines": ["Hauptstr. 1"],
                    "city": "Berlin",
                    "postcode": "10115",
                    "country": "DE",
                },
            }
        ],
        "lines": [{"line_id": "a", "sku": "SKU-1", "quantity": 2, "amount": 2000}],
        "tenders": [{"method": "invoice", "amount": 2000}],
        "total": 2000,
        **changes,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def site_of(modules: Sequence[str], broker: str, database: str, home: Path) -> Iterator[Site]:
    """An installation in whose processes these modules run."""
    namespace = f"{home.name}x{os.getpid()}"  # of each module that asks for a site
    vault = urlsplit(database)._replace(path=f"/vault_{namespace}").geturl()
    settings = Settings(
        namespace=namespace,
        home=home,
        bootstrap=broker,
        database=database,
        vault=vault,
        partitions=2,
        intents_partitions=2,
        http_port=_free_port(),
        sandbox_port=0,
    )
    chosen = settings.model_dump(mode="json", exclude_none=True)
    environment = {**os.environ, **{f"OMS_{name.upper()}": str(value) for name, value in chosen.items()}}
    create_topics(settings)
    create_vault(vault)
    create_master_key(settings.master_key)
    create_console_token(settings)
    http = httpx.Client(
        base_url=f"http://127.0.0.1:{settings.http_port}",
        headers={"Authorization": f"Bearer {console_token(settings)}"},
        timeout=40,
        trust_env=False,
    )
    site = Site(settings, environment, {}, http)
    try:
        for module in modules:
            site.start(module)
        for module in modules:
            eventually(lambda module=module: site.running(module), START_SECONDS, f"{module} running")  # type: ignore[misc]
        yield site
    finally:
        for process in site.processes.values():
            process.terminate()
        codes = {module: process.wait(30) for module, process in site.processes.items()}
        http.close()
    assert set(codes.values()) == {0}, codes


@pytest.fixture(scope="module")
def site(broker: str, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_of(MODULES, broker, database, tmp_path_factory.mktemp("site")) as made:
        yield made


def _mails(site: Site) -> list[Path]:
    return sorted(site.settings.outbox.glob("*.eml"))


def test_an_order_by_http_is_placed_confirmed_and_told_to_the_customer_once(site: Site) -> None:
    received = site.receive("SKU-1", 10)
    assert received.status_code == 200, received.text
    assert received.json()["events"][0]["type"] == "StockReceived"
    level = eventually(lambda: site.get("/stock-items/SKU-1").get("levels"))[0]
    assert (level["location"], level["available"]) == ("dc-1", 10)
    eventually(lambda: sum(site.get("/stock-items/SKU-1")["followed"]["offsets"].values()) > 0)

    placed = site.placed("1001", total=2000)
    assert (placed["events"][0]["type"], placed["outcome"]) == ("OrderPlaced", "confirmed")
    eventually(lambda: site.status("1001") in {"confirmed", "in_fulfillment"}, because="the order confirmed")

    shown = site.get(placed["location"])
    assert shown["lines"][0]["quantity"] == 2
    assert sum(shown["followed"]["offsets"].values()) > 0
    assert shown["followed"]["topic"].endswith("order.events")
    assert site.get(f"/orders/{shown['number'].lower()}")["order_id"] == shown["order_id"]
    mail = message_from_bytes(eventually(lambda: _mails(site))[0].read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage)
    assert (mail["To"], mail["Subject"]) == ("ada@example.org", f"Your order {shown['number']} is confirmed")
    text = mail.get_body(("plain",))
    assert text is not None and "Hello Ada Lindqvist" in text.get_content()

    def told() -> bool:
        return "NoticeSent" in [event["what"] for event in site.get("/orders/1001/timeline")["events"]]

    eventually(told, because="the notice recorded")
    events = site.get("/orders/1001/timeline")["events"]
    assert events[0]["what"] == "OrderPlaced"
    assert events[0]["who"] == {"kind": "person", "subject": at_console(site.settings, Role.ADMIN).subject}
    assert "Ada" not in json.dumps(events)
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))
    sent = next(event for event in events if event["what"] == "NoticeSent")
    assert sent["who"] == {"kind": "worker", "subject": "notices"}
    assert site.get("/orders/1001")["notices"] == [{"notice": "1", "kind": "confirmed", "status": "sent"}]
    assert site.get(f"/payments/{shown['order_id']}")["authorized"] == 2000


def test_the_same_order_again_is_the_same_and_another_body_is_a_conflict(site: Site) -> None:
    first = site.placed("1002")
    again = site.post("/orders", order("1002"))
    assert again.status_code == 201
    assert again.json()["message_id"] == first["message_id"]
    other = site.post("/orders", order("1002", total=1))
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"
    assert "another body" in other.json()["title"]


def test_an_order_by_kafka_is_placed_and_nonsense_becomes_a_dead_letter(site: Site) -> None:
    nonsense: list[tuple[str, str | bytes | None]] = [("odd", b"\xff\xfe"), ("none", None)]
    site.publish(b'{"channel_account": "webshop-eu"', nonsense)
    site.publish(json.dumps(order("1003")).encode(), [])
    eventually(lambda: site.status("1003"), because="the order placed")
    reader = KafkaLog(site.settings.bootstrap).reader()
    reader.assign({(topics.dead_letters("order", site.settings.namespace), 0): 0})
    letters = eventually(lambda: reader.poll(10, 0.5)[0], because="the dead letter")
    reader.close()
    assert [letter.value for letter in letters] == [b'{"channel_account": "webshop-eu"']
    headers = dict(letters[0].headers)
    assert headers["original-odd"] == b"\xff\xfe"
    assert b"channel.orders" in headers["place"]
    assert b"JSON" in headers["reason"]


def test_an_order_waits_for_stock_and_is_cancelled_on_demand(site: Site) -> None:
    site.placed("1004", lines=[{"line_id": "a", "sku": "SKU-9", "quantity": 2, "amount": 2000}])
    eventually(lambda: site.status("1004") in {"backordered", "held"}, because="the order waits")
    tokens = Tokens(site.settings.tokens)
    anna = {"Authorization": f"Bearer {tokens.issue('anna', Kind.PERSON, frozenset({Role.CSR}))}"}
    wish = {"detail": "changed my mind"}
    cancelled = site.post("/orders/1004/cancel", wish, **anna, **{"X-On-Behalf-Of": "customer-17"})
    assert cancelled.status_code == 200, cancelled.text
    assert "OrderCancelled" in [event["type"] for event in cancelled.json()["events"]]
    by = {"kind": "person", "subject": "anna", "on_behalf_of": "customer-17"}

    def told() -> bool:
        return by in [event["who"] for event in site.get("/orders/1004/timeline")["events"]]

    eventually(told, because="the timeline naming who cancelled, and for whom")
    tokens.revoke("anna")
    assert site.post("/orders/1004/cancel", wish, **anna).status_code == 401
    eventually(lambda: site.status("1004") == "cancelled")
    again = site.post("/orders/1004/cancel", {})
    assert again.status_code == 409
    assert "already_cancelled" in again.json()["detail"]


def test_an_order_that_does_not_add_up_is_held_and_released_by_a_person(site: Site) -> None:
    placed = site.placed("1005", total=1990, tenders=[{"method": "invoice", "amount": 1990}])
    held = [event["hold"] for event in placed["events"] if event["type"] == "HoldPlaced"]
    assert held
    for hold in held:
        released = site.post(f"{placed['location']}/holds/{hold}/release", {"detail": "agreed by phone"})
        assert released.status_code == 200, released.text
    eventually(lambda: site.get("/orders/1005").get("due") == 1990)


def test_a_person_holds_one_line_while_the_other_leaves(site: Site) -> None:
    # given an order that a person keeps from going to its node
    for sku in ("SKU-HELD", "SKU-FREE"):
        site.receive(sku, 1)
    lines = [{"line_id": sku, "sku": sku, "quantity": 1, "amount": 1000} for sku in ("SKU-HELD", "SKU-FREE")]
    placed = site.placed("1007", lines=lines, total=1)
    here = placed["location"]
    assert site.post(f"{here}/holds", {"detail": "engraving", "lines": ["9"]}).status_code == 409
    held = site.post(f"{here}/holds", {"detail": "engraving", "lines": ["1"]})
    assert held.status_code == 200, held.text
    [own] = [event["hold"] for event in held.json()["events"]]
    for event in placed["events"]:
        if event["type"] == "HoldPlaced":
            site.post(f"{here}/holds/{event['hold']}/release", {})
    # then the other line leaves, and the order says which one waits
    eventually(lambda: site.get(here)["status"] == "in_fulfillment", because="the line that is not held at its node")
    waits = [wait["for"] for wait in site.get(f"{here}/why")["waits"]]
    assert f"somebody to look at hold {own} of line 1 (manual: engraving)" in waits
    assert site.get(here)["holds"] == [
        {"hold": own, "kind": "manual", "blocks": ["sourcing", "release"], "lines": ["1"]}
    ]
    # and once it is released, it follows
    assert site.post(f"{here}/holds/{own}/release", {"detail": "done"}).status_code == 200
    eventually(lambda: len(site.get(here)["fulfillment_orders"]) == 2, because="the held line at its node")


def test_an_order_says_what_it_waits_for_and_how_it_was(site: Site) -> None:
    # given an order that must be complete and waits for goods
    site.receive("SKU-WHY", 1)
    lines = [{"line_id": "a", "sku": "SKU-WHY", "quantity": 3, "amount": 2000}]
    groups = [{**group, "complete": True} for group in order("1006")["ship_groups"]]
    placed = site.placed("1006", lines=lines, ship_groups=groups)
    eventually(lambda: site.get("/orders/1006").get("confirmed"), because="the order confirmed")
    assert site.status("1006") == "backordered"
    # then it says so, with where the goods may arrive
    found = site.get("/orders/1006/why")
    assert "to arrive (no announced supply will bring them) since 20" in found["sentence"]
    assert found["waits"][0]["who"] == "goods received at dc-1 can serve it"
    # when the goods come, then it is shown as it was before, and as it is now
    then = site.get("/orders/1006")["changed_at"]
    site.receive("SKU-WHY", 5)
    eventually(lambda: site.status("1006") == "in_fulfillment", because="the order at its node")
    assert site.http.get("/orders/1006", params={"at": then}).json()["status"] == "backordered"
    assert site.get(placed["location"])["status"] != "backordered"
    # and so is what it waited for
    before = site.http.get("/orders/1006/why", params={"at": then}).json()
    assert "to arrive" in before["sentence"] and "to arrive" not in site.get("/orders/1006/why")["sentence"]
    assert site.http.get("/orders/1006/why", params={"at": "2020-01-01T00:00:00Z"}).status_code == 404
    # and before it was placed, or at no time at all, the answer says what to do
    assert site.http.get("/orders/1006", params={"at": "2020-01-01T00:00:00Z"}).status_code == 404
    assert "with its zone" in site.http.get("/orders/1006", params={"at": "yesterday"}).json()["detail"]
    assert site.get("/orders/no-such/why")["status"] == 404


def test_a_packed_order_has_a_label_to_scan_and_a_slip_that_names_its_goods(site: Site) -> None:
    # given an order that its node accepted, picked and packed
    site.receive("SKU-5", 2)
    site.placed(
        "5001", lines=[{"line_id": "a", "sku": "SKU-5", "description": "Teapot", "quantity": 2, "amount": 2000}]
    )
    work, node = site.work("5001")
    done = [{"line": "1", "sequence": work["sequence"], "quantity": 2}]
    packages = [{"number": 1, "contents": done, "weight_grams": 1800}]
    site.report(node, {"acceptance": {}, "pick": {"lines": done}, "pack": {"packages": packages}})
    # when its papers are asked for
    shipment = eventually(
        lambda: site.get("/orders/5001")["fulfillment_orders"][0]["shipment"], because="the shipment asked for"
    )
    package = f"/shipments/{shipment}/packages/1"
    eventually(lambda: site.http.get(f"{package}/label").status_code == 200, because="the label")
    label, slip = (site.http.get(f"{package}/{paper}").content for paper in ("label", "packing-slip"))
    # then a scanner reads the one, and people both
    ((symbology, data),), said, listed = scanned(label), text_of(label), text_of(slip)
    assert (symbology, data[:2]) == ("]C1", "00") and data[2:] in said
    assert {"acme", "Ada Lindqvist", "10115 Berlin"} <= set(said.splitlines())
    number = site.get("/orders/5001")["number"]
    assert number in said and number in listed
    assert "Teapot" in listed and "2 each" in listed


def test_a_node_keeps_a_unit_which_is_manifested_lost_and_settled(site: Site) -> None:
    # given picked work for three units, when the order is to be cancelled
    site.receive("SKU-9", 3)
    lines = [{"line_id": "a", "sku": "SKU-9", "quantity": 3, "amount": 3000}]
    site.placed("9001", lines=lines, total=3000, tenders=[{"method": "invoice", "amount": 3000}])
    work, node = site.work("9001")
    picked, kept = ({"line": "1", "sequence": work["sequence"], "quantity": units} for units in (3, 1))
    site.report(node, {"acceptance": {}, "pick": {"lines": [picked]}})
    assert site.post("/orders/9001/cancel", {}).status_code == 200
    # then the order waits for the node, which finds it on its list
    eventually(
        lambda: "dc-1 to say what it can still cancel" in site.get("/orders/9001/why")["sentence"],
        because="the wait for the node",
    )
    eventually(
        lambda: [one["id"] for one in site.get("/fulfillment-orders?cancel_asked=true")["fulfillment_orders"]],
        because="the request on the list",
    )
    # when it lets go of two, and packs the other, which waits for the van
    answer = {"lines": [{"line": "1", "sequence": work["sequence"], "granted": 2, "reason": "one is wrapped"}]}
    packages = [{"number": 1, "contents": [kept], "weight_grams": 900}]
    site.report(node, {"cancel-decision": answer, "pack": {"packages": packages}})
    van = {"carrier": "own-fleet", "location": "dc-1", "day": "2026-01-05", "time_zone": "Europe/Berlin"}
    shipment = eventually(
        lambda: site.get("/orders/9001")["fulfillment_orders"][0]["shipment"], because="the shipment asked for"
    )
    waiting = "/shipments?stage=labelled&location=dc-1"
    eventually(
        lambda: shipment in [one["id"] for one in site.get(waiting)["shipments"]], because="the label on the list"
    )
    assert site.post("/manifests", van).status_code == 200
    eventually(lambda: site.get(f"/shipments/{shipment}")["stage"] == "manifested", because="the shipment listed")
    site.report(node, {"hand-over": {}})
    # then that is paid for, and the two are back on the shelf
    eventually(lambda: site.status("9001") == "completed", because="the order completed")
    shown = site.get("/orders/9001")
    assert (shown["captured"], shown["lines"][0]["units"]) == (1000, {"cancelled": 2, "fulfilled": 1})
    eventually(lambda: site.get("/stock-items/SKU-9")["levels"][0]["available"] == 2, because="two put back")
    # when the carrier loses it, then the order desk has it until that is settled
    package = site.get(f"/shipments/{shipment}")["packages"][0]["package"]
    lost = {"carrier": "own-fleet", "event_id": "e1", "package": package, "status": "lost"}
    assert (
        site.post(f"/shipments/{shipment}/tracking", {**lost, "occurred_at": "2026-01-06T09:00:00Z"}).status_code == 200
    )
    found = eventually(lambda: site.get("/orders?astray=true")["orders"], because="the order on the list")
    assert [order["external_id"] for order in found] == ["9001"]
    eventually(lambda: "own-fleet lost it" in site.get("/orders/9001/why")["sentence"], because="why it is there")
    settled = {"detail": "it pays", "refund": True}
    assert site.post(f"/orders/9001/packages/{package}/settle", settled).status_code == 200
    eventually(lambda: site.get("/orders?astray=true")["orders"] == [], because="nothing astray")
    # and what was paid for it goes back, once
    eventually(lambda: site.get("/orders/9001")["refunded"] == 1000, because="the money back")
    assert site.get("/orders/9001")["credit"] == 0
    listed = eventually(lambda: site.get("/refunds?state=refunded")["refunds"], because="the refund on the list")
    assert [(one["number"], one["amount"], one["cause"]) for one in listed] == [(1, 1000, "lost")]
    more = {"cause": "missing", "lines": [{"line": "1", "quantity": 1}], "reason": "again"}
    assert site.post("/orders/9001/refunds", more).status_code == 409


def test_an_order_is_collected_at_a_counter_and_paid_when_it_was(site: Site) -> None:
    # given an order that a friend collects in the store, laid ready there
    site.receive("SKU-6", 2)
    counter = {"group": "1", "method": "pickup", "location": "dc-1", "pickup_person": {"name": "Ben Okri"}}
    lines = [{"line_id": "a", "sku": "SKU-6", "quantity": 2, "amount": 2000}]
    site.placed("6001", ship_groups=[counter], lines=lines)
    work, node = site.work("6001")
    assert site.get("/orders/6001")["ship_groups"] == [{"group": "1", "method": "pickup", "location": "dc-1"}]
    done = [{"line": "1", "sequence": work["sequence"], "quantity": 2}]
    site.report(node, {"acceptance": {}, "pick": {"lines": done}, "ready": {"shelf": "rack 7"}})
    # then it waits there for whoever may collect it, and the counter sees who that is
    said = eventually(
        lambda: [wait for wait in site.get("/orders/6001/why")["waits"] if "collected until" in wait["for"]],
        because="the order at the counter",
    )
    assert said[0]["for"].startswith("the customer (2 units wait at dc-1 to be collected until 20")
    eventually(lambda: site.get(node)["stage"] == "ready", because="the counter's list")
    assert site.get(f"{node}/pickup-person")["name"] == "Ben Okri"
    assert site.get(node)["shelf"] == "rack 7"
    # when he took it, then the order is paid and over, and the goods are gone
    site.report(node, {"collection": {"collected_by": "Ben Okri"}})
    eventually(lambda: site.status("6001") == "completed", because="the order completed")
    shown = site.get("/orders/6001")
    assert (shown["captured"], shown["lines"][0]["units"]) == (2000, {"fulfilled": 2})
    [taken] = eventually(lambda: site.get(f"/payments/{shown['order_id']}")["captures"], because="the money shown")
    assert (taken["fulfillment"], taken["amount"]) == (work["id"], 2000)

    def gone() -> bool:
        [level] = site.get("/stock-items/SKU-6")["levels"]
        return (level["on_hand"], level["picked"]) == (0, 0)

    eventually(gone, because="the goods gone from stock")
    assert "Ben" not in json.dumps([shown, site.get(node), site.get("/orders/6001/timeline")])


def test_a_till_sale_is_named_by_its_key_gone_at_once_and_paid_by_what_the_till_took(site: Site) -> None:
    # given a till that sends no number of its own, and sells more than the book has
    site.receive("SKU-8", 1)
    sold = {name: value for name, value in order("").items() if name != "external_id"} | {
        "ship_groups": [{"group": "till", "method": "carry_out", "location": "dc-1"}],
        "lines": [{"line_id": "1", "sku": "SKU-8", "quantity": 2, "amount": 2000}],
        "tenders": [{"method": "external", "amount": 2000, "state": "captured"}],
    }
    receipt = f"till-7-{uuid4().hex}"
    # when it sends the sale twice, since it did not hear the answer
    first, again = site.post("/orders", sold, receipt), site.post("/orders", sold, receipt)
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert first.json()["message_id"] == again.json()["message_id"]
    # then it is one order, called by that key, paid and over
    eventually(lambda: site.status(receipt) == "completed", because="the sale completed")
    shown = site.get(f"/orders/{receipt}")
    assert (shown["external_id"], shown["captured"], shown["fulfillment_orders"]) == (receipt, 2000, [])
    # and what it handed out is gone from stock, once, with a count asked for
    level = eventually(
        lambda: [one for one in site.get("/stock-items/SKU-8")["levels"] if not one["on_hand"]],
        because="the goods gone",
    )[0]
    assert (level["location"], level["available"]) == ("dc-1", 0)
    # received, handed out, a count asked for
    eventually(lambda: site.get("/stock-items/SKU-8")["version"] == 3, because="the count asked for")


def test_lists_go_page_by_page_and_problems_say_how_to_mend_them(site: Site) -> None:
    def everything() -> list[str]:
        found, cursor = [], ""
        while True:
            page = site.get(f"/orders?limit=2{cursor}")
            found += [one["external_id"] for one in page["orders"]]
            if "next" not in page:
                return found
            cursor = f"&after={page['next']}"

    placed = [site.placed(f"20{number}")["location"] for number in range(3)]
    eventually(lambda: {"200", "201", "202"} <= set(everything()))
    found = everything()
    assert len(found) == len(set(found))
    assert site.get(placed[0])["external_id"] == "200"
    for answer, status in (
        (site.http.get("/orders/none"), 404),
        (site.http.get("/nowhere"), 404),
        (site.http.post("/orders", json=order("1")), 400),
        (site.post("/orders", {"lines": []}), 422),
        (site.post("/orders", {"notes": "x" * 5_000_000}), 413),
        (site.post("/stock-items/SKU-1/receipts", {"location": "dc-1", "quantity": 0}), 422),
    ):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


def test_what_happened_to_an_order_is_on_the_list_of_every_service(site: Site) -> None:
    # given an order that its node has handed over
    site.receive("SKU-53", 5)
    site.placed("5301", lines=[{"line_id": "a", "sku": "SKU-53", "quantity": 2, "amount": 2000}])
    _, node = site.work("5301")
    contents = {"line": "1", "sequence": 0, "quantity": 2}
    site.report(
        node,
        {
            "acceptance": {},
            "pick": {"lines": [contents]},
            "pack": {"packages": [{"number": 1, "contents": [contents], "weight_grams": 900}]},
            "hand-over": {},
        },
    )
    identifier = site.get("/orders/5301")["order_id"]

    def listed(path: str, name: str) -> Any:
        return [row for row in site.get(path)[name] if row["order_id"] == identifier]

    def stands(path: str, name: str, stage: str) -> bool:
        return [row["stage"] for row in listed(path, name)] == [stage]

    # then each list has it, and says when it follows no further than it did
    for path, name, stage in (
        (f"/fulfillment-orders?order={identifier}&stage=handed_over", "fulfillment_orders", "handed_over"),
        (f"/shipments?order={identifier}&under_way=true", "shipments", "shipped"),
        ("/payments?stage=captured", "payments", "captured"),
        ("/orders?stage=confirmed&stage=completed", "orders", "completed"),
    ):
        eventually(partial(stands, path, name, stage), because=path)
        followed = site.get(path)["followed"]
        assert (followed["age_seconds"] < 60, sum(followed["offsets"].values()) > 0) == (True, True)
    (item,) = [item for item in site.get("/stock-items?location=dc-1")["stock_items"] if item["sku"] == "SKU-53"]
    assert item["levels"][0]["on_hand"] == 3
    assert site.get("/claims?sku=SKU-53")["claims"] == []


def test_who_saw_an_older_version_changes_nothing_and_is_told(site: Site) -> None:
    # given an order on hold that somebody saw, and that has changed since
    placed = site.placed("5101", ship_groups=[])["location"]
    seen = eventually(lambda: tagged(site.http.get(placed)), because="the order shown")
    assert site.post(f"{placed}/cancel", {}, **{"If-Match": '"1"'}).status_code == 412
    # when they cancel it as they saw it, also once more under the same key
    stale = [site.post(f"{placed}/cancel", {}, key="stale", **{"If-Match": seen}) for _ in range(2)]
    # then it is refused with the version that it has now, and with that it is done
    assert [answer.status_code for answer in stale] == [412, 412]
    assert stale[0].json()["title"] == "It has changed meanwhile"
    now = stale[1].headers["etag"]
    done = site.post(f"{placed}/cancel", {}, **{"If-Match": now})
    assert (done.status_code, done.json()["events"][0]["type"]) == (200, "OrderCancelled")


def tagged(answer: httpx.Response) -> str:
    """Its ETag; nothing as long as it has none."""
    return str(answer.headers.get("etag", ""))


def test_the_command_line_places_shows_lists_and_cancels(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)

    def oms(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == code, done.output
        return done.output

    received = json.loads(oms("stock", "receive", "SKU-7", "dc-1", "5", "--json"))
    assert received["events"][0]["type"] == "StockReceived"
    eventually(lambda: site.http.get("/stock-items/SKU-7").status_code == 200)
    assert json.loads(oms("stock", "show", "SKU-7", "--json"))["levels"][0]["available"] == 5
    assert "dc-1" in oms("stock", "show", "SKU-7")
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order("3001", ship_groups=[])))
    assert "OrderPlaced" in oms("order", "place", str(file))
    eventually(lambda: "3001" in [one["external_id"] for one in site.get("/orders")["orders"]])
    shown = oms("order", "show", "3001")
    assert "held" in shown
    assert "OrderPlaced" in shown
    assert "3001" in oms("order", "list")
    assert "order list --limit 1 --channel-account webshop-eu --after" in oms(
        "order", "list", "--limit", "1", "--channel-account", "webshop-eu"
    )
    eventually(lambda: "dc-1 5/5" in oms("stock", "list", "--location", "dc-1"))
    for group in ("fulfillment", "shipment", "payment", "item", "location"):
        assert "followed" in json.loads(oms(group, "list", "--json"))
        oms(group, "list")
    assert "`next`" in oms("stock", "claims", "--after", "nonsense", code=12)
    assert "OrderCancelled" in oms("order", "cancel", "3001", "--detail", "a mistake")
    assert "No order is called" in oms("order", "show", "nobody", code=12)
    assert "is not JSON" in oms("order", "place", __file__, code=12)


def test_a_customer_is_forgotten_by_name_and_the_others_stay(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    site.placed("4001")
    eventually(lambda: site.http.get("/orders/4001").status_code == 200)

    def keys() -> dict[str, str]:
        told = CliRunner().invoke(app, ["customer", "list", "4001", "--json"])
        assert told.exit_code == 0, told.output
        return {person["subject"]: person["key"] for person in json.loads(told.output)}

    buyer, *others = before = keys()
    assert others
    assert set(before.values()) == {"readable"}

    assert CliRunner().invoke(app, ["customer", "forget", buyer], input="n\n").exit_code == 1
    assert keys() == before
    assert CliRunner().invoke(app, ["customer", "forget", buyer, "--yes"]).exit_code == 0
    assert keys() == {**before, buyer: "forgotten"}


@pytest.mark.parametrize("point", ["notices.before_act", "notices.after_act", "notices.after_record"])
def test_a_worker_killed_at_any_point_tells_the_customer_once(site: Site, point: str) -> None:
    site.receive("SKU-1", 10)
    site.processes["oms.workers"].send_signal(signal.SIGTERM)
    assert site.processes["oms.workers"].wait(30) == 0
    name = f"kill-{point}"
    site.placed(name)
    eventually(lambda: site.get(f"/orders/{name}").get("confirmed"), because="the order confirmed")
    site.start("oms.workers", f"{point}:1:kill9")
    assert site.processes["oms.workers"].wait(60) == -signal.SIGKILL
    site.start("oms.workers")
    eventually(lambda: site.running("oms.workers"), 60, "the worker running")

    def recorded() -> int:
        return [event["what"] for event in site.get(f"/orders/{name}/timeline")["events"]].count("NoticeSent")

    assert eventually(recorded, 60, "the notice recorded") == 1
    number = site.get(f"/orders/{name}")["number"].encode()
    assert [number in mail.read_bytes() for mail in _mails(site)].count(True) == 1
