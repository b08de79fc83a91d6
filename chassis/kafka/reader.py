"""The reader of partitions that it is told, as followers and commands read them: no group, and nothing committed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import Thread

from confluent_kafka import Consumer, KafkaError
from confluent_kafka import TopicPartition as KafkaTopicPartition

from chassis.kafka.clients import CLOSE_TIMEOUT, committed_reading
from chassis.kafka.records import record_of
from chassis.log import LogError, NoPosition, Record, TopicPartition
from chassis.still import Ends, Still
from chassis.unanswered import leave, require_few_left_alone

__all__ = ["TopicReader"]

log = logging.getLogger("orderlog")


class TopicReader:
    """A reader that stands still (chassis/still.py) goes on with another client, from where it was."""

    def __init__(self, bootstrap: str, ends: Ends) -> None:
        self._bootstrap = bootstrap
        self._positions: dict[TopicPartition, int] = {}
        self._still = Still(ends)
        self._consumer = self._client()

    def _client(self) -> Consumer:
        return Consumer(
            {
                # The client wants a group's name; nothing is ever committed to it.
                **committed_reading(self._bootstrap, "orderlog-reader"),
                "enable.partition.eof": True,
            }
        )

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        wanted = [KafkaTopicPartition(topic, number, offset) for (topic, number), offset in sorted(positions.items())]
        self._consumer.assign(wanted)
        self._positions = dict(positions)

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        """See TopicReader.poll (chassis/log.py)."""
        if not self._positions:
            return [], {}
        records: list[Record] = []
        positions: dict[TopicPartition, int] = {}
        for message in self._consumer.consume(limit, timeout):
            error = message.error()
            where = (str(message.topic()), int(message.partition() or 0))
            if error is None:
                record = record_of(message)
                records.append(record)
                positions[where] = record.offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                # Commit markers are never handed out, but the end's offset counts them.
                positions[where] = int(message.offset() or 0)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise NoPosition(f"{where[0]}/{where[1]}: {error.str()}")
            elif error.fatal():
                raise LogError(f"the reader of {where[0]} ended: {error.str()}")
        self._positions |= positions
        if self._still.stands(lambda: self._positions):
            self._begin_again()
        return records, positions

    def _begin_again(self) -> None:
        """Raises TooManyUnanswered where earlier ones were left alone too often."""
        require_few_left_alone()
        log.warning(
            "a reader of %s stood still: another goes on", ", ".join(sorted({topic for topic, _ in self._positions}))
        )
        still, self._consumer = self._consumer, self._client()
        # A client that lost its way to the broker may not come back from being closed either.
        closing = Thread(target=still.close, daemon=True, name="reader-close")
        closing.start()
        closing.join(CLOSE_TIMEOUT)
        leave(closing)
        self.assign(self._positions)

    def close(self) -> None:
        self._consumer.close()
