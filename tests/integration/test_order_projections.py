"""The tables that the order service reads: a list of orders that says what stands now, availability as last told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, LiteralString, cast

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from chassis.doors import Door
from chassis.memory import MemoryLog
from chassis.problems import Problem
from chassis.reading import Followed, Reads
from chassis.testing import DAWN, Outcome, Spec
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.ids import guest_subject_id
from contracts.inventory import (
    AdjustmentReason,
    AdjustStock,
    DescribeItem,
    DescribeLocation,
    KitComponent,
    LocationAddress,
    LocationKind,
    ReceiveStock,
)
from contracts.order import (
    CancelOrder,
    DeclineRefund,
    PlaceHold,
    RecordNoticeRefused,
    RecordNoticeSent,
    ReleaseHold,
    RetryRefund,
    SendNoticeAgain,
    SettlePackage,
    ShipGroup,
    ShipMethod,
    WithdrawRefund,
)
from contracts.personal import Personal
from contracts.shipping import Delivered, PackageLost
from services.inventory.catalogue import ITEM, LOCATION
from services.inventory.stock_item import STOCK_ITEM
from services.order import api, refunds_api
from services.order.app import declare
from services.order.customers_api import to_be_received
from services.order.finding import find_order
from services.order.kits import Kit, kit_key
from services.order.projections import AvailabilityLoader, AvailabilityProjection, OrdersProjection, WorkProjection
from services.order.refunds_projection import RefundsProjection
from services.order.seller_terms import SellerTerms
from services.order.sourcing import Availability
from services.order.sourcing_rules import UNDESCRIBED, Place
from services.order.tests.refund_story import asks, claim, grant, paid, paid_back, refused
from services.order.tests.story import ORDER_ID, SHIP_TO, Story, eur, order
from services.order.tests.test_astray import heard
from tests.doors.fakes import KeptWriter, guarded_client, seal
from tests.integration.lists import records_of

Connection = psycopg.Connection[Any]


@pytest.fixture
def schema(database: str, namespace: str) -> Iterator[Connection]:
    """A schema of its own, with the tables of all projections."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SQL("create schema {}").format(Identifier(namespace)))
        connection.execute(SQL("set search_path to {}").format(Identifier(namespace)))
        for projection in declare().projections:
            connection.execute(projection.tables)
        yield connection


class Reader:
    """Asks these tables."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        return self._connection.execute(query, parameters).fetchall()

    def followed_by(self, projection: str) -> Followed:
        return Followed("order.events", {0: 0}, 0.0)


def listed(schema: Connection) -> list[tuple[Any, ...]]:
    return schema.execute("select external_id, placed_at, holds, stage from orders").fetchall()


def test_an_order_is_listed_as_placed_when_its_channel_said_with_the_holds_that_stand(schema: Connection) -> None:
    story = Story().later(timedelta(hours=8))
    told = [story.tell(order(("A", 2, 1000), stated_total=eur(900), tenders=())), story.tell(ReleaseHold(hold="1"))]
    OrdersProjection().apply(schema, records_of("order.events", *told))
    assert listed(schema) == [("1001", DAWN, 1, "placed")]


def test_an_order_whose_customer_could_not_be_told_is_listed_for_the_order_desk(schema: Connection) -> None:
    # given an order whose notice failed, reported twice, and one whose notice left
    failing, other = Story(), Story(external_id="1002")
    told = [
        failing.tell(order(("A", 2, 1000))),
        failing.tell(CancelOrder()),
        failing.tell(RecordNoticeRefused(notice="1", for_now=False, said="550 no such user")),
    ]
    fine = [
        other.tell(order(("A", 2, 1000), external_id="1002")),
        other.tell(CancelOrder()),
        other.tell(RecordNoticeSent(notice="1", name="k")),
    ]
    for _ in range(2):
        OrdersProjection().apply(schema, records_of("order.events", *told, *fine))
    # then the list has it, and only it where that is asked for
    rows = {order["external_id"]: order["failed_notices"] for order in shown(schema)}
    assert rows == {"1001": 1, "1002": 0}
    assert [order["external_id"] for order in shown(schema, notice_failed=True)] == ["1001"]
    failed = schema.execute("select notice, kind, said from failed_notices").fetchall()
    assert failed == [("1", "cancelled", "550 no such user")]
    # until somebody has it sent again: then it is up to the new one
    again = failing.tell(SendNoticeAgain(notice="1", detail="the address is mended"))
    OrdersProjection().apply(schema, records_of("order.events", again))
    assert shown(schema, notice_failed=True) == []


@pytest.mark.parametrize("end", ["settled", "arrived"])
def test_an_order_is_listed_with_a_package_that_went_astray_until_that_has_an_end(schema: Connection, end: str) -> None:
    # given an order whose package is lost
    story = Story()
    told = [story.tell(order(("A", 2, 1000)))]
    story.reserved()
    story.authorized()
    story.until_handed_over()
    story.shipped()
    OrdersProjection().apply(schema, records_of("order.events", *told, heard(story, PackageLost)))
    assert [(row["external_id"], row["astray_packages"]) for row in shown(schema, astray=True)] == [("1001", 1)]
    # when somebody settles that, or it arrives
    wish = SettlePackage(package="package-0", detail="the carrier pays")
    ended = story.tell(wish, door="console") if end == "settled" else heard(story, Delivered)
    OrdersProjection().apply(schema, records_of("order.events", ended))
    # then nobody has to look after it
    assert shown(schema, astray=True) == []
    assert [row["astray_packages"] for row in shown(schema)] == [0]


def test_refunds_are_listed_by_how_far_they_are_and_with_whoever_looks_after_them(schema: Connection) -> None:
    # given an order of which a refund failed, was tried again and was paid, and another that waits for a second person
    story = Story()
    told = [story.tell(order(("A", 2, 80_000)))]
    story.reserved()
    story.authorized()
    story.until_handed_over()
    story.shipped()
    story.captured(80_000)
    OrdersProjection().apply(schema, records_of("order.events", *told))
    heard_of = [asks(story, grant(500)), refused(story)]
    RefundsProjection().apply(schema, records_of("order.events", *heard_of))
    [failed] = refunds_shown(schema, state="failed")
    assert (failed["number"], failed["amount"], failed["cause"]) == (1, 500, "appeasement")
    assert (failed["owner"], failed["why"], failed["detail"]) == (
        "finance_desk",
        "above_captured",
        "the provider says no",
    )
    assert failed["order_number"] == story.view.order.terms.number
    heard_of = [asks(story, RetryRefund(refund="1")), asks(story, claim())]
    RefundsProjection().apply(schema, records_of("order.events", *heard_of))
    assert refunds_shown(schema, state="failed") == []
    [proposed] = refunds_shown(schema, state="proposed")
    assert (proposed["number"], proposed["by"], "decide_by" in proposed) == (2, "anna", True)
    heard_of = [paid_back(story), asks(story, DeclineRefund(refund="2"))]
    RefundsProjection().apply(schema, records_of("order.events", *heard_of))
    # then each is shown once, as it ended
    rows = refunds_shown(schema, order=ORDER_ID)
    assert sorted((row["number"], row["stage"]) for row in rows) == [(1, "refunded"), (2, "declined")]


def test_a_refund_that_was_withdrawn_is_nobody_s(schema: Connection) -> None:
    story = paid()
    withdrawn = WithdrawRefund(refund="1", detail="it was found")
    told = [asks(story, claim()), refused(story), asks(story, withdrawn)]
    RefundsProjection().apply(schema, records_of("order.events", *told))
    [row] = refunds_shown(schema)
    assert (row["stage"], row.get("owner")) == ("withdrawn", None)


def refunds_shown(schema: Connection, **asked: Any) -> list[dict[str, Any]]:
    door = Door("http", KeptWriter(), 4)
    gate = Gate(declare(), door, cast(Reads, Reader(schema)), Waiters(1))
    client, _ = guarded_client(refunds_api.router(gate, SellerTerms()))
    refunds: list[dict[str, Any]] = client.get("/refunds", params=asked).json()["refunds"]
    return refunds


def shown(schema: Connection, **asked: Any) -> list[dict[str, Any]]:
    door = Door("http", KeptWriter(), 4)
    gate = Gate(declare(), door, cast(Reads, Reader(schema)), Waiters(1))
    client, _ = guarded_client(api.router(gate, door, seal))
    orders: list[dict[str, Any]] = client.get("/orders", params=asked).json()["orders"]
    return orders


def test_orders_are_found_by_whose_data_they_hold_and_who_is_still_to_receive_one(schema: Connection) -> None:
    # given an order from one person to another, and one that has ended
    buyer, recipient = (guest_subject_id("default", ORDER_ID, role) for role in ("buyer", "ship_to:1"))
    address = SHIP_TO.model_copy(update={"personal": Personal(subject=recipient, ciphertext="sealed")})
    people = {
        "buyer": Personal(subject=buyer, ciphertext="sealed"),
        "ship_groups": (ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=address),),
    }
    mine, ended = Story(), Story(external_id="1002")
    told = [mine.tell(order(("A", 2, 1000), **people))]
    told += [ended.tell(order(("A", 2, 1000), external_id="1002", **people)), ended.tell(CancelOrder())]
    for _ in range(2):
        OrdersProjection().apply(schema, records_of("order.events", *told))
    # then both are found by either, and only the open one is to be received, by the one
    for subject in (buyer, recipient):
        assert {row["external_id"] for row in shown(schema, customer=subject)} == {"1001", "1002"}
    assert shown(schema, customer="bdebd2b8-5485-59e2-b9dd-65081be601f6") == []
    reads = cast(Reads, Reader(schema))
    assert [to_be_received(reads, subject) for subject in (buyer, recipient)] == [[], [ORDER_ID]]


def test_orders_are_listed_the_last_placed_first_and_by_what_a_desk_asks(schema: Connection) -> None:
    # given an order on hold, one that was cancelled later, and one of another account placed last
    held, gone, other = Story(), Story(external_id="1002"), Story(external_id="1003")
    told = [
        gone.tell(order(("A", 2, 1000), external_id="1002", placed_at=DAWN + timedelta(minutes=1))),
        held.tell(order(("A", 2, 1000), stated_total=eur(900), tenders=())),
        other.tell(
            order(
                ("A", 2, 1000),
                external_id="1003",
                channel_account="webshop-us",
                placed_at=DAWN + timedelta(minutes=2),
            )
        ),
        gone.tell(CancelOrder()),
    ]
    OrdersProjection().apply(schema, records_of("order.events", *told))

    def names(**asked: Any) -> list[str]:
        return [one["external_id"] for one in shown(schema, **asked)]

    assert names() == ["1003", "1002", "1001"]
    assert names(held=True) == ["1001"]
    assert names(stage="cancelled") == ["1002"]
    assert names(stage=["cancelled", "placed"], channel_account="webshop-eu") == ["1002", "1001"]


def test_what_ended_has_no_holds_any_more(schema: Connection) -> None:
    story = Story()
    told = [story.tell(order(("A", 2, 1000))), story.tell(PlaceHold(detail="look")), story.tell(CancelOrder())]
    OrdersProjection().apply(schema, records_of("order.events", *told))
    assert listed(schema) == [("1001", DAWN, 0, "cancelled")]


def test_availability_is_what_the_last_event_of_a_location_says_and_where(schema: Connection) -> None:
    stock = Spec(STOCK_ITEM, "inventory")
    told = [
        stock.when(ReceiveStock(sku="A", location=location, quantity=5, unit="each")) for location in ("north", "south")
    ]
    told.append(
        stock.when(AdjustStock(sku="A", location="north", quantity=2, unit="each", reason=AdjustmentReason.LOST))
    )
    AvailabilityProjection().apply(schema, records_of("inventory.events", *told))
    found = schema.execute("select * from availability order by location").fetchall()
    assert found == [("A", "north", 3, 2), ("A", "south", 5, 1)]


def test_a_location_is_what_was_said_of_it_last(schema: Connection) -> None:
    spec, address = Spec(LOCATION, "inventory"), LocationAddress(country="DE", region="BE", postcode="12099")
    for described in (
        DescribeLocation(location="berlin", kind=LocationKind.OWN, daily_capacity=5),
        DescribeLocation(location="berlin", kind=LocationKind.OWN, priority=2, address=address),
    ):
        AvailabilityProjection().apply(schema, records_of("inventory.events", spec.when(described)))
    assert schema.execute("select * from places").fetchall() == [("berlin", 2, None, "DE", "BE", "12099", 0)]


def test_the_work_of_a_location_is_counted_by_the_day(schema: Connection) -> None:
    today, tomorrow = (released(Story().later(span)) for span in (timedelta(), timedelta(days=1)))
    for told, day, count in ((today, 0, 1), (today, 0, 2), (tomorrow, 1, 1), (today, 1, 1)):
        WorkProjection().apply(schema, records_of("order.events", told))
        assert schema.execute("select * from work").fetchall() == [("north", DAWN.date() + timedelta(days=day), count)]


def test_sourcing_is_told_of_a_location_what_the_tables_say(schema: Connection, database: str, namespace: str) -> None:
    # given goods at two locations, of which one was described and has work
    stock, place = Spec(STOCK_ITEM, "inventory"), Spec(LOCATION, "inventory")
    told = [
        stock.when(ReceiveStock(sku="A", location=location, quantity=5, unit="each")) for location in ("north", "south")
    ]
    address = LocationAddress(country="DE", postcode="12099")
    described = DescribeLocation(location="north", kind=LocationKind.OWN, daily_capacity=5, address=address)
    told.append(place.when(described))
    AvailabilityProjection().apply(schema, records_of("inventory.events", *told))
    WorkProjection().apply(schema, records_of("order.events", released(Story())))
    # when sourcing needs it
    found = AvailabilityLoader(database, namespace, MemoryLog(lambda: DAWN), "inventory.events").fetch(["A"])
    # then both are there, and what is known of the one
    north = Place(daily_capacity=5, country="DE", postcode="12099", worked_on=DAWN.date(), released=1)
    assert found == {"A": {"north": Availability(5, 0, north), "south": Availability(5, 1, UNDESCRIBED)}}


def test_sourcing_is_told_what_a_kit_is_made_of_and_what_there_is_of_that(
    schema: Connection, database: str, namespace: str
) -> None:
    # given an article that is a kit, one that was, and goods of one component
    parts = (KitComponent(sku="CUP", quantity=2), KitComponent(sku="POT", quantity=1, weight=3))
    told = [
        Spec(ITEM, "inventory").when(described)
        for described in (
            DescribeItem(sku="SET", unit="each", components=parts),
            DescribeItem(sku="OLD", unit="each", components=parts),
            DescribeItem(sku="OLD", unit="each"),
        )
    ]
    told += [
        Spec(STOCK_ITEM, "inventory").when(ReceiveStock(sku=sku, location="north", quantity=5, unit="each"))
        for sku in ("CUP", "POT", "OLD")
    ]
    AvailabilityProjection().apply(schema, records_of("inventory.events", *told))
    # when an order of both is placed
    loader = AvailabilityLoader(database, namespace, MemoryLog(lambda: DAWN), "inventory.events")
    schema.execute(WorkProjection.tables)
    found = loader.fetch(["OLD", "SET", kit_key("OLD"), kit_key("SET")])
    # then the kit has the availability of its components, and the other is an article
    there = {sku: {"north": Availability(5, offset)} for sku, offset in (("CUP", 3), ("POT", 4))}
    assert found == {"OLD": {"north": Availability(5, 5)}, "SET": {}, kit_key("SET"): Kit(parts, there)}


def released(story: Story) -> Outcome:
    """What comes of the answer that lets an order go to its node."""
    story.placed(("A", 2, 1000)).reserved()
    return story.authorized()


@pytest.mark.parametrize(
    "name", [ORDER_ID, ORDER_ID.upper(), "1001", "QQNX5-E2MGN-U", "qqnx5e2mgn", "7C16CE6D-0F43-4F5A-9C0B-0A4C9F3B5E11"]
)
def test_an_order_is_found_by_whatever_it_is_called(schema: Connection, name: str) -> None:
    story = Story()
    external_id = name if name.startswith("7C16") else "1001"
    placed = story.tell(order(("A", 2, 1000), external_id=external_id))
    OrdersProjection().apply(schema, records_of("order.events", placed))
    assert find_order(Reader(schema), name) == story.name


@pytest.mark.parametrize("name", ["1002", "QQNX5-E2MGN-V", "", "%"])
def test_what_no_order_is_called_is_said_so(schema: Connection, name: str) -> None:
    OrdersProjection().apply(schema, records_of("order.events", Story().tell(order(("A", 2, 1000)))))
    with pytest.raises(Problem, match="No order is called"):
        find_order(Reader(schema), name)


def test_an_id_that_is_not_listed_yet_is_taken_at_its_word(schema: Connection) -> None:
    assert find_order(Reader(schema), ORDER_ID) == f"order/{ORDER_ID}"
