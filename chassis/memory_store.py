"""The loop's tables in memory: for the simulated world, and for tests that need no database.

The events lie in the `eventsourcing` library's recorder of plain objects, the rest in maps. Everything that
chassis/store.py promises of PostgreSQL holds, as the conformance suite of both proves; nothing is kept on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from eventsourcing.persistence import StoredEvent
from eventsourcing.popo import POPOAggregateRecorder

from chassis.chain import GENESIS
from chassis.store import DueDeadline, Followed, Loaded, Recorded, StoreAway, StoredRow, TrackingMoved, pack, unpack

__all__ = ["MemoryStore"]


class MemoryStore:
    """One service's tables, for all its loops of one simulated world. While `away`, every method raises StoreAway."""

    def __init__(self) -> None:
        self.away = False
        self.door_messages: dict[str, tuple[str, int, str]] = {}
        """By message id: the stream, the version of its first event, and the body's digest."""
        self._events = POPOAggregateRecorder()
        self._tracking: dict[int, tuple[int, str]] = {}
        self._snapshots: dict[str, tuple[int, str, bytes]] = {}
        self._deadlines: dict[tuple[str, str], DueDeadline] = {}

    def _answer(self) -> None:
        if self.away:
            raise StoreAway("the database is away")

    def tracked(self, partition: int) -> tuple[int, str]:
        self._answer()
        return self._tracking.get(partition, (0, GENESIS))

    def load(self, wanted: Mapping[str, str], partitions: Sequence[int]) -> Loaded:
        self._answer()
        tracked = {number: self._tracking[number][0] for number in partitions if number in self._tracking}
        kept = {name: self._snapshots[name] for name in wanted if name in self._snapshots}
        snapshots = {name: (version, state) for name, (version, of, state) in kept.items() if of == wanted[name]}
        events = {name: self._after(name, snapshots[name][0] if name in snapshots else 0) for name in wanted}
        return Loaded(tracked, snapshots, {name: found for name, found in events.items() if found})

    def _after(self, stream: str, version: int) -> list[Recorded]:
        rows = self._events.select_events(stream, gt=version)
        return [unpack(stream, row.originator_version, row.topic, row.state) for row in rows]

    def due(
        self, partitions: Sequence[int], now: datetime, limit: int, after: DueDeadline | None = None
    ) -> list[DueDeadline]:
        self._answer()
        rows = [row for row in self._deadlines.values() if row.partition in partitions and row.due <= now]
        later = [row for row in rows if after is None or _place(row) > _place(after)]
        return sorted(later, key=_place)[:limit]

    def apply(self, followed: Sequence[Followed], snapshots: Mapping[str, tuple[int, str, bytes]]) -> None:
        # What may refuse comes first: tracking, then events written twice. So it is all or nothing.
        for each in followed:
            if self.tracked(each.partition)[0] != each.read:
                raise TrackingMoved(f"partition {each.partition} is no longer at {each.read}; another follows it")
        self._insert([row.event for each in followed for row in each.rows])
        self._tracking.update({each.partition: (each.position, each.head) for each in followed})
        self._snapshots.update(snapshots)
        for each in followed:
            for row in each.rows:
                self._keep_deadlines(row, each.partition)
                if row.door_digest is not None:
                    place = (row.event.stream, row.event.version, row.door_digest)
                    self.door_messages.setdefault(row.event.headers["ce_causationid"], place)

    def _insert(self, events: Sequence[Recorded]) -> None:
        self._events.insert_events(
            [StoredEvent(event.stream, event.version, event.type, pack(event)) for event in events]
        )

    def _keep_deadlines(self, row: StoredRow, partition: int) -> None:
        stream, headers = row.event.stream, row.event.headers
        for name, due in row.deadlines.items():
            self._deadlines.pop((stream, name), None)
            if due is not None:
                causes = (headers["ce_id"], headers["ce_correlationid"], headers["ce_tenant"])
                self._deadlines[(stream, name)] = DueDeadline(stream, name, due, partition, *causes)


def _place(row: DueDeadline) -> tuple[datetime, str, str]:
    return row.due, row.stream, row.name
