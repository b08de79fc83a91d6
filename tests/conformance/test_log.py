"""What every log does: the one in memory and Kafka alike. The loop rests on each line of this."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import pytest
from confluent_kafka import TopicPartition as TopicAndOffset
from confluent_kafka.admin import AdminClient

from chassis import still
from chassis.kafka import KafkaLog
from chassis.kafka import group as grouping
from chassis.log import (
    Abortable,
    Fenced,
    GroupConsumer,
    Log,
    LogError,
    NewRecord,
    NoPosition,
    Record,
    TopicPartition,
    TransactionalProducer,
)
from chassis.memory import MemoryLog
from contracts.envelope import Headers
from contracts.topics import TopicSpec
from tests.waiting import eventually

PARTITIONS = 4


class MakesTopics(Log, Protocol):
    """A log with what a test needs beside the port: topics, and a group's first position."""

    def create_topics(self, specs: Sequence[TopicSpec]) -> list[str]: ...

    def commit_positions(self, group: str, topic: str, positions: Mapping[int, int]) -> None: ...

    def positions(self, group: str, topic: str) -> dict[int, int]: ...


class Bench:
    """A log with one empty topic and one group that is at its beginning."""

    def __init__(self, log: MakesTopics, namespace: str) -> None:
        self.log, self.namespace = log, namespace
        self.topic, self.group = f"{namespace}-topic", f"{namespace}-group"
        log.create_topics([TopicSpec(self.topic, PARTITIONS, {})])
        log.commit_positions(self.group, self.topic, dict.fromkeys(range(PARTITIONS), 0))

    def producer(self, name: str = "p") -> TransactionalProducer:
        return self.log.producer(f"{self.namespace}-{name}")

    def record(self, value: str, partition: int = 0, headers: Headers = ()) -> NewRecord:
        return NewRecord(self.topic, partition, b"key", value.encode(), headers)

    def commit(self, producer: TransactionalProducer, *records: NewRecord) -> None:
        producer.begin()
        producer.send(records)
        producer.flush()
        producer.commit()

    def read(self, partition: int = 0, position: int = 0) -> list[Record]:
        """What a read_committed reader is given up to the end of the partition."""
        return self.read_all({(self.topic, partition): position})[0]

    def read_all(self, positions: dict[TopicPartition, int]) -> tuple[list[Record], dict[TopicPartition, int]]:
        reader = self.log.reader()
        reader.assign(positions)
        ends = {where: self.log.bounds(*where)[1] for where in positions}
        found: list[Record] = []
        reached = dict(positions)

        def at_the_ends() -> bool:
            records, moved = reader.poll(100, 0.1)
            found.extend(records)
            reached.update(moved)
            return all(reached[where] >= end for where, end in ends.items())

        eventually(at_the_ends, because="reading to the ends")
        reader.close()
        return found, reached

    def values(self, partition: int = 0) -> list[str]:
        return [(record.value or b"").decode() for record in self.read(partition)]


class Member:
    """A consumer of the group that does what the loop does with partitions it is given."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.consumer: GroupConsumer = bench.log.consumer(bench.group, bench.topic)
        self.owned: set[int] = set()
        self.started: dict[int, int] = {}
        self.records: list[Record] = []

    def poll(self, limit: int = 100) -> list[Record]:
        found = self.consumer.poll(limit, 0.05)
        noted = self.consumer.rebalance()
        self.owned -= noted.revoked
        self.owned |= noted.assigned
        for number in noted.revoked | noted.assigned:
            self.started.pop(number, None)
        for number in sorted(self.owned - self.started.keys()):
            self._begin(number)
        self.records += found
        return found

    def poll_nothing(self, seconds: float) -> None:
        """Poll for so long; fails when something is handed out."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.poll() == []

    def _begin(self, number: int) -> None:
        try:
            position = self.consumer.committed(number)
            assert position is not None
            self.consumer.seek(number, position)
        except LogError:
            return  # not known yet: asked again with the next poll
        self.started[number] = position
        self.consumer.resume([number])

    def started_on(self, count: int) -> Callable[[], bool]:
        """A condition that polls: this member owns so many partitions and has begun to read them."""

        def condition() -> bool:
            self.poll()
            return len(self.owned) == count == len(self.started)

        return condition

    def got(self, *values: str) -> Callable[[], bool]:
        def condition() -> bool:
            self.poll()
            return {value.encode() for value in values} <= {record.value or b"" for record in self.records}

        return condition


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.servers)])
def bench(request: pytest.FixtureRequest, namespace: str) -> Bench:
    if request.param == "memory":
        return Bench(MemoryLog(lambda: datetime.now(UTC)), namespace)
    return Bench(KafkaLog(request.getfixturevalue("broker")), namespace)


# -- transactions


def test_what_is_committed_is_read_in_the_order_of_its_partition(bench: Bench) -> None:
    producer = bench.producer()
    bench.commit(producer, bench.record("a"), bench.record("x", 1), bench.record("b"))
    bench.commit(producer, bench.record("c"))
    assert bench.values() == ["a", "b", "c"]
    assert bench.values(1) == ["x"]


def test_a_record_comes_back_as_it_was_written(bench: Bench) -> None:
    headers = (("z", b"1"), ("a", b""), ("m", b"\x00\xff"), ("a", b"again"))
    before = datetime.now(UTC)
    bench.commit(bench.producer(), bench.record("value", 2, headers))
    (record,) = bench.read(2)
    assert (record.topic, record.partition, record.offset) == (bench.topic, 2, 0)
    assert (record.key, record.value, record.headers) == (b"key", b"value", headers)
    assert abs((record.timestamp - before).total_seconds()) < 30
    assert record.timestamp.microsecond % 1000 == 0


def test_nothing_of_an_aborted_transaction_is_ever_read(bench: Bench) -> None:
    producer = bench.producer()
    producer.begin()
    producer.send([bench.record("canary"), bench.record("canary", 1)])
    producer.flush()
    producer.abort()
    bench.commit(producer, bench.record("after"))
    assert bench.values() == ["after"]
    assert bench.values(1) == []


def test_readers_stop_before_an_open_transaction_and_then_see_all_of_it(bench: Bench) -> None:
    slow, quick = bench.producer("slow"), bench.producer("quick")
    slow.begin()
    slow.send([bench.record("slow"), bench.record("slow", 1)])
    slow.flush()
    bench.commit(quick, bench.record("quick"))
    reader = bench.log.reader()
    reader.assign({(bench.topic, 0): 0, (bench.topic, 1): 0})
    for _ in range(5):
        assert reader.poll(10, 0.1)[0] == []
    slow.commit()
    found: list[Record] = []

    def all_there() -> bool:
        found.extend(reader.poll(10, 0.1)[0])
        return len(found) == 3

    eventually(all_there, because="both partitions of the transaction")
    reader.close()
    assert [record.value for record in found if record.partition == 0] == [b"slow", b"quick"]
    assert [record.value for record in found if record.partition == 1] == [b"slow"]


def test_flush_tells_the_first_and_last_offset_of_each_partition(bench: Bench) -> None:
    producer = bench.producer()
    bench.commit(producer, bench.record("first"))
    producer.begin()
    producer.send([bench.record("a"), bench.record("b"), bench.record("c", 3)])
    # A marker lies at offset 1.
    assert dict(producer.flush()) == {(bench.topic, 0): (2, 3), (bench.topic, 3): (0, 0)}
    producer.commit()
    assert [record.offset for record in bench.read()] == [0, 2, 3]


def test_flush_counts_from_anew_in_each_transaction(bench: Bench) -> None:
    producer = bench.producer()
    bench.commit(producer, bench.record("a", 1))
    producer.begin()
    producer.send([bench.record("b", 2)])
    assert set(producer.flush()) == {(bench.topic, 2)}
    producer.commit()


def test_bounds_and_positions_count_markers(bench: Bench) -> None:
    producer = bench.producer()
    bench.commit(producer, bench.record("a"))
    producer.begin()
    producer.send([bench.record("canary")])
    producer.flush()
    producer.abort()
    eventually(lambda: bench.log.bounds(bench.topic, 0) == (0, 4), because="the markers")
    where = (bench.topic, 0)
    assert bench.read_all({where: 0})[1] == {where: 4}
    assert bench.read_all({where: 1})[1] == {where: 4}


def test_bounds_count_records_of_open_transactions(bench: Bench) -> None:
    producer = bench.producer()
    producer.begin()
    producer.send([bench.record("a"), bench.record("b")])
    producer.flush()
    assert bench.log.bounds(bench.topic, 0) == (0, 2)
    producer.commit()
    # Kafka answers the commit before its markers are written.
    eventually(lambda: bench.log.bounds(bench.topic, 0) == (0, 3), because="the marker")


def test_a_reader_that_is_given_other_partitions_reads_only_those(bench: Bench) -> None:
    bench.commit(bench.producer(), *(bench.record(f"{number}", number) for number in range(PARTITIONS)))
    reader = bench.log.reader()
    reader.assign({(bench.topic, 0): 0, (bench.topic, 1): 0})
    eventually(lambda: reader.poll(1, 0.1)[0], because="a first record")
    reader.assign({(bench.topic, 3): 0})
    found = eventually(lambda: reader.poll(10, 0.1)[0], because="the record of the other partition")
    assert [record.value for record in found] == [b"3"]
    reader.assign({})
    assert reader.poll(10, 0.1) == ([], {})
    reader.close()


def test_a_position_outside_the_log_is_refused_and_never_guessed(bench: Bench) -> None:
    bench.commit(bench.producer(), bench.record("a"))
    reader = bench.log.reader()
    reader.assign({(bench.topic, 0): 99})
    with pytest.raises(NoPosition):
        eventually(lambda: reader.poll(10, 0.1)[0], because="the refusal")
    reader.close()


@pytest.mark.servers
def test_a_reader_whose_client_stands_still_goes_on_with_another(
    broker: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a reader that has read all there was, and is looked after every second
    monkeypatch.setattr(still, "STILL_SECONDS", 1.0)
    log = KafkaLog(broker)
    bench = Bench(log, namespace)
    bench.commit(bench.producer(), bench.record("a"))
    reader = log.reader()
    reader.assign({(bench.topic, 0): 0})
    eventually(lambda: reader.poll(10, 0.1)[0], because="the first record")
    # when its client hands out nothing any more, without a word (paused, as nobody asked it to be), and more is written
    stood = reader._consumer
    stood.pause([TopicAndOffset(bench.topic, 0)])
    bench.commit(bench.producer(), bench.record("b"))
    # then another goes on from there, and nothing is handed out twice
    found = eventually(lambda: reader.poll(10, 0.1)[0], because="the next record")
    assert [record.value for record in found] == [b"b"]
    assert reader._consumer is not stood
    reader.close()


@pytest.mark.servers
def test_where_a_member_stands_still_another_joins_in_its_place(
    broker: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a member of a group that has read all there was, and is looked after every second
    monkeypatch.setattr(still, "STILL_SECONDS", 1.0)
    bench = Bench(KafkaLog(broker), namespace)
    bench.commit(bench.producer(), bench.record("a"))
    member = Member(bench)
    eventually(lambda: member.poll(), because="the first record")
    assert isinstance(member.consumer, grouping.GroupConsumer)
    stood, given = member.consumer._consumer, set(member.owned)
    # when nothing more is written, then it stays for as long as several looks take
    member.poll_nothing(4.0)
    assert member.consumer._consumer is stood
    # when its client asks the broker nothing any more, without a word (paused, as nobody asked it to be; what it asked
    # before is answered first), and more is written
    stood.pause([TopicAndOffset(bench.topic, 0)])
    member.poll_nothing(1.0)
    bench.commit(bench.producer(), bench.record("b"))
    # then another is given what it had, and reads it from where the group is
    eventually(lambda: member.poll() and member.records[-1].value == b"b", because="the next record")
    assert member.consumer._consumer is not stood
    assert member.owned == given
    member.consumer.close()


def test_the_number_of_partitions_is_known_and_a_missing_topic_said(bench: Bench) -> None:
    assert bench.log.partitions(bench.topic) == PARTITIONS
    with pytest.raises(LogError, match="no-such-topic"):
        bench.log.partitions(f"{bench.topic}-no-such-topic")


# -- fencing


def test_a_newer_producer_aborts_what_the_older_left_open_and_fences_it(bench: Bench) -> None:
    older = bench.producer()
    older.begin()
    older.send([bench.record("canary")])
    older.flush()
    newer = bench.producer()
    bench.commit(newer, bench.record("newer"))
    with pytest.raises(Fenced):
        older.commit()
    assert bench.values() == ["newer"]


def test_an_older_producer_cannot_begin_anew(bench: Bench) -> None:
    older = bench.producer()
    bench.commit(older, bench.record("older"))
    newer = bench.producer()
    with pytest.raises(Fenced):
        _send_or_abort(bench, older)
    bench.commit(newer, bench.record("newer"))
    assert bench.values() == ["older", "newer"]


def _send_or_abort(bench: Bench, producer: TransactionalProducer) -> None:
    """As the loop does it: an abortable refusal is answered by an abort."""
    try:
        bench.commit(producer, bench.record("canary"))
    except Abortable:
        producer.abort()


# -- the group


def test_a_member_reads_all_partitions_from_the_committed_positions(bench: Bench) -> None:
    bench.commit(bench.producer(), *(bench.record(f"{number}", number) for number in range(PARTITIONS)))
    member = Member(bench)
    eventually(member.got("0", "1", "2", "3"), because="a record of each partition")
    assert member.owned == set(range(PARTITIONS))
    member.consumer.close()


def test_a_member_begins_at_its_position_though_the_first_records_are_gone(broker: str, namespace: str) -> None:
    # Kafka alone: the log in memory keeps everything, and has no client that may fetch before it is told to pause
    bench = Bench(KafkaLog(broker), namespace)
    bench.commit(bench.producer(), *(bench.record("gone", number) for number in range(PARTITIONS)))
    ends = {number: bench.log.bounds(bench.topic, number)[1] for number in range(PARTITIONS)}
    admin = AdminClient({"bootstrap.servers": broker})
    kept = [TopicAndOffset(bench.topic, number, end) for number, end in ends.items()]
    for future in admin.delete_records(kept).values():
        future.result(10)
    bench.log.commit_positions(bench.group, bench.topic, ends)
    bench.commit(bench.producer(), *(bench.record(f"{number}", number) for number in range(PARTITIONS)))
    for _ in range(3):
        member = Member(bench)
        eventually(member.got("0", "1", "2", "3"), because="a record of each partition")
        assert len(member.records) == PARTITIONS
        member.consumer.close()


def test_a_partition_is_silent_until_resumed_and_while_paused(bench: Bench) -> None:
    bench.commit(bench.producer(), bench.record("a"), bench.record("x", 1))
    consumer = bench.log.consumer(bench.group, bench.topic)
    noted: set[int] = set()

    def assigned() -> bool:
        assert consumer.poll(10, 0.05) == []
        noted.update(consumer.rebalance().assigned)
        return len(noted) == PARTITIONS

    eventually(assigned, because="the assignment")
    _seek(consumer, 0, 0)
    consumer.resume([0])
    found = eventually(lambda: consumer.poll(10, 0.1), because="the record of partition 0")
    assert [record.value for record in found] == [b"a"]
    consumer.pause([0])
    _seek(consumer, 0, 0)
    for _ in range(3):
        assert consumer.poll(10, 0.05) == []
    consumer.resume([0])
    assert [record.value for record in eventually(lambda: consumer.poll(10, 0.1), because="it again")] == [b"a"]
    consumer.close()


def test_a_seek_right_after_the_assignment_stands(bench: Bench) -> None:
    # Given a position with much behind it, and a member that seeks there as soon as it can
    producer = bench.producer()
    bench.commit(producer, *(bench.record(f"{number}", number % PARTITIONS) for number in range(20)))
    consumer = bench.log.consumer(bench.group, bench.topic)
    waiting: set[int] = set()
    found: list[Record] = []

    def read(count: int) -> Callable[[], bool]:
        def condition() -> bool:
            found.extend(consumer.poll(100, 0.001))
            waiting.update(consumer.rebalance().assigned)
            for number in sorted(waiting):
                with suppress(LogError):
                    consumer.seek(number, 0)
                    consumer.resume([number])
                    waiting.remove(number)
            return len(found) >= count

        return condition

    eventually(read(20), because="what was there")
    # When more comes in, later than the client takes to ask again for anything it was not told in time
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        read(0)()
    bench.commit(producer, *(bench.record(f"{number}", number % PARTITIONS) for number in range(20, 40)))
    # Then nothing is skipped and nothing comes again
    eventually(read(40), because="what came in later")
    assert sorted(int(record.value or b"") for record in found) == list(range(40))
    consumer.close()


def _seek(consumer: GroupConsumer, partition: int, offset: int) -> None:
    def sought() -> bool:
        try:
            consumer.seek(partition, offset)
        except LogError:
            return consumer.poll(1, 0.05) != []
        return True

    eventually(sought, because="the seek")


def test_a_poll_hands_out_no_more_than_asked(bench: Bench) -> None:
    bench.commit(bench.producer(), *(bench.record(f"{number}") for number in range(7)))
    member = Member(bench)
    eventually(member.started_on(PARTITIONS), because="the assignment")
    member.consumer.seek(0, 0)
    member.records.clear()

    def all_read() -> bool:
        assert len(member.poll(3)) <= 3
        return len(member.records) >= 7

    eventually(all_read, because="all seven")
    assert [record.value for record in member.records] == [b"%d" % number for number in range(7)]
    member.consumer.close()


def test_positions_commit_with_the_transaction_and_only_with_it(bench: Bench) -> None:
    member = Member(bench)
    eventually(member.started_on(PARTITIONS), because="the assignment")
    producer = bench.producer()
    producer.begin()
    producer.send([bench.record("canary")])
    producer.flush()
    producer.send_offsets(bench.topic, {0: 5}, member.consumer.group_metadata())
    producer.abort()
    assert member.consumer.committed(0) == 0
    producer.begin()
    producer.send_offsets(bench.topic, {0: 7, 2: 1}, member.consumer.group_metadata())
    producer.commit()
    assert [member.consumer.committed(number) for number in range(PARTITIONS)] == [7, 0, 1, 0]
    assert bench.log.positions(bench.group, bench.topic) == {0: 7, 1: 0, 2: 1, 3: 0}
    member.consumer.close()


def test_a_position_is_not_known_while_a_transaction_holds_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    member = Member(bench)
    eventually(member.started_on(PARTITIONS), because="the assignment")
    producer = bench.producer()
    producer.begin()
    producer.send_offsets(bench.topic, {0: 5}, member.consumer.group_metadata())
    with monkeypatch.context() as shorter:
        shorter.setattr(grouping, "REQUEST_TIMEOUT", 1.0)
        with pytest.raises(LogError, match="not known yet"):
            member.consumer.committed(0)
    producer.commit()
    assert eventually(lambda: _known(member.consumer, 0), because="the position") == 5
    member.consumer.close()


def _known(consumer: GroupConsumer, partition: int) -> int | None:
    try:
        return consumer.committed(partition)
    except LogError:
        return None


def test_a_group_that_never_committed_has_no_position(bench: Bench) -> None:
    consumer = bench.log.consumer(f"{bench.group}-new", bench.topic)
    assert consumer.committed(0) is None
    consumer.close()


def test_a_second_member_takes_partitions_over_and_sees_the_committed_positions(bench: Bench) -> None:
    first = Member(bench)
    eventually(first.started_on(PARTITIONS), because="the first assignment")
    producer = bench.producer()
    producer.begin()
    producer.send_offsets(bench.topic, dict.fromkeys(range(PARTITIONS), 3), first.consumer.group_metadata())
    producer.commit()
    bench.commit(producer, *(bench.record(f"{number}", number) for number in range(PARTITIONS) for _ in range(3)))
    second = Member(bench)
    halves = PARTITIONS // 2

    def shared() -> bool:
        return first.started_on(halves)() & second.started_on(halves)()

    eventually(shared, because="an even share")
    assert first.owned | second.owned == set(range(PARTITIONS))
    assert not first.owned & second.owned
    assert set(second.started.values()) == {3}
    second.consumer.close()
    eventually(first.started_on(PARTITIONS), because="all of them again")
    first.consumer.close()


def test_a_stale_generation_is_refused_and_costs_only_the_transaction(bench: Bench) -> None:
    first = Member(bench)
    eventually(first.started_on(PARTITIONS), because="the first assignment")
    stale = first.consumer.group_metadata()
    second = Member(bench)
    halves = PARTITIONS // 2
    eventually(lambda: first.started_on(halves)() & second.started_on(halves)(), because="an even share")
    producer = bench.producer()
    producer.begin()
    producer.send([bench.record("canary")])
    producer.flush()
    with pytest.raises(Abortable):
        producer.send_offsets(bench.topic, {0: 1}, stale)
    with pytest.raises(Abortable):
        producer.commit()
    producer.abort()
    (owned, *_) = sorted(first.owned)
    producer.begin()
    producer.send([bench.record("after")])
    producer.flush()
    producer.send_offsets(bench.topic, {owned: 1}, first.consumer.group_metadata())
    producer.commit()
    assert bench.values() == ["after"]
    assert first.consumer.committed(owned) == 1
    first.consumer.close()
    second.consumer.close()


def test_a_member_that_left_is_of_no_generation(bench: Bench) -> None:
    member = Member(bench)
    eventually(member.started_on(PARTITIONS), because="the assignment")
    gone = member.consumer.group_metadata()
    member.consumer.close()
    producer = bench.producer()
    producer.begin()
    with pytest.raises(Abortable):
        producer.send_offsets(bench.topic, {0: 1}, gone)
    producer.abort()
    assert bench.log.positions(bench.group, bench.topic)[0] == 0


def test_positions_are_not_set_by_hand_while_somebody_reads(bench: Bench) -> None:
    member = Member(bench)
    eventually(member.started_on(PARTITIONS), because="the assignment")
    with pytest.raises(LogError):
        bench.log.commit_positions(bench.group, bench.topic, {0: 9})
    member.consumer.close()
    bench.log.commit_positions(bench.group, bench.topic, {0: 9})
    assert bench.log.positions(bench.group, bench.topic)[0] == 9
