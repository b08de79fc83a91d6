"""The log as the chassis sees it: records, transactions, groups, and the errors that matter.

Two logs speak it: Kafka (chassis/kafka/) and the one in memory (chassis/memory.py); both pass the same conformance
suite. Nothing here knows a client library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from contracts.envelope import Envelope, Headers
from contracts.message import Event

__all__ = [
    "NAMELESS",
    "Abortable",
    "AsWritten",
    "Fenced",
    "GroupConsumer",
    "Indefinite",
    "Log",
    "LogError",
    "NewRecord",
    "NoPosition",
    "Rebalance",
    "Record",
    "TooManyUnanswered",
    "TopicPartition",
    "TopicReader",
    "TransactionalProducer",
]

TopicPartition = tuple[str, int]

NAMELESS: Headers = (("\N{REPLACEMENT CHARACTER}", b""),)
"""In place of the headers of a record of which one has a name that is no UTF-8 text: a client may lose them all."""


@dataclass(frozen=True, slots=True)
class AsWritten:
    """What the process that wrote an event knows of it without reading it: its envelope but for its place, what it says,
    the hash of the event before it and its own."""

    envelope: Envelope
    event: Event
    prev: str
    digest: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record as read. `timestamp` is UTC; on inboxes it is the broker's, at append. `as_written`: of an event that this very
    process wrote, which then is not read again (chassis/handed.py)."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: bytes | None
    value: bytes | None
    headers: Headers
    as_written: AsWritten | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to be written to a chosen partition."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: Headers


@dataclass(slots=True)
class Rebalance:
    """What the group coordinator changed since the last poll: noted by callbacks, acted on by the loop."""

    assigned: set[int]
    revoked: set[int]


class LogError(Exception):
    """Something the log refused; the text says what."""


class Abortable(LogError):
    """The open transaction cannot commit; abort it and go on with the same producer."""


class Indefinite(LogError):
    """Nobody knows how the transaction ended; this producer may never be used again."""


class TooManyUnanswered(Exception):
    """Too many clients of this process are inside calls that never end: it has to end, which ends those, too.

    Not a LogError: whoever waits until a broker is back must not wait for this.
    """


class Fenced(LogError):
    """Another producer holds this transactional id: this process is a zombie and has to end."""


class NoPosition(LogError):
    """A partition has no committed position, or one that lies outside the log: it is restored, never guessed."""


class GroupConsumer(Protocol):
    """Reads the inbox partitions that the group gives this process; read_committed; commits nothing itself."""

    def poll(self, limit: int, timeout: float) -> list[Record]:
        """At most `limit` records, waiting up to `timeout` seconds for the first."""

    def rebalance(self) -> Rebalance:
        """What changed since the last call."""

    def pause(self, partitions: Iterable[int]) -> None: ...

    def resume(self, partitions: Iterable[int]) -> None: ...

    def seek(self, partition: int, offset: int) -> None: ...

    def committed(self, partition: int) -> int | None:
        """The group's stable position of an owned partition; None when there is none."""

    def group_metadata(self) -> Any: ...

    def close(self) -> None:
        """Leave the group."""


class TransactionalProducer(Protocol):
    """Writes all of a transaction or nothing of it. Raises Abortable, Indefinite or Fenced."""

    def cut_off(self) -> bool:
        """Whether the log was away since this producer was made: another is answered sooner than this one."""

    def begin(self) -> None: ...

    def send(self, records: Sequence[NewRecord]) -> None: ...

    def flush(self) -> Mapping[TopicPartition, tuple[int, int]]:
        """Wait until all is written; the offsets of the first and the last record in each topic partition."""

    def send_offsets(self, topic: str, positions: Mapping[int, int], group_metadata: Any) -> None: ...

    def commit(self) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


class TopicReader(Protocol):
    """Reads chosen partitions from chosen offsets, read_committed, in no group."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions and no others from now on, each from its position."""

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        """Records, and for each partition that moved the offset that comes next (ends of partitions count)."""

    def close(self) -> None: ...


class Log(Protocol):
    """Where clients of the log come from."""

    def consumer(self, group: str, topic: str) -> GroupConsumer: ...

    def producer(self, transactional_id: str) -> TransactionalProducer:
        """A producer that has fenced all older ones of the same id."""

    def reader(self) -> TopicReader: ...

    def partitions(self, topic: str) -> int: ...

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset and end of a partition, counting records of open transactions."""
