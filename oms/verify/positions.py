"""I-16: where the groups of the services stand in their inboxes, and whether a transaction hangs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from oms.verify.findings import Findings
from oms.verify.records import Bounds, Partition, Record, Source

__all__ = ["Broker", "check_groups", "check_transactions"]

TRANSACTION_SECONDS_MAX = 20.0
"""How long a transaction may be open before it hangs: twice the time-out that the services set."""

ASKED_AGAIN_SECONDS = 0.5


class Broker(Source, Protocol):
    """A source that also knows about groups and open transactions. Raises Unreadable."""

    def uncommitted_ends(self) -> Mapping[Partition, int]:
        """The offset after the last record of each partition, whether its transaction has ended or not."""

    def committed(self, group: str, topic: str) -> Mapping[int, int | None]:
        """The position of a group in each partition of a topic; None where it has none."""


def check_groups(broker: Broker, bounds: Mapping[Partition, Bounds], rest_ms: int, findings: Findings) -> None:
    """What a group has not read yet must have come after `rest_ms` (milliseconds since 1970)."""
    for topic in sorted({topic for topic, _ in bounds if topic.endswith(".inbox")}):
        service = topic.partition(".")[0]
        for number, position in broker.committed(service, topic).items():
            first, end = bounds[Partition(topic, number)]
            if position is None:
                unread = _first(broker, Partition(topic, number), first, end) if end else None
                what = f"the group {service} has no position in {topic}/{number}, which begins with this"
                findings.expect("I-16 groups", end == 0, what, unread.place if unread else None)
                continue
            unread = _first(broker, Partition(topic, number), max(first, position), end)
            late = unread is not None and unread.timestamp < rest_ms
            what = f"the group {service} is at {position} of {topic}/{number} and has not read this"
            findings.expect("I-16 groups", not late and position >= first, what, unread.place if unread else None)


def _first(source: Source, where: Partition, start: int, end: int) -> Record | None:
    """The first record from an offset on; markers of transactions are none."""
    if start >= end:
        return None
    for records in source.read({where: start}, {where: end}):
        for record in records:
            return record
    return None


def check_transactions(broker: Broker, findings: Findings, sleep: Callable[[float], None] = time.sleep) -> None:
    """What is open now must have ended within the time that a transaction may take."""
    ends = broker.uncommitted_ends()
    waited, bounds = 0.0, broker.bounds()
    while _hanging(ends, bounds) and waited < TRANSACTION_SECONDS_MAX:
        sleep(ASKED_AGAIN_SECONDS)
        waited, bounds = waited + ASKED_AGAIN_SECONDS, broker.bounds()
    for where, end in sorted(ends.items()):
        stable = bounds[where].end
        what = f"{where.topic}/{where.number} cannot be read past {stable}: a transaction hangs there"
        findings.expect("I-16 hanging", stable >= end, what)


def _hanging(ends: Mapping[Partition, int], bounds: Mapping[Partition, Bounds]) -> bool:
    return any(bounds[where].end < end for where, end in ends.items())
