"""Who looks after what waits and has no order: a line for each time that somebody took it, handed it over or put it down.

The file is the console's own and says nothing of the business: no topic has it, and without it nobody looks after
anything. It is written under a lock, so that all doors of one home may write it, and read again when it changed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

from chassis.tokens import one_writer
from contracts.envelope import Actor
from contracts.message import Instant

__all__ = ["LINES_MAX", "OWNED_KEPT", "List", "Owned", "Owners"]

log = logging.getLogger("orderlog")

LINES_MAX = 10_000
"""Lines of the file; before one more is written the newest of each row are kept, of OWNED_KEPT rows at most."""

OWNED_KEPT = 5_000


class List(StrEnum):
    """The lists whose rows belong to no order."""

    RETURNS = "returns"
    COUNTS = "counts"
    BANK = "bank"
    DEAD_LETTERS = "dead_letters"
    STANDING = "standing"
    DEADLINES = "deadlines"


class Owned(BaseModel):
    """That somebody looks after a row of a list from then on, or nobody (None): who said so by which request, and why."""

    model_config = ConfigDict(frozen=True)

    id: str
    list: List
    name: str
    owner: str | None = None
    actor: Actor
    reason: str | None = None
    at: Instant


class Owners:
    """The file, as it is now."""

    def __init__(self, path: Path) -> None:
        self._path, self._reading = path, Lock()
        self._seen: tuple[int, int] | None = None
        self._lines: Sequence[Owned] = ()

    def all(self) -> Sequence[Owned]:
        """Of each row that somebody looks after who that is, the last named last. Raises OSError."""
        return [each for each in _newest(self._read()) if each.owner is not None]

    def name(self, owned: Owned) -> Owned:
        """Say who looks after a row from now on; what the same request said before, where it came again. Raises OSError."""
        with one_writer(self._path):
            lines = self._read()
            if known := next((each for each in lines if each.id == owned.id), None):
                return known
            if len(lines) >= LINES_MAX:
                kept = [each for each in _newest(lines) if each.owner is not None][-OWNED_KEPT:]
                fresh = self._path.with_name(f"{self._path.name}.new")
                with fresh.open("wb") as file:
                    file.writelines(map(_line, kept))
                    _on_disk(file)
                fresh.replace(self._path)
            with self._path.open("a+b") as file:
                if _broken_off(file):  # its writer died; what follows it is a line of its own
                    file.write(b"\n")
                file.write(_line(owned))
                _on_disk(file)
        return owned

    def position(self) -> object:
        """Something else as soon as anything was written. Raises OSError."""
        try:
            seen = self._path.stat()
        except FileNotFoundError:
            return None
        return seen.st_ino, seen.st_size

    def _read(self) -> Sequence[Owned]:
        with self._reading:
            try:
                with self._path.open("rb") as file:
                    seen = os.fstat(file.fileno())
                    if (seen.st_ino, seen.st_size) != self._seen:
                        self._lines = [owned for line in file if (owned := _owned(line)) is not None]
                        self._seen = seen.st_ino, seen.st_size
            except FileNotFoundError:
                self._lines, self._seen = (), None
            return self._lines


def _newest(lines: Sequence[Owned]) -> Sequence[Owned]:
    """Of each row what was said last, in the order in which that was said."""
    found = dict[tuple[List, str], Owned]()
    for each in lines:
        found.pop((each.list, each.name), None)
        found[each.list, each.name] = each
    return list(found.values())


def _line(owned: Owned) -> bytes:
    return owned.model_dump_json(exclude_none=True).encode() + b"\n"


def _broken_off(file: BinaryIO) -> bool:
    """Whether the last line has no end."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _on_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _owned(line: bytes) -> Owned | None:
    """What a line says; None, and a word in the log, where it was broken off or is of another release."""
    try:
        return Owned.model_validate_json(line)
    except ValidationError:
        log.warning("a line of who looks after exceptions cannot be read, and is passed over: %a", line[:200])
        return None
