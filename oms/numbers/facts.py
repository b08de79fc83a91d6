"""The exported events as facts, in DuckDB: no file is changed, and what does not fit into memory is put aside on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import duckdb

__all__ = [
    "MEMORY_MB",
    "NothingExported",
    "Row",
    "Written",
    "ask",
    "facts",
    "make_facts",
    "open_facts",
    "written",
    "written_at",
]

MEMORY_MB = 512
"""What DuckDB may keep in memory; the rest it puts aside on disk, in the folder for temporary files."""

SPILL_GB = 8
"""What it may put aside there; a question that needs more fails."""

FILES = "events/day=*/*.parquet"
"""Where exported events lie in their folder."""

Row = dict[str, Any]

_HERE = Path(__file__).parent


class NothingExported(LookupError):
    """The folder holds no events; the text says what to do."""


Written = frozenset[tuple[str, int, int]]
"""The files of an export: the path of each, when it was written (ns), and its bytes. Another export is another set."""


def written(folder: Path) -> Written:
    """The files of a folder. Raises NothingExported."""
    found = frozenset(
        (str(each), stat.st_mtime_ns, stat.st_size) for each in folder.glob(FILES) for stat in [each.stat()]
    )
    if not found:
        raise NothingExported(_nothing(folder))
    return found


def written_at(folder: Path) -> datetime:
    """When the newest file of a folder was written. Raises NothingExported."""
    return datetime.fromtimestamp(max(at for _, at, _ in written(folder)) / 1e9, UTC)


def _nothing(folder: Path) -> str:
    return f"{folder} holds no exported events: `oms export {folder}` writes them"


@contextmanager
def facts(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which facts.sql stands over the events of a folder. Raises NothingExported."""
    if not any(folder.glob(FILES)):
        raise NothingExported(_nothing(folder))
    with open_facts() as connection:
        make_facts(connection, folder)
        yield connection


def open_facts() -> duckdb.DuckDBPyConnection:
    """A connection in which facts can be made; whoever opens it closes it."""
    connection = duckdb.connect()
    connection.execute(f"set memory_limit = '{MEMORY_MB}MB'")
    # What memory has no room for must not go to the folder from which somebody called us, as it would.
    connection.execute(f"set temp_directory = '{_quoted(Path(gettempdir()) / 'oms-numbers')}'")
    connection.execute(f"set max_temp_directory_size = '{SPILL_GB}GB'")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set autoinstall_known_extensions = false")
    return connection


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def make_facts(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make the tables of facts.sql of the events of a folder."""
    files = _quoted(folder / FILES)
    connection.execute(
        f"create view events as select * exclude (value, day), cast(value as json) as value "
        f"from read_parquet('{files}', hive_partitioning = true)"
    )
    connection.execute((_HERE / "facts.sql").read_text(encoding="utf-8"))


def ask(connection: duckdb.DuckDBPyConnection, query: str, **given: Any) -> list[Row]:
    """The rows of an answer, by the names of its columns."""
    asked = connection.execute(query, given or None)
    names = [column[0] for column in asked.description or ()]
    return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]
