"""Chosen records of inboxes through this release's deciders: whole, they write what was written; a decider that decides
otherwise is named with the stream, the event and the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import typer

from chassis.decider import Context
from chassis.kafka import partition_of
from chassis.log import NewRecord
from chassis.memory import MemoryLog
from chassis.service import Service
from chassis.testing import DAWN
from contracts.inventory import CountStock
from contracts.message import Event
from contracts.topics import SERVICES
from oms.declared import declared
from oms.replay.asking import selection_of
from oms.replay.playing import Play, before
from oms.replay.selecting import Chosen, Selection, choose, counted
from oms.what_if.comparing import Differs, differences
from services.inventory import stock_facts
from tests.what_if.months import month

INSTALLATION = [declared(name, "") for name in SERVICES]


@cache
def a_log() -> MemoryLog:
    return month(2, 6)[1]


def played(selection: Selection, *services: str) -> tuple[Sequence[Chosen], Play, Sequence[Differs]]:
    among = [each for each in INSTALLATION if each.name in (services or SERVICES)]
    chosen = choose(a_log(), among, selection)
    known = before(a_log(), among, chosen)
    play = Play(among, known)
    assert len(list(play.handled(chosen))) + play.left_out.total() == len(chosen)
    return chosen, play, tuple(differences(known.then, play.now))


def test_everything_that_came_in_writes_what_was_written() -> None:
    chosen, play, found = played(Selection())
    assert found == () and not play.left_out
    assert len(chosen) > 300 and len(play.now) > 300


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_depends_on_its_own_inbox_alone(service: str) -> None:
    chosen, play, found = played(Selection(), service)
    assert found == () and not play.left_out and play.now
    assert {one.service for one in chosen} == {service}


def test_a_span_leaves_out_streams_that_began_before_it() -> None:
    since, until = DAWN + timedelta(days=2), DAWN + timedelta(days=4)
    chosen, play, found = played(Selection(since=since, until=until))
    assert found == () and play.now
    assert play.left_out["their stream began with a record that is not chosen"] > 0
    assert all(since <= one.record.timestamp <= until for one in chosen)


def test_a_stream_can_be_played_alone_and_offsets_name_records() -> None:
    every, _, _ = played(Selection(), "order")
    name = next(one.stream for one in every if one.stream.startswith("order/"))
    chosen, play, found = played(Selection(keys=frozenset({name})))
    assert found == () and {one.stream for one in chosen} == {name} == {each.stream for each in play.now}
    first = chosen[0].record
    alone, _, _ = played(Selection(offsets={first.partition: (first.offset, first.offset)}), "order")
    assert [one.record for one in alone] == [first]


def test_types_are_named_as_people_know_them_and_counted() -> None:
    chosen, play, _ = played(Selection(types=frozenset({"PlaceOrder"})))
    counts = counted(chosen)
    assert counts["types"] == {"PlaceOrder": len(chosen)} and counts["services"] == {"order": len(chosen)}
    assert {each.event.TYPE for each in play.now} >= {"orderlog.order.OrderPlaced.v1"}


def test_a_decider_that_decides_otherwise_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def miscounted(command: CountStock, state: Any, context: Context) -> Sequence[Event]:
        return stock_facts.count(command.model_copy(update={"counted": command.counted + 1}), state, context)

    def with_another_count(service: Service) -> Service:
        kinds = [replace(kind, decide={**kind.decide, CountStock: miscounted}) for kind in service.kinds]
        return replace(service, kinds=tuple(kinds))

    monkeypatch.setattr(f"{__name__}.INSTALLATION", [with_another_count(each) for each in INSTALLATION])
    _, _, found = played(Selection(), "inventory")
    assert found and found[0].service == "inventory" and found[0].stream.startswith("stock_item/")
    assert found[0].then is not None and (found[0].field is not None or found[0].then != found[0].control)


@pytest.mark.parametrize(
    ("services", "offsets", "says"),
    [(["order"], ["0"], "PARTITION=FIRST-LAST"), (["order", "payments"], ["0=1-2"], "name one service")],
)
def test_a_choice_that_cannot_be_meant_is_refused(services: list[str], offsets: list[str], says: str) -> None:
    with pytest.raises(typer.BadParameter, match=says):
        selection_of(services, None, None, offsets, [], [])


def test_what_nobody_can_read_is_no_message() -> None:
    _, log = month(2, 1)
    before_it = choose(log, INSTALLATION, Selection())
    count, nowhere = log.partitions("order.inbox"), ("ce_replyto", b"nowhere")
    home, nul = partition_of(b"order/1", count), partition_of(b"order/\0", count)
    producer = log.producer("garbage")
    producer.begin()
    producer.send(
        [
            NewRecord("order.inbox", 0, b"order/1", b"{}", (("ce_id", b"1"),)),
            NewRecord("order.inbox", 0, b"\xff\xfe", b"{}", before_it[0].record.headers),
            NewRecord("order.inbox", 0, b"hall/1", b"{}", before_it[0].record.headers),
            # What the loop buries, too, though its envelope can be read: another's partition, an answer that goes nowhere.
            NewRecord("order.inbox", (home + 1) % count, b"order/1", b"{}", before_it[0].record.headers),
            NewRecord("order.inbox", home, b"order/1", b"{}", (*before_it[0].record.headers, nowhere)),
            NewRecord("order.inbox", nul, b"order/\0", b"{}", before_it[0].record.headers),
        ]
    )
    producer.commit()
    assert choose(log, INSTALLATION, Selection()) == before_it
