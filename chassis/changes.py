"""What a batch of events changes in tables, made by a statement for many rows in place of one a row.

A statement takes columns of parameters (`unnest`) and changes the row of each. Changes of one row are made in the order in
which they were told; those of different rows are put together, which is the same as long as no statement reads a row of
another. So a read model says each change once, as SQL, and it holds for one event and for thousands.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, LiteralString

import psycopg

__all__ = ["Changes", "by_column"]


def by_column(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows as `unnest` takes them; there has to be one. Bound by `%b`, as bytes: text costs several times as much."""
    return [list(column) for column in zip(*rows, strict=True)]


class Changes:
    """Changes in waves: the first of every row, the second of every row, and so on, a statement for all rows of a wave that
    it changes."""

    def __init__(self) -> None:
        self._told: dict[Hashable, int] = {}
        self._waves: list[dict[LiteralString, list[Sequence[Any]]]] = []

    def add(self, row: Hashable, statement: LiteralString, *parameters: Any) -> None:
        """One more change, of whatever `row` names: all that the statement reads and writes for these parameters, of which
        each stands for a column (`%b`)."""
        wave = self._told.get(row, 0)
        self._told[row] = wave + 1
        if wave == len(self._waves):
            self._waves.append({})
        self._waves[wave].setdefault(statement, []).append(parameters)

    def write(self, connection: psycopg.Connection[Any]) -> None:
        """Make them all."""
        for wave in self._waves:
            for statement, rows in wave.items():
                connection.execute(statement, by_column(rows))
