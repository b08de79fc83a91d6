"""The object-centric log has every exported event once, with the things that it touched, in the form of OCEL 2.0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.fulfillment import FulfillmentOrderCreated
from contracts.inventory import StockReserved
from oms.numbers.exporting import export
from oms.numbers.facts import facts
from oms.numbers.object_log import write_object_log
from tests.numbers.worlds import append, empty_log
from tests.simulation.busy import busy_month
from tests.simulation.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return busy_month(0, days=8)


@pytest.fixture(scope="module")
def file(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of some days of all services."""
    folder, log = tmp_path_factory.mktemp("mined"), empty_log()
    append(log, world.written)
    export(log, folder)
    with facts(folder) as connection:
        assert write_object_log(connection, folder / "log.json") == len(ids(world))
    return folder / "log.json"


@pytest.fixture(scope="module")
def told(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(file.read_bytes())
    return found


def ids(world: World) -> list[str]:
    return [event.envelope.id for _, emitted in world.written for event in emitted]


def test_every_event_is_in_it_once_in_the_order_of_time(world: World, told: dict[str, Any]) -> None:
    assert sorted(event["id"] for event in told["events"]) == sorted(ids(world))
    times = [event["time"] for event in told["events"]]
    assert times == sorted(times)


def test_what_is_touched_is_there_and_every_type_is_declared(told: dict[str, Any]) -> None:
    objects = {each["id"]: each["type"] for each in told["objects"]}
    assert len(objects) == len(told["objects"])
    assert set(objects.values()) == {each["name"] for each in told["objectTypes"]}
    assert {event["type"] for event in told["events"]} == {each["name"] for each in told["eventTypes"]}
    for event in told["events"]:
        assert event["relationships"], event["id"]
        assert {each["objectId"] for each in event["relationships"]} <= objects.keys()
    assert {"order", "payment", "fulfillment_order", "shipment", "article"} <= set(objects.values())


def test_work_and_stock_touch_the_order_that_they_are_for(told: dict[str, Any]) -> None:
    for name in (kind.TYPE.split(".")[2] for kind in (FulfillmentOrderCreated, StockReserved)):
        [first, *_] = [event for event in told["events"] if event["type"] == name]
        kinds = {each["qualifier"]: each["objectId"].partition("/")[0] for each in first["relationships"]}
        assert kinds["order"] == "order" and "own" in kinds


def test_pm4py_reads_it(file: Path, told: dict[str, Any]) -> None:
    pm4py = pytest.importorskip(
        "pm4py", reason="pm4py is not installed (`make process-mining` fetches it): nobody else read the log"
    )
    found = pm4py.read_ocel2_json(str(file))
    assert len(found.events) == len(told["events"]) and len(found.objects) == len(told["objects"])
