"""What every carrier does that shipments go with, and one made up that words, numbers and weighs unlike ours.

A carrier to come adds its bench here: a route for each of its services.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.address import Area
from contracts.shipping import ShipmentRefusal, TrackingStatus
from services.shipping.carrier import Carrier, Declined, Quote
from services.shipping.carriers import CARRIERS
from services.shipping.own_fleet import OWN_FLEET
from services.shipping.shipment import FATES
from services.shipping.sscc import COMPANY_PREFIX, sscc

TRACKING_NUMBER_LENGTH_MAX = 35
"""What fits on a line of the papers, in a mail and into a channel's field."""

Route = tuple[Area | None, Area]
BERLIN, HAMBURG = Area(country="DE", region="BE"), Area(country="DE", region="HH")


class Bicycles:
    """A courier within one region: four words of its own, numbers with letters, and weights by the started kilogram."""

    name = "bicycles"
    services: Mapping[str, int] = {"today": 8_000}
    statuses: Mapping[str, TrackingStatus] = {
        "auf dem Rad": TrackingStatus.OUT_FOR_DELIVERY,
        "abgegeben": TrackingStatus.DELIVERED,
        "zurück": TrackingStatus.RETURN_TO_SENDER,
        "verschwunden": TrackingStatus.LOST,
    }

    def quote(
        self, service_level: str | None, origin: Area | None, ship_to: Area, weights_grams: Sequence[int]
    ) -> Quote | Declined:
        service = service_level or "today"
        if service not in self.services or origin is None or origin.region != ship_to.region:
            return Declined(ShipmentRefusal.NO_SERVICE, f"bicycles do not ride {service} to there")
        if max(weights_grams) > 8_000:
            said = f"bicycles take 8000 g by {service}, and a package has {max(weights_grams)} g"
            return Declined(ShipmentRefusal.TOO_HEAVY, said)
        return Quote(service, "town")

    def billed_grams(self, weight_grams: int) -> int:
        return -(-weight_grams // 1_000) * 1_000

    def tracking_number(self, sscc: str) -> str:
        return f"BIKE-{sscc[:-1]}"


@dataclass(frozen=True)
class Bench:
    """A carrier, and for each of its services a route on which it runs."""

    carrier: Carrier
    routes: Mapping[str, Route]

    def quote(self, service: str, *weights_grams: int) -> Quote | Declined:
        return self.carrier.quote(service, *self.routes[service], weights_grams)


BENCHES = {
    bench.carrier.name: bench
    for bench in (
        Bench(OWN_FLEET, {"standard": (BERLIN, Area(country="FR")), "express": (BERLIN, HAMBURG)}),
        Bench(Bicycles(), {"today": (BERLIN, BERLIN)}),
    )
}
SERVICES = [(bench, service) for bench in BENCHES.values() for service in bench.carrier.services]

every_carrier = pytest.mark.parametrize("bench", BENCHES.values(), ids=BENCHES.keys())
every_service = pytest.mark.parametrize(
    ("bench", "service"), SERVICES, ids=[f"{bench.carrier.name} {service}" for bench, service in SERVICES]
)

areas = st.builds(
    Area,
    country=st.sampled_from(["DE", "FR", "US"]),
    region=st.sampled_from([None, "BE", "HH"]),
    postcode_prefix=st.sampled_from([None, "10", "20"]),
)
weights = st.integers(1, 2_000_000)
numbers = st.integers(0, 10**10 - 1)


def test_every_carrier_that_shipments_go_with_is_examined_under_its_own_name() -> None:
    assert CARRIERS.keys() <= BENCHES.keys()
    assert [name for name, carrier in CARRIERS.items() if BENCHES[name].carrier is not carrier] == []


# Services and quotes


@every_carrier
def test_a_route_is_known_for_each_service_and_for_no_other(bench: Bench) -> None:
    assert bench.routes.keys() == bench.carrier.services.keys() != set()


@every_service
def test_a_service_that_is_wished_for_is_the_one_offered_in_a_zone_with_a_name(bench: Bench, service: str) -> None:
    offer = bench.quote(service, 1)
    assert isinstance(offer, Quote)
    assert offer.service == service and offer.zone


@every_service
def test_without_a_wish_it_chooses_one_of_its_services(bench: Bench, service: str) -> None:
    offer = bench.carrier.quote(None, *bench.routes[service], [1])
    assert isinstance(offer, Quote) and offer.service in bench.carrier.services


@every_service
def test_its_heaviest_package_is_taken_and_a_gram_more_is_not(bench: Bench, service: str) -> None:
    limit = bench.carrier.services[service]
    assert isinstance(bench.quote(service, limit, 1, limit), Quote)
    declined = bench.quote(service, 1, limit + 1, 1)
    assert isinstance(declined, Declined) and declined.reason is ShipmentRefusal.TOO_HEAVY
    assert f"{limit} g" in declined.detail and f"{limit + 1} g" in declined.detail


@every_service
def test_the_zone_follows_from_the_route_and_not_from_the_weight(bench: Bench, service: str) -> None:
    assert bench.quote(service, 1) == bench.quote(service, bench.carrier.services[service])


@every_service
def test_a_service_that_it_has_not_is_declined_by_name(bench: Bench, service: str) -> None:
    declined = bench.carrier.quote("by-balloon", *bench.routes[service], [1])
    assert isinstance(declined, Declined) and declined.reason is ShipmentRefusal.NO_SERVICE
    assert "by-balloon" in declined.detail


@every_carrier
@given(data=st.data(), origin=st.none() | areas, ship_to=areas, packages=st.lists(weights, min_size=1, max_size=5))
def test_whatever_is_asked_there_is_one_answer_and_it_says_why_not(
    bench: Bench, data: st.DataObject, origin: Area | None, ship_to: Area, packages: list[int]
) -> None:
    wish = data.draw(st.sampled_from([None, "by-balloon", *bench.carrier.services]))
    answer = bench.carrier.quote(wish, origin, ship_to, packages)
    assert answer == bench.carrier.quote(wish, origin, ship_to, packages[::-1]), "the order of packages says nothing"
    if isinstance(answer, Quote):
        assert answer.zone and answer.service == (wish or answer.service)
        assert max(packages) <= bench.carrier.services[answer.service]
    else:
        assert answer.reason in (ShipmentRefusal.NO_SERVICE, ShipmentRefusal.TOO_HEAVY)
        assert bench.carrier.name in answer.detail


# Weights, numbers and words


@every_carrier
@given(one=weights, other=weights)
def test_a_package_is_billed_by_no_less_than_it_weighs_and_a_heavier_one_by_no_less(
    bench: Bench, one: int, other: int
) -> None:
    light, heavy = (bench.carrier.billed_grams(weight) for weight in sorted((one, other)))
    assert min(one, other) <= light <= heavy


@every_carrier
@given(number=numbers, apart=st.integers(0, 100))
def test_a_tracking_number_names_one_package_and_can_be_typed(bench: Bench, number: int, apart: int) -> None:
    codes = (sscc(COMPANY_PREFIX, number), sscc(COMPANY_PREFIX, number + apart))
    first, second = (bench.carrier.tracking_number(code) for code in codes)
    assert (first == second) == (apart == 0)
    assert first.isascii() and first.isprintable() and " " not in first
    assert 0 < len(first) <= TRACKING_NUMBER_LENGTH_MAX


@every_carrier
def test_its_words_have_meanings_of_ours_and_say_whatever_may_become_of_a_package(bench: Bench) -> None:
    assert all(word == word.strip() != "" for word in bench.carrier.statuses)
    assert FATES.keys() <= set(bench.carrier.statuses.values())
