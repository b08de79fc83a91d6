"""Goods that a customer sends back, as the order sees them: which units, by which policy, and what came of them.

The goods themselves are a stream of the fulfillment service (`return/<id>`). Units are named by ranges, counted from the
bottom of a line, and no unit is in two returns.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.fulfillment import Disposition, Postage, ReturnReason
from contracts.message import Command, Event, Instant, Value
from contracts.money import Money
from contracts.order.units import QuantityMoved

__all__ = [
    "ApproveReturn",
    "DeclineReturn",
    "DeclinedReturnLine",
    "InspectedRange",
    "RefundMoment",
    "RequestReturn",
    "ReturnApproved",
    "ReturnChangeRefusal",
    "ReturnChangeRefused",
    "ReturnCompleted",
    "ReturnDecider",
    "ReturnDeclined",
    "ReturnDenial",
    "ReturnExpired",
    "ReturnLine",
    "ReturnListed",
    "ReturnOnItsWay",
    "ReturnQuestion",
    "ReturnReckoned",
    "ReturnRequested",
    "ReturnResumed",
    "ReturnRule",
    "ReturnTerms",
    "ReturnUnitsInspected",
    "ReturnUnitsReceived",
    "ReturnWish",
    "ReturnWithdrawn",
    "ReturnedRange",
    "UnitRange",
    "WithdrawReturn",
]

Positive = Annotated[int, Field(gt=0)]


class UnitRange(Value):
    """The units [`from_unit`, `to_unit`) of a line, counted from the bottom."""

    from_unit: int
    to_unit: int


class ReturnWish(Value):
    """So many units of a line are to come back. Of a kit's line whole kits."""

    line: str
    quantity: Positive
    reason: ReturnReason


class ReturnDenial(StrEnum):
    """Why units of a line may not come back.

    `unknown_line`: the order has no such line; `not_with_customer`: fewer units left us, or are free: the others are in a
    return already; `final_sale`: it was sold for good; `too_late`: its window is over, and the time in which a person may
    make an exception; `listed_twice`: the wish names the line more than once; `declined`: a person, or nobody in time,
    agreed to the exception; `not_taken`: fulfillment could not take it; `matched`: the goods
    that it names are in a return of this order already.
    """

    UNKNOWN_LINE = "unknown_line"
    NOT_WITH_CUSTOMER = "not_with_customer"
    FINAL_SALE = "final_sale"
    TOO_LATE = "too_late"
    LISTED_TWICE = "listed_twice"
    DECLINED = "declined"
    NOT_TAKEN = "not_taken"
    MATCHED = "matched"


class ReturnQuestion(StrEnum):
    """Why a person decides: the window of a line is over, though not for long; or the reason is none that rules know."""

    LATE = "late"
    OTHER_REASON = "other_reason"


class ReturnDecider(StrEnum):
    """Who decided about a return: the policy, a person, the deadline of a person's answer, or fulfillment."""

    POLICY = "policy"
    PERSON = "person"
    SILENCE = "silence"
    FULFILLMENT = "fulfillment"


class RefundMoment(StrEnum):
    """When the money for returned units is granted: once they are here, or once somebody looked at them."""

    RECEIPT = "receipt"
    INSPECTION = "inspection"


class ReturnRule(Value):
    """Rules that a seller set, by the name that lines carry: days that goods may come back for, days after that in which a
    person may make an exception, days where we are at fault; whether all of it is sold for good; what is kept for
    restocking and of what comes back worn, in hundredths of a per cent; when the money is granted; whether what is sent
    for it may leave at once; and who pays for our label where the customer is at fault: `ours` or `deducted`."""

    name: str
    window_days: int
    grace_days: int
    fault_days: int
    final_sale: bool
    restocking: int
    damaged: int
    refund_at: RefundMoment
    at_once: bool
    label: Postage


class ReturnTerms(Value):
    """What a seller's settings said when somebody asked: the rules that they set, and what our label costs, by currency,
    where it is set. Of what is not in here the table of the order service says it."""

    rules: tuple[ReturnRule, ...] = ()
    label_fees: tuple[Money, ...] | None = None


class ReturnLine(Value):
    """Units of a line that are to come back, and what the policy says of them: what is kept of their price for restocking
    (`restocking`), and if they come back damaged (`damaged`), in hundredths of a per cent; `refund_at` is when their money
    is granted, at inspection if it says nothing; `question` is for a person. `rule` is what was decided by where a seller
    set it."""

    line: str
    sku: str
    unit: str
    quantity: Positive
    ranges: tuple[UnitRange, ...]
    reason: ReturnReason
    policy: str
    restocking: int = 0
    damaged: int = 0
    refund_at: RefundMoment | None = None
    question: ReturnQuestion | None = None
    rule: ReturnRule | None = None


class DeclinedReturnLine(Value):
    """Units of a line that will not come back, and why; `most` is how many could, `rule` what was decided by where a
    seller set it."""

    line: str
    quantity: int
    denial: ReturnDenial
    most: int | None = None
    rule: ReturnRule | None = None


class ReturnedRange(Value):
    """Units of a line."""

    line: str
    ranges: tuple[UnitRange, ...]


class InspectedRange(Value):
    """Units of a line that somebody looked at, and what becomes of them. `lost`: they had been taken back before they
    were missing, so that they are ours."""

    line: str
    ranges: tuple[UnitRange, ...]
    disposition: Disposition
    lost: bool | None = None


# Commands


class RequestReturn(Command):
    """Units are to come back. `label`: the customer wants our label; `matches` is the id of a return that came without an
    order, and turns out to be of this one; `terms` what the seller's settings say."""

    lines: Annotated[tuple[ReturnWish, ...], Field(min_length=1)]
    label: bool = False
    matches: str | None = None
    terms: ReturnTerms | None = None


class ApproveReturn(Command):
    """A person agrees to a return that the policy left to them. `number` is the return's within the order."""

    number: int
    detail: str | None = None


class DeclineReturn(Command):
    """A person does not agree to a return that the policy left to them."""

    number: int
    detail: str


class WithdrawReturn(Command):
    """The customer keeps the goods after all. Only until they have come."""

    number: int
    detail: str | None = None


# Events


class ReturnRequested(QuantityMoved, Event):
    """Units are to come back: they are no longer free for another return. `approved` by the policy of `version`, or else
    a person answers by `answer_by`. `return_id` names the stream in which the goods come back; `exchange` the change that
    sends other goods for them. `label_fee` is what our label costs the customer, where a seller set it."""

    return_id: str
    number: int
    lines: tuple[ReturnLine, ...]
    postage: Postage
    label: bool = False
    version: int
    approved: bool
    answer_by: Instant | None = None
    exchange: str | None = None
    label_fee: Money | None = None


class ReturnDeclined(QuantityMoved, Event):
    """Nothing of it comes back: `lines` say why. Of a return that was requested before (`number`) the units are the
    customer's again."""

    number: int | None = None
    lines: tuple[DeclinedReturnLine, ...]
    by: ReturnDecider
    detail: str | None = None


class ReturnApproved(Event):
    """The goods may come; they should be here by `goods_by`. Fulfillment is told, and answers by `answer_by`."""

    return_id: str
    number: int
    by: ReturnDecider
    detail: str | None = None
    answer_by: Instant
    goods_by: Instant


class ReturnListed(Event):
    """Nodes know of it, and may receive it."""

    number: int


class ReturnOnItsWay(Event):
    """The customer has sent it."""

    number: int
    carrier: str | None = None
    tracking_number: str | None = None


class ReturnUnitsReceived(QuantityMoved, Event):
    """Units are back at `location`; `beyond` came that are not this return's: more than announced, or other goods."""

    number: int
    location: str
    document: str
    lines: tuple[ReturnedRange, ...]
    beyond: int = 0
    inspect_by: Instant


class ReturnUnitsInspected(QuantityMoved, Event):
    """Somebody looked at units that came. Those that were missing are still the customer's."""

    number: int
    document: str
    lines: tuple[InspectedRange, ...]


class ReturnReckoned(Event):
    """What the customer gets for units that came back: `refund` is granted for them, of which `fee` is kept, for our label
    `label` of it. None where nothing is due: it was given back before, or taken by another system, or is kept whole."""

    number: int
    lines: tuple[ReturnedRange, ...]
    refund: str | None = None
    fee: Money | None = None
    label: Money | None = None


class ReturnCompleted(QuantityMoved, Event):
    """It is over: what has not come stays with the customer."""

    number: int


class ReturnResumed(Event):
    """There is more to say about a return that was over."""

    number: int
    detail: str


class ReturnExpired(QuantityMoved, Event):
    """The goods, or the rest of them, never came: they stay with the customer."""

    number: int


class ReturnWithdrawn(QuantityMoved, Event):
    """The customer keeps the goods."""

    number: int
    detail: str | None = None


class ReturnChangeRefusal(StrEnum):
    """Why a return was not changed: no such order, no such return of it, nobody waits for a person's decision, or goods
    have come, or it is over."""

    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_RETURN = "unknown_return"
    NOT_ASKED = "not_asked"
    TOO_LATE = "too_late"


class ReturnChangeRefused(Event):
    """Nothing changed."""

    number: int
    reason: ReturnChangeRefusal
