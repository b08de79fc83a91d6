"""A log in memory that the checker reads as it reads a broker's, and that a test may break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from oms.verify.records import Bounds, Partition, Place, Record
from oms.verify.wire import GENESIS, chained_hash

__all__ = ["MemorySource", "other_partition", "with_header", "with_value"]

TIMESTAMP = 1_767_600_000_000
"""What the broker's clock says where nothing else is said, in milliseconds since 1970."""


@dataclass
class MemorySource:
    """Records by partition, in order of their offsets. `first`: what is not kept any more ends there."""

    logs: dict[Partition, list[Record]] = field(default_factory=dict)
    first: dict[Partition, int] = field(default_factory=dict)

    def copy(self) -> MemorySource:
        """Another log of the same records."""
        return MemorySource({where: list(records) for where, records in self.logs.items()}, dict(self.first))

    def append(
        self,
        where: Partition,
        key: bytes,
        value: bytes,
        headers: Iterable[tuple[str, bytes]],
        timestamp: int = TIMESTAMP,
    ) -> int:
        """Write a record; its offset."""
        log = self.logs.setdefault(where, [])
        log.append(Record(where.topic, where.number, len(log), timestamp, key, value, tuple(headers)))
        return len(log) - 1

    def bounds(self) -> Mapping[Partition, Bounds]:
        return {
            where: Bounds(self.first.get(where, 0), records[-1].offset + 1 if records else self.first.get(where, 0))
            for where, records in self.logs.items()
        }

    def read(self, since: Mapping[Partition, int], until: Mapping[Partition, int]) -> Iterator[Sequence[Record]]:
        for where, records in self.logs.items():
            yield [record for record in records if since[where] <= record.offset < until[where]]

    def at(self, place: Place) -> Record | None:
        found = self.logs[Partition(place.topic, place.partition)]
        return next((record for record in found if record.offset == place.offset), None)

    # -- what tests look for, and do

    def all(self, topic: str, name: str | None = None) -> list[Record]:
        """All records of a topic, of one type when it is named."""
        return [
            record
            for where, records in sorted(self.logs.items())
            for record in records
            if where.topic == topic and (name is None or f".{name}.v".encode() in dict(record.headers)["ce_type"])
        ]

    def drop(self, record: Record) -> None:
        """The record was never there; those after it keep their offsets, as with a compacted topic."""
        self._list(record).remove(record)

    def forget(self, where: Partition, before: int) -> None:
        """What the broker took before then, in milliseconds since 1970, is not kept any more."""
        kept = [record for record in self.logs[where] if record.timestamp >= before]
        self.first[where] = kept[0].offset if kept else self.bounds()[where].end
        self.logs[where] = kept

    def put(self, record: Record, other: Record) -> None:
        """Another record stands in the place of one."""
        log = self._list(record)
        log[log.index(record)] = replace(other, offset=record.offset)

    def repeat(self, record: Record) -> None:
        """The record is there again, at the end of its partition."""
        log = self._list(record)
        log.append(replace(record, offset=log[-1].offset + 1))

    def swap(self, one: Record, other: Record) -> None:
        """Two records of a partition change places."""
        self.put(one, replace(other, offset=-1))
        log = self._list(other)
        log[log.index(other)] = replace(one, offset=other.offset)

    def seal(self) -> None:
        """Make the chain of each events partition anew, as if all had been written so."""
        for where, records in self.logs.items():
            if where.topic.endswith(".events"):
                head = GENESIS
                for number, record in enumerate(records):
                    records[number] = with_header(record, "ce_prev", head)
                    head = chained_hash(records[number])

    def _list(self, record: Record) -> list[Record]:
        return self.logs[Partition(record.topic, record.partition)]


def with_header(record: Record, name: str, content: str | None) -> Record:
    """The record with a header changed, or taken away."""
    headers = [
        (found, value if found != name else (content or "").encode())
        for found, value in record.headers
        if found != name or content is not None
    ]
    return replace(record, headers=tuple(headers))


def with_value(record: Record, **fields: Any) -> Record:
    """The record with fields of its value changed."""
    return replace(record, value=orjson.dumps({**orjson.loads(record.value), **fields}))


def other_partition(record: Record) -> Partition:
    """Another partition of the record's topic."""
    return Partition(record.topic, 1 - record.partition)
