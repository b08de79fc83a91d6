"""`make chaos`: every row of faults against whole installations under load, and what became of each.

    python -m tests.chaos [--rows F01,F04] [--seed N] [--record]
    python -m tests.chaos --long MINUTES [--seed N] [--record]
    python -m tests.chaos --three [--rows F05,F07] [--seed N] [--record]

The first makes the rows of every day once; the second goes on with the next seeds, and with the rows that take long, until
the time is over; the third makes those rows that need three brokers, once. Exit status 1 when anything was wrong; the installation's folder is kept then.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.ground import GROUND_ROWS
from tests.chaos.messages import MESSAGE_ROWS
from tests.chaos.play import Play
from tests.chaos.replicated import REPLICATED_ROWS, installed_on_three
from tests.chaos.results import HEADING, Outcome, recorded
from tests.chaos.rows import KILLED, PROCESS_ROWS, kill_rounds
from tests.chaos.site import installed
from tests.chaos.versions import VERSION_ROWS

__all__ = ["DAILY", "LONG", "clients_apart", "main"]

SINGLE = {**PROCESS_ROWS, **MESSAGE_ROWS, **GROUND_ROWS, **VERSION_ROWS}
LONG = frozenset({"F17", "F19", "F25", "F35", "F36"})
"""Rows that `make chaos-long` adds."""
DAILY = frozenset({*KILLED, *SINGLE}) - LONG
THREE = frozenset(REPLICATED_ROWS)
"""Rows that are made on three brokers, apart from all others."""
STDERR = 2
"""Where Kafka's client writes, whatever Python's own stream is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=_rows, help="these rows alone, with commas between them")
    parser.add_argument(
        "--seed", type=int, default=None, help="what all chances follow from; drawn and printed without it"
    )
    parser.add_argument(
        "--long", type=float, metavar="MINUTES", help="begin another pass as long as so many are not over"
    )
    parser.add_argument("--three", action="store_true", help="on three brokers, the rows that are about them")
    parser.add_argument("--within", type=float, metavar="MINUTES", help="make no further fault of a pass after so many")
    parser.add_argument("--record", action="store_true", help="add what was found to docs/evidence/chaos.md")
    asked = parser.parse_args(arguments)
    # One who is asked to end stops what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = time.time_ns() % 100_000 if asked.seed is None else asked.seed
    usual = THREE if asked.three else DAILY if asked.long is None else DAILY | LONG
    rows = asked.rows or usual
    if unknown := rows - (THREE if asked.three else {*KILLED, *SINGLE}):
        parser.error(f"not run {'on three brokers' if asked.three else 'on one broker'}: {', '.join(sorted(unknown))}")
    until = time.monotonic() + 60 * (asked.long or 0)
    outcomes: list[Outcome] = []
    while True:
        found = _pass(rows, seed, asked.within, three=asked.three)
        outcomes += found
        if asked.record:  # each pass at once: what a later one ends with is not lost with it
            recorded(found, datetime.now(UTC).date().isoformat())
        if time.monotonic() >= until:
            break
        seed += 1
    wrong = sum(len(one.wrong) for one in outcomes)
    fired = sum(one.fired for one in outcomes)
    print(f"{fired} faults fired, {sum(one.events for one in outcomes)} offsets of events, {wrong} violations")
    return 1 if wrong else 0


def _rows(text: str) -> frozenset[str]:
    rows = frozenset(text.split(","))
    if unknown := rows - {*KILLED, *SINGLE, *THREE}:
        raise argparse.ArgumentTypeError(f"not run here: {', '.join(sorted(unknown))}; docs/chaos.md lists the rows")
    return rows


def _pass(rows: frozenset[str], seed: int, within: float | None, *, three: bool) -> list[Outcome]:
    """All rows on an installation of its own, which is removed when nothing was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="orderlog-chaos-"))
    folder.chmod(0o755)  # the database runs as somebody else where root starts it
    print(f"seed {seed}, in {folder}", flush=True)
    print(HEADING, flush=True)
    outcomes: list[Outcome] = []
    try:
        with clients_apart(folder / "clients.log"):
            _play(folder / "home", rows, seed, within, outcomes, three=three)
    except Exception as error:  # noqa: BLE001 - whatever it was, what was found until then is told and recorded
        traceback.print_exc()
        ended = Outcome("pass", "it ended before its time", seed, wrong=[f"{type(error).__name__}: {error}"])
        print(ended.line(), flush=True)
        outcomes.append(ended)
    if any(one.wrong for one in outcomes):
        print(f"The installation of seed {seed} is kept in {folder}; its logs are in home/logs.", flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return outcomes


def _play(
    home: Path, rows: frozenset[str], seed: int, within: float | None, outcomes: list[Outcome], *, three: bool
) -> None:
    """Have them on an installation in `home`. Clients of it end when this does, before anybody hears them again."""
    with (installed_on_three if three else installed)(home) as site:
        play = Play(site, seed, lambda line: print(line, flush=True), outcomes)
        try:
            play.begin()
            _make(play, rows, time.monotonic() + 60 * within if within else None, three=three)
            play.end()
        finally:
            play.customers.end()
            play.load.stop()
            play.watch.close()


@contextmanager
def clients_apart(log: Path) -> Iterator[None]:
    """What Kafka's client says of a broker that was killed on purpose would bury the table: it goes to a file of its own,
    until the pass is over. Why a pass ended before its time is said to whoever started it."""
    sys.stderr.flush()
    ours = os.dup(STDERR)
    with log.open("ab") as clients:
        os.dup2(clients.fileno(), STDERR)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(ours, STDERR)
        os.close(ours)


def _make(play: Play, rows: frozenset[str], until: float | None, *, three: bool) -> None:
    """Make these rows; what the time does not suffice for is said."""

    def over() -> bool:
        return until is not None and time.monotonic() > until

    killed = frozenset[str]() if three else rows & KILLED
    left = kill_rounds(play, killed, over)
    not_made = [f"{left} rounds of {', '.join(sorted(killed))}"] if left else []
    for name, make in (REPLICATED_ROWS if three else SINGLE).items():
        if name in rows and over():
            not_made.append(name)
        elif name in rows:
            make(play)
    if not_made:
        print(f"not made, since the time was over: {', '.join(not_made)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
