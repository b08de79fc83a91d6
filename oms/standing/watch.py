"""What stands still, since when, how far behind it is, and what waits with it.

A judgement over what others tell: processes of themselves (`oms status` shows the same), and the console's page for
operators of messages that are not handled and of tables that follow. Kept in memory alone: how long something stands is
counted from the first look of this process that saw it, and what is older is at least so old.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from contracts.message import format_instant
from services.console.installation import Followed

__all__ = ["FAR_BEHIND", "NO_NEARER_AFTER", "STANDS_AFTER", "WAITS_WITH", "Standing", "State", "Still", "row_of"]

STANDS_AFTER = timedelta(minutes=2)
"""What passes sooner is no exception: a restart, a broker that chooses another leader, a burst of orders."""

NO_NEARER_AFTER = timedelta(minutes=10)
"""For so long nothing came nearer, at any look: under load something is always behind, and a little more at the next look
by chance."""

FAR_BEHIND = 10_000
"""Messages, or offsets of tables, from which on somebody is told although it still moves: more than a service handles in the
time in which people expect to see what they did."""

RUNNING = "running"
TABLES_WAIT = "What is read from these tables grows old: lists at the doors, and pages."

WAITS_WITH: Mapping[str, str] = {
    "order": "Orders are taken in and go no further; what people do to them waits.",
    "inventory": "Nothing is reserved and no stock is booked; new orders wait.",
    "fulfillment": "No node is given work, and what nodes did counts for nothing yet.",
    "shipping": "No shipment is made, and what carriers tell waits.",
    "payments": "Nothing is authorized, captured or paid back, and no invoice is issued.",
    "doors": "Callers and channels wait, or are sent away.",
    "workers": "Nobody outside is called: no card is charged, no label fetched, no message sent.",
    "channels": "Channels do not hear what became of their orders, nor what they may sell.",
    "console": "Searches, Now and order pages do not show what is new.",
    "sandbox": "Payments by the sandbox are tried again, and wait.",
}
"""By process what happens if nobody acts. Nothing is lost: what waits lies in its topic."""


class State(StrEnum):
    """How something stands whose process says nothing of it."""

    FAR = "far behind"
    NO_NEARER = "comes no nearer"


@dataclass(frozen=True, slots=True)
class Still:
    """Something that stands still: a process by its name, or tables as `service: tables`. `state`: of a process its own
    (oms.stack.Stack.health), or State; `reason`: what it says itself; `behind`: how many of `counted_in` it has not
    handled, None where nobody knows; `waits_with`: what happens if nobody acts."""

    name: str
    state: str
    since: datetime
    waits_with: str
    reason: str | None = None
    behind: int | None = None
    counted_in: str | None = None


class Tells(Protocol):
    """How far everything is (services.console.installation.Installation)."""

    def behind(self) -> Mapping[str, int | None] | None: ...

    def followers(self) -> Sequence[Followed] | None: ...


@dataclass(frozen=True, slots=True)
class _Distance:
    """How far behind something was at the last look that knew; since when far, and since when it comes no nearer."""

    behind: int = 0
    far: datetime | None = None
    no_nearer: datetime | None = None

    def then(self, behind: int, now: datetime) -> _Distance:
        far = (self.far or now) if behind >= FAR_BEHIND else None
        nearer = not behind or behind < self.behind
        return _Distance(behind, far, (now if behind else None) if nearer else self.no_nearer or now)


@dataclass(frozen=True, slots=True)
class _Unwell:
    """What a process that does not run says of itself, and since when it does not."""

    since: datetime
    state: str
    reason: str | None


class Standing:
    """What one process of the doors saw. `processes`: by name what each says of itself; empty where they were started
    elsewhere, of which nobody here knows. One looks, many ask."""

    def __init__(
        self,
        tells: Tells,
        processes: Callable[[], Mapping[str, Mapping[str, Any]]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tells, self._processes, self._clock = tells, processes, clock
        self._unwell: Mapping[str, _Unwell] = {}
        self._inboxes: Mapping[str, _Distance] = {}
        self._tables: Mapping[str, _Distance] = {}
        self._found: Sequence[Still] = ()
        self._looked_at: datetime | None = None

    def look(self) -> None:
        """See how all is now. What nobody knows at this look stays as it was. Raises chassis.store.StoreAway."""
        now = self._clock()
        said = self._processes()
        self._unwell = {name: self._told(name, each, now) for name, each in said.items() if each["state"] != RUNNING}
        told = self._tells.behind()
        self._inboxes = {
            **self._inboxes,
            **{
                name: self._inboxes.get(name, _Distance()).then(count, now)
                for name, count in (told or {}).items()
                if count is not None
            },
        }
        self._find(now)
        if (followers := self._tells.followers()) is not None:
            known = {f"{each.service}: {each.name}": each.behind for each in followers}
            self._tables = {name: self._tables.get(name, _Distance()).then(count, now) for name, count in known.items()}
            self._find(now)
            if told is not None:
                self._looked_at = now

    def now(self) -> Sequence[Still]:
        """What stood still at the last look, for long enough to be told; the longest first."""
        return self._found

    def looked_at(self) -> datetime | None:
        """When broker and database last said how far all are; while one is away, only what processes say is newer."""
        return self._looked_at

    def position(self) -> object:
        """Something else as soon as anything else stands still."""
        return [(each.name, each.state, each.since) for each in self._found]

    def _told(self, name: str, said: Mapping[str, Any], now: datetime) -> _Unwell:
        before = self._unwell.get(name)
        return _Unwell(before.since if before else now, said["state"], said["last_error"])

    def _find(self, now: datetime) -> None:
        found = [self._process(name, now) for name in dict.fromkeys([*self._unwell, *self._inboxes])]
        found += [_far(name, each, "offsets", TABLES_WAIT, now) for name, each in self._tables.items()]
        self._found = sorted((each for each in found if each), key=lambda each: (each.since, each.name))

    def _process(self, name: str, now: datetime) -> Still | None:
        """A process: that it does not run says more than how far behind it is."""
        waits_with, inbox, unwell = WAITS_WITH[name], self._inboxes.get(name), self._unwell.get(name)
        if unwell is not None and now - unwell.since >= STANDS_AFTER:
            still = Still(name, unwell.state, unwell.since, waits_with, unwell.reason)
            return still if inbox is None else replace(still, behind=inbox.behind, counted_in="messages")
        return None if inbox is None else _far(name, inbox, "messages", waits_with, now)


def _far(name: str, distance: _Distance, counted_in: str, waits_with: str, now: datetime) -> Still | None:
    """That it comes no nearer says more than how far behind it is."""
    for since, after, state in (
        (distance.no_nearer, NO_NEARER_AFTER, State.NO_NEARER),
        (distance.far, STANDS_AFTER, State.FAR),
    ):
        if since is not None and now - since >= after:
            return Still(name, state, since, waits_with, behind=distance.behind, counted_in=counted_in)
    return None


def row_of(still: Still) -> dict[str, Any]:
    """As the door lists it; what is not known is left out."""
    known = {"reason": still.reason, "behind": still.behind, "counted_in": still.counted_in}
    return {
        "name": still.name,
        "state": still.state,
        "since": format_instant(still.since),
        "waits_with": still.waits_with,
        **{name: value for name, value in known.items() if value is not None},
    }
