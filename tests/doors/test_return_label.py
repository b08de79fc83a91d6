"""The label of what comes back, asked for over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.tokens import Role
from contracts.fulfillment import AnnouncedLine, Postage, ReturnOpened, ReturnReason
from contracts.inventory import LocationAddress, LocationDescribed, LocationKind
from contracts.order import OrderPlaced
from services.shipping import papers_api
from services.shipping.tests.parcels import NUMBER, ORDER_ID, placed, scanned, text_of
from tests.doors.fakes import guarded_client

RETURN_ID = "bdebd2b8-5485-59e2-b9dd-65081be601f6"
BACK = ReturnOpened(
    tenant="default",
    return_id=RETURN_ID,
    order_id=ORDER_ID,
    number=2,
    lines=(AnnouncedLine(line="1", sku="POT-1", quantity=1, unit="each", reason=ReturnReason.DID_NOT_FIT),),
    postage=Postage.DEDUCTED,
)
BERLIN = LocationDescribed(
    location="berlin",
    kind=LocationKind.STORE,
    name="Teapots Berlin",
    address=LocationAddress(address_lines=("Kannenweg 5",), city="Berlin", postcode="10115", country="DE"),
)


class Site:
    """The route, and what it finds."""

    def __init__(self) -> None:
        self.back: dict[str, ReturnOpened] = {RETURN_ID: BACK}
        self.orders: dict[str, OrderPlaced] = {ORDER_ID: placed()}
        self.places = {"berlin": BERLIN, "north": BERLIN.model_copy(update={"location": "north", "address": None})}
        router = papers_api.return_router(self.back.get, self.orders.get, self.places.get)
        self.client, self.tokens = guarded_client(router)

    def get(self, query: str = "?location=berlin", **headers: str) -> Any:
        return self.client.get(f"/returns/{RETURN_ID}/label{query}", headers=headers)


@pytest.fixture
def site() -> Site:
    return Site()


def test_it_says_where_to_and_is_scanned_as_the_return_that_it_is(site: Site) -> None:
    answer = site.get()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    ((_, data),) = scanned(answer.content)
    said = text_of(answer.content)
    assert data == RETURN_ID and RETURN_ID in said
    assert {"Teapots GmbH", "Teapots Berlin", "Kannenweg 5", "10115 Berlin", "DE"} <= set(said.splitlines())
    assert f"Return 2 of order {NUMBER}" in said and "WS-1001" in said


def test_printers_get_it_as_zpl(site: Site) -> None:
    answer = site.get("?location=berlin&format=zpl")
    assert answer.headers["content-type"] == "application/zpl"
    assert f"^BQN,2,12^FH^FDMA,{RETURN_ID}^FS".encode() in answer.content


@pytest.mark.parametrize(
    ("change", "query", "status", "title"),
    [
        ({}, "?location=north", 409, "no address"),
        ({}, "?location=nowhere", 409, "no address"),
        ({}, "", 422, ""),
        ({"postage": Postage.CUSTOMERS}, "?location=berlin", 409, "own postage"),
        ({"order_id": None}, "?location=berlin", 404, "is to come"),
    ],
)
def test_where_there_is_nothing_to_print_it_is_said_why(
    site: Site, change: dict[str, Any], query: str, status: int, title: str
) -> None:
    site.back[RETURN_ID] = BACK.model_copy(update=change)
    answer = site.get(query)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert title in answer.json()["title"]


def test_a_return_that_is_over_and_an_order_that_is_not_known_yet_have_none(site: Site) -> None:
    site.orders.clear()
    assert site.get().status_code == 503
    site.back.clear()
    assert site.get().status_code == 404


def test_those_who_serve_customers_print_it_too(site: Site) -> None:
    for role in Role:
        site.tokens.tell(role, f"the-{role}", role)
        allowed = role in {Role.WAREHOUSE, Role.ADMIN, Role.CSR, Role.VIEWER}
        assert site.get(Authorization=f"Bearer {role}").status_code == (200 if allowed else 403)
