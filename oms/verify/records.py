"""A record as it lies in a topic, and where records come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

__all__ = ["Bounds", "Partition", "Place", "Record", "Source", "Unreadable"]


class Unreadable(Exception):
    """Something could not be read, so nothing can be said; the text says what, and what to do."""


class Partition(NamedTuple):
    """A partition of a topic. The topic is named without the namespace."""

    topic: str
    number: int


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Bounds(NamedTuple):
    """The first offset that is kept, and the first one that no reader of committed records has reached (the LSO)."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Record:
    """A committed record. `timestamp` is the broker's or the writer's, in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def place(self) -> Place:
        return Place(self.topic, self.partition, self.offset)


class Source(Protocol):
    """The topics of an installation, read committed. Every method raises Unreadable."""

    def bounds(self) -> Mapping[Partition, Bounds]:
        """Every partition of every topic of the installation, as it is now."""

    def read(self, since: Mapping[Partition, int], until: Mapping[Partition, int]) -> Iterator[Sequence[Record]]:
        """All records from one offset to before another, in any order of partitions, each partition in its order."""

    def at(self, place: Place) -> Record | None:
        """One record again; None when it is not kept any more."""
