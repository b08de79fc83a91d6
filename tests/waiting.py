"""Waiting in tests: for a condition, with a deadline, never for luck."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["eventually"]

T = TypeVar("T")

POLL_SECONDS = 0.02


def eventually(
    condition: Callable[[], T], seconds: float = 30.0, because: str = "the condition", every: float = POLL_SECONDS
) -> T:
    """The first truthy result of `condition`, looked at `every` so many seconds; fails the test when there is none within
    `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{because} did not come true within {seconds:.0f} s; last seen: {result!r}")
        time.sleep(every)
