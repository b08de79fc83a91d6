"""Cancelling units or an order: at once until a node takes the work, afterwards as each node answers, line by line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.fulfillment import Package
from contracts.message import Command, Event, Instant, Value
from contracts.order.units import QuantityMoved

__all__ = [
    "CancelLeftToNode",
    "CancelOrder",
    "CancelReason",
    "CancelRefusal",
    "CancelRefused",
    "FulfillmentWithdrawn",
    "KeptLine",
    "LinesCancelled",
    "LinesWithdrawn",
    "OrderCancelRequested",
    "OrderCancelled",
]

Positive = Annotated[int, Field(gt=0)]


class CancelReason(StrEnum):
    """Why units or an order were cancelled."""

    CUSTOMER = "customer"
    OUT_OF_STOCK = "out_of_stock"
    TOO_LATE = "too_late"
    PAYMENT = "payment"
    FRAUD = "fraud"
    NOTHING_TO_FULFILL = "nothing_to_fulfill"
    OTHER = "other"


class CancelOrder(Command):
    """Cancel what has not left. Before release at once; afterwards each node is asked and may refuse."""

    cause: CancelReason = CancelReason.CUSTOMER
    detail: str | None = None


class LinesCancelled(QuantityMoved, Event):
    """Units will not be fulfilled; `released_claims` are given back with what they hold."""

    reason: CancelReason
    released_claims: tuple[int, ...] = ()


class OrderCancelRequested(Event):
    """Nodes have the work already: each is asked to let go of it."""

    cause: CancelReason
    detail: str | None = None
    fulfillment_orders: tuple[str, ...]
    answer_by: Instant


class FulfillmentWithdrawn(QuantityMoved, Event):
    """A node let go of its work; nothing of it leaves."""

    fulfillment_order: str


class CancelLeftToNode(Event):
    """The node took the work before the cancel came: it decides line by line, by `decide_by`, and silence refuses. A
    person has to look where no decision has come by `answer_by`."""

    fulfillment_order: str
    decide_by: Instant
    answer_by: Instant


class LinesWithdrawn(QuantityMoved, Event):
    """A node let go of these units; the rest of its work goes on. `packages` are those that remain, where it had packed:
    they get new labels, and the `shipment` that was asked for before is given up."""

    fulfillment_order: str
    packages: tuple[Package, ...] = ()
    shipment: str | None = None


class OrderCancelled(QuantityMoved, Event):
    """Nothing of the order will be fulfilled: its claims are released and its payment is voided."""

    cause: CancelReason
    detail: str | None = None


class CancelRefusal(StrEnum):
    """Why a cancel was refused: no such order, it is cancelled or completed already, everything has left, a cancel is
    under way, or the node refused."""

    UNKNOWN_ORDER = "unknown_order"
    ALREADY_CANCELLED = "already_cancelled"
    COMPLETED = "completed"
    FULFILLED = "fulfilled"
    UNDER_WAY = "under_way"
    REFUSED_BY_NODE = "refused_by_node"


class KeptLine(Value):
    """Units of a line that a node goes on with, and why, in its own words."""

    line: str
    quantity: Positive
    reason: str | None = None


class CancelRefused(Event):
    """The order, or one fulfillment order of it, is not cancelled; where a node let go of a part, `lines` are those that
    it keeps."""

    reason: CancelRefusal
    fulfillment_order: str | None = None
    detail: str | None = None
    lines: tuple[KeptLine, ...] = ()
