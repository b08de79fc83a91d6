"""Figures out of exported events are those that the states of the same streams come to, counted by themselves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chassis.log import LogError
from contracts.order import LineBackordered, LinesFulfilled, OrderPlaced
from contracts.order.units import Bucket
from oms.numbers import exporting
from oms.numbers.command import QUERIES
from oms.numbers.exporting import export, impersonal
from oms.numbers.facts import NothingExported, ask, facts
from oms.numbers.kpis import EVIDENCE, FORMULAS, By, evidence, key_figures, stock_figures
from tests.numbers.worlds import append, empty_log
from tests.simulation.busy import busy_month
from tests.simulation.world import World

LEFT = (Bucket.FULFILLED, Bucket.DELIVERED, Bucket.RETURN_REQUESTED, Bucket.RETURNED)


@pytest.fixture(scope="module")
def world() -> World:
    """Some days of all services."""
    return busy_month(0, days=8)


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its events, exported."""
    found, log = tmp_path_factory.mktemp("exported"), empty_log()
    append(log, world.written)
    export(log, found)
    return found


@pytest.fixture(scope="module")
def connection(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The facts of them."""
    with facts(folder) as found:
        yield found


def ids(folder: Path) -> list[str]:
    """Of all exported events."""
    with facts(folder) as found:
        return [row["id"] for row in ask(found, "select id from events")]


def written(world: World) -> list[str]:
    return [event.envelope.id for _, emitted in world.written for event in emitted]


def test_every_event_is_exported_once_under_its_day(world: World, folder: Path) -> None:
    days = {f"day={event.envelope.time:%Y-%m-%d}" for _, emitted in world.written for event in emitted}
    assert sorted(ids(folder)) == sorted(written(world))
    assert {found.name for found in (folder / "events").iterdir()} == days


def test_an_export_goes_on_where_the_last_one_ended(world: World, tmp_path: Path) -> None:
    log, half = empty_log(), len(world.written) // 2
    first = append(log, world.written[:half])
    assert export(log, tmp_path) == first
    assert export(log, tmp_path) == 0
    rest = append(log, world.written[half:])
    before = {found: found.read_bytes() for found in tmp_path.glob("events/*/*.parquet")}
    assert export(log, tmp_path) == rest
    assert sorted(ids(tmp_path)) == sorted(written(world))
    assert all(found.read_bytes() == content for found, content in before.items())


def test_an_export_that_was_cut_off_leaves_nothing_twice(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = empty_log()
    append(log, world.written)
    monkeypatch.setattr(exporting, "EVENTS_MAX", 50)
    keep, kept = exporting._keep, []

    def cut_off(where: Path, progress: Any) -> None:
        kept.append(where)
        if len(kept) == 3:
            raise KeyboardInterrupt
        keep(where, progress)

    monkeypatch.setattr(exporting, "_keep", cut_off)
    with pytest.raises(KeyboardInterrupt):
        export(log, tmp_path)
    monkeypatch.undo()
    export(log, tmp_path)
    assert sorted(ids(tmp_path)) == sorted(written(world))


def test_a_folder_of_another_installation_is_refused(folder: Path, tmp_path: Path) -> None:
    before = ids(folder)
    with pytest.raises(LogError, match="another installation"):
        export(empty_log(), folder)
    assert ids(folder) == before


def test_nobody_is_named() -> None:
    told = {"customer": {"issuer": "shop", "id": "4711"}, "buyer": {"subject": "s", "ciphertext": "secret"}, "n": [1]}
    found = impersonal(told, "default")
    assert set(found["customer"]) == {"subject"} and found["buyer"] == {"subject": "s"} and found["n"] == [1]
    assert not {"4711", "secret"} & set(json.dumps(found).replace('"', " ").split())


def test_nothing_sealed_is_in_the_files(folder: Path) -> None:
    with facts(folder) as found:
        assert ask(found, "select count(*) as n from events where cast(value as varchar) like '%ciphertext%'") == [
            {"n": 0}
        ]


def test_figures_are_those_of_the_states(world: World, connection: duckdb.DuckDBPyConnection) -> None:
    views = [view for view in world.views("order", "order").values() if view.order.placed is not None]
    [figures] = key_figures(connection)
    left = [part for event in world.of(LinesFulfilled) for part in event.ranges]
    kits = {
        (name, line.relates_to.line)
        for name, event in world.events
        if isinstance(event, OrderPlaced)
        for line in event.lines
        if line.relates_to and line.relates_to.kind == "component_of"
    }
    ordered = [
        line
        for name, event in world.events
        if isinstance(event, OrderPlaced)
        for line in event.lines
        if (name, line.line) not in kits
    ]
    moved: Counter[Bucket] = Counter()
    for _, event in world.events:
        for move in getattr(event, "moves", ()):
            if isinstance(move.target, Bucket):
                moved[move.target] += move.quantity
    assert figures["orders"] == len(views)
    assert figures["lines"] == len(ordered) and figures["units"] == sum(line.quantity for line in ordered)
    assert figures["ordered_value"] == sum(line.amount.amount for line in ordered)
    assert figures["revenue"] == sum(part.amount.amount for part in left)
    assert figures["ended_orders"] == sum(view.order.ended is not None for view in views)
    assert figures["cancel_rate"] == pytest.approx(moved[Bucket.CANCELLED] / figures["units"])
    units_left = sum(part.to_unit - part.from_unit for part in left)
    assert figures["return_rate"] == pytest.approx(moved[Bucket.RETURNED] / units_left)
    assert figures["backorder_rate"] == pytest.approx(
        len({(n, e.line) for n, e in world.events if isinstance(e, LineBackordered)}) / len(ordered)
    )
    parts: dict[str, set[str]] = {}
    for name, event in world.events:
        if isinstance(event, LinesFulfilled):
            parts.setdefault(name, set()).add(event.fulfillment)
    assert figures["split_rate"] == pytest.approx(sum(len(each) > 1 for each in parts.values()) / len(parts))
    assert figures["revenue"] > 0 and 0 < figures["perfect_order_rate"] < 1


@pytest.mark.parametrize("by", By)
def test_parts_sum_to_the_whole(connection: duckdb.DuckDBPyConnection, by: By) -> None:
    [whole] = key_figures(connection)
    rows = key_figures(connection, by)
    for name in ("lines", "units", "ordered_value", "revenue"):
        assert sum(row[name] for row in rows) == whole[name]


@pytest.mark.parametrize("figure", FORMULAS)
def test_a_figure_is_followed_to_its_events(world: World, connection: duckdb.DuckDBPyConnection, figure: str) -> None:
    found = evidence(connection, figure)
    assert {row["event"] for row in found} <= set(written(world))
    if key_figures(connection)[0][figure]:
        assert found
    assert not evidence(connection, figure, By.CHANNEL, "no such channel")
    assert figure in EVIDENCE


def test_stock_is_turned_over_by_what_left(connection: duckdb.DuckDBPyConnection) -> None:
    [span] = ask(connection, "select min(day) as first, max(day) + 1 as last from stock_levels")
    rows = stock_figures(connection, span["first"], span["last"])
    [gone] = ask(connection, "select sum(units) as units from stock_gone")
    assert sum(row["units_gone"] for row in rows) == gone["units"] > 0
    for row in rows:
        if row["turns"]:
            assert row["turns"] == pytest.approx(row["units_gone"] / row["mean_on_hand"])
            days = (span["last"] - span["first"]) / timedelta(days=1)
            assert row["days_of_cover"] == pytest.approx(row["on_hand"] * days / row["units_gone"])


@pytest.mark.parametrize("name", QUERIES)
def test_an_example_query_has_an_answer(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    rows = ask(connection, QUERIES[name].read_text(encoding="utf-8"))
    nothing_of_it = {"customers", "shortages", "idle-stock"}  # test_kept_waiting.py has some
    assert rows or name in nothing_of_it


def test_there_are_ten_queries() -> None:
    assert len(QUERIES) == 10


def test_a_folder_without_events_is_told(tmp_path: Path) -> None:
    with pytest.raises(NothingExported, match="oms export"), facts(tmp_path):
        pass
