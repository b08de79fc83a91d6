"""A whole delivery in one call: each article is a message of its own, and received once however often it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.envelope import Envelope
from contracts.inventory import ReceiveStock
from tests.doors.test_http import Doors

LINES = [{"sku": "SKU-1", "quantity": 3}, {"sku": "SKU-2", "quantity": 500, "unit": "g"}]


@pytest.fixture
def doors() -> Doors:
    return Doors()


def deliver(doors: Doors, lines: list[dict[str, Any]]) -> Any:
    body = {"location": "dc-1", "document": "asn-7", "lines": lines}
    return doors.post(body, "/stock-items/receipts", Idempotency_Key="asn-7")


def sent(doors: Doors) -> list[tuple[str, ReceiveStock]]:
    return [(Envelope.parse(r.headers).id, ReceiveStock.decode(r.value)) for r in doors.writer.records]


def test_every_article_becomes_a_receipt_of_its_own(doors: Doors) -> None:
    response = deliver(doors, LINES)

    assert response.status_code == 202
    assert [(c.sku, c.location, c.quantity, c.unit, c.document) for _, c in sent(doors)] == [
        ("SKU-1", "dc-1", 3, "each", "asn-7"),
        ("SKU-2", "dc-1", 500, "g", "asn-7"),
    ]


def test_an_article_names_the_expected_supply_that_it_is(doors: Doors) -> None:
    deliver(doors, [LINES[0], {**LINES[1], "supply": "po-7"}])

    assert [command.supply for _, command in sent(doors)] == [None, "po-7"]


def test_a_delivery_sent_again_in_parts_is_the_same_messages(doors: Doors) -> None:
    deliver(doors, LINES)
    for line in LINES:
        deliver(doors, [line])

    whole, parts = sent(doors)[:2], sent(doors)[2:]
    assert whole == parts
    assert len({identifier for identifier, _ in whole}) == 2


def test_an_article_listed_twice_is_refused_and_nothing_is_sent(doors: Doors) -> None:
    response = deliver(doors, [LINES[0], LINES[0]])

    assert response.status_code == 422
    assert "Add up" in response.json()["detail"]
    assert sent(doors) == []
