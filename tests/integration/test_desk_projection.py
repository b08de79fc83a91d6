"""What the order desk is shown: the holds that stand, since when and why, and units that a node did not give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import psycopg
import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.testing import DAWN, Outcome
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.fulfillment import FulfillmentLine, FulfillmentRejected
from contracts.message import format_instant
from contracts.order import CancelOrder, PlaceHold, ReleaseHold
from services.order import api, missing_api
from services.order.app import declare
from services.order.desk_projection import DeskProjection
from services.order.projections import OrdersProjection
from services.order.sourcing import Availability
from services.order.tests.story import ORDER_ID, Story, order
from tests.doors.fakes import KeptWriter, guarded_client, seal
from tests.integration.lists import Tables, records_of

BOTH = {"A": {"north": Availability(9, 1), "south": Availability(5, 1)}}


@pytest.fixture
def tables(database: str, namespace: str) -> Iterator[Tables]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield Tables(connection, namespace, OrdersProjection(), DeskProjection())


def listed(tables: Tables, path: str, **asked: Any) -> dict[str, Any]:
    door = Door("http", KeptWriter(), 4)
    gate = Gate(declare(), door, cast(Reads, tables), Waiters(1))
    client, _ = guarded_client(api.router(gate, door, seal), missing_api.router(gate))
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def missing(tables: Tables, **asked: Any) -> list[dict[str, Any]]:
    return list(listed(tables, "/missing-units", **asked)["missing_units"])


def told(tables: Tables, *outcomes: Outcome) -> None:
    tables.follow(records_of("order.events", *outcomes))


def rejected(story: Story) -> Outcome:
    lines = (FulfillmentLine(line="1", sequence=0, sku="A", quantity=3, unit="each"),)
    answer = FulfillmentRejected(order_id=ORDER_ID, location="north", document="a", lines=lines, reject_reason="closed")
    return story.node(answer)


def test_a_held_order_says_since_when_and_why_whatever_else_happens_to_it(tables: Tables) -> None:
    # given an order with two holds, of which the first is released later
    story = Story()
    told(tables, story.tell(order(("A", 2, 1000))), story.tell(PlaceHold(detail="a call is awaited")))
    since = DAWN + timedelta(hours=1)
    story.later(timedelta(hours=1))
    told(tables, story.tell(PlaceHold(detail="another")))
    story.later(timedelta(hours=1))
    asked = {"held": True, "oldest_by": "held_since", "counted": True, "late_before": format_instant(since)}
    page = listed(tables, "/orders", **asked)
    [row] = page["orders"]
    assert (row["holds"], row["hold_kinds"], row["held_since"]) == (2, "manual", format_instant(DAWN))
    assert (page["total"], page["late"]) == (1, 1)
    # then what is left counts
    told(tables, story.tell(ReleaseHold(hold=min(story.view.order.holds))))
    [row] = listed(tables, "/orders", held=True)["orders"]
    assert row["held_since"] == format_instant(since)
    # and an order that has ended has none
    told(tables, story.tell(CancelOrder()))
    [row] = listed(tables, "/orders")["orders"]
    assert "held_since" not in row and "hold_kinds" not in row


def test_an_order_without_an_address_is_listed_apart_from_others_on_hold(tables: Tables) -> None:
    lacking, other = Story(), Story(external_id="1002")
    told(
        tables,
        lacking.tell(order(("A", 2, 1000), ship_groups=())),
        other.tell(order(("A", 2, 1000), external_id="1002")),
        other.tell(PlaceHold(detail="a call is awaited")),
    )
    assert len(listed(tables, "/orders", held=True)["orders"]) == 2
    [row] = listed(tables, "/orders", no_way=True)["orders"]
    assert row["external_id"] == "1001"


def test_a_short_pick_is_listed_by_its_order_until_the_units_go_to_another_node(tables: Tables) -> None:
    # given a node that does not find one of three units
    story = Story(BOTH)
    first = story.tell(order(("A", 3, 900)))
    told(tables, first, story.reserved(), story.authorized(), story.listed())
    told(tables, story.picked(short=1))
    [row] = missing(tables, cause="short")
    assert (row["order_id"], row["line"], row["quantity"], row["location"]) == (ORDER_ID, "1", 1, "north")
    assert row["reason"] == "not_found" and row["order_number"]
    assert missing(tables, cause="rejected") == []
    # when another node is given the work
    told(tables, story.reserved(1))
    # then nobody has to look after it
    assert missing(tables) == []


def test_rejected_work_is_listed_until_the_order_ends(tables: Tables) -> None:
    story = Story(BOTH)
    told(tables, story.tell(order(("A", 3, 900))), story.reserved(), story.authorized(), rejected(story))
    [row] = missing(tables, cause="rejected", order=ORDER_ID)
    assert (row["quantity"], row["location"], row["reason"]) == (3, "north", "closed")
    told(tables, story.tell(CancelOrder()))
    assert missing(tables) == []
