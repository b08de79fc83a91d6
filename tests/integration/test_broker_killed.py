"""A broker that is killed while transactions are open, and comes back after their time is up.

What was open is aborted: nobody ever reads it, and it holds nobody back. A broker of Kafka 4.3 or 4.4 fails here (docs/adr/0074).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, IsolationLevel, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic

from deploy.local.broker import Broker, start_broker
from tests.conftest import servers_folder
from tests.waiting import eventually

TOPICS = tuple(f"topic-{number}" for number in range(24))
PARTITIONS = 4
PLACES = tuple(TopicPartition(topic, partition) for topic in TOPICS for partition in range(PARTITIONS))
TRANSACTION_MS = 1_000
"""So that what is open is over before the broker is ready to tell its partitions: then it used to be forgotten."""
WRITERS = 4
CALL_SECONDS = 30.0
QUIET = {"log_level": 0, "log.connection.close": False}


@pytest.fixture
def folder() -> Iterator[Path]:
    with servers_folder() as made:
        yield made


def _writer(broker: Broker, number: int) -> Producer:
    producer = Producer(
        {
            "bootstrap.servers": broker.address,
            "transactional.id": f"writer-{number}",
            "transaction.timeout.ms": TRANSACTION_MS,
            **QUIET,
        }
    )
    producer.init_transactions(CALL_SECONDS)
    return producer


def _write(producer: Producer, number: int, value: str) -> None:
    producer.begin_transaction()
    for place in PLACES:
        if TOPICS.index(place.topic) % WRITERS == number:
            producer.produce(place.topic, value=value, partition=place.partition)
    assert producer.flush(CALL_SECONDS) == 0


def _ends(admin: AdminClient, isolation: IsolationLevel) -> list[int]:
    latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = admin.list_offsets(dict.fromkeys(PLACES, latest), isolation_level=isolation)
    return [asked[place].result().offset for place in PLACES]


def _nobody_held_back(admin: AdminClient) -> bool:
    try:
        return _ends(admin, IsolationLevel.READ_COMMITTED) == _ends(admin, IsolationLevel.READ_UNCOMMITTED)
    except KafkaException:
        return False  # its partitions have no leader yet


def _read(broker: Broker, ends: list[int]) -> list[str]:
    consumer = Consumer(
        {"bootstrap.servers": broker.address, "group.id": "reader", "enable.partition.eof": True, **QUIET}
    )
    consumer.assign([TopicPartition(place.topic, place.partition, 0) for place in PLACES])
    values, ended, deadline = [], 0, time.monotonic() + CALL_SECONDS
    while ended < len(ends) and time.monotonic() < deadline:
        for message in consumer.consume(500, 1.0):
            value = message.value()
            if message.error() or value is None:
                ended += 1
            else:
                values.append(value.decode())
    consumer.close()
    assert ended == len(ends), "not every partition was read to its end"
    return values


def test_what_was_open_when_the_broker_died_is_never_read_and_holds_nobody_back(folder: Path) -> None:
    broker = start_broker(folder / "broker", dies_with_parent=True)
    maker = AdminClient({"bootstrap.servers": broker.address, **QUIET})
    for made in maker.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in TOPICS]).values():
        made.result()
    open_ones = [_writer(broker, number) for number in range(WRITERS)]
    for number, producer in enumerate(open_ones):
        _write(producer, number, "open when the broker died")

    broker.process.kill()
    broker.process.wait()
    port = int(broker.address.rpartition(":")[2])
    again = start_broker(folder / "broker", port=port, dies_with_parent=True)

    admin = AdminClient({"bootstrap.servers": again.address, **QUIET})
    eventually(lambda: _nobody_held_back(admin), because="what was written is open to readers")
    # What somebody writes next must not carry along what was left open.
    for number in range(WRITERS):
        successor = _writer(again, number)
        _write(successor, number, "written afterwards")
        successor.commit_transaction(CALL_SECONDS)
    read = _read(again, _ends(admin, IsolationLevel.READ_COMMITTED))
    again.stop()
    assert read == ["written afterwards"] * len(PLACES)
