"""How tables that were compared are shown to people, whoever made them: all of them in a table, and the first row of each
that differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import typer
from rich.table import Table

from chassis.comparison import Difference, TableCompared
from contracts.topics import SERVICES

__all__ = ["checked_services", "compared_table", "first_difference"]

CELL_CHARS_MAX = 400
"""Characters of a column that are shown to people; `--json` has all of it."""

HASH_CHARS = 16


def checked_services(named: Sequence[str] | None) -> Sequence[str]:
    """The services that were named, all where none was. Raises BadParameter."""
    for name in named or ():
        if name not in SERVICES:
            raise typer.BadParameter(f"there is no service {name}; there are {', '.join(SERVICES)}")
    return named or SERVICES


def compared_table(title: str, tables: Iterable[TableCompared], live: str, rebuilt: str) -> Table:
    """A row a table; both sides under the names that people know them by."""
    shown = Table(title, "rows", live, rebuilt, "", box=None, pad_edge=False)
    for one in tables:
        rows = "" if one.live is None else f"{one.live.rows:,}"
        hashes = ["" if side is None else side.sha256[:HASH_CHARS] for side in (one.live, one.rebuilt)]
        shown.add_row(one.table, rows, *hashes, "equal" if one.equal else "[red]different[/]")
    return shown


def first_difference(table: str, first: Difference, live: str, rebuilt: str) -> Iterator[str]:
    """The first row that differs: its key, and what differs of it; of a row that one side lacks, all of it."""
    yield f"{table}: the first row that differs is {', '.join(f'{name} {value}' for name, value in first.key.items())}"
    if first.live is None or first.rebuilt is None:
        yield f"  only {live if first.rebuilt is None else rebuilt} has it"
        row = first.live or first.rebuilt or {}
        yield from (f"  {name}: {_cell(value)}" for name, value in row.items())
        return
    for name, value in first.live.items():
        other = first.rebuilt.get(name)
        if value != other:
            yield f"  {name}: {live} {_cell(value)}, {rebuilt} {_cell(other)}"


def _cell(value: str | None) -> str:
    return "null" if value is None else value[:CELL_CHARS_MAX]
