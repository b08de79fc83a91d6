"""Days that are kept as their acts (kept_days.json), each with the rows that it reaches.

What seeds reach seldom, or never, is reached by these, so that it is not a matter of luck whether days enough reach all
that they have to. A row is named as `make simulate` names it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.course import Course, play
from tests.simulation.schedule import Act, Schedule
from tests.simulation.seen import Seen

__all__ = ["DAYS", "ReachingDay", "reached_by", "reached_by_kept_days"]


@dataclass(frozen=True, slots=True)
class ReachingDay:
    """The acts of a day, and the rows that it is kept for."""

    reaches: tuple[str, ...]
    acts: Schedule


def _read() -> tuple[ReachingDay, ...]:
    days = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return tuple(
        ReachingDay(tuple(day["reaches"]), tuple(Act(name, number) for name, number in day["acts"])) for day in days
    )


DAYS = _read()


def reached_by(course: Course) -> set[str]:
    """The rows that a day reaches."""
    seen = Seen()
    everything = set(seen.unreached())
    seen.see(course)
    return everything.difference(seen.unreached())


def reached_by_kept_days() -> set[str]:
    """The rows that are reached by what these days are kept for; they are played for that."""
    return {row for day in DAYS for row in reached_by(play(day.acts)).intersection(day.reaches)}
