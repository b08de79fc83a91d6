"""The two chains that make a log provable: the hash of the event before, and the number of the transaction.

Bytes as in docs/wire.md; nothing here knows a stream or a state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from struct import Struct

import orjson

from chassis.log import NewRecord, TopicPartition
from contracts.envelope import Envelope, Headers, addressed, placed
from contracts.message import Event

__all__ = ["GENESIS", "Draft", "event_hash", "finish"]

GENESIS = "0" * 64
"""What stands for the hash before the first event of a partition."""


FRAMES_KEPT = 1_024
"""Names of headers with the lengths of what they hold that are kept as they are hashed: most of ours have one length only."""

_length = Struct(">I").pack


class Draft:
    """A record of a transaction before its number is known; `chained`: it takes its place in an events partition.

    `original` is the event that it is a copy of, and stands before it in the transaction. `headers` are those without its
    place: of a dead letter from the beginning, else known once it was finished, as are `prev`, the hash of the event before
    it, and of an event `digest`, its own.
    """

    __slots__ = (
        "chained",
        "digest",
        "envelope",
        "event",
        "headers",
        "key",
        "original",
        "partition",
        "prev",
        "topic",
        "value",
    )

    def __init__(
        self,
        topic: str,
        partition: int,
        key: bytes,
        value: bytes,
        envelope: Envelope | None,
        *,
        chained: bool = False,
        event: Event | None = None,
        original: Draft | None = None,
        headers: Headers = (),
    ) -> None:
        self.topic, self.partition, self.key, self.value = topic, partition, key, value
        self.envelope, self.chained, self.original, self.headers = envelope, chained, original, headers
        self.event = event
        self.prev: str | None = None
        self.digest: str | None = None


@lru_cache(maxsize=FRAMES_KEPT)
def _framed(name: str, length: int) -> bytes:
    """What is hashed before the content of a header: its name, and how long the content is."""
    written = name.encode()
    return _length(len(written)) + written + _length(length)


def event_hash(key: bytes, value: bytes, headers: Headers) -> str:
    """SHA-256 (hex) over key, value and all headers, each length-prefixed (4 bytes, big-endian), in written order."""
    parts = [_length(len(key)), key, _length(len(value)), value]
    for name, content in headers:
        parts += (_framed(name, len(content)), content)
    return sha256(b"".join(parts)).hexdigest()


def _unplaced(draft: Draft) -> Headers:
    """The headers without the record's place. A copy of an event has the event's, and says whom it answers."""
    if draft.envelope is not None:
        if draft.original is None:
            draft.headers = draft.envelope.headers_but_place()
        else:
            draft.headers = addressed(draft.original.headers, draft.envelope.reply_to)
    return draft.headers


def finish(drafts: Sequence[Draft], transaction: str, heads: dict[int, str]) -> list[NewRecord]:
    """The records of one transaction, in order, numbered and chained.

    `transaction` is `<incarnation>.<number>`; `heads` holds the hash of the last event by partition and is moved on.
    A copy of an event (answer, intent) carries the event's own `ce_prev`.
    """
    counts = Counter((draft.topic, draft.partition) for draft in drafts)
    table = orjson.dumps({f"{topic}-{number}": count for (topic, number), count in sorted(counts.items())}).decode()
    begun: set[TopicPartition] = set()
    records = []
    for draft in drafts:
        where = (draft.topic, draft.partition)
        txn = transaction if where in begun else f"{transaction};{table}"
        begun.add(where)
        if draft.chained:
            draft.prev = heads[draft.partition]
        elif draft.original is not None:
            draft.prev = draft.original.prev
        headers = placed(_unplaced(draft), txn, draft.prev)
        if draft.chained:
            heads[draft.partition] = draft.digest = event_hash(draft.key, draft.value, headers)
        records.append(NewRecord(draft.topic, draft.partition, draft.key, draft.value, headers))
    return records
