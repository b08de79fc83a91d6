"""Staff who look after the shelves: what broke is taken out, and what a picker did not find is found.

As at the order desk, each deed follows from one event, under a key that is always the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from contracts.inventory import AdjustmentReason, StockStatus
from oms.demo.desk import Do
from oms.demo.door import Door
from oms.demo.tail import Seen

__all__ = ["Shelves"]


class Shelves:
    """Acts for the stock of one run. `fragile` says by order of which article a unit breaks that was kept for it."""

    def __init__(self, door: Door, do: Do, orders: Collection[str], fragile: Mapping[str, str]) -> None:
        self._door, self._do = door, do
        self._orders, self._fragile = orders, dict(fragile)

    async def note(self, event: Seen) -> None:
        """Take in one event of inventory, and do what it calls for."""
        order = event.value.get("demand", {}).get("id")
        if event.name == "StockReserved" and self._fragile.get(order) == event.value["sku"]:
            del self._fragile[order]
            await self._adjust(event, 1, AdjustmentReason.DAMAGED, StockStatus.SELLABLE, f"damaged-{order}")
        elif event.name == "StockPicked" and order in self._orders and event.value["short"]:
            document = f"found-{event.value['fulfillment_order']}-{event.value['sku']}"
            await self._adjust(event, event.value["short"], AdjustmentReason.CLEARED, StockStatus.SUSPECT, document)

    async def _adjust(
        self, event: Seen, quantity: int, reason: AdjustmentReason, status: StockStatus, document: str
    ) -> None:
        sku, place, unit = (event.value[name] for name in ("sku", "location", "unit"))
        body: dict[str, Any] = {
            "location": place,
            "quantity": quantity,
            "unit": unit,
            "reason": reason.value,
            "status": status.value,
            "document": document,
        }
        path = f"/stock-items/{quote(sku, safe='')}/adjustments"
        await self._do(lambda: self._door.post(path, body, document))
