"""The simulated world with its log written down: what the loop would have written, by the chassis's own chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from chassis.chain import GENESIS, Draft, finish
from chassis.handling import handle
from chassis.kafka import partition_of
from chassis.log import Record
from chassis.stream import fresh
from chassis.taking import Emitted, Handling, Incoming
from contracts import topics
from contracts.chassis import DeadlinePassed
from contracts.envelope import Envelope, replace_reply
from contracts.ids import deadline_id
from contracts.message import CATALOGUE, Event, format_instant
from oms.verify.records import Partition
from tests.simulation import world as simulated
from tests.simulation.world import World
from tests.verify.installations import MemoryBroker
from tests.verify.logs import MemorySource

__all__ = ["PARTITIONS", "recorded", "recording"]

PARTITIONS = 2
INTENTS_PARTITIONS = 3
MS_A_SECOND = 1_000


def recorded(world: World, log: MemorySource) -> None:
    """From now on everything that happens in a world, in which nothing has happened yet, is written to `log`."""
    _Recorder(world, log)


@contextmanager
def recording() -> Iterator[list[MemoryBroker]]:
    """The logs of all worlds that are made meanwhile."""
    logs: list[MemoryBroker] = []
    original = World.__init__

    def made(self: World, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        logs.append(MemoryBroker())
        recorded(self, logs[-1])

    World.__init__ = made  # type: ignore[method-assign]
    try:
        yield logs
    finally:
        World.__init__ = original  # type: ignore[method-assign]


class _Recorder:
    """Stands between a world and its queues: each handling is a transaction of its service."""

    def __init__(self, world: World, log: MemorySource) -> None:
        self.log = log
        self._world = world
        self._queue: Callable[[Any], None] = world._enqueue
        self._places: dict[int, tuple[int, int]] = {}
        self._causes: dict[str, str] = {}
        self._heads: dict[str, dict[int, str]] = {}
        self._numbers: dict[str, int] = dict.fromkeys(topics.SERVICES, 0)
        for service in topics.SERVICES:
            self._heads[service] = dict.fromkeys(range(PARTITIONS), GENESIS)
            for number in range(PARTITIONS):
                self.log.logs[Partition(topics.inbox(service), number)] = []
                self.log.logs[Partition(topics.events(service), number)] = []
            self.log.logs[Partition(topics.dead_letters(service), 0)] = []
        vars(world).update(_enqueue=self._come_in, _deliver=self._deliver)

    def _come_in(self, letter: Any) -> None:
        """What comes in from outside is written as a door writes it, what time brings as the loop does."""
        message = CATALOGUE[letter.envelope.type].decode(letter.value)
        if isinstance(message, DeadlinePassed):
            self._write(letter.service, [(self._passed(letter, message), letter)])
            return
        envelope = letter.envelope._replace(source="/door/spec", causation_id=letter.envelope.id)
        partition = partition_of(letter.stream.encode(), PARTITIONS)
        where = Partition(topics.inbox(letter.service), partition)
        offset = self.log.append(where, letter.stream.encode(), letter.value, envelope.headers(), self._now_ms())
        self._send(replace(letter, envelope=envelope), partition, offset)

    def _now_ms(self) -> int:
        """What the broker's clock says: there is one clock."""
        return int(self._world.now.timestamp() * MS_A_SECOND)

    def _send(self, letter: Any, partition: int, offset: int) -> None:
        self._queue(letter)
        self._places[self._world._sent] = (partition, offset)

    def _passed(self, letter: Any, message: DeadlinePassed) -> Draft:
        envelope = letter.envelope._replace(
            id=deadline_id(letter.stream, message.name, format_instant(message.due)),
            source=f"/{letter.service}",
            causation_id=self._causes[letter.stream],
        )
        return self._draft(letter.service, letter.stream, letter.value, envelope)

    @staticmethod
    def _draft(service: str, stream: str, value: bytes, envelope: Envelope, original: Draft | None = None) -> Draft:
        key = stream.encode()
        return Draft(topics.inbox(service), partition_of(key, PARTITIONS), key, value, envelope, original=original)

    def _write(self, service: str, drafts: Sequence[tuple[Draft, Any]]) -> None:
        """One transaction of a service. Beside a draft stands the letter that it is, if it is one."""
        if not drafts:
            return
        self._numbers[service] += 1
        transaction = f"{service}-incarnation.{self._numbers[service]}"
        records = finish([draft for draft, _ in drafts], transaction, self._heads[service])
        for record, (draft, letter) in zip(records, drafts, strict=True):
            where = Partition(record.topic, record.partition)
            offset = self.log.append(where, record.key, record.value, record.headers, self._now_ms())
            if letter is not None:
                assert draft.envelope is not None
                self._send(replace(letter, envelope=draft.envelope), record.partition, offset)

    def _deliver(self, letter: Any) -> None:
        world = self._world
        kind, key = world.kind(letter.service, letter.stream), (letter.service, letter.stream)
        before = world.streams.get(key) or fresh(kind, letter.stream)
        partition, offset = self._places.pop(letter.number)
        inbox = topics.inbox(letter.service)
        headers = letter.envelope.headers()
        record = Record(inbox, partition, offset, world.now, letter.stream.encode(), letter.value, headers)
        handling = handle(letter.service, kind, before, Incoming(record, letter.envelope), world._known)
        world.streams[key] = handling.stream
        if handling.events:
            self._causes[letter.stream] = handling.events[-1].envelope.id
        happened = []
        for emitted in handling.events:
            event = CATALOGUE[emitted.envelope.type].decode(emitted.value)
            assert isinstance(event, Event)
            world._happened(letter.service, letter.stream, emitted.envelope, event)
            happened.append(event)
        self._write(letter.service, self._drafts(letter, partition, handling))
        world.handled.append(simulated.Handled(letter, kind, before, handling.stream, tuple(happened), handling.sends))

    def _drafts(self, letter: Any, partition: int, handling: Handling) -> list[tuple[Draft, Any]]:
        drafts: list[tuple[Draft, Any]] = []
        for event in handling.events:
            key = letter.stream.encode()
            events = topics.events(letter.service)
            written = Draft(events, partition, key, event.value, event.envelope, chained=True)
            drafts.append((written, None))
            drafts += [self._answer(event, written, answer) for answer in event.answers]
            if event.intent:
                number = partition_of(key, INTENTS_PARTITIONS)
                intents = topics.intents(letter.service)
                drafts.append((Draft(intents, number, key, event.value, event.envelope, original=written), None))
        for sent in handling.sends:
            draft = self._draft(sent.service, sent.stream, sent.value, sent.envelope)
            drafts.append((draft, simulated.Letter(sent.service, sent.stream, sent.envelope, sent.value)))
        return drafts

    def _answer(self, event: Emitted, written: Draft, to: str) -> tuple[Draft, Any]:
        service, _, name = to.partition(":")
        envelope = replace_reply(event.envelope, to)
        draft = self._draft(service, name, event.value, envelope, written)
        return draft, simulated.Letter(service, name, envelope, event.value)
