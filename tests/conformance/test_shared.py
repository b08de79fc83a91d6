"""Readers that read through one: each reads what a reader of its own would, and the log is asked once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chassis.shared
from chassis.bounded import BoundedLog
from chassis.log import NewRecord, Record, TopicPartition
from chassis.memory import MemoryLog
from chassis.shared import SharedLog
from contracts.topics import TopicSpec

TOPIC, PARTITIONS = "hall.events", 2
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ALL: dict[TopicPartition, int] = {(TOPIC, number): 0 for number in range(PARTITIONS)}


class _Counted:
    """A log that counts the records its readers hand out, and readers that are open."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.handed = self.opened = 0

    def reader(self) -> _CountedReader:
        self.opened += 1
        return _CountedReader(self, self._log)

    def partitions(self, topic: str) -> int:
        return self._log.partitions(topic)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return self._log.bounds(topic, partition)


class _CountedReader:
    def __init__(self, counted: _Counted, log: MemoryLog) -> None:
        self._counted, self._reader = counted, log.reader()
        self.assign = self._reader.assign

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        records, moved = self._reader.poll(limit, timeout)
        self._counted.handed += len(records)
        return records, moved

    def close(self) -> None:
        self._counted.opened -= 1
        self._reader.close()


class Hall:
    """A log of two partitions, and what is read of it together."""

    def __init__(self) -> None:
        self.log = MemoryLog(lambda: NOW)
        self.log.create_topics([TopicSpec(TOPIC, PARTITIONS, {})])
        self.counted = _Counted(self.log)
        self.shared = SharedLog(self.counted)
        self._producer = self.log.producer("hall")

    def write(self, number: int, count: int) -> None:
        self._producer.begin()
        self._producer.send([NewRecord(TOPIC, number, b"hall/a", b"%d" % n, ()) for n in range(count)])
        self._producer.flush()
        self._producer.commit()

    def committed(self, since: int = 0) -> dict[int, list[int]]:
        """Offsets by partition, as a reader of its own has them."""
        reader = self.log.reader()
        reader.assign(dict.fromkeys(ALL, since))
        return offsets(reader.poll(100_000, 0)[0])


def offsets(records: Sequence[Record]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {number: [] for number in range(PARTITIONS)}
    for record in records:
        found[record.partition].append(record.offset)
    return found


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 1), st.integers(1, 5)),
        st.tuples(st.just("poll"), st.integers(0, 2), st.integers(1, 7)),
        st.tuples(st.just("begin"), st.integers(0, 2), st.integers(0, 6)),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from((0, 3, 10_000)))
def test_each_reads_every_record_once_and_in_order_whenever_it_begins_and_whoever_polls(
    steps: list[tuple[str, int, int]], far: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chassis.shared, "FAR_MAX", far)
        _each_reads_every_record_once_and_in_order(steps)


def _each_reads_every_record_once_and_in_order(steps: list[tuple[str, int, int]]) -> None:
    # given three readers, each of which begins where it likes, and again
    hall = Hall()
    for number in range(PARTITIONS):
        hall.write(number, 6)
    readers = [hall.shared.reader() for _ in range(3)]
    begun, read = [0, 0, 0], [list[Record](), list[Record](), list[Record]()]
    for reader in readers:
        reader.assign(ALL)
    # when they are polled in any order while others write
    for what, number, amount in steps:
        if what == "write":
            hall.write(number, amount)
        elif what == "begin":
            begun[number], read[number] = amount, []
            readers[number].assign(dict.fromkeys(ALL, amount))
        else:
            read[number] += readers[number].poll(amount, 0)[0]
    for number, reader in enumerate(readers):
        for _ in range(200):
            read[number] += reader.poll(10, 0)[0]
    # then each has what is there from its beginning on
    assert [offsets(each) for each in read] == [hall.committed(since) for since in begun]


def test_the_log_is_read_once_for_all() -> None:
    hall = Hall()
    hall.write(0, 50)
    hall.write(1, 50)
    readers = [hall.shared.reader() for _ in range(4)]
    for reader in readers:
        reader.assign(ALL)
    for _ in range(20):
        for reader in readers:
            reader.poll(7, 0)
    assert hall.counted.handed == 100 and hall.counted.opened == 1


def test_nothing_more_is_read_while_one_does_not_take_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    # given one that never polls
    monkeypatch.setattr(chassis.shared, "WAITING_MAX", 20)
    hall = Hall()
    hall.write(0, 100)
    quick, slow = hall.shared.reader(), hall.shared.reader()
    for reader in (quick, slow):
        reader.assign(ALL)
    # when the other reads on and on, then it comes no further than the limit and a batch
    read = [record for _ in range(30) for record in quick.poll(7, 0)[0]]
    assert len(read) == slow.waiting == 21
    # until the first takes what waits for it
    assert len(slow.poll(7, 0)[0]) == 21 and len(quick.poll(7, 0)[0]) == 7


def test_one_that_begins_far_behind_is_not_waited_for_and_reads_with_the_others_once_it_is_near(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given two that are at the end, of whom one begins again
    monkeypatch.setattr(chassis.shared, "FAR_MAX", 20)
    hall = Hall()
    hall.write(0, 100)
    one, other = hall.shared.reader(), hall.shared.reader()
    for reader in (one, other):
        reader.assign({(TOPIC, 0): 100})
        assert reader.poll(7, 0)[0] == []
    one.assign({(TOPIC, 0): 0})
    # when more is written, then the other one has it at once, though the first is still far behind
    assert [record.offset for record in one.poll(7, 0)[0]] == [*range(7)]
    hall.write(0, 5)
    assert [record.offset for record in other.poll(7, 0)[0]] == [*range(101, 106)]
    assert hall.counted.opened == 2
    # and once it is near, both read by one client again
    behind = [record.offset for _ in range(30) for record in one.poll(7, 0)[0]]
    assert behind == [*range(7, 100), *range(101, 106)] and hall.counted.opened == 1
    hall.write(0, 1)
    assert [len(reader.poll(7, 0)[0]) for reader in (one, other)] == [1, 1]
    assert hall.counted.opened == 1


def test_readers_with_ends_of_their_own_stop_there_and_go_on_from_there() -> None:
    # given two that are to stop at other places
    hall = Hall()
    hall.write(0, 40)
    one, other = BoundedLog(hall.shared), BoundedLog(hall.shared)
    one.until({(TOPIC, 0): 10})
    other.until({(TOPIC, 0): 25})
    readers = [one.reader(), other.reader()]
    for reader in readers:
        reader.assign(ALL)

    def read() -> list[list[int]]:
        return [[r.offset for _ in range(20) for r in reader.poll(7, 0)[0]] for reader in readers]

    # when they are polled, then each stops at its own, and goes on from there once it lies further on
    assert read() == [list(range(10)), list(range(25))]
    one.until({(TOPIC, 0): 30})
    other.until({(TOPIC, 0): 30})
    assert read() == [list(range(10, 30)), list(range(25, 30))]


def test_the_client_goes_with_the_last_reader() -> None:
    hall = Hall()
    readers = [hall.shared.reader() for _ in range(2)]
    for reader in readers:
        reader.assign(ALL)
        reader.poll(1, 0)
    readers[0].close()
    readers[0].close()
    assert hall.counted.opened == 1
    readers[1].close()
    assert hall.counted.opened == 0
