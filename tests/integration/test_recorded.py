"""What doors show `at` a moment is the state after the events recorded up to then, and no others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis.memory import MemoryLog
from chassis.problems import Problem
from chassis.reading import Reads
from chassis.rebuild import Copy, ends_of
from chassis.recorded import seen_at
from chassis.snapshots import encode_stream, restore
from contracts import topics
from contracts.message import format_instant, parse_instant
from oms.declared import declared
from tests.simulation.busy import PARTITIONS, busy_month, log_of

STREAMS_MAX = 5


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return log_of(busy_month(2, days=4))


@pytest.fixture(params=topics.SERVICES)
def reads(request: pytest.FixtureRequest, log: MemoryLog, database: str) -> Iterator[Reads]:
    """The tables of one service, as its topics made them."""
    service = declared(request.param, "")
    copy = Copy(service, log, database, service.schema)
    copy.advance(ends_of(log, service))
    made = Reads(database, service, PARTITIONS)
    yield made
    made.close()
    copy.drop()


def test_a_stream_is_shown_as_it_was_after_each_of_its_events(reads: Reads) -> None:
    names = [name for (name,) in reads.rows("select distinct originator_id from events order by 1", [])]
    assert names
    for name in names[:STREAMS_MAX]:
        now = seen_at(reads, name, None)
        assert now.at is None
        events = list(reads.events(name))
        for event in events:
            # up to its offset, it is the last; up to its time, so is whatever else was recorded at that millisecond
            at_offset = seen_at(reads, name, str(event.offset))
            assert at_offset.stream.version == event.version
            at_time = seen_at(reads, name, event.headers["ce_time"])
            upto = [each for each in events if each.headers["ce_time"] <= event.headers["ce_time"]]
            assert at_time.at is not None and format_instant(at_time.at) == event.headers["ce_time"]
            kind = reads._service.by_kind[name.split("/")[0]]
            assert encode_stream(at_time.stream) == encode_stream(restore(kind, name, None, upto))
        assert encode_stream(seen_at(reads, name, "2030-01-01T00:00:00Z").stream) == encode_stream(now.stream)
        assert seen_at(reads, name, "2020-01-01T00:00:00Z").stream.version == 0
        assert parse_instant(events[0].headers["ce_time"]) <= parse_instant(events[-1].headers["ce_time"])


def test_what_is_neither_an_instant_nor_an_offset_is_refused(reads: Reads) -> None:
    with pytest.raises(Problem, match="`at` cannot be read"):
        seen_at(reads, "order/00000000-0000-0000-0000-000000000000", "yesterday")
