"""The corpus at the door of `channel.orders`: each one dead letter with its bytes, and the rest goes on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given, settings

from chassis.doors import Door
from contracts.order import PlaceOrder
from contracts.topics import DEAD_LETTER_BYTES_MAX
from services.order.channel import ChannelDoor
from services.order.checks import findings
from tests.doors.fakes import NOON, KeptWriter, seal
from tests.poison import ODD_ORDERS, POISON, OddOrder, Poison, good_order
from tests.poison.making import bodies, weight

GOOD = good_order("after it")


def record(offset: int, key: bytes | None, value: bytes | None, headers: Any = ()) -> Any:
    return ConsumerRecord("channel.orders", 0, offset, 0, 0, key, value, None, 1, 1, headers)


def taken(*records: Any) -> list[Any]:
    """What the door writes of these, in order."""
    writer = KeptWriter()
    door = Door("channel.orders", writer, 4, clock=lambda: NOON)
    asyncio.run(ChannelDoor(door, seal, lambda why: None).take(records))
    return writer.records


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison.name)
def test_what_nobody_can_decode_is_one_dead_letter_with_its_bytes_and_the_rest_goes_on(poison: Poison) -> None:
    letter, order = taken(record(7, poison.key, poison.value, poison.headers), record(8, b"k", GOOD))
    assert (letter.topic, letter.key, letter.value) == ("order.dead-letters", poison.key or b"", poison.value or b"")
    first = dict(reversed(letter.headers))
    assert first["place"] == b"channel.orders/0/7"
    assert first["reason"]
    assert poison.reason in first["reason"].decode()
    assert weight(letter) < DEAD_LETTER_BYTES_MAX
    assert (order.topic, PlaceOrder.decode(order.value).external_id) == ("order.inbox", "after it")


@pytest.mark.parametrize("odd", ODD_ORDERS, ids=lambda odd: odd.name)
def test_an_order_with_odd_values_comes_in_and_is_held(odd: OddOrder) -> None:
    [order] = taken(record(7, odd.key, odd.value))
    command = PlaceOrder.decode(order.value)
    assert {finding.kind.value for finding in findings(command)} == odd.holds


@settings(max_examples=60, deadline=None)
@given(bodies())
def test_whatever_a_channel_sends_is_one_order_or_one_dead_letter(body: bytes) -> None:
    first, order = taken(record(7, b"k", body), record(8, b"k", GOOD))
    assert first.topic in {"order.inbox", "order.dead-letters"}
    if first.topic == "order.dead-letters":
        assert first.value == body
    else:
        assert json.loads(first.value)
    assert order.topic == "order.inbox"
