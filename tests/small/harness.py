"""A world of the two small services on a real broker and database: topics, processes, a door, and eyes on the log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition

from chassis.kafka import KafkaLog, partition_of
from chassis.log import Record
from chassis.service import Service
from contracts import topics
from contracts.envelope import Actor, Envelope, root_traceparent
from contracts.ids import aggregate_id, door_message_id, stream
from contracts.message import CATALOGUE, Command, Message, to_milliseconds
from tests.small.box_office import BOOKING, Book
from tests.small.tally import Tally
from tests.small.venue import HALL, OpenHall
from tests.waiting import eventually

PARTITIONS = 4
PATIENCE_MS = 3_600_000
"""Longer than any test: a booking whose answer was lost stays open, and no deadline hides the loss."""

SERVICES = {
    "venue": Service("venue", (HALL,), projections=(Tally(),)),
    "box_office": Service("box_office", (BOOKING,), intents=True, projections=(Tally(),)),
}
_worlds = count(1)


@dataclass
class World:
    """One namespace with both services; `end` ends every process that it started."""

    bootstrap: str
    database: str
    folder: Path
    namespace: str = field(default_factory=lambda: f"w{os.getpid()}x{next(_worlds)}")
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    cached_streams: int = 1_000
    unfollowed_offsets: int = 50_000

    def __post_init__(self) -> None:
        self.kafka = KafkaLog(self.bootstrap)
        self._producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True})
        for service in SERVICES.values():
            intents = 2 if service.intents else None
            self.kafka.create_service_topics(
                service.name, partitions=PARTITIONS, namespace=self.namespace, intents_partitions=intents
            )

    # -- processes

    def start(
        self, service: str, name: str | None = None, fault: str = "", *, mended: bool = False, waits: bool = True
    ) -> subprocess.Popen[bytes]:
        """Start one process; unless it has a fault to die of, wait until its health says that it runs.

        `mended`: a release in which the venue's handler has lost its bug.
        """
        name = name or service
        log = (self.folder / f"{name}.log").open("ab")
        arguments = [service, self.namespace, self.bootstrap, self.database, str(self.folder), name]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.small", *arguments, str(self.cached_streams), str(self.unfollowed_offsets)],
            stdout=log,
            stderr=log,
            env={**os.environ, "OMS_FAULT": fault, "SMALL_MENDED": "yes" if mended else ""},
        )
        self.processes[name] = process
        if waits and not fault:
            eventually(lambda: self.health(name).get("state") == "running", because=f"{name} running")
        return process

    def health(self, name: str) -> dict[str, Any]:
        place = self.folder / f"{name}.json"
        try:
            address = json.loads(place.read_text())["address"]
            with urlopen(address, timeout=2) as answer:
                return dict(json.load(answer))
        except (OSError, ValueError):
            return {}

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal that ends the process, and wait for its end; its exit code."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(30)

    def end(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(30)
        self.processes.clear()

    # -- the door

    def hall(self, name: str) -> str:
        return stream("hall", aggregate_id("default", "hall", name))

    def booking(self, name: str) -> str:
        return stream("booking", aggregate_id("default", "booking", name))

    def send(self, service: str, target: str, command: Command, key: str, source: str = "/door/test") -> str:
        """Put a command into an inbox as a door does; its id."""
        identifier = door_message_id("default", "test", key)
        envelope = Envelope(
            id=identifier,
            type=command.TYPE,
            source=source,
            time=to_milliseconds(datetime.now(UTC)),
            subject=target,
            tenant="default",
            correlation_id=target,
            causation_id=identifier,
            traceparent=root_traceparent(identifier),
            actor=Actor(kind="person", subject="tester"),
        )
        self.write(topics.inbox(service, self.namespace), target.encode(), command.encode(), envelope)
        return identifier

    def write(self, topic: str, key: bytes, value: bytes, envelope: Envelope | None, partition: int = -1) -> None:
        headers: list[tuple[str, str | bytes | None]] = [] if envelope is None else list(envelope.headers())
        number = partition_of(key, PARTITIONS) if partition < 0 else partition
        self._producer.produce(topic, value=value, key=key, partition=number, headers=headers)
        self._producer.poll(0)

    def write_raw(self, topic: str, key: bytes, value: bytes, headers: Mapping[str, bytes], partition: int) -> None:
        """Put a record where and as it is said, whether or not anybody could read it."""
        self._producer.produce(topic, value=value, key=key, partition=partition, headers=dict(headers))
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(30) == 0

    def open_hall(self, name: str, seats: int) -> str:
        self.send("venue", self.hall(name), OpenHall(seats=seats), f"open {name}")
        self.flush()
        return self.hall(name)

    def book(self, name: str, hall: str, seats: int = 1, patience_ms: int = PATIENCE_MS) -> None:
        command = Book(name=name, hall=hall, seats=seats, patience_ms=patience_ms)
        self.send("box_office", self.booking(name), command, f"book {name}")

    # -- eyes

    def declared(self, service: str) -> Service:
        """The service as its processes declare it, in this world's namespace."""
        return replace(SERVICES[service], namespace=self.namespace)

    def records(self, topic: str) -> list[Record]:
        """Everything committed in a topic, partition by partition."""
        reader = self.kafka.reader()
        name = topics.named(topic, self.namespace)
        count = self.kafka.partitions(name)
        ends = {(name, number): self.kafka.bounds(name, number)[1] for number in range(count)}
        found: list[Record] = []
        reader.assign(dict.fromkeys(ends, 0))
        positions = dict.fromkeys(ends, 0)

        def done() -> bool:
            records, moved = reader.poll(10_000, 0.2)
            found.extend(records)
            positions.update(moved)
            return all(positions[where] >= end for where, end in ends.items())

        try:
            eventually(done, 60, f"reading {topic} to its end")
        finally:
            reader.close()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def messages(self, topic: str) -> list[tuple[str, Message]]:
        """Stream and message of everything committed in a topic."""
        return [
            ((record.key or b"").decode(), CATALOGUE[Envelope.parse(record.headers).type].decode(record.value or b""))
            for record in self.records(topic)
        ]

    def events(self, service: str, kind: type[Message]) -> list[str]:
        """The streams in which an event of this type happened, one entry an event."""
        return [name for name, message in self.messages(f"{service}.events") if isinstance(message, kind)]

    def quiet(self, services: Sequence[str] = tuple(SERVICES)) -> bool:
        """Whether everything sent was handled and followed: each group is at the end of its inbox."""
        return all(self._at_end(service) for service in services)

    def _at_end(self, service: str) -> bool:
        inbox = topics.inbox(service, self.namespace)
        group = topics.named(service, self.namespace)
        positions = self.kafka.positions(group, inbox)
        reader_ends = {number: self.kafka.bounds(inbox, number)[1] for number in range(PARTITIONS)}
        return all(self._reached(inbox, number, positions.get(number, 0), end) for number, end in reader_ends.items())

    def _reached(self, inbox: str, number: int, position: int, end: int) -> bool:
        """Whether nothing but commit markers lies between a position and the end."""
        if position >= end:
            return True
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "eyes",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        consumer.assign([TopicPartition(inbox, number, position)])
        try:
            message = eventually(lambda: consumer.poll(0.5), because="the broker's answer")
            return message is not None and message.error() is not None
        finally:
            consumer.close()

    def table(self, service: str, name: str) -> list[tuple[Any, ...]]:
        schema = f"{self.namespace}_{service}"
        with psycopg.connect(self.database) as connection:
            return connection.execute(f"select * from {schema}.{name} order by 1, 2").fetchall()
