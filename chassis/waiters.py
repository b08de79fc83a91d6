"""Those who wait for what their message causes, or for what happens to a stream, and the follower of event topics that
tells them.

Nothing is stored and nothing is missed that matters: who waits in vain looks into the store afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from chassis.horizon import Horizon
from chassis.log import LogError
from chassis.streaming import CLIENT_SETTINGS, CONSUMER_SETTINGS
from contracts.message import CATALOGUE, Event
from contracts.topics import MIB

__all__ = ["WAITERS_MAX", "EventsWatch", "TooManyWaiters", "Waiter", "Waiters"]

log = logging.getLogger("orderlog")

WAITERS_MAX = 2_000
"""Callers that one process lets wait at once."""

BYTES_AT_ONCE = 1 * MIB
"""Of the events of all partitions together, as one answer of the broker has them, all of which are objects at once then, of
several times as many bytes. A larger event comes alone."""

POLL_MS = 200
RETRY_SECONDS = 1.0


class TooManyWaiters(Exception):
    """As many callers wait as may; the next one is told to come again."""


class Waiter:
    """One caller that waits for the events that a message causes, or for those of a stream."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.happened = asyncio.Event()

    async def wait(self, seconds: float) -> Sequence[Event]:
        """The events since the last time, as soon as there are any; empty when none came in time."""
        try:
            await asyncio.wait_for(self.happened.wait(), seconds)
        except TimeoutError:
            return ()
        self.happened.clear()
        events, self.events = self.events, []
        return events


class Waiters:
    """All who wait, by the message or the stream that they wait for; `limit` of them at most."""

    def __init__(self, limit: int = WAITERS_MAX) -> None:
        self._limit, self._count = limit, 0
        self._waiting: dict[str, list[Waiter]] = {}

    @contextmanager
    def expect(self, name: str) -> Iterator[Waiter]:
        """Wait from now on for what a message causes (its id), or for what happens to a stream (its name): enter before
        the message is sent. Raises TooManyWaiters."""
        if self._count >= self._limit:
            raise TooManyWaiters(f"{self._limit} callers wait already")
        waiter = Waiter()
        self._waiting.setdefault(name, []).append(waiter)
        self._count += 1
        try:
            yield waiter
        finally:
            self._count -= 1
            others = self._waiting[name]
            others.remove(waiter)
            if not others:
                del self._waiting[name]

    def happened(self, records: Iterable[ConsumerRecord[bytes, bytes]]) -> None:
        """Tell those whose message caused these events, or whose stream they are of; all events of one read are told
        together."""
        if not self._waiting:
            return
        told = set()
        for record in records:
            headers = dict(record.headers)
            names = (headers.get(name, b"").decode() for name in ("ce_causationid", "ce_subject"))
            for waiter in [waiter for name in names for waiter in self._waiting.get(name, ())]:
                model = CATALOGUE.get(headers["ce_type"].decode())
                if model is None or not issubclass(model, Event):
                    continue  # of a later release: who waits for it finds no answer here, and all others do
                waiter.events.append(model.decode(record.value or b""))
                told.add(waiter)
        for waiter in told:
            waiter.happened.set()


class EventsWatch:
    """Follows topics of events from their end, in no group, and tells the waiters, and the horizon what it saw."""

    def __init__(self, bootstrap: str, topics: Sequence[str], waiters: Waiters, horizon: Horizon) -> None:
        self._bootstrap, self._topics, self._waiters, self._horizon = bootstrap, topics, waiters, horizon
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Find the ends, so that nothing that happens from now on is missed; raises LogError without a broker."""
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            **{**CLIENT_SETTINGS, **CONSUMER_SETTINGS, "fetch_max_bytes": BYTES_AT_ONCE},
        )
        try:
            await self._consumer.start()
            await self._to_the_ends(self._consumer)
        except KafkaError as error:
            await self._consumer.stop()
            raise LogError(f"no broker answers at {self._bootstrap}: {error}") from error
        self._task = asyncio.create_task(self._follow(self._consumer), name="events-watch")

    async def _to_the_ends(self, consumer: AIOKafkaConsumer) -> None:
        partitions = []
        for topic in self._topics:
            await consumer._client.force_metadata_update()
            known = consumer._client.cluster.partitions_for_topic(topic)
            if not known:
                raise LogError(f"the topic {topic} does not exist; `oms up` makes the topics")
            partitions += [TopicPartition(topic, number) for number in sorted(known)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        for partition, end in ends.items():
            consumer.seek(partition, end)
        self._horizon.begin({(where.topic, where.partition): end for where, end in ends.items()})

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                batches = await consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.warning("the events are not followed for now: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for where, batch in batches.items():
                first_at = datetime.fromtimestamp(batch[0].timestamp / 1_000, UTC)
                self._horizon.saw((where.topic, where.partition), batch[-1].offset, first_at)
                self._waiters.happened(batch)

    async def stop(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._consumer is not None:
            await self._consumer.stop()
