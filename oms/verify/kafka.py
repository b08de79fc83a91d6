"""The topics of an installation on a Kafka broker, by confluent-kafka and nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka import murmur2 as client_murmur2
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from oms.verify.records import Bounds, Partition, Place, Record, Unreadable

__all__ = ["KafkaSource", "murmur2"]

SECONDS_MAX = 30.0
"""How long any answer of the broker may take."""

SILENT_POLLS_MAX = 300
POLL_SECONDS = 0.2
"""After so many polls without a record or an end of a partition the broker is taken to be away."""

RECORDS_AT_ONCE = 2_000
FETCHED_KB_MAX = 32 * 1024
"""What the client may have fetched and not yet handed out."""

EARLIEST: Any = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]

KINDS = (".events", ".inbox", ".intents", ".dead-letters")
DOORS = ("channel.orders", "channel.updates", "channel.availability")


def murmur2(key: bytes, partitions: int) -> int:
    """The partition that Java's default partitioner chooses for a key."""
    return int(client_murmur2(key, partitions))


class KafkaSource:
    """See Source. `namespace` is the installation's; what other installations have on the broker is not looked at."""

    def __init__(self, bootstrap: str, namespace: str = "") -> None:
        self._bootstrap, self._prefix = bootstrap, f"{namespace}-" if namespace else ""
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def bounds(self) -> Mapping[Partition, Bounds]:
        """See Source.bounds."""
        partitions = self._partitions()
        first = self._offsets(partitions, EARLIEST)
        end = self._offsets(partitions, LATEST)
        return {where: Bounds(first[where], end[where]) for where in partitions}

    def uncommitted_ends(self) -> Mapping[Partition, int]:
        """See Broker.uncommitted_ends."""
        return self._offsets(self._partitions(), LATEST, IsolationLevel.READ_UNCOMMITTED)

    def committed(self, group: str, topic: str) -> Mapping[int, int | None]:
        """See Broker.committed."""
        name = self._prefix + topic
        numbers = [where.number for where in self._partitions() if where.topic == topic]
        asked = ConsumerGroupTopicPartitions(self._prefix + group, [KafkaPartition(name, number) for number in numbers])
        try:
            [future] = self._admin.list_consumer_group_offsets([asked], request_timeout=SECONDS_MAX).values()
            found = {at.partition: at.offset for at in future.result().topic_partitions or ()}
        except KafkaException as error:
            raise Unreadable(f"the broker at {self._bootstrap} does not say where {group} is: {error}") from error
        return {number: None if found.get(number, -1) < 0 else found[number] for number in numbers}

    def _partitions(self) -> list[Partition]:
        try:
            topics = self._admin.list_topics(timeout=SECONDS_MAX).topics
        except KafkaException as error:
            raise Unreadable(f"no broker answers at {self._bootstrap}: {error}") from error
        found = [
            Partition(name, number)
            for topic, metadata in topics.items()
            if (name := self._plain(topic)) is not None
            for number in metadata.partitions
        ]
        if not found:
            raise Unreadable(
                f"the broker at {self._bootstrap} has no topics of ours: is the namespace right ({self._prefix or 'none'})?"
            )
        return sorted(found)

    def _plain(self, topic: str) -> str | None:
        """The name without the namespace; None of a topic of others."""
        if not topic.startswith(self._prefix):
            return None
        name = topic.removeprefix(self._prefix)
        return (
            name if "-" not in name.removesuffix("dead-letters") and (name.endswith(KINDS) or name in DOORS) else None
        )

    def _offsets(
        self,
        partitions: Sequence[Partition],
        which: Any,
        isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
    ) -> dict[Partition, int]:
        asked = {KafkaPartition(self._prefix + topic, number): which for topic, number in partitions}
        try:
            answers = self._admin.list_offsets(asked, isolation_level=isolation, request_timeout=SECONDS_MAX)
            return {
                Partition(where.topic.removeprefix(self._prefix), where.partition): answer.result().offset
                for where, answer in answers.items()
            }
        except KafkaException as error:
            raise Unreadable(f"the broker at {self._bootstrap} does not say where its topics end: {error}") from error

    def read(self, since: Mapping[Partition, int], until: Mapping[Partition, int]) -> Iterator[Sequence[Record]]:
        """See Source.read."""
        wanted = {where: end for where, end in until.items() if since[where] < end}
        if not wanted:
            return
        consumer = self._consumer()
        try:
            consumer.assign(
                [KafkaPartition(self._prefix + where.topic, where.number, since[where]) for where in wanted]
            )
            silent = 0
            while wanted:
                messages = consumer.consume(RECORDS_AT_ONCE, POLL_SECONDS)
                silent = 0 if messages else silent + 1
                if silent > SILENT_POLLS_MAX:
                    raise Unreadable(
                        f"the broker at {self._bootstrap} gave nothing for {SILENT_POLLS_MAX * POLL_SECONDS:.0f} s"
                    )
                yield self._wanted(messages, wanted)
                self._drop_read(consumer, wanted)
        except KafkaException as error:
            raise Unreadable(f"reading at {self._bootstrap} failed: {error}") from error
        finally:
            consumer.close()

    def _wanted(self, messages: Sequence[Message], wanted: Mapping[Partition, int]) -> list[Record]:
        records = []
        for message in messages:
            if error := message.error():
                if error.code() != KafkaError._PARTITION_EOF:
                    raise Unreadable(f"reading at {self._bootstrap} failed: {error}")
                continue
            record = self._record(message)
            if record.offset < wanted.get(Partition(record.topic, record.partition), 0):
                records.append(record)
        return records

    def _drop_read(self, consumer: Consumer, wanted: dict[Partition, int]) -> None:
        """Let go of partitions that are read to their ends. The position counts: the end may be no record's."""
        listed = [KafkaPartition(self._prefix + where.topic, where.number) for where in wanted]
        done = [at for at in consumer.position(listed) if at.offset >= wanted[self._of(at)]]
        for at in done:
            del wanted[self._of(at)]
        if done:
            consumer.incremental_unassign([KafkaPartition(at.topic, at.partition) for at in done])

    def _of(self, at: KafkaPartition) -> Partition:
        return Partition(at.topic.removeprefix(self._prefix), at.partition)

    def _record(self, message: Message) -> Record:
        return Record(
            (message.topic() or "").removeprefix(self._prefix),
            message.partition() or 0,
            message.offset() or 0,
            message.timestamp()[1],
            message.key() or b"",
            message.value() or b"",
            _headers(message),
        )

    def at(self, place: Place) -> Record | None:
        """See Source.at."""
        where = Partition(place.topic, place.partition)
        for records in self.read({where: place.offset}, {where: place.offset + 1}):
            for record in records:
                return record
        return None

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": f"{self._prefix}oms-verify",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": FETCHED_KB_MAX,
                "fetch.message.max.bytes": 4 * 1024 * 1024,
                "log_level": 0,
            }
        )


def _headers(message: Message) -> tuple[tuple[str, bytes], ...]:
    try:
        found: Any = message.headers()
    except SystemError:
        return ()  # a name that is no UTF-8: the client has lost them, and asked again it hands out what may not be touched
    return tuple((name, content or b"") for name, content in found or ())
