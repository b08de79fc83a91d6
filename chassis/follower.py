"""The follower of a service's own events: reads the partitions that the loop owns into the store.

What it writes is a function of the topic alone, so a rebuild is the same code from offset 0. It never asks the loop,
and the loop trusts it only by tracked offsets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from chassis.chain import GENESIS, event_hash
from chassis.decider import StreamKind
from chassis.faultpoints import faultpoint
from chassis.log import AsWritten, LogError, Record, TopicReader
from chassis.snapshots import encode_stream, evolve_recorded, restore, state_version
from chassis.store import Followed, Recorded, StoreAway, StoredRow, StreamStore, TrackingMoved
from contracts.envelope import EventPlace
from contracts.ids import split_stream

__all__ = ["SNAPSHOT_EVERY", "ChainBroken", "Follower"]

FOLLOWED_MAX = 2_000
"""Events written in one SQL transaction."""

SNAPSHOT_EVERY = 100
"""A stream has a snapshot at every version divisible by this."""


class ChainBroken(LogError):
    """An event does not name the hash of the one before it: the log was changed, or written by somebody else."""


class Follower:
    """Follows the partitions it is told to. `position` and `head` say how far each is, as the store has it."""

    def __init__(self, reader: TopicReader, store: StreamStore, topic: str, kinds: Mapping[str, StreamKind]) -> None:
        self._reader, self._store, self._topic, self._kinds = reader, store, topic, kinds
        self._wanted: frozenset[int] = frozenset()
        self._tracked: dict[int, tuple[int, str]] = {}
        self._stale = False

    def follow(self, partitions: Iterable[int]) -> None:
        """Follow these partitions and no others; takes effect with the next step."""
        wanted = frozenset(partitions)
        if wanted != self._wanted:
            self._wanted, self._stale = wanted, True

    def ask_again(self) -> None:
        """Take positions from the store again with the next step: it may have lost what it had."""
        self._stale = True

    def position(self, partition: int) -> int | None:
        """The next offset to be applied; None while that is not known."""
        return self._tracked[partition][0] if partition in self._tracked and not self._stale else None

    def head(self, partition: int) -> str:
        """The hash of the last event applied."""
        return self._tracked[partition][1] if partition in self._tracked else GENESIS

    def step(self, timeout: float) -> int:
        """Apply what there is, in one transaction of the database; the number of events applied.

        Raises StoreAway while the database is away, and ChainBroken.
        """
        if self._stale:
            self._synchronize()
        records, positions = self._reader.poll(FOLLOWED_MAX, timeout)
        by_partition: dict[int, list[Record]] = {number: [] for (_, number) in positions}
        for record in records:
            by_partition[record.partition].append(record)
        followed = [
            self._followed(number, batch, positions[self._topic, number])
            for number, batch in sorted(by_partition.items())
            if number in self._tracked and positions[self._topic, number] > self._tracked[number][0]
        ]
        try:
            self._apply(followed)
        except (StoreAway, TrackingMoved) as error:
            # What was read and not written is read again, from wherever the store says it is then.
            self._stale = True
            if isinstance(error, StoreAway):
                raise
        return len(records)

    def _synchronize(self) -> None:
        self._tracked = {partition: self._store.tracked(partition) for partition in sorted(self._wanted)}
        self._reader.assign({(self._topic, number): position for number, (position, _) in self._tracked.items()})
        self._stale = False

    def _followed(self, partition: int, batch: Sequence[Record], position: int) -> Followed:
        read, head = self._tracked[partition]
        rows = []
        for record in batch:
            if record.offset < read:
                continue
            prev, digest, row = _read(record) if record.as_written is None else _written(record, record.as_written)
            if prev != head:
                raise ChainBroken(
                    f"{self._topic}/{partition} offset {record.offset} names {prev} as the event before it, "
                    f"which is {head}: the log was changed, or somebody else wrote to it"
                )
            head = digest
            rows.append(row)
        return Followed(partition, read, position, head, rows)

    def _apply(self, followed: Sequence[Followed]) -> None:
        if not followed:
            return
        rows = [row for each in followed for row in each.rows]
        snapshots = self._snapshots(rows, [each.partition for each in followed])
        faultpoint("follower.before_apply")
        self._store.apply(followed, snapshots)
        faultpoint("follower.after_apply")
        self._tracked.update({each.partition: (each.position, each.head) for each in followed})

    def _snapshots(self, rows: Sequence[StoredRow], partitions: Sequence[int]) -> dict[str, tuple[int, str, bytes]]:
        due = {row.event.stream: row.event.version for row in rows if row.event.version % SNAPSHOT_EVERY == 0}
        if not due:
            return {}
        kinds = {stream: self._kinds[split_stream(stream)[0]] for stream in due}
        loaded = self._store.load({stream: state_version(kind) for stream, kind in kinds.items()}, partitions)
        snapshots = {}
        for stream, version in due.items():
            kind = kinds[stream]
            state = restore(kind, stream, loaded.snapshots.get(stream), loaded.events.get(stream, ()))
            for row in rows:
                if row.event.stream == stream and state.version < row.event.version <= version:
                    state = evolve_recorded(kind, state, row.event)
            snapshots[stream] = (version, state_version(kind), encode_stream(state))
        return snapshots

    def close(self) -> None:
        self._reader.close()


Row = tuple[str | None, str, StoredRow]
"""The hash of the event before that an event names, its own, and what it changes."""


def _read(record: Record) -> Row:
    """Of an event from the log, of whose headers no more is read than a row needs."""
    place, key, value = EventPlace.parse(record.headers), record.key or b"", record.value or b""
    event = Recorded(key.decode(), place.sequence, place.type, place.texts, value, record.partition, record.offset)
    row = StoredRow(event, place.deadlines, _door_digest(value))
    return place.prev, event_hash(key, value, record.headers), row


def _written(record: Record, written: AsWritten) -> Row:
    """Of an event that this very process wrote."""
    envelope, headers = written.envelope, {name: value.decode() for name, value in record.headers}
    stream, value = (record.key or b"").decode(), record.value or b""
    event = Recorded(stream, envelope.sequence or 0, envelope.type, headers, value, record.partition, record.offset)
    return written.prev, written.digest, StoredRow(event, envelope.deadlines or {}, written.event.door_digest)


def _door_digest(value: bytes) -> str | None:
    """What stands under that name in an event, of which nothing else is read."""
    found = orjson.loads(value).get("door_digest") if b'"door_digest"' in value else None
    return found if isinstance(found, str) else None
