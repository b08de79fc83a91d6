"""A group's positions in an inbox, found again from the events that it wrote.

Every event names the offset of the inbox message that caused it (`ce_inboxoffset`), so the first message that may be
unhandled is the one after the last so named. Messages in between that left no event are handled again, which is
harmless: they left none because they change nothing.
"""

from __future__ import annotations

import time

from chassis.log import Log, LogError, Record, TopicPartition
from chassis.service import Service
from contracts.envelope import Envelope

__all__ = ["restore_positions"]

READ_MAX = 10_000
"""Events read at a time."""

POLL_SECONDS = 0.2

STALLED_SECONDS = 30.0
"""A topic of events that hands out nothing for so long, before its end, is not waited for: positions are never guessed."""


def restore_positions(log: Log, service: Service) -> dict[int, int]:
    """The position of each inbox partition: after the last handled message, and never before the first kept one.

    Run it while no process of the service runs. Raises LogError and MalformedEnvelope.
    """
    count = log.partitions(service.events)
    positions = {number: log.bounds(service.inbox, number)[0] for number in range(count)}
    ends = {(service.events, number): log.bounds(service.events, number)[1] for number in range(count)}
    reader = log.reader()
    read: dict[TopicPartition, int] = dict.fromkeys(ends, 0)
    try:
        reader.assign(read)
        stalled_at = time.monotonic() + STALLED_SECONDS
        while any(read[where] < end for where, end in ends.items()):
            records, moved = reader.poll(READ_MAX, POLL_SECONDS)
            read.update(moved)
            if moved:
                stalled_at = time.monotonic() + STALLED_SECONDS
            elif time.monotonic() > stalled_at:
                raise LogError(f"{service.events} hands out nothing between {read} and {ends}, so no position is set")
            for record in records:
                positions[record.partition] = max(positions[record.partition], _after_cause(record))
    finally:
        reader.close()
    return positions


def _after_cause(event: Record) -> int:
    offset = Envelope.parse(event.headers).inbox_offset
    return 0 if offset is None else offset + 1
