"""Names of headers that are no text. Kafka takes any bytes for a name; its clients for Python take UTF-8 for granted, and what
they raise otherwise they raise again at every attempt, so that one such record stops its partition for good.

Here the client of doors and workers (aiokafka) is taught to read them, as `readable` says. The loop's client cannot be
taught: it loses the headers of such a record (chassis/kafka/records.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

__all__ = ["read_odd_names", "readable"]

_LENGTH_AT, _BEFORE_LENGTH_ENDS = struct.calcsize(">q"), struct.calcsize(">qi")
"""Where a batch says how long it is, and how many bytes that does not count."""


def readable(name: bytes) -> bytes:
    """A name as it can be shown: where it is no UTF-8, a question mark stands for each byte that is not ASCII."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return bytes(byte if byte < 0x80 else ord("?") for byte in name)
    return name


def read_odd_names() -> None:
    """Have every consumer of this process read records of which a header's name is no text. The client has no room for
    that, so the class by which it reads what it fetched is wrapped."""
    fetcher.MemoryRecords = _Fetched


class _Fetched:
    """What was fetched of a partition, batch by batch, as the client's own `MemoryRecords` has it."""

    def __init__(self, fetched: bytes) -> None:
        self._records, self._fetched, self._at = MemoryRecords(fetched), fetched, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> _Batch | None:
        batch = self._records.next_batch()
        if batch is None:
            return None
        begin = self._at
        (length,) = struct.unpack_from(">i", self._fetched, begin + _LENGTH_AT)
        self._at = begin + _BEFORE_LENGTH_ENDS + length
        return _Batch(batch, memoryview(self._fetched)[begin : self._at])


class _Batch:
    """A batch as the client reads it; where it cannot, read once more with names that it can."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        reached = -1
        try:
            for record in self._batch:
                reached = record.offset
                yield record
        except UnicodeDecodeError:
            yield from (record for record in _named(self._raw) if record.offset > reached)


def _named(raw: memoryview) -> _DefaultRecordBatchPy:
    """The batch with a readable name in the place of each that is none: of the same length, so that all else stays where
    it is."""
    batch = _DefaultRecordBatchPy(raw)
    batch._maybe_uncompress()
    buffer, at = batch._buffer, batch._pos
    for _ in range(batch._num_records):
        length, at = decode_varint(buffer, at)
        end = at + length
        at += 1  # attributes
        for _ in ("timestamp", "offset"):
            _, at = decode_varint(buffer, at)
        for _ in ("key", "value"):
            at = _behind(buffer, at)
        count, at = decode_varint(buffer, at)
        for _ in range(count):
            size, at = decode_varint(buffer, at)
            buffer[at : at + size] = readable(bytes(buffer[at : at + size]))
            at = _behind(buffer, at + size)
        at = end
    return batch


def _behind(buffer: bytearray, at: int) -> int:
    """Where something ends that has its length before it, -1 where it is not there."""
    size, at = decode_varint(buffer, at)
    return int(at + max(size, 0))
