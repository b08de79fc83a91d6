"""Cycle times, sales beside earlier ones, and customers: what the events of a few orders come to, counted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import duckdb
import pytest

from chassis.testing import DAWN
from contracts.channel import ChannelCustomer
from contracts.ids import subject_id
from oms.numbers.exporting import export
from oms.numbers.facts import ask, facts
from oms.numbers.kpis import By
from oms.numbers.studies import STUDIES, events_behind, rows_of
from services.console.studies_page import SHOWN
from tests.numbers.worlds import append, empty_log
from tests.simulation.people import Floor, channel_order, place, receive
from tests.simulation.world import TENANT, World

DAY = DAWN.date()
SPAN = (DAY + timedelta(days=7), DAY + timedelta(days=14))
"""The second week."""

LOYAL, NEW = (ChannelCustomer(issuer="webshop", id=name) for name in ("4711", "4712"))


@pytest.fixture(scope="module")
def placed() -> list[str]:
    """The streams of the orders, in the order in which they came in."""
    return []


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory, placed: list[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A known customer's order for 10 in the first week; in the second another one for 15, one of a new customer for 20,
    and one of a guest for 40, which waits for its goods for two hours."""
    world, folder, log = World(), tmp_path_factory.mktemp("exported"), empty_log()
    floor = Floor(world)
    receive(world, "A", "north", 3)
    placed.append(place(world, channel_order("1", ("A", 1, 1_000), customer=LOYAL)))
    floor.work()
    world.wait(timedelta(days=7))
    placed.append(place(world, channel_order("2", ("A", 1, 1_500), customer=LOYAL)))
    placed.append(place(world, channel_order("3", ("A", 1, 2_000), customer=NEW)))
    floor.work()
    placed.append(place(world, channel_order("4", ("A", 1, 4_000))))
    floor.work()
    world.wait(timedelta(hours=2))
    receive(world, "A", "north", 1)
    floor.work()
    append(log, world.written)
    export(log, folder)
    with facts(folder) as found:
        yield found


def test_every_table_is_shown_with_its_keys() -> None:
    assert {name: each.keys for name, each in SHOWN.items()} == {name: each.keys for name, each in STUDIES.items()}
    assert all(set(each.formulas) == set(each.evidence) for each in STUDIES.values())


def test_a_step_takes_as_long_as_since_the_step_before(
    connection: duckdb.DuckDBPyConnection, placed: list[str]
) -> None:
    steps = {row["step"]: row for row in rows_of(connection, "cycle-times", By.ALL, *SPAN)}
    # they stand in the order in which an order comes to them
    assert list(steps) == [
        "confirmed", "reserved", "released", "picked", "packed", "fulfilled", "delivered", "completed"
    ]  # fmt: skip
    # given three orders, of which one waited for its goods for two hours, and for nothing after that
    assert (steps["reserved"]["orders"], steps["reserved"]["hours_p50"]) == (3, 0.0)
    assert steps["reserved"]["hours_p99"] == pytest.approx(0.98 * 2)
    assert (steps["packed"]["hours_p99"], steps["packed"]["since_placed_p90"]) == (0.0, pytest.approx(0.8 * 2))
    # then it is the first of those behind the step's time, with as much
    keys = {"part": "all", "step": "reserved"}
    first, *_ = events_behind(connection, "cycle-times", "hours_p99", keys, By.ALL, *SPAN)
    assert (first["order"], first["told"]) == (placed[3], 2.0)


def test_sales_stand_beside_those_of_the_same_day_of_the_week_before(connection: duckdb.DuckDBPyConnection) -> None:
    whole, day, *rest = rows_of(connection, "sales", By.ALL, *SPAN)
    assert (whole["day"], day["day"], day["currency"]) == (None, SPAN[0], "EUR")
    assert (day["orders"], day["units"], day["revenue"], day["revenue_before"]) == (3, 3, 7_500, 1_000)
    assert day["change"] == whole["change"] == 6.5 and whole["revenue"] == 7_500
    # and days of which nothing is exported are none
    assert len(rest) == (ask(connection, "select day_after - $d as n from exported_days", d=SPAN[0])[0]["n"] - 1)
    # what is before all that was exported is not said to be nothing
    [first] = [row for row in rows_of(connection, "sales", By.ALL, DAY, DAY + timedelta(days=1)) if row["day"]]
    assert (first["revenue"], first["revenue_before"], first["change"]) == (1_000, None, None)


def test_what_sales_are_compared_with_is_followed_to_its_events(
    connection: duckdb.DuckDBPyConnection, placed: list[str]
) -> None:
    keys = {"part": "all", "day": f"{SPAN[0]}", "currency": "EUR"}
    now = events_behind(connection, "sales", "revenue", keys, By.ALL, *SPAN)
    before = events_behind(connection, "sales", "revenue_before", keys, By.ALL, *SPAN)
    assert [(row["order"], row["told"]) for row in now] == [(placed[3], 4_000), (placed[2], 2_000), (placed[1], 1_500)]
    assert [(row["order"], row["name"]) for row in before] == [(placed[0], "LinesFulfilled")]


def test_who_ordered_before_is_a_customer_that_came_again(
    connection: duckdb.DuckDBPyConnection, placed: list[str]
) -> None:
    [row] = rows_of(connection, "repeat-customers", By.ALL, *SPAN)
    assert (row["customers"], row["new_customers"], row["repeat_customers"], row["repeat_rate"]) == (2, 1, 1, 0.5)
    assert (row["orders_a_customer"], row["revenue_a_customer"], row["guest_orders"]) == (1.0, 1_750.0, 1)
    keys = {"part": "all", "currency": "EUR"}
    for figure, orders in (("repeat_rate", {placed[1]}), ("new_customers", {placed[2]}), ("guest_orders", {placed[3]})):
        assert {
            each["order"] for each in events_behind(connection, "repeat-customers", figure, keys, By.ALL, *SPAN)
        } == (orders)


def test_customers_are_told_by_what_they_are_worth_and_not_by_name(
    connection: duckdb.DuckDBPyConnection, placed: list[str]
) -> None:
    new, loyal = (subject_id(TENANT, "webshop", each.id) for each in (NEW, LOYAL))
    rows = rows_of(connection, "customers", By.ALL, *SPAN)
    assert [(row["customer"], row["orders"], row["revenue"], row["orders_so_far"]) for row in rows] == [
        (new, 1, 2_000, 1),
        (loyal, 1, 1_500, 2),
    ]
    keys = {"part": "all", "customer": loyal, "currency": "EUR"}
    [event] = events_behind(connection, "customers", "orders", keys, By.ALL, *SPAN)
    assert (event["order"], event["name"], event["told"]) == (placed[1], "OrderPlaced", 2)


@pytest.mark.parametrize("by", [By.CHANNEL, By.LOCATION, By.CATEGORY, By.DAY])
@pytest.mark.parametrize("name", STUDIES)
def test_every_figure_is_followed_to_events_of_its_row(
    connection: duckdb.DuckDBPyConnection, name: str, by: By
) -> None:
    rows = rows_of(connection, name, by, *SPAN)
    assert rows
    for row in rows:
        keys = {key: f"{row[key]}" for key in STUDIES[name].keys if row[key] is not None}
        for figure in STUDIES[name].formulas:
            found = events_behind(connection, name, figure, keys, by, *SPAN)
            assert found or not row[figure]


def test_a_key_that_there_is_none_of_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(KeyError, match="weather"):
        events_behind(connection, "sales", "revenue", {"weather": "fine"}, By.ALL, *SPAN)
