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
ROW = re.compile(
    r"^\| (?P<row>F\d\d(?:/3)?|verify|pass|demonstration) \| (?P<faults>\d+) \| (?P<seeds>[^|]*) \| (?P<bad>\d+) \|$",
    re.MULTILINE,
)
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
    """What all recorded runs of a row came to; `more` seeds than those named."""

    faults: int
    seeds: tuple[str, ...]
    more: int
    bad: int

    def seeds_named(self) -> str:
        """As the table has them."""
        return ", ".join(self.seeds) + (f" and {self.more} more" if self.more else "")


def recorded(outcomes: Iterable[Outcome], day: str) -> None:
    """Add these to the page of evidence: faults, seeds and violations by row, over all recorded runs. What could not be made
    is not there."""
    text = EVIDENCE.read_text()
    counted: set[tuple[str, str]] = set()
    before = {found["row"]: _summed(found) for found in ROW.finditer(text)}
    outcomes = [one for one in outcomes if not one.not_here]
    for one in outcomes:
        known = before.get(one.row, Summed(0, (), 0, 0))
        seed = str(one.seed)
        named, more = known.seeds, known.more
        if seed not in named and len(named) < SEEDS_NAMED_MAX:
            named = _in_order((*named, seed))
        elif seed not in named and (one.row, seed) not in counted:
            more += 1
        counted.add((one.row, seed))
        before[one.row] = Summed(known.faults + one.fired, named, more, known.bad + len(one.wrong))
    head = text.partition("| row | faults fired | seeds | violations |")[0]
    rows = [
        f"| {row} | {all_of_it.faults} | {all_of_it.seeds_named()} | {all_of_it.bad} |"
        for row, all_of_it in sorted(before.items())
    ]
    table = ["| row | faults fired | seeds | violations |", "|---|---|---|---|", *rows]
    runs = text.partition("## Runs\n\n")[2].strip().splitlines()
    if not runs:
        runs = [
            "| day | commit | seed | faults fired | offsets of events | slowest to be live, s | violations |",
            "|---|---|---|---|---|---|---|",
        ]
    runs.append(_run_row(outcomes, day))
    EVIDENCE.write_text(f"{head}{chr(10).join(table)}\n\n## Runs\n\n{chr(10).join(runs)}\n")


def _summed(found: re.Match[str]) -> Summed:
    more = MORE.search(found["seeds"])
    named = MORE.sub("", found["seeds"])
    seeds = tuple(seed for seed in named.split(", ") if seed)
    return Summed(int(found["faults"]), seeds, int(more[1]) if more else 0, int(found["bad"]))


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
