"""Runs as they are kept: a folder each below `<home>/runs`, with who began it, when and why, what came of it, and all that
the command wrote."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.envelope import Actor
from contracts.message import Instant
from oms.runs.asked import Asked
from oms.told_progress import Far, far_of

__all__ = ["RUNS_KEPT", "Folder", "Run", "State"]

RUNS_KEPT = 20
"""The newest runs are kept; older ones are deleted when another begins."""

TAIL_BYTES = 4096
"""How much of the end of what a command said is looked at."""

RESULT_BYTES_MAX = 16 * 1024 * 1024

RUN, RESULT, SAID, LOCK = "run.json", "result.json", "said.log", "lock"


class State(StrEnum):
    """How a run stands. Of `DONE` nothing was compared; `BROKEN_OFF`: the command was ended before it was through."""

    AT_WORK = "at_work"
    EQUAL = "equal"
    DIFFERENT = "different"
    DONE = "done"
    FAILED = "failed"
    BROKEN_OFF = "broken_off"


class Run(BaseModel):
    """What somebody began, and how it stands: `found` is what came of it, `trouble` why nothing did, line by line."""

    model_config = ConfigDict(frozen=True)

    run: str
    asked: Asked
    actor: Actor
    began_at: Instant
    state: State = State.AT_WORK
    ended_at: Instant | None = None
    found: tuple[str, ...] = ()
    trouble: str | None = None


class Folder:
    """Where runs are kept. Nothing is made before one begins."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def there(self) -> bool:
        """Whether any run was ever kept here."""
        return self._path.is_dir()

    def lock(self) -> int | None:
        """Have the runs of this folder to oneself until this file is closed; None where another process has them.
        Raises OSError."""
        self._path.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        except BaseException:
            os.close(file)
            raise
        return file

    def all(self) -> list[Run]:
        """Every run, the newest first. What cannot be read is no run. Raises OSError."""
        found = []
        for place in self._path.glob(f"*/{RUN}"):
            try:
                found.append(Run.model_validate_json(place.read_bytes()))
            except (ValidationError, FileNotFoundError):  # written by another release, or gone meanwhile
                continue
        return sorted(found, key=lambda run: run.began_at, reverse=True)

    def keep(self, run: Run) -> None:
        """Written whole or not at all. Raises OSError."""
        here = self._path / run.run
        here.mkdir(parents=True, exist_ok=True)
        beside = here / f"{RUN}.tmp"
        beside.write_text(run.model_dump_json())
        beside.replace(here / RUN)

    def forget(self, runs: Sequence[Run]) -> None:
        """Delete these."""
        for run in runs:
            shutil.rmtree(self._path / run.run, ignore_errors=True)

    def result(self, run: str) -> Path:
        """Where the command writes what came of it."""
        return self._path / run / RESULT

    def said(self, run: str) -> Path:
        """Where the command writes how far it is, and what went wrong."""
        return self._path / run / SAID

    def size_said(self, run: str) -> int:
        """How much it has said."""
        try:
            return self.said(run).stat().st_size
        except FileNotFoundError:
            return 0

    def far(self, run: str) -> Far | None:
        """How far it said last that it is; None while it has not. Raises OSError."""
        return next((far for line in reversed(self._tail(run)) if (far := far_of(line)) is not None), None)

    def last_words(self, run: str) -> str:
        """The end of what it said beside how far it is. Raises OSError."""
        return "\n".join(line for line in self._tail(run) if line.strip() and far_of(line) is None)

    def _tail(self, run: str) -> list[str]:
        try:
            with self.said(run).open("rb") as said:
                size = said.seek(0, os.SEEK_END)
                said.seek(max(0, size - TAIL_BYTES))
                return said.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return []
