"""What a log holds up to a moment: records of a topic as they lie there, and the streams that events come to.

Reads chosen partitions in no group and commits nothing, so nobody notices.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime

import typer

from chassis.inbox import Routes, Unreadable, read_message
from chassis.kafka import partition_of
from chassis.log import Log, LogError, Record
from chassis.service import Service
from chassis.snapshots import evolve_recorded
from chassis.store import Recorded
from chassis.stream import Stream, fresh
from contracts import topics
from contracts.envelope import Envelope
from contracts.ids import split_stream
from contracts.message import format_instant, parse_instant

__all__ = ["STREAMS_MAX", "TooManyStreams", "event_of", "instant", "message_of", "records", "routes_of", "streams_at"]

READ_MAX = 2_000
"""Records of one poll."""

POLL_SECONDS = 0.5

STALLED_SECONDS = 30.0
"""A topic that hands out nothing for so long, before its end, is not waited for."""


STREAMS_MAX = 500_000
"""Streams, of all services that are asked about, whose states one command holds in memory at once."""


class TooManyStreams(LogError):
    """A moment has more streams than memory is meant for."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(
            f"at {format_instant(moment)} there were more than {STREAMS_MAX:,} streams, and this command holds each in memory: "
            "ask for an earlier moment, or ask `oms numbers`, which holds none"
        )


def records(log: Log, topic: str, numbers: Sequence[int] | None = None) -> Iterator[Record]:
    """Everything committed in a topic, or in these partitions of it, up to where they end now; those of a partition in
    their order.

    Raises LogError where the log does not hand out what it should.
    """
    bounds = {(topic, n): log.bounds(topic, n) for n in (range(log.partitions(topic)) if numbers is None else numbers)}
    ends = {where: end for where, (first, end) in bounds.items() if first < end}
    positions = {where: bounds[where][0] for where in ends}
    reader = log.reader()
    try:
        reader.assign(positions)
        stalled_at = time.monotonic() + STALLED_SECONDS
        while any(positions[where] < end for where, end in ends.items()):
            found, moved = reader.poll(READ_MAX, POLL_SECONDS)
            yield from (record for record in found if record.offset < ends[record.topic, record.partition])
            positions.update(moved)
            if moved:
                stalled_at = time.monotonic() + STALLED_SECONDS
            elif time.monotonic() > stalled_at:
                raise LogError(f"{topic} hands out nothing between {positions} and {ends}")
    finally:
        reader.close()


def instant(text: str) -> datetime:
    """An instant as people type it. Raises typer.BadParameter."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}. Write an instant with its zone, such as 2026-01-05T09:00:00Z") from error


def routes_of(log: Log, namespace: str) -> Routes:
    """Where keys of an installation belong. Raises LogError."""
    return Routes(partition_of, {name: log.partitions(topics.inbox(name, namespace)) for name in topics.SERVICES})


def message_of(record: Record, service: Service, routes: Routes) -> Envelope | None:
    """The envelope of a record of an inbox; None for what the loop makes a dead letter of."""

    def home(key: bytes) -> int:
        return routes.partition_of(key, routes.inbox_partitions[service.name])

    try:
        return read_message(record, service.name, service.by_kind, routes, home).envelope
    except Unreadable:
        return None


def event_of(record: Record, envelope: Envelope) -> Recorded:
    """A record of an events topic, as a store keeps it."""
    headers = {name: value.decode() for name, value in record.headers}
    name, value = (record.key or b"").decode(), record.value or b""
    return Recorded(name, envelope.sequence or 0, envelope.type, headers, value, record.partition, record.offset)


def streams_at(log: Log, service: Service, moment: datetime, others: int = 0) -> dict[str, Stream]:
    """Every stream of a service after the events recorded up to a moment (UTC), by name; `others` are held already.

    Raises LogError, of it TooManyStreams, and LookupError for an event that this release cannot read.
    """
    kinds, found = service.by_kind, dict[str, Stream]()
    for record in records(log, service.events):
        envelope = Envelope.parse(record.headers)
        if envelope.time <= moment:
            event = event_of(record, envelope)
            kind = kinds[split_stream(event.stream)[0]]
            found[event.stream] = evolve_recorded(kind, found.get(event.stream) or fresh(kind, event.stream), event)
            if others + len(found) > STREAMS_MAX:
                raise TooManyStreams(moment)
    return found
