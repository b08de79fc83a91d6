"""What customers want of the order desk after they ordered: less of it, money off, or to send it back.

As at the desk's own holds, each deed follows from one event, under a key that is always the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.fulfillment import ReturnReason
from contracts.order import CancelReason, RefundCause
from oms.demo.desk import Do
from oms.demo.door import Door
from oms.demo.tail import Seen
from oms.demo.turns import Part, Turn

__all__ = ["Wishes"]

PERCENT_OFF = "10"

OF_A_LINE = frozenset({Turn.PARTLY_CANCELLED, Turn.RETURNED})
"""Turns in which customers want something of one line, that of the turn's article."""


class Wishes:
    """Acts for the orders of one run, by the turns that they take."""

    def __init__(self, door: Door, do: Do, parts: Mapping[str, Part]) -> None:
        self._door, self._do = door, do
        self._turn = {order: part.turn for order, part in parts.items()}
        self._of_turn = {order: part.skus[0] for order, part in parts.items() if part.turn in OF_A_LINE}
        self._line: dict[str, str] = {}

    async def note(self, event: Seen) -> None:
        """Take in one event of an order, and do what its customer wants then."""
        match event.name, self._turn.get(event.id):
            case "OrderPlaced", turn if turn in OF_A_LINE:
                lines = {line["sku"]: line["line"] for line in event.value["lines"]}
                self._line[event.id] = lines[self._of_turn[event.id]]
            case "LineBackordered", Turn.PARTLY_CANCELLED:
                if event.value["line"] == self._line[event.id]:
                    await self._no_longer_wanted(event)
            case "OrderCompleted", Turn.APPEASED:
                await self._appease(event.id)
            case "LinesDelivered", Turn.RETURNED:
                if self._line[event.id] in {move["line"] for move in event.value["moves"]}:
                    await self._send_back(event.id)

    async def _no_longer_wanted(self, event: Seen) -> None:
        """What is missing is not waited for; the rest is wanted as before."""
        lines = [{"line": event.value["line"], "quantity": event.value["quantity"]}]
        body = {"cause": CancelReason.CUSTOMER.value, "detail": "what is there will do", "lines": lines}
        await self._ask(f"/orders/{event.id}/cancel", body, f"less-{event.id}-{event.value['sequence']}")

    async def _appease(self, order: str) -> None:
        body = {"cause": RefundCause.APPEASEMENT.value, "percent": PERCENT_OFF, "reason": "the driver was late"}
        await self._ask(f"/orders/{order}/refunds", body, f"appease-{order}")

    async def _send_back(self, order: str) -> None:
        lines = [{"line": self._line[order], "quantity": 1, "reason": ReturnReason.CHANGED_MIND.value}]
        await self._ask(f"/orders/{order}/returns", {"lines": lines}, f"back-{order}")

    async def _ask(self, path: str, body: dict[str, Any], key: str) -> None:
        await self._do(lambda: self._door.wish(path, body, key))
