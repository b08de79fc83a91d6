"""Reading the public topics as an outsider does: a JSON value, and the CloudEvents headers beside it.

Two ways: `follow` everything from the beginning and go on with what comes; `history` up to now, once, in order of each
partition. Nothing of the services' own code is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from contracts import topics
from contracts.ids import aggregate_id
from contracts.message import parse_instant
from oms.demo.site import TENANT, Site

__all__ = ["CHANNEL_ORDER", "Batch", "Seen", "follow", "history"]

CHANNEL_ORDER = "ChannelOrder"
"""How a record of channel.orders is called here: it has no headers of ours."""

RECORDS_A_BATCH = 2_000
WAIT_MS = 200
SETTLED_SECONDS = 3.0
"""How long a topic that channels read is silent before it counts as read: it is written a moment after the events."""
SETTLED_SECONDS_MAX = 15.0
"""How long after its end is reached that is waited for: where others order all the time it is never silent."""
QUIET_SECONDS = 60.0
"""How long a broker may stay silent in the middle of a topic before reading it is given up."""


class Seen(NamedTuple):
    """An event as an outsider sees it: its name, the id of its stream, when it was decided (UTC), its value, and what
    kind of actor caused it (`person`, `system`, `channel`), where one did."""

    name: str
    id: str
    time: datetime
    value: dict[str, Any]
    actor: str = ""


class Batch(NamedTuple):
    """Events that came together; `live` once everything from before the start has been handed out."""

    events: list[Seen]
    live: bool


READ_HEADERS = frozenset({"ce_type", "ce_subject", "ce_time", "ce_actor"})


def _seen(headers: Iterable[tuple[str, Any]], value: bytes) -> Seen:
    found = {name: content.decode() for name, content in headers if name in READ_HEADERS}
    name = found["ce_type"].split(".")[-2]
    actor = orjson.loads(found["ce_actor"])["kind"] if "ce_actor" in found else ""
    stream_id = found["ce_subject"].partition("/")[2]
    return Seen(name, stream_id, parse_instant(found["ce_time"]), orjson.loads(value), actor)


def _published(record: Any) -> Seen | None:
    """An order as its channel published it, under the id that it gets; None of what cannot be read."""
    try:
        value = orjson.loads(record.value() or b"{}")
        order = aggregate_id(TENANT, "order", value["channel_account"], value["external_id"])
    except (ValueError, KeyError, TypeError):
        return None
    return Seen(CHANNEL_ORDER, order, datetime.fromtimestamp(record.timestamp()[1] / 1_000, UTC), value)


async def follow(site: Site, services: Sequence[str]) -> AsyncIterator[Batch]:
    """The events of these services from the beginning of their topics, then as they come, without end."""
    names = [topics.events(service, site.namespace) for service in services]
    consumer = AIOKafkaConsumer(
        *names,
        bootstrap_servers=site.bootstrap,
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        ends = await consumer.end_offsets(consumer.assignment())
        live = not any(ends.values())
        while True:
            polled = await consumer.getmany(timeout_ms=WAIT_MS, max_records=RECORDS_A_BATCH)
            events = [_seen(record.headers, record.value) for records in polled.values() for record in records]
            live = live or all([await consumer.position(at) >= end for at, end in ends.items()])
            yield Batch(events, live)
    finally:
        await consumer.stop()


def history(site: Site, source: str) -> Iterator[Seen]:
    """All events of a service, or all messages of a topic that channels read, up to the end as it is now, each
    partition in its order.

    Raises TimeoutError when the broker stays silent before that.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": site.bootstrap,
            "group.id": "oms-demo-summary",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
    )
    try:
        public = source in topics.CHANNEL_TOPICS
        # What channels send was there before what came of it; what they are told comes after.
        settled = SETTLED_SECONDS if public and source != topics.CHANNEL_ORDERS else 0.0
        topic = topics.named(source, site.namespace) if public else topics.events(source, site.namespace)
        partitions = consumer.list_topics(topic, timeout=QUIET_SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in sorted(partitions)])
        yield from _until_ends(consumer, set(partitions), topic, settled)
    finally:
        consumer.close()


def _read(record: Any, topic: str) -> Iterator[Seen]:
    if not topic.endswith(topics.CHANNEL_ORDERS):
        yield _seen(dict(record.headers() or []).items(), record.value() or b"{}")
    elif (order := _published(record)) is not None:
        yield order


def _until_ends(consumer: Consumer, unread: set[int], topic: str, settled: float) -> Iterator[Seen]:
    """The end-of-partition notice counts: commit markers are never handed out."""
    silent_since = unread_until = monotonic()
    while unread or (monotonic() - silent_since < settled and monotonic() - unread_until < SETTLED_SECONDS_MAX):
        records = consumer.consume(RECORDS_A_BATCH, timeout=WAIT_MS / 1_000)
        if unread:
            unread_until = monotonic()
        if records:
            silent_since = monotonic()
        elif monotonic() - silent_since > QUIET_SECONDS:
            raise TimeoutError(f"{topic} gave nothing for {QUIET_SECONDS:.0f} s before its end; is the broker up?")
        for record in records:
            error = record.error()
            if error is None:
                yield from _read(record, topic)
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(record.partition() or 0)
            elif error.fatal() or not error.retriable():
                raise OSError(f"reading {topic} failed: {error.str()}")
