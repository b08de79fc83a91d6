"""The corpus in every inbox, in memory: each is one dead letter, or parks its own stream; the partition goes on."""

from __future__ import annotations

import base64
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from chassis.inbox import Routes
from chassis.kafka import partition_of
from chassis.log import NewRecord, Record
from chassis.loop import Limits, Loop
from chassis.memory import MemoryLog
from chassis.memory_store import MemoryStore
from chassis.service import FetchNothing
from contracts import topics
from contracts.chassis import MessageParked
from contracts.envelope import Envelope
from contracts.ids import aggregate_id, stream
from oms.declared import declared
from tests.poison.inboxes import TAKEN, InboxPoison, envelope_of, inbox_poison

PARTITIONS = 2
ROUTES = Routes(partition_of, dict.fromkeys(topics.SERVICES, PARTITIONS), 2)


class Inbox:
    """The topics of all services in memory, and one process of one of them."""

    def __init__(self, service: str) -> None:
        self.service, self.now = service, datetime(2026, 1, 5, 9, tzinfo=UTC)
        self.log = MemoryLog(lambda: self.now)
        for name in topics.SERVICES:
            self.log.create_service_topics(name, partitions=PARTITIONS, intents_partitions=2)
        self._door = self.log.producer("door")
        incarnations = count(1)
        self._loop = Loop(
            declared(service, ""),
            self.log,
            MemoryStore(),
            FetchNothing(),
            ROUTES,
            f"{service}-0",
            clock=lambda: self.now,
            incarnation=lambda: f"incarnation-{next(incarnations)}",
            limits=Limits(batch_records=10),
        )

    def write(self, poison: InboxPoison) -> None:
        key, value = poison.key or b"", poison.value or b""
        record = NewRecord(topics.inbox(self.service), poison.partition, key, value, poison.headers)
        self._door.begin()
        self._door.send([record])
        self._door.commit()

    def good(self, name: str) -> str:
        """Send a message that its stream takes; the stream."""
        kind, command = TAKEN[self.service]
        target = stream(kind, aggregate_id("good", kind, name))
        headers = envelope_of(target, command.TYPE, name).headers()
        number = partition_of(target.encode(), PARTITIONS)
        self.write(InboxPoison(name, target.encode(), headers, command.encode(), number, "taken"))
        return target

    def run(self) -> None:
        while not all(self._handled(number) for number in range(PARTITIONS)):
            self.now += timedelta(milliseconds=200)
            self._loop.step(0)

    def _handled(self, number: int) -> bool:
        topic = topics.inbox(self.service)
        at = self.log.positions(self.service, topic).get(number, 0)
        return not self.log.read((topic, number), at, 1)[0]

    def records(self, topic: str) -> list[Record]:
        numbers = range(self.log.partitions(topic))
        return [record for number in numbers for record in self.log.read((topic, number), 0, 1_000_000)[0]]


@pytest.mark.parametrize("service", topics.SERVICES)
def test_what_an_inbox_cannot_take_is_a_dead_letter_or_parks_its_stream_and_the_rest_goes_on(service: str) -> None:
    # given an inbox with the whole corpus, and good messages between
    inbox, corpus = Inbox(service), inbox_poison(service, PARTITIONS)
    good = []
    for number, poison in enumerate(corpus):
        inbox.write(poison)
        good.append(inbox.good(f"after {number}"))
    # when the service has handled it
    inbox.run()
    # then each undecodable is a dead letter once, with its bytes, a reason and a place
    letters = inbox.records(topics.dead_letters(service))
    dead = [poison for poison in corpus if poison.becomes == "dead"]
    assert Counter((letter.key, letter.value) for letter in letters) == Counter(
        (poison.key or b"", poison.value or b"") for poison in dead
    )
    heads = [dict(reversed(letter.headers)) for letter in letters]
    assert len({head["place"] for head in heads}) == len(dead)
    assert all(head["reason"] for head in heads)
    # and what has an envelope waits in its own stream as it came, and every good message was taken
    events = [(Envelope.parse(record.headers), record) for record in inbox.records(topics.events(service))]
    parked = {
        envelope.subject: base64.b64decode(MessageParked.decode(record.value or b"").value)
        for envelope, record in events
        if envelope.type == MessageParked.TYPE
    }
    assert parked == {
        (poison.key or b"").decode(): poison.value or b"" for poison in corpus if poison.becomes == "parked"
    }
    assert set(good) <= {envelope.subject for envelope, _ in events} - parked.keys()
