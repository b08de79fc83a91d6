"""Messages of the fulfillment service: work orders for a node (own warehouse, store, 3PL, vendor), and what it did.

A node's facts carry its own document id (`document`) and its own time (`occurred_at`), and may come again. Quantities
are whole numbers of the item's base unit, named in `unit`; weights are grams.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.address import ShipTo
from contracts.inventory import TracedQuantity
from contracts.message import Command, Event, Instant, Value
from contracts.personal import Personal

__all__ = [
    "CancelAnswer",
    "CancelDecided",
    "CancelDecision",
    "CancelFulfillment",
    "CancelRequested",
    "CancelUnits",
    "Collected",
    "CreateFulfillmentOrder",
    "DecidedLine",
    "FulfillmentAccepted",
    "FulfillmentCancelRefused",
    "FulfillmentCancelled",
    "FulfillmentLine",
    "FulfillmentOrderCreated",
    "FulfillmentRefused",
    "FulfillmentRejected",
    "HandedOver",
    "NodeDocumentRepeated",
    "NodeKind",
    "Package",
    "PackageContent",
    "Packed",
    "PackedContent",
    "PackedPackage",
    "PickLine",
    "Picked",
    "PickedLine",
    "ReadyForPickup",
    "RecordAcceptance",
    "RecordCancelDecision",
    "RecordCollection",
    "RecordHandOver",
    "RecordPack",
    "RecordPick",
    "RecordReady",
    "RefusalReason",
]

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]


class NodeKind(StrEnum):
    """Who does the work: a warehouse of ours, a store, a logistics provider, a vendor who ships directly."""

    OWN = "own"
    STORE = "store"
    THIRD_PARTY = "third_party"
    VENDOR = "vendor"


class RefusalReason(StrEnum):
    """Why a step was refused.

    `cancelled`: the cancellation was there first; `exists`: it is known with other contents; `unknown`: no such
    fulfillment order; `not_open`, `not_accepted`, `not_picked`, `not_packed`, `not_ready`: the step before is missing;
    `already_done`: another document reported this step; `closed`: nothing is left to do; `wrong_method`: what is shipped
    is not collected at a counter, nor the other way round;
    `unknown_line`, `line_missing`: the lines are not those asked for; `differs_from_picked`: what is packed is not
    what was picked; `duplicate_package`: a package number appears twice; `not_asked`: nobody waits for an answer to a
    cancel, or not any more; `more_than_asked`: more units are let go than there are; `reason_missing`: units are kept
    and nobody says why.
    """

    CANCELLED = "cancelled"
    EXISTS = "exists"
    UNKNOWN = "unknown"
    NOT_OPEN = "not_open"
    NOT_ACCEPTED = "not_accepted"
    NOT_PICKED = "not_picked"
    NOT_PACKED = "not_packed"
    NOT_READY = "not_ready"
    ALREADY_DONE = "already_done"
    CLOSED = "closed"
    WRONG_METHOD = "wrong_method"
    UNKNOWN_LINE = "unknown_line"
    LINE_MISSING = "line_missing"
    DIFFERS_FROM_PICKED = "differs_from_picked"
    DUPLICATE_PACKAGE = "duplicate_package"
    NOT_ASKED = "not_asked"
    MORE_THAN_ASKED = "more_than_asked"
    REASON_MISSING = "reason_missing"


class CancelDecision(StrEnum):
    """What ended a request to cancel: the node's own answer, its silence until the deadline, the goods that left first,
    or a pick that found nothing of it. `at_once`: the node had not accepted the work, so nobody had to be asked."""

    ANSWERED = "answered"
    AT_ONCE = "at_once"
    SILENCE = "silence"
    LEFT = "left"
    NOTHING_LEFT = "nothing_left"


class FulfillmentLine(Value):
    """A quantity of an order's line to be fulfilled, and the claim (its `sequence`) that holds the stock for it."""

    line: str
    sequence: int
    sku: str
    quantity: Positive
    unit: str
    description: str | None = None


class PickLine(Value):
    """What was taken for a line: less than asked for is short, with a reason; `sku` when it was another item."""

    line: str
    sequence: int
    quantity: NotNegative
    short_reason: str | None = None
    sku: str | None = None
    traced: tuple[TracedQuantity, ...] = ()


class PickedLine(Value):
    """What was taken (`quantity`) of what was asked for (`expected`); `short` is missing. `asked_sku` stands when
    another item was taken instead."""

    line: str
    sequence: int
    sku: str
    expected: int
    quantity: int
    short: int
    unit: str
    short_reason: str | None = None
    asked_sku: str | None = None
    traced: tuple[TracedQuantity, ...] = ()


class PackedContent(Value):
    """A quantity of a line inside a package, as the node says it."""

    line: str
    sequence: int
    quantity: Positive
    traced: tuple[TracedQuantity, ...] = ()


class PackedPackage(Value):
    """A package as the node made it: its number within the fulfillment order and its actual weight in grams."""

    number: Positive
    contents: Annotated[tuple[PackedContent, ...], Field(min_length=1)]
    weight_grams: Positive


class CancelAnswer(Value):
    """How many units of a line the node lets go of; where that is not all of them, why it keeps the others, in its own
    words and without the name of a person."""

    line: str
    sequence: int
    granted: NotNegative
    reason: str | None = None


class DecidedLine(Value):
    """What became of the units of a line that were to be cancelled: `granted` never leave, `refused` go on."""

    line: str
    sequence: int
    sku: str
    granted: int
    refused: int
    unit: str
    reason: str | None = None


class PackageContent(Value):
    """A quantity of an order's line inside a package."""

    fulfillment_order: str
    line: str
    sequence: int
    sku: str
    quantity: int
    unit: str
    traced: tuple[TracedQuantity, ...] = ()


class Package(Value):
    """The unit of truth of everything after packing. `package` is its id, uuid5 of (tenant, `package`, fulfillment
    order, number); label data stands beside it once shipping issued it."""

    package: str
    number: int
    contents: tuple[PackageContent, ...]
    weight_grams: int
    sscc: str | None = None
    tracking_number: str | None = None


# Commands


class CreateFulfillmentOrder(Command):
    """Ask a node to pick, pack and hand over, or, of what is collected (`method` pickup), to set it aside for
    `pickup_person`. Sent again with the same contents it changes nothing."""

    order_id: str
    location: str
    sequence: NotNegative
    node_kind: NodeKind = NodeKind.OWN
    ship_group: str
    method: str
    service_level: str | None = None
    ship_to: ShipTo | None = None
    pickup_person: Personal | None = None
    ship_by: Instant | None = None
    priority: int = 0
    instructions: Personal | None = None
    gift_message: Personal | None = None
    lines: Annotated[tuple[FulfillmentLine, ...], Field(min_length=1)]


class CancelUnits(Value):
    """Units of an order's line that a node is asked to let go of."""

    line: str
    quantity: Positive


class CancelFulfillment(Command):
    """Ask that nothing of it leaves, or of these `lines` so many units less. Taken in every state, never seen included: done at once until the node accepts the
    work, then a request that the node answers, and refused once the goods are gone. `request` counts the cancels of the
    order; the same again changes nothing."""

    cause: str | None = None
    request: NotNegative = 0
    lines: tuple[CancelUnits, ...] = ()


class RecordAcceptance(Command):
    """The node takes the work, or rejects it with a reason."""

    document: str
    accepted: bool = True
    reject_reason: str | None = None
    occurred_at: Instant | None = None


class RecordPick(Command):
    """The node has picked: every line with the quantity actually taken."""

    document: str
    lines: Annotated[tuple[PickLine, ...], Field(min_length=1)]
    occurred_at: Instant | None = None


class RecordPack(Command):
    """The node has packed all that was picked."""

    document: str
    packages: Annotated[tuple[PackedPackage, ...], Field(min_length=1)]
    occurred_at: Instant | None = None


class RecordHandOver(Command):
    """The packages have left the node, with the carrier or `handed_to` a person."""

    document: str
    handed_to: str | None = None
    occurred_at: Instant | None = None


class RecordReady(Command):
    """What was picked, packed or not, lies ready to be collected; `shelf` is where, in the node's own words, and never
    names a person."""

    document: str
    shelf: str | None = None
    occurred_at: Instant | None = None


class RecordCollection(Command):
    """What lay ready was handed over the counter, to `collected_by` where somebody asked."""

    document: str
    collected_by: Personal | None = None
    occurred_at: Instant | None = None


class RecordCancelDecision(Command):
    """The node answers a request to cancel: every line once, with the units that it lets go of. `packages` are those
    that remain, of work that is packed and not let go of whole."""

    document: str
    lines: Annotated[tuple[CancelAnswer, ...], Field(min_length=1)]
    packages: tuple[PackedPackage, ...] = ()
    occurred_at: Instant | None = None


# Events; all but NodeDocumentRepeated answer the order, through the whole life of the fulfillment order


class FulfillmentOrderCreated(Event):
    """The node has the work on its list. `tenant` addresses the stock items that its facts go to."""

    tenant: str
    order_id: str
    location: str
    sequence: int
    node_kind: NodeKind
    ship_group: str
    method: str
    service_level: str | None = None
    ship_to: ShipTo | None = None
    pickup_person: Personal | None = None
    ship_by: Instant | None = None
    priority: int = 0
    instructions: Personal | None = None
    gift_message: Personal | None = None
    lines: tuple[FulfillmentLine, ...]
    reply_to: str | None = None


class FulfillmentAccepted(Event):
    """The node takes the work: from here a cancel is a request."""

    order_id: str
    location: str
    document: str
    occurred_at: Instant | None = None
    reply_to: str | None = None


class FulfillmentRejected(Event):
    """The node will not do it; the order sources these lines again, elsewhere."""

    order_id: str
    location: str
    document: str
    reject_reason: str | None = None
    lines: tuple[FulfillmentLine, ...]
    occurred_at: Instant | None = None
    reply_to: str | None = None


class Picked(Event):
    """The node has picked; where every line is short altogether, nothing follows any more."""

    order_id: str
    location: str
    document: str
    lines: tuple[PickedLine, ...]
    occurred_at: Instant | None = None
    reply_to: str | None = None


class Packed(Event):
    """What was picked is in packages."""

    order_id: str
    location: str
    document: str
    packages: tuple[Package, ...]
    occurred_at: Instant | None = None
    reply_to: str | None = None


class HandedOver(Event):
    """The packages have left the node: their goods are gone from stock."""

    order_id: str
    location: str
    document: str
    packages: tuple[Package, ...]
    handed_to: str | None = None
    occurred_at: Instant | None = None
    reply_to: str | None = None


class ReadyForPickup(Event):
    """What was picked lies ready to be collected: `lines`, no more than was asked for."""

    order_id: str
    location: str
    document: str
    lines: tuple[PickedLine, ...]
    shelf: str | None = None
    occurred_at: Instant | None = None
    reply_to: str | None = None


class Collected(Event):
    """What lay ready was handed over the counter: its goods are gone from stock."""

    order_id: str
    location: str
    document: str
    lines: tuple[PickedLine, ...]
    collected_by: Personal | None = None
    occurred_at: Instant | None = None
    reply_to: str | None = None


class FulfillmentCancelled(Event):
    """Nothing of it will leave. `lines` are those that were open; none when it was never seen (`seen` false)."""

    order_id: str | None = None
    location: str | None = None
    lines: tuple[FulfillmentLine, ...]
    put_back: tuple[PickedLine, ...] = ()
    seen: bool
    cause: str | None = None
    reply_to: str | None = None


class CancelRequested(Event):
    """The node has the work, so it decides about these units, line by line, by `answer_by`; silence keeps them all.
    Until then the work may go on. `part`: these are not all that it has, and the rest is not asked about."""

    order_id: str
    location: str
    lines: tuple[FulfillmentLine, ...]
    request: int
    cause: str | None = None
    answer_by: Instant
    part: bool = False
    reply_to: str | None = None


class CancelDecided(Event):
    """How a request to cancel ended, line by line. `put_back` goes back on the shelf; `packages` are those that remain.
    Where every unit is granted nothing of the work is left; else the rest goes on where it stood. `document` is the
    node's, none of its silence. `part`: only these units were asked for, so that the rest goes on in any case; fewer than
    were asked for are those that it had no more."""

    order_id: str
    location: str
    request: int
    decision: CancelDecision
    document: str | None = None
    lines: tuple[DecidedLine, ...]
    put_back: tuple[PickedLine, ...] = ()
    packages: tuple[Package, ...] = ()
    part: bool = False
    occurred_at: Instant | None = None
    reply_to: str | None = None


class FulfillmentCancelRefused(Event):
    """Too late: the goods of these lines are gone. They can be intercepted or returned."""

    order_id: str
    location: str
    lines: tuple[FulfillmentLine, ...]
    reason: RefusalReason
    reply_to: str | None = None


class FulfillmentRefused(Event):
    """A step (`step` is the command's name) that the present state does not allow; nothing was changed. Answers the
    order only where the order asked for the step."""

    step: str
    reason: RefusalReason
    detail: str | None = None
    document: str | None = None
    order_id: str | None = None
    location: str | None = None
    reply_to: str | None = None


class NodeDocumentRepeated(Event):
    """A document of the node came again; it changes nothing."""

    document: str
    step: str
