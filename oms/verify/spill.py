"""Facts about records on disk, in DuckDB: what is asked of all of them at once is asked in SQL, in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

__all__ = ["FLUSH_ROWS", "MEMORY_MB", "Spill"]

FLUSH_ROWS = 20_000
"""Rows kept in memory before they are written."""

MEMORY_MB = 256
"""What DuckDB may keep in memory; the rest it puts aside on disk."""

_BIG, _SMALL, _TEXT, _BYTES = pa.int64(), pa.int16(), pa.string(), pa.binary()

TABLES: dict[str, dict[str, pa.DataType]] = {
    # One row a record of ours. `id`, `cause`, `stream` and `value` are 64-bit hashes; `inbox` is ce_inboxoffset.
    "records": {
        "round": _SMALL,
        "topic": _SMALL,
        "part": _SMALL,
        "off": _BIG,
        "kind": _SMALL,
        "id": _BIG,
        "cause": _BIG,
        "stream": _BIG,
        "seq": _BIG,
        "inbox": _BIG,
        "time": _BIG,
        "txn": _BIG,
        "value": _BIG,
    },
    # One row a transaction and partition: how many records were found, said, and in how many partitions it wrote.
    "transactions": {
        "round": _SMALL,
        "topic": _SMALL,
        "part": _SMALL,
        "off": _BIG,
        "incarnation": _TEXT,
        "number": _BIG,
        "found": _BIG,
        "said": _BIG,
        "places": _BIG,
        "said_all": _BIG,
        "gone": _BIG,
        # By the broker's clock, in milliseconds; nothing where the writer said the time.
        "appended": _BIG,
    },
    # Events that a story is told of: of an order, of another demand.
    "told": {
        "story": _TEXT,
        "service": _SMALL,
        "topic": _SMALL,
        "part": _SMALL,
        "off": _BIG,
        "time": _BIG,
        "name": _TEXT,
        "stream": _TEXT,
        "deadlines": _TEXT,
        "value": _BYTES,
    },
    # A deadline that an event set (`due` as an instant) or cleared (0).
    "deadlines": {"topic": _SMALL, "part": _SMALL, "off": _BIG, "stream": _TEXT, "name": _TEXT, "due": _BIG},
    # What an event made of a call or notice: facts.OPENED, WAITS or ENDED.
    "work": {"topic": _SMALL, "part": _SMALL, "off": _BIG, "time": _BIG, "state": _SMALL, "of": _TEXT},
    # A call to a payment provider that was asked for, done, declined, or taken back by it.
    "calls": {
        "topic": _SMALL,
        "part": _SMALL,
        "off": _BIG,
        "said": _TEXT,
        "kind": _TEXT,
        "key": _TEXT,
        "amount": _BIG,
        "currency": _TEXT,
        "provider": _TEXT,
        "order": _TEXT,
        # Our id of the part of a capture or refund that it is for.
        "of": _TEXT,
    },
    # What a provider's books say.
    "entries": {
        "id": _TEXT,
        "kind": _TEXT,
        "key": _TEXT,
        "order": _TEXT,
        "amount": _BIG,
        "currency": _TEXT,
        "declined": pa.bool_(),
    },
    # A message put aside (1), and taken after all (-1).
    "parked": {"topic": _SMALL, "part": _SMALL, "off": _BIG, "time": _BIG, "change": _SMALL, "message": _TEXT},
    "labels": {"topic": _SMALL, "part": _SMALL, "off": _BIG, "sscc": _TEXT, "package": _TEXT},
    # What a channel published, by the stream of its order (0: no order), and dead letters by where they came from.
    "published": {"part": _SMALL, "off": _BIG, "time": _BIG, "stream": _BIG, "place": _TEXT},
    "letters": {"topic": _SMALL, "part": _SMALL, "off": _BIG, "place": _TEXT, "reason": _TEXT},
    # Rows of our services' tables, and a service's open deadlines there.
    "stored": {"topic": _SMALL, "stream": _BIG, "seq": _BIG, "part": _SMALL, "off": _BIG, "value": _BIG},
    "stored_deadlines": {"topic": _SMALL, "stream": _TEXT, "name": _TEXT, "due": _BIG},
    # A message that was parked and taken after all, at the place of the message that had it taken.
    "redriven": {"topic": _SMALL, "part": _SMALL, "inbox": _BIG, "cause": _BIG},
}

_TYPES = {_BIG: "bigint", _SMALL: "smallint", _TEXT: "varchar", _BYTES: "blob", pa.bool_(): "boolean"}


class Spill:
    """Tables that live as long as the check, in a folder that ends with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="oms-verify-")
        self._sql = duckdb.connect(
            str(Path(self._folder.name) / "spill.duckdb"),
            config={
                "memory_limit": f"{MEMORY_MB}MB",
                "temp_directory": str(Path(self._folder.name) / "sort"),
                "preserve_insertion_order": False,
                "threads": 1,
            },
        )
        self._sql.begin()
        self._waiting: dict[str, list[Sequence[Any]]] = {name: [] for name in TABLES}
        for name, columns in TABLES.items():
            listed = ", ".join(f'"{column}" {_TYPES[kind]}' for column, kind in columns.items())
            self._sql.execute(f"create table {name} ({listed})")

    def add(self, table: str, row: Sequence[Any]) -> None:
        """Keep a row, its values in the order of the table's columns."""
        waiting = self._waiting[table]
        waiting.append(row)
        if len(waiting) >= FLUSH_ROWS:
            self._flush(table)
            # What is not committed stays in memory. A commit waits for the disk, so small checks do without.
            self._sql.commit()
            self._sql.begin()

    def _flush(self, table: str) -> None:
        rows, columns = self._waiting[table], TABLES[table]
        if not rows:
            return
        arrays = [
            pa.array(values, type=kind) for values, kind in zip(zip(*rows, strict=True), columns.values(), strict=True)
        ]
        batch = pa.table(dict(zip(columns, arrays, strict=True)))
        self._sql.register("batch", batch)
        self._sql.execute(f"insert into {table} select * from batch")
        self._sql.unregister("batch")
        self._waiting[table] = []

    def replace(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[int | str]]) -> None:
        """A small table, made anew: its columns hold whole numbers, but for one called `name`."""
        kinds = {column: _TEXT if column == "name" else _BIG for column in columns}
        arrays = [pa.array([row[place] for row in rows], type=kind) for place, kind in enumerate(kinds.values())]
        self._sql.register("batch", pa.table(dict(zip(columns, arrays, strict=True))))
        self._sql.execute(f"create or replace table {table} as select * from batch")
        self._sql.unregister("batch")

    def clear(self, table: str) -> None:
        """Throw away what is in a table."""
        self._waiting[table] = []
        self._sql.execute(f"delete from {table}")

    def ask(self, query: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query over everything kept so far; for queries whose answers are few."""
        for table in TABLES:
            self._flush(table)
        named = {name: value for name, value in (values or {}).items() if f"${name}" in query}
        found: list[tuple[Any, ...]] = self._sql.execute(query, named or None).fetchall()
        return found

    def count(self, query: str, values: Mapping[str, Any]) -> int:
        """The number that a query comes to."""
        return int(self.ask(query, values)[0][0])

    def breaks(self, query: str, values: Mapping[str, Any]) -> tuple[int, tuple[int, int, int] | None]:
        """How many rows (topic, part, off) a query finds, and the first of them."""
        found = self.ask(
            f"select count(*), arg_min((topic, part, off), (topic, part, off)) from ({query}) as found", values
        )
        return found[0][0], found[0][1]

    def each(self, query: str, rows_at_once: int = 10_000) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, one after the other, however many. Nothing else may be asked in between."""
        for table in TABLES:
            self._flush(table)
        cursor = self._sql.execute(query)
        while rows := cursor.fetchmany(rows_at_once):
            yield from rows

    def close(self) -> None:
        """Throw everything away."""
        self._sql.close()
        self._folder.cleanup()
