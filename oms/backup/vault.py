"""The vault as files, and back from them. What comes back is what is missing: no key that is there is replaced, and nobody's
who was forgotten since comes back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from chassis.log import Log
from chassis.projection import events_among
from chassis.vault import destroy_keys
from contracts.order import CustomerForgotten
from deploy.local.errors import FolderMissing
from oms.past import records

__all__ = ["KeysBack", "back_up_vault", "recorded_forgettings", "restore_vault"]

Connection = psycopg.Connection[Any]

TABLES: Mapping[LiteralString, LiteralString] = {
    "subject_key": "subject, wrapped, created_at",
    "forgotten": "subject, keys_until",
}
"""What a backup has of each table."""

BYTES_MAX = 1 << 20
"""Read of a file at a time."""


class KeysBack(NamedTuple):
    """What a backup came to: keys that are there again, that were there anyway, of them those that are others than in
    the backup (what was sealed under those stays unreadable), and of people who were forgotten since."""

    back: int
    there: int
    others: int
    forgotten: int


def back_up_vault(url: str, folder: Path) -> int:
    """Write the vault into files that only their owner may read, as it is at one moment; how many keys it has."""
    with psycopg.connect(url) as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        for table, columns in TABLES.items():
            query = sql.SQL("copy public.{} ({}) to stdout (format csv, header)").format(
                sql.Identifier(table), sql.SQL(columns)
            )
            opened = os.open(_file(folder, table), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(opened, "wb") as file, connection.cursor() as cursor, cursor.copy(query) as rows:
                for part in rows:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
        row = connection.execute("select count(*) from public.subject_key").fetchone()
    return 0 if row is None else int(row[0])


def restore_vault(url: str, folder: Path, recorded: Mapping[str, datetime]) -> KeysBack:
    """Bring back from such files what the vault lacks, in one transaction. `recorded` says who was forgotten, and until
    when their keys are destroyed. Raises FolderMissing where there is no backup, or a damaged one."""
    try:
        with psycopg.connect(url) as connection:
            _load(connection, folder)
            return _bring_back(connection, recorded)
    except FileNotFoundError as error:
        raise FolderMissing(f"{folder} has no backup of the vault: {Path(error.filename).name} is not there") from error
    except psycopg.DataError as error:
        raise FolderMissing(f"{folder} has no backup of the vault that can be read: {error}") from error


def _load(connection: Connection, folder: Path) -> None:
    """The files as tables of this transaction."""
    for table, columns in TABLES.items():
        kept, names = sql.Identifier(f"kept_{table}"), sql.SQL(columns)
        connection.execute(
            sql.SQL("create temporary table {} on commit drop as select {} from public.{} limit 0").format(
                kept, names, sql.Identifier(table)
            )
        )
        query = sql.SQL("copy {} ({}) from stdin (format csv, header match)").format(kept, names)
        with _file(folder, table).open("rb") as file, connection.cursor() as cursor, cursor.copy(query) as rows:
            while part := file.read(BYTES_MAX):
                rows.write(part)


def _bring_back(connection: Connection, recorded: Mapping[str, datetime]) -> KeysBack:
    forgotten = dict(recorded)
    for subject, until in connection.execute("table kept_forgotten union all table public.forgotten").fetchall():
        forgotten[subject] = max(until, forgotten.get(subject, until))
    counted = connection.execute(
        "select count(*), count(*) filter (where now.wrapped <> kept.wrapped)"
        " from public.subject_key now join kept_subject_key kept using (subject)"
    ).fetchone()
    assert counted is not None
    put = connection.execute(
        "insert into public.subject_key (subject, wrapped, created_at)"
        " select subject, wrapped, created_at from kept_subject_key on conflict do nothing returning subject"
    ).fetchall()
    gone = destroy_keys(connection, sorted(forgotten.items()))
    # Keys that were there and are destroyed now, too, never came back.
    back = connection.execute(
        "select count(*) from public.subject_key where subject = any(%s)", [[subject for (subject,) in put]]
    ).fetchone()
    assert back is not None
    return KeysBack(back[0], counted[0], counted[1], gone)


def recorded_forgettings(log: Log, topic: str) -> dict[str, datetime]:
    """Who was forgotten by the events of a topic, and until when their keys are destroyed. Raises LogError."""
    found: dict[str, datetime] = {}
    for _, event in events_among(records(log, topic), (CustomerForgotten,)):
        found[event.subject] = max(event.keys_until, found.get(event.subject, event.keys_until))
    return found


def _file(folder: Path, table: str) -> Path:
    return folder / f"{table}.csv"
