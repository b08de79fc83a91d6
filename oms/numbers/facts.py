"""The exported events as facts, in DuckDB: no file is changed, and what does not fit into memory is put aside on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

__all__ = ["MEMORY_MB", "NothingExported", "Row", "ask", "facts", "written_at"]

MEMORY_MB = 512
"""What DuckDB may keep in memory; the rest it puts aside on disk."""

FILES = "events/day=*/*.parquet"
"""Where exported events lie in their folder."""

Row = dict[str, Any]

_HERE = Path(__file__).parent


class NothingExported(LookupError):
    """The folder holds no events; the text says what to do."""


def written_at(folder: Path) -> datetime:
    """When the newest file of a folder was written. Raises NothingExported."""
    found = [each.stat().st_mtime for each in folder.glob(FILES)]
    if not found:
        raise NothingExported(_nothing(folder))
    return datetime.fromtimestamp(max(found), UTC)


def _nothing(folder: Path) -> str:
    return f"{folder} holds no exported events: `oms export {folder}` writes them"


@contextmanager
def facts(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which facts.sql stands over the events of a folder. Raises NothingExported."""
    if not any(folder.glob(FILES)):
        raise NothingExported(_nothing(folder))
    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{MEMORY_MB}MB'")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set autoinstall_known_extensions = false")
        files = str(folder / FILES).replace("'", "''")
        connection.execute(
            f"create view events as select * exclude (value, day), cast(value as json) as value "
            f"from read_parquet('{files}', hive_partitioning = true)"
        )
        connection.execute((_HERE / "facts.sql").read_text(encoding="utf-8"))
        yield connection


def ask(connection: duckdb.DuckDBPyConnection, query: str, **given: Any) -> list[Row]:
    """The rows of an answer, by the names of its columns."""
    asked = connection.execute(query, given or None)
    names = [column[0] for column in asked.description or ()]
    return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]
