"""The model of docs/scaling.md: what more orders a second would take, on paper, from what an order cost when it was measured.

CPU of an order times orders, no more. It leaves out whatever a second machine adds: copies between brokers, the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path

from bench.results import read, spread
from bench.tables import NOT_YET, number

__all__ = ["RATES", "model"]

RATES = (50, 100, 1_000, 10_000)
"""Orders a second, of three lines."""

BUSY_MAX = 0.7
"""The part of a core that is used at most, so that a burst, or a process that begins again, finds room."""

SERVICES = ("order", "inventory", "fulfillment", "shipping", "payments")
SERVERS = ("broker", "database")
DAY_SECONDS = 86_400
TERABYTE = 1e12


def model(results: Path) -> str:
    """The table, as Markdown."""
    lived = read(results, "life")
    if not lived:
        return NOT_YET
    cpu = {name: spread(lived, "most", "cpu_ms_per_order", name)[1] for name in (*SERVICES, *SERVERS)}
    size = {name: spread(lived, "most", "bytes_per_order", name)[1] for name in ("log", "database")}
    titles = [f"{rate:,} orders a second" for rate in RATES]
    columns = [_column(cpu, size, rate) for rate in RATES]
    rows = [f"| {what} | {' | '.join(column[what] for column in columns)} |" for what in columns[0]]
    return "\n".join([f"| | {' | '.join(titles)} |", f"|---{'|---:' * len(RATES)}|", *rows])


def _column(cpu: Mapping[str, float], size: Mapping[str, float], rate: int) -> dict[str, str]:
    """What one rate takes; `cpu` is in milliseconds and `size` in bytes an order."""
    cores = {name: each * rate / 1_000 / BUSY_MAX for name, each in cpu.items()}
    # A process decides in one thread: it takes one core, and its part of the partitions.
    processes = {f"processes of {name}": ceil(cores[name]) for name in SERVICES}
    counts = {
        **processes,
        "partitions of each inbox, at least": max(processes.values()),
        **{f"cores of the {name}": ceil(cores[name]) for name in SERVERS},
        "cores in all": ceil(sum(cores.values())),
    }
    day = {
        f"{what} of a day, TB": size[name] * rate * DAY_SECONDS / TERABYTE
        for what, name in (("log (one copy)", "log"), ("tables", "database"))
    }
    return {
        **{what: f"{count:,}" for what, count in counts.items()},
        **{what: number(each) for what, each in day.items()},
    }
