"""The simulated world with its log written down: what the loop would have written, by the chassis's own chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chassis.chain import GENESIS, Draft, finish
from chassis.handling import Emitted, Handling, Incoming, handle
from chassis.kafka import partition_of
from chassis.log import Record
from chassis.stream import fresh
from contracts import topics
from contracts.chassis import DeadlinePassed
from contracts.envelope import Envelope, replace_reply
from contracts.ids import deadline_id
from contracts.message import CATALOGUE, Event, format_instant
from oms.verify.records import Partition
from tests.simulation import world
from tests.verify.logs import MemorySource

__all__ = ["PARTITIONS", "RecordedWorld"]

PARTITIONS = 2
INTENTS_PARTITIONS = 3


class RecordedWorld(world.World):
    """A world whose messages lie in `log`: each handling is a transaction of its service."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.log = MemorySource()
        self._places: dict[int, tuple[int, int]] = {}
        self._heads: dict[str, dict[int, str]] = {}
        self._causes: dict[str, str] = {}
        self._numbers: dict[str, int] = dict.fromkeys(topics.SERVICES, 0)
        for service in topics.SERVICES:
            self._heads[service] = dict.fromkeys(range(PARTITIONS), GENESIS)
            for number in range(PARTITIONS):
                self.log.logs[Partition(topics.inbox(service), number)] = []
                self.log.logs[Partition(topics.events(service), number)] = []
            self.log.logs[Partition(topics.dead_letters(service), 0)] = []

    def _enqueue(self, letter: Any) -> None:
        """What comes in from outside is written as a door writes it, what time brings as the loop does."""
        message = CATALOGUE[letter.envelope.type].decode(letter.value)
        if isinstance(message, DeadlinePassed):
            self._write(letter.service, [(self._passed(letter, message), letter)])
            return
        envelope = replace(letter.envelope, source="/door/spec", causation_id=letter.envelope.id)
        partition = partition_of(letter.stream.encode(), PARTITIONS)
        where = Partition(topics.inbox(letter.service), partition)
        offset = self.log.append(where, letter.stream.encode(), letter.value, envelope.headers())
        self._send(replace(letter, envelope=envelope), partition, offset)

    def _send(self, letter: Any, partition: int, offset: int) -> None:
        super()._enqueue(letter)
        self._places[self._sent] = (partition, offset)

    def _passed(self, letter: Any, message: DeadlinePassed) -> Draft:
        envelope = replace(
            letter.envelope,
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
            offset = self.log.append(where, record.key, record.value, record.headers)
            if letter is not None:
                assert draft.envelope is not None
                self._send(replace(letter, envelope=draft.envelope), record.partition, offset)

    def _deliver(self, letter: Any) -> None:
        kind, key = self._kind(letter.service, letter.stream), (letter.service, letter.stream)
        before = self.streams.get(key) or fresh(kind, letter.stream)
        partition, offset = self._places.pop(letter.number)
        inbox = topics.inbox(letter.service)
        headers = letter.envelope.headers()
        record = Record(inbox, partition, offset, self.now, letter.stream.encode(), letter.value, headers)
        handling = handle(letter.service, kind, before, Incoming(record, letter.envelope), self._known)
        self.streams[key] = handling.stream
        if handling.events:
            self._causes[letter.stream] = handling.events[-1].envelope.id
        events = [CATALOGUE[emitted.envelope.type].decode(emitted.value) for emitted in handling.events]
        for event in events:
            assert isinstance(event, Event)
            self._happened(letter, event)
        self._write(letter.service, self._drafts(letter, partition, handling))

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
            drafts.append((draft, world._Letter(sent.service, sent.stream, sent.envelope, sent.value)))
        return drafts

    def _answer(self, event: Emitted, written: Draft, to: str) -> tuple[Draft, Any]:
        service, _, name = to.partition(":")
        envelope = replace_reply(event.envelope, to)
        draft = self._draft(service, name, event.value, envelope, written)
        return draft, world._Letter(service, name, envelope, event.value)
