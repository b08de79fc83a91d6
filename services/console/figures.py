"""What the pages of numbers ask of whoever counts. Who that is, `oms` says; here is only what is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

__all__ = ["Export", "Figures", "NoNumbers", "NumbersBusy", "Row"]

Row = Mapping[str, Any]


class NoNumbers(LookupError):
    """There is no export to count; the text says what to do."""


class NumbersBusy(TimeoutError):
    """An answer takes longer than anybody waits for it, or too many wait already; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Export:
    """Where the exported events lie, and when the newest of their files was written."""

    folder: str
    at: datetime


class Figures(Protocol):
    """Who counts. Each raises NoNumbers, and NumbersBusy."""

    formulas: Mapping[str, str]

    tables: Mapping[str, Mapping[str, str]]
    """Tables beside the key figures, and the formulas of each."""

    rows_max: int
    """Rows of such a table; one more is given where there are more."""

    async def export(self) -> Export:
        """What is counted."""

    async def figures(self, by: str, since: date, until: date) -> Sequence[Row]:
        """A row for each value of `by` and currency, of orders recorded from `since` on and before `until`."""

    async def stock(self, since: date, until: date) -> Sequence[Row]:
        """A row an article and location: units gone to customers, mean units on hand and those of the last day, turns and
        days of cover, of days from `since` on and before `until` that were exported, and how many these are."""

    async def evidence(
        self, figure: str, by: str, value: str, currency: str | None, since: date, until: date
    ) -> Sequence[Row]:
        """The first events behind a figure of a currency: time, name and order of each."""

    async def table(self, name: str, by: str, since: date, until: date, back: int) -> Sequence[Row]:
        """The rows of a table, of days from `since` on and before `until`; sales beside those of `back` days earlier."""

    async def behind(
        self, name: str, figure: str, keys: Mapping[str, str], by: str, since: date, until: date, back: int
    ) -> Sequence[Row]:
        """The events behind a figure of the rows of a table that have these values of its keys: time, name, order, and
        what each adds."""
