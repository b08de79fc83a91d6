"""A history for an installation: orders that are told again (bench/many.py), written to its topics and followed into its
tables before anything is measured.

Its services must not run meanwhile: what they write next has to follow on the last event of each partition.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from bench.installation import Installation
from bench.many import FOLLOWED, Many
from bench.sending import send_all
from chassis.garbage import look_seldom
from chassis.kafka import KafkaLog
from chassis.rebuild import Copy, ends_of
from chassis.settings import load_settings
from contracts.topics import events
from oms.declared import declared

__all__ = ["History", "have"]

LINGER_MS = 100
"""How long an event waits for others of its partition: in the 2 ms of a door hardly two come together."""

AT_ONCE = 2
"""Services whose tables are filled at once, each by a process of its own."""


@dataclass(frozen=True, slots=True)
class History:
    """How many `records` of events there are, and the seconds that it took to write them and to fill the tables."""

    records: int
    written_seconds: float
    filled_seconds: float


def have(
    here: Installation, many: Many, orders: int, projections: Mapping[str, Sequence[str]] | None = None
) -> History:
    """Write the first `orders` of `many`, and fill the store of each service and its read models: all of them, or of each
    service those that are named. Raises LogError, StoreAway and TimeoutError."""
    began = time.monotonic()
    send_all(here.settings.bootstrap, many.records(0, orders), LINGER_MS)
    written = time.monotonic()
    records = sum(end for (topic, _), end in here.ends().items() if topic in map(events, FOLLOWED))
    # The children read the environment, where `installed` has put the settings.
    with ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn")) as filling:
        done = [
            filling.submit(_fill, name, None if projections is None else tuple(projections.get(name, ())))
            for name in FOLLOWED
        ]
        for each in done:
            each.result()
    return History(records, round(written - began, 1), round(time.monotonic() - written, 1))


def _fill(name: str, projections: Sequence[str] | None) -> None:
    look_seldom()  # as a service's process does
    settings = load_settings()
    service, log = declared(name, settings.namespace), KafkaLog(settings.bootstrap)
    if projections is not None:
        chosen = tuple(each for each in service.projections if each.name in projections)
        service = replace(service, projections=chosen)
    tables = Copy(service, log, settings.database, service.schema)
    try:
        tables.advance(ends_of(log, service))
    finally:
        tables.close()
