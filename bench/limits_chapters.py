"""The chapters of the page on where the whole life has its limits (bench/other_loads.py, bench/bulk.py)."""

from __future__ import annotations

from typing import Any

from bench.tables import HEAD, NOT_YET, Runs, cpu_of, number, row, taken

__all__ = ["growth_chapter", "hot_chapter", "import_chapter", "long_chapter", "partitions_chapter"]


def hot_chapter(runs: Runs, spread_evenly: Runs) -> str:
    """Half of all lines on one article, beside the orders whose articles are drawn evenly."""
    if not runs:
        return NOT_YET
    rows = [
        row("orders a second, from placed to completed", runs, "most", "orders_per_second"),
        row("CPU of an order, ms", [cpu_of(run["most"]) for run in runs], "cpu"),
        row("of it inventory", runs, "most", "cpu_ms_per_order", "inventory"),
    ]
    if spread_evenly:
        rows.append(row("orders a second with articles drawn evenly", spread_evenly, "most", "orders_per_second"))
        rows.append(row("CPU of such an order, ms", [cpu_of(run["most"]) for run in spread_evenly], "cpu"))
    said = (
        "Orders of three lines, one or two of them of one and the same article, whose stream takes every second claim."
    )
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])


def long_chapter(runs: Runs) -> str:
    """One order of very many lines."""
    if not runs:
        return NOT_YET
    rows = [
        row("placed to confirmed, s", runs, "confirmed_after"),
        row("placed to completed, s", runs, "completed_after"),
        row("until all tables had caught up then, s", runs, "caught_up_after"),
        *(
            row(f"memory of {name} then, MiB", runs, "memory_mib", name)
            for name in ("order", "inventory", "fulfillment")
        ),
    ]
    said = f"A single order of {runs[-1]['lines']:,} lines, each of an article of its own, the most that a channel may send."
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])


def partitions_chapter(runs: Runs) -> str:
    """The same load with few and many partitions."""
    if not runs:
        return NOT_YET
    rows = []
    for count in runs[-1]["by_partitions"]:
        at = ("by_partitions", count)
        costs = [cpu_of(run["by_partitions"][count]) for run in runs]
        rows += [
            row(f"orders a second, partitions: {count}", runs, *at, "orders_per_second"),
            row(f"CPU of an order, ms, partitions: {count}", costs, "cpu"),
            row(f"of it the broker, partitions: {count}", runs, *at, "cpu_ms_per_order", "broker"),
        ]
    said = "The load of the whole life, on installations whose inboxes and events have so many partitions; one process a service."
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])


def growth_chapter(runs: Runs) -> str:
    """What an order costs, what a process holds, and how long a service starts, with few and with many orders before."""
    if not runs:
        return NOT_YET
    last = runs[-1]["by_history"]
    histories = {history: f"{int(history):,} orders before" for history in last}
    rows = []
    for history, named in histories.items():
        each = [run["by_history"][history] for run in runs]
        rows.append(row(f"orders a second, {named}", each, "orders_per_second"))
        rows.append(row(f"CPU of an order, ms, {named}", [cpu_of(one) for one in each], "cpu"))
        rows += [row(f"of it {name}, {named}", each, "cpu_ms_per_order", name) for name in ("order", "database")]
    for name in next(iter(last.values()))["start_seconds"]:
        for what, path in (("memory of {}, MiB, {}", "memory_mib"), ("start of {}, s, {}", "start_seconds")):
            rows += [
                row(what.format(name, named), runs, "by_history", history, path, name)
                for history, named in histories.items()
            ]
    return "\n".join([taken(runs), "", _told_again(last), "", HEAD, *rows])


def _told_again(last: dict[str, Any]) -> str:
    """What stood there before, and what a million of them would take, of the last run."""
    most, one = max(last.items(), key=lambda each: int(each[0]))
    size = one["history_bytes_per_order"]
    return (
        "The load of the whole life on installations that have so many orders of three lines behind them, all of which are "
        "completed: the events of order, fulfillment, shipping and payments, told again under new names and followed into all "
        f"tables (of {int(most):,} in {one['written_seconds'] + one['filled_seconds']:,.0f} s). Stock has no history here: its "
        "streams are of an article, not of an order. A start is that of the process: its imports, its slot, its tables and the "
        f"look at everything else that runs, which `oms up` takes. On the disk such an order takes {size['log']:,} bytes in the "
        f"log and {size['database']:,} in the database, so a million of them {(size['log'] + size['database']) / 1e3:,.0f} GB."
    )


def import_chapter(runs: Runs) -> str:
    """Orders from a file."""
    if not runs:
        return NOT_YET
    rows = [
        row("orders a second until they are in the inbox", runs, "orders_per_second"),
        row("orders a second until the command ended", runs, "published_per_second"),
        row("CPU of the command for one of them, its start among it, ms", runs, "cpu_ms_per_order", "import"),
        row("CPU of the doors for one of them, ms", runs, "cpu_ms_per_order", "doors"),
    ]
    last = runs[-1]
    said = (
        f"`oms import` of a file of {last['orders']:,} orders of three lines, {number(last['file_bytes'] / 2**20)} MiB, while "
        "everything else runs."
    )
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])
