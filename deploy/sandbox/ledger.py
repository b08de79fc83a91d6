"""What the provider keeps, in one SQLite file: what it made, the calls that it knows, its entries, notices to come.

One connection and one writer; a transaction is on disk (write-ahead log, synced) before anybody hears of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Document", "Ledger"]

Document = dict[str, Any]

_TABLES = """
create table if not exists objects (
    number integer primary key, id text not null unique, kind text not null, account text not null, parent text,
    key text, order_id text, authorization text, created_at integer not null, wakes_at integer, document text not null);
create index if not exists objects_key on objects (key);
create index if not exists objects_order on objects (order_id);
create index if not exists objects_parent on objects (parent);
create index if not exists objects_wake on objects (wakes_at) where wakes_at is not null;
create table if not exists calls (
    account text not null, key text not null, fingerprint text not null, status integer not null, answer text not null,
    object text, at integer not null, primary key (account, key));
create table if not exists entries (
    number integer primary key, account text not null, day text not null, kind text not null, document text not null);
create index if not exists entries_day on entries (account, day);
create table if not exists notices (
    number integer primary key, id text not null, about text not null, document text not null, due integer,
    times integer not null, attempts integer not null default 0);
create table if not exists counts (name text primary key, count integer not null);
"""


class Ledger:
    """One file; times are seconds since 1970. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._sql.execute("pragma journal_mode = wal")
        self._sql.execute("pragma synchronous = full")
        self._sql.executescript(_TABLES)

    def close(self) -> None:
        """Leave the file."""
        self._sql.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self._sql.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._sql.execute("rollback")
            raise
        self._sql.execute("commit")

    # What was made

    def put(self, document: Document) -> None:
        """Keep a new thing, or what became of it. `id`, `object`, `account`, `parent`, `metadata`, `created` and
        `wakes_at` (when something happens to it by itself) are looked for later; the rest is as it is."""
        metadata = document["metadata"]
        self._sql.execute(
            "insert into objects (id, kind, account, parent, key, order_id, authorization, created_at, wakes_at, document)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do update set"
            " (document, wakes_at) = (excluded.document, excluded.wakes_at)",
            [
                document["id"],
                document["object"],
                document["account"],
                document.get("parent"),
                metadata.get("key"),
                metadata.get("order_id"),
                metadata.get("authorization"),
                document["created"],
                document.get("wakes_at"),
                json.dumps(document),
            ],
        )

    def get(self, kind: str, id: str) -> Document | None:
        """A thing by its id."""
        return self._one("select document from objects where kind = ? and id = ?", kind, id)

    def made_by(self, account: str, **named: str) -> list[Document]:
        """What carries these words (`key`, `order_id`, `authorization`, `kind`) in its metadata, in order of making."""
        conditions = " and ".join(f"{name} = ?" for name in ("account", *named))
        return self._all(f"select document from objects where {conditions} order by number", account, *named.values())

    def awake(self, now: int) -> list[Document]:
        """What something happens to by now."""
        return self._all("select document from objects where wakes_at <= ? order by wakes_at, number", now)

    def below(self, parent: str, kind: str) -> list[Document]:
        """What was made of another: the charges of an authorisation, the refunds of a charge."""
        return self._all("select document from objects where parent = ? and kind = ? order by number", parent, kind)

    # Calls known by their key

    def call(self, account: str, key: str, since: int) -> tuple[str, int, Document] | None:
        """What a call with this key was and what it was answered, unless that was before `since`."""
        row = self._sql.execute(
            "select fingerprint, status, answer from calls where account = ? and key = ? and at >= ?",
            [account, key, since],
        ).fetchone()
        return None if row is None else (row[0], row[1], json.loads(row[2]))

    def know_call(
        self, account: str, key: str, fingerprint: str, status: int, answer: Document, at: int, made: str | None
    ) -> None:
        """Remember what a call was answered."""
        row = [account, key, fingerprint, status, json.dumps(answer), made, at]
        self._sql.execute("insert or replace into calls values (?, ?, ?, ?, ?, ?, ?)", row)

    # Entries of the account

    def enter(self, account: str, day: str, kind: str, document: Document) -> None:
        """Post an entry."""
        row = [account, day, kind, json.dumps(document)]
        self._sql.execute("insert into entries (account, day, kind, document) values (?, ?, ?, ?)", row)

    def entries(self, account: str, day: str) -> list[Document]:
        """What was posted on a day, in order."""
        return self._all("select document from entries where account = ? and day = ? order by number", account, day)

    # Notices

    def tell(self, id: str, about: str, document: Document, due: int | None, times: int) -> None:
        """A notice to be sent from `due` on; without one it waits until something releases it."""
        row = [id, about, json.dumps(document), due, times]
        self._sql.execute("insert into notices (id, about, document, due, times) values (?, ?, ?, ?, ?)", row)

    def release(self, about: str, due: int) -> None:
        """Let go what waits about a thing."""
        self._sql.execute("update notices set due = ? where about = ? and due is null", [due, about])

    def due_notices(self, now: int, most: int) -> list[tuple[int, Document, int]]:
        """Number, contents and attempts of the notices that are due."""
        rows = self._sql.execute(
            "select number, document, attempts from notices where due <= ? and times > 0 order by due, number limit ?",
            [now, most],
        ).fetchall()
        return [(number, json.loads(text), attempts) for number, text, attempts in rows]

    def sent(self, number: int) -> None:
        """One sending of a notice went well."""
        self._sql.execute("update notices set times = times - 1, attempts = 0 where number = ?", [number])

    def not_sent(self, number: int, due: int | None) -> None:
        """Try again at `due`; never when there is none."""
        self._sql.execute("update notices set attempts = attempts + 1, due = ? where number = ?", [due, number])

    # Counts

    def count(self, name: str) -> int:
        """How often this was counted before; counts it once more."""
        before = self._sql.execute("select count from counts where name = ?", [name]).fetchone()
        self._sql.execute("insert into counts values (?, 1) on conflict (name) do update set count = count + 1", [name])
        return before[0] if before else 0

    def setting(self, name: str) -> int:
        """A number that was set; 0 when it was not."""
        row = self._sql.execute("select count from counts where name = ?", [name]).fetchone()
        return row[0] if row else 0

    def set(self, name: str, value: int) -> None:
        """Set a number."""
        self._sql.execute("insert or replace into counts values (?, ?)", [name, value])

    def _one(self, statement: str, *values: object) -> Document | None:
        row = self._sql.execute(statement, values).fetchone()
        return None if row is None else json.loads(row[0])

    def _all(self, statement: str, *values: object) -> list[Document]:
        return [json.loads(row[0]) for row in self._sql.execute(statement, values)]
