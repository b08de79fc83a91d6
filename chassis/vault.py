"""The vault: one wrapped key a subject, in a database of its own.

The one store that is not rebuilt from topics, so it is backed up apart. It never sees a key in the clear: wrapping is
chassis/sealing.py. Beside the keys it notes whose were destroyed, and up to when, so that a key that was lost is told
from one that was destroyed, and a key that a backup brings back from the key of somebody who came back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg import conninfo, sql
from psycopg.errors import DuplicateDatabase, UniqueViolation
from psycopg_pool import ConnectionPool

from contracts.message import to_milliseconds

__all__ = ["Forgotten", "MemoryVault", "PostgresVault", "Vault", "a_key", "create_vault", "destroy_keys"]

CONNECTIONS_MAX = 4
"""Connections that one process holds to the vault."""

CONNECTION_WAIT_SECONDS = 10.0
"""How long a door waits for the vault before it says that it is away (psycopg_pool.PoolTimeout)."""

MAINTENANCE_DATABASE = "postgres"

_A_MOMENT = timedelta(milliseconds=1)
"""The resolution of what is told of keys that were destroyed."""

_TABLES = """
create table if not exists public.subject_key (
    subject text primary key,
    wrapped bytea not null,
    created_at timestamptz not null default now()
);
create table if not exists public.forgotten (subject text primary key, keys_until timestamptz not null)
"""

# The update changes nothing; it is there so that the row which won the race is the one returned. A new key is younger
# than any that was destroyed, whatever the clock says.
_GET_OR_PUT = """
insert into public.subject_key (subject, wrapped, created_at) values (%s, %s, greatest(
    clock_timestamp(), (select keys_until + interval '1 millisecond' from public.forgotten where subject = %s)))
on conflict (subject) do update set wrapped = subject_key.wrapped
returning wrapped
"""

# Nobody makes a key between the look and the time that is noted: inserts wait.
_LOCK = "lock table public.subject_key in share row exclusive mode"

_NOTE = """
insert into public.forgotten values (%s, %s)
on conflict (subject) do update set keys_until = greatest(forgotten.keys_until, excluded.keys_until)
"""

# In whole milliseconds, as messages tell it, and not before the key was made.
_DESTROY = """
delete from public.subject_key where subject = %s
returning date_trunc('milliseconds', greatest(clock_timestamp(), created_at)) + interval '1 millisecond'
"""


_LOST = """
select subject from unnest(%s::text[]) as asked (subject)
where not exists (select from public.subject_key where subject_key.subject = asked.subject)
    and not exists (select from public.forgotten where forgotten.subject = asked.subject)
order by subject
"""


class Forgotten(NamedTuple):
    """Somebody whose keys that were made until a moment (UTC, milliseconds) are destroyed. `now`: there was one."""

    keys_until: datetime
    now: bool


class Vault(Protocol):
    """Keeps wrapped keys by subject."""

    def get(self, subject: str) -> bytes | None:
        """The wrapped key of a subject, or None where there never was one or it was destroyed."""

    def get_all(self, subjects: Sequence[str]) -> dict[str, bytes]:
        """The wrapped keys of those of these subjects who have one."""

    def get_or_put(self, subject: str, wrapped: bytes) -> bytes:
        """Keep `wrapped` unless the subject has a key; return the key that it has now, the same for all who race."""

    def forget(self, subject: str) -> Forgotten | None:
        """Destroy the key of a subject. Asked again, the same moment, unless they have a new key by then; None for one who
        never had a key here."""

    def forgotten(self, subject: str) -> bool:
        """Whether a key of the subject was destroyed, even if they have a new one."""


class PostgresVault:
    """The vault in a PostgreSQL database that `create_vault` made."""

    def __init__(self, url: str) -> None:
        self._pool = ConnectionPool(
            url, min_size=0, max_size=CONNECTIONS_MAX, timeout=CONNECTION_WAIT_SECONDS, open=True, name="vault"
        )

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()

    def get(self, subject: str) -> bytes | None:
        """See Vault.get."""
        with self._pool.connection() as connection:
            row = connection.execute("select wrapped from subject_key where subject = %s", (subject,)).fetchone()
        return None if row is None else bytes(row[0])

    def get_all(self, subjects: Sequence[str]) -> dict[str, bytes]:
        """See Vault.get_all."""
        query = "select subject, wrapped from subject_key where subject = any(%s)"
        with self._pool.connection() as connection:
            rows = connection.execute(query, (list(subjects),)).fetchall()
        return {subject: bytes(wrapped) for subject, wrapped in rows}

    def get_or_put(self, subject: str, wrapped: bytes) -> bytes:
        """See Vault.get_or_put."""
        with self._pool.connection() as connection:
            row = connection.execute(_GET_OR_PUT, (subject, wrapped, subject)).fetchone()
        if row is None:
            raise RuntimeError(f"the vault kept no key for the subject {subject}")
        return bytes(row[0])

    def forget(self, subject: str) -> Forgotten | None:
        """See Vault.forget."""
        with self._pool.connection() as connection:
            connection.execute(_LOCK)
            row = connection.execute(_DESTROY, (subject,)).fetchone()
            if row is not None:
                connection.execute(_NOTE, (subject, row[0]))
                return Forgotten(row[0].astimezone(UTC), now=True)
            until = _forgotten_until(connection, subject)
        return None if until is None else Forgotten(until, now=False)

    def forgotten(self, subject: str) -> bool:
        """See Vault.forgotten."""
        with self._pool.connection() as connection:
            return _forgotten_until(connection, subject) is not None

    def lost(self, subjects: Sequence[str]) -> list[str]:
        """Those of these subjects who have no key here and were never forgotten."""
        with self._pool.connection() as connection:
            rows = connection.execute(_LOST, (list(subjects),)).fetchall()
        return [subject for (subject,) in rows]


def destroy_keys(connection: psycopg.Connection[Any], forgotten: Sequence[tuple[str, datetime]]) -> int:
    """Destroy the keys of subjects that were made up to a moment each, and note it; how many there were. For what is
    recorded elsewhere: a backup of the vault may have brought them back."""
    destroyed = 0
    for subject, until in forgotten:
        query = "delete from public.subject_key where subject = %s and created_at <= %s"
        destroyed += connection.execute(query, (subject, until)).rowcount
        connection.execute(_NOTE, (subject, until))
    return destroyed


def _forgotten_until(connection: psycopg.Connection[Any], subject: str) -> datetime | None:
    query = "select keys_until from public.forgotten where subject = %s"
    row = connection.execute(query, (subject,)).fetchone()
    return None if row is None else row[0].astimezone(UTC)


class MemoryVault:
    """A vault for tests, gone with its process."""

    def __init__(self) -> None:
        self._wrapped: dict[str, tuple[bytes, datetime]] = {}
        self._forgotten: dict[str, datetime] = {}
        self._lock = Lock()

    def get(self, subject: str) -> bytes | None:
        """See Vault.get."""
        kept = self._wrapped.get(subject)
        return None if kept is None else kept[0]

    def get_all(self, subjects: Sequence[str]) -> dict[str, bytes]:
        """See Vault.get_all."""
        return {subject: self._wrapped[subject][0] for subject in subjects if subject in self._wrapped}

    def get_or_put(self, subject: str, wrapped: bytes) -> bytes:
        """See Vault.get_or_put."""
        with self._lock:
            made_at = max(datetime.now(UTC), self._forgotten.get(subject, datetime.min.replace(tzinfo=UTC)) + _A_MOMENT)
            return self._wrapped.setdefault(subject, (wrapped, made_at))[0]

    def forget(self, subject: str) -> Forgotten | None:
        """See Vault.forget."""
        with self._lock:
            kept = self._wrapped.pop(subject, None)
            if kept is not None:
                until = to_milliseconds(max(datetime.now(UTC), kept[1])) + _A_MOMENT
                self._forgotten[subject] = until
                return Forgotten(until, now=True)
            until_before = self._forgotten.get(subject)
        return None if until_before is None else Forgotten(until_before, now=False)

    def forgotten(self, subject: str) -> bool:
        """See Vault.forgotten."""
        return subject in self._forgotten


def create_vault(url: str) -> None:
    """Make the vault's database and tables where they are missing; `url` names the database (libpq)."""
    database = conninfo.conninfo_to_dict(url).get("dbname")
    if not database:
        raise ValueError("the address of the vault names no database; it should end in /vault")
    _create_database(conninfo.make_conninfo(url, dbname=MAINTENANCE_DATABASE), str(database))
    with psycopg.connect(url) as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('subject_key'))")
        connection.execute(_TABLES)


def a_key(url: str) -> tuple[str, bytes] | None:
    """The latest subject of the vault and their wrapped key; None where it holds nobody's."""
    with psycopg.connect(url) as connection:
        query = "select subject, wrapped from public.subject_key order by created_at desc limit 1"
        row = connection.execute(query).fetchone()
    return None if row is None else (row[0], bytes(row[1]))


def _create_database(maintenance_url: str, database: str) -> None:
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = %s", (database,)).fetchone() is not None:
            return
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
        except (DuplicateDatabase, UniqueViolation):
            return  # another process made it between our look and our try
