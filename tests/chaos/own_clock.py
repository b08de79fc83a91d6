"""`python -m tests.chaos.own_clock FILE services.NAME`: a service whose clock is as many seconds from the host's as the
file says, from one look at the clock to the next (F24).

The host's own clock cannot be moved for one process: with `libfaketime` before it Kafka's client waits for ever. So it is
moved where a service reads it, for its events, its deadlines and whatever it decides by the time.
"""

from __future__ import annotations

import runpy
import sys
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from chassis import runtime

__all__ = ["Clock"]


class Clock(datetime):
    """As `datetime`, but for what time it is now."""

    file: Path

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """The host's time, and what the file says."""
        return datetime.now(tz or UTC) + timedelta(seconds=float(cls.file.read_text()))


if __name__ == "__main__":
    Clock.file = Path(sys.argv[1])
    runtime.__dict__["datetime"] = Clock
    runpy.run_module(sys.argv[2], run_name="__main__")
