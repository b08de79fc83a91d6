"""The state of a fulfillment order: what was asked of the node, and each fact that it has reported.

What may happen is decided in fulfillment_order.py, for the node's facts in node_facts.py, and for what is to be
cancelled while the node has the work in cancelling.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chassis.states import replace
from contracts.fulfillment import (
    CancelDecided,
    CancelDecision,
    CancelRequested,
    Collected,
    FulfillmentAccepted,
    FulfillmentCancelled,
    FulfillmentLine,
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

__all__ = [
    "CANCEL_ANSWER",
    "GONE",
    "INSIDE",
    "PROGRESS",
    "TO_PICK",
    "FulfillmentOrder",
    "Key",
    "Stage",
    "content_of",
    "deadlines_of",
    "evolve",
    "key_of",
]

CANCEL_ANSWER = "cancel_answer"
"""The deadline of a node's answer to a cancel."""

Key = tuple[str, int]
"""A line and the sequence of its claim, which together name what a node gets of an order's line."""


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

TO_PICK = (Stage.OPEN, Stage.ACCEPTED)
"""Nothing was taken off the shelf yet."""

GONE = (Stage.HANDED_OVER, Stage.COLLECTED)
"""The goods have left the node, by either way."""

PROGRESS = (Stage.OPEN, Stage.ACCEPTED, *INSIDE, *GONE)
"""The stages of work that goes on, in order. What is collected need not be packed; what is shipped is never ready."""


@dataclass(frozen=True, slots=True)
class FulfillmentOrder:
    """What was asked for, how far it is, and the event of each fact: a node reports each step once.

    `to_pick` is what is asked for, until it is picked less what was let go of; `taken` what was picked, until it is packed
    or ready less what was put back; `inside` and `packages` are what is with the node for this order now. `cancel` is a
    request that the node has not answered, `decided` how the last one ended, `request` its number.
    """

    stage: Stage = Stage.UNKNOWN
    created: FulfillmentOrderCreated | None = None
    accepted: FulfillmentAccepted | None = None
    rejected: FulfillmentRejected | None = None
    picked: Picked | None = None
    packed: Packed | None = None
    ready: ReadyForPickup | None = None
    handed_over: HandedOver | None = None
    collected: Collected | None = None
    to_pick: tuple[FulfillmentLine, ...] = ()
    taken: tuple[PickedLine, ...] = ()
    inside: tuple[PickedLine, ...] = ()
    packages: tuple[Package, ...] = ()
    cancel: CancelRequested | None = None
    decided: CancelDecided | None = None
    request: int = 0

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
    def wanted(self) -> dict[Key, int]:
        """The units of each line that are still to leave: what is to be picked, once it is picked what is here of it. What
        was taken beyond that goes back."""
        if self.stage in TO_PICK:
            return {key_of(line): line.quantity for line in self.to_pick}
        return {key_of(line): min(line.quantity, line.expected) for line in self.inside}

    @property
    def asked_back(self) -> dict[Key, int]:
        """The units of each line that a cancel asks about and that are still to leave: of a request for a part no more
        than it named."""
        wanted, asked = self.wanted, self.cancel
        if asked is None or not asked.part:
            return wanted
        named = {key_of(line): line.quantity for line in asked.lines}
        found = {key: min(there, named.get(key, 0)) for key, there in wanted.items()}
        return {key: units for key, units in found.items() if units}


def key_of(line: FulfillmentLine | PickedLine) -> Key:
    return line.line, line.sequence


def content_of(packages: Iterable[Package | PackedPackage]) -> Counter[Key]:
    """The quantities in packages, by line and sequence."""
    found: Counter[Key] = Counter()
    for package in packages:
        for content in package.contents:
            found[content.line, content.sequence] += content.quantity
    return found


def deadlines_of(state: FulfillmentOrder) -> Mapping[str, datetime]:
    return {} if state.cancel is None else {CANCEL_ANSWER: state.cancel.answer_by}


def evolve(state: FulfillmentOrder, event: Event) -> FulfillmentOrder:
    """The work after one more event of its stream."""
    match event:
        case FulfillmentOrderCreated():
            return replace(state, stage=Stage.OPEN, created=event, to_pick=event.lines)
        case FulfillmentAccepted():
            return replace(state, stage=Stage.ACCEPTED, accepted=event)
        case FulfillmentRejected():
            return replace(state, stage=Stage.REJECTED, rejected=event)
        case Picked():
            taken = tuple(line for line in event.lines if line.quantity)
            return replace(
                state, stage=Stage.PICKED if taken else Stage.CLOSED, picked=event, taken=taken, inside=taken
            )
        case Packed():
            inside = _packed_of(state.taken, event.packages)
            return replace(state, stage=Stage.PACKED, packed=event, inside=inside, packages=event.packages)
        case ReadyForPickup():
            return replace(state, stage=Stage.READY, ready=event, inside=event.lines)
        case HandedOver():
            return replace(state, stage=Stage.HANDED_OVER, handed_over=event)
        case Collected():
            return replace(state, stage=Stage.COLLECTED, collected=event)
        case FulfillmentCancelled():
            return replace(state, stage=Stage.CANCELLED, cancel=None)
        case CancelRequested():
            return replace(state, cancel=event, request=event.request)
        case CancelDecided():
            return _let_go(replace(state, cancel=None, decided=event, request=event.request), event)
    return state


def _packed_of(taken: Iterable[PickedLine], packages: Iterable[Package]) -> tuple[PickedLine, ...]:
    packed = content_of(packages)
    return tuple(line.model_copy(update={"quantity": packed[key_of(line)]}) for line in taken if packed[key_of(line)])


def _let_go(state: FulfillmentOrder, event: CancelDecided) -> FulfillmentOrder:
    """What the node let go of is no longer to be picked, or no longer here. Steps reported before stay as they were."""
    granted = {(line.line, line.sequence): line.granted for line in event.lines if line.granted}
    if event.decision not in (CancelDecision.ANSWERED, CancelDecision.AT_ONCE) or not granted:
        return state
    whole = all(granted.get(key, 0) == there for key, there in state.wanted.items())
    stage = Stage.CANCELLED if whole else state.stage
    if state.stage in TO_PICK:
        left = ((line, line.quantity - granted.get(key_of(line), 0)) for line in state.to_pick)
        to_pick = tuple(line.model_copy(update={"quantity": quantity}) for line, quantity in left if quantity)
        return replace(state, stage=stage, to_pick=to_pick)
    inside = _without(state.inside, event.put_back)
    taken = inside if state.stage is Stage.PICKED else state.taken
    return replace(state, stage=stage, inside=inside, taken=taken, packages=event.packages)


def _less(line: PickedLine, less: int) -> dict[str, Any]:
    """What changes of a line of which units went back: nobody said which of its lots and serials those were."""
    return {"quantity": line.quantity - less, "expected": line.expected - less, "traced": ()}


def _without(lines: Iterable[PickedLine], put_back: Iterable[PickedLine]) -> tuple[PickedLine, ...]:
    back = {key_of(line): line.quantity for line in put_back}
    left = ((line, back.get(key_of(line), 0)) for line in lines)
    return tuple(
        line.model_copy(update=_less(line, less) if less else {}) for line, less in left if line.quantity > less
    )
