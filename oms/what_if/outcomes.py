"""What became of the orders of a span: of each what was decided and done, and of all of them the figures that runs are
compared by. docs/what-if.md has the formulas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from contracts.order import (
    Bucket,
    CancelReason,
    Distance,
    LinesCancelled,
    OrderCancelled,
    OrderPlaced,
    ReleasedToFulfillment,
    SourcingDecided,
)
from oms.what_if.costs import Costs
from oms.what_if.history import Happened

__all__ = ["CHANGED_MAX", "FIGURES", "Changed", "Outcome", "changed_most", "figures", "outcomes"]

CHANGED_MAX = 10
"""Orders that are told of."""


@dataclass
class Outcome:
    """What became of an order that was placed in the span. Units are those of its lines in their base units."""

    order: str
    number: str = ""
    external_id: str = ""
    decisions: list[SourcingDecided] = field(default_factory=list)
    releases: list[ReleasedToFulfillment] = field(default_factory=list)
    out_of_stock: int = 0
    cancelled: bool = False

    @property
    def asked(self) -> int:
        """Units of the first decision: those that it provides at once, and those that nobody had."""
        if not self.decisions:
            return 0
        return self.at_once + sum(short.quantity for short in self.decisions[0].shortages)

    @property
    def at_once(self) -> int:
        """Units that the first decision provides at once."""
        return sum(part.quantity for part in self.decisions[0].allocations if not part.queue) if self.decisions else 0

    @property
    def waiting_lines(self) -> frozenset[str]:
        """Lines of which something had to wait, by any decision."""
        return frozenset(part.line for decided in self.decisions for part in decided.allocations if part.queue)

    @property
    def locations(self) -> frozenset[str]:
        """Locations that were given work."""
        return frozenset(release.location for release in self.releases)

    def distances(self) -> Counter[str]:
        """Units that were provided at once, by how far their location is."""
        found: Counter[str] = Counter()
        for decided in self.decisions:
            known = {each.location: each.distance or Distance.UNKNOWN for each in decided.candidates}
            for part in decided.allocations:
                if not part.queue:
                    found[known.get(part.location, Distance.UNKNOWN)] += part.quantity
        return found

    def costs(self, by: Costs) -> int:
        """What its fulfillment orders cost, in minor units; one whose way no decision tells goes an unknown distance."""
        known = {each.location: each.distance for decided in self.decisions for each in decided.candidates}
        ways = ((release.location, known.get(release.location) or Distance.UNKNOWN) for release in self.releases)
        return sum(by.of(location, distance) for location, distance in ways)

    def sourced(self) -> Counter[tuple[str, str, bool]]:
        """Units by line, location and whether they waited, over all decisions."""
        found: Counter[tuple[str, str, bool]] = Counter()
        for decided in self.decisions:
            for part in decided.allocations:
                found[part.line, part.location, part.queue] += part.quantity
        return found


@dataclass(frozen=True)
class Changed:
    """An order whose outcome is another one: units that are sourced or cancelled otherwise, and both outcomes."""

    units: int
    one: Outcome
    other: Outcome


def outcomes(events: Iterable[Happened]) -> dict[str, Outcome]:
    """Of the orders that were placed among these events, by their streams."""
    found: dict[str, Outcome] = {}
    for happened in events:
        if happened.service != "order":
            continue
        event = happened.event
        if isinstance(event, OrderPlaced):
            found[happened.stream] = Outcome(happened.stream, event.number, event.external_id)
        elif happened.stream in found:
            _note(found[happened.stream], event)
    return found


def _note(outcome: Outcome, event: Any) -> None:
    match event:
        case SourcingDecided():
            outcome.decisions.append(event)
        case ReleasedToFulfillment():
            outcome.releases.append(event)
        case LinesCancelled() if event.reason is CancelReason.OUT_OF_STOCK:
            outcome.out_of_stock += _cancelled_units(event)
        case OrderCancelled():
            outcome.cancelled = True
            if event.cause is CancelReason.OUT_OF_STOCK:
                outcome.out_of_stock += _cancelled_units(event)


def _cancelled_units(event: LinesCancelled | OrderCancelled) -> int:
    return sum(move.quantity for move in event.moves if move.target is Bucket.CANCELLED)


def figures(of: Mapping[str, Outcome], costs: Costs) -> dict[str, Any]:
    """The figures by their names, by these costs. A share of nothing is None, and so are costs of which nobody said any;
    shares are rounded to four digits."""
    every = list(of.values())
    decided = [each for each in every if each.decisions]
    released = [each for each in every if each.releases]
    distances: Counter[str] = Counter()
    for each in every:
        distances.update(each.distances())
    return {
        "orders": len(every),
        "fill_rate": _share(sum(each.at_once for each in decided), sum(each.asked for each in decided)),
        "split_rate": _share(sum(len(each.locations) > 1 for each in released), len(released)),
        "backordered_lines": sum(len(each.waiting_lines) for each in every),
        "units_out_of_stock": sum(each.out_of_stock for each in every),
        "orders_cancelled": sum(each.cancelled for each in every),
        "fulfillment_orders_per_order": _share(sum(len(each.releases) for each in released), len(released)),
        **{f"units_{distance.value}": distances[distance] for distance in Distance},
        "costs": sum(each.costs(costs) for each in released) if costs.named else None,
    }


FIGURES: Mapping[str, str] = {
    "orders": "orders placed in the span",
    "fill_rate": "units provided at once / units asked for, by each order's first decision",
    "split_rate": "orders whose work went to more than one location / orders whose work went to any",
    "backordered_lines": "lines of which something had to wait",
    "units_out_of_stock": "units cancelled because nobody had them",
    "orders_cancelled": "orders cancelled whole, for any reason",
    "fulfillment_orders_per_order": "fulfillment orders / orders that have any",
    **{f"units_{distance.value}": f"units provided at once, from: {distance.value}" for distance in Distance},
    "costs": "of all fulfillment orders, as cost.LOCATION and freight.DISTANCE say; minor units",
}


def _share(part: int, whole: int) -> float | None:
    return None if not whole else float(round(Fraction(part, whole), 4))


def changed_most(one: Mapping[str, Outcome], other: Mapping[str, Outcome]) -> Sequence[Changed]:
    """The orders whose outcome differs, those first of which most units do; then by number."""
    found = []
    for stream in sorted(one.keys() | other.keys()):
        before, after = one.get(stream, Outcome(stream)), other.get(stream, Outcome(stream))
        sourced, otherwise = before.sourced(), after.sourced()
        units = max((sourced - otherwise).total(), (otherwise - sourced).total())
        units += abs(before.out_of_stock - after.out_of_stock)
        if units or before.cancelled is not after.cancelled:
            found.append(Changed(units, before, after))
    return sorted(found, key=lambda each: (-each.units, each.one.number, each.one.order))
