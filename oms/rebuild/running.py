"""A service's tables made again beside the live ones, compared at one moment of the live database, and put in their
place if that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import psycopg
from psycopg.sql import SQL, Identifier

from chassis.comparison import TableCompared, compare_schemas
from chassis.garbage import looking_seldom
from chassis.log import Log
from chassis.rebuild import Copy, Positions, positions_in
from chassis.service import Service
from chassis.snapshots import state_version
from chassis.store import StoreAway, connect
from chassis.swap import REPLACED, swap
from oms.rebuild.outside import no_calls_outside

__all__ = ["SUFFIX", "Busy", "Rebuilt", "Watcher", "alone", "lock_name", "rebuild_and_compare"]

SUFFIX = "_rebuilt"
"""What the schema of a copy is called by, behind the name of the live one."""


class Busy(StoreAway):
    """Another `oms rebuild` of the same service is at work."""


class Watcher(Protocol):
    """Who is told how far a rebuild is: of `total` offsets followed, then of rows compared (of nobody knows how many)."""

    def follows(self, total: int) -> None: ...

    def followed(self, offsets: int) -> None: ...

    def compared(self, rows: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found: all tables of a service, how often somebody outside was to be called (refused), and whether
    the live tables are the new ones now."""

    service: str
    tables: tuple[TableCompared, ...]
    offsets: int
    calls_outside: int
    swapped: bool = False

    @property
    def equal(self) -> bool:
        return all(table.equal for table in self.tables) and self.calls_outside == 0


def rebuild_and_compare(service: Service, log: Log, url: str, watcher: Watcher, *, swapping: bool = False) -> Rebuilt:
    """Rebuild into a schema of its own, compare, and throw the copy away, or with `swapping` the live tables. The live
    system goes on all the while. What differed stays as `<schema>_replaced`.

    Raises StoreAway (of it NotMade, NotSwapped and Busy), LogError, ChainBroken where the log was changed, and
    ProjectionFailed.
    """
    with (
        alone(service.name, service.schema, url),
        no_calls_outside() as calls,
        looking_seldom(),
        _copy(service, log, url) as copy,
    ):
        tables = _compare(service, copy, url, watcher)
        found = Rebuilt(service.name, tables, copy.positions().offsets(), calls.tried, swapping)
        if swapping:
            swap(service, copy, log, url)
            if found.equal:
                _drop(url, f"{service.schema}{REPLACED}")
        return found


def _compare(service: Service, copy: Copy, url: str, watcher: Watcher) -> tuple[TableCompared, ...]:
    """Most of the way is gone before the live snapshot is taken, so that it is held only for the rest of it."""
    with connect(url, service.schema) as live:
        _advance(copy, positions_in(live, service), watcher)
        with live.transaction():
            live.execute("set transaction isolation level repeatable read, read only")
            _advance(copy, positions_in(live, service), watcher)
            versions = {state_version(kind) for kind in service.kinds}
            with connect(url, copy.schema) as rebuilt:
                return compare_schemas(live, rebuilt, versions, watcher.compared)


def _advance(copy: Copy, to: Positions, watcher: Watcher) -> None:
    watcher.follows(to.offsets())
    copy.advance(to, watcher.followed)


@contextmanager
def _copy(service: Service, log: Log, url: str) -> Iterator[Copy]:
    copy = Copy(service, log, url, f"{service.schema}{SUFFIX}")
    try:
        yield copy
    finally:
        copy.drop()


def lock_name(schema: str) -> str:
    """What a rebuild of a schema's tables holds while it is at work."""
    return f"orderlog:{schema}:rebuild"


@contextmanager
def alone(name: str, schema: str, url: str) -> Iterator[None]:
    """One rebuild of a schema at a time. What an interrupted one left is thrown away. Raises StoreAway, of it Busy."""
    try:
        with connect(url, schema) as connection:
            lock = "select pg_try_advisory_lock(hashtextextended(%s, 0))"
            row = connection.execute(lock, [lock_name(schema)]).fetchone()
            if row is None or not row[0]:
                raise Busy(f"another `oms rebuild {name}` is at work")
            _drop(url, f"{schema}{SUFFIX}")
            yield
    except psycopg.OperationalError as error:
        raise StoreAway(f"the database is away: {str(error).strip().splitlines()[0]}") from error


def _drop(url: str, schema: str) -> None:
    with connect(url, schema) as connection:
        connection.execute(SQL("drop schema if exists {} cascade").format(Identifier(schema)))
