"""The loop: messages in, deciders run, events and messages out, all of a batch or nothing of it.

One consumer and one transactional producer a process. `step()` has no thread of its own, so the same code runs in a
simulated world. A batch works on an overlay over the cache: commit merges it, an abort throws it away and leaves the
cache as it was. What nobody knows the outcome of costs the whole cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from chassis.chain import Draft, finish
from chassis.deadlines import Deadlines, passed
from chassis.decider import StreamKind
from chassis.faultpoints import faultpoint
from chassis.follower import Follower
from chassis.handed import HandedReaders, written_to
from chassis.handling import handle
from chassis.inbox import Routes, Unreadable, read_message
from chassis.letter import letter_headers
from chassis.log import Abortable, Indefinite, Log, LogError, Record, TransactionalProducer
from chassis.parking import ParkingFull
from chassis.partitions import Owned, Partitions
from chassis.service import Loader, Service, memoized
from chassis.snapshots import restore, state_version
from chassis.store import DueDeadline, StoreAway, StoreBehind, StreamStore
from chassis.stream import Stream
from chassis.taking import Emitted, Fetch, FetchFailed, Handling, Incoming, Unparkable
from contracts import topics
from contracts.envelope import replace_reply
from contracts.ids import split_stream
from contracts.message import to_milliseconds

__all__ = ["Limits", "Loop"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of the loop, by name. Times in seconds."""

    batch_records: int = 1_000
    cached_streams: int = 10_000
    unfollowed_offsets: int = 50_000
    follow_at_offsets: int = 500
    follow_after_steps: int = 5
    busy_messages: int = 50
    deadline_scan: float = 0.5
    deadlines_fired: int = 500
    deadline_again: float = 30.0
    store_retry: float = 1.0
    behind_steps: int = 20
    stuck_retry: float = 30.0


@dataclass(slots=True)
class _Cached:
    """A stream after its last committed event, which lies at `last_offset` or before it in its partition."""

    stream: Stream
    partition: int
    last_offset: int


@dataclass(slots=True)
class _Batch:
    """What a batch would change: thrown away on abort, merged on commit."""

    read: set[int] = field(default_factory=set)
    positions: dict[int, int] = field(default_factory=dict)
    streams: dict[str, tuple[Stream, int]] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    fired: list[DueDeadline] = field(default_factory=list)
    handled: int = 0


class Loop:
    """One process of a service. Call `step` for ever; `waiting` says why it does not go on, if it does not."""

    def __init__(
        self,
        service: Service,
        log: Log,
        store: StreamStore,
        loader: Loader,
        routes: Routes,
        transactional_id: str,
        *,
        clock: Callable[[], datetime],
        incarnation: Callable[[], str],
        limits: Limits | None = None,
    ) -> None:
        self._service, self._log, self._store, self._loader, self._routes = service, log, store, loader, routes
        self._transactional_id, self._clock, self._new_incarnation = transactional_id, clock, incarnation
        self._limits = limits or Limits()
        self._kinds = service.by_kind
        self._inbox_partitions = log.partitions(service.inbox)
        # The producer first: were it refused, a consumer made before would stay in its group and hold partitions.
        self._start_producer()
        self.readers = HandedReaders(log, clock)
        self._follower = Follower(self.readers.reader(), store, service.events, self._kinds)
        self._consumer = log.consumer(service.qualified, service.inbox)
        self.partitions = Partitions(log, self._consumer, self._follower, service.inbox, service.events, self._forget)
        self._cache: dict[str, _Cached] = {}
        self._ends: dict[int, int] = {}
        self._deadlines = Deadlines(
            store,
            every=timedelta(seconds=self._limits.deadline_scan),
            at_once=self._limits.deadlines_fired,
            again=timedelta(seconds=self._limits.deadline_again),
        )
        self._retry_at = clock()
        self._held = False
        self._behind_for = 0
        self._unfollowed_steps = 0
        self.waiting: str | None = None

    def _start_producer(self) -> TransactionalProducer:
        self._producer: TransactionalProducer | None = self._log.producer(self._transactional_id)
        self._incarnation, self._number = self._new_incarnation(), 0
        return self._producer

    # -- one step ----------------------------------------------------------------------------------------------

    def step(self, timeout: float = 0.05) -> int:
        """Poll, move partitions, follow, handle a batch; the number of messages handled.

        Raises Fenced, NoPosition, ChainBroken and TooManyUnanswered: after those the process ends. Raises Indefinite while a new producer
        is needed and cannot be had: then nothing is handled, and the next step tries again.
        """
        if self._producer is not None and self._producer.cut_off():
            # At once, while nobody waits for an answer: so all services do it at the same time, and not one after the
            # other, each with the first message that the one before it sends.
            self._start_again()
        producer = self._producer or self._start_producer()
        before = {number: owned for number, owned in self.partitions.owned.items() if owned.running}
        records = self._consumer.poll(self._limits.batch_records, timeout)
        faultpoint("loop.polled")
        try:
            if self._follow_now(records):
                self._follow_step()
            self.partitions.step()
            self._hold_or_release()
            self._retry_stuck()
            if self.waiting is not None:
                self._rewind(records)  # polled before we stood still: nothing may be skipped
            batch = self._handle([record for record in records if self._expected(record, before)])
            if batch.drafts or batch.positions:
                self._commit(producer, batch)
            self._evict()
            self._behind_for = 0
            return batch.handled
        except StoreBehind as error:
            self._try_again(str(error), records)
            return 0
        except StoreAway as error:
            self._wait(str(error), records)
            return 0

    def _follow_now(self, records: Sequence[Record]) -> bool:
        """Many events are written at once for little more than one: with many messages to handle, the store follows once
        enough events wait, or after some steps. With few it follows at once: whoever was answered may read what he did."""
        self._unfollowed_steps += 1
        owned = self.partitions.owned
        return (
            len(records) < self._limits.busy_messages
            or self._unfollowed_steps >= self._limits.follow_after_steps
            or len(self.partitions.running()) < len(owned)
            or sum(map(self._behind, owned)) >= self._limits.follow_at_offsets
        )

    def _follow_step(self) -> None:
        self._unfollowed_steps = 0
        if self.waiting is not None and self._clock() < self._retry_at:
            return
        self._follower.step(0)
        if self.waiting is not None and not self._held:
            self.waiting = None
            self._consumer.resume(self.partitions.running())

    def _try_again(self, why: str, records: Iterable[Record]) -> None:
        """What is followed comes a moment later: take the batch again with the next step. Past `behind_steps` of them
        whoever follows is in trouble, which is waited for."""
        self._behind_for += 1
        if self._behind_for > self._limits.behind_steps:
            self._wait(why, records)
        else:
            self._rewind(records)

    def _wait(self, why: str, records: Iterable[Record]) -> None:
        """Stand still with no transaction open, and keep polling, so that the group still counts on us."""
        # What the store said before may not hold any more: a crash of it takes back its last commits.
        self._follower.ask_again()
        self._rewind(records)
        self._consumer.pause(self.partitions.owned)
        self.waiting = why
        self._retry_at = self._clock() + timedelta(seconds=self._limits.store_retry)

    def _rewind(self, records: Iterable[Record]) -> None:
        self.partitions.rewind({record.partition for record in records})

    def _expected(self, record: Record, before: Mapping[int, Owned]) -> bool:
        """Whether a record is the next of a partition that ran before it was polled and still does.

        What was fetched before a seek is not; it is handed out again after it.
        """
        owned = self.partitions.owned.get(record.partition)
        if owned is None or not owned.running or self.waiting or before.get(record.partition) is not owned:
            return False
        return record.offset >= owned.position

    def _retry_stuck(self) -> None:
        """Let stuck partitions begin again after a while: what stopped them may have been mended elsewhere."""
        now = self._clock()
        stuck = [number for number, owned in self.partitions.owned.items() if owned.retry_at and owned.retry_at <= now]
        self.partitions.begin_again(stuck)
        if not self.waiting:
            self._consumer.resume([number for number in stuck if self.partitions.owned[number].running])

    def _hold_or_release(self) -> None:
        """Pause when the follower is too far behind: what is not followed cannot be evicted, and memory has a limit."""
        if any(self._follower.position(number) is None for number in self.partitions.running()):
            return  # how far it is is not known now, so nothing changes
        behind = max((self._behind(number) for number in self.partitions.running()), default=0)
        if not self._held and behind > self._limits.unfollowed_offsets:
            self._held, self.waiting = True, f"the store is {behind} events behind"
            self._consumer.pause(self.partitions.running())
        elif self._held and behind < self._limits.unfollowed_offsets // 2:
            self._held, self.waiting = False, None
            self._consumer.resume(self.partitions.running())

    def _behind(self, partition: int) -> int:
        followed = self._follower.position(partition)
        return 0 if followed is None else max(0, self._ends.get(partition, 0) - followed)

    # -- a batch -----------------------------------------------------------------------------------------------

    def _handle(self, records: list[Record]) -> _Batch:
        batch = _Batch()
        batch.read.update(record.partition for record in records)
        incoming = [self._read(record) for record in records]
        self._load([message.record for message in incoming if isinstance(message, Incoming)])
        faultpoint("loop.loaded")
        fetch = memoized(self._loader)
        try:
            for record, message in zip(records, incoming, strict=True):
                self._take(record, message, batch, fetch)
        except FetchFailed as error:
            raise error.cause from error
        if not self.waiting:
            now = self._clock()
            batch.fired = self._deadlines.due(self.partitions.running(), now)
            batch.drafts += [passed(self._service, row, now) for row in batch.fired]
        return batch

    def _read(self, record: Record) -> Incoming | str:
        """The record with its envelope, or why it is a dead letter."""
        try:
            return read_message(record, self._service.name, self._kinds, self._routes, self._home)
        except Unreadable as error:
            return str(error)

    def _home(self, key: bytes) -> int:
        """The partition that a key belongs to; of a stream in memory without asking the partitioner."""
        cached = self._cache.get(key.decode())
        return self._routes.partition_of(key, self._inbox_partitions) if cached is None else cached.partition

    def _dead_letter(self, record: Record, why: str) -> Draft:
        place = f"{record.topic}/{record.partition}/{record.offset}"
        headers = letter_headers(place, why, record.headers)
        topic = self._service.dead_letters
        return Draft(topic, 0, record.key or b"", record.value or b"", None, headers=headers)

    def _load(self, records: Iterable[Record]) -> None:
        missing: dict[str, int] = {}
        for record in records:
            name = (record.key or b"").decode()
            cached = self._cache.pop(name, None)
            if cached is None:
                missing[name] = record.partition
            else:
                self._cache[name] = cached  # the most recently used go last
        if not missing:
            return
        wanted = {name: state_version(self._kind(name)) for name in sorted(missing)}
        partitions = sorted(set(missing.values()))
        loaded = self._store.load(wanted, partitions)
        for number in partitions:
            if loaded.tracked.get(number, 0) < self.partitions.owned[number].floor:
                raise StoreAway(f"the store lost what it had of partition {number}, and reads it again")
        for name, number in missing.items():
            stream = restore(self._kind(name), name, loaded.snapshots.get(name), loaded.events.get(name, ()))
            self._cache[name] = _Cached(stream, number, -1)

    def _kind(self, name: str) -> StreamKind:
        return self._kinds[split_stream(name)[0]]

    def _take(self, record: Record, message: Incoming | str, batch: _Batch, fetch: Fetch) -> None:
        if self.partitions.owned[record.partition].stuck:
            return
        try:
            if isinstance(message, Incoming):
                self._meet(message, batch, fetch)
            else:
                batch.drafts.append(self._dead_letter(record, message))
        except ParkingFull as error:
            retry_at = self._clock() + timedelta(seconds=self._limits.stuck_retry)
            self.partitions.stop(record.partition, str(error), retry_at)
            return
        except Unparkable as error:
            batch.drafts.append(self._dead_letter(record, str(error)))
        batch.positions[record.partition] = record.offset + 1
        batch.handled += 1

    def _meet(self, message: Incoming, batch: _Batch, fetch: Fetch) -> None:
        """Let a message meet its stream as the batch left it; raises ParkingFull and Unparkable."""
        name, partition = (message.record.key or b"").decode(), message.record.partition
        before = batch.streams[name][0] if name in batch.streams else self._cache[name].stream
        handling = handle(self._service.name, self._kind(name), before, message, self._fetching(fetch))
        if handling.events:
            batch.streams[name] = (handling.stream, partition)
        self._draft(handling, partition, batch)

    @staticmethod
    def _fetching(fetch: Fetch) -> Fetch:
        def ask(keys: Sequence[str]) -> Mapping[str, Any]:
            try:
                return fetch(keys)
            except StoreAway as error:
                raise FetchFailed(error) from error

        return ask

    def _draft(self, handling: Handling, partition: int, batch: _Batch) -> None:
        key = handling.stream.name.encode()
        for event in handling.events:
            written = Draft(
                self._service.events, partition, key, event.value, event.envelope, chained=True, event=event.event
            )
            batch.drafts.append(written)
            self._copies(event, written, batch)
        for send in handling.sends:
            target = send.stream.encode()
            topic, number = self._routes.inbox(send.service, target, self._service.namespace)
            batch.drafts.append(Draft(topic, number, target, send.value, send.envelope))

    def _copies(self, event: Emitted, written: Draft, batch: _Batch) -> None:
        for reply_to in event.answers:
            service, _, stream = reply_to.partition(":")
            target = stream.encode()
            topic, number = self._routes.inbox(service, target, self._service.namespace)
            envelope = replace_reply(event.envelope, reply_to)
            batch.drafts.append(Draft(topic, number, target, event.value, envelope, original=written))
        if event.intent:
            topic = topics.intents(self._service.name, self._service.namespace)
            number = self._routes.partition_of(written.key, self._routes.intents_partitions)
            batch.drafts.append(Draft(topic, number, written.key, event.value, event.envelope, original=written))

    # -- the transaction ---------------------------------------------------------------------------------------

    def _commit(self, producer: TransactionalProducer, batch: _Batch) -> None:
        heads = {number: owned.head for number, owned in self.partitions.owned.items()}
        records = finish(batch.drafts, f"{self._incarnation}.{self._number + 1}", heads)
        try:
            producer.begin()
            faultpoint("loop.begun")
            producer.send(records)
            faultpoint("loop.produced")
            spans = producer.flush()
            if batch.positions:
                metadata = self._consumer.group_metadata()
                producer.send_offsets(self._service.inbox, batch.positions, metadata)
            faultpoint("loop.offsets_sent")
            producer.commit()
        except Abortable:
            self._abort(producer, batch)
            return
        except Indefinite:
            batch.handled = 0
            self._start_again()
            return
        faultpoint("loop.committed")
        ours = {number: span for (topic, number), span in spans.items() if topic == self._service.events}
        self._merge(batch, heads, {number: last for number, (_, last) in ours.items()})
        written, now = zip(batch.drafts, records, strict=True), to_milliseconds(self._clock())
        self.readers.hand(written_to(self._service.events, written, ours, now))
        if records:
            self._number += 1

    def _abort(self, producer: TransactionalProducer, batch: _Batch) -> None:
        faultpoint("loop.aborting")
        try:
            producer.abort()
        except Indefinite:
            batch.handled = 0
            self._start_again()
            return
        batch.handled = 0
        self.partitions.rewind(batch.read)

    def _start_again(self) -> None:
        """Nobody knows how the last transaction ended, or would end: this producer may not be used again, nor anything
        remembered.

        The next step makes another; no partition is looked at before that has fenced what this one left.
        """
        self._close_producer()
        self._cache.clear()
        self.partitions.restart()

    def _close_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(LogError):
                producer.close()

    def _merge(self, batch: _Batch, heads: Mapping[int, str], ends: Mapping[int, int]) -> None:
        for number, position in batch.positions.items():
            self.partitions.owned[number].position = position
        for number, end in ends.items():
            self.partitions.owned[number].head = heads[number]
            self._ends[number] = end + 1
        for name, (stream, number) in batch.streams.items():
            self._cache.pop(name, None)
            self._cache[name] = _Cached(stream, number, ends[number])
        self._deadlines.fired(batch.fired, self._clock())

    # -- memory ------------------------------------------------------------------------------------------------

    def _evict(self) -> None:
        """Let the least recently used go, but only those whose last event the follower has passed."""
        excess = len(self._cache) - self._limits.cached_streams
        if excess <= 0:
            return
        for name in list(islice(self._cache, excess)):
            cached = self._cache[name]
            owned, followed = self.partitions.owned.get(cached.partition), self._follower.position(cached.partition)
            if owned is not None and followed is not None and followed > cached.last_offset:
                owned.floor = max(owned.floor, cached.last_offset + 1)
                del self._cache[name]

    def _forget(self, partition: int) -> None:
        self.readers.release((self._service.events, partition))
        for name in [name for name, cached in self._cache.items() if cached.partition == partition]:
            del self._cache[name]
        self._ends.pop(partition, None)

    def followed(self) -> dict[int, int]:
        """For each owned partition, how many offsets the store is behind what this process wrote."""
        return {number: self._behind(number) for number in self.partitions.owned}

    def close(self) -> None:
        """Leave the group and let the clients go; every batch handled was committed before."""
        self._consumer.close()
        self._follower.close()
        self._close_producer()
