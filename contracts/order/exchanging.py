"""Exchanges: goods come back, others go out, and one difference is paid.

What comes back is a return, what goes out are lines of the same order, and both belong to one change of it. The money for
what comes back is not paid out but set against the lines; these events say how much of it, and what becomes of the rest.
"""

from __future__ import annotations

from enum import StrEnum

from contracts.fulfillment import ReturnReason
from contracts.message import Event, Value
from contracts.money import Money

__all__ = [
    "CreditApplied",
    "CreditCharged",
    "CreditPaidOut",
    "ExchangeAgreed",
    "ExchangeSend",
    "ExchangeWish",
]


class ExchangeSend(StrEnum):
    """When the goods of an exchange leave: once those that they are sent for are back and looked at; or at once, with
    the worth of what has not come back secured until it has."""

    ON_RECEIPT = "on_receipt"
    AT_ONCE = "at_once"


class ExchangeWish(Value):
    """So many units of a line are to come back, and why. With `sku` as many of that article go out for them, at what was
    paid for these. Of a kit's line whole kits."""

    line: str
    quantity: int
    reason: ReturnReason
    sku: str | None = None


class ExchangeAgreed(Event):
    """The `lines`, worth `worth`, are sent for what return `number` brings back, for which `credit` is expected: less
    where it comes worn, or does not come. Never more than `worth` is taken for them."""

    change: str
    number: int
    lines: tuple[str, ...]
    send: ExchangeSend
    credit: Money
    worth: Money


class CreditApplied(Event):
    """So much of what is owed for what left (`fulfillment`) is paid by the customer's credit for goods that come back:
    also for those that have still to come, so that the credit may be below zero while goods are out both ways."""

    change: str
    fulfillment: str
    amount: Money


class CreditCharged(Event):
    """Goods that were to come back did not, or are worth less: so much of what was paid by credit is taken by a capture
    instead, under the id `fulfillment`."""

    change: str
    fulfillment: str
    amount: Money


class CreditPaidOut(Event):
    """So much of the credit is more than the lines of the exchange need: `refund` pays it out."""

    change: str
    refund: str
    amount: Money
