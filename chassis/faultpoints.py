"""Named places where a process can be made to die, sleep or raise, to prove that nothing is lost there.

`OMS_FAULT=name:nth:action[,name:nth:action...]`, the action one of `kill9`, `raise`, `sleep=SECONDS`: at the n-th
time that place is reached. Without the variable a fault point costs one dictionary look-up.
"""

from __future__ import annotations

import os
import signal
import time

__all__ = ["FaultInjected", "arm", "faultpoint"]

_armed: dict[str, tuple[int, str]] = {}
_hits: dict[str, int] = {}


class FaultInjected(Exception):
    """Raised on purpose at a fault point."""


def arm(plan: str) -> None:
    """Set the plan, replacing an older one; raises ValueError when it is not of the form above."""
    _armed.clear()
    _hits.clear()
    for entry in filter(None, plan.split(",")):
        name, _, rest = entry.partition(":")
        nth, _, action = rest.partition(":")
        if not nth.isdecimal() or not (action in {"kill9", "raise"} or action.startswith("sleep=")):
            raise ValueError(f"OMS_FAULT: {entry!r} is not name:nth:action with kill9, raise or sleep=SECONDS")
        _armed[name] = (int(nth), action)


def faultpoint(name: str) -> None:
    """A place worth dying at; does nothing unless armed."""
    if name not in _armed:
        return
    nth, action = _armed[name]
    _hits[name] = _hits.get(name, 0) + 1
    if _hits[name] != nth:
        return
    if action == "kill9":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "raise":
        raise FaultInjected(f"fault point {name}, hit {nth}")
    time.sleep(float(action.removeprefix("sleep=")))


arm(os.environ.get("OMS_FAULT", ""))
