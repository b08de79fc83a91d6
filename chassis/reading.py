"""Reading a service's store from outside its loop: a stream's state and history, and what a door message caused.

Never writes. What is read is as old as the follower is behind; every answer says how far it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, LifoQueue
from typing import Any, LiteralString

from psycopg.errors import UndefinedTable

from chassis.horizon import Horizon
from chassis.kafka import partition_of
from chassis.service import Service
from chassis.snapshots import restore, state_version
from chassis.store import NoTables, Recorded, Store, StoreAway, unpack
from chassis.stream import Stream
from contracts.ids import split_stream
from contracts.message import CATALOGUE, Event, parse_instant

__all__ = ["READERS_MAX", "Followed", "History", "Known", "Reads", "Seen"]

READERS_MAX = 4
"""Connections of one process to one service's store."""

READER_WAIT_SECONDS = 5.0
"""How long a caller waits for one of them."""

HISTORY_MAX = 2_000
"""Events of a stream that one answer shows; the rest follows by `after`."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How far an answer goes: of each partition of a topic that it rests on, the offset before which everything is in
    it. `age_seconds` is the age of the oldest event that is not; 0 as long as none is known."""

    topic: str
    offsets: Mapping[int, int]
    age_seconds: float

    def document(self) -> dict[str, Any]:
        """As every read says it."""
        offsets = {str(number): offset for number, offset in sorted(self.offsets.items())}
        return {"topic": self.topic, "offsets": offsets, "age_seconds": round(self.age_seconds, 3)}


@dataclass(frozen=True, slots=True)
class Seen:
    """A stream, and how far it was followed. `at`: it is shown as it was recorded then."""

    stream: Stream
    followed: Followed
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Events of a stream in order, and whether there are more."""

    events: Sequence[Recorded]
    more: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A door message that was taken: its body's digest, where, and the events that it caused."""

    digest: str
    stream: str
    events: Sequence[Event]


class _ReadStore(Store):
    """A store with the questions that only readers ask."""

    def ask(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        try:
            return self._fetch(query, parameters)
        except UndefinedTable as error:
            raise NoTables(f"{self.schema} has no tables yet: its service was never started") from error


class Reads:
    """The store of one service, for several readers at once. Methods raise StoreAway while it does not answer."""

    def __init__(self, url: str, service: Service, partitions: int, horizon: Horizon | None = None) -> None:
        """`horizon`: by which answers say how old they are."""
        self._service, self._partitions, self._horizon = service, partitions, horizon or Horizon()
        make: Callable[[], _ReadStore] = lambda: _ReadStore(url, service.schema, service.events)  # noqa: E731
        self._free: LifoQueue[_ReadStore] = LifoQueue()
        for _ in range(READERS_MAX):
            self._free.put(make())

    @contextmanager
    def _reader(self) -> Iterator[_ReadStore]:
        try:
            store = self._free.get(timeout=READER_WAIT_SECONDS)
        except Empty as error:
            raise StoreAway(f"all {READERS_MAX} readers of {self._service.name} are busy") from error
        try:
            yield store
        finally:
            self._free.put(store)

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        """The rows of a read model of the service."""
        with self._reader() as store:
            return store.ask(query, parameters)

    def stream(self, name: str) -> Seen:
        """A stream's state, from its snapshot and the events after it; version 0 where nothing happened yet."""
        kind = self._service.by_kind[split_stream(name)[0]]
        partition = partition_of(name.encode(), self._partitions)
        with self._reader() as store:
            try:
                loaded = store.load({name: state_version(kind)}, [partition])
            except UndefinedTable as error:
                raise NoTables(f"{store.schema} has no tables yet: its service was never started") from error
        state = restore(kind, name, loaded.snapshots.get(name), loaded.events.get(name, ()))
        return Seen(state, self._followed({partition: loaded.tracked.get(partition, 0)}))

    def followed(self, name: str) -> Followed:
        """How far the store is with the partition of a stream."""
        partition = partition_of(name.encode(), self._partitions)
        rows = self.rows(
            "select position from tracking where topic = %s and partition = %s", [self._service.events, partition]
        )
        return self._followed({partition: rows[0][0] if rows else 0})

    def followed_by(self, projection: str) -> Followed:
        """How far a projection over the service's own events is."""
        rows = self.rows(
            "select partition, position from projection_tracking where projection = %s and topic = %s",
            [projection, self._service.events],
        )
        return self._followed({**dict.fromkeys(range(self._partitions), 0), **dict(rows)})

    def _followed(self, offsets: Mapping[int, int]) -> Followed:
        return Followed(self._service.events, offsets, self._horizon.age(self._service.events, offsets))

    def history(self, name: str, after: int = 0) -> History:
        """Events of a stream after a version, HISTORY_MAX at most."""
        rows = self.rows(
            "select originator_version, topic, state from events where originator_id = %s and originator_version > %s"
            " order by originator_version limit %s",
            [name, after, HISTORY_MAX + 1],
        )
        events = [unpack(name, version, kind, bytes(state)) for version, kind, state in rows]
        return History(events[:HISTORY_MAX], len(events) > HISTORY_MAX)

    def events(self, name: str, until: datetime | int | None = None) -> Iterator[Recorded]:
        """All events of a stream in order, up to those recorded at `until` (an instant, or an offset of the stream's
        partition), fetched HISTORY_MAX at a time."""
        after, more = 0, True
        while more:
            page = self.history(name, after)
            for event in page.events:
                if until is not None and _is_after(event, until):
                    return
                yield event
            after, more = after + len(page.events), page.more

    def stream_as_recorded(self, name: str, at: datetime | int) -> Seen:
        """A stream as it was recorded at a moment, or at an offset of its partition; version 0 where nothing had
        happened by then. How far it was followed is asked first, so that no event before that is missing."""
        kind = self._service.by_kind[split_stream(name)[0]]
        followed = self.followed(name)
        state = restore(kind, name, None, tuple(self.events(name, at)))
        return Seen(state, followed, state.time if isinstance(at, int) else at)

    def taken(self, message_ids: Sequence[str]) -> frozenset[str]:
        """Those of these door messages that were taken."""
        rows = self.rows("select message_id from door_messages where message_id = any(%s)", [list(message_ids)])
        return frozenset(row[0] for row in rows)

    def known(self, message_id: str) -> Known | None:
        """What came of a door message; None while nothing is known of it."""
        rows = self.rows("select stream, version, digest from door_messages where message_id = %s", [message_id])
        if not rows:
            return None
        stream, version, digest = rows[0]
        caused = [
            CATALOGUE[event.type].decode(event.value)
            for event in self.history(stream, version - 1).events
            if event.headers["ce_causationid"] == message_id
        ]
        return Known(digest, stream, [event for event in caused if isinstance(event, Event)])

    def close(self) -> None:
        """Give the connections back."""
        while not self._free.empty():
            self._free.get().close()


def _is_after(event: Recorded, moment: datetime | int) -> bool:
    if isinstance(moment, int):
        return event.offset > moment
    return parse_instant(event.headers["ce_time"]) > moment
