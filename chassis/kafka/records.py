"""The client's messages as records of the log, and where a key belongs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message, murmur2

from chassis.log import NAMELESS, Record
from contracts.envelope import Headers

__all__ = ["partition_of", "record_of"]

_CONTENT = itemgetter(1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def partition_of(key: bytes, partitions: int) -> int:
    """Where a key belongs: the partitioner of the Java client (`murmur2_random` for keys that are not empty)."""
    return int(murmur2(key, partitions))


def _headers(message: Message) -> Headers:
    try:
        pairs = cast(Sequence[tuple[str, bytes | None]], message.headers() or ())
    except SystemError:
        # A name that is no UTF-8. Asked again, the client hands out a list with holes in it, which may not be touched.
        return NAMELESS
    if all(map(_CONTENT, pairs)):
        return cast(Headers, tuple(pairs))
    return tuple([(name, b"") if value is None else (name, value) for name, value in pairs])


def record_of(message: Message) -> Record:
    """A message that carries no error, as a record."""
    kind, milliseconds = message.timestamp()
    moment = _EPOCH if kind == TIMESTAMP_NOT_AVAILABLE else _EPOCH + timedelta(milliseconds=milliseconds)
    headers = _headers(message)
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None
    return Record(topic, partition, offset, moment, message.key(), message.value(), headers)
