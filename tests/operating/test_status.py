"""What people see of `oms status`."""

from __future__ import annotations

from rich.console import Console

from oms.status import Row, status_table


def shown(*rows: Row) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(status_table(rows))
    return captured.get()


def test_where_nothing_waits_one_nought_stands_for_all_partitions() -> None:
    row = shown(Row("order", "running", lag={0: 0, 1: 0}, followed_lag={0: 0, 1: 7})).splitlines()[1]

    assert row.split() == ["order", "running", "0", "0:0", "1:7"]


def test_an_error_that_is_over_is_told_as_over() -> None:
    told = shown(
        Row("order", "running", last_error="the store is 60000 events behind"),
        Row("doors", "waiting", last_error="no broker answers"),
    )

    assert "order, earlier: the store is 60000 events behind" in told
    assert "doors: no broker answers" in told
