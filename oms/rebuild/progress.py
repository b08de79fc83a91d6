"""How far a running `oms rebuild` is, told by the tables that it fills: nothing more is written for those who look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg.errors import UndefinedTable

from chassis.store import StoreAway, connect
from oms.rebuild.running import SUFFIX, lock_name

__all__ = ["Progress", "progress"]

_AT_WORK: LiteralString = (
    "select exists (select from pg_locks where locktype = 'advisory' and granted"
    " and ((classid::bigint << 32) | objid::bigint) = hashtextextended(%s, 0))"
)

_FOLLOWED: tuple[LiteralString, ...] = (
    "select coalesce(sum(position), 0) from projection_tracking",
    "select coalesce(sum(position), 0) from tracking",
)


@dataclass(frozen=True, slots=True)
class Progress:
    """Offsets that the copy of a service's tables has followed, of those that the live ones have. Not `at_work`: it was
    broken off, and the next rebuild begins again."""

    service: str
    followed: int
    total: int
    at_work: bool


def progress(url: str, schemas: Mapping[str, str]) -> list[Progress]:
    """Of each service, by its name and the schema of its live tables, whose tables are being made again. Raises StoreAway."""
    try:
        return list(_found(url, schemas))
    except psycopg.OperationalError as error:
        raise StoreAway(f"the database is away: {str(error).strip().splitlines()[0]}") from error


def _found(url: str, schemas: Mapping[str, str]) -> Iterator[Progress]:
    names = {f"{schema}{SUFFIX}": name for name, schema in schemas.items()}
    with connect(url, "public") as connection:
        rows = connection.execute("select nspname from pg_namespace where nspname = any(%s)", [list(names)]).fetchall()
        for (copy,) in sorted(rows):
            live = schemas[names[copy]]
            [at_work] = connection.execute(_AT_WORK, [lock_name(live)]).fetchone() or (False,)
            yield Progress(names[copy], _offsets(url, copy), _offsets(url, live), at_work)


def _offsets(url: str, schema: str) -> int:
    """All that its tables have followed; nothing of tables that are not made yet, or not any more."""
    offsets = 0
    with connect(url, schema) as connection:
        for query in _FOLLOWED:
            try:
                [position] = connection.execute(query).fetchone() or (0,)
            except UndefinedTable:
                continue
            offsets += int(position)
    return offsets
