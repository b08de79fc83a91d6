"""Kafka as the log: the only file of chassis and services that imports the loop's client.

Each class maps one role of chassis/log.py to confluent-kafka and sorts its errors into those that the loop acts on.
The rule for transactions: an error that asks for an abort is Abortable; fencing is Fenced; everything else, time-outs
included, is Indefinite, since the client does not speak the transaction protocol that would make them safe (KIP-890).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter
from threading import Thread
from typing import Any, TypeVar, cast

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    murmur2,
)
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from chassis.log import (
    NAMELESS,
    Abortable,
    Fenced,
    Indefinite,
    LogError,
    NewRecord,
    NoPosition,
    Rebalance,
    Record,
    TopicPartition,
)
from chassis.still import Ends, Still
from chassis.unanswered import answered, leave, require_few_left_alone
from contracts.envelope import Headers
from contracts.topics import DEAD_LETTER_BYTES_MAX, TopicSpec, events, inbox, named, topics_of_service

__all__ = ["KafkaLog", "TopicsMisset", "partition_of"]

T = TypeVar("T")
log = logging.getLogger("orderlog")

REQUEST_TIMEOUT = 10.0
"""Seconds to wait for the broker on anything but polling."""

ANSWER_TIMEOUT = REQUEST_TIMEOUT + 2.0
"""Seconds after which a call that should have given up by itself is left alone."""

CLOSE_TIMEOUT = 3.0
"""Seconds to wait until a producer has let go of what it held."""

LOOK_TIMEOUT = 2.0
"""Seconds for the question whether there is more than a reader hands out: it waits meanwhile, and asks again later."""

RETRY_SECONDS = 0.1
"""Between questions about a topic that the broker does not know yet."""

TRANSACTION_TIMEOUT_MS = 10_000
SESSION_TIMEOUT_MS = 10_000
POLL_INTERVAL_MAX_MS = 300_000

BATCH_LINGER = 0.003
"""Seconds to wait for more once the first record of a batch is there, where it was waited for."""

BUSY_LINGER = 0.03
BATCH_WANTED = 200
"""Seconds to wait for so many records where the first was there already: others come as fast, and small transactions are
what the broker's time and then everybody's latency are lost to."""

FETCH_QUEUE_RECORDS_MIN = 20_000
FETCH_QUEUE_KBYTES_MAX = 65_536
"""What a consumer may hold fetched but not handed out: bounds its memory."""

FETCH_WAIT_MS = 500
READER_WAIT_MS = 2_000
"""How long the broker may keep an answer back while there is nothing, of an inbox and of what followers read: what is written
meanwhile is answered at once, and each answer that says nothing costs both sides. A client that is told to read elsewhere
waits for the answer first, which inboxes do as often as they change hands or were held back."""

_CONTENT = itemgetter(1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
_OTHER_LEADER = frozenset({KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH})
_FENCING = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})


class TopicsMisset(LogError):
    """A topic is missing or set otherwise than the table says; the text names each difference."""


def partition_of(key: bytes, partitions: int) -> int:
    """Where a key belongs: the partitioner of the Java client (`murmur2_random` for keys that are not empty)."""
    return int(murmur2(key, partitions))


def _headers(message: Message) -> Headers:
    try:
        pairs = cast(Sequence[tuple[str, bytes | None]], message.headers() or ())
    except SystemError:
        # A name that is no UTF-8. Asked again, the client hands out a list with holes in it, which may not be touched.
        return NAMELESS
    if all(map(_CONTENT, pairs)):
        return cast(Headers, tuple(pairs))
    return tuple([(name, b"") if value is None else (name, value) for name, value in pairs])


def _record(message: Message) -> Record:
    kind, milliseconds = message.timestamp()
    moment = _EPOCH if kind == TIMESTAMP_NOT_AVAILABLE else _EPOCH + timedelta(milliseconds=milliseconds)
    headers = _headers(message)
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None
    return Record(topic, partition, offset, moment, message.key(), message.value(), headers)


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


class _GroupConsumer:
    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._topic = topic
        self._rebalance = Rebalance(set(), set())
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": SESSION_TIMEOUT_MS,
                "heartbeat.interval.ms": SESSION_TIMEOUT_MS // 5,
                "max.poll.interval.ms": POLL_INTERVAL_MAX_MS,
                "queued.min.messages": FETCH_QUEUE_RECORDS_MIN,
                "queued.max.messages.kbytes": FETCH_QUEUE_KBYTES_MAX,
                "fetch.wait.max.ms": FETCH_WAIT_MS,
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
                records.append(_record(message))
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


class _TransactionalProducer:
    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        self._written: dict[TopicPartition, tuple[int, int]] = {}
        self._failed: str | None = None
        self._unanswered = False
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
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


class _TopicReader:
    """A reader that stands still (chassis/still.py) goes on with another client, from where it was."""

    def __init__(self, bootstrap: str, ends: Ends) -> None:
        self._bootstrap = bootstrap
        self._positions: dict[TopicPartition, int] = {}
        self._still = Still(ends)
        self._consumer = self._client()

    def _client(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                # The client wants a group's name; nothing is ever committed to it.
                "group.id": "orderlog-reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "queued.min.messages": FETCH_QUEUE_RECORDS_MIN,
                "queued.max.messages.kbytes": FETCH_QUEUE_KBYTES_MAX,
                "fetch.wait.max.ms": READER_WAIT_MS,
            }
        )

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        wanted = [KafkaTopicPartition(topic, number, offset) for (topic, number), offset in sorted(positions.items())]
        self._consumer.assign(wanted)
        self._positions = dict(positions)

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        if not self._positions:
            return [], {}
        records: list[Record] = []
        positions: dict[TopicPartition, int] = {}
        for message in self._consumer.consume(limit, timeout):
            error = message.error()
            where = (str(message.topic()), int(message.partition() or 0))
            if error is None:
                record = _record(message)
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
        if self._still.stands(self._positions):
            self._begin_again()
        return records, positions

    def _begin_again(self) -> None:
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


def _admin_client(bootstrap: str) -> AdminClient:
    """Without its notes (above LOG_NOTICE) on how it ends, which would stand among what a command prints."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 5})


class KafkaLog:
    """Clients of one Kafka cluster, and the making and checking of topics."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        # Kept: a client that nobody refers to is destroyed before its futures end.
        self._admin = _admin_client(bootstrap)

    def consumer(self, group: str, topic: str) -> _GroupConsumer:
        return _GroupConsumer(self._bootstrap, group, topic)

    def producer(self, transactional_id: str) -> _TransactionalProducer:
        """Raises LogError; TooManyUnanswered where earlier ones were left alone too often."""
        require_few_left_alone()
        return _TransactionalProducer(self._bootstrap, transactional_id)

    def reader(self) -> _TopicReader:
        return _TopicReader(self._bootstrap, self._ends)

    def topics(self) -> dict[str, int]:
        """Every topic of the cluster and its number of partitions; raises LogError when the broker is away."""
        try:
            found = self._admin.list_topics(timeout=REQUEST_TIMEOUT).topics
        except KafkaException as error:
            raise LogError(f"no broker answers at {self._bootstrap}: {error.args[0].str()}") from error
        return {name: len(topic.partitions) for name, topic in found.items()}

    def partitions(self, topic: str) -> int:
        count = self.topics().get(topic)
        if not count:
            raise LogError(f"the topic {topic} does not exist; `oms up` makes the topics")
        return count

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        where = KafkaTopicPartition(topic, partition)
        return self._offset(where, _EARLIEST), self._offset(where, _LATEST)

    def _ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """What may be handed out of each partition lies before this offset: the last stable one. Raises LogError."""
        asked = {KafkaTopicPartition(*where): _LATEST for where in partitions}
        committed = IsolationLevel.READ_COMMITTED
        try:
            futures = self._admin.list_offsets(asked, isolation_level=committed, request_timeout=LOOK_TIMEOUT)
            return {
                (str(where.topic), int(where.partition)): int(found.result(LOOK_TIMEOUT).offset)
                for where, found in futures.items()
            }
        except (KafkaException, TimeoutError) as error:
            self._ask_anew()
            raise LogError(f"the ends of what is read are not known yet: {error}") from error

    def _offset(self, where: KafkaTopicPartition, spec: OffsetSpec) -> int:
        # read_uncommitted, the admin client's default here: the last stable offset may lie before what the last
        # owner's open transaction wrote (KAFKA-10167).
        try:
            return self._listed(where, spec)
        except (KafkaException, TimeoutError) as error:
            raise LogError(f"the end of {where.topic}/{where.partition} is not known yet: {error}") from error

    def _listed(self, where: KafkaTopicPartition, spec: OffsetSpec) -> int:
        try:
            return self._ask(where, spec)
        except TimeoutError:
            self._ask_anew()
            raise
        except KafkaException as error:
            if (code := error.args[0].code()) in (*_OTHER_LEADER, KafkaError._TIMED_OUT):
                self._ask_anew()
            if code not in _OTHER_LEADER:
                raise
        return self._ask(where, spec)

    def _ask_anew(self) -> None:
        """This client asks for ever the leader that it once knew, in the epoch that it knew: one that went away, though
        another has long followed it, or that was restarted, and has another epoch. Another client knows none."""
        self._admin = _admin_client(self._bootstrap)

    def _ask(self, where: KafkaTopicPartition, spec: OffsetSpec) -> int:
        futures = self._admin.list_offsets({where: spec}, request_timeout=REQUEST_TIMEOUT)
        return int(futures[where].result(REQUEST_TIMEOUT).offset)

    def create_topics(self, specs: Sequence[TopicSpec]) -> list[str]:
        """Make the topics that are missing; the names of those made. Raises LogError naming one that failed."""
        there = self.topics()
        missing = [spec for spec in specs if spec.name not in there]
        if not missing:
            return []
        wanted = [NewTopic(spec.name, spec.partitions, config=dict(spec.config)) for spec in missing]
        for name, future in self._admin.create_topics(wanted, request_timeout=REQUEST_TIMEOUT).items():
            try:
                future.result(REQUEST_TIMEOUT)
            except TimeoutError as error:
                raise LogError(f"the topic {name} was not made in time") from error
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise LogError(f"the topic {name} was not made: {error.args[0].str()}") from error
        return [spec.name for spec in missing]

    def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics with everything in them. Raises LogError naming one that was not."""
        for name, future in self._admin.delete_topics(list(names), request_timeout=REQUEST_TIMEOUT).items():
            try:
                future.result(REQUEST_TIMEOUT)
            except (KafkaException, TimeoutError) as error:
                raise LogError(f"the topic {name} was not deleted: {error}") from error

    def create_service_topics(
        self, service: str, *, partitions: int, namespace: str = "", intents_partitions: int | None = None
    ) -> list[str]:
        """Make a service's topics and give its group position 0 where nothing ever happened; the names of those made.

        Whoever stopped between making a topic and committing its position is helped by asking again: a partition that
        has no event, and all of its inbox, begins at 0. Any other without a position is refused, never guessed: raises
        NoPosition.
        """
        made = self.create_topics(
            topics_of_service(
                service, partitions=partitions, namespace=namespace, intents_partitions=intents_partitions
            )
        )
        group, topic, recorded = named(service, namespace), inbox(service, namespace), events(service, namespace)
        missing = sorted(set(range(partitions)) - self._patiently(lambda: self.positions(group, topic)).keys())
        firsts = {number: self._patiently(partial(self.bounds, topic, number))[0] for number in missing}
        ends = {number: self._patiently(partial(self.bounds, recorded, number))[1] for number in missing}
        new = [number for number in missing if firsts[number] == ends[number] == 0]
        if new:
            self._patiently(lambda: self.commit_positions(group, topic, dict.fromkeys(new, 0)))
        if lost := [f"{topic}/{number}" for number in missing if number not in new]:
            raise NoPosition(
                f"{', '.join(lost)}: no committed position; `oms offsets restore {service}` sets it from the events"
            )
        return made

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """What the broker answers, asked again for a while: a topic that was just made is not known everywhere yet."""
        deadline = time.monotonic() + REQUEST_TIMEOUT
        while True:
            try:
                return attempt()
            except LogError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    def check_topics(self, specs: Sequence[TopicSpec]) -> None:
        """Refuse to run on topics that are missing or set otherwise; raises TopicsMisset naming each difference."""
        there = self.topics()
        wrong = [f"{spec.name} is missing; `oms up` makes it" for spec in specs if spec.name not in there]
        known = [spec for spec in specs if spec.name in there]
        wrong += [
            f"{spec.name} has {there[spec.name]} partitions, not {spec.partitions}; history stays where it was written"
            for spec in known
            if there[spec.name] != spec.partitions
        ]
        for spec, settings in zip(known, self._settings(known), strict=True):
            wrong += [
                f"{spec.name} has {name}={settings[name].value}, not {value}"
                for name, value in sorted(spec.config.items())
                if settings[name].value != value
            ]
        if wrong:
            raise TopicsMisset("; ".join(wrong))

    def _settings(self, specs: Sequence[TopicSpec]) -> list[Mapping[str, Any]]:
        resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs]
        try:
            futures = self._admin.describe_configs(resources, request_timeout=REQUEST_TIMEOUT)
            return [futures[resource].result(REQUEST_TIMEOUT) for resource in resources]
        except (KafkaException, TimeoutError) as error:
            raise LogError(f"how the topics are set is not known yet: {error}") from error

    def commit_positions(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """Set a group's positions by hand, while nobody of it runs; raises LogError when somebody does."""
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": group, "enable.auto.commit": False})
        try:
            offsets = [KafkaTopicPartition(topic, partition, offset) for partition, offset in positions.items()]
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            raise LogError(f"the positions of {group} were not set: {error.args[0].str()}") from error
        finally:
            consumer.close()

    def positions(self, group: str, topic: str) -> dict[int, int]:
        """A group's committed positions of a topic, by partition; partitions without one are left out.

        As they stand now: one that an open transaction is about to move is not waited for, since whoever began that
        may be dead, and the broker only ends it some time later.
        """
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "isolation.level": "read_uncommitted",
            }
        )
        try:
            wanted = [KafkaTopicPartition(topic, number) for number in range(self.partitions(topic))]
            found = consumer.committed(wanted, timeout=REQUEST_TIMEOUT)
        except KafkaException as error:
            raise LogError(f"the positions of {group} are not known: {error.args[0].str()}") from error
        finally:
            consumer.close()
        unknown = [f"{item.partition}: {item.error.str()}" for item in found if item.error is not None]
        if unknown:
            raise LogError(f"the positions of {group} are not known: {'; '.join(unknown)}")
        return {item.partition: int(item.offset) for item in found if item.offset >= 0}
