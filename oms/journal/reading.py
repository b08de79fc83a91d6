"""The journal's entries out of the topics: committed events alone, partition by partition, a few thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from chassis.log import Log
from contracts import topics
from contracts.envelope import Envelope
from contracts.message import CATALOGUE
from oms.journal.entries import HEARD, Book, Entry

__all__ = ["READ_MAX", "SERVICES", "journal"]

SERVICES = ("order", "payments")
"""Whose events move money."""

READ_MAX = 5_000
"""Events read at a time."""

POLL_SECONDS = 0.2


def journal(
    log: Log, namespace: str = "", since: datetime | None = None, until: datetime | None = None
) -> Iterator[Entry]:
    """Every entry recorded from `since` on and before `until`, in the order of the topics: the same each time, and what
    is new comes where its partition ends. Reads up to where the topics end when it begins. Raises LogError."""
    for service in SERVICES:
        topic, book = topics.events(service, namespace), Book()
        for partition in range(log.partitions(topic)):
            for entry in _entries(log, topic, partition, book):
                if (since is None or entry.when >= since) and (until is None or entry.when < until):
                    yield entry


def _entries(log: Log, topic: str, partition: int, book: Book) -> Iterator[Entry]:
    """A stream is in one partition, so a book hears each from its beginning."""
    where = (topic, partition)
    reached, end = log.bounds(topic, partition)
    reader = log.reader()
    try:
        reader.assign({where: reached})
        while reached < end:
            records, moved = reader.poll(READ_MAX, POLL_SECONDS)
            reached = moved.get(where, reached)
            for record in records:
                if record.offset >= end or dict(record.headers).get("ce_type", b"").decode() not in HEARD:
                    continue
                envelope = Envelope.parse(record.headers)
                entry = book.entry(envelope, CATALOGUE[envelope.type].decode(record.value or b""))
                if entry is not None:
                    yield entry
    finally:
        reader.close()
