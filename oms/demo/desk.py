"""The order desk: people who accept a difference, and cancel for a customer, be it too late.

They learn of it from the public topics and answer through the public doors. What they do follows from one event, under
a key that is the same whenever it is done, so that nothing has to be remembered when a run is taken up again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from contracts.order import CancelReason, HoldKind
from oms.demo.door import Door
from oms.demo.tail import Seen

__all__ = ["Desk"]

ACCEPTED = {
    HoldKind.TOTAL_DIFFERS: "the customer pays what the channel said",
    HoldKind.TENDERS_DIFFER: "the customer pays what the channel said",
    HoldKind.CHANGE_REQUESTED: "asked the customer: it stays as it was ordered",
}
"""Holds that the desk releases, and what it says."""

CANCELLED = {
    HoldKind.MISSING_ADDRESS: "nobody answers under the number that the order names",
    HoldKind.PAYMENT_DECLINED: "the customer has no other card",
}
"""Holds that the desk can only end by a cancel."""

Do = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
"""Has a deed done by one of those who have their hands free."""


class Desk:
    """Acts for the orders of one run. `regretted` are those whose customers cancel when the goods have just been picked."""

    def __init__(self, door: Door, do: Do, orders: Collection[str], regretted: Collection[str]) -> None:
        self._door, self._do = door, do
        self._orders, self._regretted = orders, regretted

    async def note(self, event: Seen) -> None:
        """Take in one event of order or fulfillment, and do what it calls for."""
        if event.name == "HoldPlaced" and event.id in self._orders:
            await self._held(event.id, event.value["hold"], HoldKind(event.value["kind"]))
        elif event.name == "Picked" and event.value["order_id"] in self._regretted:
            await self._cancel(event.value["order_id"], "the customer has changed their mind")

    async def _held(self, order: str, hold: str, kind: HoldKind) -> None:
        if kind in ACCEPTED:
            path = f"/orders/{order}/holds/{hold}/release"
            await self._ask(path, {"detail": ACCEPTED[kind]}, f"release-{order}-{hold}")
        elif kind in CANCELLED:
            await self._cancel(order, CANCELLED[kind])

    async def _cancel(self, order: str, detail: str) -> None:
        body = {"cause": CancelReason.CUSTOMER.value, "detail": detail}
        await self._ask(f"/orders/{order}/cancel", body, f"cancel-{order}")

    async def _ask(self, path: str, body: dict[str, Any], key: str) -> None:
        await self._do(lambda: self._door.wish(path, body, key))
