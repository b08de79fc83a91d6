"""A reader that is handed what its process wrote reads what a reader of the log reads: each committed record once, in
order, whoever wrote it and whatever was handed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chassis.handed
from chassis.chain import GENESIS, Draft, event_hash, finish
from chassis.handed import QUIET, HandedReaders, Written, written_to
from chassis.log import NewRecord, Record, TransactionalProducer
from chassis.memory import MemoryLog
from contracts.topics import TopicSpec
from tests.contracts.log import order_events
from tests.small.venue import SeatsReturned

TOPIC, PARTITIONS = "hall.events", 2
START = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Process:
    """One process that writes to a topic and reads it, and another that may write there too."""

    def __init__(self) -> None:
        self.now = START
        self.log = MemoryLog(lambda: self.now)
        self.log.create_topics([TopicSpec(TOPIC, PARTITIONS, {})])
        self.readers = HandedReaders(self.log, lambda: self.now)
        self.reader = self.readers.reader()
        self.reader.assign({(TOPIC, number): 0 for number in range(PARTITIONS)})
        self.ours, self.other = self.log.producer("ours"), self.log.producer("other")
        self.heads = dict.fromkeys(range(PARTITIONS), GENESIS)
        self.read: list[Record] = []
        self.written = 0

    def write(self, number: int, count: int, *, hand: bool = True) -> None:
        """Commit events of ours, and hand them on."""
        batch = self._commit(self.ours, number, count)
        if hand:
            self.readers.hand([batch])

    def write_elsewhere(self, number: int, count: int) -> None:
        """Another process has the partition for a while."""
        self.readers.release((TOPIC, number))
        self._commit(self.other, number, count)

    def _commit(self, producer: TransactionalProducer, number: int, count: int) -> Written:
        values = [b"%d" % (self.written + n) for n in range(count)]
        self.written += count
        producer.begin()
        producer.send([NewRecord(TOPIC, number, b"hall/a", value, ()) for value in values])
        first, _ = producer.flush()[TOPIC, number]
        producer.commit()
        records = [Record(TOPIC, number, first + n, self.now, b"hall/a", value, ()) for n, value in enumerate(values)]
        before, self.heads[number] = self.heads[number], event_hash(b"hall/a", values[-1], ())
        return Written((TOPIC, number), before, self.heads[number], records)

    def poll(self, limit: int = 100) -> int:
        records, positions = self.reader.poll(limit, 0)
        self.read += records
        for record in records:
            assert positions[TOPIC, record.partition] > record.offset
        return len(records)

    def drain(self) -> None:
        self.now += 2 * QUIET
        while self.poll():
            pass


def committed(process: Process) -> dict[int, list[tuple[int, bytes | None]]]:
    reader = process.log.reader()
    reader.assign({(TOPIC, number): 0 for number in range(PARTITIONS)})
    records, _ = reader.poll(100_000, 0)
    return {
        number: [(each.offset, each.value) for each in records if each.partition == number]
        for number in range(PARTITIONS)
    }


def read(process: Process) -> dict[int, list[tuple[int, bytes | None]]]:
    return {
        number: [(each.offset, each.value) for each in process.read if each.partition == number]
        for number in range(PARTITIONS)
    }


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, PARTITIONS - 1), st.integers(1, 6)),
    st.tuples(st.just("write unhanded"), st.integers(0, PARTITIONS - 1), st.integers(1, 6)),
    st.tuples(st.just("elsewhere"), st.integers(0, PARTITIONS - 1), st.integers(1, 6)),
    st.tuples(st.just("poll"), st.just(0), st.integers(1, 8)),
    st.tuples(st.just("quiet"), st.just(0), st.just(0)),
)


@given(st.lists(STEPS, max_size=40))
def test_every_committed_record_is_read_once_and_in_order(steps: list[tuple[str, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chassis.handed, "HANDED_MAX", 12)
        process = Process()
        for what, number, count in steps:
            match what:
                case "write":
                    process.write(number, count)
                case "write unhanded":
                    process.write(number, count, hand=False)
                case "elsewhere":
                    process.write_elsewhere(number, count)
                case "poll":
                    process.poll(count)
                case _:
                    process.now += 2 * QUIET
        process.drain()
        assert read(process) == committed(process)


def test_what_follows_on_what_was_read_is_not_read_from_the_log_again() -> None:
    process = Process()
    process.write(0, 1)
    process.poll()
    process.write(0, 2)
    process.poll()
    # The very objects that were handed, not others made of the log's bytes.
    marked = process._commit(process.ours, 0, 1)
    handed = replace(marked, records=[replace(each, timestamp=START - timedelta(days=1)) for each in marked.records])
    process.readers.hand([handed])
    process.poll()
    assert process.read[-1] is handed.records[-1]


def _drafts(count: int) -> tuple[list[Draft], list[NewRecord]]:
    """Events of one partition as a loop drafts them, chained."""
    event, envelope = SeatsReturned(booking="b", seats=1, free=9), order_events()[0]
    drafts = [Draft(TOPIC, 0, b"hall/a", b"%d" % n, envelope, chained=True, event=event) for n in range(count)]
    return drafts, finish(drafts, "incarnation.1", {0: GENESIS})


def test_what_was_written_is_handed_on_at_its_offsets_with_its_hashes() -> None:
    drafts, records = _drafts(3)
    (batch,) = written_to(TOPIC, zip(drafts, records, strict=True), {0: (7, 9)}, START)
    assert [each.offset for each in batch.records] == [7, 8, 9]
    assert (batch.before, batch.head) == (GENESIS, event_hash(records[2].key, records[2].value, records[2].headers))
    assert [each.value for each in batch.records] == [each.value for each in records]


def test_nothing_is_handed_on_where_others_wrote_between() -> None:
    """Which of the four offsets is whose nobody knows."""
    drafts, records = _drafts(3)
    assert written_to(TOPIC, zip(drafts, records, strict=True), {0: (7, 10)}, START) == []


def test_the_end_behind_the_last_commit_is_told_once_it_is_quiet() -> None:
    """The marker of a commit is never handed on, and an operator sees no lag for it."""
    process = Process()
    process.write(0, 1)
    process.poll()
    process.write(0, 1)
    _, positions = process.reader.poll(100, 0)
    end = process.log.bounds(TOPIC, 0)[1]
    assert positions[TOPIC, 0] == end - 1
    process.now += 2 * QUIET
    _, positions = process.reader.poll(100, 0)
    assert positions[TOPIC, 0] == end
