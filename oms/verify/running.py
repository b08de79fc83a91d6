"""A check as a program: once, or again and again beside a live system."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

from oms.verify.checking import Checker
from oms.verify.findings import Findings
from oms.verify.printing import Effort, document, lines
from oms.verify.records import Source

__all__ = ["FOLLOW_SECONDS", "memory_mib", "run"]

FOLLOW_SECONDS = 5.0
"""Between the end of one check and the next, while following."""

KIB_A_MIB = 1024


def run(
    checker: Checker, source: Source, report: Path | None, say: Callable[[str], None], follow_seconds: float | None
) -> bool:
    """Check, and say what was found; whether it is clean. Raises Unreadable.

    With `follow_seconds`, check again until so much time has passed, and say something only when the state of a rule
    changed; it is not clean when any of the checks was not.
    """
    began, until = time.monotonic(), time.monotonic() + (follow_seconds or 0)
    clean, states = True, None
    while True:
        found = checker.check()
        effort = Effort(checker.records, time.monotonic() - began, memory_mib())
        clean = clean and found.clean
        if found.states != states:
            states = found.states
            for line in lines(found, source, effort):
                say(line)
        if report is not None:
            _write(report, found, source, effort)
        if time.monotonic() + FOLLOW_SECONDS > until:
            return clean
        time.sleep(FOLLOW_SECONDS)


def _write(report: Path, found: Findings, source: Source, effort: Effort) -> None:
    """Whole or not at all: somebody may be reading it."""
    beside = report.with_name(f"{report.name}.new")
    beside.write_text(json.dumps(document(found, source, effort), indent=2) + "\n")
    beside.replace(report)


def memory_mib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_A_MIB
