"""Whoever asks understands every answer: a stream parks behind a message that its kind does not take."""

from __future__ import annotations

import pytest

from contracts import fulfillment, inventory, payments, shipping
from contracts.message import CATALOGUE, Event
from services.order.stream import ORDER

NOT_FOR_ORDERS = {shipping.ShipmentCreated, shipping.SerialsAllotted}
"""The first only keeps who asked, the second answers a shipment."""

ANSWERS = [
    message
    for message in CATALOGUE.values()
    if message.__module__ in {module.__name__ for module in (inventory, fulfillment, shipping, payments)}
    and issubclass(message, Event)
    and "reply_to" in message.model_fields
    and message not in NOT_FOR_ORDERS
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.__name__)
def test_an_order_takes_every_answer_of_those_it_asks(answer: type[Event]) -> None:
    assert answer in ORDER.decide
