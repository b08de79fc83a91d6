"""Whether a reader, or the member of a group, stands still: it is asked all the time, there is more, and it hands out nothing.

Kafka's client has been seen to do so, without a word, after its only broker was restarted (docs/evidence/bugs.md, F05).
Whoever reads cannot tell that from a quiet topic; the ends of its partitions can.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from chassis.log import LogError, TopicPartition

__all__ = ["STILL_SECONDS", "Ends", "Still"]

STILL_SECONDS = 15.0
"""Seconds between two looks at the ends. What was there at the first of them has to be handed out by the second: no
transaction of ours is open for so long, and what an open one holds back lies behind the end that is looked at."""

ASKED_SECONDS_MAX = 1.0
"""What of the time between two polls counts: whoever is asked rarely has had no time to hand out much."""

Ends = Callable[[Collection[TopicPartition]], Mapping[TopicPartition, int]]
"""Of each partition the end of what may be handed out. Raises LogError."""


class Still:
    """Of one reader, which tells it of each poll."""

    def __init__(self, ends: Ends, clock: Callable[[], float] = time.monotonic) -> None:
        self._ends, self._clock = ends, clock
        self._asked, self._at = 0.0, clock()
        self._behind: Mapping[TopicPartition, int] = {}
        """Where there was more at the last look: the position then."""

    def stands(self, positions_of: Callable[[], Mapping[TopicPartition, int]]) -> bool:
        """After a poll: whether some partition, of which there was more at the last look, has not moved since. Looks every
        STILL_SECONDS of being asked, and only then asks where the poll ended."""
        now = self._clock()
        self._asked, self._at = self._asked + min(now - self._at, ASKED_SECONDS_MAX), now
        if self._asked < STILL_SECONDS:
            return False
        self._asked, positions = 0.0, positions_of()
        stands = any(positions.get(where) == position for where, position in self._behind.items())
        self._behind = {} if stands else self._look(positions)
        return stands

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These were not to be handed out for a while: they are given their time anew."""
        self._behind = {where: position for where, position in self._behind.items() if where not in partitions}

    def _look(self, positions: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        try:
            ends = self._ends(positions)
        except LogError:
            return {}  # the broker is away: whoever reads hears of that elsewhere
        return {where: position for where, position in positions.items() if position < ends[where]}
