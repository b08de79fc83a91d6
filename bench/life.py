"""The whole life: orders from placed to completed through all five services, and what each of them costs.

Three loads, one after the other on one installation: as many orders as it takes, with a fixed number under way; then half
and four fifths of that rate. After the first, what was written is counted, and after all the limit is taken on the same
broker with records and transactions of the same size.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from multiprocessing.connection import Connection
from typing import Any

from bench.census import Census, count
from bench.installation import Installation, installed
from bench.limit import Shape, limit
from bench.machine import Meter, Reading, describe, percentiles
from bench.outside import Course, Load, NotDone, Place, be_outside
from bench.rebuilding import rebuilt
from contracts import topics

__all__ = [
    "PARTS",
    "Size",
    "as_many_as_it_takes",
    "at_rate",
    "cpu_each",
    "made_again",
    "orders_made",
    "outside",
    "run_load",
    "whole_life",
]

PARTS = (0.5, 0.8)
"""Of the highest rate, those at which it is looked how long orders take."""

READY_SECONDS = 240.0
SAY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: orders sent in the first load at most, those under way at once, seconds before and in each
    window, and records for the limit."""

    orders: int
    open_max: int
    warm: float
    window: float
    limit_records: int


def whole_life(what: str, size: Size) -> dict[str, Any]:
    """One run, of `synthetic` orders or `baskets`."""
    machine = describe()
    with installed() as here:
        with outside(here, what, orders_made(size)) as (line, pid):
            here.caught_up()
            meter = Meter({**here.pids(), "outside": pid})
            most, census = as_many_as_it_takes(here, line, meter, size)
            steps = {}
            for part in PARTS:
                begins = here.ends()
                steps[str(part)] = at_rate(line, meter, part, most["orders_per_second"], size)
                written = count(here.settings.bootstrap, begins, here.ends())
                steps[str(part)]["transaction_records"] = written.transaction_records
        for process in here.stack.wanted:
            here.stop(process.name)  # so that the limit is taken while nothing else asks the broker
        shape = Shape(census.record_bytes, census.header_bytes, census.transaction_records)
        found = limit(here.settings.bootstrap, shape, size.limit_records)
    most["records_per_second"] = round(most["orders_per_second"] * most["records_per_order"])
    share = round(most["records_per_second"] / found["records_per_second"], 3)
    return {"machine": machine, "most": most, "at_rate": steps, "limit": found, "share_of_limit": share}


def made_again(what: str, size: Size) -> dict[str, Any]:
    """One run of rebuilding: orders live, then the tables of each service are made again from their topics."""
    machine = describe()
    with installed() as here, outside(here, what, size.orders) as (line, pid):
        meter = Meter({**here.pids(), "outside": pid})
        run_load(line, meter, Load(None, size.orders, size.open_max, 0.0, size.window))
        here.caught_up()
        census = count(here.settings.bootstrap, {}, here.ends())
        events = {name: census.by_topic[topics.events(name)] for name in topics.SERVICES}
        return {"machine": machine, "services": rebuilt(here, events)}


@contextmanager
def outside(here: Installation, what: str, orders: int) -> Iterator[tuple[Connection, int]]:
    """Everybody outside in a process of their own (bench/outside.py), with `orders` made: the line to it, and its pid."""
    settings = here.settings
    place = Place(settings.bootstrap, settings.partitions, settings.vault, settings.master_key.absolute(), what, orders)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=be_outside, args=(place, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        _hear(ours, READY_SECONDS)
        assert process.pid is not None
        yield ours, process.pid
        ours.send(None)
        process.join(SAY_SECONDS)
    finally:
        process.terminate()
        process.join()


def _hear(line: Connection, seconds: float) -> Any:
    """What is said next; raises NotDone when nothing is, as when the process ended with an error of its own."""
    try:
        if line.poll(seconds):
            return line.recv()
    except EOFError as error:
        raise NotDone("whoever is outside ended; what it says of that stands above") from error
    raise NotDone(f"nothing was heard from outside for {seconds:.0f} s")


def run_load(line: Connection, meter: Meter, load: Load) -> tuple[Course, Reading]:
    """Send a load; what came of it, and what its window took of the machine."""
    line.send(load)
    _hear(line, SAY_SECONDS)
    meter.read()
    _hear(line, SAY_SECONDS)
    reading = meter.read()
    course = _hear(line, SAY_SECONDS)
    assert isinstance(course, Course)
    return course, reading


def as_many_as_it_takes(
    here: Installation, line: Connection, meter: Meter, size: Size
) -> tuple[dict[str, Any], Census]:
    """As many orders as it takes: the rate, the cost of an order, and what stands in the topics and on the disk of it."""
    begins, disk = here.ends(), here.bytes_on_disk()
    course, reading = run_load(line, meter, Load(None, size.orders, size.open_max, size.warm, size.window))
    caught_up = here.caught_up()
    census = count(here.settings.bootstrap, begins, here.ends())
    orders, after = course.sent, here.bytes_on_disk()
    return {
        "orders_per_second": round(course.completed / course.seconds, 2),
        "orders_completed": course.completed,
        "seconds": round(course.seconds, 2),
        "orders_under_way": size.open_max,
        "cpu_ms_per_order": cpu_each(reading.cpu, course.completed),
        "memory_mib": {name: round(each / 2**20) for name, each in reading.memory.items()},
        "caught_up_after_seconds": round(caught_up, 2),
        "records_per_order": round(census.records / orders, 1),
        "door_messages_per_order": round(census.from_doors / orders, 1),
        "bytes_per_order": {name: round((after[name] - disk[name]) / orders) for name in disk},
        "record_bytes": census.record_bytes,
        "header_bytes": census.header_bytes,
        "transaction_records": census.transaction_records,
    }, census


def orders_made(size: Size) -> int:
    """As many as all loads of a whole life may send."""
    return size.orders + sum(_orders_at(part, size) for part in PARTS)


def _orders_at(part: float, size: Size) -> int:
    """The orders that are made for a part of the highest rate: where the machine would take more, its window is shorter."""
    return ceil(part * size.orders)


def at_rate(line: Connection, meter: Meter, part: float, most: float, size: Size) -> dict[str, Any]:
    """How long orders take when a part of the most that it takes a second are sent."""
    rate = part * most
    course, reading = run_load(line, meter, Load(rate, _orders_at(part, size), size.open_max, size.warm, size.window))
    return {
        "orders_per_second": round(rate, 2),
        "orders": len(course.completed_after),
        "placed_to_confirmed_ms": percentiles(course.confirmed_after),
        "placed_to_completed_ms": percentiles(course.completed_after),
        "cpu_ms_per_order": cpu_each(reading.cpu, course.completed),
    }


def cpu_each(cpu: Mapping[str, float], orders: int) -> dict[str, float]:
    """Milliseconds of CPU an order, by process; `others` is whatever else the machine did."""
    return {name: round(1_000 * seconds / max(1, orders), 2) for name, seconds in cpu.items()}
