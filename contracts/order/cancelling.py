"""Cancelling units or an order: at once until a node takes the work, afterwards as each node answers, line by line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.fulfillment import Package
from contracts.message import Command, Event, Instant, Value
from contracts.order.units import QuantityMoved

__all__ = [
    "AskedBack",
    "CancelByChannel",
    "CancelLeftToNode",
    "CancelLine",
    "CancelOrder",
    "CancelReason",
    "CancelRecalled",
    "CancelRefusal",
    "CancelRefused",
    "CancelRemembered",
    "ChannelUnits",
    "FulfillmentWithdrawn",
    "GivenBack",
    "KeptLine",
    "LinesCancelled",
    "LinesWithdrawn",
    "OrderCancelRequested",
    "OrderCancelled",
    "StockGivenBack",
]

Positive = Annotated[int, Field(gt=0)]


class CancelReason(StrEnum):
    """Why units or an order were cancelled; `not_returned`: the goods that they were to be sent for did not come back."""

    CUSTOMER = "customer"
    OUT_OF_STOCK = "out_of_stock"
    TOO_LATE = "too_late"
    PAYMENT = "payment"
    FRAUD = "fraud"
    NOTHING_TO_FULFILL = "nothing_to_fulfill"
    NOT_RETURNED = "not_returned"
    OTHER = "other"


class CancelLine(Value):
    """Units of a line to cancel; without a `quantity` all that have not left. The line of a kit means its kits."""

    line: str
    quantity: Positive | None = None


class CancelOrder(Command):
    """Cancel what has not left, or of it only these `lines`. Before release at once; afterwards each node is asked and
    may refuse."""

    cause: CancelReason = CancelReason.CUSTOMER
    detail: str | None = None
    lines: tuple[CancelLine, ...] | None = None


class ChannelUnits(Value):
    """Units of a line by the channel's own id of it; without a `quantity` all that have not left."""

    channel_line: str
    quantity: Positive | None = None


class CancelByChannel(Command):
    """A channel takes back an order that it sent, or of it only these `lines`. `cancel` is what the channel calls this
    wish. It may come before its order does."""

    cancel: str
    cause: CancelReason = CancelReason.CUSTOMER
    lines: tuple[ChannelUnits, ...] = ()


class CancelRemembered(Event):
    """A channel's cancel came before its order: it counts once the order is placed."""

    cancel: str
    cause: CancelReason
    lines: tuple[ChannelUnits, ...] = ()


class CancelRecalled(Event):
    """The order came after a cancel of it: what comes of that cancel follows."""

    cancel: str


class GivenBack(Value):
    """Units of a claim (its `sequence`) that are given back while the rest of it stays: what it holds at `location`, or
    without one what it waits for."""

    sequence: int
    quantity: Positive
    location: str | None = None


class LinesCancelled(QuantityMoved, Event):
    """Units will not be fulfilled; `released_claims` are given back with what they hold, of others these parts
    (`given_back`). `change` is the change of the order that takes them away."""

    reason: CancelReason
    change: str | None = None
    released_claims: tuple[int, ...] = ()
    given_back: tuple[GivenBack, ...] = ()


class StockGivenBack(Event):
    """Stock came for units of a claim that were cancelled while they waited: it is given back at once."""

    line: str
    sequence: int
    quantity: Positive
    location: str


class AskedBack(Value):
    """Units of a line that a node is asked to let go of."""

    fulfillment_order: str
    line: str
    quantity: Positive


class OrderCancelRequested(Event):
    """Nodes have the work already: each is asked to let go of it; where `parts` are named, of these units alone."""

    cause: CancelReason
    detail: str | None = None
    fulfillment_orders: tuple[str, ...]
    answer_by: Instant
    parts: tuple[AskedBack, ...] = ()


class FulfillmentWithdrawn(QuantityMoved, Event):
    """A node let go of its work; nothing of it leaves. Claims that held its units give them back (`given_back`), where
    the rest of the order goes on."""

    fulfillment_order: str
    given_back: tuple[GivenBack, ...] = ()


class CancelLeftToNode(Event):
    """The node took the work before the cancel came: it decides line by line, by `decide_by`, and silence refuses. A
    person has to look where no decision has come by `answer_by`."""

    fulfillment_order: str
    decide_by: Instant
    answer_by: Instant


class LinesWithdrawn(QuantityMoved, Event):
    """A node let go of these units (none, where it had no more of those that it was asked for); the rest of its work goes
    on. `packages` are those that remain, where it had packed:
    they get new labels, and the `shipment` that was asked for before is given up. Claims that held these units give them
    back (`given_back`), where the rest of the order goes on."""

    fulfillment_order: str
    given_back: tuple[GivenBack, ...] = ()
    packages: tuple[Package, ...] = ()
    shipment: str | None = None


class OrderCancelled(QuantityMoved, Event):
    """Nothing of the order will be fulfilled: its claims are released and its payment is voided."""

    cause: CancelReason
    detail: str | None = None


class CancelRefusal(StrEnum):
    """Why a cancel was refused: no such order, it is cancelled or completed already, everything has left, a cancel is
    under way, or the node refused; of lines: there is no such line, it is a part of a kit (which is cancelled by its own
    line), or fewer units are left to cancel than named."""

    UNKNOWN_ORDER = "unknown_order"
    ALREADY_CANCELLED = "already_cancelled"
    COMPLETED = "completed"
    FULFILLED = "fulfilled"
    UNDER_WAY = "under_way"
    REFUSED_BY_NODE = "refused_by_node"
    UNKNOWN_LINE = "unknown_line"
    PART_OF_KIT = "part_of_kit"
    MORE_THAN_LEFT = "more_than_left"


class KeptLine(Value):
    """Units of a line that a node goes on with, and why, in its own words."""

    line: str
    quantity: Positive
    reason: str | None = None


class CancelRefused(Event):
    """The order, or one fulfillment order of it, is not cancelled; where a node let go of a part, `lines` are those that
    it keeps. `cancel` is what the channel called the cancel that is refused, where a channel asked."""

    reason: CancelRefusal
    cancel: str | None = None
    fulfillment_order: str | None = None
    detail: str | None = None
    lines: tuple[KeptLine, ...] = ()
