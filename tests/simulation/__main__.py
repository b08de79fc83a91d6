"""`make simulate`: many days of all five services in one process, each made of its seed, and what breaks in them.

    python -m tests.simulation --seeds 1000 [--first 0] [--loop]
    python -m tests.simulation --seed 4711

The first plays many seeds and says what was seen; the second plays one again, to the byte, and tells it message by
message. A seed that breaks something is played again, made shorter, and told. Exit status 1 when anything broke, or when
days enough, with those that are kept (kept_days.py), did not reach what they have to (never_reached.py).
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.simulation.course import Course, play
from tests.simulation.deeds import schedule_of
from tests.simulation.kept_days import DAYS, reached_by_kept_days
from tests.simulation.never_reached import GATE_SEEDS, unlisted
from tests.simulation.seen import Seen
from tests.simulation.shrinking import shrunk
from tests.simulation.trace import told

__all__ = ["main", "missed", "report"]

SHRUNK_MAX = 5
"""Seeds that are made shorter and told; of the others the seed and what broke."""

COLLECT_EVERY = 100
"""Courses between two collections of garbage: one leaves little that refers to itself, and looking is dear."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many days")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first")
    parser.add_argument("--seed", type=int, help="play this one alone and tell it message by message")
    parser.add_argument(
        "--traces", type=Path, help="a folder for the traces of what broke; without it they are printed"
    )
    found = parser.parse_args(arguments)
    if found.seed is not None:
        return _one(found.seed)
    return _many(range(found.first, found.first + found.seeds), found.traces)


def _one(seed: int) -> int:
    course, again = play(schedule_of(seed)), play(schedule_of(seed))
    print(told(course))
    if course.digest != again.digest:
        print(f"Seed {seed} played twice gives two digests: {course.digest} and {again.digest}.", file=sys.stderr)
        return 1
    return 0 if course.broken is None else 1


def _many(seeds: range, traces: Path | None) -> int:
    seen, began, broken = Seen(), time.process_time(), list[tuple[int, Course]]()
    for seed, course in courses(seeds):
        seen.see(course)
        if course.broken is not None:
            print(f"seed {seed}: {course.broken}", flush=True)
            broken.append((seed, course))
    print(report(seen, time.process_time() - began, len(broken)))
    for seed, course in broken[:SHRUNK_MAX]:
        _tell(seed, shrunk(course, play), traces)
    return 1 if broken or missed(seen) else 0


def missed(seen: Seen) -> bool:
    """Whether days enough, and the days that are kept, did not reach something that nobody gave a reason for, which is
    said."""
    if seen.schedules < GATE_SEEDS:
        return False
    kept = reached_by_kept_days()
    found = [name for name in unlisted(seen.unreached()) if name not in kept]
    print(f"{len(DAYS)} kept days reach {len(kept.intersection(seen.unreached()))} of what these days never reached")
    for name in found:
        print(
            f"not reached by {seen.schedules} days nor by those that are kept, and tests/simulation/never_reached.py gives no reason: {name}"
        )
    return bool(found)


def courses(seeds: range) -> Iterator[tuple[int, Course]]:
    """The course of each seed, with the collection of garbage put off."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number, seed in enumerate(seeds, 1):
            yield seed, play(schedule_of(seed))
            if number % COLLECT_EVERY == 0:
                gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()


def report(seen: Seen, seconds: float, broken: int) -> str:
    """What was seen, in figures; `seconds` are of one processor."""
    per_minute = seen.schedules / seconds * 60 if seconds else 0
    lines = [
        f"{seen.schedules} schedules in {seconds:.1f} s of one core: {per_minute:.0f} a minute",
        f"{seen.acts} acts, {seen.messages} messages handled, {seen.events} events, {seen.checked} times checked",
        f"{sum(seen.faults.values())} faults:",
        *(f"  {count:7} {name}" for name, count in sorted(seen.faults.items())),
        f"broken: {broken}",
    ]
    unreached = seen.unreached()
    lines += [f"never reached: {len(unreached)}", *(f"  {name}" for name in unreached)]
    return "\n".join(lines)


def _tell(seed: int, course: Course, traces: Path | None) -> None:
    text = f"Seed {seed}, made shorter:\n\n{told(course)}\n"
    if traces is None:
        print(f"\n{text}")
        return
    traces.mkdir(parents=True, exist_ok=True)
    place = traces / f"seed-{seed}.md"
    place.write_text(text, encoding="utf-8")
    print(f"seed {seed} is told in {place}")


if __name__ == "__main__":
    sys.exit(main())
