"""The door of soft claims: a channel keeps goods for its own carts, and for nobody else's."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.testing import DAWN
from chassis.tokens import Kind, Role
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.envelope import Envelope
from contracts.ids import aggregate_id
from contracts.inventory import ClaimStock, Demand, HardenClaim, ReleaseClaim
from contracts.message import CATALOGUE
from services.inventory import claims_api
from services.inventory.app import declare
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client

CLAIMS = "/stock-items/SKU%2F1/claims"
NAMED = {"channel_account": "webshop-eu", "id": "c7", "line": "1"}
CART = Demand(kind="cart", id=aggregate_id("default", "cart", "webshop-eu", "c7"), line="1")
KEPT = {**NAMED, "location": "dc-1", "quantity": 2, "soft_until": "2026-01-05T09:00:00Z"}


class Doors:
    """The routes, and what they wrote."""

    def __init__(self) -> None:
        self.writer = KeptWriter()
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, ToldReads()), Waiters(10))
        self.client, self.tokens = guarded_client(claims_api.router(gate))

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(path, json=body, headers={"Idempotency-Key": "k1", **headers})

    def said(self) -> tuple[str, Any]:
        """The stream and the command of the one record."""
        (record,) = self.writer.records
        return record.key.decode(), CATALOGUE[Envelope.parse(record.headers).type].decode(record.value)


@pytest.fixture
def doors() -> Doors:
    return Doors()


def test_a_claim_of_a_cart_names_its_channel_and_its_end(doors: Doors) -> None:
    assert doors.post(CLAIMS, KEPT).status_code == 202
    assert doors.said() == (
        f"stock_item/{aggregate_id('default', 'stock_item', 'SKU/1')}",
        ClaimStock(sku="SKU/1", demand=CART, sequence=0, quantity=2, unit="each", location="dc-1", soft_until=DAWN),
    )


@pytest.mark.parametrize(("way", "command"), [("harden", HardenClaim), ("release", ReleaseClaim)])
def test_a_claim_is_named_again_to_make_it_hard_or_to_give_it_back(doors: Doors, way: str, command: Any) -> None:
    assert doors.post(f"{CLAIMS}/{way}", NAMED).status_code == 202
    assert doors.said()[1] == command(sku="SKU/1", demand=CART, sequence=0)


@pytest.mark.parametrize("missing", ["soft_until", "channel_account"])
def test_no_cart_keeps_goods_for_ever_or_for_nobody(doors: Doors, missing: str) -> None:
    body = {name: value for name, value in KEPT.items() if name != missing}
    assert doors.post(CLAIMS, body).status_code == 422


def test_nobody_claims_for_an_order_here(doors: Doors) -> None:
    assert doors.post(CLAIMS, {**KEPT, "kind": "order"}).status_code == 422


@pytest.mark.parametrize("path", [CLAIMS, f"{CLAIMS}/harden", f"{CLAIMS}/release"])
def test_a_channel_keeps_goods_for_its_own_carts_alone(doors: Doors, path: str) -> None:
    doors.tokens.tell("shop", "webshop-us", Role.CHANNEL_BOT, kind=Kind.CHANNEL)
    answer = doors.post(path, KEPT, Authorization="Bearer shop")
    assert answer.status_code == 403
    assert doors.writer.records == []
