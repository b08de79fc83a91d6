"""What customers want of the order desk after they ordered: less of it, money off, another, or to send it back.

As at the desk's own holds, each deed follows from what the topics say, under a key that is always the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.fulfillment import ReturnReason
from contracts.order import CancelReason, ExchangeSend, RefundCause, RefundTo
from oms.demo.desk import Do
from oms.demo.door import Door
from oms.demo.tail import Seen
from oms.demo.turns import EXCHANGES, Part, Turn, other_size

__all__ = ["Wishes"]

PERCENT_OFF = "10"

DEARER = 50
"""What the other size of an article costs more than was paid for a unit, in minor units."""

OF_A_LINE = frozenset({Turn.PARTLY_CANCELLED, Turn.RETURNED, Turn.REPLACED, *EXCHANGES})
"""Turns in which customers want something of one line, that of the turn's article."""


HAVE_ANOTHER = frozenset({Turn.REPLACED, *EXCHANGES})
"""Turns in which another unit is wanted for one of the line."""


class Wishes:
    """Acts for the orders of one run, by the turns that they take."""

    def __init__(self, door: Door, do: Do, parts: Mapping[str, Part]) -> None:
        self._door, self._do = door, do
        self._turn = {order: part.turn for order, part in parts.items()}
        self._of_turn = {order: part.skus[0] for order, part in parts.items() if part.turn in OF_A_LINE}
        self._line: dict[str, str] = {}
        self._paid: dict[str, int] = {}
        self._completed: set[str] = set()
        self._delivered: set[str] = set()

    async def note(self, event: Seen) -> None:
        """Take in one event of an order, and do what its customer wants then."""
        match event.name, self._turn.get(event.id):
            case "OrderPlaced", turn if turn in OF_A_LINE:
                line = next(each for each in event.value["lines"] if each["sku"] == self._of_turn[event.id])
                self._line[event.id], self._paid[event.id] = line["line"], _paid_for_one(line)
            case "LineBackordered", Turn.PARTLY_CANCELLED:
                if event.value["line"] == self._line[event.id]:
                    await self._no_longer_wanted(event)
            case "OrderCompleted", Turn.APPEASED:
                await self._appease(event.id)
            case "LinesDelivered", Turn.RETURNED:
                if self._is_of_the_line(event):
                    await self._send_back(event.id)
            case (("LinesDelivered" | "OrderCompleted"), turn) if turn in HAVE_ANOTHER:
                await self._have_another(event)
            case "ChangeProposed", turn if turn in EXCHANGES:
                number = event.value["change"]
                await self._ask(f"/orders/{event.id}/changes/{number}/confirm", {}, f"agree-{event.id}-{number}")

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

    def _is_of_the_line(self, event: Seen) -> bool:
        return self._line[event.id] in {move["line"] for move in event.value["moves"]}

    async def _have_another(self, event: Seen) -> None:
        """Once the line is delivered, and all of the order is paid for: what is not paid is neither credited nor sent
        again."""
        order = event.id
        if event.name == "OrderCompleted":
            self._completed.add(order)
        elif self._is_of_the_line(event):
            self._delivered.add(order)
        if order in self._completed and order in self._delivered:
            await (self._exchange(order) if self._turn[order] in EXCHANGES else self._send_again(order))

    async def _exchange(self, order: str) -> None:
        paid = self._paid[order]
        other = {
            "line_id": "other-size",
            "sku": other_size(self._of_turn[order]),
            "quantity": 1,
            "amount": paid + DEARER if self._turn[order] is Turn.EXCHANGED else paid // 2,
            "tax_included": True,
        }
        back = {"line": self._line[order], "quantity": 1, "reason": ReturnReason.DID_NOT_FIT.value}
        body = {"returns": [back], "added": [other], "send": ExchangeSend.ON_RECEIPT.value}
        await self._ask(f"/orders/{order}/changes", body, f"exchange-{order}")

    async def _send_again(self, order: str) -> None:
        body = {
            "cause": RefundCause.DAMAGED.value,
            "lines": [{"line": self._line[order], "quantity": 1}],
            "to": RefundTo.REPLACEMENT.value,
            "reason": "it came broken",
        }
        await self._ask(f"/orders/{order}/refunds", body, f"again-{order}")

    async def _ask(self, path: str, body: dict[str, Any], key: str) -> None:
        await self._do(lambda: self._door.wish(path, body, key))


def _paid_for_one(line: Mapping[str, Any]) -> int:
    """What was paid for a unit of a line as it was placed, taxes included, in minor units: a part of one goes up."""
    parts = [line, *line.get("charges", ()), *(() if line["tax_included"] else line.get("taxes", ()))]
    paid: int = sum(part["amount"]["amount"] for part in parts)
    quantity: int = line["quantity"]
    return -(-paid // quantity)
