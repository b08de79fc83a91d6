"""Changes by HTTP, without servers: a wish becomes a command with what is personal in it sealed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.money import TenderMethod
from contracts.order import (
    CancelLine,
    CancelOrder,
    ConfirmChange,
    DeclineChange,
    ProposeChange,
    ReturnTerms,
    ShipMethod,
)
from contracts.personal import Personal, PersonalContent
from services.order import api, changes_api
from services.order.app import declare
from services.order.seller_terms import SellerTerms
from services.order.tests.story import Story, eur
from tests.doors.fakes import KeptWriter, guarded_client
from tests.doors.test_order_http import Unlisted

ORDER = "/orders/bdebd2b8-5485-59e2-b9dd-65081be601f6"


class Placed(Unlisted):
    """An order that is stored, or one that is not."""

    def __init__(self, stored: bool = True) -> None:
        super().__init__()
        self._story = Story().placed(("A", 3, 900)) if stored else Story()

    def stream(self, name: str) -> Any:
        return SimpleNamespace(stream=self._story.stream)


def sealed(subject: str, content: PersonalContent) -> Personal:
    """What was sealed, to be looked at."""
    return Personal(subject=subject, ciphertext=content.model_dump_json(exclude_none=True))


NOTHING_SET = SellerTerms()


def post(
    path: str, body: dict[str, Any] | None, stored: bool = True, sellers: SellerTerms = NOTHING_SET
) -> tuple[Any, KeptWriter]:
    writer = KeptWriter()
    gate = Gate(declare(), Door("http", writer, 4), cast(Reads, Placed(stored)), Waiters(10))
    client, _ = guarded_client(changes_api.router(gate, sealed, sellers))
    return client.post(ORDER + path, json=body, headers={"Idempotency-Key": "k1"}), writer


def test_a_change_is_proposed_in_the_orders_currency_with_ids_of_lines_of_ours() -> None:
    body = {
        "lines": [{"line": "1", "quantity": 4, "amount": 310}],
        "added": [{"line_id": "c9", "sku": "B", "quantity": 1, "amount": 250, "tax_included": True}],
        "tenders": [{"method": "invoice", "amount": 560}],
        "detail": "asked by phone",
    }
    answer, writer = post("/changes", body)
    assert answer.status_code == 202, answer.text
    wish = ProposeChange.decode(writer.records[0].value)
    [quantity], [line], [tender] = wish.lines, wish.added, wish.tenders
    assert (quantity.line, quantity.quantity, quantity.amount) == ("1", 4, eur(310))
    assert (line.line, line.channel_line, line.amount, line.ship_group) == ("", "c9", eur(250), "1")
    assert (tender.method, tender.amount) == (TenderMethod.INVOICE, eur(560))


def test_an_address_is_sealed_for_whoever_goods_go_to_now() -> None:
    way = {
        "group": "1",
        "service_level": "express",
        "ship_to": {"name": "Bo Example", "address_lines": ["Weg 2"], "postcode": "10115", "country": "DE"},
    }
    answer, writer = post("/changes", {"groups": [way]})
    assert answer.status_code == 202, answer.text
    [group] = ProposeChange.decode(writer.records[0].value).groups
    assert group.ship_to is not None and group.ship_to.area.country == "DE"
    assert group.ship_to.personal is not None
    assert "Bo Example" in group.ship_to.personal.ciphertext
    assert (group.address_missing, group.service_level, group.charges) == (("city",), "express", None)
    other, again = post("/changes", {"groups": [{"group": "1", "method": "pickup", "location": "berlin"}]})
    assert other.status_code == 202, other.text
    [group] = ProposeChange.decode(again.records[0].value).groups
    assert (group.method, group.location, group.ship_to) == (ShipMethod.PICKUP, "berlin", None)


def test_what_comes_back_is_asked_with_what_the_seller_set() -> None:
    set_terms = SellerTerms(label_fees={"*": (eur(200),)})
    _, writer = post("/changes", {"returns": [{"line": "1", "quantity": 1, "sku": "B"}]}, sellers=set_terms)
    assert ProposeChange.decode(writer.records[0].value).terms == ReturnTerms(label_fees=(eur(200),))
    # and what nothing comes back by is not
    _, writer = post("/changes", {"lines": [{"line": "1", "quantity": 1}]}, sellers=set_terms)
    assert ProposeChange.decode(writer.records[0].value).terms is None


def test_card_numbers_are_masked_here_too() -> None:
    _, writer = post("/changes", {"lines": [{"line": "1", "quantity": 1}], "detail": "card 4111 1111 1111 1111"})
    assert "4111 1111" not in (ProposeChange.decode(writer.records[0].value).detail or "")


@pytest.mark.parametrize("body", [{"lines": [{"line": "1", "quantity": -1}]}, {"lines": [{"quantity": 1}]}])
def test_what_is_no_change_is_refused(body: dict[str, Any]) -> None:
    answer, writer = post("/changes", body)
    assert (answer.status_code, writer.records) == (422, [])


def test_of_an_order_that_is_not_there_nothing_is_changed() -> None:
    answer, writer = post("/changes", {"lines": [{"line": "1", "quantity": 1}]}, stored=False)
    assert (answer.status_code, writer.records) == (404, [])


def test_it_is_confirmed_or_declined_by_its_number() -> None:
    answer, writer = post("/changes/2/confirm", None)
    assert answer.status_code == 202, answer.text
    assert ConfirmChange.decode(writer.records[0].value) == ConfirmChange(change="2")
    answer, writer = post("/changes/2/decline", {"detail": "too dear"})
    assert answer.status_code == 202, answer.text
    assert DeclineChange.decode(writer.records[0].value) == DeclineChange(change="2", detail="too dear")


def test_a_cancel_may_name_units_of_lines() -> None:
    writer = KeptWriter()
    gate = Gate(declare(), Door("http", writer, 4), cast(Reads, Unlisted()), Waiters(10))
    client, _ = guarded_client(api.router(gate, Door("channel.orders", writer, 4), sealed))
    body = {"lines": [{"line": "1", "quantity": 2}, {"line": "2"}]}
    answer = client.post(f"{ORDER}/cancel", json=body, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 202, answer.text
    lines = (CancelLine(line="1", quantity=2), CancelLine(line="2"))
    assert CancelOrder.decode(writer.records[0].value) == CancelOrder(lines=lines)
