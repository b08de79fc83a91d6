"""What pages ask the console's read models: search, where work stands now, how long steps take, what holds the flow back.

SQL and the rows that it gives, nothing of HTML. Durations are seconds; times are ours, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, LiteralString

from services.console.flow import ABOUT, ENDS, Step, StepKind
from services.console.matching import Rows, sources

__all__ = [
    "PAGE_ROWS",
    "Card",
    "Flow",
    "Found",
    "Held",
    "Passed",
    "Questions",
    "Spent",
    "Stand",
    "Took",
    "Visit",
    "as_of",
    "held_back",
]

PAGE_ROWS = 50
"""Orders on one page of a list."""

EXPORT_ROWS_MAX = 50_000
"""Rows of one CSV file."""

QUERY_CHARS_MAX = 200

PEOPLE_ORDERS_MAX = 1_000
"""Orders that a name or an e-mail address finds; the last recorded ones of more."""

NARROW_ROWS = 10_000
"""Orders that a filter may leave before a list goes through all orders from the last one backwards. What so few have may be
of any age: without it, a list of ten old orders would look at every newer one first."""

WORKS_MAX = 50
WINDOW = timedelta(hours=24)
"""Steps left within this time are what durations are taken from."""

HOUR = timedelta(hours=1)
OLD = timedelta(minutes=1)
"""Steps that usually take less are compared with this: nobody waits for what takes seconds in the place of one."""

SLOWER = 2.0
"""So many times its usual duration a step has to take before it holds the flow back. Half of what passes takes longer than
the median, and what does so stands there longer: without some room a step would be named that works as ever."""

HOURS = 24
"""Hours of a trend."""

TOLD = [step.value for step in ABOUT]

ORDER_STEPS = [step.value for step in Step if step not in ENDS]

AT_STEP: LiteralString = "select order_id from standing where step = %s"
"""Orders of which anything stands at a step: they themselves, or the work of a node."""

AT_NODE: LiteralString = "select order_id from standing where location = %s and step <> 'done'"
OWNED: LiteralString = "select order_id from owners where owner = %s"


@dataclass(frozen=True, slots=True)
class Card:
    """An order as lists show it. `total` in minor units; `step` None while only its first record was seen."""

    order_id: str
    number: str
    external_id: str
    channel: str
    channel_account: str
    seller: str
    currency: str
    total: int
    placed_at: datetime
    recorded_at: datetime
    step: Step | None
    since: datetime | None
    holds: int
    because: str | None = None
    """Which of its names was found, and what that is."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a list: `more` names where the next one begins (recorded_at, order id)."""

    cards: Sequence[Card]
    more: tuple[datetime, str] | None


@dataclass(frozen=True, slots=True)
class Stand:
    """A step now: how many things stand there, the oldest and since when; how many left it within the last hour and the
    hour before, and how long those of a day stood there. `half`: half of what stands there came then or before; `usual`:
    how long half of those had stood there at most that left it in the time that `usual_of` names; `left_lately`: how
    many left it within `lately`."""

    step: Step
    count: int
    oldest: datetime | None
    oldest_order: str | None
    left_hour: int
    left_hour_before: int
    p50: float | None
    p90: float | None
    p99: float | None
    half: datetime | None = None
    usual: float | None = None
    usual_of: str = ""
    left_lately: int = 0

    @property
    def counts_as(self) -> float:
        """Its usual duration as it counts, in seconds: OLD at least, a day where nobody knows it."""
        return WINDOW.total_seconds() if self.usual is None else max(self.usual, OLD.total_seconds())

    @property
    def lately(self) -> timedelta:
        """Within which time something leaves it where it works as ever, and at most an hour: what left it earlier does not
        say that it still does."""
        return min(timedelta(seconds=SLOWER * self.counts_as), HOUR)


@dataclass(frozen=True, slots=True)
class Held:
    """The step that holds the flow back: how long half of what stands there has stood at least, how many `times` its
    usual duration it takes at least, and in how long what is there has left at the rate of lately (None where nothing
    did)."""

    stand: Stand
    stood: float
    times: float
    empties: float | None


@dataclass(frozen=True, slots=True)
class Passed:
    """How many went on from a step to the one that came next."""

    source: Step
    target: Step
    count: int


@dataclass(frozen=True, slots=True)
class Flow:
    """Orders recorded and ended: within the last hour, the same hour a day before, a week before, and within a day."""

    arrived: Mapping[str, int]
    completed: Mapping[str, int]
    cancelled: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Took:
    """How many left a step within an hour, and how long they had stood there."""

    count: int
    p50: float
    p90: float
    p99: float


@dataclass(frozen=True, slots=True)
class Spent:
    """An hour, from when it began: how long all that left a step in it had waited, and been worked on."""

    begins: datetime
    waiting: float
    working: float


@dataclass(frozen=True, slots=True)
class Visit:
    """A step at which an order, or a node's work for it, stood; `left` None where it still does."""

    thing: str
    location: str | None
    step: Step
    entered: datetime
    left: datetime | None


class Questions:
    """The read models of one installation."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def orders(
        self,
        query: str = "",
        step: Step | None = None,
        channel: str = "",
        location: str = "",
        owner: str = "",
        people: Sequence[str] = (),
        after: tuple[datetime, str] | None = None,
        limit: int = PAGE_ROWS,
    ) -> Found:
        """Orders, the last recorded first. `query`: what any of its names begins with, or words of its goods; `people`:
        what it comes to as that of a person (people.Digests), all of which one of an order has to have."""
        wanted = query.strip().lower()[:QUERY_CHARS_MAX]
        conditions: list[LiteralString] = ["true"]
        parameters: list[Any] = []
        wishes: tuple[tuple[LiteralString, str], ...] = (
            (AT_STEP, step.value if step else ""),
            (AT_NODE, location),
            (OWNED, owner),
        )
        for having, value in wishes:
            if value:
                conditions.append(self._having(having, value))
                parameters.append(value)
        if channel:
            conditions.append("cards.channel_account = %s")
            parameters.append(channel)
        if after is not None:
            conditions.append("(cards.recorded_at, cards.order_id) < (%s, %s)")
            parameters += after
        rows: list[Any] = []
        for source, given in sources(self._rows, wanted, self._of_people(people), " and ".join(conditions), parameters):
            rows = self._rows(
                "select cards.order_id, number, external_id, channel, channel_account, seller, currency, total, placed_at,"
                " recorded_at, step, since, coalesce(holds, 0), because from " + source + " order by"
                " cards.recorded_at desc, cards.order_id desc limit %s",
                [*given, limit + 1],
            )
            if len(rows) > limit:
                break
        cards = [_card(row) for row in rows[:limit]]
        last = cards[-1] if cards else None
        return Found(cards, (last.recorded_at, last.order_id) if last and len(rows) > limit else None)

    def _having(self, orders: LiteralString, value: str) -> LiteralString:
        """The condition that an order is among these: few of them are fetched first, among many the list soon has a page."""
        [(count,)] = self._rows("select count(*) from (" + orders + " limit %s) as having_it", [value, NARROW_ROWS + 1])
        if count > NARROW_ROWS:
            return "cards.order_id in (" + orders + ")"
        return "cards.order_id = any(array(" + orders + "))"

    def _of_people(self, digests: Sequence[str]) -> list[str]:
        """Orders of people who have all of these, the last recorded ones of very many."""
        if not digests:
            return []
        rows = self._rows(
            "select order_id from people where digest = any(%s) group by order_id, subject"
            " having count(*) = %s order by max(recorded_at) desc, order_id limit %s",
            [list(digests), len(set(digests)), PEOPLE_ORDERS_MAX],
        )
        return sorted({order for (order,) in rows})

    def channels(self) -> list[str]:
        """The channel accounts that orders came from."""
        # From one to the next by the index: reading every order for its channel takes longer than the search.
        rows = self._rows(
            "with recursive each (name) as ((select min(channel_account) from cards) union all"
            " select (select min(channel_account) from cards where channel_account > each.name) from each"
            " where each.name is not null) select name from each where name is not null limit 200",
            [],
        )
        return [name for (name,) in rows]

    def owners(self, order_ids: Sequence[str]) -> dict[str, str]:
        """Who looks after these orders, where somebody does."""
        return dict(self._rows("select order_id, owner from owners where order_id = any(%s)", [sorted(set(order_ids))]))

    def stands(self, now: datetime) -> list[Stand]:
        """Every step at which something stands or stood within a day, in the order in which an order passes them."""
        standing = {
            step: numbers
            for step, *numbers in self._rows(
                "select step, count(*), min(since), (array_agg(order_id order by since, order_id))[1],"
                " percentile_disc(0.5) within group (order by since) from standing where step = any(%s) group by step",
                [ORDER_STEPS],
            )
        }
        left = {
            step: numbers
            for step, *numbers in self._rows(
                "select step, count(*) filter (where left_at > %s), count(*) filter (where left_at <= %s and left_at > %s),"
                " percentile_cont(array[0.5, 0.9, 0.99]) within group (order by extract(epoch from left_at - entered))"
                " from visits where left_at > %s group by step",
                [now - HOUR, now - HOUR, now - 2 * HOUR, now - WINDOW],
            )
        }
        usual = self._usual(now)
        found = []
        for step in ABOUT:
            count, oldest, order, half = standing.get(step.value, (0, None, None, None))
            hour, before, percentiles = left.get(step.value, (0, 0, (None, None, None)))
            if count or percentiles[0] is not None:
                took, of = usual.get(step.value) or (percentiles[0], "the last 24 hours")
                stand = Stand(step, count, oldest, order, hour, before, *percentiles)
                found.append(replace(stand, half=half, usual=took, usual_of=of))
        lately = self._left_lately(found, now)
        return [replace(each, left_lately=lately.get(each.step.value, 0)) for each in found]

    def _left_lately(self, stands: Sequence[Stand], now: datetime) -> dict[str, int]:
        """How many left each step within a time of its own."""
        return dict(
            self._rows(
                "select asked.step, count(*) from unnest(%s::text[], %s::timestamptz[]) as asked (step, since)"
                " join visits on visits.step = asked.step and visits.left_at > asked.since group by asked.step",
                [[each.step.value for each in stands], [now - each.lately for each in stands]],
            )
        )

    def _usual(self, now: datetime) -> dict[str, tuple[float, str]]:
        """How long half of those had stood at a step at most that left it yesterday, or a week ago where yesterday none
        did; and which of both."""
        days = {"the day a week ago": timedelta(days=7), "yesterday": WINDOW}
        begins, ends = [now - WINDOW - back for back in days.values()], [now - back for back in days.values()]
        rows = self._rows(
            "select compared.name, step, percentile_cont(0.5) within group (order by extract(epoch from left_at - entered))"
            " from unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) as compared (name, begins, ends)"
            " join visits on left_at > begins and left_at <= ends where step = any(%s) group by compared.name, step",
            [list(days), begins, ends, TOLD],
        )
        known = {(name, step): float(median) for name, step, median in rows}
        return {step: (known[name, step], name) for name in days for step in TOLD if (name, step) in known}

    def passed(self, now: datetime) -> list[Passed]:
        """From which step to which things went within the last hour, in the order in which they pass steps."""
        # Whatever left a step within the hour stands at, or left within it too, all steps that came after. Of steps that
        # were passed in one moment the one comes first that orders pass first.
        passing = (*ABOUT, *(step for step in Step if step in ENDS))
        names = [step.value for step in passing]
        rows = self._rows(
            "select step, went_to, count(*) from (select step, left_at, lead(step) over (partition by thing"
            " order by entered, left_at nulls last, array_position(%s::text[], step)) as went_to from"
            " (select thing, step, entered, left_at from visits where step = any(%s) and left_at > %s and left_at <= %s"
            " union all select thing, step, since, null from standing where thing in"
            " (select thing from visits where step = any(%s) and left_at > %s and left_at <= %s)) as each) as moved"
            " where left_at is not null and went_to is not null group by step, went_to",
            [names, names, now - HOUR, now, names, now - HOUR, now],
        )
        places = {step: place for place, step in enumerate(passing)}
        found = [Passed(Step(source), Step(target), int(count)) for source, target, count in rows]
        return sorted(found, key=lambda each: (places[each.source], places[each.target]))

    def trend(self, now: datetime) -> dict[Step, dict[str, Took]]:
        """How long those took that left a step: within the last hour, and within the hours that it is compared with."""
        windows = _hours(now)
        rows = self._rows(
            "select step, compared.name, count(*), percentile_cont(array[0.5, 0.9, 0.99]) within group"
            " (order by extract(epoch from left_at - entered)) from unnest(%s::text[], %s::timestamptz[],"
            " %s::timestamptz[]) as compared (name, begins, ends) join visits on left_at > begins and left_at <= ends"
            " where step = any(%s) group by step, compared.name",
            [list(windows), *(list(each) for each in zip(*windows.values(), strict=True)), TOLD],
        )
        found: dict[Step, dict[str, Took]] = {step: {} for step in ABOUT}
        for step, window, count, percentiles in rows:
            found[Step(step)][window] = Took(count, *percentiles)
        return {step: windows_ for step, windows_ in found.items() if windows_}

    def hours(self, now: datetime) -> list[Spent]:
        """Of each of the last 24 hours, the first first: how long those had stood that left a step in it, by whether
        somebody worked on them or they waited. That at nodes is left out, since the work of each node is told."""
        spent = [[0.0, 0.0] for _ in range(HOURS)]
        for back, step, seconds in self._rows(
            "select floor(extract(epoch from %s - left_at) / 3600)::int, step, sum(extract(epoch from left_at - entered))"
            " from visits where left_at > %s and left_at <= %s and step = any(%s) group by 1, 2",
            [now, now - WINDOW, now, [step for step in TOLD if step != Step.AT_NODES.value]],
        ):
            spent[HOURS - 1 - back][ABOUT[Step(step)].kind is StepKind.WORKING] += float(seconds)
        return [Spent(now - (HOURS - place) * HOUR, waiting, working) for place, (waiting, working) in enumerate(spent)]

    def flow(self, now: datetime) -> Flow:
        """Orders that came and ended, in the windows that people compare."""
        windows = {
            "last hour": (now - HOUR, now),
            "the same hour yesterday": (now - WINDOW - HOUR, now - WINDOW),
            "the same hour a week ago": (now - timedelta(days=7) - HOUR, now - timedelta(days=7)),
            "last 24 hours": (now - WINDOW, now),
        }

        def counted(query: LiteralString) -> dict[str, int]:
            return {name: int(self._rows(query, list(window))[0][0]) for name, window in windows.items()}

        return Flow(
            counted("select count(*) from cards where recorded_at > %s and recorded_at <= %s"),
            counted("select count(*) from standing where step = 'completed' and since > %s and since <= %s"),
            counted("select count(*) from standing where step = 'cancelled' and since > %s and since <= %s"),
        )

    def locations(self) -> list[str]:
        """Nodes that ever had work."""
        rows = self._rows(
            "with recursive each (name) as ((select min(location) from standing) union all"
            " select (select min(location) from standing where location > each.name) from each"
            " where each.name is not null) select name from each where name is not null limit 500",
            [],
        )
        return [name for (name,) in rows]

    def works(self, scanned: str, location: str = "") -> dict[str, str]:
        """The orders of open work of nodes, by the id of the work, which somebody scanned or any name of its order;
        WORKS_MAX at most."""
        wanted = scanned.strip().lower()[:QUERY_CHARS_MAX]
        rows = self._rows(
            "select thing, order_id from standing where thing like 'fulfillment_order/%%' and step <> 'done'"
            " and (%s = '' or location = %s) and (split_part(thing, '/', 2) = %s or order_id in"
            " (select order_id from names where folded = %s)) order by since, thing limit %s",
            [location, location, wanted, wanted, WORKS_MAX],
        )
        return {thing.partition("/")[2]: order for thing, order in rows}

    def visits(self, order_id: str) -> list[Visit]:
        """How long an order and the work of nodes for it stood where."""
        rows = self._rows(
            "select thing, location, step, entered, left_at from visits where order_id = %s union all"
            " select thing, location, step, since, null from standing where order_id = %s order by 4, 1",
            [order_id, order_id],
        )
        return [Visit(thing, location, Step(step), *times) for thing, location, step, *times in rows]

    def positions(self) -> dict[str, int]:
        """How far each read model is: the sum of its offsets."""
        rows = self._rows("select projection, sum(position) from projection_tracking group by projection", [])
        return {name: int(position) for name, position in rows}

    def latest(self) -> datetime | None:
        """When the last thing was recorded that moved anything."""
        rows = self._rows("select max(since) from standing", [])
        found: datetime | None = rows[0][0]
        return found


def _hours(now: datetime) -> dict[str, tuple[datetime, datetime]]:
    """The last hour and those that it is compared with, by name."""
    back = {
        "the last hour": timedelta(0),
        "the hour before": HOUR,
        "the same hour yesterday": WINDOW,
        "the same hour a week ago": timedelta(days=7),
    }
    return {name: (now - by - HOUR, now - by) for name, by in back.items()}


def _card(row: tuple[Any, ...]) -> Card:
    *known, step, since, holds, because = row
    return Card(*known, Step(step) if step else None, since, holds, because)  # type: ignore[call-arg]  # as selected


def held_back(stands: Sequence[Stand], now: datetime) -> Held | None:
    """The step that holds the flow back: the one that takes longest compared with its own usual duration, and SLOWER times
    that at least.

    It takes as long as half of what is there has stood already, but no longer than until what is there has left at the
    rate of lately (Little's law): one thing that stands long while all others pass holds nothing back, nor do many
    that have just come. Lately is twice its usual duration and at most an hour, so that a step is named as soon as nothing
    leaves it any more. A usual duration below OLD counts as OLD; a step that nothing left for a day, yesterday or a week
    ago is compared with a day. That at nodes is left out: its work is told apart."""
    held = [_held(each, now) for each in stands if each.count and each.half and each.step is not Step.AT_NODES]
    slow = [each for each in held if each.times >= SLOWER]
    return max(slow, key=lambda each: (each.times, each.stand.count), default=None)


def _held(stand: Stand, now: datetime) -> Held:
    assert stand.half is not None, "something stands there"
    stood = (now - stand.half).total_seconds()
    empties = stand.count / stand.left_lately * stand.lately.total_seconds() if stand.left_lately else None
    takes = stood if empties is None else min(stood, empties)
    return Held(stand, stood, takes / stand.counts_as, empties)


def as_of(visits: Sequence[Visit], then: datetime) -> list[Visit]:
    """The steps of an order as they were known at a moment: what was left later still stood there."""
    return [
        visit if visit.left is None or visit.left <= then else replace(visit, left=None)
        for visit in visits
        if visit.entered <= then
    ]
