"""What stands in the topics between two moments: records, bytes and transactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

__all__ = ["Census", "count"]

READ_AT_ONCE = 5_000
WAIT_SECONDS = 1.0
SILENT_MAX = 30
"""Waits in a row without a record before reading is given up."""


@dataclass(frozen=True, slots=True)
class Census:
    """Counts of what the services' transactions wrote (`records`, their `bytes` in keys, values and headers, those
    `in_headers`, `transactions`), and of what came in by doors; records also by topic."""

    records: int
    bytes: int
    in_headers: int
    transactions: int
    from_doors: int
    by_topic: Mapping[str, int]

    @property
    def record_bytes(self) -> int:
        """A record of a service, on average."""
        return self.bytes // max(1, self.records)

    @property
    def header_bytes(self) -> int:
        """Of that, in headers."""
        return self.in_headers // max(1, self.records)

    @property
    def transaction_records(self) -> int:
        """The records of a transaction, on average."""
        return self.records // max(1, self.transactions)


def count(bootstrap: str, begins: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]) -> Census:
    """Read every committed record from `begins` (0 where nothing is said) to `ends`. Raises TimeoutError."""
    unread = {where for where, end in ends.items() if end > begins.get(where, 0)}
    records = total = in_headers = from_doors = silent = 0
    transactions: set[bytes] = set()
    by_topic: Counter[str] = Counter()
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-census",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        consumer.assign([TopicPartition(*where, begins.get(where, 0)) for where in sorted(unread)])
        while unread:
            messages = consumer.consume(READ_AT_ONCE, WAIT_SECONDS)
            silent = 0 if messages else silent + 1
            if silent > SILENT_MAX:
                raise TimeoutError(f"the broker hands out nothing more of {sorted(unread)}")
            for message in messages:
                where = (message.topic() or "", message.partition() or 0)
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        unread.discard(where)
                    continue
                headers: dict[str, Any] = dict(message.headers() or ())
                written = headers.get("ce_txn")
                if written is None:
                    from_doors += 1
                    continue
                size = sum(len(name) + len(value or b"") for name, value in headers.items())
                records += 1
                in_headers += size
                total += size + len(message.key() or b"") + len(message.value() or b"")
                transactions.add(written.partition(b";")[0])
                by_topic[where[0]] += 1
    finally:
        consumer.close()
    return Census(records, total, in_headers, len(transactions), from_doors, dict(sorted(by_topic.items())))
