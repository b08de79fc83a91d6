"""Our own carrier: which services it has, which zone an address lies in, and what its weight bands are.

Pure tables behind the port of carrier.py. What it charges comes with the rates.
"""

from __future__ import annotations

from collections.abc import Sequence

from contracts.address import Area
from contracts.shipping import ShipmentRefusal
from services.shipping.carrier import OUR_WORDS, Declined, Quote

__all__ = ["OWN_FLEET"]

STANDARD, EXPRESS = "standard", "express"

WEIGHT_BANDS_GRAMS = (
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    31_500,
    70_000,
    300_000,
    1_000_000,
)
"""Upper edges; a package is billed by the first that holds it. Above 31.5 kg it travels on a pallet."""

WEIGHT_MAX_GRAMS = {STANDARD: 1_000_000, EXPRESS: 31_500}
"""The heaviest package of each service."""

ZONES = {
    "same_area": (STANDARD, EXPRESS),
    "same_region": (STANDARD, EXPRESS),
    "domestic": (STANDARD, EXPRESS),
    "international": (STANDARD,),
}
"""The zones, and which services run there."""


class OwnFleet:
    """Drivers and vans of our own: a package is followed by its SSCC, and drivers report in our words."""

    name = "own-fleet"
    services = WEIGHT_MAX_GRAMS
    statuses = OUR_WORDS

    def quote(
        self, service_level: str | None, origin: Area | None, ship_to: Area, weights_grams: Sequence[int]
    ) -> Quote | Declined:
        """See Carrier.quote; no wish for a service means standard."""
        service, zone = service_level or STANDARD, _zone(origin, ship_to)
        if service not in ZONES[zone]:
            return Declined(ShipmentRefusal.NO_SERVICE, f"{self.name} has no service {service} to where this goes")
        limit, heaviest = WEIGHT_MAX_GRAMS[service], max(weights_grams)
        if heaviest > limit:
            said = f"{self.name} takes {limit} g by {service}, and a package has {heaviest} g"
            return Declined(ShipmentRefusal.TOO_HEAVY, said)
        return Quote(service, zone)

    def billed_grams(self, weight_grams: int) -> int:
        """The upper edge of the band that holds the package; one above the last band is billed as it is."""
        return next((edge for edge in WEIGHT_BANDS_GRAMS if weight_grams <= edge), weight_grams)

    def tracking_number(self, sscc: str) -> str:
        """See Carrier.tracking_number."""
        return sscc


OWN_FLEET = OwnFleet()


def _zone(origin: Area | None, ship_to: Area) -> str:
    """Without an origin the fleet starts in the country of the ship-to."""
    if origin is None:
        return "domestic"
    if origin.country != ship_to.country:
        return "international"
    if origin.postcode_prefix and origin.postcode_prefix == ship_to.postcode_prefix:
        return "same_area"
    same_region = origin.region is not None and origin.region == ship_to.region
    return "same_region" if same_region else "domestic"
