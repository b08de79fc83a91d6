"""Key figures for the console, of the folder of exported events that this installation names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Lock

import duckdb

from oms.numbers.facts import NothingExported, facts, written_at
from oms.numbers.kpis import FORMULAS, By, evidence, key_figures, stock_figures
from services.console.figures import Export, NoNumbers, Row

__all__ = ["ExportedFigures"]


class ExportedFigures:
    """One question at a time is asked, so that the doors never keep more in memory than facts.MEMORY_MB for it."""

    formulas: Mapping[str, str] = FORMULAS

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asking = Lock()

    def export(self) -> Export:
        """The folder, and when the newest of its files was written. Raises NoNumbers."""
        try:
            return Export(str(self._folder), written_at(self._folder))
        except NothingExported as error:
            raise NoNumbers(f"{error}.") from error

    def figures(self, by: str, since: date, until: date) -> Sequence[Row]:
        """See kpis.key_figures. Raises NoNumbers."""
        with self._facts() as connection:
            return key_figures(connection, By(by), since, until)

    def stock(self, since: date, until: date) -> Sequence[Row]:
        """See kpis.stock_figures. Raises NoNumbers."""
        with self._facts() as connection:
            return stock_figures(connection, since, until)

    def evidence(self, figure: str, by: str, value: str, since: date, until: date) -> Sequence[Row]:
        """See kpis.evidence. Raises NoNumbers."""
        with self._facts() as connection:
            return evidence(connection, figure, By(by), value, since, until)

    @contextmanager
    def _facts(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with self._asking, facts(self._folder) as connection:
                yield connection
        except NothingExported as error:
            raise NoNumbers(f"{error}.") from error
