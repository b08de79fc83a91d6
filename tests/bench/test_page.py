"""The page about performance says what the results say, beside the limit and the load of the same runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.page import PAGE, SCALING, figures, write_page
from bench.results import RESULTS, read, write
from bench.scaling import model
from bench.work import compared

MACHINE = {
    "cpu": "a processor",
    "cores": 2,
    "memory_gib": 8,
    "system": "Linux 6",
    "python": "3.11.1",
    "kafka": "4.2.2",
    "load": [0.2, 0.3, 0.4],
}
WAITS = {"p50": 100, "p95": 200, "p99": 300}


def life(orders_per_second: float, load: float = 0.2) -> dict[str, Any]:
    """A run in which the services wrote a quarter of what the limit is."""
    cpu = {"order": 5.0, "broker": 2.0, "outside": 1.0, "others": 0.5}
    return {
        "machine": {**MACHINE, "load": [load, 0.1, 0.1]},
        "most": {
            "orders_per_second": orders_per_second,
            "records_per_second": 100 * orders_per_second,
            "records_per_order": 100.0,
            "door_messages_per_order": 6.0,
            "transaction_records": 150,
            "bytes_per_order": {"log": 120_000, "database": 90_000},
            "caught_up_after_seconds": 0.5,
            "cpu_ms_per_order": cpu,
        },
        "at_rate": {"0.5": {"placed_to_confirmed_ms": WAITS, "placed_to_completed_ms": WAITS}},
        "limit": {"records_per_second": 400 * orders_per_second},
        "share_of_limit": 0.25,
    }


@pytest.fixture
def page(tmp_path: Path) -> Path:
    page = tmp_path / "performance.md"
    page.write_text(PAGE.read_text())
    return page


def test_least_median_and_most_of_the_runs_stand_beside_the_limit_and_the_machine(tmp_path: Path, page: Path) -> None:
    write(tmp_path, "life", [life(20), life(50), life(30)])
    write_page(tmp_path, page, figures)
    text = page.read_text()
    assert "| orders a second, from placed to completed | 20.0 | 30.0 | 50.0 |" in text
    assert "| limit of the same run, records a second | 8,000 | 12,000 | 20,000 |" in text
    assert "3 runs on 2 cores of a processor, 8 GiB, Linux 6, Python 3.11.1" in text
    assert "busy machine" not in text


def test_what_the_cores_would_do_alone_follows_from_the_cpu_of_an_order(tmp_path: Path, page: Path) -> None:
    # Given 8 ms of CPU an order on two cores, beside half a millisecond of others
    write(tmp_path, "life", [life(20)])
    write_page(tmp_path, page, figures)
    assert "computed from the CPU below | 250 | 250 | 250 |" in page.read_text()


def test_a_run_beside_others_is_marked_so(tmp_path: Path, page: Path) -> None:
    write(tmp_path, "life", [life(20), life(20, load=7.4)])
    write_page(tmp_path, page, figures)
    assert "load before each (a minute's average): 0.2, 7.4. **Taken on a busy machine" in page.read_text()


def test_a_peer_stands_at_its_best_beside_orders_of_ours(tmp_path: Path, page: Path) -> None:
    # given a peer whose order costs 30 ms, and orders of ours that cost 8
    best = {
        "workers": 2,
        "under_way": 128,
        "orders_per_second": 60.0,
        "placed_to_completed_ms": WAITS,
        "cpu_ms_per_order": {"server": 18.0, "saga": 11.5, "load": 0.5, "others": 9.0},
    }
    write(tmp_path, "restate", [{"machine": MACHINE, "best": best, "all": [best]}])
    write(tmp_path, "life", [life(20)])
    # when the page is written, then both stand there, and what the peer's order leaves out
    write_page(tmp_path, page, figures)
    chapter = page.read_text().partition("## The same saga on Restate")[2].partition("\n## ")[0]
    assert "| orders a second, from placed to completed | 60.0 | 60.0 | 60.0 |" in chapter
    assert "| CPU of an order, ms | 30.0 | 30.0 | 30.0 |" in chapter
    assert "| CPU of an order of Orderlog, ms | 8 | 8 | 8 |" in chapter
    assert "No messages from outside" in chapter


def test_the_hop_of_kafka_streams_stands_beside_ours(tmp_path: Path, page: Path) -> None:
    found = {"threads": 1, "commands_per_second": 20_000.0, "cpu_us_per_command": {"broker": 20.0, "others": 3.0}}
    write(tmp_path, "streams", [{"machine": MACHINE, "commands": 100, "by_threads": {"1": found}, "best": found}])
    write(
        tmp_path, "hop", [{"machine": MACHINE, "commands": 9, "commands_per_second": 500.0, "cpu_us_per_command": {}}]
    )
    write_page(tmp_path, page, figures)
    chapter = page.read_text().partition("## The same hop in Kafka Streams")[2].partition("\n## ")[0]
    assert "| commands a second, threads: 1 | 20,000 | 20,000 | 20,000 |" in chapter
    assert "| Orderlog's hop, commands a second | 500 | 500 | 500 |" in chapter


def test_what_an_order_costs_is_told_by_how_many_were_before_it(tmp_path: Path, page: Path) -> None:
    # given that an order costs as much with a hundred thousand before it as with ten thousand
    services = {"order": 100, "payments": 90}

    def after(seconds: float) -> dict[str, Any]:
        return {
            "orders_per_second": 60.0,
            "cpu_ms_per_order": {"order": 7.0, "database": 3.0, "others": 1.0},
            "memory_mib": services,
            "start_seconds": dict.fromkeys(services, seconds),
            "written_seconds": 80.0,
            "filled_seconds": 200.0,
            "history_bytes_per_order": {"log": 43_000, "database": 50_000},
        }

    write(tmp_path, "growth", [{"machine": MACHINE, "by_history": {"10000": after(1.5), "100000": after(2.5)}}])
    write_page(tmp_path, page, figures)
    chapter = page.read_text().partition("## More and more orders behind it")[2].partition("\n## ")[0]
    for orders, seconds in (("10,000", "1.5"), ("100,000", "2.5")):
        assert f"| CPU of an order, ms, {orders} orders before | 10.0 | 10.0 | 10.0 |" in chapter
        assert f"| memory of order, MiB, {orders} orders before | 100 | 100 | 100 |" in chapter
        assert f"| start of payments, s, {orders} orders before | {seconds} | {seconds} | {seconds} |" in chapter
    # then what cannot be had here is told in figures
    assert "100,000 in 280 s" in chapter and "a million of them 93 GB" in chapter


def test_a_peer_that_is_not_there_is_left_out_and_says_why(tmp_path: Path, page: Path) -> None:
    write(tmp_path, "restate", [{"machine": MACHINE, "absent": "Node's npm is not on this machine"}])
    write_page(tmp_path, page, figures)
    assert "## The same saga on Restate\n\nLeft out: Node's npm is not on this machine." in page.read_text()


def test_what_was_not_measured_is_said_to_be_so(tmp_path: Path, page: Path) -> None:
    write_page(tmp_path, page, figures)
    assert "## The limit\n\nNot measured yet." in page.read_text()


def test_what_people_wrote_around_the_figures_stays(tmp_path: Path, page: Path) -> None:
    page.write_text(page.read_text() + "\n## What was slow\n\nNothing.\n")
    write_page(tmp_path, page, figures)
    write_page(tmp_path, page, figures)
    assert page.read_text().startswith("# Performance")
    assert page.read_text().endswith("\n## What was slow\n\nNothing.\n")
    assert page.read_text().count("## The limit") == 1


@pytest.mark.parametrize(("page", "text"), [(PAGE, figures), (SCALING, model)])
def test_the_pages_say_what_the_kept_results_say(tmp_path: Path, page: Path, text: Callable[[Path], str]) -> None:
    copy = tmp_path / page.name
    copy.write_text(page.read_text())
    write_page(RESULTS, copy, text)
    assert copy.read_text() == page.read_text()


def test_the_model_takes_a_process_for_each_core_that_a_service_needs(tmp_path: Path) -> None:
    # given an order that costs order 7 ms and inventory a tenth of that, and cores that are used to seven tenths
    cpu = {
        "order": 7.0,
        "inventory": 0.7,
        "fulfillment": 0.7,
        "shipping": 0.7,
        "payments": 0.7,
        "broker": 1.4,
        "database": 0.7,
    }
    lived = life(20)
    write(tmp_path, "life", [{**lived, "most": {**lived["most"], "cpu_ms_per_order": cpu}}])
    # when 50, 100, 1,000 and 10,000 come a second, then so many processes and partitions are needed
    table = model(tmp_path)
    assert "| processes of order | 1 | 1 | 10 | 100 |" in table
    assert "| processes of inventory | 1 | 1 | 1 | 10 |" in table
    assert "| partitions of each inbox, at least | 1 | 1 | 10 | 100 |" in table
    assert "| cores of the broker | 1 | 1 | 2 | 20 |" in table
    # and the log of a day grows with them
    assert "| log (one copy) of a day, TB | 0.518 | 1.04 | 10.4 | 104 |" in table


@pytest.mark.parametrize(("cost", "said"), [(1.09, "+9%"), (1.12, "REGRESSION"), (0.8, "-20%")])
def test_a_life_that_costs_a_tenth_more_is_called_a_regression(tmp_path: Path, cost: float, said: str) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps({"cost": 1.0}))
    assert said in compared({"cost": cost}, kept)


def test_the_first_cost_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    compared({"cost": 2.0}, kept)
    assert json.loads(kept.read_text())["cost"] == 2.0
    assert read(tmp_path, "work") == []
