"""The process that tells channels, on a real broker and database: killed at its fault points, stopped, started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from chassis.kafka import KafkaLog, partition_of
from chassis.log import NewRecord, Record
from chassis.settings import Settings
from contracts import topics
from contracts.channel import ChannelAvailability, ChannelUpdate
from contracts.envelope import Envelope, root_traceparent
from contracts.ids import aggregate_id, door_message_id, stream
from contracts.inventory import Level, StockReceived
from contracts.message import Event
from contracts.money import Money
from contracts.order import OrderCompleted, OrderConfirmed
from oms.preparing import create_topics
from services.order.tests.test_channel_updates import NOON, placed
from tests.waiting import eventually

ORDERS = 40
CENT = Money(amount=1, currency="EUR")
LIFE = ("accepted", "confirmed", "completed")


@dataclass
class Place:
    """An installation without services: its topics, their past, and the one process, of a module."""

    settings: Settings
    log: KafkaLog
    module: str = "oms.channels"
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def _name(self) -> str:
        return self.module.rpartition(".")[2]

    @property
    def _output(self) -> Path:
        return self.settings.home / f"{self._name}.log"

    def start(self, fault: str = "") -> subprocess.Popen[bytes]:
        chosen = self.settings.model_dump(mode="json", exclude_none=True)
        environment = {**os.environ, **{f"OMS_{name.upper()}": str(value) for name, value in chosen.items()}}
        output = self._output.open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            env={**environment, "OMS_FAULT": fault},
            stdout=output,
            stderr=output,
        )
        self.processes.append(process)
        if not fault:
            eventually(lambda: self.runs(process), 60, "the process running")
        return process

    def runs(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self._output.read_text()[-3000:]
        try:
            place = json.loads((self.settings.run_folder / f"{self._name}.json").read_text())
            health = httpx.get(place["address"], trust_env=False).json()
        except (OSError, ValueError, httpx.HTTPError):
            return False
        return bool(health["state"] == "running" and health["pid"] == process.pid)

    def happened(self, service: str, lives: Mapping[str, Sequence[Event]]) -> None:
        """These streams had these lives, in one transaction."""
        producer = self.log.producer(f"{self.settings.namespace}-past")
        producer.begin()
        for name, events in lives.items():
            numbered = enumerate(events, start=1)
            producer.send([self._record(service, name, version, event) for version, event in numbered])
        producer.flush()
        producer.commit()
        producer.close()

    def orders(self, first: int) -> None:
        """So many orders were placed, confirmed and completed, from this external id on."""
        lives = {}
        for external_id in map(str, range(first, first + ORDERS)):
            order = placed().model_copy(update={"external_id": external_id})
            name = stream("order", aggregate_id("default", "order", "webshop-eu", external_id))
            lives[name] = (order, OrderConfirmed(amount=CENT), OrderCompleted(captured=CENT))
        self.happened("order", lives)

    def _record(self, service: str, name: str, version: int, event: Event) -> NewRecord:
        identifier = door_message_id("default", "past", name, str(version))
        envelope = Envelope(
            id=identifier,
            type=event.TYPE,
            source=f"/{service}",
            time=NOON,
            subject=name,
            tenant="default",
            correlation_id=name,
            causation_id=identifier,
            traceparent=root_traceparent(identifier),
            sequence=version,
        )
        topic = topics.events(service, self.settings.namespace)
        key = name.encode()
        return NewRecord(topic, partition_of(key, self.settings.partitions), key, event.encode(), envelope.headers())

    def heard(self, topic: str) -> list[Record]:
        """Everything in a topic up to its end, each partition in its order."""
        full = topics.named(topic, self.settings.namespace)
        ends = {(full, number): self.log.bounds(full, number)[1] for number in range(self.settings.partitions)}
        reader, records, read = self.log.reader(), list[Record](), dict.fromkeys(ends, 0)
        reader.assign(read)
        while any(read[where] < end for where, end in ends.items()):
            found, moved = reader.poll(1_000, 0.5)
            records += found
            read.update(moved)
        reader.close()
        return records

    def lives(self) -> dict[str, tuple[str, ...]]:
        """What each order heard, each message once, in the order in which it was first said."""
        said: dict[str, dict[str, str]] = defaultdict(dict)
        for record in self.heard(topics.CHANNEL_UPDATES):
            update = ChannelUpdate.decode(record.value or b"")
            said[update.external_id].setdefault(Envelope.parse(record.headers).id, update.kind.value)
        return {order: tuple(kinds.values()) for order, kinds in said.items()}


@pytest.fixture
def place(broker: str, database: str, namespace: str, tmp_path: Path) -> Iterator[Place]:
    settings = Settings(
        namespace=namespace,
        home=tmp_path,
        bootstrap=broker,
        database=database,
        vault=urlsplit(database)._replace(path="/vault").geturl(),
        partitions=2,
        intents_partitions=1,
    )
    create_topics(settings)
    made = Place(settings, KafkaLog(broker))
    yield made
    for process in made.processes:
        process.kill()
        process.wait(30)


def _received(sku: str, available: int) -> StockReceived:
    level = {**dict.fromkeys(Level.model_fields, 0), "location": "berlin", "available": available}
    return StockReceived.model_validate(
        {
            "sku": sku,
            "location": "berlin",
            "quantity": 1,
            "unit": "each",
            "status": "sellable",
            "movements": [],
            "levels": [level],
        }
    )


pytestmark = pytest.mark.timeout(300)

POINTS = ("updates.before_write", "updates.after_write", "projection.committed")


def test_killed_at_any_point_it_says_everything_and_each_thing_under_one_id(place: Place) -> None:
    for number, point in enumerate(POINTS):
        place.orders(first=1_000 * number)
        assert place.start(f"{point}:1:kill9").wait(60) == -signal.SIGKILL
    place.start()
    eventually(lambda: len(place.lives()) == ORDERS * len(POINTS), 60, "every order heard of")
    eventually(lambda: set(place.lives().values()) == {LIFE}, 30, "the last word of each")
    meant = defaultdict(set)
    for record in place.heard(topics.CHANNEL_UPDATES):
        meant[Envelope.parse(record.headers).id].add((record.partition, record.key, record.value))
    assert len(meant) == len(LIFE) * ORDERS * len(POINTS)
    assert {len(each) for each in meant.values()} == {1}


def test_stopped_and_started_again_it_says_nothing_twice_and_what_may_be_sold_once(place: Place) -> None:
    place.orders(first=1)
    place.happened("inventory", {stream("stock_item", "s1"): (_received("SKU-1", 9), _received("SKU-1", 4))})
    for _ in range(2):
        process = place.start()
        eventually(lambda: list(place.lives().values()) == [LIFE] * ORDERS, 60, "all of it said")
        told = eventually(lambda: place.heard(topics.CHANNEL_AVAILABILITY), 30, "what may be sold")
        assert [ChannelAvailability.decode(record.value or b"").available for record in told] == [4]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert len(place.heard(topics.CHANNEL_UPDATES)) == len(LIFE) * ORDERS
