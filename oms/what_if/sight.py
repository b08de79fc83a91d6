"""What sourcing sees: available stock, kits, locations and the work that each was given, made of the same events as the
tables of the order service, and without their delay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import date, datetime
from typing import Any

from contracts.inventory import ItemDescribed, KitComponent, LocationDescribed
from contracts.message import CATALOGUE, Message
from contracts.order import ReleasedToFulfillment
from oms.what_if.policies import Policies
from services.order.kits import Kit, is_kit_key, kit_key
from services.order.sourcing import Availability
from services.order.sourcing_rules import UNDESCRIBED, Place

__all__ = ["Sight"]

_SEEN = frozenset(
    name
    for name, model in CATALOGUE.items()
    if model in (LocationDescribed, ItemDescribed, ReleasedToFulfillment) or "levels" in model.model_fields
)


class Sight:
    """Filled by `note`; asked by `fetch`, through the policies of a run."""

    def __init__(self) -> None:
        self._available: dict[str, dict[str, int]] = {}
        self._places: dict[str, Place] = {}
        self._kits: dict[str, Sequence[KitComponent]] = {}
        self._work: Counter[tuple[str, date]] = Counter()
        self._worked_on: dict[str, date] = {}

    def copied(self) -> Sight:
        """As it is now, for one run."""
        return deepcopy(self)

    @staticmethod
    def sees(kind: str) -> bool:
        """Whether events of this type change what is seen."""
        return kind in _SEEN

    def note(self, at: datetime, event: Message) -> None:
        """An event that was recorded `at` a moment; those of one stream in order."""
        match event:
            case LocationDescribed():
                where = event.address
                address = (None, None, None) if where is None else (where.country, where.region, where.postcode)
                self._places[event.location] = Place(event.priority, event.daily_capacity, *address)
            case ItemDescribed() if event.components:
                self._kits[event.sku] = event.components
            case ItemDescribed():
                self._kits.pop(event.sku, None)
            case ReleasedToFulfillment():
                self._work[event.location, at.date()] += 1
                self._worked_on[event.location] = max(at.date(), self._worked_on.get(event.location, at.date()))
        for level in getattr(event, "levels", ()):
            self._available.setdefault(str(getattr(event, "sku", None)), {})[level.location] = level.available

    def fetch(self, keys: Sequence[str], policies: Policies) -> Mapping[str, Any]:
        """What sourcing's loader answers (services/order/projections.py). Of other services' keys nothing."""
        found: dict[str, Any] = {}
        for key in keys:
            if is_kit_key(key):
                parts = self._kits.get(key.removeprefix(kit_key("")))
                if parts is not None:
                    found[key] = Kit(parts, {part.sku: self._at(part.sku, policies) for part in parts})
            else:
                found[key] = self._at(key, policies)
        return found

    def _at(self, sku: str, policies: Policies) -> dict[str, Availability]:
        """By location. An offset is not known here: it is 0."""
        return {
            location: Availability(policies.seen(location, available), 0, self._place(location, policies))
            for location, available in sorted(self._available.get(sku, {}).items())
            if location not in policies.closed
        }

    def _place(self, location: str, policies: Policies) -> Place:
        known = self._places.get(location, UNDESCRIBED)
        day = self._worked_on.get(location)
        if day is not None:
            known = known._replace(worked_on=day, released=self._work[location, day])
        return policies.place(location, known)
