"""A header whose name is no UTF-8 text, as a stranger may write one: the partition goes on past it, at every way in."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from chassis.kafka import KafkaLog, partition_of
from chassis.streaming import Records, make_broker, subscribe
from contracts import topics
from contracts.topics import TopicSpec
from tests.small.harness import PARTITIONS, World
from tests.small.venue import HallOpened
from tests.waiting import eventually

BROKEN = b"\xff\xfename"


class Broken(str):
    """A name that the client writes as bytes which are no UTF-8."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return BROKEN


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are put together by the client's own Python, which asks a name for its bytes."""
    for module in (message_accumulator, producer):
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)


def write(broker: str, topic: str, partition: int, values: list[bytes], key: bytes, compression: str | None) -> None:
    """Write these in one batch, the second with such a header."""

    async def send() -> None:
        client = AIOKafkaProducer(bootstrap_servers=broker, compression_type=compression, linger_ms=50)
        await client.start()
        futures = [
            await client.send(
                topic, value, key, partition, headers=[("fine", b"1"), (Broken("x"), b"2")] if number == 1 else []
            )
            for number, value in enumerate(values)
        ]
        await asyncio.gather(*futures)
        await client.stop()

    asyncio.run(send())


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.usefixtures("stranger")
def test_a_door_reads_past_it_and_sees_the_name_with_question_marks(
    broker: str, namespace: str, compression: str | None
) -> None:
    # given a record with such a header between two others
    topic = f"{namespace}-odd-{uuid4().hex[:6]}"
    KafkaLog(broker).create_topics([TopicSpec(topic, 1, {})])
    write(broker, topic, 0, [b"before", b"odd", b"after"], b"k", compression)
    # when a door subscribes to the topic
    found: list[tuple[bytes | None, tuple[tuple[str, bytes], ...]]] = []

    async def read() -> None:
        done, doors = asyncio.Event(), make_broker(broker)

        async def handle(records: Records) -> None:
            found.extend((record.value, tuple(record.headers)) for record in records)
            if len(found) == 3:
                done.set()

        subscribe(doors, topic, topic, handle, lambda error: done.set())
        async with doors:
            await doors.start()
            await asyncio.wait_for(done.wait(), 30)

    asyncio.run(read())
    # then all three are there, and nothing of the second is lost but the bytes of a name that nobody can read
    assert found == [(b"before", ()), (b"odd", (("fine", b"1"), ("??name", b"2"))), (b"after", ())]


@pytest.mark.usefixtures("stranger")
def test_at_an_inbox_it_is_a_dead_letter_and_what_follows_is_handled(broker: str, world: World) -> None:
    # given a message with such a header, and one behind it
    world.start("venue")
    hall = world.hall("odd")
    number = partition_of(hall.encode(), PARTITIONS)
    write(broker, topics.inbox("venue", world.namespace), number, [b"no", b"odd"], hall.encode(), None)
    world.open_hall("odd", 5)
    # when they are handled, then the second is a dead letter that says why, and the hall behind it is open
    eventually(lambda: world.events("venue", HallOpened) == [hall], because="the hall behind it opened")
    letters = {record.value: dict(record.headers) for record in world.records(topics.dead_letters("venue"))}
    assert b"not UTF-8" in letters[b"odd"]["reason"]
    assert "original-\N{REPLACEMENT CHARACTER}" in letters[b"odd"]
