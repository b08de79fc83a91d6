"""Key figures for the console, of the folder of exported events that this installation names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

import duckdb

from oms.numbers.counting import ANSWER_SECONDS, WAIT_SECONDS, Counting, CutOff, TooMany
from oms.numbers.facts import NothingExported, written_at
from oms.numbers.kpis import FORMULAS, By, evidence, key_figures, stock_figures
from oms.numbers.studies import ROWS_MAX, STUDIES, events_behind, rows_of
from services.console.figures import Export, NoNumbers, NumbersBusy, Row

__all__ = ["ExportedFigures"]

T = TypeVar("T")


class ExportedFigures:
    """One question at a time is asked, so that the doors never keep more in memory than facts.MEMORY_MB for it, and none
    of the threads that other pages use."""

    formulas: Mapping[str, str] = FORMULAS
    tables: Mapping[str, Mapping[str, str]] = {name: study.formulas for name, study in STUDIES.items()}
    rows_max = ROWS_MAX

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counting = Counting(folder)

    async def export(self) -> Export:
        """The folder, and when the newest of its files was written. Raises NoNumbers."""
        try:
            return Export(str(self._folder), await asyncio.to_thread(written_at, self._folder))
        except NothingExported as error:
            raise NoNumbers(f"{error}.") from error

    async def figures(self, by: str, since: date, until: date) -> Sequence[Row]:
        """See kpis.key_figures. Raises NoNumbers, NumbersBusy."""
        return await self._ask(lambda facts: key_figures(facts, By(by), since, until))

    async def stock(self, since: date, until: date) -> Sequence[Row]:
        """See kpis.stock_figures. Raises NoNumbers, NumbersBusy."""
        return await self._ask(lambda facts: stock_figures(facts, since, until))

    async def evidence(
        self, figure: str, by: str, value: str, currency: str | None, since: date, until: date
    ) -> Sequence[Row]:
        """See kpis.evidence. Raises NoNumbers, NumbersBusy."""
        return await self._ask(lambda facts: evidence(facts, figure, By(by), value, since, until, currency))

    async def table(self, name: str, by: str, since: date, until: date, back: int) -> Sequence[Row]:
        """See studies.rows_of. Raises NoNumbers, NumbersBusy."""
        return await self._ask(lambda facts: rows_of(facts, name, By(by), since, until, back))

    async def behind(
        self, name: str, figure: str, keys: Mapping[str, str], by: str, since: date, until: date, back: int
    ) -> Sequence[Row]:
        """See studies.events_behind. Raises NoNumbers, NumbersBusy."""
        return await self._ask(lambda facts: events_behind(facts, name, figure, keys, By(by), since, until, back))

    async def _ask(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        try:
            return await self._counting.ask(question)
        except NothingExported as error:
            raise NoNumbers(f"{error}.") from error
        except TooMany as error:
            raise NumbersBusy("Too many ask for numbers at this moment. Ask again in a minute.") from error
        except CutOff as error:
            raise NumbersBusy(
                f"Counting took longer than {ANSWER_SECONDS:g} s and was ended. Ask for fewer days."
            ) from error
        except TimeoutError as error:
            raise NumbersBusy(
                f"There was no answer within {WAIT_SECONDS:g} s: others ask too, or a new export is being read, "
                "which goes on. Ask again in a minute."
            ) from error
