"""How many messages wait in each inbox partition.

Offsets are no count: every transaction ends with a marker that takes one too, so a service that has handled everything
is an offset or more behind the end. A short distance is therefore counted by reading it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from chassis.log import Log, LogError, TopicPartition
from contracts.topics import inbox, named

__all__ = ["COUNTED_MAX", "read_lags"]

COUNTED_MAX = 1_000
"""Offsets that are read to be counted; over a longer distance the markers hardly matter."""

COUNT_SECONDS = 2.0
"""How long counting may take; a partition that nothing was heard of until then is told by its offsets."""

POLL_SECONDS = 0.1


class InstalledLog(Log, Protocol):
    """A log that tells the positions of groups."""

    def positions(self, group: str, topic: str) -> dict[int, int]:
        """A group's committed positions of a topic; partitions without one are left out. Raises LogError."""


def read_lags(log: InstalledLog, namespace: str, services: Iterable[str]) -> dict[str, dict[int, int]]:
    """By service and inbox partition, the messages that are not handled yet; also of a service that does not run.

    A service whose topic or positions are not known is left out: `oms topics` tells what is wrong with a topic.
    """
    positions: dict[str, dict[int, int]] = {}
    starts: dict[TopicPartition, int] = {}
    lags: dict[TopicPartition, int] = {}
    for service in services:
        topic = inbox(service, namespace)
        with suppress(LogError):
            known = log.positions(named(service, namespace), topic)
            lags |= {(topic, number): log.bounds(topic, number)[1] - at for number, at in known.items()}
            starts |= {(topic, number): at for number, at in known.items()}
            positions[service] = known
    lags |= _counted(log, {where: at for where, at in starts.items() if 0 < lags[where] <= COUNTED_MAX})
    return {
        service: {number: lags[inbox(service, namespace), number] for number in sorted(known)}
        for service, known in positions.items()
    }


def _counted(log: Log, starts: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The committed records from these positions on, of each partition that was heard of in time."""
    counts = dict.fromkeys(starts, 0)
    heard: set[TopicPartition] = set()
    deadline, quiet = time.monotonic() + COUNT_SECONDS, False
    reader = log.reader()
    try:
        reader.assign(starts)
        while not (quiet and heard == starts.keys()) and time.monotonic() < deadline:
            records, moved = reader.poll(COUNTED_MAX, POLL_SECONDS)
            for record in records:
                counts[record.topic, record.partition] += 1
            heard |= moved.keys()
            quiet = not records
    except LogError:
        return {}
    finally:
        reader.close()
    return {where: counts[where] for where in heard}
