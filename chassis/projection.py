"""Projections: read models that follow topics into tables of their own, apart from the loop.

Each has its own tracking, moved in the SQL transaction that changes its rows, so it resumes from what it wrote and a
bug in one never stops a loop. Several processes may be willing to run one; an advisory lock lets one do it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, LiteralString, Protocol

import psycopg

from chassis.faultpoints import faultpoint
from chassis.log import LogError, Record, TooManyUnanswered, TopicPartition, TopicReader
from chassis.store import StoreAway, TrackingMoved, connect, making_tables
from contracts.envelope import Envelope, type_named
from contracts.message import CATALOGUE, Event

__all__ = [
    "PROJECTED_MAX",
    "TRACKING",
    "Projection",
    "ProjectionFailed",
    "ProjectionFollower",
    "events_among",
]

PROJECTED_MAX = 2_000
"""Records applied in one SQL transaction."""

LEAD_AGAIN_SECONDS = 2.0
"""Between attempts to become the process that runs a projection, or to reach a database that is away."""

TRACKING: LiteralString = """
create table if not exists projection_tracking (
    projection text, topic text, partition int, position bigint not null, primary key (projection, topic, partition))
"""
"""The table in which every projection of a schema tracks how far it is."""


class ProjectionFailed(Exception):
    """A projection has a defect, or was given what it cannot write; the text says which and what."""


class Projection(Protocol):
    """What a read model is: a name, the topics it follows (without namespace), its tables, and its fold."""

    @property
    def name(self) -> str: ...

    @property
    def topics(self) -> Sequence[str]: ...

    @property
    def tables(self) -> LiteralString: ...

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        """Write what these records, in order within their partitions, change."""


def events_among(records: Iterable[Record], kinds: Sequence[type[Event]]) -> Iterator[tuple[Envelope, Any]]:
    """The events of these kinds, each with its envelope; the others are not read."""
    types = {kind.TYPE for kind in kinds}
    for record in records:
        if record.as_written is not None:
            if record.as_written.envelope.type in types:
                yield record.as_written.envelope, record.as_written.event
        elif (named := type_named(record.headers)) in types:
            yield Envelope.parse(record.headers), CATALOGUE[named].decode(record.value or b"")


class Readers(Protocol):
    """Where a projection's reader comes from: a log, or what hands on what this process wrote itself."""

    def reader(self) -> TopicReader: ...

    def partitions(self, topic: str) -> int: ...


class ProjectionFollower:
    """Runs one projection in a schema. `step` does nothing while another process runs it, and for a while after it
    raised; `waiting` then says why, None as long as all is well."""

    def __init__(self, log: Readers, url: str, schema: str, projection: Projection, namespace: str) -> None:
        prefix = f"{namespace}-" if namespace else ""
        self._log, self._url, self._schema, self._projection = log, url, schema, projection
        self._topics = [f"{prefix}{topic}" for topic in projection.topics]
        self._reader = log.reader()
        self._connection: psycopg.Connection[Any] | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._try_at = 0.0
        self.waiting: str | None = None

    def position(self, topic: str, partition: int) -> int:
        """The next offset to be applied of a topic (with its namespace), as the tables have it; 0 while that is not
        known."""
        return self._positions.get((topic, partition), 0)

    @property
    def leads(self) -> bool:
        """Whether it is this process that runs the projection, as far as the last step knew."""
        return self._connection is not None

    def step(self, timeout: float = 0) -> int:
        """Apply what there is; the number of records.

        Raises StoreAway while the database is away, LogError while the broker is, TooManyUnanswered when this process has
        to end, and ProjectionFailed for anything else. Each time nothing of it is kept, and after a while it begins again
        from where its tables are.
        """
        try:
            return self._step(timeout)
        except (LogError, TooManyUnanswered) as error:
            self._fail(str(error))
            raise
        except (psycopg.OperationalError, TrackingMoved) as error:
            self._fail(f"the projection {self._projection.name} waits: {error}")
            raise StoreAway(self.waiting) from error
        except Exception as error:
            self._fail(f"the projection {self._projection.name} cannot go on: {type(error).__name__}: {error}")
            raise ProjectionFailed(self.waiting) from error

    def _fail(self, why: str) -> None:
        self._drop()
        self.waiting = why

    def _step(self, timeout: float) -> int:
        if self._connection is None and not self._lead():
            return 0
        records, moved = self._reader.poll(PROJECTED_MAX, timeout)
        if moved:
            self._apply(records, moved)
            self.waiting = None
        return len(records)

    def _lead(self) -> bool:
        if time.monotonic() < self._try_at:
            return False
        self._try_at = time.monotonic() + LEAD_AGAIN_SECONDS
        connection = self._connection = connect(self._url, self._schema)
        lock = f"orderlog:{self._schema}:{self._projection.name}"
        row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", [lock]).fetchone()
        if row is None or not row[0]:
            self._drop()
            self.waiting = None
            return False
        with making_tables(connection, self._schema):
            connection.execute(TRACKING)
            connection.execute(self._projection.tables)
        self._assign(connection)
        return True

    def _assign(self, connection: psycopg.Connection[Any]) -> None:
        rows = connection.execute(
            "select topic, partition, position from projection_tracking where projection = %s", [self._projection.name]
        ).fetchall()
        tracked = {(topic, partition): position for topic, partition, position in rows}
        self._positions = {
            (topic, number): tracked.get((topic, number), 0)
            for topic in self._topics
            for number in range(self._log.partitions(topic))
        }
        self._reader.assign(self._positions)

    def _apply(self, records: Sequence[Record], moved: dict[TopicPartition, int]) -> None:
        connection = self._connection
        assert connection is not None
        # The end of an empty partition is told too; a row for it would depend on who was told.
        moves = [
            (*where, self._positions[where], to) for where, to in sorted(moved.items()) if to != self._positions[where]
        ]
        with connection.pipeline(), connection.transaction():
            # Positions first: where others moved them, their rows are there too, and ours would only fail. What follows is
            # sent without waiting for each statement.
            if moves:
                self._move(connection, moves)
            if records:
                self._projection.apply(connection, records)
            faultpoint("projection.applied")
        faultpoint("projection.committed")
        self._positions.update(moved)

    def _move(self, connection: psycopg.Connection[Any], moves: Sequence[tuple[str, int, int, int]]) -> None:
        """Each: topic, partition, the position read from and the one to move to."""
        said: LiteralString = (
            "unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[]) w(topic, partition, read, position)"
        )
        columns = [list(column) for column in zip(*moves, strict=True)]
        changed = connection.execute(
            f"update projection_tracking t set position = w.position from {said} where t.projection = %s"
            " and t.topic = w.topic and t.partition = w.partition and t.position = w.read returning 1",
            [*columns, self._projection.name],
        )
        begun = connection.execute(
            f"insert into projection_tracking select %s, w.topic, w.partition, w.position from {said} where w.read = 0"
            " on conflict do nothing returning 1",
            [self._projection.name, *columns],
        )
        if len(changed.fetchall()) + len(begun.fetchall()) < len(moves):
            places = ", ".join(f"{read} of {topic}/{partition}" for topic, partition, read, _ in moves)
            raise TrackingMoved(f"{self._projection.name} is no longer at {places}")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            # Nothing is read for it until it leads again: others that read the same are not kept waiting.
            self._reader.assign({})

    def close(self) -> None:
        """Let the lock and the clients go."""
        self._drop()
        self._reader.close()
