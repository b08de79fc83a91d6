"""The whole installation at one moment, counted and summed from the topics: what the services' own streams say then."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from chassis.testing import DAWN
from contracts.message import CATALOGUE, to_milliseconds
from contracts.topics import SERVICES
from oms import past
from oms.at import everything_at
from oms.declared import declared
from oms.past import TooManyStreams
from oms.what_if import history as history_module
from oms.what_if.history import history
from services.order.order import status
from tests.simulation.world import World
from tests.what_if.months import month

INSTALLATION = [declared(name, "") for name in SERVICES]


def test_at_the_end_it_is_what_all_streams_say() -> None:
    world, log = month(1, 6)
    found = everything_at(log, INSTALLATION, to_milliseconds(world.now))
    orders = Counter(str(status(view.order)) for view in world.views("order", "order").values())
    assert found["orders"] == dict(orders) and sum(orders.values()) > 5
    for kind, service in (("fulfillment_order", "fulfillment"), ("shipment", "shipping"), ("return", "fulfillment")):
        stages = Counter(str(view.stage) for view in world.views(service, kind).values())
        assert found["returns" if kind == "return" else f"{kind}s"] == dict(stages)
    for place, sums in found["stock"].items():
        shelves = [item.shelves[place] for item in world.views("inventory", "stock_item").values()]
        assert sums["on_hand"] == sum(shelf.level(place).on_hand for shelf in shelves)
        assert sums["available"] == sum(shelf.level(place).available for shelf in shelves)
    payments = [view for view in world.views("payments", "payment").values() if view.authorized or view.started]
    assert found["payments"]["EUR"]["payments"] == len(payments)
    assert found["payments"]["EUR"]["captured"] == sum(view.captured for view in payments)


@pytest.mark.parametrize("hours", [1, 30, 80])
def test_before_that_nothing_that_was_recorded_later_is_in_it(hours: int) -> None:
    world, log = month(2, 6)
    moment = DAWN + timedelta(hours=hours)
    found = everything_at(log, INSTALLATION, moment)
    events = [each.envelope for _, emitted in world.written for each in emitted]
    placed = sum(each.type.endswith("OrderPlaced.v1") and each.time <= moment for each in events)
    assert sum(found["orders"].values()) == placed
    assert placed < sum(each.type.endswith("OrderPlaced.v1") for each in events)
    assert _units(found) == _units_then(world, moment)


def test_more_streams_than_memory_is_meant_for_are_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a log with more streams than may be held, in all services together
    world, log = month(1, 6)
    held = sum(len(world.views(service.name, kind)) for service in INSTALLATION for kind in service.by_kind)
    monkeypatch.setattr(past, "STREAMS_MAX", held - 1)
    monkeypatch.setattr(history_module, "STREAMS_MAX", held - 1)
    moment = to_milliseconds(world.now)
    # when they are asked for, or played from there, then it is said how many that is, and what to ask instead
    with pytest.raises(TooManyStreams, match="oms numbers"):
        everything_at(log, INSTALLATION, moment)
    with pytest.raises(TooManyStreams, match=f"{held - 1:,}"):
        history(log, INSTALLATION, moment, moment)
    # and one more may be
    monkeypatch.setattr(past, "STREAMS_MAX", held)
    assert everything_at(log, INSTALLATION, moment)["orders"]


def _units(found: dict[str, dict[str, dict[str, int]]]) -> dict[str, int]:
    return {place: sums["on_hand"] for place, sums in found["stock"].items()}


def _units_then(world: World, moment: datetime) -> dict[str, int]:
    """On hand by location, as the last levels that were told by then say."""
    last: dict[tuple[str, str], int] = {}
    for _, emitted in world.written:
        for each in emitted:
            if each.envelope.time <= moment:
                event = CATALOGUE[each.envelope.type].decode(each.value)
                for level in getattr(event, "levels", ()):
                    last[str(getattr(event, "sku", "")), level.location] = level.on_hand
    found: Counter[str] = Counter()
    for (_, place), units in last.items():
        found[place] += units
    return dict(sorted(found.items()))
