"""Goods that come back: the return (RMA) as an aggregate of its own, at whichever node it arrives.

What a node reports (`Record…`) carries its own document id and actual quantities; it may repeat, come late, or tell of
more, less or another item than was announced, and is never refused. Quantities are whole numbers of the item's base
unit.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.inventory import Disposition, TracedQuantity
from contracts.message import Command, Event, Instant, Value

__all__ = [
    "AnnouncedLine",
    "CancelReturn",
    "CloseReturn",
    "Disposition",
    "InspectedItem",
    "InspectedUnits",
    "MatchedUnits",
    "OpenReturn",
    "Postage",
    "RecordInspection",
    "RecordReturnReceipt",
    "RecordReturnSent",
    "ReopenReturn",
    "ReturnCancelCause",
    "ReturnCancelled",
    "ReturnClosed",
    "ReturnInspected",
    "ReturnMatched",
    "ReturnOpened",
    "ReturnReason",
    "ReturnReceived",
    "ReturnRefusal",
    "ReturnRefused",
    "ReturnReopened",
    "ReturnSent",
    "ReturnedItem",
]

Positive = Annotated[int, Field(gt=0)]


class ReturnReason(StrEnum):
    """Why a customer sends goods back. Of `defective`, `damaged`, `wrong_item` and `not_as_described` the merchant is at
    fault; of the others nobody is, or the customer."""

    CHANGED_MIND = "changed_mind"
    DID_NOT_FIT = "did_not_fit"
    ARRIVED_LATE = "arrived_late"
    DEFECTIVE = "defective"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    NOT_AS_DESCRIBED = "not_as_described"
    OTHER = "other"


class Postage(StrEnum):
    """Who pays for the way back: us, or the customer; `deducted`: on our label, whose price is kept of the refund."""

    OURS = "ours"
    CUSTOMERS = "customers"
    DEDUCTED = "deducted"


class ReturnCancelCause(StrEnum):
    """Why a return will not come: the customer keeps the goods, or they never came in time."""

    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class ReturnRefusal(StrEnum):
    """Why a step of a return was refused.

    `cancelled`: the cancellation was there first; `exists`: it is known with other contents; `unknown`: no such return;
    `closed`: it is over, reopen it first; `not_closed`: it is open; `not_received`: nothing of it has come;
    `not_inspected`: units that came wait to be looked at;
    `not_there`: fewer units have the disposition that is to be changed; `reason_missing`: a changed disposition needs
    one; `already_done`: the document said something else before.
    """

    CANCELLED = "cancelled"
    EXISTS = "exists"
    UNKNOWN = "unknown"
    CLOSED = "closed"
    NOT_CLOSED = "not_closed"
    NOT_RECEIVED = "not_received"
    NOT_INSPECTED = "not_inspected"
    NOT_THERE = "not_there"
    REASON_MISSING = "reason_missing"
    ALREADY_DONE = "already_done"


class AnnouncedLine(Value):
    """Units of an order's line that are to come back, and why."""

    line: str
    sku: str
    quantity: Positive
    unit: str
    reason: ReturnReason
    description: str | None = None


class ReturnedItem(Value):
    """What was in the box: `line` is the order's line that it is, none of what nobody announced."""

    line: str | None = None
    sku: str
    quantity: Positive
    unit: str = "each"
    traced: tuple[TracedQuantity, ...] = ()


class InspectedItem(Value):
    """What became of units on the table. `instead_of` is what was said of them before, where that is changed; then
    `reason` says why."""

    line: str | None = None
    sku: str
    quantity: Positive
    unit: str = "each"
    disposition: Disposition
    instead_of: Disposition | None = None
    reason: str | None = None


class InspectedUnits(Value):
    """Units of a line (or of no line) that have one disposition now."""

    line: str | None = None
    sku: str
    quantity: int
    disposition: Disposition


class MatchedUnits(Value):
    """Units that had come back at `location` without an order, and turn out to be of a line of one; `disposition` where
    somebody looked at them before."""

    line: str
    sku: str
    quantity: int
    unit: str
    location: str
    disposition: Disposition | None = None


# Commands


class OpenReturn(Command):
    """Goods of an order may come back until `expires_at`. Sent to a return that came without an order it names the order
    of it. The same again changes nothing."""

    order_id: str
    number: int
    lines: Annotated[tuple[AnnouncedLine, ...], Field(min_length=1)]
    postage: Postage
    label: bool = False
    expires_at: Instant


class CancelReturn(Command):
    """Nothing, or nothing more, will come. Taken in every state, never seen included; what has come stays."""

    cause: ReturnCancelCause


class RecordReturnSent(Command):
    """The customer has sent it, or a carrier has it."""

    document: str
    carrier: str | None = None
    tracking_number: str | None = None
    occurred_at: Instant | None = None


class RecordReturnReceipt(Command):
    """Goods came back at a node: all that was announced, a part, more, or something else. A return that nobody announced
    begins with it."""

    document: str
    location: str
    items: Annotated[tuple[ReturnedItem, ...], Field(min_length=1)]
    occurred_at: Instant | None = None


class RecordInspection(Command):
    """Somebody looked at what came: what becomes of which units. Units that nobody had reported are received with it."""

    document: str
    location: str
    items: Annotated[tuple[InspectedItem, ...], Field(min_length=1)]
    occurred_at: Instant | None = None


class CloseReturn(Command):
    """Nothing more is to come, and nothing more to be looked at."""

    detail: str | None = None


class ReopenReturn(Command):
    """There is more to say about a return that was closed."""

    detail: str


# Events; those of a return that has an order answer the order, through its whole life


class ReturnOpened(Event):
    """A node may receive it. Of one that nobody announced `order_id` and `lines` are missing. `tenant` addresses the
    stock items that its facts go to."""

    tenant: str
    return_id: str
    order_id: str | None = None
    number: int | None = None
    lines: tuple[AnnouncedLine, ...] = ()
    postage: Postage | None = None
    label: bool = False
    expires_at: Instant | None = None
    reply_to: str | None = None


class ReturnMatched(Event):
    """A return that came without an order belongs to one now. `units` are those of its goods that are the order's."""

    order_id: str
    number: int
    lines: tuple[AnnouncedLine, ...]
    postage: Postage
    units: tuple[MatchedUnits, ...]
    reply_to: str | None = None


class ReturnSent(Event):
    """It is on its way."""

    order_id: str | None = None
    document: str
    carrier: str | None = None
    tracking_number: str | None = None
    occurred_at: Instant | None = None
    reply_to: str | None = None


class ReturnReceived(Event):
    """Goods are back at `location`: `items` as they were reported. `expected` are the units of the announced lines that
    have still to come after it; `by_inspection`: nobody had reported them when somebody looked at them."""

    order_id: str | None = None
    location: str
    document: str
    items: tuple[ReturnedItem, ...]
    expected: int
    by_inspection: bool | None = None
    occurred_at: Instant | None = None
    reply_to: str | None = None


class ReturnInspected(Event):
    """What becomes of units that came. `open_units` are those that nobody has looked at after it."""

    order_id: str | None = None
    location: str
    document: str
    items: tuple[InspectedItem, ...]
    open_units: int
    occurred_at: Instant | None = None
    reply_to: str | None = None


class ReturnClosed(Event):
    """It is over: `inspected` is what became of what came."""

    order_id: str | None = None
    inspected: tuple[InspectedUnits, ...]
    detail: str | None = None
    reply_to: str | None = None


class ReturnReopened(Event):
    """There is more to say about it."""

    order_id: str | None = None
    detail: str
    reply_to: str | None = None


class ReturnCancelled(Event):
    """Nothing more will come. `seen` is false where it was never opened: then it is refused should that come later."""

    order_id: str | None = None
    cause: ReturnCancelCause
    seen: bool
    reply_to: str | None = None


class ReturnRefused(Event):
    """A step (`step` is the command's name) that the present state does not allow; nothing was changed."""

    step: str
    reason: ReturnRefusal
    detail: str | None = None
    document: str | None = None
    order_id: str | None = None
    reply_to: str | None = None
