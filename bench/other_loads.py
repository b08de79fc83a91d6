"""Loads that tell where the whole life has its limits: an article that half of all lines want, an order of very many
lines, few and many partitions, and more and more orders behind it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.history import have
from bench.installation import Installation, installed
from bench.life import Size, as_many_as_it_takes, outside, run_load
from bench.machine import Meter, describe
from bench.many import Many
from bench.outside import Load

__all__ = ["growth", "half_on_one_article", "one_long_order", "partitions"]

DAYS = 90
"""Over which a history is spread, the last of it now."""

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


def growth(histories: Sequence[int], lived: int, size: Size) -> dict[str, Any]:
    """One run: the load of the whole life on installations that have so many orders behind them, which were told again
    (bench/history.py): what an order costs, how much memory each process holds, and how long each service takes to start."""
    machine = describe()
    return {"machine": machine, "by_history": {str(orders): _after(orders, lived, size) for orders in histories}}


def _after(orders: int, lived: int, size: Size) -> dict[str, Any]:
    with installed() as here:
        for process in here.stack.wanted:
            here.stop(process.name)
        disk = here.bytes_on_disk()
        apart = timedelta(days=DAYS) / orders
        history = have(
            here, Many(orders, lived, here.settings.partitions, datetime.now(UTC), apart, ended=True), orders
        )
        taken = here.bytes_on_disk()
        here.stack.up(lambda line: None)
        starts = {process.name: _start(here, process.name) for process in here.stack.wanted}
        with outside(here, "synthetic", size.orders) as (line, pid):
            here.caught_up()
            found, _ = as_many_as_it_takes(here, line, Meter({**here.pids(), "outside": pid}), size)
    return {
        **found,
        "records_before": history.records,
        "written_seconds": history.written_seconds,
        "filled_seconds": history.filled_seconds,
        "start_seconds": starts,
        "history_bytes_per_order": {name: round((taken[name] - disk[name]) / orders) for name in disk},
    }


def _start(here: Installation, name: str) -> float:
    """Seconds from the start of a service that was stopped until it says that it runs."""
    here.stop(name)
    time.sleep(SETTLE_SECONDS)
    began = time.monotonic()
    here.stack.up(lambda line: None)
    return round(time.monotonic() - began, 2)
