"""Where the goods of an order come from: one decision over all its open lines, from what was seen to be available.

Rules, version 1. The location that can complete most of the lines that are left comes first, so one that has everything
wins alone; then the one that can provide most units, then the one with more of these goods in stock, then by name. The next is chosen for what is still left, until
nobody can add anything. A location is never asked for a line that it is barred from. What is to be collected at a
location comes from there alone, and first, so that it draws no parcel to a counter. Pure; reads no message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from contracts.order import Candidate, SeenAvailability

__all__ = ["RULES_VERSION", "Availability", "Demanded", "Plan", "Sourced", "Stock", "plan"]

RULES_VERSION = 1
CHOSEN_MAX = 50
"""Locations that one decision may spread an order over; what is left then counts as short."""
CANDIDATES_MAX = 16
"""Losing and winning locations that a decision records, best first."""
SEEN_MAX = 10_000
"""Availabilities that a decision records, those of the best locations first: bounds the event."""


class Availability(NamedTuple):
    """What a location has available of a SKU, and the offset in inventory's events that says so."""

    available: int
    offset: int


Stock = Mapping[str, Mapping[str, Availability]]
"""By SKU, then by location. Every SKU that was asked for is there; one that no location ever had is empty."""


@dataclass(frozen=True, slots=True)
class Demanded:
    """Open units of a line, the locations that may not serve it, and the one that alone may: where it is collected."""

    line: str
    sku: str
    unit: str
    quantity: int
    barred: tuple[str, ...] = ()
    only_at: str | None = None

    def may_come_from(self, place: str) -> bool:
        """Whether a location may serve it."""
        return place not in self.barred and self.only_at in (None, place)


class Sourced(NamedTuple):
    """Units of a line that a location provides."""

    demand: Demanded
    location: str
    quantity: int


class Plan(NamedTuple):
    """Who provides what, what nobody can, and what this was decided on. `ranking` has every location, best first."""

    sourced: tuple[Sourced, ...]
    missing: tuple[tuple[Demanded, int], ...]
    ranking: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    seen: tuple[SeenAvailability, ...]


class _Score(NamedTuple):
    """How good a location is for what is left: lines that it can complete, units that it can provide (units of different
    goods cannot be compared, so lines come first), and its stock of these goods."""

    lines: int
    provides: int
    available: int


_Wanted = list[tuple[Demanded, int]]
"""Demands, and how much of each is still wanted."""


def plan(demands: Sequence[Demanded], stock: Stock, *, taking: bool = True) -> Plan:
    """Source every demand from what is available; deterministic, whatever the order of the maps.

    Without `taking` the locations are only ranked, and everything is missing.
    """
    left = {(sku, place): max(0, seen.available) for sku, at in stock.items() for place, seen in at.items()}
    scores = _scores([(demand, demand.quantity) for demand in demands], left)
    barred = {place for at in stock.values() for place in at} - scores.keys()
    ranking = (*_ranked(scores), *sorted(barred))
    sourced: list[Sourced] = []
    collected = [(demand, demand.quantity) for demand in demands if demand.only_at]
    missing = [(demand, demand.quantity) for demand in demands if not demand.only_at]
    if taking:
        collected = _take_where_collected(collected, left, sourced)
        missing = _spread(missing, left, sourced)
    chosen = tuple(dict.fromkeys(part.location for part in sourced))
    wanted = sum(demand.quantity for demand in demands)
    lost = {place: _why(place, scores.get(place), demands, wanted, taking) for place in ranking if place not in chosen}
    candidates = _candidates(ranking, scores, chosen, lost)
    return Plan(tuple(sourced), (*collected, *missing), ranking, candidates, _seen(demands, stock, candidates))


def _take_where_collected(wanted: _Wanted, left: dict[tuple[str, str], int], sourced: list[Sourced]) -> _Wanted:
    """Give each demand what there is where it is collected; returns what is still wanted."""
    for place in sorted({demand.only_at for demand, _ in wanted if demand.only_at}):
        wanted = _take(place, wanted, left, sourced)
    return wanted


def _spread(wanted: _Wanted, left: dict[tuple[str, str], int], sourced: list[Sourced]) -> _Wanted:
    """Give each demand what the best location has of it, then the best for the rest; returns what is still wanted."""
    for _ in range(CHOSEN_MAX):
        now = _scores(wanted, left)
        best = next(iter(_ranked(now)), None)
        if best is None or not now[best].provides:
            break
        wanted = _take(best, wanted, left, sourced)
    return wanted


def _scores(wanted: Iterable[tuple[Demanded, int]], left: Mapping[tuple[str, str], int]) -> dict[str, _Score]:
    places = defaultdict(list)
    for sku, place in left:
        places[sku].append(place)
    needed: dict[tuple[str, str], int] = defaultdict(int)
    lines: dict[tuple[str, str], int] = defaultdict(int)
    for demand, quantity in wanted:
        for place in places[demand.sku] if demand.only_at is None else [demand.only_at]:
            if demand.may_come_from(place):
                needed[demand.sku, place] += quantity
                lines[demand.sku, place] += 1
    scores: dict[str, _Score] = defaultdict(lambda: _Score(0, 0, 0))
    for (sku, place), quantity in needed.items():
        before, available = scores[place], left.get((sku, place), 0)
        complete = lines[sku, place] if available >= quantity else 0
        scores[place] = _Score(
            before.lines + complete, before.provides + min(quantity, available), before.available + available
        )
    return scores


def _ranked(scores: Mapping[str, _Score]) -> list[str]:
    def worth(place: str) -> tuple[int, int, int, str]:
        score = scores[place]
        return -score.lines, -score.provides, -score.available, place

    return sorted(scores, key=worth)


def _take(place: str, wanted: _Wanted, left: dict[tuple[str, str], int], sourced: list[Sourced]) -> _Wanted:
    """Give each demand what the location has of it, in line order; returns what is still wanted."""
    still = []
    for demand, quantity in wanted:
        got = min(quantity, left.get((demand.sku, place), 0)) if demand.may_come_from(place) else 0
        if got:
            left[demand.sku, place] -= got
            sourced.append(Sourced(demand, place, got))
        if got < quantity:
            still.append((demand, quantity - got))
    return still


def _candidates(
    ranking: Sequence[str], scores: Mapping[str, _Score], chosen: Sequence[str], lost: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """The best locations with why each lost; those chosen are always among them, those barred come last."""
    shown = dict.fromkeys([*chosen, *ranking][: max(CANDIDATES_MAX, len(chosen))])
    return tuple(
        Candidate(
            location=place,
            rank=rank,
            units=scores[place].provides if place in scores else 0,
            chosen=place in chosen,
            lost_because=lost.get(place),
        )
        for rank, place in enumerate(ranking, start=1)
        if place in shown
    )


def _why(place: str, score: _Score | None, demands: Sequence[Demanded], wanted: int, taking: bool) -> str:
    """Why a location lost; it has no score where it may serve no line that wants its goods."""
    if score is None and any(place in demand.barred for demand in demands):
        return "is barred from these lines: it refused them or did not find them"
    if score is None:
        return "is not where these lines are collected"
    if not taking:
        return "refused too often; what is left waits"
    if not score.provides:
        return "has none of it available"
    if score.provides < wanted:
        return f"has {score.provides} of {wanted} units; others have more of them or complete the order"
    return "has everything too, but less of it in stock, or comes later by name"


def _seen(demands: Sequence[Demanded], stock: Stock, candidates: Sequence[Candidate]) -> tuple[SeenAvailability, ...]:
    skus = sorted({demand.sku for demand in demands})
    ordered = sorted(candidates, key=lambda candidate: (not candidate.chosen, candidate.rank))
    found = [
        SeenAvailability(
            sku=sku,
            location=candidate.location,
            available=stock[sku][candidate.location].available,
            offset=stock[sku][candidate.location].offset,
        )
        for candidate in ordered
        for sku in skus
        if candidate.location in stock.get(sku, {})
    ]
    return tuple(found[:SEEN_MAX])
