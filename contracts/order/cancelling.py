"""Cancelling units or an order: before release at once, afterwards as each node answers."""

from __future__ import annotations

from enum import StrEnum

from contracts.message import Command, Event, Instant
from contracts.order.units import QuantityMoved

__all__ = [
    "CancelOrder",
    "CancelReason",
    "CancelRefusal",
    "CancelRefused",
    "FulfillmentWithdrawn",
    "LinesCancelled",
    "OrderCancelRequested",
    "OrderCancelled",
]


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


class CancelRefused(Event):
    """The order, or one fulfillment order of it, is not cancelled."""

    reason: CancelRefusal
    fulfillment_order: str | None = None
    detail: str | None = None
