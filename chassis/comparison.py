"""Two schemas with the same tables, compared table by table: rows, SHA-256 over them, and the first that differs.

Rows are compared as PostgreSQL writes them, column by column in the order of their names and row by row in the order of
the primary key. Nothing here knows what a table is for, but that a snapshot of other folds is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from typing import Any, LiteralString

import psycopg
from psycopg import sql

__all__ = ["Difference", "Side", "TableCompared", "compare_schemas"]

TABLE_TIMEOUT_MS = 3_600_000
"""The longest that one table may take to be read."""

TOLD_EVERY_ROWS = 10_000

Row = tuple[str | None, ...]

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
"""How COPY writes characters that would end a column or a row, behind a backslash; others stand for themselves."""

_NOTHING: Mapping[str, Collection[str]] = {}


@dataclass(frozen=True, slots=True)
class Side:
    """A table in one of the schemas: its rows, and SHA-256 (hex) over them in the order of their keys."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row that differs, by its key; a version that is None is not there."""

    key: dict[str, str | None]
    live: dict[str, str | None] | None
    rebuilt: dict[str, str | None] | None


@dataclass(frozen=True, slots=True)
class TableCompared:
    """A table in both schemas; a side that is None has no such table. `outdated`: rows left out on both sides."""

    table: str
    live: Side | None
    rebuilt: Side | None
    first: Difference | None = None
    outdated: int = 0
    note: str | None = None

    @property
    def equal(self) -> bool:
        return self.live == self.rebuilt and self.note is None


@dataclass(frozen=True, slots=True)
class _Table:
    """How a table is read: its columns by name, and those of its primary key in their order."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    def key_of(self, row: Row) -> Row:
        return tuple(row[self.columns.index(name)] for name in self.key)

    def named(self, row: Row | None) -> dict[str, str | None] | None:
        return None if row is None else dict(zip(self.columns, row, strict=True))


def compare_schemas(
    live: psycopg.Connection[Any],
    rebuilt: psycopg.Connection[Any],
    snapshot_versions: Collection[str],
    tell: Callable[[int], None] = lambda rows: None,
    left_out: Mapping[str, Collection[str]] = _NOTHING,
) -> tuple[TableCompared, ...]:
    """All tables of the two schemas that the connections' search paths name first, each by name.

    `live` may be in a transaction, whose snapshot is then compared. `snapshot_versions` are what snapshots of this
    release name: others are never read, so they are left out. Columns that
    are `left_out`, by table, are not compared. `tell` hears how many rows were compared so far.
    Raises psycopg.OperationalError.
    """
    for connection in (live, rebuilt):
        connection.execute(f"set statement_timeout = {TABLE_TIMEOUT_MS:d}")
    of_live, of_rebuilt = _tables(live, left_out), _tables(rebuilt, left_out)
    told = _Told(tell)
    found = []
    for name in sorted(of_live.keys() | of_rebuilt.keys()):
        one, other = of_live.get(name), of_rebuilt.get(name)
        if one is None or other is None:
            note = "this release does not make it" if other is None else "it is not there"
            found.append(TableCompared(name, _side(live, one), _side(rebuilt, other), note=note))
        elif (one.columns, one.key) != (other.columns, other.key):
            note = f"columns are {', '.join(one.columns)}, and would be {', '.join(other.columns)}"
            found.append(TableCompared(name, _side(live, one), _side(rebuilt, other), note=note))
        else:
            outdated = _outdated(live, snapshot_versions) if name == "snapshots" else frozenset()
            found.append(_compare(live, rebuilt, one, outdated, told))
    return tuple(found)


class _Told:
    """Counts rows, and tells of them now and then."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell, self._rows = tell, 0

    def row(self) -> None:
        self._rows += 1
        if self._rows % TOLD_EVERY_ROWS == 0:
            self._tell(self._rows)


def _compare(
    live: psycopg.Connection[Any],
    rebuilt: psycopg.Connection[Any],
    table: _Table,
    outdated: Collection[Row],
    told: _Told,
) -> TableCompared:
    """Rows are compared as the lines that the database sends, unread."""
    digests, counts = (sha256(), sha256()), [0, 0]
    pair: tuple[bytes | None, bytes | None] | None = None

    def wanted(connection: psycopg.Connection[Any]) -> Iterator[bytes]:
        lines = _lines(connection, table)
        return lines if not outdated else (line for line in lines if table.key_of(_row_of(line)) not in outdated)

    for lines in zip_longest(wanted(live), wanted(rebuilt)):
        told.row()
        for number, line in enumerate(lines):
            if line is not None:
                counts[number] += 1
                digests[number].update(line)
        if pair is None and lines[0] != lines[1]:
            pair = lines
    sides = [Side(count, digest.hexdigest()) for count, digest in zip(counts, digests, strict=True)]
    if pair is None:
        return TableCompared(table.name, sides[0], sides[1], None, len(outdated))
    mine, other = (None if line is None else _row_of(line) for line in pair)
    return TableCompared(table.name, sides[0], sides[1], _first(live, rebuilt, table, (mine, other)), len(outdated))


def _first(
    live: psycopg.Connection[Any],
    rebuilt: psycopg.Connection[Any],
    table: _Table,
    pair: tuple[Row | None, Row | None],
) -> Difference:
    """What the first two rows that are not equal mean: one changed, or one that the other side lacks."""
    mine, other = pair
    if mine is not None:
        counterpart = _row(rebuilt, table, table.key_of(mine))
        if counterpart != mine:
            return _difference(table, mine, counterpart)
    assert other is not None
    return _difference(table, _row(live, table, table.key_of(other)), other)


def _difference(table: _Table, live: Row | None, rebuilt: Row | None) -> Difference:
    row = live if live is not None else rebuilt
    assert row is not None
    key = dict(zip(table.key, table.key_of(row), strict=True))
    return Difference(key, table.named(live), table.named(rebuilt))


def _tables(connection: psycopg.Connection[Any], left_out: Mapping[str, Collection[str]]) -> dict[str, _Table]:
    rows = connection.execute(
        "select c.relname, array_agg(a.attname::text order by a.attname),"
        " coalesce((select array_agg(k.attname::text order by array_position(i.indkey::int[], k.attnum::int))"
        "   from pg_index i join pg_attribute k on k.attrelid = c.oid and k.attnum = any(i.indkey)"
        "   where i.indrelid = c.oid and i.indisprimary), '{}')"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace group by c.oid, c.relname"
    ).fetchall()
    found = {}
    for name, columns, key in rows:
        compared = tuple(column for column in columns if column not in left_out.get(name, ()))
        found[name] = _Table(name, compared, tuple(key or compared))
    return found


def _lines(connection: psycopg.Connection[Any], table: _Table) -> Iterator[bytes]:
    """The rows of a table in the order of its key, each as the database writes it (the text format of COPY)."""
    query = sql.SQL("copy (select {} from {} order by {}) to stdout").format(
        _names(table.columns), sql.Identifier(table.name), _names(table.key)
    )
    with connection.cursor() as cursor, cursor.copy(query) as copied:
        for line in copied:
            yield bytes(line)


def _row_of(line: bytes) -> Row:
    """The texts of a line of COPY."""
    return tuple(
        None if text == r"\N" else _ESCAPED.sub(_escaped, text) for text in line.decode().rstrip("\n").split("\t")
    )


def _escaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], found[1])


def _side(connection: psycopg.Connection[Any], table: _Table | None) -> Side | None:
    if table is None:
        return None
    digest, count = sha256(), 0
    for line in _lines(connection, table):
        count += 1
        digest.update(line)
    return Side(count, digest.hexdigest())


def _row(connection: psycopg.Connection[Any], table: _Table, key: Row) -> Row | None:
    """The row with this key, as text; None where there is none."""
    columns = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in table.columns)
    same = sql.SQL(" and ").join(
        sql.SQL("{}::text is not distinct from {}").format(sql.Identifier(name), sql.Placeholder())
        for name in table.key
    )
    query = sql.SQL("select {} from {} where {}").format(columns, sql.Identifier(table.name), same)
    return connection.execute(query, list(key)).fetchone()


def _outdated(connection: psycopg.Connection[Any], versions: Collection[str]) -> frozenset[Row]:
    """Keys of snapshots that another release wrote."""
    query: LiteralString = "select stream from snapshots where not state_version = any(%s)"
    return frozenset((stream,) for (stream,) in connection.execute(query, [sorted(versions)]).fetchall())


def _names(names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))
