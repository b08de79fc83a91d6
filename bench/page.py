"""The page: docs/performance.md, whose figures come from the results and from nowhere else.

What people write about them stands around the two marks and is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.results import read, spread

__all__ = ["PAGE", "figures", "write_page"]

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of the figures -->"
Runs = Sequence[dict[str, Any]]

NOT_YET = "Not measured yet."
GIB, MIB = 2**30, 2**20


def write_page(results: Path, page: Path) -> None:
    """Put the figures of all results between the marks of the page."""
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{figures(results)}\n{END}{after}")


def figures(results: Path) -> str:
    """The figures as Markdown, a chapter a measure."""
    chapters = [
        ("The limit", _limit(read(results, "limit"))),
        ("A whole life: orders of three lines", _life(read(results, "life"))),
        ("A whole life: real baskets", _life(read(results, "baskets"))),
        ("Tables made again", _rebuild(read(results, "rebuild"))),
        ("Nothing to do", _idle(read(results, "idle"))),
        ("The doors", _doors(read(results, "doors"))),
        ("The console over many orders", _console(read(results, "console"))),
        ("One hop: inventory alone", _hop(read(results, "hop"))),
        ("The same hop in Kafka Streams", _streams(read(results, "streams"), read(results, "hop"))),
        ("The same saga on Restate", _peer(read(results, "restate"), read(results, "life"))),
        ("The same saga on DBOS Transact", _peer(read(results, "dbos"), read(results, "life"))),
        ("A life without broker and database", _work(read(results, "work"))),
    ]
    return "\n".join(f"## {title}\n\n{body}\n" for title, body in chapters)


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _row(what: str, runs: Runs, *path: str) -> str:
    return f"| {what} | {' | '.join(map(_number, spread(runs, *path)))} |"


HEAD = "| | least | median | most |\n|---|---:|---:|---:|"


def _taken(runs: Runs) -> str:
    """How many runs, on what, and how busy it was."""
    machine = runs[-1]["machine"]
    loads = [run["machine"]["load"][0] for run in runs]
    busy = max(loads) > machine["cores"] / 2
    return (
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} on {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; load before each (a minute's average): "
        f"{', '.join(f'{load:.1f}' for load in loads)}."
        + (
            " **Taken on a busy machine: others had a part of the cores, so these figures are too low.**"
            if busy
            else ""
        )
    )


def _limit(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    one = runs[-1]
    rows = [_row(f"records a second, loops: {loops}", runs, "by_loops", loops) for loops in one["by_loops"]]
    shape = f"Records of {one['record_bytes']:,} bytes, {one['transaction_records']} a transaction."
    return "\n".join([_taken(runs), "", shape, "", HEAD, *rows])


def _life(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    most = ("most",)
    rows = [
        _row("orders a second, from placed to completed", runs, *most, "orders_per_second"),
        _row(
            "the same if the cores did nothing else, computed from the CPU below",
            [_alone(run) for run in runs],
            "alone",
        ),
        _row("records a second, of the services", runs, *most, "records_per_second"),
        _row("limit of the same run, records a second", runs, "limit", "records_per_second"),
        _row("records to the limit (goal: 0.4)", runs, "share_of_limit"),
        _row("records an order", runs, *most, "records_per_order"),
        _row("messages from outside an order", runs, *most, "door_messages_per_order"),
        _row("records a transaction", runs, *most, "transaction_records"),
        _row("bytes an order in the log", runs, *most, "bytes_per_order", "log"),
        _row("bytes an order in the database", runs, *most, "bytes_per_order", "database"),
        _row("seconds until all tables had caught up", runs, *most, "caught_up_after_seconds"),
    ]
    return "\n".join([_taken(runs), "", HEAD, *rows, "", _waits(runs), "", _cpu(runs)])


def _alone(run: dict[str, Any]) -> dict[str, float]:
    """How many orders a second all cores would do at the CPU that an order costs, whoever is outside among it."""
    return {"alone": 1_000 * run["machine"]["cores"] / _cpu_of_life(run)["cpu"]}


def _waits(runs: Runs) -> str:
    rows = []
    for part in runs[-1]["at_rate"]:
        for step in ("confirmed", "completed"):
            name, at = f"placed_to_{step}_ms", f"{float(part):.0%} of the rate"
            rows += [
                _row(f"placed to {step} at {at}, {cut}, ms", runs, "at_rate", part, name, cut)
                for cut in ("p50", "p95", "p99")
            ]
    return "\n".join(["How long an order takes:", "", HEAD, *rows])


def _cpu(runs: Runs) -> str:
    """CPU an order, by process: a table with a chart of the medians. Others are told beside it."""
    names = [name for name in runs[-1]["most"]["cpu_ms_per_order"] if name != "others"]
    rows = [_row(name, runs, "most", "cpu_ms_per_order", name) for name in names]
    medians = {name: spread(runs, "most", "cpu_ms_per_order", name)[1] for name in names}
    others = spread(runs, "most", "cpu_ms_per_order", "others")[1]
    aside = f"Beside them the machine spent {_number(others)} ms an order on whatever else ran (median)."
    table = ["CPU, milliseconds an order, at the highest rate:", "", HEAD, *rows, "", aside, ""]
    return "\n".join([*table, _chart("CPU, ms an order (median)", medians)])


def _chart(title: str, bars: dict[str, float]) -> str:
    names = ", ".join(f'"{name}"' for name in bars)
    values = ", ".join(f"{value:.4g}" for value in bars.values())
    return f'```mermaid\nxychart-beta\n    title "{title}"\n    x-axis [{names}]\n    bar [{values}]\n```'


def _rebuild(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    rows = [
        _row(f"{name}, events a second", runs, "services", name, "events_per_second") for name in runs[-1]["services"]
    ]
    events = ", ".join(f"{name} {found['events']:,}" for name, found in runs[-1]["services"].items())
    said = (
        "From the topic to equal tables, all read models among them, compared row by row with the live ones afterwards; "
        f"events: {events}. Of few events, the beginning of a rebuild is much of the time."
    )
    return "\n".join([_taken(runs), "", said, "", HEAD, *rows])


def _idle(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    names = list(runs[-1]["memory_mib"])
    rows = [
        f"| {name} | {_number(100 * spread(runs, 'cores', name)[1])} | {_number(spread(runs, 'memory_mib', name)[1])} |"
        for name in names
    ]
    cores = sum(spread(runs, "cores", name)[1] for name in names)
    memory = sum(spread(runs, "memory_mib", name)[1] for name in names)
    rows.append(f"| all | {_number(100 * cores)} | {_number(memory)} |")
    return "\n".join([_taken(runs), "", "| | % of a core, median | MiB, median |", "|---|---:|---:|", *rows])


def _doors(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    rows = [
        _row("orders a second by HTTP, sixteen callers", runs, "http_orders_per_second"),
        _row("CPU of the doors for one of them, ms", runs, "http_cpu_ms_per_order", "doors"),
        _row("orders a second by `channel.orders`", runs, "channel_orders_per_second"),
    ]
    rows += [
        _row(f"{what} by HTTP while sixteen callers order, {cut}, ms", runs, "reads_ms", what, cut)
        for what in ("order", "timeline", "stock")
        for cut in ("p50", "p99")
    ]
    said = (
        f"{runs[-1]['orders']:,} orders of three lines by each door, sealed there, until each was answered or put into the "
        "inbox; services, workers and what channels hear run meanwhile."
    )
    return "\n".join([_taken(runs), "", said, "", HEAD, *rows])


def _console(runs: Runs) -> str:
    """How long people wait at the console, beside what they may."""
    if not runs:
        return NOT_YET
    titles = {
        "search": "a page of found orders",
        "order": "an order's page",
        "live": "from an event until an open page shows it, while everything is read again",
        "now": "the page of what goes on now",
    }
    limits = runs[-1]["limits_ms"]
    rows = [
        _row(
            f"{title}, {cut}, ms" + (f" (limit {limits[what]:,})" if cut == "p95" and what in limits else ""),
            runs,
            "waits_ms",
            what,
            cut,
        )
        for what, title in titles.items()
        for cut in ("p50", "p95", "p99")
    ]
    one = runs[-1]
    said = (
        f"{one['orders']:,} orders of three lines over {one['days']} days, one in ten of them under way: {one['records']:,} records, of "
        f"which the followers had made what these pages ask after {one['filled_seconds']:,} s (the last run). Searches by whole names and by beginnings of "
        "all lengths, by words that hardly any or all orders have, and lists by step, one after the other. Meanwhile nobody else "
        "asks and nothing is decided; while a page waits for what happens, `oms rebuild console` reads all records again."
    )
    return "\n".join([_taken(runs), "", said, "", HEAD, *rows])


def _hop(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    names = [name for name in runs[-1]["cpu_us_per_command"] if name != "others"]
    rows = [
        _row("commands a second", runs, "commands_per_second"),
        *(_row(f"CPU of {name}, µs a command", runs, "cpu_us_per_command", name) for name in names),
    ]
    said = (
        f"{runs[-1]['commands']:,} claims of stock in, an event and an answer of each out, with the store and read models "
        "behind it; all of them wait already."
    )
    return "\n".join([_taken(runs), "", said, "", HEAD, *rows])


def _streams(runs: Runs, ours: Runs) -> str:
    """The reserve hop of a Kafka Streams program, beside ours."""
    if not runs:
        return NOT_YET
    if absent := [run["absent"] for run in runs if "absent" in run]:
        return f"Left out: {absent[-1]}."
    rows = []
    for threads, found in runs[-1]["by_threads"].items():
        names = [name for name in found["cpu_us_per_command"] if name != "others"]
        rows.append(_row(f"commands a second, threads: {threads}", runs, "by_threads", threads, "commands_per_second"))
        rows += [
            _row(
                f"CPU of {name}, µs a command, threads: {threads}",
                runs,
                "by_threads",
                threads,
                "cpu_us_per_command",
                name,
            )
            for name in names
        ]
    if ours:
        rows.append(_row("Orderlog's hop, commands a second", ours, "commands_per_second"))
    said = (
        f"{runs[-1]['commands']:,} of the same claims in, an event and an answer of each out, exactly once, levels in a RocksDB store "
        "with its changelog; nothing is remembered of who claimed, no tables follow (bench/peers/streams)."
    )
    return "\n".join([_taken(runs), "", said, "", HEAD, *rows])


def _peer(runs: Runs, ours: Runs) -> str:
    """A peer at its best, with what its order leaves out, beside the orders of three lines."""
    if not runs:
        return NOT_YET
    if absent := [run["absent"] for run in runs if "absent" in run]:
        return f"Left out: {absent[-1]}."
    names = [name for name in runs[-1]["best"]["cpu_ms_per_order"] if name != "others"]
    rows = [
        _row("orders a second, from placed to completed", runs, "best", "orders_per_second"),
        _row("CPU of an order, ms", [_cpu_of_best(run) for run in runs], "cpu"),
        *(_row(f"of it {name}", runs, "best", "cpu_ms_per_order", name) for name in names),
        *(
            _row(f"placed to completed, {cut}, ms", runs, "best", "placed_to_completed_ms", cut)
            for cut in ("p50", "p95", "p99")
        ),
    ]
    if ours:
        rows.append(_row("Orderlog's whole life of three lines, orders a second", ours, "most", "orders_per_second"))
        rows.append(_row("CPU of an order of Orderlog, ms", [_cpu_of_life(run) for run in ours], "cpu"))
    best = runs[-1]["best"]
    said = (
        "Three lines reserved, authorised, accepted, picked, packed, labelled, handed over, delivered, left the stock, captured: each "
        "durable, none waiting for a disk. No messages from outside, no events, addresses, taxes, invoices, read models (bench/peers). "
        f"The best of several loads counts, in the last run {best['under_way']} orders at once and processes: {best['workers']}."
    )
    return "\n".join([_taken(runs), "", said, "", HEAD, *rows])


def _cpu_of_best(run: dict[str, Any]) -> dict[str, float]:
    """What an order of a peer costs in all its processes, whoever sends orders among them."""
    return {"cpu": sum(value for name, value in run["best"]["cpu_ms_per_order"].items() if name != "others")}


def _cpu_of_life(run: dict[str, Any]) -> dict[str, float]:
    """What an order of ours costs in all processes, whoever is outside among them."""
    return {"cpu": sum(value for name, value in run["most"]["cpu_ms_per_order"].items() if name != "others")}


def _work(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    rows = [
        _row("CPU of an order of three lines, ms", runs, "cpu_ms_per_order"),
        _row("the same in units of the reference", runs, "cost"),
    ]
    said = (
        f"{runs[-1]['messages_per_order']:.0f} messages decided, their events folded, encoded and chained, in one process. "
        "The reference is a fixed piece of JSON, hashing and dictionaries in the same process; `make bench` compares the "
        "second figure with the one in `bench/kept.json` and names a regression above 10 %."
    )
    return "\n".join([_taken(runs), "", said, "", HEAD, *rows])
