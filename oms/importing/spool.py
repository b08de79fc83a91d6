"""Brings together the rows of an order, wherever in the file they stand, without holding the file in memory.

The rows lie in a private temporary database of SQLite: it has no name on the disk, since rows hold personal data, and
is gone with the process. It needs about the room of the file in the folder that TMPDIR names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import orjson

from oms.importing.errors import FileRefused
from oms.importing.reading import Row

__all__ = ["SPOOL_MEMORY_KIB", "Spool", "SpooledOrder", "open_spool"]

SPOOL_MEMORY_KIB = 16_384
"""What of the rows is held in memory; the rest lies in the temporary file."""

_TABLES = """
create table lines (place integer not null, number integer not null, cells blob not null, problem text);
create table orders (place integer primary key, account text, external_id text, rows integer, unique (account, external_id));
"""


class SpooledOrder(NamedTuple):
    """An order of the file: its place among them (by its first row), and how many rows it has."""

    place: int
    channel_account: str
    external_id: str
    rows: int


class Spool:
    """Rows by order."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add(self, channel_account: str, external_id: str, row: Row) -> None:
        """Keep a row. Raises FileRefused when the disk is full."""
        try:
            found = self._database.execute(
                "insert into orders (account, external_id, rows) values (?, ?, 1) "
                "on conflict (account, external_id) do update set rows = rows + 1 returning place",
                (channel_account, external_id),
            ).fetchone()
            self._database.execute(
                "insert into lines values (?, ?, ?, ?)", (found[0], row.number, orjson.dumps(row.cells), row.problem)
            )
        except sqlite3.OperationalError as error:
            raise FileRefused(
                f"the rows cannot be sorted by order in the temporary folder: {error}; make room, or set TMPDIR"
            ) from error

    def orders(self) -> Iterator[SpooledOrder]:
        """Every order, in the order of its first row. Call when all rows are in."""
        self._database.execute("create index lines_by_order on lines (place)")
        found = self._database.execute("select place, account, external_id, rows from orders order by place")
        return (SpooledOrder(*row) for row in found)

    def rows(self, order: SpooledOrder) -> Iterator[Row]:
        """The rows of an order, as they stood in the file."""
        found = self._database.execute(
            "select number, cells, problem from lines where place = ? order by number", (order.place,)
        )
        return (Row(number, orjson.loads(cells), problem) for number, cells, problem in found)


@contextmanager
def open_spool() -> Iterator[Spool]:
    """A spool that is empty, and gone afterwards."""
    database = sqlite3.connect("", isolation_level=None)  # the empty name: temporary, unlinked as it is opened
    try:
        database.execute(f"pragma cache_size = -{SPOOL_MEMORY_KIB}")
        database.execute("pragma journal_mode = off")
        database.execute("pragma synchronous = off")
        database.executescript(_TABLES)
        database.execute("begin")
        yield Spool(database)
    finally:
        database.close()
