"""The tables that the order service reads: a list of orders that says what stands now, availability as last told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from chassis.log import Record
from chassis.testing import DAWN, Outcome, Spec
from contracts.inventory import AdjustmentReason, AdjustStock, ReceiveStock
from contracts.order import CancelOrder, PlaceHold, ReleaseHold
from services.inventory.stock_item import STOCK_ITEM
from services.order.projections import AvailabilityProjection, OrdersProjection
from services.order.tests.story import Story, eur, order

Connection = psycopg.Connection[Any]


@pytest.fixture
def schema(database: str, namespace: str) -> Iterator[Connection]:
    """A schema of its own, with the tables of both projections."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SQL("create schema {}").format(Identifier(namespace)))
        connection.execute(SQL("set search_path to {}").format(Identifier(namespace)))
        for projection in (OrdersProjection(), AvailabilityProjection()):
            connection.execute(projection.tables)
        yield connection


def records(topic: str, *outcomes: Outcome) -> list[Record]:
    """The events of these outcomes as they stand in a topic."""
    emitted = [event for outcome in outcomes for event in outcome.handling.events]
    return [
        Record(topic, 0, offset, DAWN, event.envelope.subject.encode(), event.value, event.envelope.headers())
        for offset, event in enumerate(emitted)
    ]


def listed(schema: Connection) -> list[tuple[Any, ...]]:
    return schema.execute("select external_id, placed_at, holds, stage from orders").fetchall()


def test_an_order_is_listed_as_placed_when_its_channel_said_with_the_holds_that_stand(schema: Connection) -> None:
    story = Story().later(timedelta(hours=8))
    told = [story.tell(order(("A", 2, 1000), stated_total=eur(900), tenders=())), story.tell(ReleaseHold(hold="1"))]
    OrdersProjection().apply(schema, records("order.events", *told))
    assert listed(schema) == [("1001", DAWN, 1, "placed")]


def test_what_ended_has_no_holds_any_more(schema: Connection) -> None:
    story = Story()
    told = [story.tell(order(("A", 2, 1000))), story.tell(PlaceHold(detail="look")), story.tell(CancelOrder())]
    OrdersProjection().apply(schema, records("order.events", *told))
    assert listed(schema) == [("1001", DAWN, 0, "cancelled")]


def test_availability_is_what_the_last_event_of_a_location_says_and_where(schema: Connection) -> None:
    stock = Spec(STOCK_ITEM, "inventory")
    told = [
        stock.when(ReceiveStock(sku="A", location=location, quantity=5, unit="each")) for location in ("north", "south")
    ]
    told.append(
        stock.when(AdjustStock(sku="A", location="north", quantity=2, unit="each", reason=AdjustmentReason.LOST))
    )
    AvailabilityProjection().apply(schema, records("inventory.events", *told))
    found = schema.execute("select * from availability order by location").fetchall()
    assert found == [("A", "north", 3, 2), ("A", "south", 5, 1)]
