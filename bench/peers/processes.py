"""Programs of the peers as processes: started beside their logs, heard, and ended."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.peers.tools import PROGRAMS

__all__ = ["hear", "line", "process"]

END_SECONDS = 10.0


@contextmanager
def process(
    folder: Path, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None, heard: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A program of the peers, ended with its children in the end; what it says is in a file unless it is heard."""
    with (folder / f"{name}.log").open("w") as log:
        running = subprocess.Popen(
            command,
            cwd=PROGRAMS,
            env={**os.environ, **(environment or {}), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if heard else log,
            stderr=log,
            text=True,
        )
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait(END_SECONDS)


def line(running: subprocess.Popen[str], folder: Path) -> str:
    """What a program says next. Raises RuntimeError with its last words where it ended instead."""
    assert running.stdout is not None
    said = running.stdout.readline()
    if not said:
        logs = "\n".join(f"{each.name}: {each.read_text()[-600:]}" for each in sorted(folder.glob("*.log")))
        raise RuntimeError(f"a peer ended before it said what it measured; the ends of the logs:\n{logs}")
    return said


def hear(running: subprocess.Popen[str], wanted: str, folder: Path) -> None:
    """Wait until a program says so; other lines are passed over."""
    while line(running, folder).strip() != wanted:
        pass
