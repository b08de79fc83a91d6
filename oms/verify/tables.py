"""I-15 and I-16: the services' tables, as of one moment, against the topics up to the position that they name.

The tables are looked at before the topics are read: whatever they hold was in the topics then. Whether a whole rebuild
comes to the same tables is what `oms rebuild` proves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

import orjson
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from oms.verify.findings import Findings
from oms.verify.reading import EVENT, Reading
from oms.verify.records import Partition, Place, Unreadable
from oms.verify.spill import Spill
from oms.verify.stories import SERVICES

__all__ = ["Position", "PostgresTables", "Row", "Snapshot", "Tables", "check_tables", "keep_tables"]

ROWS_AT_ONCE = 5_000
CONNECT_SECONDS = 5


class Position(NamedTuple):
    """How far a service's tables have followed a partition: the next offset, and the hash of the last event."""

    partition: int
    next: int
    head: str


class Row(NamedTuple):
    """An event as a service keeps it."""

    stream: str
    version: int
    partition: int
    offset: int
    value: bytes


class Snapshot(Protocol):
    """All tables as of one moment. Raises Unreadable."""

    def positions(self, service: str) -> Iterable[Position]: ...

    def events(self, service: str) -> Iterable[Row]: ...

    def deadlines(self, service: str) -> Iterable[tuple[str, str, int]]:
        """Stream, name and due time of each open one."""


class Tables(Protocol):
    """Where snapshots come from."""

    def snapshot(self) -> AbstractContextManager[Snapshot]: ...


class PostgresTables:
    """The database of an installation. Every service has a schema of its own there."""

    def __init__(self, address: str, namespace: str = "") -> None:
        self._address, self._prefix = address, namespace or "orderlog"

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See Tables.snapshot."""
        try:
            connection = psycopg.connect(make_conninfo(self._address, connect_timeout=CONNECT_SECONDS))
        except psycopg.Error as error:
            raise Unreadable(f"the database does not answer: {' '.join(str(error).split())}") from error
        with connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield _PostgresSnapshot(connection, self._prefix)


class _PostgresSnapshot:
    def __init__(self, connection: psycopg.Connection[tuple[object, ...]], prefix: str) -> None:
        self._connection, self._prefix = connection, prefix

    def _rows(self, query: str, service: str) -> Iterator[tuple[object, ...]]:
        named = sql.SQL(query).format(sql.Identifier(f"{self._prefix}_{service}"))
        try:
            with self._connection.cursor(name=f"verify_{service}") as cursor:
                cursor.itersize = ROWS_AT_ONCE
                cursor.execute(named)
                yield from cursor
        except psycopg.Error as error:
            raise Unreadable(f"the tables of {service} cannot be read: {' '.join(str(error).split())}") from error

    def positions(self, service: str) -> Iterator[Position]:
        for partition, position, head in self._rows("select partition, position, head from {}.tracking", service):
            assert isinstance(partition, int)
            assert isinstance(position, int)
            yield Position(partition, position, str(head))

    def events(self, service: str) -> Iterator[Row]:
        query = "select originator_id, originator_version, state from {}.events"
        for stream, version, state in self._rows(query, service):
            assert isinstance(version, int)
            assert isinstance(state, bytes)
            line, _, value = state.partition(b"\n")
            place = orjson.loads(line)
            yield Row(str(stream), version, place["partition"], place["offset"], value)

    def deadlines(self, service: str) -> Iterator[tuple[str, str, int]]:
        query = "select stream, name, to_char(due at time zone 'UTC', 'YYYYMMDDHH24MISSMS') from {}.deadlines"
        for stream, name, due in self._rows(query, service):
            yield str(stream), str(name), int(str(due))


def keep_tables(snapshot: Snapshot, spill: Spill) -> Mapping[tuple[str, int], Position]:
    """Copy what is to be compared; how far each service has followed each partition."""
    spill.clear("stored")
    spill.clear("stored_deadlines")
    positions: dict[tuple[str, int], Position] = {}
    for number, service in enumerate(SERVICES):
        for position in snapshot.positions(service):
            positions[service, position.partition] = position
        for row in snapshot.events(service):
            spill.add("stored", (number, hash(row.stream), row.version, row.partition, row.offset, hash(row.value)))
        for stream, name, due in snapshot.deadlines(service):
            spill.add("stored_deadlines", (number, stream, name, due))
    return positions


def check_tables(
    positions: Mapping[tuple[str, int], Position],
    reading: Reading,
    spill: Spill,
    findings: Findings,
    rest_before: int,
) -> None:
    """Compare, each partition up to where its tables have followed it."""
    topics = {topic: number for number, topic in enumerate(reading.topics)}
    followed = [
        (topics[f"{service}.events"], SERVICES.index(service), number, found.next)
        for (service, number), found in positions.items()
    ]
    spill.replace("followed", ("topic", "service", "part", "next"), followed)
    _compare_events(reading, spill, findings)
    _compare_deadlines(reading, spill, findings)
    _compare_positions(positions, reading, spill, findings, rest_before)


_THERE = f"""
    select f.service, r.topic, r.part, r.off, r.stream, r.seq, r.value, r.time from records r
    join followed f on f.topic = r.topic and f.part = r.part where r.kind = {EVENT} and r.off < f.next
"""


def _compare_events(reading: Reading, spill: Spill, findings: Findings) -> None:
    findings.checked["I-15 events"] += spill.count(f"select count(*) from ({_THERE})", {})
    query = f"""
        select t.topic, t.part, t.off from ({_THERE}) t anti join stored s on s.topic = t.service
        and s.stream = t.stream and s.seq = t.seq and s.part = t.part and s.off = t.off and s.value = t.value
    """
    count, first = spill.breaks(query, {})
    if first is not None:
        what = "its service's table has it otherwise, or not"
        findings.broken("I-15 events", what, Place(reading.topics[first[0]], first[1], first[2]), count)
    query = f"""
        select s.topic, s.part, s.off, s.seq, r.off is not null as other from stored s
        anti join ({_THERE}) t on t.service = s.topic and t.part = s.part and t.off = s.off and t.seq = s.seq
        left join followed f on f.service = s.topic and f.part = s.part
        left join records r on r.topic = f.topic and r.part = s.part and r.off = s.off and r.kind = {EVENT}
    """
    for count, service, part, off, version, other in spill.ask(_first_of(query)):
        what = f"the table of {SERVICES[service]} has an event of version {version} of {part}/{off} that is not there"
        place = Place(f"{SERVICES[service]}.events", part, off) if other else None
        findings.broken("I-15 events", what, place, count)


def _first_of(query: str) -> str:
    """The first row that a query finds, and before it how many there are."""
    return f"select count(*) over (), * from ({query}) order by all limit 1"


def _compare_deadlines(reading: Reading, spill: Spill, findings: Findings) -> None:
    """An event says only what changed, so the last that any says of a deadline is how it stands."""
    open_there = """
        select f.service, d.stream, d.name, arg_max(d.due, d.off) as due, any_value(d.topic) as topic,
            any_value(d.part) as part, max(d.off) as off from deadlines d
        join followed f on f.topic = d.topic and f.part = d.part where d.off < f.next
        group by f.service, d.stream, d.name having arg_max(d.due, d.off) <> 0
    """
    ever = "select distinct d.topic, d.stream, d.name from deadlines d join followed f on f.topic = d.topic and f.part = d.part"
    findings.checked["I-15 deadlines"] += spill.count(f"select count(*) from ({ever})", {})
    query = f"""
        select coalesce(t.service, s.topic), coalesce(t.stream, s.stream), coalesce(t.name, s.name), t.due, s.due,
            t.topic, t.part, t.off
        from ({open_there}) t full join stored_deadlines s
        on s.topic = t.service and s.stream = t.stream and s.name = t.name
        where t.due is distinct from s.due
    """
    for count, service, stream, name, there, stored, *at in spill.ask(_first_of(query)):
        what = f"{stream} waits for {name} until {there} by its events, {stored} by the table of {SERVICES[service]}"
        place = None if at[0] is None else Place(reading.topics[at[0]], at[1], at[2])
        findings.broken("I-15 deadlines", what, place, count)


def _compare_positions(
    positions: Mapping[tuple[str, int], Position],
    reading: Reading,
    spill: Spill,
    findings: Findings,
    rest_before: int,
) -> None:
    """The head is that of the last event before the position; what lies after it must be younger than the grace."""
    for topic, number in reading.bounds:
        service, _, kind = topic.partition(".")
        if kind != "events":
            continue
        found = positions.get((service, number))
        if found is None:
            last = reading.last_event(Partition(topic, number))
            what = f"the tables of {service} never followed {topic}/{number}, which ends with this"
            findings.expect("I-16 tables", last is None, what, last)
            continue
        head = reading.head_at(Partition(topic, number), found.next)
        if head is not None:
            last = reading.last_event(Partition(topic, number))
            what = (
                f"the tables of {service} are at {number}/{found.next} with the hash {found.head}, the topic has {head}"
            )
            findings.expect("I-16 tables", head == found.head, what, last)
    late = f"""
        select r.topic, r.part, r.off from records r join followed f on f.topic = r.topic and f.part = r.part
        where r.kind = {EVENT} and r.off >= f.next and r.time < $rest
    """
    count, first = spill.breaks(late, {"rest": rest_before})
    if first is not None:
        what = "its service's tables have not followed it yet"
        findings.broken("I-16 tables", what, Place(reading.topics[first[0]], first[1], first[2]), count)
