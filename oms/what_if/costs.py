"""What fulfillment orders cost, as whoever asks says it: no message has any cost. Amounts in minor units of one currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.order import Distance
from services.order.sourcing_rules import Criterion

__all__ = ["Costs"]


@dataclass(frozen=True)
class Costs:
    """Of one fulfillment order: by the location that works on it, and by how far it goes. What is not named costs nothing."""

    places: Mapping[str, int] = field(default_factory=dict)
    freight: Mapping[Distance, int] = field(default_factory=dict)

    @property
    def named(self) -> bool:
        """Whether anybody said what anything costs."""
        return bool(self.places or self.freight)

    def of(self, location: str, distance: Distance) -> int:
        """What one costs."""
        return self.places.get(location, 0) + self.freight.get(distance, 0)

    def criterion(self) -> Criterion:
        """Locations compared by what a fulfillment order of theirs costs."""
        return Criterion("cost", lambda place, score: self.of(place, score.distance), "costs more than another")
