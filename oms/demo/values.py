"""Gift cards and store credit of a run: what customers pay with, and who gives it out before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from contracts.channel import ChannelOrder, ChannelTender
from contracts.money import TenderMethod
from oms.demo.door import Door

__all__ = ["ROUND", "by_gift_card", "by_store_credit", "issue_values"]

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
