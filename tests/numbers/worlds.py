"""A world's events as they lie in topics, with the headers that they were written with."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.log import NewRecord
from chassis.memory import MemoryLog
from chassis.taking import Emitted
from chassis.testing import DAWN
from contracts import topics

__all__ = ["PARTITIONS", "append", "empty_log"]

PARTITIONS = 2


def empty_log() -> MemoryLog:
    """Every topic, and nothing in it."""
    log = MemoryLog(lambda: DAWN)
    log.create_topics(topics.all_topics(partitions=PARTITIONS))
    return log


def append(log: MemoryLog, written: Sequence[tuple[str, Sequence[Emitted]]]) -> int:
    """Write events behind those that are there; how many."""
    writer = log.producer("spec")
    writer.begin()
    count = 0
    for service, emitted in written:
        for event in emitted:
            name = event.envelope.subject.encode()
            record = NewRecord(
                topics.events(service), sum(name) % PARTITIONS, name, event.value, event.envelope.headers()
            )
            writer.send([record])
            count += 1
    writer.flush()
    writer.commit()
    return count
