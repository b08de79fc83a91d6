"""Card numbers typed into texts are masked at the doors; what only looks like one is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

import contracts.chassis
import contracts.fulfillment
import contracts.inventory
import contracts.payments
import contracts.shipping  # noqa: F401 - every command is in the catalogue then
from chassis.card_numbers import LENGTH_MIN, TYPED, is_card_number, mask_text, mask_texts
from contracts.channel import ChannelOrder
from contracts.message import CATALOGUE, Command
from contracts.order import CancelOrder, PlaceHold
from contracts.personal import Personal, PersonalContent
from services.order.intake import place_order
from tests.doors.lookalikes import KINDS, taken_for_cards

CARDS = {
    "Visa": "4111111111111111",
    "Visa, another": "4242424242424242",
    "Mastercard": "5555555555554444",
    "Mastercard of the second range": "2223003122003222",
    "American Express": "378282246310005",
    "Diners Club": "30569309025904",
    "Diners Club, 36": "36227206271667",
    "Discover": "6011111111111117",
    "JCB": "3566002020360505",
    "UnionPay": "6200000000000005",
    "Maestro": "6759649826438453",
}
"""The numbers that card brands give to those who test."""

GAPS = ("", " ", "-", ".", " - ", "\N{NO-BREAK SPACE}", "\N{EN DASH}", "\n")


def grouped(number: str, gap: str) -> str:
    return gap.join(number[at : at + 4] for at in range(0, len(number), 4))


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_the_number_of_a_card_is_masked_however_it_is_grouped(card: str, gap: str) -> None:
    text = f"charge {grouped(card, gap)}, please"
    masked = mask_text(text)
    digits = [character for character in masked if character.isdecimal() or character == "*"]
    assert "".join(digits) == "*" * (len(card) - 4) + card[-4:]
    assert len(masked) == len(text)
    assert masked.startswith("charge ")
    assert masked.endswith(", please")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("4111 1111 1111 1111 12/27 123", "**** **** **** 1111 12/27 123"),
        ("no 7, 4111111111111111", "no 7, ************1111"),
        (";4111111111111111=27121010000?", ";************1111=27121010000?"),
        ("card:4111111111111111x", "card:************1111x"),
        ("4111111111111111 or 378282246310005", "************1111 or ***********0005"),
        ("4111111111111111", "************1111"),
    ],
)
def test_what_stands_beside_it_stays(text: str, left: str) -> None:
    assert mask_text(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # the check digit is wrong
        "9111111111111119",  # no issuer begins like this
        "4006381333931",  # a GTIN that begins like a card
        "+49 30 123456-78",
        "+380 44 123 456 710",
        "2026-01-31 09:30 to 2026-02-01 12:00",
        "ring 4 times; 12 34 56",
        "",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert mask_text(text) == text


@given(st.text(alphabet="0123456789 -.x4", max_size=60))
@example("39202839514293.001060114259")  # what stays of one number begins another
def test_what_is_masked_holds_no_card_number_any_more(text: str) -> None:
    masked = mask_text(text)
    assert len(masked) == len(text)
    assert mask_text(masked) == masked
    assert not any(
        is_card_number(masked[begin:end])
        for begin in range(len(masked))
        for end in range(begin + LENGTH_MIN, len(masked) + 1)
        if masked[begin:end].isdecimal()
        and not (begin and masked[begin - 1].isdecimal())
        and not masked[end : end + 1].isdecimal()
    )


def _seal(subject: str, content: PersonalContent) -> Personal:
    """Sealed so that a test can read it."""
    return Personal(subject=subject, ciphertext=content.model_dump_json(exclude_none=True))


CARD, LAST = "4111 1111 1111 1111", "**** **** **** 1111"


def _order(**changes: Any) -> ChannelOrder:
    plain: dict[str, Any] = {
        "channel_account": "web",
        "external_id": "5555555555554444",
        "channel": "web",
        "seller": "acme",
        "placed_at": "2026-01-05T09:00:00Z",
        "currency": "EUR",
        "lines": [{"line_id": "4242424242424242", "sku": "4242424242424242", "quantity": 1, "amount": 100}],
        "ship_groups": [{"group": "g", "ship_to": {"name": "Ada", "address_lines": ["1 Main St"], "country": "DE"}}],
        "tenders": [{"method": "invoice", "amount": 100}],
    }
    return ChannelOrder.model_validate({**plain, **changes})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"notes": f"use {CARD}"}, "notes"),
        ({"buyer": {"name": CARD}}, "buyer.name"),
        ({"bill_to": {"address_lines": ["Main St", CARD], "country": "DE"}}, "bill_to.address_lines.1"),
        ({"ship_groups": [{"group": "g", "gift_message": CARD}]}, "ship_groups.0.gift_message"),
        ({"ship_groups": [{"group": "g", "instructions": CARD}]}, "ship_groups.0.instructions"),
        ({"references": [{"system": "shop", "type": "attribute:note", "id": CARD}]}, "references.0.id"),
        (
            {"tenders": [{"method": "external", "amount": 100, "reference": CARD.replace(" ", "")}]},
            "tenders.0.reference",
        ),
        (
            {"lines": [{"line_id": "1", "sku": "A", "quantity": 1, "amount": 1, "description": CARD}]},
            "lines.0.description",
        ),
    ],
)
def test_an_order_goes_on_and_says_in_which_field_a_card_number_was(changes: dict[str, Any], field: str) -> None:
    placed = place_order(_order(**changes), "default", _seal)
    text = placed.encode().decode()
    assert placed.masked == (field,)
    assert CARD not in text
    assert CARD.replace(" ", "") not in text
    assert LAST in text or LAST.replace(" ", "") in text


def test_ids_skus_and_typed_references_stay_as_they_are() -> None:
    typed = [{"system": "shop", "type": kind, "id": "4242424242424242"} for kind in ("serial", "IMEI", "tracking")]
    placed = place_order(_order(references=typed), "default", _seal)
    assert placed.masked == ()
    assert placed.external_id == "5555555555554444"
    assert (placed.lines[0].channel_line, placed.lines[0].sku) == ("4242424242424242", "4242424242424242")
    assert {one.id for one in placed.references} == {"4242424242424242"}


def test_the_same_order_again_is_the_same_order() -> None:
    first = place_order(_order(notes=CARD), "default", _seal)
    assert first.digest() == place_order(_order(notes=CARD), "default", _seal).digest()


def test_what_people_say_of_an_order_is_masked_too() -> None:
    held, fields = mask_texts(PlaceHold(detail=f"customer paid by {CARD}", lines=("4242424242424242",)))
    assert (held.detail, held.lines, fields) == (f"customer paid by {LAST}", ("4242424242424242",), ("detail",))
    ours = CancelOrder(detail="12345678-4111-4111-8111-111111111111")
    assert mask_texts(ours) == (ours, ())
    plain = CancelOrder(detail="ordered twice")
    assert mask_texts(plain) == (plain, ())
    assert mask_texts(plain)[0] is plain


def _texts(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[str]:
    """The names of all fields of a message, parts included."""
    names = set(model.model_fields) | {f"{model.__name__}.{name}" for name in model.model_fields}
    seen.add(model)
    for field in model.model_fields.values():
        for part in _models(field.annotation):
            if part not in seen:
                names |= _texts(part, seen)
    return names


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [part for argument in getattr(annotation, "__args__", ()) for part in _models(argument)]


def test_every_exemption_is_of_a_field_that_there_is() -> None:
    commands = [model for model in CATALOGUE.values() if issubclass(model, Command | ChannelOrder)]
    names = set().union(*(_texts(model, set()) for model in commands))
    assert {"door_digest"} >= TYPED - names


@pytest.mark.parametrize("kind", KINDS)
def test_what_only_looks_like_a_card_number_is_seldom_taken_for_one(kind: str) -> None:
    count = 2_000
    most = {
        "SSCC": 0.002,
        "GTIN-14": 0.01,
        "order number 3-7-7": 0.01,
        "tracking number": 0.01,
        "16 digits at random": 0.04,
    }
    assert taken_for_cards(kind, count) <= most.get(kind, 0.0) * count
