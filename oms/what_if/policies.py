"""The policies that a what-if run may change, each by a name and a value, and what each does to what comes in or to what
sourcing sees. What is not named stays as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from contracts.message import Message
from contracts.order import Distance, PlaceOrder, ShortagePolicy
from oms.what_if.costs import Costs
from services.order.sourcing_rules import RULES, Criterion, Place

__all__ = ["NAMES", "Policies", "PolicyRefused", "policies_from"]

NAMES: Mapping[str, str] = {
    "shortage": "what becomes of units that nobody has, of every order and line: backorder, cancel_line, cancel_order",
    "cancel_after": "an order's last moment, counted from when the channel took it: hours (72h) or days (5d)",
    "ranking": "criteria that locations are compared by first, best first: such as distance,priority or cost",
    "priority.LOCATION": "a location's priority; higher is better",
    "capacity.LOCATION": "fulfillment orders a day that a location takes before it is asked last",
    "closed": "locations that sourcing does not see: such as berlin,bonn",
    "safety_stock": "units of each article that every location keeps back from sourcing",
    "safety_stock.LOCATION": "the same of one location",
    "cost.LOCATION": "what a fulfillment order of a location costs, in minor units",
    "freight.DISTANCE": f"what one costs beside that by how far it goes: {', '.join(Distance)}",
}

_SPAN = re.compile(r"(\d{1,5})([hd])")


class PolicyRefused(ValueError):
    """No such policy, or no such value of it; the text says which there are."""


@dataclass(frozen=True)
class Policies:
    """What is changed; nothing by default."""

    shortage: ShortagePolicy | None = None
    cancel_after: timedelta | None = None
    ranking: tuple[str, ...] = ()
    places: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()
    kept_back: int = 0
    kept_back_at: Mapping[str, int] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)

    def incoming(self, message: Message) -> Message:
        """A message from outside as it would have come."""
        if not isinstance(message, PlaceOrder):
            return message
        changed: dict[str, Any] = {}
        lines: dict[str, Any] = {}
        if self.shortage is not None:
            changed["shortage"], lines["shortage"] = self.shortage, None
        if self.cancel_after is not None:
            changed["cancel_after"], lines["cancel_after"] = message.placed_at + self.cancel_after, None
        if not changed:
            return message
        changed["lines"] = tuple(line.model_copy(update=lines) for line in message.lines)
        return message.model_copy(update=changed)

    def place(self, location: str, known: Place) -> Place:
        """A location as it would have been described."""
        return known._replace(**self.places.get(location, {}))

    def seen(self, location: str, available: int) -> int:
        """What sourcing sees of so many units that a location has available: less what it keeps back, if it has as much."""
        return available - min(max(0, available), self.kept_back_at.get(location, self.kept_back))

    def criteria(self) -> tuple[Criterion, ...]:
        """What locations are compared by: those that are named first, in this order, the others after them as they are. Who
        has nothing of it is always last."""
        known = {rule.name: rule for rule in RULES}
        order = dict.fromkeys(["goods", *self.ranking, *known])
        return tuple(known.get(name) or self.costs.criterion() for name in order)


def policies_from(settings: Sequence[str]) -> Policies:
    """The policies of `name=value` texts. Raises PolicyRefused."""
    made = Policies()
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not value:
            raise PolicyRefused(f"{setting!r} is not NAME=VALUE, such as shortage=cancel_line")
        made = _with(made, name, value)
    return made


def _with(made: Policies, name: str, value: str) -> Policies:
    kind, dot, of = name.partition(".")
    if dot and of and (changed := _of_one(made, kind, of, name, value)) is not None:
        return changed
    match name:
        case "safety_stock":
            return replace(made, kept_back=_number(name, value))
        case "shortage":
            return replace(made, shortage=_shortage(value))
        case "cancel_after":
            return replace(made, cancel_after=_span(value))
        case "ranking":
            return replace(made, ranking=_ranking(value))
        case "closed":
            return replace(made, closed=frozenset(value.split(",")))
        case _:
            raise PolicyRefused(f"there is no policy {name}; there are {', '.join(NAMES)}")


def _of_one(made: Policies, kind: str, of: str, name: str, value: str) -> Policies | None:
    """A policy of one location or distance; None where there is none of that kind."""
    match kind:
        case "priority" | "capacity":
            column = {"priority": "priority", "capacity": "daily_capacity"}[kind]
            places = {**made.places, of: {**made.places.get(of, {}), column: _number(name, value)}}
            return replace(made, places=places)
        case "safety_stock":
            return replace(made, kept_back_at={**made.kept_back_at, of: _number(name, value)})
        case "cost":
            places_cost = {**made.costs.places, of: _number(name, value)}
            return replace(made, costs=replace(made.costs, places=places_cost))
        case "freight":
            freight = {**made.costs.freight, _distance(of): _number(name, value)}
            return replace(made, costs=replace(made.costs, freight=freight))
    return None


def _distance(name: str) -> Distance:
    if name not in set(Distance):
        raise PolicyRefused(f"freight is of one of {', '.join(Distance)}, and not of {name!r}")
    return Distance(name)


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise PolicyRefused(f"{name} is a whole number, such as 2, and not {value!r}")
    return int(value)


def _shortage(value: str) -> ShortagePolicy:
    if value not in set(ShortagePolicy):
        raise PolicyRefused(f"shortage is one of {', '.join(ShortagePolicy)}, and not {value!r}")
    return ShortagePolicy(value)


def _span(value: str) -> timedelta:
    found = _SPAN.fullmatch(value)
    if found is None:
        raise PolicyRefused(f"cancel_after is hours or days, such as 72h or 5d, and not {value!r}")
    return timedelta(hours=int(found[1])) if found[2] == "h" else timedelta(days=int(found[1]))


def _ranking(value: str) -> tuple[str, ...]:
    named = value.split(",")
    movable = [*(rule.name for rule in RULES if rule.name not in ("goods", "name")), "cost"]
    for name in named:
        if name not in movable:
            raise PolicyRefused(f"ranking names criteria of {', '.join(movable)}, and not {name!r}")
    return tuple(named)
