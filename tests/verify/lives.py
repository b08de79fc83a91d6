"""The days that the checker's tests are about: orders of several kinds, all of them to their ends."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from tests.simulation.people import COUNTER, TILL, Floor, channel_order, place, receive
from tests.verify.logs import MemorySource
from tests.verify.recorded import RecordedWorld

__all__ = ["clean_log"]


@lru_cache(maxsize=1)
def _recorded() -> MemorySource:
    world = RecordedWorld()
    floor = Floor(world, missing={("north", "C"): 1})
    for sku in ("A", "B", "C"):
        for location in ("north", "south"):
            receive(world, sku, location, 20)
    place(world, channel_order("1", ("A", 2, 2000), ("B", 1, 999)))
    place(world, channel_order("2", ("C", 3, 3001)))
    place(world, channel_order("3", ("A", 1, 1000), ways=(COUNTER,)))
    place(world, channel_order("4", ("B", 1, 1000), ways=(TILL,)))
    place(world, channel_order("5", ("A", 4, 4000)))
    place(world, channel_order("6", ("nothing", 4, 4000)))
    receive(world, "D", "north", 1)
    place(world, channel_order("7", ("D", 3, 300), cancel_after="2026-01-10T09:00:00Z"))
    floor.work()
    world.wait(timedelta(days=60))
    floor.work()
    return world.log


def clean_log() -> MemorySource:
    """A log of orders that ended well, which a test may break."""
    return _recorded().copy()
