"""The group's consumer: which partitions of an inbox are ours, and the records in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaTopicPartition

from chassis.kafka.clients import REQUEST_TIMEOUT, committed_reading
from chassis.kafka.records import record_of
from chassis.log import LogError, NoPosition, Rebalance, Record

__all__ = ["GroupConsumer"]

SESSION_TIMEOUT_MS = 10_000
POLL_INTERVAL_MAX_MS = 300_000

BATCH_LINGER = 0.003
"""Seconds to wait for more once the first record of a batch is there, where it was waited for."""

BUSY_LINGER = 0.03
BATCH_WANTED = 200
"""Seconds to wait for so many records where the first was there already: others come as fast, and small transactions are
what the broker's time and then everybody's latency are lost to."""


class GroupConsumer:
    """The member of a service's group, by which it reads its inbox."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._topic = topic
        self._rebalance = Rebalance(set(), set())
        self._consumer = Consumer(
            {
                **committed_reading(bootstrap, group),
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": SESSION_TIMEOUT_MS,
                "heartbeat.interval.ms": SESSION_TIMEOUT_MS // 5,
                "max.poll.interval.ms": POLL_INTERVAL_MAX_MS,
            }
        )
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def _assigned(self, consumer: Consumer, partitions: list[KafkaTopicPartition]) -> None:
        numbers = {item.partition for item in partitions}
        self._rebalance.assigned |= numbers
        self._rebalance.revoked -= numbers
        # Assigned at the committed position, to which the loop seeks again before it resumes; the client may fetch before
        # the pause takes hold. Never at a logical offset, such as the end: the client asks the broker where that is, and
        # an answer that comes after the seek makes it ask again, and go there past everything in between.
        consumer.incremental_assign(self._of(numbers))
        consumer.pause(self._of(numbers))

    def _revoked(self, consumer: Consumer, partitions: list[KafkaTopicPartition]) -> None:
        numbers = {item.partition for item in partitions}
        self._rebalance.revoked |= numbers
        self._rebalance.assigned -= numbers
        consumer.incremental_unassign(partitions)

    def poll(self, limit: int, timeout: float) -> list[Record]:
        waiting = self._consumer.poll(0)
        first = waiting or self._consumer.poll(timeout)
        if first is None:
            return []
        wanted = min(limit, BATCH_WANTED)
        messages = [first]
        if wanted > 1:
            messages += self._consumer.consume(wanted - 1, BATCH_LINGER if waiting is None else BUSY_LINGER)
        if limit > len(messages) == wanted:
            messages += self._consumer.consume(limit - wanted, 0)
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(record_of(message))
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise NoPosition(
                    f"{self._topic}/{message.partition()} has no position to read from ({error.str()}); "
                    "`oms offsets restore` sets it from the events, it is never guessed"
                )
            elif error.fatal():
                raise LogError(f"the consumer of {self._topic} ended: {error.str()}")
            # The rest (a broker that is away, a leader that moves) the client mends by itself.
        return records

    def rebalance(self) -> Rebalance:
        noted, self._rebalance = self._rebalance, Rebalance(set(), set())
        return noted

    def _of(self, partitions: Iterable[int]) -> list[KafkaTopicPartition]:
        return [KafkaTopicPartition(self._topic, number) for number in partitions]

    def pause(self, partitions: Iterable[int]) -> None:
        self._consumer.pause(self._of(partitions))

    def resume(self, partitions: Iterable[int]) -> None:
        self._consumer.resume(self._of(partitions))

    def seek(self, partition: int, offset: int) -> None:
        try:
            self._consumer.seek(KafkaTopicPartition(self._topic, partition, offset))
        except KafkaException as error:
            raise LogError(f"cannot seek {self._topic}/{partition} yet: {error.args[0].str()}") from error

    def committed(self, partition: int) -> int | None:
        try:
            (found,) = self._consumer.committed(self._of([partition]), timeout=REQUEST_TIMEOUT)
        except KafkaException as error:
            raise LogError(f"the position of {self._topic}/{partition} is not known yet: {error.args[0]}") from error
        if found.error is not None:
            raise LogError(f"the position of {self._topic}/{partition} is not known yet: {found.error.str()}")
        return None if found.offset < 0 else int(found.offset)

    def group_metadata(self) -> Any:
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        self._consumer.close()
