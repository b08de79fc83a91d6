"""The machine on which a figure was taken, how busy it was, and the CPU that each process took of it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from deploy.local.jars import broker_version

__all__ = ["Meter", "Reading", "describe", "percentiles"]

OTHERS = "others"
"""Whatever else ran on the machine meanwhile."""


def describe() -> dict[str, Any]:
    """The machine, its Python, the version of the broker, and its load now."""
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kafka": broker_version(),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


def _cpu_model() -> str:
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


@dataclass(frozen=True, slots=True)
class Reading:
    """What processes took between two moments: seconds on the clock, CPU seconds by name, and memory in bytes at the
    second one."""

    seconds: float
    cpu: Mapping[str, float]
    memory: Mapping[str, int]


class Meter:
    """Reads the CPU time of named processes, each with its children."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._at, self._before, self._busy = time.monotonic(), self._cpu(), _busy()

    def read(self) -> Reading:
        """What was taken since the last reading."""
        at, cpu, busy = time.monotonic(), self._cpu(), _busy()
        taken = {name: cpu[name] - self._before[name] for name in cpu}
        taken[OTHERS] = max(0.0, busy - self._busy - sum(taken.values()))
        found = Reading(at - self._at, taken, {name: _memory(each) for name, each in self._processes.items()})
        self._at, self._before, self._busy = at, cpu, busy
        return found

    def _cpu(self) -> dict[str, float]:
        return {name: _cpu_of(process) for name, process in self._processes.items()}


def _cpu_of(process: psutil.Process) -> float:
    """Of a process, its children that run, and those that ended."""
    running = 0.0
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile: its parent has its times
            running += sum(child.cpu_times()[:2])
    return float(sum(process.cpu_times()[:4])) + running


def _memory(process: psutil.Process) -> int:
    """Resident bytes; of a process with children only what is not shared with them is counted again."""
    children = process.children(recursive=True)
    if not children:
        return int(process.memory_info().rss)
    shared = int(process.memory_full_info().pss)
    for child in children:
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile, and holds nothing
            shared += int(child.memory_full_info().pss)
    return shared


def _busy() -> float:
    """CPU seconds that the machine spent on anything since it started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def percentiles(seconds: Sequence[float]) -> dict[str, int]:
    """The median, and what 95 and 99 in a hundred stay below, in milliseconds; raises ValueError of fewer than two."""
    if len(seconds) < 2:
        raise ValueError(f"{len(seconds)} durations say nothing about how long it takes")
    cut = quantiles(seconds, n=100, method="inclusive")
    return {name: round(1_000 * cut[at - 1]) for name, at in (("p50", 50), ("p95", 95), ("p99", 99))}
