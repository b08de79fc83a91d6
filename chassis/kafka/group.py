"""The group's consumer: which partitions of an inbox are ours, and the records in them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from threading import Thread
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaTopicPartition

from chassis.kafka.clients import CLOSE_TIMEOUT, REQUEST_TIMEOUT, committed_reading
from chassis.kafka.records import record_of
from chassis.log import LogError, NoPosition, Rebalance, Record, TopicPartition
from chassis.still import Ends, Still
from chassis.unanswered import leave, require_few_left_alone

__all__ = ["GroupConsumer"]

log = logging.getLogger("orderlog")

SESSION_TIMEOUT_MS = 10_000
POLL_INTERVAL_MAX_MS = 300_000

BATCH_LINGER = 0.003
"""Seconds to wait for more once the first record of a batch is there, where it was waited for."""

BUSY_LINGER = 0.03
BATCH_WANTED = 200
"""Seconds to wait for so many records where the first was there already: others come as fast, and small transactions are
what the broker's time and then everybody's latency are lost to."""


class GroupConsumer:
    """The member of a service's group, by which it reads its inbox. Where it stands still (chassis/still.py) another joins
    in its place, as if all partitions had been taken away and given again."""

    def __init__(self, bootstrap: str, group: str, topic: str, ends: Ends) -> None:
        self._bootstrap, self._group, self._topic = bootstrap, group, topic
        self._rebalance = Rebalance(set(), set())
        self._given: set[int] = set()
        self._resumed: set[int] = set()
        self._still = Still(ends)
        self._consumer = self._client()

    def _client(self) -> Consumer:
        consumer = Consumer(
            {
                **committed_reading(self._bootstrap, self._group),
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": SESSION_TIMEOUT_MS,
                "heartbeat.interval.ms": SESSION_TIMEOUT_MS // 5,
                "max.poll.interval.ms": POLL_INTERVAL_MAX_MS,
            }
        )
        consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)
        return consumer

    def _assigned(self, consumer: Consumer, partitions: list[KafkaTopicPartition]) -> None:
        numbers = {item.partition for item in partitions}
        # One in whose place another joined still hears of partitions while it ends; none of them is ours.
        if consumer is self._consumer:
            self._rebalance.assigned |= numbers
            self._rebalance.revoked -= numbers
            self._given |= numbers
            self._resumed -= numbers
        # Assigned at the committed position, to which the loop seeks again before it resumes; the client may fetch before
        # the pause takes hold. Never at a logical offset, such as the end: the client asks the broker where that is, and
        # an answer that comes after the seek makes it ask again, and go there past everything in between.
        consumer.incremental_assign(self._of(numbers))
        consumer.pause(self._of(numbers))

    def _revoked(self, consumer: Consumer, partitions: list[KafkaTopicPartition]) -> None:
        if consumer is self._consumer:
            self._taken({item.partition for item in partitions})
        consumer.incremental_unassign(partitions)

    def _taken(self, numbers: set[int]) -> None:
        self._rebalance.revoked |= numbers
        self._rebalance.assigned -= numbers
        self._given -= numbers
        self._resumed -= numbers

    def poll(self, limit: int, timeout: float) -> list[Record]:
        records = self._poll(limit, timeout)
        # With so many that there may be more of them, whatever is not handed out may only wait its turn.
        if len(records) < limit and self._still.stands(self._heard):
            self._begin_again()
        return records

    def _heard(self) -> dict[TopicPartition, int]:
        """Of each partition that is handed out, where the broker last said that it ends. That is further than the last
        record where the markers of transactions follow, which are never handed out."""
        return {
            (self._topic, number): self._consumer.get_watermark_offsets(where, cached=True)[1]
            for number in self._resumed
            for where in self._of([number])
        }

    def _begin_again(self) -> None:
        """Raises TooManyUnanswered where earlier ones were left alone too often."""
        require_few_left_alone()
        log.warning("the member of %s stood still in %s: another joins", self._group, self._topic)
        still, self._consumer = self._consumer, self._client()
        self._taken(set(self._given))
        # A client that lost its way to the broker may not come back from being closed either.
        closing = Thread(target=still.close, daemon=True, name="consumer-close")
        closing.start()
        closing.join(CLOSE_TIMEOUT)
        leave(closing)

    def _poll(self, limit: int, timeout: float) -> list[Record]:
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
        numbers = set(partitions)
        self._consumer.pause(self._of(numbers))
        self._resumed -= numbers

    def resume(self, partitions: Iterable[int]) -> None:
        numbers = set(partitions)
        self._consumer.resume(self._of(numbers))
        self._still.forget([(self._topic, number) for number in numbers - self._resumed])
        self._resumed |= numbers & self._given

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
