"""Real orders of a span through changed policies: unchanged ones give what happened, changed ones say what differs."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import pytest

from chassis.kafka import partition_of
from chassis.log import NewRecord
from chassis.memory import MemoryLog
from chassis.testing import DAWN
from contracts import topics
from contracts.envelope import Envelope
from contracts.message import to_milliseconds
from contracts.order import (
    Bucket,
    CancelReason,
    LinesCancelled,
    OrderCancelled,
    PlaceHold,
    ReleasedToFulfillment,
    ShortagePolicy,
    SourcingDecided,
)
from contracts.topics import SERVICES
from oms.declared import declared
from oms.what_if import history as reading
from oms.what_if.comparing import WhatIf, first_field, what_if
from oms.what_if.history import TooMuch, history
from oms.what_if.outcomes import FIGURES
from oms.what_if.policies import PolicyRefused, policies_from
from oms.what_if.showing import document_of, show
from oms.what_if.world import World
from tests.simulation.world import World as Simulated
from tests.what_if.months import month

Month = tuple[Simulated, MemoryLog]
DAYS = 6
INSTALLATION = [declared(name, "") for name in SERVICES]


@cache
def of_seed(seed: int) -> Month:
    return month(seed, DAYS)


@pytest.fixture
def a_month() -> Month:
    return of_seed(1)


def run(a_month: Month, *changed: str, after: timedelta = -timedelta(days=1)) -> WhatIf:
    world, log = a_month
    return what_if(log, INSTALLATION, DAWN + after, to_milliseconds(world.now), policies_from(changed))


@pytest.mark.parametrize("after", [-timedelta(days=1), timedelta(days=2), timedelta(days=3, hours=5)])
@pytest.mark.parametrize("seed", [1, 2])
def test_unchanged_policies_give_what_happened_from_whatever_moment_on(seed: int, after: timedelta) -> None:
    found = run(of_seed(seed), after=after)
    assert found.differ == () and found.streams > 30
    assert found.happened == found.control == found.changed
    assert found.orders_changed == 0 and found.modelled == 0 and found.calls_outside == 0


def test_the_figures_are_those_of_their_formulas(a_month: Month) -> None:
    found = run(a_month).happened
    world, _ = a_month
    firsts = {name: event for name, event in reversed(world.events) if isinstance(event, SourcingDecided)}
    at_once = sum(part.quantity for one in firsts.values() for part in one.allocations if not part.queue)
    short = sum(each.quantity for one in firsts.values() for each in one.shortages)
    assert found["fill_rate"] == round(at_once / (at_once + short), 4) < 1
    lines = [event.moves for event in world.of(LinesCancelled) if event.reason is CancelReason.OUT_OF_STOCK]
    whole = [event.moves for event in world.of(OrderCancelled) if event.cause is CancelReason.OUT_OF_STOCK]
    moves = [each.quantity for moved in (*lines, *whole) for each in moved if each.target is Bucket.CANCELLED]
    assert found["units_out_of_stock"] == sum(moves) > 0
    assert found["orders_cancelled"] == len(world.of(OrderCancelled)) > 0
    assert found.keys() == FIGURES.keys()


def test_an_order_without_a_policy_of_shortage_waits_where_it_was_cancelled(a_month: Month) -> None:
    found = run(a_month, "shortage=backorder")
    assert found.changed["units_out_of_stock"] == 0 < found.happened["units_out_of_stock"]
    assert found.changed["backordered_lines"] > found.happened["backordered_lines"]
    policies = {short.policy for each in found.most for one in each.other.decisions for short in one.shortages}
    assert policies <= {ShortagePolicy.BACKORDER}


def test_a_closed_location_is_given_nothing_and_other_work_is_modelled(a_month: Month) -> None:
    found = run(a_month, "closed=south")
    before = {release.location for each in found.most for release in each.one.releases}
    after = {release.location for each in found.most for release in each.other.releases}
    assert "south" in before and "south" not in after and after
    assert found.modelled > 0 and found.orders_changed >= len(found.most) > 0
    assert [each.units for each in found.most] == sorted((each.units for each in found.most), reverse=True)


def test_modelled_work_is_done_to_its_end(a_month: Month) -> None:
    world, log = a_month
    past = history(log, INSTALLATION, DAWN - timedelta(days=1), to_milliseconds(world.now) + timedelta(days=30))
    played = World(past, INSTALLATION, policies_from(["closed=south"])).play()
    done = {
        each.event.TYPE.split(".")[2] for each in played.events if played.works_otherwise(each.service, each.stream)
    }
    assert {"FulfillmentAccepted", "Picked", "Packed", "HandedOver"} <= done
    assert {"Shipped", "Delivered"} <= {each.event.TYPE.split(".")[2] for each in played.events}
    parked = [each for each in played.events if each.event.TYPE.endswith("MessageParked.v1")]
    assert parked == []


def test_a_location_that_is_preferred_gets_more(a_month: Month) -> None:
    found = run(a_month, "priority.south=9", "ranking=priority")
    control = sum(release.location == "south" for each in found.most for release in each.one.releases)
    changed = sum(release.location == "south" for each in found.most for release in each.other.releases)
    assert changed > control


def test_what_is_kept_back_is_not_sourced_and_waits(a_month: Month) -> None:
    found = run(a_month, "safety_stock=3")
    assert found.happened == found.control
    assert found.changed["fill_rate"] < found.control["fill_rate"]
    # and of a location that keeps back all that it has nothing is taken
    south = run(a_month, "safety_stock.south=1000000")
    sourced = [part for each in south.most for one in each.other.decisions for part in one.allocations]
    assert sourced and not [part for part in sourced if part.location == "south" and not part.queue]


def test_what_is_kept_back_is_no_more_than_there_is() -> None:
    policies = policies_from(["safety_stock=2", "safety_stock.south=0"])
    seen = [policies.seen("north", available) for available in (5, 1, 0, -1)]
    assert (seen, policies.seen("south", 1)) == ([3, 0, 0, -1], 1)


def test_costs_are_those_of_what_was_given_to_whom_and_how_far_it_goes(a_month: Month) -> None:
    found = run(a_month, "cost.north=100", "cost.south=300", "freight.unknown=7")
    world, _ = a_month
    prices = {"north": 100, "south": 300}
    given = [event.location for event in world.of(ReleasedToFulfillment)]
    assert found.happened["costs"] == sum(prices.get(location, 0) + 7 for location in given) > 0
    # costs alone change nothing, and nobody counts them where nobody says any
    assert found.happened == found.control == found.changed
    assert run(a_month, "safety_stock=1").happened["costs"] is None


def test_who_costs_least_is_given_more_where_locations_are_compared_by_that(a_month: Month) -> None:
    found = run(a_month, "cost.north=500", "cost.east=500", "cost.south=100", "ranking=cost")
    assert found.changed["costs"] < found.control["costs"]
    lost = {one.lost_by for each in found.most for decided in each.other.decisions for one in decided.candidates}
    assert "cost" in lost


def test_the_same_span_and_policies_give_the_same_to_the_byte(
    a_month: Month, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = ("shortage=cancel_line", "capacity.north=1", "cancel_after=24h")
    told = []
    for _ in range(2):
        found = run(a_month, *changed)
        show(found, changed)
        told.append((document_of(found, changed), capsys.readouterr().out))
    assert told[0] == told[1]
    document, said = told[0]
    assert document["control"]["different"] == 0 and len(document["orders"]) <= 10
    assert "The control wrote all" in said and document["orders"][0]["number"] in said


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("shortage", "is not NAME=VALUE"),
        ("shortage=never", "backorder, cancel_line, cancel_order"),
        ("cancel_after=soon", "such as 72h or 5d"),
        ("ranking=luck", "whole, room, lines, units, priority, distance, stock, cost"),
        ("freight.far=1", "postcode, region, country, unknown, abroad"),
        ("cost.north=-1", "whole number"),
        ("safety_stock=some", "whole number"),
        ("colour.north=red", "there is no policy colour"),
        ("capacity.north=-1", "whole number"),
        ("colour=red", "there is no policy colour"),
    ],
)
def test_a_policy_that_nobody_knows_is_refused_with_those_that_there_are(setting: str, says: str) -> None:
    with pytest.raises(PolicyRefused, match=says):
        policies_from([setting])


def test_a_span_whose_messages_are_gone_is_refused(a_month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    _, log = a_month
    inbox, bounds = topics.inbox("order"), log.bounds
    kept = [log.read((inbox, number), 0, 100)[0][5].offset for number in range(log.partitions(inbox))]
    monkeypatch.setattr(
        log,
        "bounds",
        lambda topic, number: (kept[number], bounds(topic, number)[1]) if topic == inbox else bounds(topic, number),
    )
    with pytest.raises(TooMuch, match=r"choose a later --since"):
        run(a_month)


def test_a_span_that_memory_is_not_meant_for_is_refused(a_month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RECORDS_MAX", 100)
    with pytest.raises(TooMuch, match="more than 100 records"):
        run(a_month)


def test_a_message_that_nobody_can_read_is_parked_as_it_was_and_ends_no_run() -> None:
    world, log = month(1, DAYS)
    taken = next(
        one.letter for one in world.handled if one.letter.service == "order" and is_of_door(one.letter.envelope)
    )
    unread = taken.envelope._replace(id="019f0000-0000-5000-8000-000000000001", type=PlaceHold.TYPE)
    inbox, key = topics.inbox("order"), taken.stream.encode()
    producer = log.producer("a door")
    producer.begin()
    producer.send([NewRecord(inbox, partition_of(key, log.partitions(inbox)), key, b"no", unread.headers())])
    producer.commit()
    found = run((world, log))
    assert found.happened == found.control


def is_of_door(envelope: Envelope) -> bool:
    return envelope.source.startswith("/door/")


def test_the_first_field_that_differs_is_named() -> None:
    one = {"a": [{"b": 1, "offset": 7}], "c": 2}
    assert first_field(one, {"a": [{"b": 1, "offset": 9}], "c": 2}) == ("a[0].offset", 7, 9)
    assert first_field(one, {"a": [{"b": 1, "offset": 9}], "c": 2}, {"offset"}) is None
    assert first_field(one, {"a": [{"offset": 9, "b": 3}], "c": 2}, {"offset"}) == ("a[0].b", 1, 3)
    assert first_field(one, {"a": [], "c": 2}) == ("a", one["a"], [])
