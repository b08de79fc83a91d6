"""What the page of numbers asks of whoever counts. Who that is, `oms` says; here is only what is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

__all__ = ["Export", "Figures", "NoNumbers", "Row"]

Row = Mapping[str, Any]


class NoNumbers(LookupError):
    """There is no export to count; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Export:
    """Where the exported events lie, and when the newest of their files was written."""

    folder: str
    at: datetime


class Figures(Protocol):
    """Who counts. Each raises NoNumbers."""

    formulas: Mapping[str, str]

    def export(self) -> Export:
        """What is counted."""

    def figures(self, by: str, since: date, until: date) -> Sequence[Row]:
        """A row for each value of `by` and currency, of orders recorded from `since` on and before `until`."""

    def stock(self, since: date, until: date) -> Sequence[Row]:
        """A row an article and location: units gone to customers, mean units on hand and those of the last day, turns and
        days of cover, of days from `since` on and before `until`."""

    def evidence(self, figure: str, by: str, value: str, since: date, until: date) -> Sequence[Row]:
        """The first events behind a figure: time, name and order of each."""
