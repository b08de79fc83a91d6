"""Figures are of the days that were exported and of one currency: nothing is made of days of which nobody knows anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pytest

from chassis.testing import DAWN
from oms.numbers.exporting import export
from oms.numbers.facts import ask, facts
from oms.numbers.kpis import FORMULAS, By, evidence, key_figures, stock_figures
from tests.numbers.worlds import append, empty_log
from tests.simulation.people import Floor, channel_order, place, receive
from tests.simulation.world import World

DAY = DAWN.date()


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A day on which 20 came and 10 went, for euros and for crowns."""
    world, folder, log = World(), tmp_path_factory.mktemp("exported"), empty_log()
    receive(world, "A", "north", 20)
    for number, (quantity, currency) in enumerate(((6, "EUR"), (4, "SEK"))):
        place(world, channel_order(f"{number}", ("A", quantity, 1_000), currency=currency))
    Floor(world).work()
    append(
        log, [(service, [each for each in told if each.envelope.time.date() == DAY]) for service, told in world.written]
    )
    export(log, folder)
    with facts(folder) as found:
        yield found


@pytest.mark.parametrize(
    ("since", "until"),
    [(DAY, DAY + timedelta(days=1)), (DAY - timedelta(days=30), DAY + timedelta(days=1)), (date.min, date.max)],
    ids=["that day", "a month before", "ever"],
)
def test_days_of_which_nothing_was_exported_are_not_counted(
    connection: duckdb.DuckDBPyConnection, since: date, until: date
) -> None:
    # given 10 at hand and 10 gone in the one day there is
    [row] = stock_figures(connection, since, until)
    assert (row["on_hand"], row["units_gone"], row["days"]) == (10, 10, 1)
    # then it lasts for one more day, and was turned over once, whatever is asked for
    assert (row["days_of_cover"], row["turns"], row["mean_on_hand"]) == (1.0, 1.0, 10.0)


def test_outside_of_what_was_exported_there_are_no_turns(connection: duckdb.DuckDBPyConnection) -> None:
    assert stock_figures(connection, DAY + timedelta(days=1), DAY + timedelta(days=9)) == []


@pytest.mark.parametrize("figure", ["orders", "units", "revenue", "split_rate", "ended_orders"])
def test_the_events_behind_a_figure_are_of_its_currency(connection: duckdb.DuckDBPyConnection, figure: str) -> None:
    assert figure in FORMULAS
    orders = {row["order_stream"]: row["currency"] for row in ask(connection, "select * from order_facts")}
    for row in key_figures(connection, By.DAY):
        found = evidence(connection, figure, By.DAY, f"{row['day']}", currency=row["currency"])
        assert {orders[each["order"]] for each in found} == ({row["currency"]} if row[figure] else set())
