"""What a run of a row came to, the table that is printed, and the page of evidence."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

__all__ = ["HEADING", "Outcome", "recorded"]

HEADING = f"{'row':<5} {'what':<58} {'seed':>5} {'fired':>6} {'events':>7} {'live s':>7}  violations"
EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "chaos.md"
BUGS = EVIDENCE.with_name("bugs.md")
TABLE = (
    "| row | runs | faults fired | offsets of events | slowest to be live, s | seeds | violations | bugs found |\n"
    "|---|---:|---:|---:|---:|---|---:|---:|"
)
ROW = re.compile(
    r"^\| (?P<row>F\d\d(?:/3)?|verify|pass|demonstration) \| (?P<runs>\d+) \| (?P<faults>\d+) \| (?P<events>\d+) "
    r"\| (?P<live>-|\d+\.\d) \| (?P<seeds>[^|]*) \| (?P<bad>\d+) \| \d+ \|$",
    re.MULTILINE,
)
FOUND_BY = re.compile(r"^\| (?P<by>[^|]*) \|", re.MULTILINE)
SEEDS_NAMED_MAX = 20
"""Of a row; how many there are more is said behind them, and every one stands below, beside its run."""

MORE = re.compile(r" and (\d+) more$")


@dataclass
class Outcome:
    """A row's fault, made: how often it fired, the offsets of events that were written meanwhile, seconds until an order
    placed after the heal had its answer (None: there was none in time), and what was wrong. `not_here` is why it was not made on this machine."""

    row: str
    what: str
    seed: int
    fired: int = 0
    events: int = 0
    live: float | None = None
    wrong: list[str] = field(default_factory=list)
    not_here: str = ""

    def line(self) -> str:
        """As the table shows it."""
        live = "-" if self.live is None else f"{self.live:.1f}"
        said = "; ".join(self.wrong) or (f"not made here: {self.not_here}" if self.not_here else "0")
        return f"{self.row:<5} {self.what[:58]:<58} {self.seed:>5} {self.fired:>6} {self.events:>7} {live:>7}  {said}"


class Summed(NamedTuple):
    """What all recorded runs of a row came to: `more` seeds than those named, `live` the slowest order after a heal."""

    faults: int = 0
    events: int = 0
    live: float | None = None
    seeds: tuple[str, ...] = ()
    more: int = 0
    bad: int = 0

    def line(self, row: str, bugs: int) -> str:
        """As the table has it."""
        named = ", ".join(self.seeds) + (f" and {self.more} more" if self.more else "")
        live = "-" if self.live is None else f"{self.live:.1f}"
        cells = (row, len(self.seeds) + self.more, self.faults, self.events, live, named, self.bad, bugs)
        return f"| {' | '.join(map(str, cells))} |"


def recorded(outcomes: Iterable[Outcome], day: str) -> None:
    """Add these to the page of evidence: by row, over all recorded runs, how often it was made, what fired, what was written
    meanwhile, and violations; beside it, how many bugs are told of that it found. What could not be made is not there."""
    text = EVIDENCE.read_text()
    counted: set[tuple[str, str]] = set()
    sums = {found["row"]: _summed(found) for found in ROW.finditer(text)}
    outcomes = [one for one in outcomes if not one.not_here]
    for one in outcomes:
        known = sums.get(one.row, Summed())
        seed = str(one.seed)
        named, more = known.seeds, known.more
        if seed not in named and len(named) < SEEDS_NAMED_MAX:
            named = _in_order((*named, seed))
        elif seed not in named and (one.row, seed) not in counted:
            more += 1
        counted.add((one.row, seed))
        live = max((took for took in (known.live, one.live) if took is not None), default=None)
        bad = known.bad + len(one.wrong)
        sums[one.row] = Summed(known.faults + one.fired, known.events + one.events, live, named, more, bad)
    head, runs = text.partition(TABLE)[0], text.partition("## Runs\n\n")[2].strip().splitlines()
    if not runs:
        runs = [
            "| day | commit | seed | faults fired | offsets of events | slowest to be live, s | violations |",
            "|---|---|---|---|---|---|---|",
        ]
    runs.append(_run_row(outcomes, day))
    finders = _finders()
    rows = [sums[row].line(row, finders.count(row)) for row in sorted(sums)]
    EVIDENCE.write_text(f"{head}{chr(10).join((TABLE, *rows))}\n\n## Runs\n\n{chr(10).join(runs)}\n")


def _summed(found: re.Match[str]) -> Summed:
    more = MORE.search(found["seeds"])
    named = MORE.sub("", found["seeds"])
    seeds = tuple(seed for seed in named.split(", ") if seed)
    live = None if found["live"] == "-" else float(found["live"])
    return Summed(
        int(found["faults"]), int(found["events"]), live, seeds, int(more[1]) if more else 0, int(found["bad"])
    )


def _finders() -> list[str]:
    """The rows that found what the page of bugs tells of, once for each bug; on three brokers where it says so."""
    cells = [found["by"] for found in FOUND_BY.finditer(BUGS.read_text())] if BUGS.exists() else []
    return [
        f"{row}/3" if cell.startswith("three brokers") else row
        for cell in cells
        for row in re.findall(r"\bF\d\d\b", cell)
    ]


def _run_row(outcomes: list[Outcome], day: str) -> str:
    live = max((one.live for one in outcomes if one.live is not None), default=0.0)
    cells = (
        day,
        _commit(),
        ", ".join(_in_order({str(one.seed) for one in outcomes})),
        sum(one.fired for one in outcomes),
        sum(one.events for one in outcomes),
        f"{live:.1f}",
        sum(len(one.wrong) for one in outcomes),
    )
    return f"| {' | '.join(map(str, cells))} |"


def _in_order(seeds: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(seeds, key=int))


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
