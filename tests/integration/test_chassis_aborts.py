"""What was written in a transaction that never committed is in the log, and nobody ever reads it."""

from __future__ import annotations

import signal

from confluent_kafka import Consumer, TopicPartition

from chassis.log import NewRecord
from contracts import topics
from contracts.ids import aggregate_id
from tests.integration.proofs import await_outcomes, book_until, prove
from tests.small.harness import PARTITIONS, World
from tests.waiting import eventually


def raw_offsets(world: World, topic: str) -> set[tuple[int, int]]:
    """Partition and offset of every record in a topic, those of aborted transactions too."""
    name = topics.named(topic, world.namespace)
    eyes = Consumer(
        {
            "bootstrap.servers": world.bootstrap,
            "group.id": "eyes",
            "isolation.level": "read_uncommitted",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    eyes.assign([TopicPartition(name, number, 0) for number in range(PARTITIONS)])
    found, ended = set(), set()

    def read() -> bool:
        for message in eyes.consume(1_000, 0.2):
            if message.error() is not None:
                ended.add(message.partition())
            else:
                found.add((int(message.partition() or 0), int(message.offset() or 0)))
        return len(ended) == PARTITIONS

    eventually(read, because=f"the end of {topic}")
    eyes.close()
    return found


def committed_offsets(world: World, topic: str) -> set[tuple[int, int]]:
    return {(record.partition, record.offset) for record in world.records(topic)}


def test_commands_of_an_aborted_transaction_are_never_handled(world: World) -> None:
    # given commands like those of a door, aborted after they were written
    for service in ("venue", "box_office"):
        world.start(service)
    hall = world.open_hall("canary", 10)
    world.book("real", hall)
    world.flush()
    await_outcomes(world, ["real"])
    (real,) = [record for record in world.records("box_office.inbox") if record.key == world.booking("real").encode()][
        :1
    ]
    canary = f"booking/{aggregate_id('default', 'booking', 'canary')}".encode()
    producer = world.kafka.producer(f"{world.namespace}-canary")
    for number in range(PARTITIONS):
        producer.begin()
        producer.send([NewRecord(real.topic, number, canary, real.value or b"", real.headers)])
        producer.flush()
        producer.abort()
    # when later messages in every partition have been handled
    names = [f"after {number}" for number in range(40)]
    for name in names:
        world.book(name, hall)
    world.flush()
    await_outcomes(world, ["real", *names])
    # then they are there, and nothing came of them
    assert len(raw_offsets(world, "box_office.inbox") - committed_offsets(world, "box_office.inbox")) == PARTITIONS
    assert canary not in {record.key for record in world.records("box_office.events")}
    assert world.records("box_office.dead-letters") == []
    prove(world, ["real", *names])


def test_what_a_killed_process_had_written_uncommitted_is_never_read(world: World) -> None:
    # given a process that dies with its events, messages and offsets written and not committed
    world.start("venue")
    dying = world.start("box_office", fault="loop.offsets_sent:3:kill9")
    hall = world.open_hall("canary", 20)
    names = book_until(world, [hall], lambda: dying.poll() is not None)
    assert dying.returncode == -signal.SIGKILL
    # when its successor has handled everything
    world.start("box_office")
    await_outcomes(world, names)
    # then the log holds events that were aborted, which neither the stores nor any reader saw
    assert raw_offsets(world, "box_office.events") > committed_offsets(world, "box_office.events")
    prove(world, names)
