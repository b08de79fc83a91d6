"""Where the goods of an order come from: one decision over all its open lines, from what was seen to be available.

The location that is best by the rules (sourcing_rules.py) comes first, so one that has everything wins alone. The next
is chosen for what is still left, until nobody can add anything. A location is never asked for a line that it is barred from. What is to be collected at a
location comes from there alone, and first, so that it draws no parcel to a counter. Pure; reads no message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from contracts.address import Area
from contracts.order import Candidate, SeenAvailability
from services.order.sourcing_rules import UNDESCRIBED, Place, Score, farthest, lost_to, ranked

__all__ = ["Availability", "Demanded", "Plan", "Sourced", "Stock", "plan"]

CHOSEN_MAX = 50
"""Locations that one decision may spread an order over; what is left then counts as short."""
CANDIDATES_MAX = 16
"""Losing and winning locations that a decision records, best first."""
SEEN_MAX = 10_000
"""Availabilities that a decision records, those of the best locations first: bounds the event."""


class Availability(NamedTuple):
    """What a location has available of a SKU, the offset in inventory's events that says so, and what is known of the
    place."""

    available: int
    offset: int
    place: Place = UNDESCRIBED


Stock = Mapping[str, Mapping[str, Availability]]
"""By SKU, then by location. Every SKU that was asked for is there; one that no location ever had is empty."""


@dataclass(frozen=True, slots=True)
class Demanded:
    """Open units of a line, the locations that may not serve it, the one that alone may (where it is collected), and
    the area that it is shipped to."""

    line: str
    sku: str
    unit: str
    quantity: int
    barred: tuple[str, ...] = ()
    only_at: str | None = None
    area: Area | None = None

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


_Wanted = list[tuple[Demanded, int]]
"""Demands, and how much of each is still wanted."""


def plan(demands: Sequence[Demanded], stock: Stock, today: date, *, taking: bool = True) -> Plan:
    """Source every demand from what is available, `today` (UTC); deterministic, whatever the order of the maps.

    Without `taking` the locations are only ranked, and everything is missing.
    """
    left = {(sku, place): max(0, seen.available) for sku, at in stock.items() for place, seen in at.items()}
    places = {place: seen.place for at in stock.values() for place, seen in at.items()}
    scores = _scores([(demand, demand.quantity) for demand in demands], left, places, today)
    barred = {place for at in stock.values() for place in at} - scores.keys()
    ranking = (*ranked(scores), *sorted(barred))
    sourced: list[Sourced] = []
    collected = [(demand, demand.quantity) for demand in demands if demand.only_at]
    missing = [(demand, demand.quantity) for demand in demands if not demand.only_at]
    if taking:
        collected = _take_where_collected(collected, left, sourced)
        missing = _spread(missing, left, sourced, places, today)
    chosen = tuple(dict.fromkeys(part.location for part in sourced))
    wanted = sum(demand.quantity for demand in demands)
    first = next((place for place in ranking if place in chosen), None)
    lost = {
        place: _why(place, first, scores, demands, wanted, taking=taking) for place in ranking if place not in chosen
    }
    candidates = _candidates(ranking, scores, chosen, lost)
    return Plan(tuple(sourced), (*collected, *missing), ranking, candidates, _seen(demands, stock, candidates))


def _take_where_collected(wanted: _Wanted, left: dict[tuple[str, str], int], sourced: list[Sourced]) -> _Wanted:
    """Give each demand what there is where it is collected; returns what is still wanted."""
    for place in sorted({demand.only_at for demand, _ in wanted if demand.only_at}):
        wanted = _take(place, wanted, left, sourced)
    return wanted


def _spread(
    wanted: _Wanted,
    left: dict[tuple[str, str], int],
    sourced: list[Sourced],
    places: Mapping[str, Place],
    today: date,
) -> _Wanted:
    """Give each demand what the best location has of it, then the best for the rest; returns what is still wanted."""
    for _ in range(CHOSEN_MAX):
        now = _scores(wanted, left, places, today)
        best = next(iter(ranked(now)), None)
        if best is None or not now[best].provides:
            break
        wanted = _take(best, wanted, left, sourced)
    return wanted


def _scores(
    wanted: _Wanted, left: Mapping[tuple[str, str], int], places: Mapping[str, Place], today: date
) -> dict[str, Score]:
    """How good each location is for what is still wanted; none that may serve nothing of it."""
    having = defaultdict(list)
    for sku, place in left:
        having[sku].append(place)
    needed: dict[tuple[str, str], int] = defaultdict(int)
    lines: dict[tuple[str, str], int] = defaultdict(int)
    for demand, quantity in wanted:
        for place in having[demand.sku] if demand.only_at is None else [demand.only_at]:
            if demand.may_come_from(place):
                needed[demand.sku, place] += quantity
                lines[demand.sku, place] += 1
    scores: dict[str, Score] = {}
    areas = list(dict.fromkeys(demand.area for demand, _ in wanted if demand.area is not None))
    for (sku, name), quantity in needed.items():
        before, available = (
            scores.get(name) or _of_place(places.get(name, UNDESCRIBED), areas, today),
            left.get((sku, name), 0),
        )
        scores[name] = before._replace(
            lines=before.lines + (lines[sku, name] if available >= quantity else 0),
            provides=before.provides + min(quantity, available),
            available=before.available + available,
        )
    total = sum(quantity for _, quantity in wanted)
    return {place: score._replace(whole=score.provides >= total) for place, score in scores.items()}


def _of_place(place: Place, areas: Sequence[Area], today: date) -> Score:
    """What the place itself is compared by."""
    return Score(priority=place.priority, distance=farthest(place, areas), room=place.room(today))


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


class _Lost(NamedTuple):
    """By which criterion a location lost, and that as a sentence."""

    by: str
    because: str


def _candidates(
    ranking: Sequence[str], scores: Mapping[str, Score], chosen: Sequence[str], lost: Mapping[str, _Lost]
) -> tuple[Candidate, ...]:
    """The best locations with why each lost; those chosen are always among them, those barred come last."""
    shown = dict.fromkeys([*chosen, *ranking][: max(CANDIDATES_MAX, len(chosen))])
    return tuple(
        _candidate(place, rank, scores.get(place), lost.get(place))
        for rank, place in enumerate(ranking, start=1)
        if place in shown
    )


def _candidate(place: str, rank: int, score: Score | None, lost: _Lost | None) -> Candidate:
    compared = score or Score()
    return Candidate(
        location=place,
        rank=rank,
        units=compared.provides,
        chosen=lost is None,
        lost_because=lost.because if lost else None,
        lost_by=lost.by if lost else None,
        lines=compared.lines,
        stock=compared.available,
        priority=compared.priority,
        distance=score.distance if score else None,
        room=compared.room,
    )


def _why(
    place: str,
    first: str | None,
    scores: Mapping[str, Score],
    demands: Sequence[Demanded],
    wanted: int,
    *,
    taking: bool,
) -> _Lost:
    """Why a location lost to the `first` that was chosen. It has no score where it may serve no line that wants its
    goods, and may be better than any that was chosen where the goods that it has are collected elsewhere."""
    score = scores.get(place)
    if score is None and any(place in demand.barred for demand in demands):
        return _Lost("barred", "is barred from these lines: it refused them or did not find them")
    if score is None:
        return _Lost("collected", "is not where these lines are collected")
    if not taking:
        return _Lost("attempts", "refused too often; what is left waits")
    if not score.provides:
        return _Lost("goods", "has none of it available")
    lost = None if first is None else lost_to(first, place, scores, wanted)
    return _Lost(*lost) if lost else _Lost("unneeded", "has nothing that the others did not provide already")


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
