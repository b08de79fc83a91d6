"""Named places where a process can be made to die, sleep or raise, to prove that nothing is lost there.

`OMS_FAULT=name:nth:action[,name:nth:action...]`, the action one of `kill9`, `raise`, `sleep=SECONDS`: at the n-th
time that place is reached; with `nth+` at each time from then on. `name@stream` counts only what is about that stream.
What happens is said in the log first. Without the variable a fault point costs one look at an empty dictionary.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from typing import NamedTuple

__all__ = ["FaultInjected", "arm", "faultpoint"]

log = logging.getLogger("orderlog")

ENTRY = re.compile(r"(?P<place>[^:]+):(?P<nth>\d+)(?P<on>\+?):(?P<action>kill9|raise|sleep=\d+(\.\d+)?)")


class _Armed(NamedTuple):
    nth: int
    goes_on: bool
    action: str


_armed: dict[str, _Armed] = {}
_hits: dict[str, int] = {}


class FaultInjected(Exception):
    """Raised on purpose at a fault point."""


def arm(plan: str) -> None:
    """Set the plan, replacing an older one; raises ValueError when it is not of the form above."""
    _armed.clear()
    _hits.clear()
    for entry in filter(None, plan.split(",")):
        found = ENTRY.fullmatch(entry)
        if found is None:
            raise ValueError(f"OMS_FAULT: {entry!r} is not name:nth:action with kill9, raise or sleep=SECONDS")
        _armed[found["place"]] = _Armed(int(found["nth"]), found["on"] == "+", found["action"])


def faultpoint(name: str, stream: str = "") -> None:
    """A place worth dying at, with the stream that it is about where there is one; does nothing unless armed."""
    if not _armed:
        return
    for place in (name, f"{name}@{stream}"):
        if place in _armed:
            _reach(place, _armed[place])


def _reach(place: str, armed: _Armed) -> None:
    hits = _hits[place] = _hits.get(place, 0) + 1
    if hits < armed.nth or (hits > armed.nth and not armed.goes_on):
        return
    log.warning("fault point %s, hit %d: %s", place, hits, armed.action)
    if armed.action == "kill9":
        os.kill(os.getpid(), signal.SIGKILL)
    if armed.action == "raise":
        raise FaultInjected(f"fault point {place}, hit {hits}")
    time.sleep(float(armed.action.removeprefix("sleep=")))


arm(os.environ.get("OMS_FAULT", ""))
