"""The rules of sourcing, as a table: by what locations are compared, in order, and what one is told that lost by it.

Version 2. Where two locations are equal by one criterion the next decides; names decide at last, so that the same facts
always give the same decision. Pure; the greedy choice that asks these rules is in sourcing.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from typing import Any, NamedTuple

from contracts.address import Area
from contracts.order import Distance

__all__ = [
    "RULES",
    "RULES_VERSION",
    "UNDESCRIBED",
    "Criterion",
    "Place",
    "Score",
    "compared_by",
    "farthest",
    "lost_to",
    "ranked",
]

RULES_VERSION = 2


class Place(NamedTuple):
    """What inventory's events say of a location, and how many fulfillment orders it was given on the last day (UTC)
    that it was given any. `daily_capacity` is how many it takes a day, None where nobody set a limit."""

    priority: int = 0
    daily_capacity: int | None = None
    country: str | None = None
    region: str | None = None
    postcode: str | None = None
    worked_on: date | None = None
    released: int = 0

    def room(self, today: date) -> int | None:
        """Fulfillment orders that it still takes today; None where there is no limit."""
        if self.daily_capacity is None:
            return None
        return max(0, self.daily_capacity - (self.released if self.worked_on == today else 0))


UNDESCRIBED = Place()
"""A location that nobody described: it has no limit, and is nowhere."""


class Score(NamedTuple):
    """How good a location is for what is left: lines that it can complete, units that it can provide (units of different
    goods cannot be compared, so lines come first), its stock of these goods, whether it has everything, and what is
    known of the place."""

    lines: int = 0
    provides: int = 0
    available: int = 0
    whole: bool = False
    priority: int = 0
    distance: Distance = Distance.UNKNOWN
    room: int | None = None


class Criterion(NamedTuple):
    """Something locations are compared by: the lower `worth` is the better one; `lost` is told to one that lost by it."""

    name: str
    worth: Callable[[str, Score], Any]
    lost: str


_NEAREST_FIRST = {distance: place for place, distance in enumerate(Distance)}

RULES: tuple[Criterion, ...] = (
    Criterion("goods", lambda place, score: not score.provides, "has none of it available"),
    Criterion(
        "whole", lambda place, score: not score.whole, "has {provides} of {wanted} units; another has everything"
    ),
    Criterion(
        "room",
        lambda place, score: score.room == 0,
        "has been given as many fulfillment orders today as it takes; another has room",
    ),
    Criterion(
        "lines",
        lambda place, score: -score.lines,
        "has {provides} of {wanted} units; another completes more of the lines",
    ),
    Criterion(
        "units", lambda place, score: -score.provides, "has {provides} of {wanted} units; another has more of them"
    ),
    Criterion("priority", lambda place, score: -score.priority, "has priority {priority}; another has a higher one"),
    Criterion("distance", lambda place, score: _NEAREST_FIRST[score.distance], "is farther away ({distance})"),
    Criterion("stock", lambda place, score: -score.available, "has less of these goods in stock"),
    Criterion("name", lambda place, score: place, "is as good; another comes first by name"),
)


_rules: ContextVar[Sequence[Criterion]] = ContextVar("rules", default=RULES)


@contextmanager
def compared_by(rules: Sequence[Criterion]) -> Iterator[None]:
    """While this lasts, locations are compared by these criteria in this order: to ask what would have been. No service
    ever does."""
    token = _rules.set(rules)
    try:
        yield
    finally:
        _rules.reset(token)


def ranked(scores: Mapping[str, Score]) -> list[str]:
    """The locations, best first."""
    return sorted(scores, key=lambda place: tuple(rule.worth(place, scores[place]) for rule in _rules.get()))


def lost_to(winner: str, place: str, scores: Mapping[str, Score], wanted: int) -> tuple[str, str] | None:
    """By which criterion a location lost to another, and that as a sentence; None where it is the better one."""
    score = scores[place]
    for rule in _rules.get():
        worth, best = rule.worth(place, score), rule.worth(winner, scores[winner])
        if worth < best:
            return None
        if worth > best:
            return rule.name, rule.lost.format(**score._asdict(), wanted=wanted)
    return None


def farthest(place: Place, areas: Iterable[Area]) -> Distance:
    """How far a location is from these areas: from the farthest of them."""
    found = [_distance(place, area) for area in areas]
    return max(found, key=_NEAREST_FIRST.__getitem__, default=Distance.UNKNOWN)


def _distance(place: Place, area: Area) -> Distance:
    if place.country is None:
        return Distance.UNKNOWN
    if place.country != area.country:
        return Distance.ABROAD
    postcode = (place.postcode or "").replace(" ", "").upper()
    if area.postcode_prefix and postcode.startswith(area.postcode_prefix):
        return Distance.POSTCODE
    if area.region and place.region and place.region.casefold() == area.region.casefold():
        return Distance.REGION
    return Distance.COUNTRY
