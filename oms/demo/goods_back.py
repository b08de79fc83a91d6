"""Staff of warehouses who take back what customers send: they receive it, look at it, and put it on the shelf again.

Each deed follows from one event, under a document that is always the same.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from contracts.fulfillment import Disposition
from oms.demo.baskets import WAREHOUSES
from oms.demo.desk import Do
from oms.demo.door import Door
from oms.demo.people import draw
from oms.demo.tail import Seen

__all__ = ["GoodsBack"]


class GoodsBack:
    """Acts for the returns of one run's orders."""

    def __init__(self, door: Door, do: Do, orders: Collection[str]) -> None:
        self._door, self._do, self._orders = door, do, orders

    async def note(self, event: Seen) -> None:
        """Take in one event of fulfillment, and do what it calls for."""
        if event.name not in ("ReturnOpened", "ReturnReceived") or event.value.get("order_id") not in self._orders:
            return
        if event.name == "ReturnOpened":
            location = WAREHOUSES[draw(len(WAREHOUSES), "return", event.id)]
            await self._report(event.id, "receipts", location, [_item(line) for line in event.value["lines"]])
        else:
            items = [_item(item) | {"disposition": Disposition.RESTOCK.value} for item in event.value["items"]]
            await self._report(event.id, "inspections", event.value["location"], items)

    async def _report(self, identifier: str, step: str, location: str, items: list[dict[str, Any]]) -> None:
        document = f"{step}-{identifier}"
        body = {"document": document, "location": location, "items": items}
        await self._do(lambda: self._door.post(f"/returns/{identifier}/{step}", body, document))


def _item(line: dict[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in ("line", "sku", "quantity", "unit") if name in line}
