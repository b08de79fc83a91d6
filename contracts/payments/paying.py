"""How an order is paid: securing money over its tenders, taking it for what was fulfilled, giving back the rest."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.message import Command, Event, Instant, Value
from contracts.money import CaptureTime, Money, Tender, TenderMethod

__all__ = [
    "ORDER_COMPLETE",
    "Authorization",
    "AuthorizationExpired",
    "AuthorizePayment",
    "Capability",
    "Capture",
    "CaptureLine",
    "CapturePayment",
    "CaptureRefusal",
    "CaptureRefused",
    "CaptureRepeated",
    "CaptureStarted",
    "CardDecline",
    "DeclineReason",
    "PaymentAuthorized",
    "PaymentCaptured",
    "PaymentDeclined",
    "PaymentPending",
    "PaymentRepeated",
    "PaymentStarted",
    "PaymentVoided",
    "VoidPayment",
]

ORDER_COMPLETE = "order_complete"
"""The cause of a void that ends what a complete order does not need."""


class Capability(StrEnum):
    """What an authorisation allows besides one capture up to its amount."""

    MULTI_CAPTURE = "multi_capture"
    OVER_CAPTURE = "over_capture"
    INCREMENTAL = "incremental"
    PARTIAL_VOID = "partial_void"


class DeclineReason(StrEnum):
    """Why nothing was authorised: the payment was voided before; tenders do not add up to the amount, or mix
    currencies; a method that we cannot take; it is known with other tenders; a card was declined; the money of a
    transfer did not come in time; a gift card or store credit was refused by its ledger."""

    VOIDED = "voided"
    DOES_NOT_ADD_UP = "does_not_add_up"
    MIXED_CURRENCIES = "mixed_currencies"
    UNSUPPORTED_METHOD = "unsupported_method"
    CONFLICT = "conflict"
    CARD_DECLINED = "card_declined"
    NOT_RECEIVED = "not_received"
    VALUE_REFUSED = "value_refused"


class CardDecline(StrEnum):
    """Why a provider refused, in our words whatever the provider's are. `fraud`: suspected by the provider or the bank;
    `do_not_honor`: the bank says no more than no; `limit_exceeded`: of the card or of the account; `incorrect_details`:
    number, date or check digits; `authentication_failed`: the payer did not confirm; `unsupported`: the card cannot be
    used for this, or what was asked cannot be done."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    EXPIRED_CARD = "expired_card"
    FRAUD = "fraud"
    DO_NOT_HONOR = "do_not_honor"
    LOST_OR_STOLEN = "lost_or_stolen"
    INCORRECT_DETAILS = "incorrect_details"
    LIMIT_EXCEEDED = "limit_exceeded"
    AUTHENTICATION_FAILED = "authentication_failed"
    UNSUPPORTED = "unsupported"
    OTHER = "other"


class CaptureRefusal(StrEnum):
    """Why nothing was captured: more than is authorised and not used; nothing was authorised; it was voided; the
    currency is another; the fulfilment and sequence name a capture of another amount; a card was declined, or a
    ledger of stored value refused. Asked for again after one of these two, it is tried again."""

    ABOVE_AUTHORIZED = "above_authorized"
    NOT_AUTHORIZED = "not_authorized"
    VOIDED = "voided"
    WRONG_CURRENCY = "wrong_currency"
    CONFLICT = "conflict"
    CARD_DECLINED = "card_declined"
    VALUE_REFUSED = "value_refused"


class Authorization(Value):
    """The right to take up to `amount` from a tender (its place among the tenders). `authorization` is its id, uuid5 of
    (tenant, `authorization`, payment, tender, number); `final` ones are followed by another once captured."""

    authorization: str
    tender: int
    method: TenderMethod
    amount: Money
    capture_time: CaptureTime
    capabilities: tuple[Capability, ...] = ()
    final: bool = False
    reference: str | None = None
    expires_at: Instant | None = None


class CaptureLine(Value):
    """The units [from_unit, to_unit) of an order's line, and their share of its amount."""

    line: str
    from_unit: int
    to_unit: int
    amount: Money


class Capture(Value):
    """What one tender (its place among the tenders) paid of a capture. `capture` is its id, uuid5 of
    (tenant, `capture`, payment, fulfillment, sequence, tender). `prepaid`: drawn on what the provider took at the order."""

    capture: str
    tender: int
    authorization: str
    amount: Money
    prepaid: bool = False


# Commands


class AuthorizePayment(Command):
    """Secure `amount` over the tenders, which must add up to it. Sent again with the same contents it changes
    nothing."""

    order_id: str
    amount: Money
    tenders: Annotated[tuple[Tender, ...], Field(min_length=1)]


class CapturePayment(Command):
    """Take `amount` for what was fulfilled: its lines by unit ranges, and `other` charges such as shipping. Known again
    by `fulfillment` and sequence: the id of what was fulfilled, as the order's `LinesFulfilled` says it."""

    order_id: str
    fulfillment: str
    sequence: int = 0
    amount: Money
    lines: tuple[CaptureLine, ...] = ()
    other: Money | None = None


class VoidPayment(Command):
    """Give back what is authorised and not captured. Taken in every state, never seen included: then an authorisation
    that comes later is declined. `cause` is ORDER_COMPLETE where the order took all that it needs: it may go on with an
    exchange, and secure more for that; absent where it was cancelled."""

    order_id: str
    cause: str | None = None


# Events


class PaymentAuthorized(Event):
    """`amount` is secured by these authorisations. Answers the order."""

    order_id: str
    amount: Money
    tenders: tuple[Tender, ...]
    authorizations: tuple[Authorization, ...]
    reply_to: str | None = None


class PaymentStarted(Event):
    """The amount is to be secured over the tenders, some of which somebody outside is asked for. `round` counts the
    attempts of the order, from 1."""

    order_id: str
    amount: Money
    tenders: tuple[Tender, ...]
    round: int
    reply_to: str | None = None


class PaymentPending(Event):
    """The same authorisation was asked for again while it is under way; its answer follows. Answers the order."""

    order_id: str
    amount: Money
    reply_to: str | None = None


class PaymentDeclined(Event):
    """Nothing was authorised. Answers the order."""

    order_id: str
    amount: Money
    reason: DeclineReason
    detail: str | None = None
    reply_to: str | None = None


class PaymentRepeated(Event):
    """The same authorisation was asked for again; nothing was done. Answers with what is authorised."""

    order_id: str
    amount: Money
    authorizations: tuple[Authorization, ...]
    reply_to: str | None = None


class PaymentCaptured(Event):
    """`amount` was taken for what was fulfilled, drawn on tenders by their rank; `captured` is the total so far,
    `remaining` what is still authorised. Answers the order."""

    order_id: str
    fulfillment: str
    sequence: int
    amount: Money
    lines: tuple[CaptureLine, ...]
    other: Money | None = None
    captures: tuple[Capture, ...]
    captured: Money
    remaining: Money
    reply_to: str | None = None


class CaptureStarted(Event):
    """`amount` is to be taken of these tenders, some of which somebody outside is asked for; `PaymentCaptured` or
    `CaptureRefused` answers."""

    order_id: str
    fulfillment: str
    sequence: int
    amount: Money
    lines: tuple[CaptureLine, ...]
    other: Money | None = None
    captures: tuple[Capture, ...]
    reply_to: str | None = None


class CaptureRepeated(Event):
    """The same capture was asked for again; nothing was taken. Answers the order."""

    order_id: str
    fulfillment: str
    sequence: int
    amount: Money
    reply_to: str | None = None


class CaptureRefused(Event):
    """Nothing was taken. Answers the order."""

    order_id: str
    fulfillment: str
    sequence: int
    amount: Money
    reason: CaptureRefusal
    remaining: Money | None = None
    reply_to: str | None = None


class AuthorizationExpired(Event):
    """An authorisation lapsed with `amount` of it not captured. Told to the order."""

    order_id: str
    authorization: str
    tender: int
    amount: Money
    reply_to: str | None = None


class PaymentVoided(Event):
    """What was authorised and not captured is given back: `amount`, absent when the payment was never seen (`seen`
    false). What was captured stays. Answers the order."""

    order_id: str
    seen: bool
    amount: Money | None = None
    captured: Money | None = None
    cause: str | None = None
    reply_to: str | None = None
