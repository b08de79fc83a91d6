"""What a process has seen written to topics of events: by it a read tells how old it is."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Lock

from chassis.log import TopicPartition

__all__ = ["SIGHTS_MAX", "Horizon"]

SIGHTS_MAX = 1_000
"""Batches of a partition that are remembered. A read that is behind all of them is at least as old as the first."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Horizon:
    """When events were written, by partition: each batch as its last offset and the time of its first event. Told by
    one thread, asked by many."""

    def __init__(self, clock: Callable[[], datetime] = _utc_now) -> None:
        self._clock, self._lock = clock, Lock()
        self._sights: dict[TopicPartition, deque[tuple[int, datetime]]] = {}

    def begin(self, ends: Mapping[TopicPartition, int]) -> None:
        """Partitions are followed from these ends on: what lies before them was written now at the latest."""
        for where, end in ends.items():
            self.saw(where, end - 1, self._clock())

    def saw(self, where: TopicPartition, last_offset: int, first_at: datetime) -> None:
        """A batch was written, up to this offset, its first event at this moment."""
        with self._lock:
            self._sights.setdefault(where, deque(maxlen=SIGHTS_MAX)).append((last_offset, first_at))

    def age(self, topic: str, offsets: Mapping[int, int]) -> float:
        """Seconds since the oldest event was written that is not before these offsets; 0 where all that was seen is."""
        with self._lock:
            waiting = [self._first_at(topic, number, offset) for number, offset in offsets.items()]
        oldest = min((moment for moment in waiting if moment is not None), default=None)
        return 0.0 if oldest is None else max(0.0, (self._clock() - oldest).total_seconds())

    def _first_at(self, topic: str, partition: int, offset: int) -> datetime | None:
        sights = self._sights.get((topic, partition), ())
        place = bisect_left(sights, offset, key=lambda sight: sight[0])
        return sights[place][1] if place < len(sights) else None
