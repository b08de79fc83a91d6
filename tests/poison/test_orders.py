"""What a channel may send by the schema is placed, whatever stands in it: nothing of it crashes a decider, and what makes no
sense is on hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from chassis.handling import handle
from chassis.log import NewRecord, Record
from chassis.stream import fresh
from chassis.taking import Incoming
from contracts.envelope import Envelope
from contracts.message import CATALOGUE, Message
from contracts.order import HoldPlaced, OrderPlaced
from services.order.stream import ORDER
from tests.poison import ODD_ORDERS, OddOrder
from tests.poison.making import odd_orders
from tests.poison.test_channel import record, taken


def placed(command: NewRecord) -> list[Message]:
    """The events of an order's stream that is sent this first of all."""
    envelope = Envelope.parse(command.headers)
    came = Record(command.topic, command.partition, 0, envelope.time, command.key, command.value, command.headers)
    handled = handle("order", ORDER, fresh(ORDER, command.key.decode()), Incoming(came, envelope), lambda keys: {})
    return [CATALOGUE[event.envelope.type].decode(event.value) for event in handled.events]


@pytest.mark.parametrize("odd", ODD_ORDERS, ids=lambda odd: odd.name)
def test_an_order_with_odd_values_is_placed_and_held_for_each_of_them(odd: OddOrder) -> None:
    first, *others = placed(taken(record(7, odd.key, odd.value))[0])
    assert isinstance(first, OrderPlaced)
    assert {event.kind.value for event in others if isinstance(event, HoldPlaced)} == odd.holds


@settings(max_examples=60, deadline=None)
@given(odd_orders())
def test_whatever_comes_in_as_an_order_is_placed(body: bytes) -> None:
    (came,) = taken(record(7, b"k", body))
    if came.topic == "order.inbox":
        assert isinstance(placed(came)[0], OrderPlaced)
