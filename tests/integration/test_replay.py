"""Two versions make the same of one log, or what differs is named: an upgrade is proved before it is installed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chassis.memory import MemoryLog
from chassis.rebuild import ends_of
from chassis.store import connect
from contracts.order import SourcingDecided
from contracts.topics import SERVICES
from oms.declared import declared
from oms.past import records
from oms.replay import building
from oms.replay.command import HERE
from oms.replay.comparing import NotBuilt, Replayed, Wanted, build_by, document_of, replay
from oms.replay.into import NoSandbox, play_into, remove
from oms.replay.selecting import Selection, choose
from services.order.order import OrderState
from services.order.projections import OrdersChanged, OrderStage
from services.order.sourcing_rules import RULES, Criterion, compared_by
from tests.simulation.busy import busy_month, log_of
from tests.what_if.months import month


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return log_of(busy_month(3, days=5))


def replayed(log: MemoryLog, database: str, namespace: str, patch: Any = None) -> Replayed:
    """Both versions in this process; `patch` makes the second another one."""
    service = declared("order", "")
    asked = {
        "service": "order",
        "namespace": "",
        "database": database,
        "positions": document_of(ends_of(log, service)),
    }

    def by(wanted: Wanted, what: Mapping[str, Any]) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patched:
            if wanted.schema.endswith("other") and patch is not None:
                patch(patched)
            return building.build(log, {**what, "schema": wanted.schema})

    schemas = [Wanted(Path(), f"{namespace}_{name}") for name in ("here", "other")]
    return replay(service, asked, schemas[0], schemas[1], by)


def test_the_same_version_makes_the_same_of_a_log(log: MemoryLog, database: str, namespace: str) -> None:
    found = replayed(log, database, namespace)
    assert found.equal and found.streams == () and found.calls_outside == 0
    assert {"events", "orders", "stream_states"} < {table.table for table in found.tables}


def test_a_read_model_that_another_version_makes_otherwise_is_named(
    log: MemoryLog, database: str, namespace: str
) -> None:
    told: Callable[..., None] = OrdersChanged._end

    def other(patched: pytest.MonkeyPatch) -> None:
        patched.setattr(OrdersChanged, "_end", lambda *args: told(*args[:-1], OrderStage.PLACED))

    found = replayed(log, database, namespace, other)
    assert [table.table for table in found.tables if not table.equal] == ["orders"]
    [orders] = [table for table in found.tables if table.table == "orders"]
    assert orders.first is not None and orders.first.live is not None and orders.first.rebuilt is not None
    assert orders.first.live["stage"] != orders.first.rebuilt["stage"] == "placed"
    assert found.streams == ()


def test_streams_that_come_to_other_states_are_named(log: MemoryLog, database: str, namespace: str) -> None:
    def other_state(patched: pytest.MonkeyPatch) -> None:
        kind, *others = declared("order", "").kinds
        first = kind.folds[0]
        assert isinstance(first.initial, OrderState)
        changed = replace(kind, folds=(replace(first, initial=replace(first.initial, captured=1)), *kind.folds[1:]))
        patched.setattr("services.order.app.KINDS", (changed, *others))

    found = replayed(log, database, namespace, other_state)
    different = {table.table for table in found.tables if not table.equal}
    assert "stream_states" in different and found.streams
    first = found.streams[0]
    assert first.stream.startswith("order/") and first.field == "states[0].captured"
    assert first.values[1] == first.values[0] + 1


def test_a_checkout_that_cannot_build_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match="is no checkout of a version that can replay"):
        build_by(Wanted(tmp_path, "nothing"), {})
    with pytest.raises(NotBuilt, match="built nothing; it said"):
        build_by(Wanted(HERE, "nothing"), {})


def test_records_are_played_into_a_sandbox_that_writes_what_was_written(database: str) -> None:
    _, whole = month(3, 4)
    services = [declared(name, "") for name in SERVICES]
    chosen = choose(whole, services, Selection())
    found = play_into(whole, database, services, chosen, "trial")
    assert found.equal and found.records == len(chosen) and found.left_out == {} and found.calls_outside == 0
    for service in (declared(name, "trial") for name in SERVICES):
        with connect(database, service.schema) as tables:
            [events] = tables.execute("select count(*) from events").fetchall()
        live = sum(1 for _ in records(whole, f"{service.name}.events"))
        assert events == (live,) and live == sum(1 for _ in records(whole, service.events)) > 0
    assert list(records(whole, "trial-order.intents")) == []
    assert whole.positions("trial-order", "trial-order.inbox") == {}
    with connect(database, "trial_order") as tables:
        [orders] = tables.execute("select count(*) from orders where stage <> ''").fetchall()
    assert orders[0] > 0
    with pytest.raises(NoSandbox, match="is there already"):
        play_into(whole, database, services, chosen, "trial")
    assert remove(whole, database, "trial") == 18
    with pytest.raises(NoSandbox, match="is no sandbox"):
        remove(whole, database, "trial")
    with pytest.raises(NoSandbox, match="is the live namespace"):
        play_into(whole, database, services, chosen, "")


def test_a_whole_log_says_of_an_upgrade_what_it_decides_otherwise_and_of_what_else_nothing(database: str) -> None:
    # given the whole log of a month, and a release whose sourcing compares locations by their names backwards
    world, whole = month(3, 4)
    services = [declared(name, "") for name in SERVICES]
    chosen = choose(whole, services, Selection())
    backwards = Criterion("name", lambda place, score: [-ord(letter) for letter in place], "comes later by name")
    with compared_by((RULES[0], backwards)):
        found = play_into(whole, database, services, chosen, "next")
    remove(whole, database, "next")
    # then every message was decided anew, and the first that comes out otherwise of each stream is named
    assert found.records == len(chosen) and not found.equal
    first = found.differ[0]
    assert (first.service, first.then) == ("order", SourcingDecided.TYPE)
    assert first.field is not None and first.values[0] != first.values[1]
    # and they are streams of orders alone: of what this release does not change every event is as it was
    assert {each.service for each in found.differ} == {"order"}
    sourced = {name for name, event in world.events if isinstance(event, SourcingDecided)}
    assert {each.stream for each in found.differ} <= sourced and len(found.differ) < found.streams


def test_a_sandbox_is_filled_at_a_rate(database: str) -> None:
    _, whole = month(3, 1)
    services = [declared("order", "")]
    chosen = choose(whole, services, Selection())[:6]
    began = time.monotonic()
    found = play_into(whole, database, services, chosen, "slow", rate=4)
    assert found.records == 6 and time.monotonic() - began >= 6 / 4
    remove(whole, database, "slow")
