"""The loop's tables in PostgreSQL: events, tracking, open deadlines, snapshots, door messages.

They follow the events topic and can be thrown away: only the follower writes here, and what it writes is a function of
the topic. The table of events is the one of the `eventsourcing` library's aggregate recorder; batch load, insert by
one `unnest` a batch and conditional tracking are ours (docs/adr/0003). `synchronous_commit` is off: what a crash of
the database takes back, tracking takes back with it, and the follower reads it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString, Protocol, TypeVar

import orjson
import psycopg
from eventsourcing.persistence import PersistenceError
from eventsourcing.postgres import PostgresAggregateRecorder, PostgresDatastore
from psycopg import sql
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import _WaitTimeout

__all__ = [
    "CONNECT_TIMEOUT",
    "DueDeadline",
    "Followed",
    "Loaded",
    "NoTables",
    "Recorded",
    "Slot",
    "Store",
    "StoreAway",
    "StoreBehind",
    "StoredRow",
    "StreamStore",
    "TrackingMoved",
    "connect",
    "making_tables",
    "pack",
    "unpack",
]

RV = TypeVar("RV")

CONNECT_TIMEOUT = 3
"""Seconds to wait for the database before saying that it is away."""

STATEMENT_TIMEOUT_MS = 30_000

ANSWER_TIMEOUT = 35.0
"""Seconds to wait for an answer. Longer than a statement may take: a server that hangs does not even say that."""

_TABLES = """
create table if not exists tracking (
    topic text, partition int, position bigint not null, head text not null, primary key (topic, partition));
create table if not exists deadlines (
    stream text, name text, partition int not null, due timestamptz not null, cause_id text not null,
    correlation_id text not null, tenant text not null, primary key (stream, name));
create index if not exists deadlines_due on deadlines (partition, due);
create table if not exists snapshots (
    stream text primary key, version bigint not null, state_version text not null, state bytea not null);
create table if not exists door_messages (
    message_id text primary key, stream text not null, version bigint not null, digest text not null);
"""


_WANTED: LiteralString = "unnest(%s::text[], %s::text[]) w(stream, state_version)"
_SNAPSHOT: LiteralString = "snapshots s on s.stream = w.stream and s.state_version = w.state_version"

BEGINNING = datetime.min.replace(tzinfo=UTC)


class StoreAway(Exception):
    """The database does not answer; nothing is lost, and whoever needs it waits."""


class NoTables(StoreAway):
    """The database answers, but the service was never started on it."""


class StoreBehind(StoreAway):
    """The database answers, and has not followed as far as it must for this: it is asked again in a moment."""


class TrackingMoved(Exception):
    """Somebody else moved this partition's tracking: another follower is at work, and this one must stop."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the store keeps it: enough to fold it, and to show it."""

    stream: str
    version: int
    type: str
    headers: Mapping[str, str]
    value: bytes
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class StoredRow:
    """What one event changes in the tables, computed by the follower."""

    event: Recorded
    deadlines: Mapping[str, datetime | None]
    door_digest: str | None


@dataclass(frozen=True, slots=True)
class Followed:
    """What a partition was followed through: from the offset `read` to before `position`, the hash of the last event up to
    there, and what its events change."""

    partition: int
    read: int
    position: int
    head: str
    rows: Sequence[StoredRow]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Streams as of one moment of the database: tracked positions, snapshots, and the events after them."""

    tracked: Mapping[int, int]
    snapshots: Mapping[str, tuple[int, bytes]]
    events: Mapping[str, Sequence[Recorded]]


@dataclass(frozen=True, slots=True)
class DueDeadline:
    """An open deadline whose time has come."""

    stream: str
    name: str
    due: datetime
    partition: int
    cause_id: str
    correlation_id: str
    tenant: str


class StreamStore(Protocol):
    """What the loop and the follower use of a store. Methods raise StoreAway while it does not answer."""

    def tracked(self, partition: int) -> tuple[int, str]:
        """Position (the next offset to be applied) and hash of the last event; a partition never followed is at 0."""

    def load(self, wanted: Mapping[str, str], partitions: Sequence[int]) -> Loaded:
        """Snapshot and later events of streams (name: state version), with what is tracked at the same moment."""

    def due(
        self, partitions: Sequence[int], now: datetime, limit: int, after: DueDeadline | None = None
    ) -> list[DueDeadline]:
        """Open deadlines of these partitions that are due, the oldest first; those that come `after` one, if given."""

    def apply(self, followed: Sequence[Followed], snapshots: Mapping[str, tuple[int, str, bytes]]) -> None:
        """Write what events change, and move tracking of each partition from where it was read, all or nothing.

        Raises TrackingMoved when tracking of one of them is not there any more.
        """


class _Connection(psycopg.Connection[Any]):
    """A connection that gives up on a server that hangs, whose sockets stay open all the same."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, ANSWER_TIMEOUT if timeout is None else timeout)
        except _WaitTimeout as error:
            self.close()
            raise psycopg.OperationalError(f"it has not answered for {ANSWER_TIMEOUT:.0f} s") from error


def connect(url: str, schema: str) -> psycopg.Connection[Any]:
    """A connection to a service's schema, in which nothing waits without end; raises psycopg.OperationalError."""
    return _Connection.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT,
        options=f"-c search_path={schema} -c synchronous_commit=off"
        f" -c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC",
    )


@contextmanager
def making_tables(connection: psycopg.Connection[Any], schema: str) -> Iterator[None]:
    """Make the schema, then its tables one process after the other: `if not exists` fails where two begin at once."""
    lock = [f"orderlog:{schema}:tables"]
    connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", lock)
    try:
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
        yield
    finally:
        connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", lock)


def pack(event: Recorded) -> bytes:
    """The `state` of an event's row: place and headers as one JSON line, then the value as it came."""
    line = orjson.dumps({"partition": event.partition, "offset": event.offset, "headers": event.headers})
    return line + b"\n" + event.value


def unpack(stream: str, version: int, kind: str, state: bytes) -> Recorded:
    """The event of a row."""
    line, _, value = state.partition(b"\n")
    place = orjson.loads(line)
    return Recorded(stream, version, kind, place["headers"], value, place["partition"], place["offset"])


class Slot:
    """A numbered place among the processes of a service, held by an advisory lock for as long as its connection."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], name: str, number: int) -> None:
        self._connect, self._name, self.number = connect, f"{name}:{number}", number
        self._connection = connect()

    def take(self) -> bool:
        """Lock it; False when another holds it."""
        query = "select pg_try_advisory_lock(hashtextextended(%s, 0))"
        row = self._connection.execute(query, [self._name]).fetchone()
        return row is not None and bool(row[0])

    def held(self) -> bool:
        """Whether the lock is ours; where the database forgot it, it is taken again. Raises StoreAway.

        Whoever had it in between has fenced our producer, so nothing is written twice.
        """
        try:
            self._connection.execute("select 1")
            return True
        except psycopg.OperationalError:
            self._connection.close()
        self._connection = self._connect()
        return self.take()

    def release(self) -> None:
        self._connection.close()


class Store:
    """One service's tables, in a schema of its own. Methods raise StoreAway while the database is away."""

    def __init__(self, url: str, schema: str, topic: str) -> None:
        self._url, self.schema, self._topic = url, schema, topic
        self._connection: psycopg.Connection[Any] | None = None

    def create(self) -> None:
        """Make the schema and the tables that are missing."""
        connection = self._connect()
        try:
            with making_tables(connection, self.schema):
                self._create_events()
                connection.execute(_TABLES)
        except (psycopg.OperationalError, PersistenceError) as error:
            raise self._away(error) from error

    def _create_events(self) -> None:
        known = conninfo_to_dict(self._url)
        datastore = PostgresDatastore(
            dbname=f"{known.get('dbname', 'postgres')}",
            host=str(known.get("host", "127.0.0.1")),
            port=str(known.get("port", 5432)),
            user=str(known.get("user", "postgres")),
            password=str(known.get("password", "")),
            schema=self.schema,
            originator_id_type="text",
        )
        with datastore:
            if self._has_events():
                return
            PostgresAggregateRecorder(datastore, events_table_name="events").create_table()

    def _has_events(self) -> bool:
        row = self._connect().execute("select to_regclass(%s)", [f'"{self.schema}".events']).fetchone()
        return row is not None and row[0] is not None

    def drop(self) -> None:
        """Throw the schema away, before a rebuild."""
        try:
            self._connect().execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(self.schema)))
        except psycopg.OperationalError as error:
            raise self._away(error) from error

    def claim_slot(self, limit: int) -> Slot:
        """The first free slot below `limit`; raises StoreAway, or LookupError when all are taken."""
        for number in range(limit):
            slot = Slot(self._open, f"orderlog:{self.schema}", number)
            if slot.take():
                return slot
            slot.release()
        raise LookupError(f"all {limit} slots of {self.schema} are taken: as many processes run as there may be")

    def tracked(self, partition: int) -> tuple[int, str]:
        """Position (the next offset to be applied) and hash of the last event; a partition never followed is at 0."""
        query = "select position, head from tracking where topic = %s and partition = %s"
        rows = self._fetch(query, [self._topic, partition])
        return (rows[0][0], rows[0][1]) if rows else (0, "0" * 64)

    def load(self, wanted: Mapping[str, str], partitions: Sequence[int]) -> Loaded:
        """Snapshot and later events of streams (name: state version), with what is tracked in the same SQL snapshot."""
        names, versions = list(wanted), list(wanted.values())
        connection = self._connect()
        try:
            with connection.pipeline(), connection.transaction():
                connection.execute("set transaction isolation level repeatable read, read only")
                tracked = connection.execute(
                    "select partition, position from tracking where topic = %s and partition = any(%s)",
                    [self._topic, list(partitions)],
                )
                snapshots = connection.execute(
                    f"select s.stream, s.version, s.state from {_WANTED} join {_SNAPSHOT}", [names, versions]
                )
                events = connection.execute(
                    f"select e.originator_id, e.originator_version, e.topic, e.state from {_WANTED} left join {_SNAPSHOT}"
                    " join events e on e.originator_id = w.stream and e.originator_version > coalesce(s.version, 0)"
                    " order by e.originator_id, e.originator_version",
                    [names, versions],
                )
            by_stream: dict[str, list[Recorded]] = {}
            for stream, version, kind, state in events.fetchall():
                by_stream.setdefault(stream, []).append(unpack(stream, version, kind, bytes(state)))
            found = {stream: (version, bytes(state)) for stream, version, state in snapshots.fetchall()}
            return Loaded(dict(tracked.fetchall()), found, by_stream)
        except psycopg.OperationalError as error:
            raise self._away(error) from error

    def due(
        self, partitions: Sequence[int], now: datetime, limit: int, after: DueDeadline | None = None
    ) -> list[DueDeadline]:
        """Open deadlines of these partitions that are due, the oldest first; those that come `after` one, if given."""
        since, stream, name = (after.due, after.stream, after.name) if after else (BEGINNING, "", "")
        rows = self._fetch(
            "select stream, name, due, partition, cause_id, correlation_id, tenant from deadlines"
            " where partition = any(%s) and due <= %s and (due, stream, name) > (%s, %s, %s)"
            " order by due, stream, name limit %s",
            [list(partitions), now, since, stream, name, limit],
        )
        return [DueDeadline(*row) for row in rows]

    def apply(self, followed: Sequence[Followed], snapshots: Mapping[str, tuple[int, str, bytes]]) -> None:
        """Write what events change, and move tracking of each partition from where it was read, all or nothing.

        Raises TrackingMoved when tracking of one of them is not there any more.
        """
        connection = self._connect()
        rows = [(partition.partition, row) for partition in followed for row in partition.rows]
        try:
            # Statements are sent without waiting for each, but for the first two: were tracking moved, nothing is written.
            with connection.pipeline(), connection.transaction():
                self._move(connection, followed)
                if rows:
                    self._insert(connection, [row.event for _, row in rows])
                    self._deadlines(connection, rows)
                    self._doors(connection, [row for _, row in rows])
                if snapshots:
                    connection.execute(
                        "insert into snapshots select * from unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[])"
                        " on conflict (stream) do update set version = excluded.version,"
                        " state_version = excluded.state_version, state = excluded.state",
                        [list(snapshots), *map(list, zip(*snapshots.values(), strict=True))],
                    )
        except psycopg.OperationalError as error:
            raise self._away(error) from error

    def _move(self, connection: psycopg.Connection[Any], followed: Sequence[Followed]) -> None:
        moves = [
            [each.partition for each in followed],
            [each.read for each in followed],
            [each.position for each in followed],
            [each.head for each in followed],
        ]
        said: LiteralString = (
            "unnest(%s::int[], %s::bigint[], %s::bigint[], %s::text[]) w(partition, read, position, head)"
        )
        changed = connection.execute(
            f"update tracking t set position = w.position, head = w.head from {said}"
            " where t.topic = %s and t.partition = w.partition and t.position = w.read returning 1",
            [*moves, self._topic],
        )
        begun = connection.execute(
            f"insert into tracking select %s, w.partition, w.position, w.head from {said} where w.read = 0"
            " on conflict do nothing returning 1",
            [self._topic, *moves],
        )
        if len(changed.fetchall()) + len(begun.fetchall()) < len(followed):
            places = ", ".join(f"{each.partition} at {each.read}" for each in followed)
            raise TrackingMoved(
                f"{self.schema}: one of the partitions {places} is not there any more; another follows it"
            )

    def _insert(self, connection: psycopg.Connection[Any], events: Sequence[Recorded]) -> None:
        connection.execute(
            # As they are: what is bytes would be sent as text of twice the length, made by a search in each for quotes.
            "insert into events select * from unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[])",
            [
                [event.stream for event in events],
                [event.version for event in events],
                [event.type for event in events],
                [pack(event) for event in events],
            ],
        )

    def _deadlines(self, connection: psycopg.Connection[Any], rows: Sequence[tuple[int, StoredRow]]) -> None:
        last: dict[tuple[str, str], tuple[int, datetime | None, Recorded]] = {}
        for partition, row in rows:
            for name, due in row.deadlines.items():
                last[(row.event.stream, name)] = (partition, due, row.event)
        if not last:
            return
        connection.execute(
            "delete from deadlines d using unnest(%b::text[], %b::text[]) w(stream, name)"
            " where d.stream = w.stream and d.name = w.name",
            [[stream for stream, _ in last], [name for _, name in last]],
        )
        kept = [(stream, name, *said) for (stream, name), said in last.items() if said[1] is not None]
        if kept:
            connection.execute(
                "insert into deadlines select w.stream, w.name, w.partition, w.due, w.cause, w.correlation, w.tenant from"
                " unnest(%b::text[], %b::text[], %b::int[], %b::timestamptz[], %b::text[], %b::text[], %b::text[])"
                " w(stream, name, partition, due, cause, correlation, tenant)",
                [
                    [stream for stream, *_ in kept],
                    [name for _, name, *_ in kept],
                    [partition for _, _, partition, _, _ in kept],
                    [due for _, _, _, due, _ in kept],
                    [event.headers["ce_id"] for *_, event in kept],
                    [event.headers["ce_correlationid"] for *_, event in kept],
                    [event.headers["ce_tenant"] for *_, event in kept],
                ],
            )

    def _doors(self, connection: psycopg.Connection[Any], rows: Sequence[StoredRow]) -> None:
        doors = [row for row in rows if row.door_digest is not None]
        if doors:
            connection.execute(
                "insert into door_messages select * from unnest(%b::text[], %b::text[], %b::bigint[], %b::text[])"
                " on conflict do nothing",
                [
                    [row.event.headers["ce_causationid"] for row in doors],
                    [row.event.stream for row in doors],
                    [row.event.version for row in doors],
                    [row.door_digest for row in doors],
                ],
            )

    def _fetch(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        try:
            return self._connect().execute(query, parameters).fetchall()
        except psycopg.OperationalError as error:
            raise self._away(error) from error

    def _open(self) -> psycopg.Connection[Any]:
        try:
            return connect(self._url, self.schema)
        except psycopg.OperationalError as error:
            raise self._away(error) from error

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    def _away(self, error: Exception) -> StoreAway:
        self.close()
        return StoreAway(f"the database is away: {str(error).strip().splitlines()[0]}")

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
