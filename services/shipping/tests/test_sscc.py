"""The number on a package, and the tables of our own carrier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.address import Area
from contracts.shipping import ShipmentRefusal
from services.shipping.own_fleet import Quote, quote, weight_band
from services.shipping.sscc import check_digit, series_size, sscc


def test_the_check_digit_is_that_of_the_published_example() -> None:
    assert check_digit("37610425002123456") == 9


@given(st.integers(0, 10**10 - 1))
def test_a_code_has_18_digits_and_names_its_number_alone(number: int) -> None:
    code = sscc("9521234", number)
    assert len(code) == 18 and code.isdigit() and code[1:8] == "9521234"
    assert int(code[0] + code[8:17]) == number
    weights = [3, 1] * 9
    assert sum(int(digit) * weight for digit, weight in zip(code, weights, strict=True)) % 10 == 0


def test_numbers_come_again_only_after_the_whole_series() -> None:
    assert sscc("9521234", series_size("9521234")) == sscc("9521234", 0)


@pytest.mark.parametrize("prefix", ["", "123", "1234567890123", "95A1234"])
def test_what_is_no_company_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="company prefix"):
        sscc(prefix, 0)


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
    assert quote(None, origin, ship_to, [500]) == Quote("standard", zone)


def test_express_stays_in_the_country_and_is_light() -> None:
    germany, france = Area(country="DE"), Area(country="FR")
    assert quote("express", germany, germany, [500]) == Quote("express", "domestic")
    assert quote("express", germany, france, [500]) is ShipmentRefusal.NO_SERVICE
    assert quote("express", germany, germany, [40_000]) is ShipmentRefusal.TOO_HEAVY


@pytest.mark.parametrize(("weight", "band"), [(1, 500), (500, 500), (501, 1_000), (1_000_001, 1_000_001)])
def test_a_weight_is_billed_by_the_first_band_that_holds_it(weight: int, band: int) -> None:
    assert weight_band(weight) == band
