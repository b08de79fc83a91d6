"""Which records of inboxes are played again: by service, time, offset, stream and type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chassis.log import Log, Record
from chassis.service import Service
from contracts.envelope import Envelope
from contracts.message import format_instant
from oms.past import message_of, records, routes_of
from oms.what_if.history import RECORDS_MAX, TooMuch

__all__ = ["Chosen", "Selection", "choose", "counted"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A record of a service's inbox that is played."""

    service: str
    stream: str
    record: Record
    envelope: Envelope


@dataclass(frozen=True)
class Selection:
    """What is taken; all of it without. `offsets` (first and last) by partition; `types` by the short names of messages
    (`PlaceOrder`)."""

    since: datetime | None = None
    until: datetime | None = None
    offsets: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    def takes(self, record: Record, envelope: Envelope) -> bool:
        """Whether a record is among them."""
        if self.since is not None and record.timestamp < self.since:
            return False
        if self.until is not None and record.timestamp > self.until:
            return False
        if self.offsets:
            first, last = self.offsets.get(record.partition, (1, 0))
            if not first <= record.offset <= last:
                return False
        if self.keys and (record.key or b"").decode() not in self.keys:
            return False
        return not self.types or _short(envelope) in self.types


def _short(envelope: Envelope) -> str:
    """`PlaceOrder` of `orderlog.order.PlaceOrder.v1`."""
    return envelope.type.rpartition(".")[0].rpartition(".")[2]


def choose(log: Log, services: Sequence[Service], selection: Selection) -> list[Chosen]:
    """The records, in the order in which they were appended. What nobody could read is left out: it is a dead letter.

    Raises LogError, of it TooMuch.
    """
    found: list[Chosen] = []
    for service in services:
        routes = routes_of(log, service.namespace)
        for record in records(log, service.inbox):
            envelope = message_of(record, service, routes)
            if envelope is not None and selection.takes(record, envelope):
                found.append(Chosen(service.name, (record.key or b"").decode(), record, envelope))
                if len(found) > RECORDS_MAX:
                    raise TooMuch(f"more than {RECORDS_MAX:,} records are chosen: choose a shorter span")
    place = {service.name: number for number, service in enumerate(services)}
    found.sort(key=lambda one: (one.record.timestamp, place[one.service], one.record.partition, one.record.offset))
    return found


def counted(found: Sequence[Chosen]) -> dict[str, Any]:
    """How many records, of which services and types, from when to when."""
    services = Counter(one.service for one in found)
    types = Counter(_short(one.envelope) for one in found)
    return {
        "records": len(found),
        "first": format_instant(found[0].record.timestamp) if found else None,
        "last": format_instant(found[-1].record.timestamp) if found else None,
        "services": dict(sorted(services.items())),
        "types": dict(sorted(types.items(), key=lambda each: (-each[1], each[0]))),
    }
