"""Our own carrier: which services it has, which zone an address lies in, and what its weight bands are.

Pure tables; a carrier outside is a port with a worker behind it. What it charges comes with the rates.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.address import Area
from contracts.shipping import ShipmentRefusal

__all__ = ["CARRIER", "Quote", "quote", "weight_band", "why_not"]

CARRIER = "own-fleet"

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


@dataclass(frozen=True, slots=True)
class Quote:
    """The service that will be used, and the zone that the ship-to lies in."""

    service: str
    zone: str


def quote(
    service_level: str | None,
    origin: Area | None,
    ship_to: Area,
    weights_grams: list[int],
) -> Quote | ShipmentRefusal:
    """What the fleet offers for these packages, or why it does not; no wish for a service means standard."""
    service, zone = service_level or STANDARD, _zone(origin, ship_to)
    if service not in ZONES[zone]:
        return ShipmentRefusal.NO_SERVICE
    if max(weights_grams) > WEIGHT_MAX_GRAMS[service]:
        return ShipmentRefusal.TOO_HEAVY
    return Quote(service, zone)


def why_not(refusal: ShipmentRefusal, service_level: str | None, weights_grams: list[int]) -> str:
    """A refusal of `quote` in words."""
    service = service_level or STANDARD
    if refusal is ShipmentRefusal.TOO_HEAVY:
        return f"{CARRIER} takes {WEIGHT_MAX_GRAMS[service]} g by {service}, and a package has {max(weights_grams)} g"
    return f"{CARRIER} has no service {service} to where this goes"


def weight_band(weight_grams: int) -> int:
    """The upper edge (grams) of the band that a package is billed by; one above the last band is billed as it is."""
    return next((edge for edge in WEIGHT_BANDS_GRAMS if weight_grams <= edge), weight_grams)


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
