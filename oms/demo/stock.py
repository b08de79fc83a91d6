"""Stock for a run, planned from what its orders will ask for: what lies there at the start, and what comes late.

All that is asked for is delivered in the end, near the customer's store where it is there from the start; about one
line in twelve asks for goods that are short when it is placed. What alone one order asks for may be supplied in another
way, for the turn that it takes. Nothing is sent from here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from oms.demo.baskets import WAREHOUSES
from oms.demo.people import draw

__all__ = ["LateDelivery", "LineDemand", "Receipt", "StockPlan", "Supplied", "plan_stock"]

SHORT_LINES_PERCENT = 8
"""How many lines of a hundred are made short for certain, where the orders repeat enough articles to do it."""

OPENING_OF_SHORT = 5
"""One part in so many of a short article is there at the start (one unit at least, so that the article is known)."""


OPENING = -1
"""The wave before all waves: what is there before the first order."""
NEVER = -2
"""The wave after all waves: what is expected, and does not come in this run."""


class Supplied(StrEnum):
    """How an article is there for its orders; all but `as_asked` is for articles that one line alone asks for.

    `as_asked`: at the locations that should serve it, or short, by lot. `late`: one unit at the start, the rest with its
    wave. `never`: the rest is expected, but not in this run. `twice`: all of it at another location too. `split`: one
    unit where it should be, the rest elsewhere.
    """

    AS_ASKED = "as_asked"
    LATE = "late"
    NEVER = "never"
    TWICE = "twice"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class LineDemand:
    """A line's wish for stock: whose order, in which wave of orders, what, how much of its base unit, the location
    that should serve it, and how the article is supplied."""

    order: str
    wave: int
    sku: str
    quantity: int
    unit: str
    location: str
    supplied: Supplied = Supplied.AS_ASKED


@dataclass(frozen=True, slots=True)
class Receipt:
    """An article that arrives at a location. `document` names the delivery that brings it, with others; an article is
    in a delivery once. The same orders give the same documents."""

    document: str
    sku: str
    location: str
    quantity: int
    unit: str


@dataclass(frozen=True, slots=True)
class LateDelivery:
    """Goods that arrive only when each of `orders` has been sourced without them."""

    receipt: Receipt
    orders: frozenset[str]


@dataclass(frozen=True, slots=True)
class StockPlan:
    """What is received before the first order, what comes late, wave by wave, and what is only awaited.

    `short_lines` is how many lines will be short at least, whatever the order in which they are served, where nobody
    leaves goods behind by cancelling.
    """

    opening: tuple[Receipt, ...]
    late: tuple[LateDelivery, ...]
    awaited: tuple[Receipt, ...]
    lines: int
    short_lines: int


def plan_stock(run: str, demands: Iterable[LineDemand]) -> StockPlan:
    """Plan the stock of a run; `run` tells its documents from those of other runs."""
    by_sku: dict[str, list[LineDemand]] = defaultdict(list)
    for demand in demands:
        by_sku[demand.sku].append(demand)
    lines = sum(map(len, by_sku.values()))
    usual = {sku: of for sku, of in by_sku.items() if of[0].supplied is Supplied.AS_ASKED}
    short = _short_skus(usual, wanted=-(-lines * SHORT_LINES_PERCENT // 100))
    opening: list[Receipt] = []
    late: list[LateDelivery] = []
    awaited: list[Receipt] = []
    for sku, of in sorted(by_sku.items()):
        waves = _waves(of, _opening_of_short(of) if sku in short else None)
        opening += _receipts(f"{run}-opening", of[0], waves.pop(OPENING, {}))
        awaited += _receipts(f"{run}-awaited", of[0], waves.pop(NEVER, {}))
        for wave, quantities in sorted(waves.items()):
            orders = frozenset(demand.order for demand in of if demand.wave == wave)
            receipts = _receipts(f"{run}-late-{wave}", of[0], quantities)
            late += [LateDelivery(receipt, orders) for receipt in receipts]
    return StockPlan(tuple(opening), tuple(late), tuple(awaited), lines, sum(short.values()))


def _short_skus(by_sku: dict[str, list[LineDemand]], wanted: int) -> dict[str, int]:
    """Articles that will be short, and how many lines of each are short for certain.

    Those wanted at the fewest locations come first, then the lot decides: late goods that lie near whoever waits for
    them do not split orders into parcels.
    """
    short: dict[str, int] = {}
    for sku in sorted(by_sku, key=lambda sku: (len(_homes(by_sku[sku])), draw(2**32, "short", sku), sku)):
        if wanted <= 0:
            break
        certain = _certainly_short(by_sku[sku], _opening_of_short(by_sku[sku]))
        if certain:
            short[sku] = certain
            wanted -= certain
    return short


def _homes(demands: Sequence[LineDemand]) -> Counter[str]:
    """How much is wanted at each location."""
    homes: Counter[str] = Counter()
    for demand in demands:
        homes[demand.location] += demand.quantity
    return homes


def _opening_of_short(demands: Sequence[LineDemand]) -> int:
    return max(1, sum(demand.quantity for demand in demands) // OPENING_OF_SHORT)


def _certainly_short(demands: Sequence[LineDemand], opening: int) -> int:
    """How many lines the opening stock cannot serve, even when the smallest are served first."""
    served = 0
    for demand in sorted(demands, key=lambda demand: demand.quantity):
        opening -= demand.quantity
        if opening < 0:
            break
        served += 1
    return len(demands) - served


def _waves(demands: Sequence[LineDemand], opening: int | None) -> dict[int, dict[str, int]]:
    """What each location gets at the start (`OPENING`) and in which wave; no `opening` means all of it at the start.

    A short article has one location: who waits for it waits there, since only locations that had it may serve.
    """
    if demands[0].supplied is not Supplied.AS_ASKED:
        return _waves_of(demands[0])
    waves: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    if opening is None:
        for demand in demands:
            waves[OPENING][demand.location] += demand.quantity
        return waves
    location = max(sorted(_homes(demands).items()), key=lambda home: home[1])[0]
    for demand in demands:
        at_once = min(opening, demand.quantity)
        opening -= at_once
        waves[OPENING][location] += at_once
        waves[demand.wave][location] += demand.quantity - at_once
    return waves


def _waves_of(demand: LineDemand) -> dict[int, dict[str, int]]:
    """The same for an article that one line alone asks for."""
    here, other, quantity = demand.location, _other_location(demand.location), demand.quantity
    match demand.supplied:
        case Supplied.LATE:
            return {OPENING: {here: 1}, demand.wave: {here: quantity - 1}}
        case Supplied.NEVER:
            return {OPENING: {here: 1}, NEVER: {here: quantity - 1}}
        case Supplied.TWICE:
            return {OPENING: {here: quantity, other: quantity}}
        case Supplied.SPLIT:
            return {OPENING: {here: 1, other: quantity - 1}}
        case Supplied.AS_ASKED:
            return {OPENING: {here: quantity}}


def _other_location(location: str) -> str:
    """A warehouse that is not this location."""
    return next(place for place in WAREHOUSES if place != location)


def _receipts(delivery: str, of: LineDemand, quantities: dict[str, int]) -> list[Receipt]:
    return [
        Receipt(f"{delivery}-{location}", of.sku, location, quantity, of.unit)
        for location, quantity in sorted(quantities.items())
        if quantity
    ]
