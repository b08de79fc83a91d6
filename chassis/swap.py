"""A copy of a service's tables put in the place of the live ones, while the live system goes on.

One SQL transaction renames both schemas. Whoever reads or writes meanwhile waits for it, and then finds the copy under
the name that it knows; followers go on from the positions that came with it. Nothing here fills a copy
(chassis/rebuild.py).
"""

from __future__ import annotations

import time

import psycopg
from psycopg import sql
from psycopg.errors import DeadlockDetected, LockNotAvailable

from chassis.log import Log
from chassis.rebuild import Copy, ends_of, positions_in
from chassis.service import Service
from chassis.store import StoreAway, connect

__all__ = ["REPLACED", "NotSwapped", "swap"]

REPLACED = "_replaced"
"""What is put behind the name of the schema that was live."""

LOCK_TIMEOUT_MS = 300
"""The longest wait for one table: shorter than the database takes to call two that wait for each other a deadlock, so
that it is never a live follower that has to give way."""

HELD_SECONDS_MAX = 5.0
"""The longest that live followers are kept waiting for a log that hands out nothing."""

LOCK_ATTEMPTS = 100
LOCK_PAUSE_SECONDS = 0.1


class NotSwapped(StoreAway):
    """The live tables were in use at every attempt: nothing was changed."""


def swap(service: Service, copy: Copy, log: Log, url: str) -> None:
    """Let the copy catch up, and put it in the place of the live tables, which stay as `<schema>_replaced`.

    The copy ends where the live tables are, or further on: it never goes back. Raises NotSwapped, StoreAway, LogError,
    ChainBroken and ProjectionFailed; the live tables are then as they were.
    """
    replaced = sql.Identifier(f"{service.schema}{REPLACED}")
    for _ in range(LOCK_ATTEMPTS):
        copy.advance(ends_of(log, service))
        try:
            with connect(url, service.schema) as connection:
                connection.execute(sql.SQL("drop schema if exists {} cascade").format(replaced))
                _swap(connection, service, copy)
            copy.close()
            return
        except (LockNotAvailable, DeadlockDetected):
            time.sleep(LOCK_PAUSE_SECONDS)
    raise NotSwapped(
        f"the tables of {service.name} were in use at each of {LOCK_ATTEMPTS} attempts; nothing was changed, ask again"
    )


def _swap(connection: psycopg.Connection[object], service: Service, copy: Copy) -> None:
    """What was written since the copy caught up is followed while nobody can write more: a moment's worth."""
    live, replaced = service.schema, f"{service.schema}{REPLACED}"
    with connection.transaction():
        connection.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MS:d}")
        _lock_all(connection, live)
        copy.advance(positions_in(connection, service), patience=HELD_SECONDS_MAX)
        _rename(connection, live, replaced)
        _rename(connection, copy.schema, live)


def _lock_all(connection: psycopg.Connection[object], schema: str) -> None:
    """Every table, and not the schema alone: a transaction that has written one of them ends before, whole, in the
    schema in which it began."""
    rows = connection.execute("select tablename from pg_tables where schemaname = %s order by 1", [schema]).fetchall()
    names = [sql.Identifier(schema, str(row[0])) for row in rows if isinstance(row, tuple)]
    connection.execute(sql.SQL("lock table {} in access exclusive mode").format(sql.SQL(", ").join(names)))


def _rename(connection: psycopg.Connection[object], old: str, new: str) -> None:
    connection.execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))
