"""A log that ends where it is told, and that nobody can write to: what tables are made again from.

Readers stop exactly at the ends, so that tables filled by the usual followers stand where the live ones stood. Nothing
here knows a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Never, Protocol

from chassis.log import LogError, Record, TopicPartition, TopicReader

__all__ = ["BoundedLog", "Readable"]


class _BoundedReader:
    """Reads up to the log's ends; a partition that has reached its end is not read any more until the end moves."""

    def __init__(self, reader: TopicReader, ends: Mapping[TopicPartition, int]) -> None:
        self._reader, self._ends = reader, ends
        self._positions: dict[TopicPartition, int] = {}
        self._reading: set[TopicPartition] = set()

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        self._positions = dict(positions)
        self._aim()

    def until(self, ends: Mapping[TopicPartition, int]) -> None:
        self._ends = ends
        self._aim()

    def _aim(self) -> None:
        ahead = {where: at for where, at in self._positions.items() if at < self._ends.get(where, 0)}
        self._reading = set(ahead)
        self._reader.assign(ahead)

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        if not self._reading:
            return [], {}
        records, moved = self._reader.poll(limit, timeout)
        kept = [record for record in records if record.offset < self._ends.get((record.topic, record.partition), 0)]
        reached = {where: min(at, self._ends[where]) for where, at in moved.items() if where in self._reading}
        self._positions.update(reached)
        if any(at == self._ends[where] for where, at in reached.items()):
            self._aim()
        return kept, reached

    def close(self) -> None:
        self._reader.close()


class Readable(Protocol):
    """What is read: a log, or one that several read together (chassis/shared.py)."""

    def reader(self) -> TopicReader: ...

    def partitions(self, topic: str) -> int: ...

    def bounds(self, topic: str, partition: int) -> tuple[int, int]: ...


class BoundedLog:
    """`log` up to some ends; `until` moves them on. What would write, or take part in a group, is refused."""

    def __init__(self, log: Readable) -> None:
        self._log = log
        self._ends: Mapping[TopicPartition, int] = {}
        self._readers: list[_BoundedReader] = []

    def until(self, ends: Mapping[TopicPartition, int]) -> None:
        """Read up to these offsets and no further; a partition that is not named is not read."""
        self._ends = ends
        for reader in self._readers:
            reader.until(ends)

    def reader(self) -> _BoundedReader:
        """A reader of what lies before the ends."""
        made = _BoundedReader(self._log.reader(), self._ends)
        self._readers.append(made)
        return made

    def partitions(self, topic: str) -> int:
        return self._log.partitions(topic)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        first, _ = self._log.bounds(topic, partition)
        return first, self._ends.get((topic, partition), 0)

    def consumer(self, group: str, topic: str) -> Never:
        """Raises LogError."""
        raise LogError(f"what is made again takes no part in the group {group}")

    def producer(self, transactional_id: str) -> Never:
        """Raises LogError."""
        raise LogError(f"what is made again writes nothing, not even as {transactional_id}")
