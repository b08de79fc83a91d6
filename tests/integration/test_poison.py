"""The whole corpus on a real broker: each undecodable is one dead letter with its bytes, odd values are held orders, the
partitions go on; and what waits is edited, tried again and given up over HTTP."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from chassis.kafka import KafkaLog
from chassis.letter import settlement_of
from chassis.log import Record
from contracts import topics
from oms.main import app
from tests.integration.test_doors import Site, site_of
from tests.poison import ODD_ORDERS, POISON, good_order
from tests.poison.inboxes import inbox_poison
from tests.waiting import eventually

MODULES = ("services.order", "services.inventory", "oms.doors")
PARTITIONS = 2


@pytest.fixture
def site(broker: str, database: str, tmp_path: Path) -> Iterator[Site]:
    with site_of(MODULES, broker, database, tmp_path / f"poison{time.monotonic_ns()}") as made:
        yield made


class Sender:
    """Writes to topics as anybody can."""

    def __init__(self, site: Site) -> None:
        self._namespace = site.settings.namespace
        self._producer = Producer({"bootstrap.servers": site.settings.bootstrap, "message.max.bytes": 10_000_000})

    def write(self, topic: str, key: bytes | None, value: bytes | None, headers: Any, **more: Any) -> None:
        named = topics.named(topic, self._namespace)
        self._producer.produce(named, key=key, value=value, headers=list(headers), **more)
        self._producer.poll(0)

    def all_sent(self) -> None:
        assert self._producer.flush(30) == 0


def dead_letters(site: Site) -> list[Record]:
    reader = KafkaLog(site.settings.bootstrap).reader()
    reader.assign({(topics.dead_letters("order", site.settings.namespace), 0): 0})
    found: list[Record] = []
    while records := reader.poll(1_000, 2.0)[0]:
        found += records
    reader.close()
    return [record for record in found if settlement_of(record.headers) is None]


def counts(site: Site) -> dict[str, int]:
    return dict(site.get("/dead-letters/counts")["services"]["order"])


def named(site: Site, **asked: str) -> list[str]:
    page = site.http.get("/dead-letters", params={"limit": 200, **asked}).json()
    return [row["name"] for row in page["dead_letters"]]


def test_the_corpus_stops_nothing_and_what_waits_is_settled_by_hand(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given the corpus at the door of channels and in the inbox of orders, and good orders behind it
    sender, inbox = Sender(site), inbox_poison("order", PARTITIONS)
    for poison in POISON:
        sender.write("channel.orders", poison.key, poison.value, poison.headers)
    for odd in ODD_ORDERS:
        sender.write("channel.orders", odd.key, odd.value, ())
    for foul in inbox:
        sender.write("order.inbox", foul.key, foul.value, foul.headers, partition=foul.partition)
    for number in range(PARTITIONS):
        sender.write("channel.orders", b"k", good_order(f"good {number}"), (), partition=number)
    sender.all_sent()
    dead = [(p.key or b"", p.value or b"") for p in POISON]
    dead += [(p.key or b"", p.value or b"") for p in inbox if p.becomes == "dead"]
    parked = sum(p.becomes == "parked" for p in inbox)
    # then the good ones are orders, those with odd values are held, and everything else waits for a person
    for number in range(PARTITIONS):
        eventually(lambda number=number: site.status(f"good {number}"), because="a good order placed")  # type: ignore[misc]
    for odd in ODD_ORDERS:
        eventually(lambda odd=odd: site.status(odd.external_id) == "held", because=odd.name)  # type: ignore[misc]
    eventually(lambda: counts(site)["parked_messages"] == parked, because="parked")
    eventually(lambda: counts(site)["dead_letters"] == len(dead), because="dead letters")
    letters = dead_letters(site)
    assert Counter((letter.key or b"", letter.value or b"") for letter in letters) == Counter(dead)
    heads = [dict(reversed(letter.headers)) for letter in letters]
    assert len({head["place"] for head in heads}) == len(dead)
    assert all(head["reason"] for head in heads)
    assert counts(site)["parked_streams"] == parked
    # when what a channel cut short is mended, one is tried again in vain, and one is given up
    order = json.loads(good_order("mended"))
    first, second, third, *_ = named(site, state="dead", reason="JSON")
    edited = site.post(f"/dead-letters/{first}/edit", {"value": order, "reason": "cut short"})
    assert edited.status_code == 200, edited.text
    again = site.post(f"/dead-letters/{second}/redrive", {"reason": "a try"})
    assert again.status_code == 200, again.text
    given_up = site.post(f"/dead-letters/{third}/discard", {"reason": "a test of theirs"})
    assert given_up.status_code == 200, given_up.text
    # then the one is an order, the other waits again under another name, and the third waits no more
    eventually(lambda: site.status("mended"), because="the mended order placed")
    eventually(lambda: counts(site)["dead_letters"] == len(dead) - 2, because="two that wait no more")
    assert not {first, second, third} & set(named(site, state="dead"))
    # when of what is parked one is edited and one given up
    here, there, *_ = named(site, state="parked")
    took = site.post(f"/dead-letters/{here}/edit", {"value": {"detail": "so"}, "reason": "it was no JSON"})
    assert took.status_code == 200, took.text
    assert [event["type"] for event in took.json()["events"]] == ["MessageEdited", "MessageRedriven"]
    gone = site.post(f"/dead-letters/{there}/discard", {"reason": "nobody wants it"})
    assert [event["type"] for event in gone.json()["events"]] == ["MessageDiscarded"]
    eventually(lambda: counts(site)["parked_messages"] == parked - 2, because="two that are parked no more")
    # then the health answer of the doors counts what is left, and a rebuild comes to the same list
    place = site.settings.run_folder / "doors.json"

    def told() -> bool:
        said = site.http.get(json.loads(place.read_text())["address"]).json()
        return bool(said.get("letters", {}).get("order", {}).get("parked_messages") == parked - 2)

    eventually(told, because="the health answer")
    for name, value in site.environment.items():
        if name.startswith("OMS_"):
            monkeypatch.setenv(name, value)
    rebuilt = CliRunner().invoke(app, ["rebuild", "order"])
    assert rebuilt.exit_code == 0, rebuilt.output
