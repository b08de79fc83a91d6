"""Orders that were lived once and are told again: each is an order of its own, that every follower takes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from bench.looking import beside_limits
from bench.many import OPEN_EVERY, Many
from chassis.chain import GENESIS, event_hash
from chassis.kafka import partition_of
from chassis.log import NewRecord
from chassis.snapshots import evolve_recorded
from chassis.store import Recorded
from chassis.stream import Stream, fresh
from contracts.envelope import Envelope
from contracts.ids import order_number
from contracts.order import OrderPlaced
from services.order.order import status
from services.order.stream import ORDER

PARTITIONS, LIVED, COUNT = 4, 3, 25
UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told() -> tuple[Many, list[NewRecord]]:
    many = Many(COUNT, LIVED, PARTITIONS, UNTIL, timedelta(hours=1))
    return many, list(many.records(0, COUNT))


def test_each_is_another_order_and_its_stream_one_that_its_service_folds() -> None:
    many, records = told()
    streams: dict[str, Stream] = {}
    for record in records:
        name, envelope = record.key.decode(), Envelope.parse(record.headers)
        if name.startswith(ORDER.kind):
            headers = {key: text.decode() for key, text in record.headers}
            event = Recorded(name, envelope.sequence or 0, envelope.type, headers, record.value, record.partition, 0)
            streams[name] = evolve_recorded(ORDER, streams.get(name) or fresh(ORDER, name), event)
    assert len(streams) == COUNT
    known = [many.known(number) for number in range(COUNT)]
    found = Counter(str(status(stream.view(ORDER).order)) for stream in streams.values())
    # most have come to their end, and one in so many has not
    assert found["completed"] >= COUNT - COUNT // OPEN_EVERY - 1 and len(found) > 1
    for each in known:
        placed = streams[f"order/{each.order_id}"].view(ORDER).order.terms
        assert (
            (placed.number, placed.external_id)
            == (order_number(each.order_id), each.external_id)
            == (
                each.number,
                each.external_id,
            )
        )
    for names in zip(*((each.number, each.external_id, each.customer, each.tracking) for each in known), strict=True):
        assert len(set(names)) == COUNT


def test_they_lie_where_the_services_would_have_put_them_each_naming_the_one_before() -> None:
    _, records = told()
    heads: dict[tuple[str, int], str] = {}
    for record in records:
        where = record.topic, record.partition
        assert record.partition == partition_of(record.key, PARTITIONS)
        assert dict(record.headers)["ce_prev"].decode() == heads.get(where, GENESIS)
        heads[where] = event_hash(record.key, record.value, record.headers)


def test_they_were_recorded_one_after_the_other_the_last_one_now() -> None:
    _, records = told()
    placed = [Envelope.parse(record.headers) for record in records]
    times = [envelope.time for envelope in placed if envelope.type == OrderPlaced.TYPE]
    assert times == [UNTIL - timedelta(hours=back) for back in reversed(range(COUNT))]


def test_what_is_too_slow_is_said_beside_its_limit() -> None:
    found = {"waits_ms": {"search": {"p95": 40}, "order": {"p95": 201}}, "limits_ms": {"search": 150, "order": 200}}
    assert beside_limits(found) == [
        "search: p95 40 ms, limit 150 ms",
        "order: p95 201 ms, limit 200 ms: TOO SLOW",
    ]
