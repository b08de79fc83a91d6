"""Keeps a process of ours going that the broker fenced, or never answered: it begins again, in its own place, a few times,
ever later.

`oms up` starts its processes by `python -m oms.kept NAME MODULE`. The module is run in this very process, and where it
ends so the process is replaced by a new one of the same pid, so that its pid file, its log and its parent stay
what they were. Nothing here looks at others, and nothing of what it held is taken along. A container, or whoever else
starts processes and starts them again, runs the module itself.
"""

from __future__ import annotations

import json
import logging
import os
import runpy
import signal
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from chassis.runtime import Exit
from chassis.settings import load_settings

__all__ = ["BEGINNINGS_MAX", "CALM_SECONDS", "ENDINGS", "Again", "pause_before", "read_again"]

log = logging.getLogger("orderlog")

BEGINNINGS_MAX = 5
"""How often a process begins again; the next time it ends as it did before there was any of this."""

ENDINGS = {Exit.FENCED: "fenced by the broker", Exit.UNANSWERED: "left by the broker without an answer too often"}
"""Exit codes after which a process begins again, in words. What else ends one, beginning again would only hide."""

CALM_SECONDS = 600.0
"""Who ran for so long before it ended has not begun again at all: two processes that fence each other do it sooner."""

FIRST_SECONDS = 1.0
"""Before the first time; each pause is twice the last, so the fifth is 16 s."""


@dataclass(frozen=True)
class Again:
    """That a process begins again: which time it is in a row, when it had to end (ISO 8601, UTC) and why, and after how
    many seconds."""

    pid: int
    times: int
    ended_at: str
    pause_seconds: float
    why: str


def pause_before(times: int) -> float | None:
    """Seconds before it begins for the n-th time in a row; None when it has begun often enough."""
    if times > BEGINNINGS_MAX:
        return None
    return FIRST_SECONDS * 2.0 ** (times - 1)


def read_again(run_folder: Path, name: str) -> Again | None:
    """What the process of this name said when it last began again; None where none did. Raises ValueError, TypeError."""
    try:
        said: dict[str, Any] = json.loads(_place(run_folder, name).read_text())
    except FileNotFoundError:
        return None
    return Again(**said)


def _place(run_folder: Path, name: str) -> Path:
    """Not `.json`, as what names a health answer is."""
    return run_folder / f"{name}.again"


def _write(run_folder: Path, name: str, again: Again) -> None:
    """Whole or not at all: `oms status` may look at any time."""
    beside = run_folder / f"{name}.again.tmp"
    beside.write_text(json.dumps(asdict(again)))
    beside.replace(_place(run_folder, name))


def main(name: str, module: str, times: int) -> NoReturn:
    """Be that module's process; where it ends as one of ENDINGS, begin again or end so."""
    began = time.monotonic()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        sys.exit(Exit.STOPPED)
    except SystemExit as error:
        if error.code not in ENDINGS:
            raise
        code = int(error.code)
    _again(name, module, code, 1 if time.monotonic() - began > CALM_SECONDS else times + 1)


def _again(name: str, module: str, code: int, times: int) -> NoReturn:
    # Whoever asks it to stop from here on is obeyed at once: nothing is under way.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    pause = pause_before(times)
    if pause is None:
        log.error("%s was %s after it had begun again %d times: it ends", name, ENDINGS[code], BEGINNINGS_MAX)
        sys.exit(code)
    ended_at = datetime.now(UTC).isoformat(timespec="seconds")
    _write(load_settings().run_folder, name, Again(os.getpid(), times, ended_at, pause, ENDINGS[code]))
    log.warning("%s begins again in %.0f s, time %d of %d in a row", name, pause, times, BEGINNINGS_MAX)
    time.sleep(pause)
    sys.stderr.flush()
    again = [sys.executable, "-m", "oms.kept", name, module, str(times)]
    os.execv(sys.executable, again)  # noqa: S606 - nothing of it comes from outside, and a shell has nothing to do here


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
