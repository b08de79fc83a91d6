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


def test_what_waits_for_a_person_is_told_of_each_service_where_something_does() -> None:
    waiting = {"parked_streams": 1, "parked_messages": 2, "dead_letters": 3, "oldest_seconds": 7_300}
    told = shown(
        Row("order", "running", letters=waiting),
        Row("shipping", "running", letters=dict.fromkeys(waiting, 0)),
        Row("payments", "stopped"),
    )

    assert "order: 2 parked messages in 1 streams, 3 dead letters, the oldest 2 hours old" in told
    assert told.count("dead letters") == 1
