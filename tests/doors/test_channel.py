"""The door of channels, without servers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from chassis.doors import Door
from chassis.sealing import open_sealed
from contracts.envelope import Envelope
from contracts.ids import aggregate_id
from contracts.order import CancelByChannel, ChannelUnits, PlaceOrder
from services.order.channel import ChannelDoor
from tests.doors.fakes import KEY, NOON, KeptWriter, seal

ORDER_ID = aggregate_id("default", "order", "webshop-eu", "1001")
CHANNEL_ORDER: dict[str, Any] = {
    "channel_account": "webshop-eu",
    "external_id": "1001",
    "revision": 1,
    "channel": "web",
    "seller": "acme",
    "placed_at": "2026-01-05T09:00:00Z",
    "currency": "EUR",
    "buyer": {"name": "Ada Lindqvist", "email": "ada@example.org"},
    "lines": [{"line_id": "a", "sku": "SKU-1", "quantity": 1, "amount": 1000}],
}


def _record(value: bytes | None, headers: Any = ()) -> Any:
    return ConsumerRecord("channel.orders", 0, 7, 0, 0, b"webshop-eu", value, None, 1, 1, headers)


def _take(writer: KeptWriter, *records: Any) -> list[str | None]:
    said: list[str | None] = []
    door = Door("channel.orders", writer, 4, clock=lambda: NOON)
    asyncio.run(ChannelDoor(door, seal, said.append).take(records))
    return said


def test_an_order_enters_sealed_under_its_published_id() -> None:
    writer = KeptWriter()
    _take(writer, _record(json.dumps(CHANNEL_ORDER).encode(), (("ce_time", b"1999-01-01T00:00:00Z"),)))
    (record,) = writer.records
    envelope = Envelope.parse(record.headers)
    assert (record.topic, record.key) == ("order.inbox", f"order/{ORDER_ID}".encode())
    assert envelope.id == "3e732df6-1c75-5b40-b28b-bc565ef8f1ad"
    assert envelope.time == NOON
    placed = PlaceOrder.decode(record.value)
    assert b"Ada" not in record.value
    assert placed.buyer is not None
    assert open_sealed(KEY, placed.buyer).email == "ada@example.org"


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff\xfe",
        b"[]",
        json.dumps({**CHANNEL_ORDER, "placed_at": "yesterday"}).encode(),
        json.dumps({**CHANNEL_ORDER, "tenders": [{"method": "invoice", "amount": 1, "rank": 10**17}]}).encode(),
        b'{"notes": "' + b"x" * 5_000_000 + b'"}',
    ],
)
def test_what_is_no_order_is_kept_as_it_came_and_the_rest_goes_on(value: bytes | None) -> None:
    writer = KeptWriter()
    _take(writer, _record(value, (("odd", b"\xff"), ("none", None))), _record(json.dumps(CHANNEL_ORDER).encode()))
    letter, order = writer.records
    headers = dict(letter.headers)
    assert (letter.topic, letter.partition, letter.value) == ("order.dead-letters", 0, value or b"")
    assert headers["place"] == b"channel.orders/0/7"
    assert headers["reason"]
    assert (headers["original-odd"], headers["original-none"]) == (b"\xff", b"")
    assert order.topic == "order.inbox"


CHANNEL_CANCEL: dict[str, Any] = {
    "channel_account": "webshop-eu",
    "external_id": "1001",
    "cancel": "c-7",
    "lines": [{"line_id": "a", "quantity": 1}],
}


def test_a_cancel_enters_the_stream_of_its_order_under_a_name_of_its_own() -> None:
    writer = KeptWriter()
    _take(writer, _record(json.dumps(CHANNEL_ORDER).encode()), _record(json.dumps(CHANNEL_CANCEL).encode()))
    _take(writer, _record(json.dumps(CHANNEL_CANCEL).encode()))
    order, cancel, again = writer.records
    assert (cancel.topic, cancel.key) == ("order.inbox", order.key)
    assert CancelByChannel.decode(cancel.value) == CancelByChannel(
        cancel="c-7", lines=(ChannelUnits(channel_line="a", quantity=1),)
    )
    ids = [Envelope.parse(record.headers).id for record in (order, cancel, again)]
    assert ids[1] == ids[2] != ids[0]


@pytest.mark.parametrize("wrong", [{"lines": [{"line_id": "a", "quantity": 0}]}, {"cause": "boredom"}, {"cancel": ""}])
def test_a_cancel_that_cannot_be_read_is_kept_with_what_is_wrong_with_it(wrong: dict[str, Any]) -> None:
    writer = KeptWriter()
    _take(writer, _record(json.dumps({**CHANNEL_CANCEL, **wrong}).encode()))
    [letter] = writer.records
    assert letter.topic == "order.dead-letters"
    assert next(iter(wrong)).encode() in dict(letter.headers)["reason"]


def test_an_order_that_grows_too_large_behind_the_door_is_kept_as_it_came_and_the_rest_goes_on() -> None:
    charges = [{"kind": "fee", "amount": 1}] * 100
    lines = [{**CHANNEL_ORDER["lines"][0], "line_id": str(number), "charges": charges} for number in range(600)]
    writer = KeptWriter()
    large = json.dumps({**CHANNEL_ORDER, "lines": lines}).encode()
    _take(writer, _record(large), _record(json.dumps(CHANNEL_ORDER).encode()))
    letter, order = writer.records
    assert (letter.topic, letter.value, order.topic) == ("order.dead-letters", large, "order.inbox")
    assert b"bytes" in dict(letter.headers)["reason"]


def test_the_reason_of_a_dead_letter_names_fields_and_no_person() -> None:
    writer = KeptWriter()
    _take(writer, _record(json.dumps({**CHANNEL_ORDER, "buyer": {"name": 5, "email": ["ada@example.org"]}}).encode()))
    reason = dict(writer.records[0].headers)["reason"]
    assert b"buyer.email" in reason
    assert b"ada@" not in reason


def test_an_order_is_kept_while_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.streaming.RETRY_SECONDS", 0)
    writer = KeptWriter(away=2)
    said = _take(writer, _record(json.dumps(CHANNEL_ORDER).encode()))
    assert said == ["the broker is away", "the broker is away", None]
    assert len(writer.records) == 1
