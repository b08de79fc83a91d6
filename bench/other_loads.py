"""Loads that tell where the whole life has its limits: an article that half of all lines want, an order of very many
lines, few and many partitions, and more and more orders behind it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from bench.installation import Installation, installed
from bench.life import Size, as_many_as_it_takes, cpu_each, outside, run_load
from bench.machine import Meter, describe
from bench.outside import Load

__all__ = ["growth", "half_on_one_article", "one_long_order", "partitions"]

LOAD_ORDERS_MAX = 5_000
"""Orders that are sent in one load: a load has a time within which it has to be over."""

LONG_SECONDS = 240.0
SETTLE_SECONDS = 2.0


def half_on_one_article(size: Size) -> dict[str, Any]:
    """One run: as many orders as it takes, of whose lines one in two is of the same article."""
    return {"machine": describe(), "most": _most("hot", size)}


def partitions(size: Size, counts: Sequence[int]) -> dict[str, Any]:
    """One run: the same load on installations whose topics have so many partitions each."""
    machine = describe()
    found = {str(count): _most("synthetic", size, {"OMS_PARTITIONS": str(count)}) for count in counts}
    return {"machine": machine, "by_partitions": found}


def _most(what: str, size: Size, chosen: dict[str, str] | None = None) -> dict[str, Any]:
    with installed(chosen=chosen) as here, outside(here, what, size.orders) as (line, pid):
        here.caught_up()
        found, _ = as_many_as_it_takes(here, line, Meter({**here.pids(), "outside": pid}), size)
        return found


def one_long_order(lines: int) -> dict[str, Any]:
    """One run: a single order of so many lines; seconds until it is confirmed and completed, its CPU, and its records."""
    machine = describe()
    with installed() as here, outside(here, "long", lines) as (line, pid):
        here.caught_up()
        meter = Meter({**here.pids(), "outside": pid})
        meter.read()
        course, _ = run_load(line, meter, Load(1.0, 1, 1, 0.0, LONG_SECONDS))
        caught_up = here.caught_up()
        memory = meter.read().memory
    return {
        "machine": machine,
        "lines": lines,
        "confirmed_after": round(course.confirmed_after[0], 2),
        "completed_after": round(course.completed_after[0], 2),
        "caught_up_after": round(caught_up, 2),
        "memory_mib": {name: round(each / 2**20) for name, each in memory.items()},
    }


def growth(marks: Sequence[int], under_way: int) -> dict[str, Any]:
    """One run: orders until there are as many as each mark says; what those since the mark before cost, how much memory
    each process holds then, and how long each service takes to start with all of them behind it."""
    machine = describe()
    with installed() as here:
        with outside(here, "synthetic", marks[-1]) as (line, pid):
            here.caught_up()
            meter = Meter({**here.pids(), "outside": pid})
            found, there = {}, 0
            for mark in marks:
                found[str(mark)] = _until(here, line, meter, mark - there, under_way)
                there = mark
        starts = {process.name: _start(here, process.name) for process in here.stack.wanted}
    return {"machine": machine, "by_orders": found, "start_seconds": starts}


def _until(here: Installation, line: Connection, meter: Meter, orders: int, under_way: int) -> dict[str, Any]:
    cpu, completed, memory = Counter[str](), 0, dict[str, int]()
    while orders:
        now = min(orders, LOAD_ORDERS_MAX)
        orders -= now
        course, reading = run_load(line, meter, Load(None, now, under_way, 0.0, LONG_SECONDS))
        cpu.update(reading.cpu)
        completed, memory = completed + course.completed, dict(reading.memory)
    here.caught_up()
    return {
        "cpu_ms_per_order": cpu_each(cpu, completed),
        "memory_mib": {name: round(each / 2**20) for name, each in memory.items()},
        "bytes_on_disk": here.bytes_on_disk(),
    }


def _start(here: Installation, name: str) -> float:
    """Seconds from the start of a service that was stopped until it says that it runs."""
    here.stop(name)
    time.sleep(SETTLE_SECONDS)
    began = time.monotonic()
    here.stack.up(lambda line: None)
    return round(time.monotonic() - began, 2)
