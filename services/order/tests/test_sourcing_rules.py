"""By what locations are compared, each criterion alone, and what is told to one that lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.testing import DAWN
from contracts.address import Area, ShipTo
from contracts.order import Candidate, Distance, ShipGroup, ShipMethod, SourcingDecided
from services.order.sourcing import Availability, Demanded, plan
from services.order.sourcing_rules import RULES_VERSION, UNDESCRIBED, Place, farthest
from services.order.tests.story import SHIP_TO, Story, order

TODAY = DAWN.date()
BERLIN = Area(country="DE", region="BE", postcode_prefix="120")


def chosen(north: Place, south: Place, *, area: Area | None = BERLIN, has: tuple[int, int] = (9, 9)) -> dict[str, Any]:
    """Who is chosen of two for two units of one article, and by which criterion the other lost."""
    demand = Demanded("1", "A", "each", 2, area=area)
    stock = {"A": {"north": Availability(has[0], 1, north), "south": Availability(has[1], 1, south)}}
    made = plan([demand], stock, TODAY)
    return {candidate.location: candidate.lost_by for candidate in made.candidates}


def near(**more: Any) -> Place:
    return Place(country="DE", region="BE", postcode="12099", **more)


def full(capacity: int = 3) -> Place:
    return near(daily_capacity=capacity, worked_on=TODAY, released=3)


def test_one_that_has_nothing_loses_whatever_else_is_said_for_it() -> None:
    assert chosen(near(priority=9), UNDESCRIBED, has=(0, 9)) == {"south": None, "north": "goods"}


def test_one_that_has_everything_beats_a_higher_priority() -> None:
    assert chosen(near(priority=9), UNDESCRIBED, has=(1, 2)) == {"south": None, "north": "whole"}


def test_one_that_took_all_it_takes_today_loses_to_one_that_has_room() -> None:
    assert chosen(full(), UNDESCRIBED) == {"south": None, "north": "room"}
    assert chosen(full(4), UNDESCRIBED) == {"north": None, "south": "distance"}


def test_what_it_was_given_on_another_day_leaves_a_location_its_room() -> None:
    yesterday = full()._replace(worked_on=TODAY - timedelta(days=1))
    assert (full().room(TODAY), yesterday.room(TODAY), near().room(TODAY)) == (0, 3, None)
    assert chosen(yesterday, UNDESCRIBED) == {"north": None, "south": "distance"}


def test_a_full_location_is_a_last_resort_and_not_barred() -> None:
    assert chosen(full(), UNDESCRIBED, has=(9, 0)) == {"north": None, "south": "goods"}


def test_the_higher_priority_is_asked_before_the_nearer() -> None:
    assert chosen(near(), Place(country="US", priority=1)) == {"south": None, "north": "priority"}


def test_the_nearer_is_asked_before_the_fuller() -> None:
    assert chosen(near(), Place(country="DE"), has=(2, 90)) == {"north": None, "south": "distance"}


def test_where_nobody_said_anything_the_fuller_wins_and_then_the_name() -> None:
    assert chosen(UNDESCRIBED, UNDESCRIBED, has=(2, 3)) == {"south": None, "north": "stock"}
    assert chosen(UNDESCRIBED, UNDESCRIBED) == {"north": None, "south": "name"}


@pytest.mark.parametrize(
    ("place", "distance"),
    [
        (Place(country="DE", region="BE", postcode="12 099"), Distance.POSTCODE),
        (Place(country="DE", region="be", postcode="13000"), Distance.REGION),
        (Place(country="DE"), Distance.COUNTRY),
        (UNDESCRIBED, Distance.UNKNOWN),
        (Place(country="US", postcode="12099"), Distance.ABROAD),
    ],
)
def test_distance_is_by_country_region_and_the_start_of_the_postcode(place: Place, distance: Distance) -> None:
    assert farthest(place, [BERLIN]) is distance


def test_of_several_addresses_the_farthest_counts_and_without_any_nobody_knows() -> None:
    assert farthest(near(), [BERLIN, Area(country="FR")]) is Distance.ABROAD
    assert farthest(near(), []) is Distance.UNKNOWN


def test_a_location_that_is_better_but_for_goods_collected_elsewhere_is_told_so() -> None:
    demands = [Demanded("1", "A", "each", 1, only_at="south"), Demanded("2", "B", "each", 2)]
    stock = {
        "A": {"south": Availability(1, 1, full())},
        "B": {"north": Availability(2, 1, full()), "west": Availability(1, 1)},
    }
    made = plan(demands, stock, TODAY)
    assert {part.demand.line: part.location for part in made.sourced} == {"1": "south", "2": "north"}
    assert {one.location: one.lost_by for one in made.candidates} == {"west": "unneeded", "south": None, "north": None}


def test_the_decision_of_an_order_has_the_figures_that_were_compared_and_the_version_of_the_rules() -> None:
    stock = {"A": {"north": Availability(9, 1, full()), "south": Availability(5, 1, Place(country="FR", priority=2))}}
    there = ShipTo(area=BERLIN, personal=SHIP_TO.personal)
    group = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=there)
    placed = Story(stock).tell(order(("A", 2, 1000), ship_groups=(group,)))
    (decided,) = [event for event in placed.events if isinstance(event, SourcingDecided)]
    assert decided.rules_version == RULES_VERSION
    assert decided.candidates == (
        Candidate(
            location="south",
            rank=1,
            units=2,
            chosen=True,
            lines=1,
            stock=5,
            priority=2,
            distance=Distance.ABROAD,
        ),
        Candidate(
            location="north",
            rank=2,
            units=2,
            chosen=False,
            lost_because="has been given as many fulfillment orders today as it takes; another has room",
            lost_by="room",
            lines=1,
            stock=9,
            distance=Distance.POSTCODE,
            room=0,
        ),
    )


def test_a_decision_by_the_first_rules_is_still_read() -> None:
    old = b'{"location":"north","rank":1,"units":2,"chosen":false,"lost_because":"has none of it available"}'
    assert Candidate.model_validate_json(old).lost_by is None
