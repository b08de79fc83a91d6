"""One Kafka cluster: its clients by their roles, its topics, where partitions begin and end, and positions of groups."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from chassis.kafka.clients import REQUEST_TIMEOUT, reaching
from chassis.kafka.group import GroupConsumer
from chassis.kafka.producer import TransactionalProducer
from chassis.kafka.reader import TopicReader
from chassis.log import LogError, NoPosition, TopicPartition
from chassis.unanswered import require_few_left_alone
from contracts.topics import TopicSpec, events, inbox, named, topics_of_service

__all__ = ["KafkaLog", "TopicsMisset"]

T = TypeVar("T")

LOOK_TIMEOUT = 2.0
"""Seconds for the question whether there is more than a reader hands out: it waits meanwhile, and asks again later."""

RETRY_SECONDS = 0.1
"""Between questions about a topic that the broker does not know yet."""

_EARLIEST, _LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
_OTHER_LEADER = frozenset({KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH})


class TopicsMisset(LogError):
    """A topic is missing or set otherwise than the table says; the text names each difference."""


def _admin_client(bootstrap: str) -> AdminClient:
    """Without its notes (above LOG_NOTICE) on how it ends, which would stand among what a command prints."""
    return AdminClient({**reaching(bootstrap), "log_level": 5})


class KafkaLog:
    """Clients of one Kafka cluster, and the making and checking of topics."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        # Kept: a client that nobody refers to is destroyed before its futures end.
        self._admin = _admin_client(bootstrap)

    def consumer(self, group: str, topic: str) -> GroupConsumer:
        return GroupConsumer(self._bootstrap, group, topic, self._ends)

    def producer(self, transactional_id: str) -> TransactionalProducer:
        """Raises LogError; TooManyUnanswered where earlier ones were left alone too often."""
        require_few_left_alone()
        return TransactionalProducer(self._bootstrap, transactional_id)

    def reader(self) -> TopicReader:
        return TopicReader(self._bootstrap, self._ends)

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
        consumer = Consumer({**reaching(self._bootstrap), "group.id": group, "enable.auto.commit": False})
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
                **reaching(self._bootstrap),
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
