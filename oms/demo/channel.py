"""The channel: publishes the run's orders in their order in time, some of them more than once, some after a cart.

An order is sent to the topic, and one in so many to the HTTP door: both are one door.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from contracts.channel import ChannelOrder
from contracts.message import format_instant, to_milliseconds
from oms.demo.door import Door
from oms.demo.turns import Part, Turn

__all__ = ["Channel"]

BY_HTTP_EVERY = 20
"""The channel publishes orders to its topic, and calls the HTTP door with one in so many."""

PATIENCE = timedelta(seconds=20)
"""How long the customer of a lapsed order waits for what is missing, and how long goods are kept for a cart."""

EXPRESS = "express"


class Channel:
    """A channel that sends to a topic by `producer`, and to the doors by `door`; `shelves` says where articles lie that
    it may keep for carts."""

    def __init__(self, producer: Any, topic: str, door: Door, shelves: Mapping[str, str]) -> None:
        self._producer, self._topic, self._door, self._shelves = producer, topic, door, shelves
        self._sent = self._carts = 0

    async def send(self, order: ChannelOrder, part: Part | None) -> None:
        """Send an order as its turn wants it; waits when too much is on its way already."""
        match part.turn if part else None:
            case Turn.SENT_TWICE:
                await self._publish(order)
                await self._publish(order)
            case Turn.REVISED:
                await self._revise(order)
            case Turn.LAPSED:
                await self._publish(order.model_copy(update={"cancel_after": _soon()}))
            case Turn.IN_CART:
                await self._keep(order, part.skus[0] if part else "")
                await self._send(order)
            case _:
                await self._send(order)

    async def flush(self) -> None:
        """Returns once everything is sent."""
        await self._producer.flush()

    async def _send(self, order: ChannelOrder) -> None:
        self._sent += 1
        if self._sent % BY_HTTP_EVERY == 1:
            await self._door.post("/orders", json.loads(order.encode()), _key(order))
        else:
            await self._publish(order)

    async def _publish(self, order: ChannelOrder) -> None:
        """Queue the record; the producer itself waits when its buffer is full."""
        await self._producer.send(self._topic, order.encode(), _key(order).encode())

    async def _revise(self, order: ChannelOrder) -> None:
        """Once more with another service, and that again under a revision of its own."""
        groups = tuple(group.model_copy(update={"service_level": EXPRESS}) for group in order.ship_groups)
        await self._publish(order)
        for revision in (2, 3):
            await self._publish(order.model_copy(update={"revision": revision, "ship_groups": groups}))

    async def _keep(self, order: ChannelOrder, sku: str) -> None:
        """Keep a unit of a line for the cart that the order was; every other cart gives it back before the order is
        sent, of the rest it comes free by itself. A cart of its own each time, since none is opened again."""
        line, until = next(line for line in order.lines if line.sku == sku), format_instant(_soon())
        cart = {"channel_account": order.channel_account, "id": f"{order.external_id}-{until}", "line": line.line_id}
        goods = {"location": self._shelves[sku], "quantity": 1, "unit": line.unit, "soft_until": until}
        path = f"/stock-items/{quote(sku, safe='')}/claims"
        await self._door.post(path, {**cart, **goods}, f"keep-{cart['id']}")
        self._carts += 1
        if self._carts % 2:
            await self._door.post(f"{path}/release", cart, f"release-{cart['id']}")


def _key(order: ChannelOrder) -> str:
    return f"{order.channel_account}/{order.external_id}"


def _soon() -> datetime:
    return to_milliseconds(datetime.now(UTC) + PATIENCE)
