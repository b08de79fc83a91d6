"""Readers of a topic that this very process writes: what it has just committed is handed on from memory, already read,
and everything else comes from the log.

A reader takes what is handed only where it follows directly on what it has read: the hash of the event before, which
each event carries, says so. Whenever that is not so, or nothing is handed for a while, it reads the log, which alone is
the truth. Nothing here decides or writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chassis.chain import Draft, event_hash
from chassis.log import AsWritten, Log, NewRecord, Record, TopicPartition, TopicReader

__all__ = ["HANDED_MAX", "QUIET", "HandedReaders", "Written", "written_to"]

HANDED_MAX = 20_000
"""Records of a partition that wait in memory for one reader: whoever is further behind reads the log."""

QUIET = timedelta(seconds=1)
"""After so long without anything handed a partition is read from the log again: up to its end, whoever wrote there."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a committed transaction wrote to one partition, whole and in order: `before` is the hash of the event before
    the first of `records`, `head` that of the last."""

    where: TopicPartition
    before: str
    head: str
    records: Sequence[Record]


def written_to(
    topic: str,
    written: Iterable[tuple[Draft, NewRecord]],
    spans: Mapping[int, tuple[int, int]],
    at: datetime,
) -> list[Written]:
    """What a transaction that was committed `at` wrote to the partitions of an events topic; `spans` has the first and the
    last offset of each.

    Not of a partition where others wrote in between, even if it comes to nothing: which offset is whose is not known.
    """
    events: dict[int, list[Record]] = {}
    chains: dict[int, tuple[str, str]] = {}
    for draft, record in written:
        if draft.event is None or draft.envelope is None or draft.prev is None or draft.digest is None:
            continue
        made = events.setdefault(draft.partition, [])
        before, _ = chains.get(draft.partition, (draft.prev, ""))
        chains[draft.partition] = (before, draft.digest)
        known = AsWritten(draft.envelope, draft.event, draft.prev, draft.digest)
        offset = spans[draft.partition][0] + len(made)
        made.append(Record(topic, draft.partition, offset, at, record.key, record.value, record.headers, known))
    return [
        Written((topic, number), *chains[number], records)
        for number, records in events.items()
        if spans[number][1] - spans[number][0] + 1 == len(records)
    ]


@dataclass(slots=True)
class _Place:
    """How far one partition was read: the next offset, the hash of the last record (None: not known) and what was handed
    since. `from_memory`: it waits for what is handed, and the log is not asked; `at` is when something was last handed."""

    position: int
    at: datetime
    head: str | None = None
    from_memory: bool = False
    waiting: deque[Written] = field(default_factory=deque)
    records: int = 0


class HandedReaders:
    """Makes readers of `log`, and hands each what this process wrote. Of one process, used by one thread."""

    def __init__(self, log: Log, clock: Callable[[], datetime]) -> None:
        self._log, self._clock = log, clock
        self._readers: list[_HandedReader] = []

    def reader(self) -> TopicReader:
        """A reader that is handed what is written from now on."""
        made = _HandedReader(self._log.reader(), self._clock, self._readers.remove)
        self._readers.append(made)
        return made

    def partitions(self, topic: str) -> int:
        return self._log.partitions(topic)

    def hand(self, written: Sequence[Written]) -> None:
        """Give all readers what a transaction wrote, once it is committed."""
        for reader in self._readers:
            for batch in written:
                reader.take(batch)

    def release(self, where: TopicPartition) -> None:
        """Others may write there from now on: have it read from the log."""
        for reader in self._readers:
            reader.release(where)


class _HandedReader:
    """A TopicReader (chassis/log.py). What was handed is given out by transactions, so a poll may give out a few more than
    its limit."""

    def __init__(
        self, reader: TopicReader, clock: Callable[[], datetime], closed: Callable[[_HandedReader], None]
    ) -> None:
        self._reader, self._clock, self._closed = reader, clock, closed
        self._places: dict[TopicPartition, _Place] = {}

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        now = self._clock()
        self._places = {where: _Place(position, now) for where, position in positions.items()}
        self._read_the_log()

    def _read_the_log(self) -> None:
        """Have the log read where nothing is handed, each partition from where it is."""
        self._reader.assign({where: place.position for where, place in self._places.items() if not place.from_memory})

    def take(self, batch: Written) -> None:
        """Keep what was written there until it follows on what was read, or is too much."""
        place = self._places.get(batch.where)
        if place is None:
            return
        place.waiting.append(batch)
        place.records += len(batch.records)
        place.at = self._clock()
        if place.from_memory and place.records > HANDED_MAX:
            self.release(batch.where)
        while place.records > HANDED_MAX:
            place.records -= len(place.waiting.popleft().records)

    def release(self, where: TopicPartition) -> None:
        place = self._places.get(where)
        if place is not None:
            place.waiting.clear()
            place.records = 0
            if place.from_memory:
                place.from_memory = False
                self._read_the_log()

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        self._look()
        records: list[Record] = []
        positions: dict[TopicPartition, int] = {}
        for where, place in self._places.items():
            if place.from_memory:
                self._from_memory(where, place, limit, records, positions)
        if len(records) < limit:
            self._from_log(limit - len(records), 0 if records else timeout, records, positions)
        return records, positions

    def _look(self) -> None:
        """Go over to what is handed where it follows on what was read, and back to the log where it does not or nothing
        came for a while."""
        now, changed = self._clock(), False
        for place in self._places.values():
            while place.waiting and place.waiting[0].records[-1].offset < place.position:
                place.records -= len(place.waiting.popleft().records)
            follows = bool(place.waiting) and place.waiting[0].before == place.head
            if place.from_memory != follows and (follows or place.waiting or now - place.at > QUIET):
                place.from_memory, changed = follows, True
        if changed:
            self._read_the_log()

    @staticmethod
    def _from_memory(
        where: TopicPartition,
        place: _Place,
        limit: int,
        records: list[Record],
        positions: dict[TopicPartition, int],
    ) -> None:
        while place.waiting and place.waiting[0].before == place.head and len(records) < limit:
            batch = place.waiting.popleft()
            place.records -= len(batch.records)
            records += batch.records
            place.head = batch.head
            positions[where] = place.position = batch.records[-1].offset + 1

    def _from_log(
        self, limit: int, timeout: float, records: list[Record], positions: dict[TopicPartition, int]
    ) -> None:
        read, moved = self._reader.poll(limit, timeout)
        last: dict[TopicPartition, Record] = {}
        for record in read:
            place = self._places.get((record.topic, record.partition))
            if place is not None and not place.from_memory and record.offset >= place.position:
                records.append(record)
                last[record.topic, record.partition] = record
        for where, record in last.items():
            self._places[where].head = event_hash(record.key or b"", record.value or b"", record.headers)
        for where, position in moved.items():
            place = self._places.get(where)
            if place is not None and not place.from_memory and position >= place.position:
                positions[where] = place.position = position

    def close(self) -> None:
        self._closed(self)
        self._reader.close()
