"""Records put into topics as fast as a client takes them, without transactions: as the doors write."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Producer

from chassis.log import NewRecord
from contracts.topics import DEAD_LETTER_BYTES_MAX

__all__ = ["make_producer", "send", "send_all"]

FULL_WAIT_SECONDS = 0.1
"""Between attempts while the client's queue is full."""

SEND_SECONDS = 60.0

LINGER_MS = 2
"""How long a record waits for others to go with, as at the doors."""


def make_producer(bootstrap: str, linger_ms: int = LINGER_MS) -> Producer:
    """An idempotent producer, as those of the doors are."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": linger_ms,
            "message.max.bytes": DEAD_LETTER_BYTES_MAX,
        }
    )


def send(producer: Producer, record: NewRecord) -> None:
    """Hand over one record; it is written a moment later."""
    while True:
        try:
            producer.produce(
                record.topic,
                value=record.value,
                key=record.key,
                partition=record.partition,
                headers=list(record.headers),
            )
            return
        except BufferError:
            producer.poll(FULL_WAIT_SECONDS)


def send_all(bootstrap: str, records: Iterable[NewRecord], linger_ms: int = LINGER_MS) -> None:
    """Have all of them written; raises TimeoutError when the broker does not take them."""
    producer = make_producer(bootstrap, linger_ms)
    for record in records:
        send(producer, record)
    if producer.flush(SEND_SECONDS):
        raise TimeoutError(f"the broker at {bootstrap} did not take the records in time")
