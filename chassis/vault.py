"""The vault: one wrapped key a subject, in a database of its own.

The one store that is not rebuilt from topics, so it is backed up apart. It never sees a key in the clear: wrapping is
chassis/sealing.py.
"""

from __future__ import annotations

from threading import Lock
from typing import Protocol

import psycopg
from psycopg import conninfo, sql
from psycopg.errors import DuplicateDatabase, UniqueViolation
from psycopg_pool import ConnectionPool

__all__ = ["MemoryVault", "PostgresVault", "Vault", "create_vault", "holds_keys"]

CONNECTIONS_MAX = 4
"""Connections that one process holds to the vault."""

CONNECTION_WAIT_SECONDS = 10.0
"""How long a door waits for the vault before it says that it is away (psycopg_pool.PoolTimeout)."""

MAINTENANCE_DATABASE = "postgres"

_TABLE = """
create table if not exists subject_key (
    subject text primary key,
    wrapped bytea not null,
    created_at timestamptz not null default now()
)
"""

# The update changes nothing; it is there so that the row which won the race is the one returned.
_GET_OR_PUT = """
insert into subject_key (subject, wrapped) values (%s, %s)
on conflict (subject) do update set wrapped = subject_key.wrapped
returning wrapped
"""


class Vault(Protocol):
    """Keeps wrapped keys by subject."""

    def get(self, subject: str) -> bytes | None:
        """The wrapped key of a subject, or None where there never was one or it was destroyed."""

    def get_or_put(self, subject: str, wrapped: bytes) -> bytes:
        """Keep `wrapped` unless the subject has a key; return the key that it has now, the same for all who race."""

    def forget(self, subject: str) -> bool:
        """Destroy the key of a subject; False when there was none."""


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

    def get_or_put(self, subject: str, wrapped: bytes) -> bytes:
        """See Vault.get_or_put."""
        with self._pool.connection() as connection:
            row = connection.execute(_GET_OR_PUT, (subject, wrapped)).fetchone()
        if row is None:
            raise RuntimeError(f"the vault kept no key for the subject {subject}")
        return bytes(row[0])

    def forget(self, subject: str) -> bool:
        """See Vault.forget."""
        with self._pool.connection() as connection:
            return connection.execute("delete from subject_key where subject = %s", (subject,)).rowcount == 1


class MemoryVault:
    """A vault for tests, gone with its process."""

    def __init__(self) -> None:
        self._wrapped: dict[str, bytes] = {}
        self._lock = Lock()

    def get(self, subject: str) -> bytes | None:
        """See Vault.get."""
        return self._wrapped.get(subject)

    def get_or_put(self, subject: str, wrapped: bytes) -> bytes:
        """See Vault.get_or_put."""
        with self._lock:
            return self._wrapped.setdefault(subject, wrapped)

    def forget(self, subject: str) -> bool:
        """See Vault.forget."""
        with self._lock:
            return self._wrapped.pop(subject, None) is not None


def create_vault(url: str) -> None:
    """Make the vault's database and table where they are missing; `url` names the database (libpq)."""
    database = conninfo.conninfo_to_dict(url).get("dbname")
    if not database:
        raise ValueError("the address of the vault names no database; it should end in /vault")
    _create_database(conninfo.make_conninfo(url, dbname=MAINTENANCE_DATABASE), str(database))
    with psycopg.connect(url) as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('subject_key'))")
        connection.execute(_TABLE)


def holds_keys(url: str) -> bool:
    """Whether anybody's key is in the vault."""
    with psycopg.connect(url) as connection:
        return connection.execute("select from subject_key limit 1").fetchone() is not None


def _create_database(maintenance_url: str, database: str) -> None:
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = %s", (database,)).fetchone() is not None:
            return
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
        except (DuplicateDatabase, UniqueViolation):
            return  # another process made it between our look and our try
