"""The state of a fulfillment order: what was asked of the node, and each fact that it has reported.

What may happen is decided in fulfillment_order.py and, for the node's facts, in node_facts.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.fulfillment import (
    Collected,
    FulfillmentAccepted,
    FulfillmentCancelled,
    FulfillmentOrderCreated,
    FulfillmentRejected,
    HandedOver,
    Package,
    Packed,
    PackedPackage,
    Picked,
    PickedLine,
    ReadyForPickup,
)
from contracts.message import Event
from contracts.order import ShipMethod

__all__ = ["GONE", "INSIDE", "PROGRESS", "FulfillmentOrder", "Stage", "content_of", "evolve"]


class Stage(StrEnum):
    """Where the work stands. `closed`: everything was short, so nothing follows."""

    UNKNOWN = "unknown"
    OPEN = "open"
    ACCEPTED = "accepted"
    PICKED = "picked"
    PACKED = "packed"
    READY = "ready"
    HANDED_OVER = "handed_over"
    COLLECTED = "collected"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    CLOSED = "closed"


INSIDE = (Stage.PICKED, Stage.PACKED, Stage.READY)
"""Goods were taken off the shelf and are still with the node, in order."""

GONE = (Stage.HANDED_OVER, Stage.COLLECTED)
"""The goods have left the node, by either way."""

PROGRESS = (Stage.OPEN, Stage.ACCEPTED, *INSIDE, *GONE)
"""The stages of work that goes on, in order. What is collected need not be packed; what is shipped is never ready."""


@dataclass(frozen=True, slots=True)
class FulfillmentOrder:
    """What was asked for, how far it is, and the event of each fact: a node reports each step once."""

    stage: Stage = Stage.UNKNOWN
    created: FulfillmentOrderCreated | None = None
    accepted: FulfillmentAccepted | None = None
    rejected: FulfillmentRejected | None = None
    picked: Picked | None = None
    packed: Packed | None = None
    ready: ReadyForPickup | None = None
    handed_over: HandedOver | None = None
    collected: Collected | None = None

    @property
    def asked(self) -> FulfillmentOrderCreated:
        """What was asked for; only of one that was created."""
        assert self.created is not None, "a fulfillment order has no contents before it is created"
        return self.created

    @property
    def for_pickup(self) -> bool:
        """Whether it is collected at the node's counter, and no carrier comes."""
        return self.asked.method == ShipMethod.PICKUP

    @property
    def lines_taken(self) -> tuple[PickedLine, ...]:
        """The lines of which something was picked."""
        return () if self.picked is None else tuple(line for line in self.picked.lines if line.quantity)

    @property
    def lines_inside(self) -> tuple[PickedLine, ...]:
        """What of them is with the node for this order: all that was picked, once it is packed what is in packages, once
        it is ready what is."""
        if self.ready is not None:
            return self.ready.lines
        if self.packed is None:
            return self.lines_taken
        packed = content_of(self.packed.packages)
        return tuple(
            line.model_copy(update={"quantity": packed[line.line, line.sequence]})
            for line in self.lines_taken
            if packed[line.line, line.sequence]
        )

    @property
    def packages(self) -> tuple[Package, ...]:
        return () if self.packed is None else self.packed.packages


def content_of(packages: Iterable[Package | PackedPackage]) -> Counter[tuple[str, int]]:
    """The quantities in packages, by line and sequence."""
    found: Counter[tuple[str, int]] = Counter()
    for package in packages:
        for content in package.contents:
            found[content.line, content.sequence] += content.quantity
    return found


def evolve(state: FulfillmentOrder, event: Event) -> FulfillmentOrder:
    match event:
        case FulfillmentOrderCreated():
            return replace(state, stage=Stage.OPEN, created=event)
        case FulfillmentAccepted():
            return replace(state, stage=Stage.ACCEPTED, accepted=event)
        case FulfillmentRejected():
            return replace(state, stage=Stage.REJECTED, rejected=event)
        case Picked():
            stage = Stage.PICKED if any(line.quantity for line in event.lines) else Stage.CLOSED
            return replace(state, stage=stage, picked=event)
        case Packed():
            return replace(state, stage=Stage.PACKED, packed=event)
        case ReadyForPickup():
            return replace(state, stage=Stage.READY, ready=event)
        case HandedOver():
            return replace(state, stage=Stage.HANDED_OVER, handed_over=event)
        case Collected():
            return replace(state, stage=Stage.COLLECTED, collected=event)
        case FulfillmentCancelled():
            return replace(state, stage=Stage.CANCELLED)
    return state
