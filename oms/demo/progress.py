"""How far the orders of a run are, folded from order.events while they go their way."""

from __future__ import annotations

from collections.abc import Iterable

from oms.demo.stock import LateDelivery, Receipt
from oms.demo.tail import Seen

__all__ = ["LateGoods", "Progress"]

SOURCED_BY = frozenset({"HoldPlaced", "OrderConfirmed", "OrderCancelled"})
"""Events after which what an order has is on its way and the rest waits, so that late goods come apart from it. A decision
alone is not one: money may take its time, and then all would leave at once."""


class Progress:
    """Which orders of the run were placed, sourced (or held), confirmed, and closed. Ids are the orders' own; those of
    `staying` wait for goods that come after the run, those of `repaid` get money back after they were closed, those of `reopened` get goods and are closed again."""

    def __init__(
        self,
        orders: Iterable[str],
        staying: Iterable[str] = (),
        repaid: Iterable[str] = (),
        reopened: Iterable[str] = (),
    ) -> None:
        self.orders, self.staying = frozenset(orders), frozenset(staying)
        self._unpaid, self._unsent = set(repaid), set(reopened)
        self._reopened: set[str] = set()
        self.placed: set[str] = set()
        self.sourced: set[str] = set()
        self.confirmed: set[str] = set()
        self.closed: set[str] = set()

    def note(self, event: Seen) -> str | None:
        """Take in one event; the id of an order that is now sourced and was not before, else None."""
        if event.id not in self.orders:
            return None
        match event.name:
            case "OrderPlaced":
                self.placed.add(event.id)
            case "OrderConfirmed":
                self.confirmed.add(event.id)
            case "OrderCompleted" | "OrderCancelled":
                self.closed.add(event.id)
                self._unsent -= self._reopened & {event.id}
            case "OrderReopened":
                self._reopened.add(event.id)
            case "Refunded":
                self._unpaid.discard(event.id)
        if event.name in SOURCED_BY and event.id not in self.sourced:
            self.sourced.add(event.id)
            return event.id
        return None

    @property
    def unsettled(self) -> int:
        """Orders whose customers have not got yet what they want after it was closed at first."""
        return len(self._unpaid) + len(self._unsent)

    @property
    def done(self) -> bool:
        """Whether every order of the run is completed or cancelled, or stays open until after it."""
        return self.closed >= self.orders - self.staying


class LateGoods:
    """Late deliveries, each let in once every order it keeps waiting has been sourced without it."""

    def __init__(self, deliveries: Iterable[LateDelivery]) -> None:
        self._waiting = {late.receipt: set(late.orders) for late in deliveries}
        self._of_order: dict[str, list[Receipt]] = {}
        for receipt, orders in self._waiting.items():
            for order in orders:
                self._of_order.setdefault(order, []).append(receipt)

    def sourced(self, order: str) -> list[Receipt]:
        """The deliveries that may come now that this order was sourced as well."""
        due = []
        for receipt in self._of_order.pop(order, []):
            self._waiting[receipt].discard(order)
            if not self._waiting[receipt]:
                del self._waiting[receipt]
                due.append(receipt)
        return due
