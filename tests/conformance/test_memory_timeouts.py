"""What frees the places of the dead in the log in memory: time, by the clock that it is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chassis.log import Abortable, Fenced, NewRecord
from chassis.memory import SESSION_TIMEOUT, TRANSACTION_TIMEOUT, MemoryLog
from contracts.topics import TopicSpec

MOMENT = timedelta(milliseconds=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock) -> MemoryLog:
    log = MemoryLog(clock)
    log.create_topics([TopicSpec("topic", 2, {})])
    log.commit_positions("group", "topic", {0: 0, 1: 0})
    return log


def test_a_transaction_open_for_too_long_is_aborted_and_its_producer_fenced(log: MemoryLog, clock: Clock) -> None:
    producer = log.producer("p")
    producer.begin()
    producer.send([NewRecord("topic", 0, b"k", b"canary", ())])
    clock.now += TRANSACTION_TIMEOUT + MOMENT
    reader = log.reader()
    reader.assign({("topic", 0): 0})
    assert reader.poll(10, 0) == ([], {("topic", 0): 2})
    with pytest.raises(Fenced):
        producer.commit()


def test_a_silent_member_loses_its_partitions_and_learns_it_with_its_next_poll(log: MemoryLog, clock: Clock) -> None:
    silent, other = log.consumer("group", "topic"), log.consumer("group", "topic")
    silent.poll(1, 0)
    other.poll(1, 0)
    assert silent.rebalance().assigned == {0}
    metadata = silent.group_metadata()
    clock.now += SESSION_TIMEOUT
    other.poll(1, 0)
    clock.now += MOMENT
    other.poll(1, 0)
    assert other.rebalance().assigned == {0, 1}
    producer = log.producer("p")
    producer.begin()
    with pytest.raises(Abortable):
        producer.send_offsets("topic", {0: 1}, metadata)
    producer.abort()
    silent.poll(1, 0)
    assert silent.rebalance().revoked == {0}
