"""Goods on their way to the locations of a run: what lies there at the start, what is announced, what comes late; and
what is sold as a kit.

Staff do it through the doors; that it has happened they see from inventory.events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from contracts.message import format_instant
from oms.demo.desk import Do
from oms.demo.door import Door
from oms.demo.kits import Kit, kit_sku
from oms.demo.run import Run
from oms.demo.stock import Receipt
from oms.demo.tail import Seen

__all__ = ["Goods"]

LINES_A_LOAD = 250
"""Articles that one call to the door brings."""


class Goods:
    """The deliveries and kits of one run: what was sent, and what has come of it."""

    def __init__(self, run: Run, door: Door, do: Do) -> None:
        self._run, self._door, self._do = run, door, do
        self._late = (*(late.receipt for late in run.plan.late), *run.plan.awaited)
        self.opening = {(receipt.document, receipt.sku) for receipt in run.plan.opening}
        self.expected = {(receipt.document, receipt.sku) for receipt in self._late}
        self.kits = {kit_sku(kit) for kit in run.kits}
        self.received: set[tuple[str, str]] = set()
        self.announced: set[tuple[str, str]] = set()
        self.described: set[str] = set()

    async def note(self, event: Seen) -> None:
        """Take in one event of inventory."""
        match event.name:
            case "StockReceived":
                self.received.add((event.value.get("document", ""), event.value["sku"]))
            case "SupplyExpected":
                self.announced.add((event.value["supply"], event.value["sku"]))
            case "ItemDescribed":
                self.described.add(event.value["sku"])

    async def open(self) -> None:
        """Have the opening stock brought, what comes late announced, and said what is sold as a kit."""
        await self.deliver(self._run.plan.opening)
        for receipt in self._late:
            await self._announce(receipt)
        for kit in self._run.kits:
            await self._describe(kit)

    @property
    def are_there(self) -> bool:
        """Whether inventory knows all that it has to know before the first order."""
        return self.opening <= self.received and self.expected <= self.announced and self.kits <= self.described

    async def deliver(self, receipts: Iterable[Receipt]) -> None:
        """Have goods brought to their locations, each delivery in loads of a limited size. How a delivery is cut into
        loads does not matter: its document is the key, and each article of it is received once."""
        deliveries: dict[str, list[Receipt]] = defaultdict(list)
        for receipt in receipts:
            deliveries[receipt.document].append(receipt)
        for delivery in deliveries.values():
            for first in range(0, len(delivery), LINES_A_LOAD):
                await self._bring(delivery[first : first + LINES_A_LOAD])

    async def _bring(self, load: Sequence[Receipt]) -> None:
        document = load[0].document
        lines = [self._line(receipt) for receipt in load]
        body = {"location": load[0].location, "document": document, "lines": lines}
        await self._do(lambda: self._door.post("/stock-items/receipts", body, document))

    def _line(self, receipt: Receipt) -> dict[str, Any]:
        """An article of a delivery; one that was announced says so."""
        line = {"sku": receipt.sku, "quantity": receipt.quantity, "unit": receipt.unit}
        announced = (receipt.document, receipt.sku) in self.expected
        return {**line, "supply": receipt.document} if announced else line

    async def _announce(self, receipt: Receipt) -> None:
        """Late goods are expected under the name of their delivery."""
        body = {
            "supply": receipt.document,
            "location": receipt.location,
            "quantity": receipt.quantity,
            "unit": receipt.unit,
            "expected_at": format_instant(self._run.expected_at),
        }
        path = f"/stock-items/{quote(receipt.sku, safe='')}/supplies"
        await self._do(lambda: self._door.post(path, body, f"{receipt.document}-{receipt.sku}"))

    async def _describe(self, kit: Kit) -> None:
        sku = kit_sku(kit)
        body = {"sku": sku, "components": [{"sku": component, "quantity": 1} for component in kit]}
        await self._do(lambda: self._door.post("/items", body, f"{self._run.name}-{sku}"))
