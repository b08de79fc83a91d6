"""How far a run is, as people watch it: bars on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["Board", "board"]

LINES_A_STAGE = 10
"""Lines that tell of a stage, where there is no terminal."""


class Board(Protocol):
    """Where progress is shown: `done` of the stage's whole."""

    def show(self, stage: str, done: int, whole: int) -> None: ...


class Bars:
    """Progress bars, one a stage, made when a stage is first shown."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stages: dict[str, TaskID] = {}

    def show(self, stage: str, done: int, whole: int) -> None:
        if stage not in self._stages:
            self._stages[stage] = self._progress.add_task(stage, total=whole)
        self._progress.update(self._stages[stage], completed=done)


class Lines:
    """A line for each tenth of a stage."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, int] = {}

    def show(self, stage: str, done: int, whole: int) -> None:
        part = LINES_A_STAGE * done // whole if whole else 0
        if part > self._shown.get(stage, 0):
            self._shown[stage] = part
            self._console.print(f"{stage}: {done:,} of {whole:,}")


@contextmanager
def board(console: Console) -> Iterator[Board]:
    """The board that suits a console, while this runs."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield Bars(progress)
