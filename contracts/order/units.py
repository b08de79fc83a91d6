"""Where units of a line stand, and how they move: no event stores a status.

Every status is a function of these buckets, and those of a line always sum to the quantity that was ordered.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.message import Value

__all__ = [
    "Bucket",
    "Move",
    "QuantityMoved",
]

Positive = Annotated[int, Field(gt=0)]


class Bucket(StrEnum):
    """Where units of a line stand. `ordered` are those that nothing has been decided about yet.

    `reserved`: stock is claimed; `backordered`: waits for supply; `released`: a node has the work.
    """

    ORDERED = "ordered"
    CANCELLED = "cancelled"
    RESERVED = "reserved"
    BACKORDERED = "backordered"
    RELEASED = "released"
    PICKED = "picked"
    PACKED = "packed"
    FULFILLED = "fulfilled"
    DELIVERED = "delivered"
    RETURN_REQUESTED = "return_requested"
    RETURNED = "returned"


class Move(Value):
    """`quantity` units of a line went from one bucket to another."""

    line: str
    quantity: Positive
    source: Bucket
    target: Bucket


class QuantityMoved(Value):
    """What every event has in common that moves units of lines between buckets."""

    moves: tuple[Move, ...] = ()
