"""The producer of transactions, and its errors as those that the loop acts on.

The rule: an error that asks for an abort is Abortable; fencing is Fenced; everything else, time-outs included, is
Indefinite, since the client does not speak the transaction protocol that would make them safe (KIP-890).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as KafkaTopicPartition

from chassis.kafka.clients import CLOSE_TIMEOUT, REQUEST_TIMEOUT, reaching
from chassis.log import Abortable, Fenced, Indefinite, LogError, NewRecord, TopicPartition
from chassis.unanswered import answered, leave
from contracts.topics import DEAD_LETTER_BYTES_MAX

__all__ = ["TransactionalProducer"]

ANSWER_TIMEOUT = REQUEST_TIMEOUT + 2.0
"""Seconds after which a call that should have given up by itself is left alone."""

TRANSACTION_TIMEOUT_MS = 10_000

_FENCING = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})


def _transaction_error(error: KafkaException) -> LogError:
    reason = error.args[0]
    if reason.code() in _FENCING:
        return Fenced(f"another producer took over this transactional id: {reason.str()}")
    if reason.txn_requires_abort():
        return Abortable(reason.str())
    return Indefinite(f"the transaction's outcome is unknown: {reason.str()}")


@contextmanager
def _transacting(producer: Producer) -> Iterator[None]:
    """Raise the client's errors as those that the loop acts on."""
    try:
        yield
    except KafkaException as error:
        raise _transaction_error(error) from error
    except SystemError as error:
        # The client calls back while the exception of a fatal error is set already, and sometimes loses it.
        known = error.__cause__ if isinstance(error.__cause__, KafkaException) else _fatal_error(producer)
        raise _transaction_error(known) from error


def _fatal_error(producer: Producer) -> KafkaException:
    """The fatal error that a producer has met: every call of a transaction answers with it from then on."""
    try:
        producer.begin_transaction()
    except KafkaException as error:
        return error
    return KafkaException(KafkaError(KafkaError._FAIL, "the client lost its own error"))


class TransactionalProducer:
    """The producer of one transactional id, which fences every earlier one as it is made."""

    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        self._written: dict[TopicPartition, tuple[int, int]] = {}
        self._failed: str | None = None
        self._unanswered = self._cut_off = False
        self._producer = Producer(
            {
                **reaching(bootstrap),
                "error_cb": self._heard,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "message.max.bytes": DEAD_LETTER_BYTES_MAX,
                "queue.buffering.max.messages": 1_000_000,
                "batch.num.messages": 10_000,
                "batch.size": 1_048_576,
            }
        )
        try:
            with _transacting(self._producer):
                self._producer.init_transactions(REQUEST_TIMEOUT)
        except Indefinite as error:
            raise Indefinite("the broker gives no producer yet") from error
        self._producer.poll(0)  # hears what went wrong on the way here, which is over
        self._cut_off = False

    def _heard(self, error: KafkaError) -> None:
        # Every broker: of one alone that is away each new client hears as well, for as long as it stays away.
        self._cut_off = self._cut_off or error.code() == KafkaError._ALL_BROKERS_DOWN

    def cut_off(self) -> bool:
        """A client that lost its only broker is not answered by that again where it asks for the group's coordinator
        (librdkafka 5456); one that is made anew is, at once."""
        self._producer.poll(0)
        return self._cut_off

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = error.str()
            return
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and partition is not None and offset is not None
        first, _ = self._written.get((topic, partition), (offset, offset))
        self._written[(topic, partition)] = (first, offset)

    def begin(self) -> None:
        self._written, self._failed = {}, None
        with _transacting(self._producer):
            self._producer.begin_transaction()

    def send(self, records: Sequence[NewRecord]) -> None:
        ends: dict[TopicPartition, tuple[int, int]] = {}
        for index, record in enumerate(records):
            first, _ = ends.get((record.topic, record.partition), (index, index))
            ends[record.topic, record.partition] = (first, index)
        try:
            for index, record in enumerate(records):
                # Only the first and the last record of a partition report their offsets: a callback a record costs more
                # than the rest.
                reports = index in ends[record.topic, record.partition]
                self._producer.produce(
                    record.topic,
                    value=record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=list(record.headers),
                    on_delivery=self._delivered if reports else None,
                )
        except BufferError as error:
            raise Abortable("the producer's queue is full: the batch is too large") from error
        except KafkaException as error:
            raise _transaction_error(error) from error

    def flush(self) -> Mapping[TopicPartition, tuple[int, int]]:
        with _transacting(self._producer):
            left = self._producer.flush(REQUEST_TIMEOUT)
        if left:
            raise Indefinite("the broker did not take the transaction's records in time")
        if self._failed is not None:
            raise Abortable(f"a record was not written: {self._failed}")
        return self._written

    def send_offsets(self, topic: str, positions: Mapping[int, int], group_metadata: Any) -> None:
        offsets = [KafkaTopicPartition(topic, partition, offset) for partition, offset in sorted(positions.items())]
        # Asks the group's coordinator, and never returns once that went away: its time-out is not kept (librdkafka 5456).
        with _transacting(self._producer):
            try:
                answered(
                    lambda: self._producer.send_offsets_to_transaction(offsets, group_metadata, REQUEST_TIMEOUT),
                    ANSWER_TIMEOUT,
                )
            except Indefinite:
                self._unanswered = True
                raise

    def commit(self) -> None:
        with _transacting(self._producer):
            self._producer.commit_transaction(REQUEST_TIMEOUT)

    def abort(self) -> None:
        try:
            with _transacting(self._producer):
                self._producer.abort_transaction(REQUEST_TIMEOUT)
        except Abortable as error:
            raise Indefinite(str(error)) from error

    def close(self) -> None:
        if self._unanswered:
            return  # a call is still inside: the client goes with its thread, if that ever returns
        # Closing aborts what is open, and the client waits for that as long as the broker is away: let it wait alone.
        # A later producer of the same id fences this one, so what it may still say then changes nothing.
        self._producer.purge()
        closing = Thread(target=self._let_go, daemon=True, name="producer-close")
        closing.start()
        closing.join(CLOSE_TIMEOUT)
        leave(closing)

    def _let_go(self) -> None:
        with suppress(KafkaException):  # fenced: another holds the id, and has aborted what was open
            self._producer.close()
