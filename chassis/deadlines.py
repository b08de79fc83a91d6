"""Deadlines that are due: put into the service's own inbox, and again after a while for as long as their row stands.

A row goes when an event clears it, so a deadline that was fired twice is decided once. Rows that stay (of parked
streams) may be many: each scan goes on where the last one ended, so that they never stand before the others for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from chassis.chain import Draft
from chassis.service import Service
from chassis.store import DueDeadline, StreamStore
from contracts.chassis import DeadlinePassed
from contracts.envelope import Envelope, root_traceparent
from contracts.ids import deadline_id
from contracts.message import format_instant, to_milliseconds

__all__ = ["Deadlines", "passed"]


class Deadlines:
    """Which deadlines to fire. `every`: between two scans; `at_once`: rows of a scan; `again`: before one is repeated."""

    def __init__(self, store: StreamStore, *, every: timedelta, at_once: int, again: timedelta) -> None:
        self._store, self._every, self._at_once, self._again = store, every, at_once, again
        self._fired: dict[tuple[str, str, datetime], datetime] = {}
        self._scan_at: datetime | None = None
        self._last: DueDeadline | None = None

    def due(self, partitions: Sequence[int], now: datetime) -> list[DueDeadline]:
        """Those of these partitions to be fired now; nothing between two scans. Raises StoreAway."""
        if not partitions or (self._scan_at is not None and now < self._scan_at):
            return []
        self._scan_at = now + self._every
        self._fired = {row: at for row, at in self._fired.items() if at > now - self._again}
        rows = self._store.due(partitions, now, self._at_once, self._last)
        self._last = rows[-1] if len(rows) == self._at_once else None
        return [row for row in rows if _key(row) not in self._fired]

    def fired(self, rows: Iterable[DueDeadline], now: datetime) -> None:
        """These are in the inbox: not again for a while."""
        self._fired.update(dict.fromkeys(map(_key, rows), now))


def _key(row: DueDeadline) -> tuple[str, str, datetime]:
    return row.stream, row.name, row.due


def passed(service: Service, row: DueDeadline, now: datetime) -> Draft:
    """The message that tells a stream so."""
    identifier = deadline_id(row.stream, row.name, format_instant(row.due))
    message = DeadlinePassed(name=row.name, due=row.due)
    envelope = Envelope(
        id=identifier,
        type=message.TYPE,
        source=f"/{service.name}",
        time=max(row.due, to_milliseconds(now)),
        subject=row.stream,
        tenant=row.tenant,
        correlation_id=row.correlation_id,
        causation_id=row.cause_id,
        traceparent=root_traceparent(identifier),
    )
    return Draft(service.inbox, row.partition, row.stream.encode(), message.encode(), envelope)
