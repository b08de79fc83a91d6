"""The limit: how many records a second the loop's client moves exactly once from topic to topic, when nobody decides
anything.

Consume, produce, commit, as the loop does it (chassis/kafka/ has the same settings): one consumer and one
transactional producer a process, offsets in the transaction, records of the size and transactions of the length that
the services wrote.
"""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from bench.sending import send_all
from chassis.kafka import KafkaLog
from chassis.log import NewRecord
from contracts.topics import TopicSpec

__all__ = ["LOOPS", "USUAL", "Shape", "limit"]

LOOPS = (1, 2)
"""Processes that share the work, one figure each; the best of them is the limit."""

PARTITIONS = 4
HEADERS = 14
"""Headers of an event (docs/wire.md)."""

SECONDS = 8.0
"""How long each figure is taken for, unless the records are used up before."""

REQUEST_SECONDS = 10.0
POLL_SECONDS = 0.2
JOIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Shape:
    """What records and transactions are like: bytes of a record, of which in headers, and records of a transaction."""

    record_bytes: int
    header_bytes: int
    transaction_records: int


USUAL = Shape(1_400, 800, 100)
"""What is taken where no whole life was measured before."""


def limit(bootstrap: str, shape: Shape, records: int, seconds: float = SECONDS) -> dict[str, Any]:
    """Records a second by the number of loops, and the best of them as `records_per_second`.

    Raises TimeoutError when a loop does not answer.
    """
    name = f"bench-limit-{uuid4().hex[:8]}"
    specs = [TopicSpec(f"{name}-{part}", PARTITIONS, {}) for part in ("in", "out")]
    KafkaLog(bootstrap).create_topics(specs)
    send_all(bootstrap, _filling(f"{name}-in", shape, records))
    by_loops = {str(loops): _together(bootstrap, name, shape, loops, records, seconds) for loops in LOOPS}
    return {
        "record_bytes": shape.record_bytes,
        "transaction_records": shape.transaction_records,
        "by_loops": by_loops,
        "records_per_second": max(by_loops.values()),
    }


def _filling(topic: str, shape: Shape, records: int) -> Iterator[NewRecord]:
    each = max(1, shape.header_bytes // HEADERS - 7)
    headers = tuple((f"head-{n:02}", b"h" * each) for n in range(HEADERS))
    value = b"v" * max(1, shape.record_bytes - shape.header_bytes)
    return (NewRecord(topic, number % PARTITIONS, b"k%d" % number, value, headers) for number in range(records))


def _together(bootstrap: str, name: str, shape: Shape, loops: int, records: int, seconds: float) -> float:
    """Records a second of so many loops, from when the first of them began until the last of them ended."""
    group = f"{name}-{loops}"
    context = multiprocessing.get_context("spawn")
    lines, processes = [], []
    for number in range(loops):
        ours, theirs = context.Pipe()
        share = list(range(number, PARTITIONS, loops))
        arguments = (bootstrap, name, group, share, records, shape.transaction_records, seconds, theirs)
        process = context.Process(target=_loop, args=arguments, daemon=True)
        process.start()
        lines.append(ours)
        processes.append(process)
    try:
        moved = [_hear(line) for line in lines]
    finally:
        for process in processes:
            process.terminate()
            process.join()
    began, ended = min(each[1] for each in moved if each[0]), max(each[2] for each in moved)
    return float(round(sum(each[0] for each in moved) / (ended - began), 1))


def _hear(line: Connection) -> tuple[int, float, float]:
    """How many records a loop moved, and from when to when; raises TimeoutError when it does not say."""
    if not line.poll(JOIN_SECONDS):
        raise TimeoutError(f"a loop said nothing for {JOIN_SECONDS:.0f} s")
    moved, began, ended = line.recv()
    return int(moved), float(began), float(ended)


def _loop(
    bootstrap: str,
    name: str,
    group: str,
    share: Sequence[int],
    records: int,
    batch: int,
    seconds: float,
    line: Connection,
) -> None:
    """Move what these partitions have of all `records`, or what the time allows; says how many, and when (time.time) it
    began and ended."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "queued.min.messages": 20_000,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": f"{group}-{share[0]}",
            "linger.ms": 2,
            "queue.buffering.max.messages": 1_000_000,
            "batch.num.messages": 10_000,
            "batch.size": 1_048_576,
        }
    )
    producer.init_transactions(REQUEST_SECONDS)
    # By hand, so that the clock does not count how a group comes together, and no transaction is lost to that.
    consumer.assign([TopicPartition(f"{name}-in", number, 0) for number in share])
    wanted = sum(1 for number in range(records) if number % PARTITIONS in share)
    moved, began, until = 0, 0.0, math.inf
    while moved < wanted and time.time() < until:
        messages = consumer.consume(batch, POLL_SECONDS)
        if messages and not moved:
            began, until = time.time(), time.time() + seconds
        moved += _move(consumer, producer, f"{name}-out", messages) if messages else 0
    line.send((moved, began, time.time()))


def _move(consumer: Consumer, producer: Producer, topic: str, messages: list[Any]) -> int:
    """One transaction."""
    positions: dict[tuple[str, int], int] = {}
    producer.begin_transaction()
    for message in messages:
        if message.error() is not None:
            raise KafkaException(message.error())
        producer.produce(
            topic,
            value=message.value(),
            key=message.key(),
            partition=message.partition(),
            headers=message.headers(),
        )
        positions[message.topic(), message.partition()] = message.offset() + 1
    producer.flush(REQUEST_SECONDS)
    offsets = [TopicPartition(*where, offset) for where, offset in positions.items()]
    producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), REQUEST_SECONDS)
    producer.commit_transaction(REQUEST_SECONDS)
    return len(messages)
