"""Gift cards and store credit of a run: what customers pay with, who gives it out before, and its books kept once more.

The books come from payments.events alone. Of each ledger, at every prefix: issued = available + held + spent + lapsed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.channel import ChannelOrder, ChannelTender
from contracts.money import TenderMethod
from oms.demo.door import Door
from oms.demo.summary import SHOWN_MAX, Check
from oms.demo.tail import Seen

__all__ = ["ROUND", "ValueBooks", "by_gift_card", "by_store_credit", "issue_values", "values_add_up"]

ROUND = 1_000
"""Cards and credit are given out in multiples of so many minor units: something is left on most."""


def by_gift_card(amount: int, order: str, rank: int = 1) -> ChannelTender:
    """What a gift card pays; its code follows from the order that it is bought for."""
    return ChannelTender(method=TenderMethod.GIFT_CARD, amount=amount, rank=rank, reference=f"DEMO-{order:0>11}")


def by_store_credit(amount: int) -> ChannelTender:
    """What the customer's own credit pays."""
    return ChannelTender(method=TenderMethod.STORE_CREDIT, amount=amount, rank=1)


async def issue_values(door: Door, orders: Iterable[ChannelOrder]) -> None:
    """Give out what these orders are paid with, once, before they are sent; raises DoorRefused."""
    await asyncio.gather(
        *(_issue(door, order, tender) for order in orders for tender in order.tenders if tender.method in _PATHS)
    )


_PATHS = {TenderMethod.GIFT_CARD: "gift-cards", TenderMethod.STORE_CREDIT: "store-credits"}


async def _issue(door: Door, order: ChannelOrder, tender: ChannelTender) -> None:
    worth = -(-tender.amount // ROUND) * ROUND
    body: dict[str, Any] = {"amount": worth, "currency": order.currency}
    if tender.method is TenderMethod.GIFT_CARD:
        body["code"] = tender.reference
    else:
        assert order.customer is not None, "credit is somebody's"
        body |= {"issuer": order.customer.issuer, "customer": order.customer.id}
    await door.post(f"/stored-values/{_PATHS[tender.method]}", body, f"value-{order.external_id}")


@dataclass(slots=True)
class _Ledger:
    issued: int = 0
    available: int = 0
    spent: int = 0
    lapsed: int = 0
    holds: Counter[str] = field(default_factory=Counter)


class ValueBooks:
    """A book for each gift card and each customer's credit. `wrong` says which events state something else; `events` is
    how many were booked."""

    def __init__(self) -> None:
        self._ledgers: dict[str, _Ledger] = defaultdict(_Ledger)
        self._orders: dict[str, str] = {}
        self.wrong: list[str] = []
        self.events = 0

    def note(self, event: Seen) -> None:
        """Book one event of payments, and compare what it states."""
        if event.name not in _MOVED:
            return
        self.events += 1
        ledger, value = self._ledgers[event.value["value"]], event.value
        amount = value.get("amount", {"amount": 0})["amount"]
        _MOVED[event.name](ledger, value.get("hold", ""), amount)
        self._orders[value.get("hold", "")] = value.get("order_id", "")
        stated = value.get("available")
        balanced = ledger.issued == ledger.available + ledger.holds.total() + ledger.spent + ledger.lapsed
        if (stated and stated["amount"] != ledger.available) or not balanced or ledger.available < 0:
            self.wrong.append(f"{event.id} after {event.name}: {ledger}")

    def held_for(self, over: Collection[str]) -> list[str]:
        """What is still held for these orders."""
        return [
            f"{self._orders[hold]}: {left} held"
            for ledger in self._ledgers.values()
            for hold, left in ledger.holds.items()
            if left and self._orders[hold] in over
        ]


def _issued(ledger: _Ledger, _: str, amount: int) -> None:
    ledger.issued += amount
    ledger.available += amount


def _held(ledger: _Ledger, hold: str, amount: int) -> None:
    ledger.holds[hold] += amount
    ledger.available -= amount


def _redeemed(ledger: _Ledger, hold: str, amount: int) -> None:
    ledger.holds[hold] -= amount
    ledger.spent += amount


def _released(ledger: _Ledger, hold: str, amount: int) -> None:
    ledger.holds[hold] -= amount
    ledger.available += amount


def _lapsed(ledger: _Ledger, _: str, amount: int) -> None:
    ledger.available -= amount
    ledger.lapsed += amount


_MOVED: Mapping[str, Callable[[_Ledger, str, int], None]] = {
    "ValueIssued": _issued,
    "ValueHeld": _held,
    "ValueRedeemed": _redeemed,
    "ValueReleased": _released,
    "ValueExpired": _lapsed,
}


def values_add_up(events: Iterable[Seen], over: Collection[str]) -> Check:
    """All of payments' events, in the order of their streams; nothing stays held for orders that are `over`."""
    books = ValueBooks()
    for event in events:
        books.note(event)
    says = "gift cards and store credit: issued is available, held, spent and lapsed, at every prefix"
    return Check(says, books.events, tuple([*books.wrong, *books.held_for(over)][:SHOWN_MAX]))
