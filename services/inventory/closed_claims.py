"""What an item remembers of claims that neither hold nor wait any more, so that one that comes again is known.

Remembered as long as an inbox could deliver it again, by the day (UTC) on which it was closed, so that forgetting is
dropping a day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chassis.maps import HashTrieMap
from contracts.topics import RETENTION_MS

__all__ = ["CLOSED_MAX", "NEVER_SEEN", "Closed", "ClosedClaims"]

REMEMBERED_FOR = timedelta(milliseconds=RETENTION_MS)

CLOSED_MAX = 100_000
"""Closed claims that an item remembers; past that whole days are forgotten, the oldest first, today never."""


@dataclass(frozen=True, slots=True)
class Closed:
    """How a claim ended: what it `claimed`, and how much of that was `picked`."""

    claimed: int
    picked: int


NEVER_SEEN = Closed(0, 0)
"""The end of a claim that was released before it came."""


@dataclass(frozen=True, slots=True)
class ClosedClaims:
    """The ends of claims, by day and by claim; `today` is the day of the stream's last event."""

    days: HashTrieMap[str, HashTrieMap[str, Closed]] = field(default_factory=HashTrieMap)
    today: str = ""
    count: int = 0

    def find(self, claim: str) -> Closed | None:
        """How this claim ended, if it is remembered."""
        for closed in self.days.values():
            if (found := closed.get(claim)) is not None:
                return found
        return None

    def remember(self, claim: str, end: Closed) -> ClosedClaims:
        """With one more, closed today; the first end of a claim is the one that counts."""
        if self.find(claim) is not None:
            return self
        today: HashTrieMap[str, Closed] = self.days.get(self.today, HashTrieMap())
        grown = ClosedClaims(self.days.insert(self.today, today.insert(claim, end)), self.today, self.count + 1)
        return grown if grown.count <= CLOSED_MAX else grown._without_oldest()

    def at(self, moment: datetime) -> ClosedClaims:
        """As of this moment: what an inbox can no longer deliver is forgotten."""
        day = moment.date().isoformat()
        if day <= self.today:
            return self
        first = (moment - REMEMBERED_FOR).date().isoformat()
        return self._without([name for name in self.days if name < first], day)

    def _without_oldest(self) -> ClosedClaims:
        earlier = [name for name in self.days if name != self.today]
        return self._without([min(earlier)], self.today) if earlier else self

    def _without(self, gone: list[str], today: str) -> ClosedClaims:
        days, count = self.days, self.count
        for name in gone:
            days, count = days.remove(name), count - len(days[name])
        return ClosedClaims(days, today, count)
