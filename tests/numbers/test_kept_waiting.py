"""Two orders of one known customer by a promise: one arrives in time, one waits for goods and arrives too late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import duckdb
import pytest

from chassis.testing import DAWN
from contracts.channel import ChannelCustomer
from contracts.ids import subject_id
from contracts.order.terms import TimeWindow
from oms.numbers.command import QUERIES
from oms.numbers.exporting import export
from oms.numbers.facts import ask, facts
from oms.numbers.kpis import evidence, key_figures
from tests.numbers.worlds import append, empty_log
from tests.simulation.people import Floor, channel_order, place, receive
from tests.simulation.world import TENANT, World

CUSTOMER = ChannelCustomer(issuer="webshop", id="4711")
PROMISED = TimeWindow(latest=DAWN + timedelta(days=2))


@pytest.fixture(scope="module")
def late() -> list[str]:
    """The stream of the order that arrives too late."""
    return []


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory, late: list[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The facts of both."""
    world, folder, log = World(), tmp_path_factory.mktemp("exported"), empty_log()
    floor = Floor(world)
    receive(world, "A", "north", 2)
    receive(world, "IDLE", "north", 7)
    place(world, channel_order("1", ("A", 2, 1_000), customer=CUSTOMER, promised=PROMISED))
    floor.work()
    late.append(place(world, channel_order("2", ("A", 3, 1_500), customer=CUSTOMER, promised=PROMISED)))
    floor.work()
    world.wait(timedelta(days=4))
    receive(world, "A", "north", 3)
    floor.work()
    append(log, world.written)
    export(log, folder)
    with facts(folder) as found:
        yield found


def answer(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, object]]:
    return ask(connection, QUERIES[name].read_text(encoding="utf-8"))


def test_half_of_them_are_on_time_and_perfect(connection: duckdb.DuckDBPyConnection, late: list[str]) -> None:
    [figures] = key_figures(connection)
    assert figures["on_time_in_full"] == 0.5 and figures["perfect_order_rate"] == 0.5
    assert figures["fill_rate"] == 1.0 and figures["backorder_rate"] == 0.5
    for figure in ("on_time_in_full", "perfect_order_rate", "backorder_rate"):
        assert {row["order"] for row in evidence(connection, figure)} == set(late)


def test_the_customer_came_again_and_nobody_says_who_it_is(connection: duckdb.DuckDBPyConnection) -> None:
    [row] = answer(connection, "customers")
    assert row["customer"] == subject_id(TENANT, "webshop", "4711")
    assert (row["orders"], row["revenue"]) == (2, 2_500)
    [counted] = answer(connection, "repeat-customers")
    assert (counted["customers"], counted["repeated"], counted["repeat_rate"]) == (1, 1, 1.0)


def test_what_kept_the_customer_waiting_is_told(connection: duckdb.DuckDBPyConnection) -> None:
    assert answer(connection, "shortages") == [{"sku": "A", "units": 3, "orders": 1}]


def test_stock_that_nobody_buys_is_told(connection: duckdb.DuckDBPyConnection) -> None:
    [row] = answer(connection, "idle-stock")
    assert (row["sku"], row["on_hand"]) == ("IDLE", 7)
