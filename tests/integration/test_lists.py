"""What every list promises: its rows are its streams' events and nothing else, and pages show each row once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import psycopg
import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.doors import Door
from chassis.listing import PAGE_MAX
from chassis.projection import Projection
from chassis.reading import Reads
from chassis.sealing import open_sealed
from chassis.service import Service
from chassis.testing import DAWN, Spec
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.fulfillment import CreateFulfillmentOrder, ReturnReason
from contracts.ids import aggregate_id, stream
from contracts.inventory import (
    DescribeItem,
    DescribeLocation,
    KitComponent,
    LocationAddress,
    LocationKind,
    ReceiveStock,
)
from contracts.message import Command, format_instant
from contracts.order import ApproveReturn, RequestReturn, ReturnWish
from contracts.payments import (
    AuthorizeMore,
    AuthorizePayment,
    CallResult,
    CardAuthorizationRequested,
    CardCaptureRequested,
)
from contracts.shipping import RecordManifested, TrackingStatus
from services.fulfillment import api as fulfillment_api
from services.fulfillment import app as fulfillment
from services.fulfillment import returns_api
from services.fulfillment.cancelling import ANSWER_WITHIN
from services.fulfillment.customer_return import RETURN
from services.fulfillment.fulfillment_order import FULFILLMENT_ORDER
from services.fulfillment.projections import FulfillmentOrdersProjection
from services.fulfillment.return_projection import ReturnsProjection
from services.fulfillment.tests import test_cancelling as cancels
from services.fulfillment.tests import test_fulfillment_order as work
from services.fulfillment.tests import test_returns as back
from services.inventory import api as inventory_api
from services.inventory import app as inventory
from services.inventory import catalogue_api, claims_api
from services.inventory.catalogue import ITEM, LOCATION
from services.inventory.projections import CatalogueProjection, StockProjection
from services.inventory.stock_book import StockBook
from services.inventory.stock_item import STOCK_ITEM
from services.inventory.tests.test_stock_invariants import commands
from services.inventory.tests.test_stock_item import claim
from services.order.tests.story import Story
from services.payments import api as payments_api
from services.payments import app as payments
from services.payments.payment import PAYMENT
from services.payments.projections import PaymentsProjection
from services.payments.tests import test_cards as cards
from services.payments.tests import test_payment as paying
from services.shipping import api as shipping_api
from services.shipping import app as shipping
from services.shipping.manifest import waiting_key
from services.shipping.projections import ShipmentsProjection, WaitingLoader
from services.shipping.shipment import SHIPMENT
from services.shipping.tests import test_shipment as parcels
from tests.doors.fakes import KEY, KeptWriter, guarded_client, seal
from tests.integration.lists import Tables, records_of

STOCK_TABLES = ("stock_items", "stock_levels", "claims", "claim_holds")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def gate_of(service: Service, tables: Tables) -> Gate:
    return Gate(service, Door("http", KeptWriter(), 4), cast(Reads, tables), Waiters(1))


def client_of(*routers: APIRouter) -> TestClient:
    return guarded_client(*routers)[0]


def inventory_client(tables: Tables) -> TestClient:
    gate = gate_of(inventory.declare(), tables)
    return client_of(*(module.router(gate) for module in (inventory_api, claims_api, catalogue_api)))


def page_by_page(client: TestClient, path: str, name: str, limit: int = 2, **asked: str) -> list[Any]:
    """Everything on a list, as who follows `next` sees it."""
    found: list[Any] = []
    after: dict[str, str] = {}
    while True:
        answer = client.get(path, params={"limit": limit, **asked, **after})
        assert answer.status_code == 200, answer.text
        found += answer.json()[name]
        if "next" not in answer.json():
            return found
        after = {"after": answer.json()["next"]}


# Stock and claims


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(st.tuples(commands, st.integers(0, 20)), min_size=1, max_size=30), cut=st.integers(0, 60))
def test_stock_and_claims_are_listed_as_the_book_has_them_in_whatever_batches_they_came(
    connection: psycopg.Connection[Any], namespace: str, told: list[tuple[Command, int]], cut: int
) -> None:
    # given any life of an item
    spec = Spec(STOCK_ITEM, "inventory")
    outcomes = [spec.at(timedelta(minutes=minutes)).when(command) for command, minutes in told]
    events = records_of("inventory.events", *outcomes)
    # when its events are followed in two batches, and one by one
    live = Tables(connection, namespace, StockProjection()).follow(events[:cut], events[cut:])
    again = Tables(connection, f"{namespace}_again", StockProjection()).follow(*([event] for event in events))
    # then both come to the same rows, and those are what the book says
    assert live.everything(*STOCK_TABLES) == again.everything(*STOCK_TABLES)
    client, book = inventory_client(live), cast(StockBook, spec.state)
    shown = client.get("/stock-items").json()["stock_items"]
    levels = [shelf.level(place).model_dump(mode="json") for place, shelf in sorted(book.shelves.items())]
    told_levels = [level for level in levels if any(level[name] for name in level if name != "location")]
    listed = [
        level for item in shown for level in item["levels"] if any(level[name] for name in level if name != "location")
    ]
    assert listed == told_levels
    claims = client.get("/claims", params={"limit": PAGE_MAX}).json()["claims"]
    assert [_claim_shown(claim) for claim in claims] == sorted(
        (
            claim.terms.demand.id,
            claim.terms.sequence,
            claim.terms.quantity,
            dict(claim.held),
            claim.waiting,
            claim.terms.soft_until and format_instant(claim.terms.soft_until),
        )
        for claim in book.claims.values()
    )
    assert [item.get("unit") for item in shown] in ([book.unit], [])


def _claim_shown(claim: dict[str, Any]) -> tuple[Any, ...]:
    held = {part["location"]: part["quantity"] for part in claim["held"]}
    return (
        claim["demand"]["id"],
        claim["sequence"],
        claim["quantity"],
        held,
        claim["waiting"],
        claim.get("soft_until"),
    )


def test_stock_is_listed_by_place_and_by_need(connection: psycopg.Connection[Any], namespace: str) -> None:
    # given three items, one at another location, one that demand waits for
    told = []
    for sku, location in (("A", "north"), ("B", "north"), ("C", "south")):
        spec = Spec(STOCK_ITEM, "inventory", stream("stock_item", aggregate_id("default", "stock_item", sku)))
        told.append(spec.when(ReceiveStock(sku=sku, location=location, quantity=2, unit="each")))
        if sku == "B":
            told.append(spec.when(claim_of(sku, 5)))
    client = inventory_client(
        Tables(connection, namespace, StockProjection()).follow(records_of("inventory.events", *told))
    )

    def skus(**asked: Any) -> list[str]:
        return [item["sku"] for item in client.get("/stock-items", params=asked).json()["stock_items"]]

    # then each question has its answer
    assert [item["sku"] for item in page_by_page(client, "/stock-items", "stock_items")] == ["A", "B", "C"]
    assert skus(location="north") == ["A", "B"]
    assert skus(waiting=True) == ["B"]
    assert skus(suspect=True) == []
    (claim,) = client.get("/claims", params={"order": "o1", "state": "waiting"}).json()["claims"]
    assert (claim["sku"], claim["held"], claim["waiting"]) == ("B", [{"location": "north", "quantity": 2}], 3)
    assert client.get("/claims", params={"location": "south"}).json()["claims"] == []
    assert client.get("/claims", params={"state": "soft"}).json()["claims"] == []


def claim_of(sku: str, quantity: int) -> Command:
    return claim("o1", quantity).model_copy(update={"sku": sku})


def test_what_was_said_of_items_and_locations_is_listed(connection: psycopg.Connection[Any], namespace: str) -> None:
    # given two items, one of them a kit, and a location, described twice
    tables = Tables(connection, namespace, CatalogueProjection())
    for kind, described in (
        (ITEM, DescribeItem(sku="CUP", unit="each", description="Cup", category="china")),
        (ITEM, DescribeItem(sku="SET", unit="each", components=(KitComponent(sku="CUP", quantity=2),))),
        (LOCATION, DescribeLocation(location="berlin", kind=LocationKind.OWN)),
        (LOCATION, DescribeLocation(location="berlin", kind=LocationKind.STORE, address=LocationAddress(country="DE"))),
    ):
        tables.follow(records_of("inventory.events", Spec(kind, "inventory").when(described)))
    client = inventory_client(tables)
    # then they are found by what they are
    assert [item["sku"] for item in page_by_page(client, "/items", "items", 1)] == ["CUP", "SET"]
    assert [item["sku"] for item in client.get("/items", params={"kit": "true"}).json()["items"]] == ["SET"]
    assert [item["sku"] for item in client.get("/items", params={"kit": "false"}).json()["items"]] == ["CUP"]
    (place,) = client.get("/locations", params={"country": "DE", "kind": "store"}).json()["locations"]
    assert place == {
        "location": "berlin",
        "kind": "store",
        "country": "DE",
        "priority": 0,
        "described_at": format_instant(DAWN),
    }


# Work, shipments, payments


@pytest.mark.parametrize(
    ("done", "stage"),
    [
        ((work.CREATE,), "open"),
        ((work.CREATE, work.ACCEPT), "accepted"),
        ((work.CREATE, work.REJECT), "rejected"),
        ((work.CREATE, work.ACCEPT, work.PICK_NOTHING), "closed"),
        ((work.CREATE, work.ACCEPT, work.PICK_ALL), "picked"),
        ((work.CREATE, work.ACCEPT, work.PICK_ALL, work.PACK), "packed"),
        ((work.CREATE, work.ACCEPT, work.PICK_ALL, work.PACK, work.HAND_OVER), "handed_over"),
        ((work.CREATE_PICKUP, work.ACCEPT, work.PICK_ALL, work.READY), "ready"),
        ((work.CREATE_PICKUP, work.ACCEPT, work.PICK_ALL, work.READY, work.COLLECT), "collected"),
        ((work.CREATE, work.CANCEL), "cancelled"),
        ((work.CREATE, work.ACCEPT, cancels.FIRST), "accepted"),
        ((work.CREATE, work.ACCEPT, work.PICK_ALL, cancels.FIRST, cancels.PART), "picked"),
        ((work.CREATE, work.ACCEPT, cancels.FIRST, cancels.ALL), "cancelled"),
        ((work.CANCEL,), None),
    ],
)
def test_work_is_listed_with_the_stage_that_its_stream_has(
    connection: psycopg.Connection[Any], namespace: str, done: tuple[Command, ...], stage: str | None
) -> None:
    spec = Spec(FULFILLMENT_ORDER, "fulfillment")
    tables = Tables(connection, namespace, FulfillmentOrdersProjection())
    tables.follow(*(records_of("fulfillment.events", spec.when(command)) for command in done))
    shown = _node_client(tables).get("/fulfillment-orders").json()["fulfillment_orders"]
    assert [one["stage"] for one in shown] == ([] if stage is None else [stage])
    assert stage is None or spec.state.stage == stage


def _node_client(tables: Tables) -> TestClient:
    gate = gate_of(fulfillment.declare(), tables)
    return client_of(fulfillment_api.router(gate, seal, lambda sealed: open_sealed(KEY, sealed)))


def test_a_node_finds_its_work_the_oldest_first_and_each_once(
    connection: psycopg.Connection[Any], namespace: str
) -> None:
    # given five fulfillment orders at two locations, two of the same moment, one of them accepted
    tables = Tables(connection, namespace, FulfillmentOrdersProjection())
    for number, location in enumerate(("north", "south", "north", "north", "north")):
        name = stream("fulfillment_order", aggregate_id("default", "fulfillment_order", str(number)))
        spec = Spec(FULFILLMENT_ORDER, "fulfillment", name).at(timedelta(minutes=number // 2))
        asked = CreateFulfillmentOrder(
            order_id=f"o{number}", location=location, sequence=0, ship_group="1", method="ship", lines=work.ASKED
        )
        tables.follow(records_of("fulfillment.events", spec.when(asked)))
        if number == 3:
            tables.follow(records_of("fulfillment.events", spec.when(work.ACCEPT)))
    client = _node_client(tables)
    found = page_by_page(client, "/fulfillment-orders", "fulfillment_orders", 1, location="north")
    assert [one["order_id"] for one in found] in (["o0", "o2", "o3", "o4"], ["o0", "o3", "o2", "o4"])
    stages = [("stage", "open"), ("stage", "accepted")]
    both = client.get("/fulfillment-orders", params=stages).json()["fulfillment_orders"]
    assert len(both) == 5
    assert client.get("/fulfillment-orders?stage=accepted&order=o3").json()["fulfillment_orders"][0]["quantity"] == 4


def test_a_node_finds_what_it_is_asked_to_let_go_of_until_it_has_answered(
    connection: psycopg.Connection[Any], namespace: str
) -> None:
    spec, tables = Spec(FULFILLMENT_ORDER, "fulfillment"), Tables(connection, namespace, FulfillmentOrdersProjection())
    client = _node_client(tables)

    def waiting() -> list[tuple[Any, Any]]:
        rows = client.get("/fulfillment-orders?cancel_asked=true").json()["fulfillment_orders"]
        return [(row["cancel_answer_by"], row["quantity"]) for row in rows]

    for command, expected in (
        (work.CREATE, []),
        (work.ACCEPT, []),
        (cancels.FIRST, [(format_instant(DAWN + ANSWER_WITHIN), 4)]),
        (cancels.PART, []),
    ):
        tables.follow(records_of("fulfillment.events", spec.when(command)))
        assert waiting() == expected
    assert client.get("/fulfillment-orders").json()["fulfillment_orders"][0]["quantity"] == 2


def test_returns_are_listed_from_the_wish_to_their_end(connection: psycopg.Connection[Any], namespace: str) -> None:
    # given a return that a person has to decide, and one that nobody announced
    story, tables = (
        Story().released(("A", 2, 900)).until_handed_over(),
        Tables(connection, namespace, ReturnsProjection()),
    )
    story.shipped()
    client = client_of(returns_api.router(gate_of(fulfillment.declare(), tables)))

    def stages(**asked: Any) -> list[tuple[str, int]]:
        rows = client.get("/returns", params=asked).json()["returns"]
        return [(row["stage"], row["expected"]) for row in rows]

    lines = (ReturnWish(line="1", quantity=2, reason=ReturnReason.OTHER),)
    tables.follow(records_of("order.events", story.tell(RequestReturn(lines=lines), door="http")))
    assert stages() == stages(stage="requested") == [("requested", 2)]
    tables.follow(records_of("order.events", story.tell(ApproveReturn(number=1), door="http")))
    assert stages() == [("approved", 2)]
    # when it comes in parts
    [number] = story.view.returns.returns.values()
    spec = Spec(RETURN, "fulfillment", stream("return", number.return_id))
    for message, expected in (
        (back.OPEN, ("open", 2)),
        (back.SENT, ("in_transit", 2)),
        (back.came(1), ("received", 1)),
        (back.looked(1), ("inspected", 1)),
        (back.came(1, document="b2", location="south"), ("received", 0)),
        (back.looked(1, document="i2", location="south"), ("closed", 0)),
    ):
        tables.follow(records_of("fulfillment.events", back.told(spec, message)))
        assert stages() == [expected]
    assert stages(location="south") == stages(location="north") == [("closed", 0)]
    # then what came without an order stands beside it
    blind = Spec(RETURN, "fulfillment", stream("return", aggregate_id("default", "return", "blind")))
    tables.follow(records_of("fulfillment.events", back.told(blind, back.came(1))))
    assert stages(unmatched=True) == [("received", 0)]
    tables.follow(records_of("fulfillment.events", back.told(blind, back.OPEN)))
    assert stages(unmatched=True) == []


def test_shipments_are_listed_with_how_many_packages_arrived(
    connection: psycopg.Connection[Any], namespace: str
) -> None:
    spec, tables = parcels.after(), Tables(connection, namespace, ShipmentsProjection())
    client = client_of(shipping_api.router(gate_of(shipping.declare(), tables)))

    def stand(**asked: Any) -> list[tuple[Any, ...]]:
        rows = client.get("/shipments", params=asked).json()["shipments"]
        return [(row["stage"], row["delivered"], row["packages"]) for row in rows]

    for command, expected in (
        (parcels.CREATE, ("created", 0, 2)),
        (parcels.SERIALS, ("labelled", 0, 2)),
        (parcels.DISPATCH, ("shipped", 0, 2)),
        (parcels.tracking("e1", TrackingStatus.DELIVERED), ("shipped", 1, 2)),
    ):
        tables.follow(records_of("shipping.events", spec.when(command)))
        assert stand() == [expected]
    assert stand(under_way=True, location="north", carrier="own-fleet", order="o1", stage="shipped") != []
    tables.follow(
        records_of("shipping.events", spec.when(parcels.tracking("e2", TrackingStatus.DELIVERED, "package-2")))
    )
    assert (stand(under_way=True), stand()) == ([], [("shipped", 2, 2)])


def test_a_lost_package_is_not_under_way_and_is_counted_as_what_it_is_once_it_is_found(
    connection: psycopg.Connection[Any], namespace: str
) -> None:
    spec, tables = parcels.after(), Tables(connection, namespace, ShipmentsProjection())
    client = client_of(shipping_api.router(gate_of(shipping.declare(), tables)))

    def counted(**asked: Any) -> list[tuple[Any, ...]]:
        rows = client.get("/shipments", params=asked).json()["shipments"]
        return [(row["delivered"], row["lost"], row["returned"]) for row in rows]

    for command in (parcels.CREATE, parcels.SERIALS, parcels.DISPATCH):
        tables.follow(records_of("shipping.events", spec.when(command)))
    for event_id, status, package, expected in (
        ("e1", TrackingStatus.LOST, "package-1", (0, 1, 0)),
        ("e2", TrackingStatus.LOST, "package-2", (0, 2, 0)),
        ("e3", TrackingStatus.DELIVERED, "package-1", (1, 1, 0)),
        ("e4", TrackingStatus.RETURN_TO_SENDER, "package-2", (1, 0, 1)),
    ):
        tables.follow(records_of("shipping.events", spec.when(parcels.tracking(event_id, status, package))))
        assert counted(astray=True) == [expected]
    assert counted(under_way=True) == []


def test_a_manifest_is_told_what_is_labelled_for_its_carrier_and_location_the_oldest_first(
    connection: psycopg.Connection[Any], namespace: str, database: str
) -> None:
    # given five shipments: one without labels, one elsewhere, one on a manifest, and two that wait
    tables = Tables(connection, namespace, ShipmentsProjection())
    kept = (parcels.CREATE, parcels.SERIALS)
    elsewhere = parcels.CREATE.model_copy(update={"location": "south"})
    listed = RecordManifested(manifest="m", number=1)
    for number, commands_of in enumerate(
        ((parcels.CREATE,), (elsewhere, parcels.SERIALS), (*kept, listed), kept, kept)
    ):
        spec = Spec(SHIPMENT, "shipping", stream("shipment", f"s{number}")).at(timedelta(minutes=9 - number))
        tables.follow(*(records_of("shipping.events", spec.when(command)) for command in commands_of))
    # when a manifest asks
    key, other = waiting_key("own-fleet", "north"), waiting_key("own-fleet", "west")
    found = WaitingLoader(database, namespace).fetch([key, other])
    # then it is told of the labels of those two
    assert [(package.shipment, package.package) for package in found[key]] == [
        ("s4", "package-1"),
        ("s4", "package-2"),
        ("s3", "package-1"),
        ("s3", "package-2"),
    ]
    assert found[key][0].sscc and found[key][0].weight_grams
    assert found[other] == []
    assert (
        client_of(shipping_api.router(gate_of(shipping.declare(), tables)))
        .get("/shipments?stage=manifested")
        .json()["shipments"][0]["id"]
        == "s2"
    )


def test_payments_are_listed_with_what_is_secured_and_taken(
    connection: psycopg.Connection[Any], namespace: str
) -> None:
    spec, tables = Spec(PAYMENT, "payments"), Tables(connection, namespace, PaymentsProjection())
    client = client_of(payments_api.router(gate_of(payments.declare(), tables)))
    empty = AuthorizePayment(order_id="o1", amount=paying.eur(5), tenders=(paying.INVOICE,))
    tender = paying.INVOICE.model_copy(update={"amount": paying.eur(400)})
    more = AuthorizeMore(order_id="o1", increase="1", amount=paying.eur(400), tenders=(tender,))
    for command, expected in (
        (empty, ("declined", 0, 0, 0)),
        (paying.authorize(paying.INVOICE), ("authorized", 1000, 0, 1000)),
        (empty, ("authorized", 1000, 0, 1000)),
        (paying.capture(400), ("partly_captured", 1000, 400, 600)),
        (paying.capture(600, "s2"), ("captured", 1000, 1000, 0)),
        (more, ("partly_captured", 1400, 1000, 400)),
        (more, ("partly_captured", 1400, 1000, 400)),
        (paying.VOID, ("voided", 1400, 1000, 0)),
    ):
        tables.follow(records_of("payments.events", spec.when(command)))
        (row,) = client.get("/payments?currency=EUR").json()["payments"]
        assert (row["stage"], row["authorized"], row["captured"], row["remaining"]) == expected
    assert client.get("/payments?stage=authorized").json()["payments"] == []


def test_a_card_payment_is_listed_with_what_a_person_has_to_find_out(
    connection: psycopg.Connection[Any], namespace: str
) -> None:
    tables = Tables(connection, namespace, PaymentsProjection())
    client = client_of(payments_api.router(gate_of(payments.declare(), tables)))
    payment = cards.Payment(cards.CARD)

    def stage() -> str:
        tables.follow(records_of("payments.events", payment.last))
        (row,) = client.get("/payments").json()["payments"]
        return f"{row['stage']} {row['authorized']} {row.get('owner')}"

    assert stage() == "securing 0 None"
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.ACTION_REQUIRED)
    assert stage() == "action_required 0 None"
    payment.said(call)
    assert stage() == "authorized 1000 None"
    payment.when(paying.capture(400))
    call = payment.asked(CardCaptureRequested)
    payment.said(call, amount=paying.eur(399))
    assert stage() == "unresolved 1000 payments_desk"
    payment.said(call)
    assert stage() == "partly_captured 1000 None"


# What all lists have


@pytest.mark.parametrize("after", ["x", "!!", "W10", "WzFd", "WyJhXHUwMDAwIl0", "e30", "WyJhIiwgImIiXQ"])
def test_a_cursor_that_is_none_is_refused_by_name(
    connection: psycopg.Connection[Any], namespace: str, after: str
) -> None:
    client = inventory_client(Tables(connection, namespace, StockProjection()))
    answer = client.get("/stock-items", params={"after": after})
    assert (answer.status_code, "`next`" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("path", ["/stock-items", "/claims"])
@pytest.mark.parametrize("limit", [0, PAGE_MAX + 1])
def test_a_page_has_a_limit(connection: psycopg.Connection[Any], namespace: str, path: str, limit: int) -> None:
    client = inventory_client(Tables(connection, namespace, StockProjection()))
    assert client.get(path, params={"limit": limit}).status_code == 422


def test_a_list_says_how_far_it_has_followed(connection: psycopg.Connection[Any], namespace: str) -> None:
    projections: tuple[Projection, ...] = (StockProjection(),)
    client = inventory_client(Tables(connection, namespace, *projections))
    answer = client.get("/stock-items").json()
    assert answer == {
        "stock_items": [],
        "followed": {"topic": "stock.events", "offsets": {"0": 0}, "age_seconds": 0.0},
    }
