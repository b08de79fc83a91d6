"""Idle: what the whole stack takes of the machine while nobody asks anything of it."""

from __future__ import annotations

import time
from typing import Any

from bench.installation import installed
from bench.machine import Meter, describe
from oms.stack import PROCESSES

__all__ = ["idle"]


def idle(settle: float, window: float) -> dict[str, Any]:
    """One run: cores (1 is one core all the time) and memory by process, `settle` seconds after all is up."""
    machine = describe()
    with installed(PROCESSES) as here:
        time.sleep(settle)
        meter = Meter(here.pids())
        time.sleep(window)
        found = meter.read()
    return {
        "machine": machine,
        "cores": {name: round(seconds / found.seconds, 4) for name, seconds in found.cpu.items()},
        "memory_mib": {name: round(each / 2**20) for name, each in found.memory.items()},
    }
