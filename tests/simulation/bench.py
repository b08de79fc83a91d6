"""One loop of a small service over the log in memory, step by step, by a clock that only the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from chassis.decider import StreamKind
from chassis.inbox import Routes
from chassis.kafka import partition_of
from chassis.log import NewRecord, Record
from chassis.loop import Limits, Loop
from chassis.memory import MemoryLog
from chassis.memory_store import MemoryStore
from chassis.service import FetchNothing, Loader, Service
from contracts import topics
from contracts.envelope import Envelope, Headers, root_traceparent
from contracts.ids import aggregate_id, door_message_id, stream
from contracts.message import CATALOGUE, Command, Message
from tests.small.venue import HALL

PARTITIONS = 2
ROUTES = Routes(partition_of, {"venue": PARTITIONS, "box_office": PARTITIONS}, 2)
LIMITS = Limits(deadline_scan=0.1, deadline_again=1_000, stuck_retry=30)
STEP = timedelta(milliseconds=200)


def in_partition(number: int, kind: str = "hall") -> str:
    """A stream that belongs to this partition."""
    names = (stream(kind, aggregate_id("default", kind, str(n))) for n in range(1_000))
    return next(name for name in names if partition_of(name.encode(), PARTITIONS) == number)


class Bench:
    """The topics of both small services, and one process of one of them: `loop`, once started."""

    def __init__(self, service: str = "venue", log: type[MemoryLog] = MemoryLog) -> None:
        self.now = datetime(2026, 1, 5, 8, tzinfo=UTC)
        self.log, self.store = log(lambda: self.now), MemoryStore()
        self.service = service
        self._incarnations = count(1)
        for name in ROUTES.inbox_partitions:
            self.log.create_service_topics(name, partitions=PARTITIONS, intents_partitions=2)
        self._door = MemoryLog.producer(self.log, "door")

    def start(self, kind: StreamKind = HALL, limits: Limits = LIMITS, loader: Loader | None = None) -> Loop:
        """A new process in the place of the one before, which is gone without a word."""
        self.now += timedelta(minutes=1)  # out of its group
        self.loop = Loop(
            Service(self.service, (kind,), intents=True),
            self.log,
            self.store,
            loader or FetchNothing(),
            ROUTES,
            f"{self.service}-0",
            clock=lambda: self.now,
            incarnation=lambda: f"incarnation-{next(self._incarnations)}",
            limits=limits,
        )
        return self.loop

    def run(self, steps: int = 10) -> None:
        for _ in range(steps):
            self.now += STEP
            self.loop.step(0)

    def envelope(self, target: str, command: Command, key: str, source: str = "/door/test") -> Envelope:
        """The envelope of a message, from a door unless it says otherwise."""
        identifier = door_message_id("default", "test", key)
        return Envelope(
            id=identifier,
            type=command.TYPE,
            source=source,
            time=self.now,
            subject=target,
            tenant="default",
            correlation_id=target,
            causation_id=identifier,
            traceparent=root_traceparent(identifier),
        )

    def send(self, target: str, command: Command, key: str, **changes: Any) -> None:
        """Put a command into the inbox as a door does; `changes` of its envelope."""
        envelope = self.envelope(target, command, key)._replace(**changes)
        self.write(target.encode(), command.encode(), envelope)

    def write(
        self, key: bytes, value: bytes, envelope: Envelope, partition: int | None = None, also: Headers = ()
    ) -> None:
        """Put a record into the inbox, whether or not anybody could read it; `also`: headers behind those of ours."""
        number = partition_of(key, PARTITIONS) if partition is None else partition
        headers = (*envelope.headers(), *also)
        self._door.begin()
        self._door.send([NewRecord(topics.inbox(self.service), number, key, value, headers)])
        self._door.commit()

    def records(self, topic: str) -> list[Record]:
        """Everything committed in a topic, partition by partition."""
        numbers = range(self.log.partitions(topic))
        return [record for number in numbers for record in self.log.read((topic, number), 0, 1_000_000)[0]]

    def messages(self, topic: str) -> list[tuple[str, Message]]:
        """Stream and message of everything committed in a topic."""
        return [
            ((record.key or b"").decode(), CATALOGUE[Envelope.parse(record.headers).type].decode(record.value or b""))
            for record in self.records(topic)
        ]

    def events(self, of: str) -> list[Message]:
        """What happened in a stream."""
        return [event for name, event in self.messages(topics.events(self.service)) if name == of]

    def dead_letters(self) -> list[dict[str, bytes]]:
        """The headers of each dead letter."""
        return [dict(record.headers) for record in self.records(topics.dead_letters(self.service))]
