"""What `oms status` counts as waiting: messages, and not the offsets that transactions take for themselves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chassis.log import NewRecord
from chassis.memory import MemoryLog
from contracts.topics import inbox
from oms.lag import COUNTED_MAX, read_lags

INBOX = inbox("order")


@pytest.fixture
def log() -> MemoryLog:
    """The topics of the order service, two partitions each, its group at the start of both."""
    made = MemoryLog(lambda: datetime(2026, 1, 5, tzinfo=UTC))
    made.create_service_topics("order", partitions=2)
    return made


def written(log: MemoryLog, count: int, *, commit: bool = True) -> None:
    producer = log.producer("somebody")
    producer.begin()
    producer.send([NewRecord(INBOX, 0, b"order/1", b"{}", ())] * count)
    producer.flush()
    (producer.commit if commit else producer.abort)()


def test_messages_that_wait_are_counted_without_the_markers_of_their_transactions(log: MemoryLog) -> None:
    for _ in range(3):
        written(log, 2)

    assert read_lags(log, "", ["order"]) == {"order": {0: 6, 1: 0}}


def test_a_service_that_handled_all_of_it_has_no_lag(log: MemoryLog) -> None:
    written(log, 2)
    written(log, 2, commit=False)
    log.commit_positions("order", INBOX, {0: 2})

    assert read_lags(log, "", ["order"]) == {"order": {0: 0, 1: 0}}


def test_a_long_lag_is_told_by_its_offsets(log: MemoryLog) -> None:
    written(log, COUNTED_MAX)

    assert read_lags(log, "", ["order"]) == {"order": {0: COUNTED_MAX + 1, 1: 0}}


def test_a_service_without_topics_is_left_out(log: MemoryLog) -> None:
    assert read_lags(log, "other", ["order"]) == {}
