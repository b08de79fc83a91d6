"""The tables of our own carrier; what it has in common with others is in tests/conformance/test_carrier.py."""

from __future__ import annotations

import pytest

from contracts.address import Area
from contracts.shipping import ShipmentRefusal
from services.shipping.carrier import Declined, Quote
from services.shipping.own_fleet import OWN_FLEET


@pytest.mark.parametrize(
    ("origin", "ship_to", "zone"),
    [
        (None, Area(country="DE"), "domestic"),
        (Area(country="DE", postcode_prefix="10"), Area(country="DE", postcode_prefix="10"), "same_area"),
        (Area(country="DE", region="BE"), Area(country="DE", region="BE"), "same_region"),
        (Area(country="DE", region="BE"), Area(country="DE", region="HH"), "domestic"),
        (Area(country="DE"), Area(country="FR"), "international"),
    ],
)
def test_zones(origin: Area | None, ship_to: Area, zone: str) -> None:
    assert OWN_FLEET.quote(None, origin, ship_to, [500]) == Quote("standard", zone)


def test_express_stays_in_the_country_and_is_light() -> None:
    germany, france = Area(country="DE"), Area(country="FR")
    assert OWN_FLEET.quote("express", germany, germany, [500]) == Quote("express", "domestic")
    abroad = OWN_FLEET.quote("express", germany, france, [500])
    heavy = OWN_FLEET.quote("express", germany, germany, [500, 40_000])
    assert isinstance(abroad, Declined) and abroad.reason is ShipmentRefusal.NO_SERVICE
    assert isinstance(heavy, Declined) and heavy.reason is ShipmentRefusal.TOO_HEAVY


@pytest.mark.parametrize(("weight", "band"), [(1, 500), (500, 500), (501, 1_000), (1_000_001, 1_000_001)])
def test_a_weight_is_billed_by_the_first_band_that_holds_it(weight: int, band: int) -> None:
    assert OWN_FLEET.billed_grams(weight) == band
