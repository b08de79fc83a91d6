"""Fulfilling: nodes do the work, the goods leave us one way or another, and the value of what left is captured."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.fulfillment import NodeKind, Package
from contracts.message import Event, Instant, Value
from contracts.money import Money
from contracts.order.terms import ShipMethod
from contracts.order.units import QuantityMoved
from contracts.payments import CaptureLine
from contracts.personal import Personal
from contracts.shipping import Label

__all__ = [
    "CaptureNotNeeded",
    "CaptureRecorded",
    "CaptureRequested",
    "DispatchRequested",
    "FulfilledKind",
    "FulfillmentAcceptedByNode",
    "FulfillmentDeclined",
    "FulfillmentHandedOver",
    "FulfillmentListed",
    "FulfillmentReady",
    "LinesDelivered",
    "LinesFulfilled",
    "LinesPacked",
    "LinesPicked",
    "LinesShort",
    "OrderCompleted",
    "OrderReopened",
    "ReadyLine",
    "ReleasedLine",
    "ReleasedToFulfillment",
    "ReopenCause",
    "ShipNotBeforePassed",
    "ShipmentLabelled",
    "ShipmentRequested",
    "ShortLine",
]

Positive = Annotated[int, Field(gt=0)]


class ReleasedLine(Value):
    """Units of a line that a node gets, and the claim that holds their stock."""

    line: str
    sequence: int
    sku: str
    quantity: Positive
    unit: str


class ShortLine(Value):
    """Units of a line that the node did not find; its location is barred for this line from now on."""

    line: str
    sequence: int
    quantity: Positive
    reason: str | None = None


class ReadyLine(Value):
    """Units of a line that lie ready to be collected."""

    line: str
    quantity: Positive


class ShipNotBeforePassed(Event):
    """The first moment of some lines (`due`) has come: from now on what is reserved of them may go to a node."""

    due: Instant


class ReleasedToFulfillment(QuantityMoved, Event):
    """A node gets the work: the fulfillment order (its id, and its `sequence` within the order) for one location and
    ship group, whose `method` says how it goes on. Its creation is answered by `answer_by`; it should have left the
    node, or lie ready, by `work_by`."""

    fulfillment_order: str
    sequence: int
    location: str
    node_kind: NodeKind = NodeKind.OWN
    ship_group: str
    method: ShipMethod = ShipMethod.SHIP
    lines: tuple[ReleasedLine, ...]
    answer_by: Instant
    work_by: Instant


class FulfillmentListed(Event):
    """The node has the work on its list."""

    fulfillment_order: str


class FulfillmentAcceptedByNode(Event):
    """The node took the work."""

    fulfillment_order: str
    document: str


class FulfillmentDeclined(QuantityMoved, Event):
    """The node will not do it: its units are sourced again, at other locations; `claims` are given back."""

    fulfillment_order: str
    location: str
    lines: tuple[str, ...]
    claims: tuple[int, ...]
    reason: str | None = None


class LinesPicked(QuantityMoved, Event):
    """The node took the goods off the shelf."""

    fulfillment_order: str
    document: str


class LinesShort(QuantityMoved, Event):
    """The node did not find these units: they are sourced again, at other locations."""

    fulfillment_order: str
    location: str
    lines: tuple[ShortLine, ...]


class LinesPacked(QuantityMoved, Event):
    """The goods are in packages."""

    fulfillment_order: str
    packages: tuple[Package, ...]


class ShipmentRequested(Event):
    """A carrier is to take the packages of a fulfillment order."""

    shipment: str
    fulfillment_order: str
    carrier: str
    answer_by: Instant


class ShipmentLabelled(Event):
    """Every package has its label and tracking number."""

    shipment: str
    fulfillment_order: str
    carrier: str
    service: str
    labels: tuple[Label, ...]


class FulfillmentHandedOver(Event):
    """The packages left the node; `occurred_at` is its own time."""

    fulfillment_order: str
    document: str
    occurred_at: Instant | None = None


class FulfillmentReady(Event):
    """What is to be collected lies ready at `location`, on a `shelf` in the node's own words. Nobody collected it by
    `collect_by`: then a person is asked."""

    fulfillment_order: str
    location: str
    document: str
    lines: tuple[ReadyLine, ...]
    shelf: str | None = None
    collect_by: Instant


class DispatchRequested(Event):
    """Shipping is told that the labelled packages left."""

    shipment: str
    fulfillment_order: str
    document: str
    occurred_at: Instant | None = None
    answer_by: Instant


class FulfilledKind(StrEnum):
    """How goods left us: with a carrier, collected at a counter, handed out at a till, sent by their vendor; `issued`
    is what is no goods, such as a licence."""

    SHIPPED = "shipped"
    COLLECTED = "collected"
    HANDED_OUT = "handed_out"
    VENDOR_SHIPPED = "vendor_shipped"
    ISSUED = "issued"


class LinesFulfilled(QuantityMoved, Event):
    """Units have left us. `fulfillment` is the id of what was fulfilled, which the capture of its value is named by: of
    what was `shipped` the shipment, of what was `collected` the fulfillment order, of what was `handed_out` uuid5 of
    (tenant, `hand_out`, order, ship group). `location` is where they left from, `fulfillment_order` whose work they were.

    `ranges` are the units of each line, counted from the bottom, with their share of the line's amount; `other` the
    share of the charges of the order and its ship groups. Carrier, service and packages are those of a shipment;
    `collected_by` is who took what was collected, where somebody asked.
    """

    kind: FulfilledKind
    fulfillment: str
    location: str | None = None
    fulfillment_order: str | None = None
    carrier: str | None = None
    service: str | None = None
    packages: tuple[Package, ...] = ()
    collected_by: Personal | None = None
    ranges: tuple[CaptureLine, ...]
    other: Money
    amount: Money


class CaptureRequested(Event):
    """The value of what was fulfilled is to be taken."""

    fulfillment: str
    amount: Money
    answer_by: Instant


class CaptureNotNeeded(Event):
    """What was fulfilled is worth nothing, or was taken by another system before: there is nothing to take."""

    fulfillment: str
    amount: Money


class CaptureRecorded(Event):
    """The amount was taken; `captured` is the order's total so far."""

    fulfillment: str
    amount: Money
    captured: Money


class LinesDelivered(QuantityMoved, Event):
    """A package reached its ship-to."""

    shipment: str
    package: str
    occurred_at: Instant


class OrderCompleted(Event):
    """Every unit is fulfilled or cancelled, and what was fulfilled is captured."""

    captured: Money


class ReopenCause(StrEnum):
    """Why an order that was complete goes on: units of it are sent again, or others for some that come back."""

    REPLACEMENT = "replacement"
    EXCHANGE = "exchange"


class OrderReopened(Event):
    """An order that was complete takes more lines and goes on with them, until it is complete again. `reference` is what
    asked for it: of a replacement the refund's id, of an exchange its change."""

    cause: ReopenCause
    reference: str
