"""Makes a schedule that breaks something shorter and simpler, as long as it breaks the same.

Acts are left out in ever smaller pieces (delta debugging), then numbers are replaced by smaller ones. Nothing here draws
by chance, so the same schedule always becomes the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.simulation.course import Course
from tests.simulation.schedule import Act, Schedule

__all__ = ["PLAYS_MAX", "shrunk"]

PLAYS_MAX = 600
"""Courses that may be played to make one shorter."""

Play = Callable[[Schedule], Course]


class _Enough(Exception):
    """As many courses were played as may be."""


class _Shrinking:
    def __init__(self, course: Course, play: Play) -> None:
        assert course.broken is not None, "a course that holds cannot be made a shorter one that breaks"
        self.course, self._play, self._what, self._plays = course, play, course.broken.what, 0

    def breaks(self, acts: Schedule) -> bool:
        """Whether these acts break the same; then they are the course to go on with."""
        if self._plays == PLAYS_MAX:
            raise _Enough
        self._plays += 1
        found = self._play(acts)
        if found.broken is None or found.broken.what != self._what:
            return False
        self.course = found
        return True

    def leave_out(self) -> bool:
        """Pieces of the schedule, half of it first; whether any was left out."""
        before, size = len(self.course.schedule), max(1, len(self.course.schedule) // 2)
        while size:
            start = 0
            while start < len(self.course.schedule):
                acts = self.course.schedule
                if not self.breaks((*acts[:start], *acts[start + size :])):
                    start += size
            size //= 2
        return len(self.course.schedule) < before

    def simplify(self) -> bool:
        """The numbers of acts, one by one; whether any became smaller."""
        before = self.course.schedule
        for place in range(len(before)):
            for number in _simpler(self.course.schedule[place].number):
                acts = self.course.schedule
                act = Act(acts[place].name, number)
                if self.breaks((*acts[:place], act, *acts[place + 1 :])):
                    break
        return self.course.schedule != before


def _simpler(number: int) -> Iterator[int]:
    """0, then numbers that keep the first choices alone."""
    if number:
        yield 0
    yield from (number % 2**bits for bits in (4, 8, 16, 32) if number >= 2**bits)


def shrunk(course: Course, play: Play) -> Course:
    """The shortest course found that breaks the same."""
    work = _Shrinking(course, play)
    try:
        changed = True
        while changed:
            changed = work.leave_out()
            changed = work.simplify() or changed
    except _Enough:
        pass
    return work.course
