"""One client that reads topics for several followers, each of which gets every record of what it asked for: made a record of
once, however many want it.

The readers take turns. Whoever comes first reads a batch, and the others find theirs waiting; one that lies behind the
others is caught up with by reading again from where it is, and one that lies far behind reads by a client of its own until
it is near. Nothing here knows a table, nor where to stop (chassis/bounded.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.bounded import Readable
from chassis.log import Record, TopicPartition, TopicReader

__all__ = ["FAR_MAX", "WAITING_MAX", "SharedLog"]

WAITING_MAX = 10_000
"""Records that wait for one reader: nothing more is read until it has taken them."""


FAR_MAX = 10_000
"""Records that one may lie behind another to be waited for by it: a moment's reading."""


class SharedLog:
    """The readers of `log`, all of which read through one of its own."""

    def __init__(self, log: Readable) -> None:
        self._log = log
        self._reader: TopicReader | None = None
        self._at: dict[TopicPartition, int] = {}
        self._unwanted = False
        self._readers: list[_SharedReader] = []

    def reader(self) -> _SharedReader:
        """One more reader."""
        made = _SharedReader(self)
        self._readers.append(made)
        return made

    def partitions(self, topic: str) -> int:
        return self._log.partitions(topic)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return self._log.bounds(topic, partition)

    def read(self, limit: int, timeout: float) -> None:
        """Give every reader what comes next, unless one of them has not taken what waits for it."""
        self._aim()
        if self._reader is None or any(each.waiting > WAITING_MAX for each in self._together()):
            return
        records, moved = self._reader.poll(limit, timeout)
        self._at.update(moved)
        read: dict[TopicPartition, list[Record]] = {where: [] for where in moved}
        for record in records:
            read[record.topic, record.partition].append(record)
        for where, batch in read.items():
            wanting = [each for each in self._together() if where in each.positions]
            for each in wanting:
                each.give(where, batch, moved[where])
            if batch and not wanting:
                self._unwanted = True

    def _aim(self) -> None:
        """Have the client read on from where the reader is that lies furthest behind. A partition that nobody wants any
        more is left to itself until something comes of it: to assign again throws away what was fetched."""
        wanted: dict[TopicPartition, int] = {}
        for each in self._together():
            for where, position in each.positions.items():
                wanted[where] = min(position, wanted.get(where, position))
        if self._unwanted or any(self._at.get(where) != position for where, position in wanted.items()):
            self._reader = self._reader or self._log.reader()
            self._reader.assign(wanted)
            self._at, self._unwanted = wanted, False

    def _together(self) -> list[_SharedReader]:
        return [each for each in self._readers if not each.apart]

    def is_far(self, reader: _SharedReader) -> bool:
        """Whether it lies so far behind another one, of those that read together, that it is not waited for."""
        return any(_behind(reader.positions, each.positions) > FAR_MAX for each in self._together())

    def open(self) -> TopicReader:
        """A client for one reader alone."""
        return self._log.reader()

    def left(self, reader: _SharedReader) -> None:
        """A reader was closed, once or again; with the last of them the client is."""
        self._readers = [each for each in self._readers if each is not reader]
        if not self._readers and self._reader is not None:
            self._reader.close()
            self._reader, self._at = None, {}


def _behind(one: Mapping[TopicPartition, int], other: Mapping[TopicPartition, int]) -> int:
    """How many records one lies behind the other, of what both read."""
    return sum(max(0, other[where] - position) for where, position in one.items() if where in other)


class _SharedReader:
    """A TopicReader (chassis/log.py). `positions` is how far it was given; `waiting` is how many records it has not taken."""

    def __init__(self, shared: SharedLog) -> None:
        self._shared = shared
        self._own: TopicReader | None = None
        self._records: list[Record] = []
        self._moved: dict[TopicPartition, int] = {}
        self.positions: dict[TopicPartition, int] = {}

    @property
    def waiting(self) -> int:
        return len(self._records)

    @property
    def apart(self) -> bool:
        """Whether it reads by a client of its own."""
        return self._own is not None

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        self._join()
        self.positions = dict(positions)
        self._records, self._moved = [], {}

    def _join(self) -> None:
        if self._own is not None:
            self._own.close()
            self._own = None

    def _look(self) -> None:
        """Read apart while it is far, and with the others while it is not."""
        if not self._shared.is_far(self):
            self._join()
        elif self._own is None:
            self._own = self._shared.open()
            self._own.assign(self.positions)

    def give(self, where: TopicPartition, batch: Sequence[Record], position: int) -> None:
        """What was read of a partition that it wants, and the position after that; it may have been given some of it before."""
        at = self.positions[where]
        if position <= at:
            return
        self._records += batch if not batch or batch[0].offset >= at else [one for one in batch if one.offset >= at]
        self.positions[where] = self._moved[where] = position

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        """All that waits, which is what one poll of the others brought, or the next records."""
        if not self._moved:
            self._look()
        if self._own is not None:
            read, to = self._own.poll(limit, timeout)
            self.positions.update(to)
            return read, to
        if self.positions and not self._moved:
            self._shared.read(limit, timeout)
        records, moved = self._records, self._moved
        self._records, self._moved = [], {}
        return records, moved

    def close(self) -> None:
        self._join()
        self._shared.left(self)
