"""The pages docs/performance.md and docs/scaling.md, whose figures come from the results and from nowhere else.

What people write about them stands around the two marks and is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.limits_chapters import growth_chapter, hot_chapter, import_chapter, long_chapter, partitions_chapter
from bench.results import read, spread
from bench.tables import HEAD, NOT_YET, Runs, chart, cpu_of, number, row, taken

__all__ = ["PAGE", "SCALING", "figures", "write_page"]

DOCS = Path(__file__).parents[1] / "docs"
PAGE, SCALING = DOCS / "performance.md", DOCS / "scaling.md"
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of the figures -->"


def write_page(results: Path, page: Path, text: Callable[[Path], str]) -> None:
    """Put what `text` makes of the results between the marks of a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text(results)}\n{END}{after}")


def figures(results: Path) -> str:
    """The figures as Markdown, a chapter a measure."""
    chapters = [
        ("The limit", _limit(read(results, "limit"))),
        ("A whole life: orders of three lines", _life(read(results, "life"))),
        ("A whole life: real baskets", _life(read(results, "baskets"))),
        ("Half of all lines on one article", hot_chapter(read(results, "hot"), read(results, "life"))),
        ("An order of very many lines", long_chapter(read(results, "long"))),
        ("Few and many partitions", partitions_chapter(read(results, "partitions"))),
        ("More and more orders behind it", growth_chapter(read(results, "growth"))),
        ("Tables made again", _rebuild(read(results, "rebuild"))),
        ("Nothing to do", _idle(read(results, "idle"))),
        ("The doors", _doors(read(results, "doors"))),
        ("The console over many orders", _console(read(results, "console"))),
        ("Orders from a file", import_chapter(read(results, "import"))),
        ("One hop: inventory alone", _hop(read(results, "hop"))),
        ("The same hop in Kafka Streams", _streams(read(results, "streams"), read(results, "hop"))),
        ("The same saga on Restate", _peer(read(results, "restate"), read(results, "life"))),
        ("The same saga on DBOS Transact", _peer(read(results, "dbos"), read(results, "life"))),
        ("A life without broker and database", _work(read(results, "work"))),
    ]
    return "\n".join(f"## {title}\n\n{body}\n" for title, body in chapters)


def _limit(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    one = runs[-1]
    rows = [row(f"records a second, loops: {loops}", runs, "by_loops", loops) for loops in one["by_loops"]]
    shape = f"Records of {one['record_bytes']:,} bytes, {one['transaction_records']} a transaction."
    return "\n".join([taken(runs), "", shape, "", HEAD, *rows])


def _life(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    most = ("most",)
    rows = [
        row("orders a second, from placed to completed", runs, *most, "orders_per_second"),
        row(
            "the same if the cores did nothing else, computed from the CPU below",
            [_alone(run) for run in runs],
            "alone",
        ),
        row("records a second, of the services", runs, *most, "records_per_second"),
        row("limit of the same run, records a second", runs, "limit", "records_per_second"),
        row("records to the limit (goal: 0.4)", runs, "share_of_limit"),
        row("records an order", runs, *most, "records_per_order"),
        row("messages from outside an order", runs, *most, "door_messages_per_order"),
        row("records a transaction", runs, *most, "transaction_records"),
        row("bytes an order in the log", runs, *most, "bytes_per_order", "log"),
        row("bytes an order in the database", runs, *most, "bytes_per_order", "database"),
        row("seconds until all tables had caught up", runs, *most, "caught_up_after_seconds"),
    ]
    return "\n".join([taken(runs), "", HEAD, *rows, "", _waits(runs), "", _cpu(runs)])


def _alone(run: dict[str, Any]) -> dict[str, float]:
    """How many orders a second all cores would do at the CPU that an order costs, whoever is outside among it."""
    return {"alone": 1_000 * run["machine"]["cores"] / cpu_of(run["most"])["cpu"]}


def _waits(runs: Runs) -> str:
    rows = []
    for part in runs[-1]["at_rate"]:
        for step in ("confirmed", "completed"):
            name, at = f"placed_to_{step}_ms", f"{float(part):.0%} of the rate"
            rows += [
                row(f"placed to {step} at {at}, {cut}, ms", runs, "at_rate", part, name, cut)
                for cut in ("p50", "p95", "p99")
            ]
    return "\n".join(["How long an order takes:", "", HEAD, *rows])


def _cpu(runs: Runs) -> str:
    """CPU an order, by process: a table with a chart of the medians. Others are told beside it."""
    names = [name for name in runs[-1]["most"]["cpu_ms_per_order"] if name != "others"]
    rows = [row(name, runs, "most", "cpu_ms_per_order", name) for name in names]
    medians = {name: spread(runs, "most", "cpu_ms_per_order", name)[1] for name in names}
    others = spread(runs, "most", "cpu_ms_per_order", "others")[1]
    aside = f"Beside them the machine spent {number(others)} ms an order on whatever else ran (median)."
    table = ["CPU, milliseconds an order, at the highest rate:", "", HEAD, *rows, "", aside, ""]
    return "\n".join([*table, chart("CPU, ms an order (median)", medians)])


def _rebuild(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    rows = [
        row(f"{name}, events a second", runs, "services", name, "events_per_second") for name in runs[-1]["services"]
    ]
    events = ", ".join(f"{name} {found['events']:,}" for name, found in runs[-1]["services"].items())
    said = (
        "From the topic to equal tables, all read models among them, compared row by row with the live ones afterwards; "
        f"events: {events}. Of few events, the beginning of a rebuild is much of the time."
    )
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])


def _idle(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    names = list(runs[-1]["memory_mib"])
    rows = [
        f"| {name} | {number(100 * spread(runs, 'cores', name)[1])} | {number(spread(runs, 'memory_mib', name)[1])} |"
        for name in names
    ]
    cores = sum(spread(runs, "cores", name)[1] for name in names)
    memory = sum(spread(runs, "memory_mib", name)[1] for name in names)
    rows.append(f"| all | {number(100 * cores)} | {number(memory)} |")
    return "\n".join([taken(runs), "", "| | % of a core, median | MiB, median |", "|---|---:|---:|", *rows])


def _doors(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    rows = [
        row("orders a second by HTTP, sixteen callers", runs, "http_orders_per_second"),
        row("CPU of the doors for one of them, ms", runs, "http_cpu_ms_per_order", "doors"),
        row("orders a second by `channel.orders`", runs, "channel_orders_per_second"),
    ]
    rows += [
        row(f"{what} by HTTP while sixteen callers order, {cut}, ms", runs, "reads_ms", what, cut)
        for what in ("order", "timeline", "stock")
        for cut in ("p50", "p99")
    ]
    said = (
        f"{runs[-1]['orders']:,} orders of three lines by each door, sealed there, until each was answered or put into the "
        "inbox; services, workers and what channels hear run meanwhile."
    )
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])


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
        row(
            f"{title}, {cut}, ms" + (f" (limit {limits[what]:,})" if cut == "p95" and what in limits else ""),
            runs,
            "waits_ms",
            what,
            cut,
        )
        for what, title in titles.items()
        for cut in ("p50", "p95", "p99")
    ]
    rows += [
        row(f"memory of {name} once all was followed, MiB", runs, "memory_mib", name) for name in ("doors", "console")
    ]
    one = runs[-1]
    said = (
        f"{one['orders']:,} orders of three lines over {one['days']} days, one in ten of them under way: {one['records']:,} records, which "
        f"were written, and of which the followers had made what these pages ask, in {one['filled_seconds']:,} s (the last run). Searches by whole names and by beginnings of "
        "all lengths, by words that hardly any or all orders have, and lists by step, one after the other. Meanwhile nobody else "
        "asks and nothing is decided; while a page waits for what happens, `oms rebuild console` reads all records again."
    )
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])


def _hop(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    names = [name for name in runs[-1]["cpu_us_per_command"] if name != "others"]
    rows = [
        row("commands a second", runs, "commands_per_second"),
        *(row(f"CPU of {name}, µs a command", runs, "cpu_us_per_command", name) for name in names),
    ]
    said = (
        f"{runs[-1]['commands']:,} claims of stock in, an event and an answer of each out, with the store and read models "
        "behind it; all of them wait already."
    )
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])


def _streams(runs: Runs, ours: Runs) -> str:
    """The reserve hop of a Kafka Streams program, beside ours."""
    if not runs:
        return NOT_YET
    if absent := [run["absent"] for run in runs if "absent" in run]:
        return f"Left out: {absent[-1]}."
    rows = []
    for threads, found in runs[-1]["by_threads"].items():
        names = [name for name in found["cpu_us_per_command"] if name != "others"]
        rows.append(row(f"commands a second, threads: {threads}", runs, "by_threads", threads, "commands_per_second"))
        rows += [
            row(
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
        rows.append(row("Orderlog's hop, commands a second", ours, "commands_per_second"))
    said = (
        f"{runs[-1]['commands']:,} of the same claims in, an event and an answer of each out, exactly once, levels in a RocksDB store "
        "with its changelog; nothing is remembered of who claimed, no tables follow (bench/peers/streams)."
    )
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])


def _peer(runs: Runs, ours: Runs) -> str:
    """A peer at its best, with what its order leaves out, beside the orders of three lines."""
    if not runs:
        return NOT_YET
    if absent := [run["absent"] for run in runs if "absent" in run]:
        return f"Left out: {absent[-1]}."
    names = [name for name in runs[-1]["best"]["cpu_ms_per_order"] if name != "others"]
    rows = [
        row("orders a second, from placed to completed", runs, "best", "orders_per_second"),
        row("CPU of an order, ms", [cpu_of(run["best"]) for run in runs], "cpu"),
        *(row(f"of it {name}", runs, "best", "cpu_ms_per_order", name) for name in names),
        *(
            row(f"placed to completed, {cut}, ms", runs, "best", "placed_to_completed_ms", cut)
            for cut in ("p50", "p95", "p99")
        ),
    ]
    if ours:
        rows.append(row("Orderlog's whole life of three lines, orders a second", ours, "most", "orders_per_second"))
        rows.append(row("CPU of an order of Orderlog, ms", [cpu_of(run["most"]) for run in ours], "cpu"))
    best = runs[-1]["best"]
    said = (
        "Three lines reserved, authorised, accepted, picked, packed, labelled, handed over, delivered, left the stock, captured: each "
        "durable, none waiting for a disk. No messages from outside, no events, addresses, taxes, invoices, read models (bench/peers). "
        f"The best of several loads counts, in the last run {best['under_way']} orders at once and processes: {best['workers']}."
    )
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])


def _work(runs: Runs) -> str:
    if not runs:
        return NOT_YET
    rows = [
        row("CPU of an order of three lines, ms", runs, "cpu_ms_per_order"),
        row("the same in units of the reference", runs, "cost"),
    ]
    said = (
        f"{runs[-1]['messages_per_order']:.0f} messages decided, their events folded, encoded and chained, in one process. "
        "The reference is a fixed piece of JSON, hashing and dictionaries in the same process; `make bench` compares the "
        "second figure with the one in `bench/kept.json` and names a regression above 10 %."
    )
    return "\n".join([taken(runs), "", said, "", HEAD, *rows])
