"""From a channel's order to the request: sealed, with our line ids, and known again by its fingerprint."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.channel import ChannelOrder, OpenOrder
from contracts.ids import guest_subject_id, subject_id
from contracts.payments.gift_codes import gift_card_id, store_credit_id
from contracts.personal import Personal, PersonalContent
from services.order.intake import import_order, order_id, place_order

PICKUP = {"group": "g", "method": "pickup", "location": "berlin", "pickup_person": {"name": "Ben", "phone": "030 1"}}
ADDRESS = {"name": "Ada", "address_lines": ["1 Main St"], "city": "Bonn", "postcode": "53 111", "country": "de"}
PLAIN: dict[str, Any] = {
    "channel_account": "webshop-eu",
    "external_id": "1001",
    "channel": "webshop",
    "seller": "acme",
    "placed_at": "2026-01-05T09:00:00Z",
    "currency": "eur",
    "buyer": {"name": "Ada", "email": "ada@example.org"},
    "lines": [{"line_id": "x9", "sku": "A", "quantity": 2, "amount": 1000}],
    "ship_groups": [{"group": "g", "ship_to": ADDRESS, "gift_message": "For you"}],
    "tenders": [{"method": "invoice", "amount": 1000}],
    "total": 1000,
}


def seal(subject: str, content: PersonalContent) -> Personal:
    return Personal(subject=subject, ciphertext=str(abs(sum(content.model_dump_json(exclude_none=True).encode()))))


def request(**changes: Any):  # type: ignore[no-untyped-def]
    return place_order(ChannelOrder.model_validate({**PLAIN, **changes}), "default", seal)


def test_nothing_personal_stays_readable_but_the_area() -> None:
    made = request(notes="ring twice")
    text = made.encode().decode()
    assert not any(word in text for word in ("Ada", "Main", "Bonn", "53111", "example.org", "For you", "ring"))
    area = made.ship_groups[0].ship_to.area
    assert (area.country, area.postcode_prefix) == ("DE", "531")


def test_each_person_is_a_subject_of_their_own() -> None:
    order = order_id("default", "webshop-eu", "1001")
    made = request(customer={"issuer": "webshop", "id": "c1"})
    assert made.buyer.subject == subject_id("default", "webshop", "c1")
    assert made.ship_groups[0].ship_to.personal.subject == guest_subject_id("default", order, "ship_to:1")
    assert request().buyer.subject == guest_subject_id("default", order, "buyer")


def test_who_may_collect_is_sealed_as_somebody_of_their_own() -> None:
    order = order_id("default", "webshop-eu", "1001")
    made = request(ship_groups=[PICKUP]).ship_groups[0]
    assert (made.method, made.location, made.ship_to) == ("pickup", "berlin", None)
    assert made.pickup_person.subject == guest_subject_id("default", order, "pickup_person:1")
    assert b"Ben" not in request(ship_groups=[PICKUP]).encode()
    assert request().ship_groups[0].pickup_person is None


def test_lines_keep_the_channels_id_beside_ours() -> None:
    lines = [{"line_id": f"x{n}", "sku": "A", "quantity": 1, "amount": 500} for n in (7, 3)]
    lines[1] |= {"relation": "gift_with", "parent": "x7"}
    made = request(lines=lines)
    assert [(line.line, line.channel_line, line.ship_group) for line in made.lines] == [
        ("1", "x7", "g"),
        ("2", "x3", "g"),
    ]
    assert made.lines[1].relates_to.line == "1"


def test_another_counter_or_person_is_another_body_of_the_order() -> None:
    first = request(ship_groups=[PICKUP]).fingerprint
    assert request(ship_groups=[PICKUP]).fingerprint == first
    for change in ({"location": "bonn"}, {"pickup_person": {"name": "Cay"}}, {"method": "carry_out"}):
        assert request(ship_groups=[PICKUP | change]).fingerprint != first


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"revision": 7}, True),
        ({"notes": "ring twice"}, True),
        ({"locale": "de"}, True),
        ({"lines": [{**PLAIN["lines"][0], "description": "A thing"}]}, True),
        ({"lines": [{**PLAIN["lines"][0], "quantity": 3}]}, False),
        ({"lines": [{**PLAIN["lines"][0], "amount": 999}]}, False),
        ({"ship_groups": [{"group": "g", "ship_to": {**ADDRESS, "city": "Berlin"}}]}, False),
        ({"cancel_after": "2026-02-01T00:00:00Z"}, False),
        ({"total": 1001}, False),
    ],
)
def test_the_fingerprint_covers_what_is_commercial(changes: dict[str, Any], same: bool) -> None:
    assert (request(**changes).fingerprint == request().fingerprint) is same


@pytest.mark.parametrize(
    ("stated", "kept"), [("Ada Lindqvist", "xxx xxxxxxxxx"), ("eur/USD", "eur/USD"), ("€", "€"), ("US$ 1", "xx$ 1")]
)
def test_what_is_no_currency_code_is_kept_without_what_may_be_a_name(stated: str, kept: str) -> None:
    made = request(currency=stated)
    assert (made.currency, made.stated_currency) == ("XXX", kept)


def test_another_currency_is_another_body_also_where_both_are_masked_alike() -> None:
    assert request(currency="points").fingerprint != request(currency="credit").fingerprint
    assert request(currency="points").stated_currency == request(currency="credit").stated_currency


def test_a_card_names_its_stored_method_and_who_holds_it() -> None:
    card = {"method": "card", "amount": 1000, "reference": "pm_1", "provider": "stripe"}
    [tender] = request(tenders=[card]).tenders
    assert (tender.reference, tender.provider) == ("pm_1", "stripe")
    assert request(tenders=[card]).fingerprint != request(tenders=[{**card, "provider": None}]).fingerprint


def test_what_is_bought_on_account_may_name_the_card_that_is_charged_when_it_is_due() -> None:
    on_account = {"method": "invoice", "amount": 1000, "reference": "PO 7", "provider": "stripe"}
    [tender] = request(tenders=[{**on_account, "card_on_file": "pm_1"}]).tenders
    assert (tender.reference, tender.card_on_file, tender.provider) == ("PO 7", "pm_1", "stripe")
    # and one that names none is the body that it always was
    assert b"card_on_file" not in request(tenders=[on_account]).encode()


def test_an_address_says_what_it_lacks() -> None:
    made = request(ship_groups=[{"group": "g", "ship_to": {"name": "Ada", "city": "Bonn"}}])
    assert made.ship_groups[0].address_missing == ("address_lines", "country")
    assert request(ship_groups=[]).ship_groups[0].address_missing == ("address",)


def test_two_lines_of_an_open_order_that_have_one_id_keep_each_its_own_progress() -> None:
    line = {"line_id": "1", "sku": "A", "amount": 500, "cancelled": 0}
    lines = [{**line, "quantity": 5, "fulfilled": 1}, {**line, "sku": "B", "quantity": 2, "fulfilled": 2}]
    body = {**PLAIN, "lines": lines, "system": "old-oms"}
    made = import_order(ChannelOrder.model_validate(body), OpenOrder.model_validate(body), "default", seal)
    assert [(each.line, each.fulfilled) for each in made.progress] == [("1", 1), ("2", 2)]


def test_the_code_of_a_gift_card_goes_no_further_than_the_door() -> None:
    typed = ("4111-1111-1111-1111", "4111 1111 1111 1111")
    made = [request(tenders=[{"method": "gift_card", "amount": 1000, "reference": code}]) for code in typed]
    assert [one.tenders[0].reference for one in made] == [gift_card_id("default", seal, "4111111111111111")] * 2
    assert all(b"1111-1111" not in one.encode() and not one.masked for one in made)


def test_store_credit_is_the_customer_s_own_whatever_is_said() -> None:
    mine = {"issuer": "webshop", "id": "c1"}
    tender = {"method": "store_credit", "amount": 1000, "reference": "somebody-else-s"}
    made = request(customer=mine, tenders=[tender])
    assert made.tenders[0].reference == store_credit_id("default", "webshop", "c1", "EUR")
    guest = request(tenders=[{"method": "store_credit", "amount": 1000, "reference": "c2"}])
    assert guest.tenders[0].reference is None
