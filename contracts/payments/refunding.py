"""Refunds: what was captured goes back to the tenders that paid it."""

from __future__ import annotations

from enum import StrEnum

from contracts.message import Command, Event, Value
from contracts.money import Money, RefundExecutor
from contracts.payments.paying import CaptureLine

__all__ = [
    "PaymentRefunded",
    "RefundPayment",
    "RefundRefusal",
    "RefundRefused",
    "RefundRepeated",
    "RefundReversed",
    "RefundStarted",
    "TenderRefund",
]


class RefundRefusal(StrEnum):
    """Why nothing, or not all, went back: more than is captured and not refunded; nothing was captured; the currency is
    another; no amount above zero; the refund's id names one of another amount; a provider refused it for good; a ledger of
    stored value refused it; what is left of what was captured is lost in a dispute, so the payer has it already."""

    ABOVE_CAPTURED = "above_captured"
    NOT_CAPTURED = "not_captured"
    WRONG_CURRENCY = "wrong_currency"
    NO_AMOUNT = "no_amount"
    CONFLICT = "conflict"
    PROVIDER = "provider"
    VALUE_REFUSED = "value_refused"
    CHARGED_BACK = "charged_back"


class TenderRefund(Value):
    """What of a refund goes back to one tender (its place among the tenders), out of one capture. `refund` is its id,
    uuid5 of (tenant, `refund`, payment, refund, capture). `executor` pays it: where that is the channel, it is told to.
    `reference` is the provider's or channel's name of the refund, or of the payment where it has none yet."""

    refund: str
    tender: int
    capture: str
    amount: Money
    executor: RefundExecutor = RefundExecutor.MERCHANT
    reference: str | None = None


class RefundPayment(Command):
    """Give `amount` back: for `lines` by unit ranges, and `other` such as shipping or goodwill. Known again by
    `refund`."""

    order_id: str
    refund: str
    amount: Money
    lines: tuple[CaptureLine, ...] = ()
    other: Money | None = None
    cause: str | None = None


class PaymentRefunded(Event):
    """`amount` went back to the tenders, those that were used last first; `refunded` is the total so far, `captured`
    what was taken in all. Answers the order."""

    order_id: str
    refund: str
    amount: Money
    lines: tuple[CaptureLine, ...] = ()
    other: Money | None = None
    cause: str | None = None
    refunds: tuple[TenderRefund, ...]
    refunded: Money
    captured: Money
    reply_to: str | None = None


class RefundStarted(Event):
    """`amount` is to go back by these parts, some of which somebody outside is asked for; `PaymentRefunded` or
    `RefundRefused` answers, which may take days."""

    order_id: str
    refund: str
    amount: Money
    lines: tuple[CaptureLine, ...] = ()
    other: Money | None = None
    cause: str | None = None
    refunds: tuple[TenderRefund, ...]
    reply_to: str | None = None


class RefundRepeated(Event):
    """The same refund was asked for again; nothing was given back. Answers the order."""

    order_id: str
    refund: str
    amount: Money
    reply_to: str | None = None


class RefundRefused(Event):
    """The refund did not happen, or only `refunded_part` of it did. Answers the order."""

    order_id: str
    refund: str
    amount: Money
    reason: RefundRefusal
    detail: str | None = None
    refunded_part: Money | None = None
    reply_to: str | None = None


class RefundReversed(Event):
    """The provider took back a part of a refund that it had made: `reversed` is with us again, `refunds` are the parts that
    went back still, `refunded` is the total so far of refunds that are whole. The refund rests until it is asked for again.
    Answers the order, unless the refund was under way: then `RefundRefused` does. `prepaid`: what went back was taken at the
    order, and no refund of the order's."""

    order_id: str
    refund: str
    key: str
    reversed: TenderRefund
    refunds: tuple[TenderRefund, ...] = ()
    refunded: Money
    provider: str
    code: str | None = None
    prepaid: bool = False
    reply_to: str | None = None
