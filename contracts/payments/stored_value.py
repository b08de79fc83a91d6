"""Stored value: ledgers of our own that pay for orders, a gift card each or a customer's store credit in one currency.

A gift card is known by its code, which is money to whoever has it: it stands in no message (`gift_codes.py`). Amounts are money in minor units of the ledger's one
currency. At every prefix issued = available + held + redeemed + expired.
"""

from __future__ import annotations

from enum import StrEnum

from contracts.message import Command, Event, Instant
from contracts.money import Money

__all__ = [
    "BlockValue",
    "HoldValue",
    "IssueCause",
    "IssueValue",
    "RedeemValue",
    "ReleaseValue",
    "UnblockValue",
    "ValueBlocked",
    "ValueExpired",
    "ValueHeld",
    "ValueIssued",
    "ValueKind",
    "ValueRedeemed",
    "ValueRefusal",
    "ValueRefused",
    "ValueReleased",
    "ValueRepeated",
    "ValueUnblocked",
]


class ValueKind(StrEnum):
    """What a ledger is: a gift card, for whoever has its code, or a customer's credit."""

    GIFT_CARD = "gift_card"
    STORE_CREDIT = "store_credit"


class IssueCause(StrEnum):
    """Why value is issued: somebody paid for it; an order's money comes back; to make something good; to win a customer;
    it was good in another system."""

    SOLD = "sold"
    REFUND = "refund"
    GOODWILL = "goodwill"
    PROMOTION = "promotion"
    IMPORTED = "imported"


class ValueRefusal(StrEnum):
    """Why nothing was done: nothing was ever issued; it is blocked; less is available or held; the currency is another;
    no amount above zero; the id names something of another content; it was released before."""

    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    INSUFFICIENT = "insufficient"
    WRONG_CURRENCY = "wrong_currency"
    NO_AMOUNT = "no_amount"
    CONFLICT = "conflict"
    RELEASED = "released"


# Commands


class IssueValue(Command):
    """Add `amount` to a ledger, opening it where it is new. Known again by `entry`; a refund's is its part's id.

    `issuer` and `customer` name whose credit it is, `ending` the last four symbols of a code. `expires_at` is when what
    is not held then lapses; without one what was said before stays.
    """

    kind: ValueKind
    entry: str
    amount: Money
    cause: IssueCause
    issuer: str | None = None
    customer: str | None = None
    ending: str | None = None
    expires_at: Instant | None = None
    order_id: str | None = None


class HoldValue(Command):
    """Keep `amount` for an order, so that nobody else spends it. Known again by `hold`, the id of the order's
    authorisation."""

    hold: str
    order_id: str
    amount: Money


class RedeemValue(Command):
    """Spend `amount` of a hold for what was fulfilled. Known again by `capture`."""

    hold: str
    capture: str
    order_id: str
    amount: Money


class ReleaseValue(Command):
    """Give back what a hold still keeps. Taken in every state, never held included: then a hold that comes later is
    refused."""

    hold: str
    order_id: str


class BlockValue(Command):
    """Let nobody hold anything of it any more, such as of a stolen card. What is held stays held."""

    detail: str


class UnblockValue(Command):
    """Let it be spent again."""

    detail: str


# Events


class ValueIssued(Event):
    """`amount` was added to a ledger; `available` is what may be held after it. Answers who asked."""

    value: str
    kind: ValueKind
    entry: str
    amount: Money
    available: Money
    cause: IssueCause
    issuer: str | None = None
    customer: str | None = None
    ending: str | None = None
    expires_at: Instant | None = None
    order_id: str | None = None
    reply_to: str | None = None


class ValueHeld(Event):
    """`amount` is kept for an order. Answers who asked."""

    value: str
    hold: str
    order_id: str
    amount: Money
    available: Money
    reply_to: str | None = None


class ValueRedeemed(Event):
    """`amount` of a hold was spent; `held` is what it still keeps. Answers who asked."""

    value: str
    hold: str
    capture: str
    order_id: str
    amount: Money
    held: Money
    reply_to: str | None = None


class ValueReleased(Event):
    """A hold ended, and `amount` of it is available again; absent when nothing was ever held under it. Answers who
    asked."""

    value: str
    hold: str
    order_id: str
    amount: Money | None = None
    available: Money | None = None
    reply_to: str | None = None


class ValueExpired(Event):
    """`amount` lapsed: all that was available at the ledger's time, or what came back from a hold after it."""

    value: str
    kind: ValueKind
    amount: Money


class ValueBlocked(Event):
    """Nothing of it may be held any more."""

    value: str
    detail: str


class ValueUnblocked(Event):
    """It may be spent again."""

    value: str
    detail: str


class ValueRepeated(Event):
    """The same was asked for again (`request` is the command's name); nothing was done. `about` is the entry, hold or
    capture. Answers who asked."""

    value: str
    request: str
    about: str
    reply_to: str | None = None


class ValueRefused(Event):
    """Nothing was done of what was asked for (`request` is the command's name). `available` is what may be held. Answers
    who asked."""

    value: str
    request: str
    about: str | None = None
    reason: ValueRefusal
    available: Money | None = None
    reply_to: str | None = None
