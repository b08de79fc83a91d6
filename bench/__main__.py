"""`python -m bench`: measure, keep the results as JSON, and write docs/performance.md from them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.at_the_doors import Visits, doors
from bench.bulk import bulk_import
from bench.hop import hop
from bench.idle import idle
from bench.life import Size, made_again, whole_life
from bench.limit import USUAL, Shape, limit
from bench.looking import Looks, beside_limits, looking
from bench.machine import describe
from bench.other_loads import growth, half_on_one_article, one_long_order, partitions
from bench.page import PAGE, SCALING, figures, write_page
from bench.peers.hop import streams
from bench.peers.running import Span, dbos, restate
from bench.results import RESULTS, read, write
from bench.scaling import model
from bench.work import compared, fixed_work
from contracts.channel import LINES_MAX
from deploy.local.broker import start_broker

LIFE = Size(orders=2_500, open_max=300, warm=5.0, window=20.0, limit_records=150_000)
BASKETS = Size(orders=1_000, open_max=150, warm=5.0, window=20.0, limit_records=100_000)
REBUILT = Size(orders=1_500, open_max=300, warm=0.0, window=60.0, limit_records=0)
LIMIT_RECORDS = 150_000
HOP_COMMANDS = 30_000
VISITS = Visits(orders=1_000, looks=200)
STREAMS_CLAIMS = 200_000
LOOKS = Looks(orders=200_000, lived=200, looks=450, live=40)
PEERS = Span(warm=5.0, seconds=15.0)
IDLE_SETTLE_SECONDS, IDLE_SECONDS = 10.0, 20.0
PARTITIONS = (1, 2, 4, 8)
GROWTH = (10_000, 100_000)
"""Orders of history. A million are some 100 GB of log and tables, events alone: choose them where the disk has room."""
IMPORTED = 5_000
RUNS_MAX = 100


def _limit() -> dict[str, Any]:
    """On a broker of its own, with records and transactions as the last whole life had them."""
    machine, lived = describe(), read(RESULTS, "life")
    shape = USUAL
    if lived:
        most = lived[-1]["most"]
        shape = Shape(most["record_bytes"], most["header_bytes"], most["transaction_records"])
    with TemporaryDirectory(prefix="orderlog-bench-", ignore_cleanup_errors=True) as folder:
        broker = start_broker(Path(folder) / "broker", dies_with_parent=True)
        try:
            return {"machine": machine, **limit(broker.address, shape, LIMIT_RECORDS)}
        finally:
            broker.stop()


MEASURES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "limit": _limit,
    "life": lambda: whole_life("synthetic", LIFE),
    "baskets": lambda: whole_life("baskets", BASKETS),
    "hot": lambda: half_on_one_article(LIFE),
    "long": lambda: one_long_order(LINES_MAX),
    "partitions": lambda: partitions(LIFE, PARTITIONS),
    "growth": lambda: growth(GROWTH, LOOKS.lived, LIFE),
    "rebuild": lambda: made_again("synthetic", REBUILT),
    "idle": lambda: idle(IDLE_SETTLE_SECONDS, IDLE_SECONDS),
    "doors": lambda: doors(VISITS),
    "console": lambda: looking(LOOKS),
    "import": lambda: bulk_import(IMPORTED),
    "hop": lambda: hop(HOP_COMMANDS),
    "streams": lambda: streams(STREAMS_CLAIMS),
    "restate": lambda: restate(PEERS),
    "dbos": lambda: dbos(PEERS),
    "work": lambda: {"machine": describe(), **fixed_work()},
}
"""What can be measured, in the order of the page."""


def main(arguments: list[str]) -> int:
    """Measure what is asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--only", default=",".join(MEASURES), help=f"some of {','.join(MEASURES)} (all)")
    chosen = parser.parse_args(arguments)
    names = [name for name in chosen.only.split(",") if name]
    if unknown := sorted(set(names) - MEASURES.keys()):
        parser.error(f"{', '.join(unknown)}: there is {', '.join(MEASURES)}")
    if not 1 <= chosen.runs <= RUNS_MAX:
        parser.error(f"--runs is from 1 to {RUNS_MAX}")
    for name in names:
        runs = []
        for number in range(chosen.runs):
            print(f"{name}: run {number + 1} of {chosen.runs}", flush=True)
            runs.append(MEASURES[name]())
            write(RESULTS, name, runs)  # each at once: what a later run breaks is not lost
        if name == "console":
            print("\n".join(beside_limits(runs[-1])))
        if name == "work":
            print(compared(min(runs, key=lambda run: float(run["cost"]))))
    write_page(RESULTS, PAGE, figures)
    write_page(RESULTS, SCALING, model)
    print(f"{PAGE} and {SCALING} are written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
