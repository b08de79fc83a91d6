"""Rebuilding: how many events a second become tables again, compared row by row with the live ones."""

from __future__ import annotations

import time
from typing import Any

from bench.installation import Installation
from contracts import topics
from oms.declared import declared
from oms.rebuild.running import rebuild_and_compare

__all__ = ["Unequal", "rebuilt"]


class Unequal(RuntimeError):
    """A rebuilt table is not the live one: then its speed is worth nothing."""


class _Watch:
    """Notes when the tables were filled, which is when the first rows were compared."""

    def __init__(self) -> None:
        self.filled_at: float | None = None

    def follows(self, total: int) -> None: ...

    def followed(self, offsets: int) -> None: ...

    def compared(self, rows: int) -> None:
        self.filled_at = self.filled_at or time.monotonic()


def rebuilt(here: Installation, events: dict[str, int]) -> dict[str, Any]:
    """Every service in turn, with so many `events` in its topic. Raises Unequal."""
    return {name: _one(here, name, events[name]) for name in topics.SERVICES}


def _one(here: Installation, name: str, events: int) -> dict[str, Any]:
    service, watch, began = declared(name, here.settings.namespace), _Watch(), time.monotonic()
    found = rebuild_and_compare(service, here.log(), here.settings.database, watch)
    ended = time.monotonic()
    if not found.equal:
        raise Unequal(f"{name}: {[table for table in found.tables if not table.equal]}")
    filled = (watch.filled_at or ended) - began
    return {
        "events": events,
        "events_per_second": round(events / filled),
        "seconds": round(filled, 2),
        "comparing_seconds": round(ended - began - filled, 2),
    }
