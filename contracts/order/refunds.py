"""Refunds: what the customer is to get back (the decision), and what they got back (the money).

Two events keep them apart: `RefundGranted` posts a credit of the customer, `Refunded` takes it out again. At every
moment what was captured and not refunded is the value that the customer keeps and this credit.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.message import Command, Event, Instant, Value
from contracts.money import DecimalText, Money
from contracts.payments import RefundRefusal, TenderRefund

__all__ = [
    "ApproveRefund",
    "DeclineRefund",
    "GrantRefund",
    "IfShort",
    "LineUnits",
    "RefundApprover",
    "RefundCause",
    "RefundChangeRefusal",
    "RefundChangeRefused",
    "RefundContents",
    "RefundDecline",
    "RefundDeclined",
    "RefundFailed",
    "RefundGranted",
    "RefundLimits",
    "RefundLine",
    "RefundProposed",
    "RefundTo",
    "RefundUnits",
    "RefundWithdrawn",
    "Refunded",
    "ReplacedUnits",
    "ReplacementGivenUp",
    "ReplacementGranted",
    "RetryRefund",
    "WithdrawRefund",
]

Positive = Annotated[int, Field(gt=0)]


class RefundCause(StrEnum):
    """Why the customer gets money back. `returned`: goods came back; `returned_at_fault`: goods came back that were
    defective, damaged, wrong or not as described; `cancelled`: units were given up after their money was taken; `changed`: the order is worth less now; `missing`, `damaged`, `wrong_item`, `lost`: a claim, the
    merchant's fault, the goods stay where they are; `appeasement`: goodwill, an amount off and no units; `exchanged`: what
    came back is worth more than what was sent for it."""

    RETURNED = "returned"
    RETURNED_AT_FAULT = "returned_at_fault"
    CANCELLED = "cancelled"
    CHANGED = "changed"
    MISSING = "missing"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    LOST = "lost"
    APPEASEMENT = "appeasement"
    EXCHANGED = "exchanged"


class RefundTo(StrEnum):
    """What the customer gets: money, back to what was paid with, or into their store credit, where the order has a
    customer; or, of a claim, the goods again (`replacement`) and no money; what comes back in an exchange pays for what is
    sent for it (`exchange`)."""

    ORIGINAL = "original"
    STORE_CREDIT = "store_credit"
    REPLACEMENT = "replacement"
    EXCHANGE = "exchange"


class IfShort(StrEnum):
    """What becomes of a replacement that nobody has: it waits for supply, or its units are paid back instead."""

    WAIT = "wait"
    REFUND = "refund"


class RefundApprover(StrEnum):
    """For whom somebody speaks who grants or approves a refund: how much they may give depends on it."""

    CSR = "csr"
    FINANCE = "finance"


class RefundLimits(Value):
    """How much somebody may give back of one order, where a seller's settings say it: `alone`, and of what another
    proposed (`approves`), by currency; in others nothing. `approves_any`: whatever another proposed."""

    alone: tuple[Money, ...]
    approves: tuple[Money, ...] = ()
    approves_any: bool = False


class RefundUnits(Value):
    """Units of a line, by number: which of them is decided by what left and was not paid back."""

    line: str
    quantity: Positive


class LineUnits(Value):
    """The units [from_unit, to_unit) of a line."""

    line: str
    from_unit: int
    to_unit: int


class ReplacedUnits(LineUnits):
    """Units that are sent again, as those of the line `by` from `by_from` on."""

    by: str
    by_from: int


class RefundLine(Value):
    """The units [from_unit, to_unit) of a line that are paid back, and what was paid for them themselves."""

    line: str
    from_unit: int
    to_unit: int
    amount: Money


class RefundContents(Value):
    """What a refund is made of. `amount` is what the customer gets: the `lines`, with `other` (their share of the
    charges of order and ship groups; of an appeasement all of it), less `fee`, which the merchant keeps.

    `withheld` of `other` had been kept with earlier refunds, until all goods that it was charged for came back.
    `number` counts the refunds of an order from 1; `refund` is the id by which payments know it. Where units are claimed
    that were sent instead of others, `claimed` names those, and `lines` the ones that were paid for. Of a claim that is
    met by the goods again (`to` a replacement) `amount` is what it would be in money, and `if_short` what becomes of it
    where nobody has them."""

    refund: str
    number: int
    cause: RefundCause
    lines: tuple[RefundLine, ...] = ()
    other: Money
    withheld: Money | None = None
    fee: Money | None = None
    amount: Money
    to: RefundTo = RefundTo.ORIGINAL
    reason: str | None = None
    claimed: tuple[LineUnits, ...] | None = None
    if_short: IfShort | None = None


# Commands


class GrantRefund(Command):
    """Somebody wants the customer to get money back: for `lines` that need not come back, or an `amount` or `percent`
    (of what was taken and not given back) as an appeasement. Above what `approver` may give alone, a second person has
    to approve; `limits` say how much, where the seller's settings do. No name of a person in `reason`. With `to` a
    replacement the units are sent again instead, and `if_short` says what becomes of those that nobody has."""

    cause: RefundCause
    lines: tuple[RefundUnits, ...] = ()
    amount: Money | None = None
    percent: DecimalText | None = None
    to: RefundTo = RefundTo.ORIGINAL
    reason: str
    approver: RefundApprover = RefundApprover.CSR
    if_short: IfShort | None = None
    limits: RefundLimits | None = None


class ApproveRefund(Command):
    """A second person agrees to a refund that was proposed, by its id or number; `limits` as when one is granted."""

    refund: str
    detail: str | None = None
    approver: RefundApprover = RefundApprover.CSR
    limits: RefundLimits | None = None


class DeclineRefund(Command):
    """A person does not agree to a refund that was proposed."""

    refund: str
    detail: str | None = None


class RetryRefund(Command):
    """Ask payments again for a refund that failed."""

    refund: str
    detail: str | None = None


class WithdrawRefund(Command):
    """Take the decision back about a refund that failed: what was not paid is owed no more."""

    refund: str
    detail: str


# Events


class RefundProposed(RefundContents, Event):
    """A refund above what `by` may give alone: nothing is owed until another person approves it, by `decide_by`.
    `limits` were set by the seller."""

    by: str | None = None
    decide_by: Instant
    limits: RefundLimits | None = None


class RefundGranted(RefundContents, Event):
    """The decision: the customer is owed `amount`. `by` granted it, `approved_by` agreed; absent where a rule did.
    Payments should have answered by `answer_by`. `limits`, of who granted or agreed last, were set by the seller."""

    by: str | None = None
    approved_by: str | None = None
    answer_by: Instant
    limits: RefundLimits | None = None


class ReplacementGranted(RefundContents, Event):
    """The decision: the customer gets the goods again, and no money. `replaced` are the units claimed, each with the line
    that it is sent again as; `limits` as of a `RefundGranted`. Those lines are owed nothing; what was paid stays where it was."""

    replaced: tuple[ReplacedUnits, ...]
    by: str | None = None
    approved_by: str | None = None
    limits: RefundLimits | None = None


class ReplacementGivenUp(Event):
    """Units of a replacement will not be sent, since they were cancelled before they left: what they were to replace may be
    claimed again, or is paid back by `paid_back`, the id of another refund. `whole`: nothing is left of the replacement."""

    refund: str
    number: int
    units: tuple[LineUnits, ...]
    paid_back: str | None = None
    whole: bool = False


class RefundDecline(StrEnum):
    """Why a proposed refund came to nothing: a person declined it, nobody decided in time, or what it was for has been
    paid back since."""

    DECLINED = "declined"
    EXPIRED = "expired"
    OVERTAKEN = "overtaken"


class RefundDeclined(Event):
    """Nothing comes of a refund that was proposed."""

    refund: str
    number: int
    amount: Money
    because: RefundDecline
    by: str | None = None
    detail: str | None = None


class Refunded(Event):
    """The money is back: `amount`, in parts by tender, each by whoever executes it; `again` after it was taken back, and
    told of before. What the outside reads."""

    refund: str
    number: int
    cause: RefundCause
    amount: Money
    lines: tuple[RefundLine, ...] = ()
    other: Money
    fee: Money | None = None
    to: RefundTo = RefundTo.ORIGINAL
    refunds: tuple[TenderRefund, ...] = ()
    again: bool = False


class RefundFailed(Event):
    """The money of a refund is not back, or only `refunded_part` of it: `owner` should have it tried again, or take the
    decision back. `why` is what payments said; absent where they said nothing in time. `taken_back` had been back before,
    and whoever paid it took it back."""

    refund: str
    number: int
    amount: Money
    refunded_part: Money | None = None
    taken_back: Money | None = None
    why: RefundRefusal | None = None
    detail: str | None = None
    owner: str


class RefundWithdrawn(Event):
    """What was not paid of a refund that failed, `amount`, is owed no more."""

    refund: str
    number: int
    amount: Money
    by: str | None = None
    detail: str | None = None


class RefundChangeRefusal(StrEnum):
    """Why nothing was granted or changed: no such order, line, refund or package; no unit of these has left that was
    not paid back; units are in a return, which decides about them, or are being sent again; their goods did not go by a way that anything could be sent again by; their money is not taken yet, or was taken by another system; nothing is due for them, or more is
    wished for than was taken and is left; the amount is unclear, or in another currency; the second person is the
    first, or may not give so much; nobody is known whose credit it could be; the refund is not proposed, or has not failed, or payments may still pay it, or
    a part of it was withdrawn and is owed no more; a rule grants that cause."""

    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_LINE = "unknown_line"
    UNKNOWN_REFUND = "unknown_refund"
    NOT_FULFILLED = "not_fulfilled"
    IN_RETURN = "in_return"
    REPLACED = "replaced"
    NO_WAY = "no_way"
    NOT_CAPTURED = "not_captured"
    TAKEN_ELSEWHERE = "taken_elsewhere"
    NOTHING_DUE = "nothing_due"
    ABOVE_CAPTURED = "above_captured"
    UNCLEAR = "unclear"
    OTHER_CURRENCY = "other_currency"
    SAME_PERSON = "same_person"
    ABOVE_LIMIT = "above_limit"
    NO_CUSTOMER = "no_customer"
    NOT_PROPOSED = "not_proposed"
    NOT_FAILED = "not_failed"
    UNANSWERED = "unanswered"
    PARTLY_WITHDRAWN = "partly_withdrawn"
    NOT_BY_HAND = "not_by_hand"


class RefundChangeRefused(Event):
    """Nothing was granted, approved, declined, tried again or withdrawn. `lines` are those that stand in the way;
    `possible` is what could be given at most, where that is the matter."""

    reason: RefundChangeRefusal
    refund: str | None = None
    lines: tuple[str, ...] = ()
    possible: Money | None = None
