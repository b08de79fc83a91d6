"""Messages of the shipping service: shipments of packages to one ship-to, their labels, and what carriers report.

Weights are grams, lengths are millimetres. Tracking events may come in any order, late, and more than once.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.address import Area, ShipTo
from contracts.fulfillment import Package
from contracts.message import Command, Event, Instant, Value

__all__ = [
    "AllotSerials",
    "CancelShipment",
    "CloseManifest",
    "CreateShipment",
    "Delivered",
    "DispatchShipment",
    "Label",
    "LabelIssued",
    "ManifestClosed",
    "ManifestPackage",
    "ManifestRefusal",
    "ManifestRefused",
    "Manifested",
    "PackageLost",
    "PackageReturned",
    "RecordManifested",
    "RecordTracking",
    "SerialsAllotted",
    "ShipmentCancelRefused",
    "ShipmentCancelled",
    "ShipmentCreated",
    "ShipmentRefusal",
    "ShipmentRefused",
    "Shipped",
    "TrackingIgnored",
    "TrackingRecorded",
    "TrackingStatus",
]


class TrackingStatus(StrEnum):
    """What a carrier says about a package."""

    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    ON_HOLD = "on_hold"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERED = "delivered"
    DELIVERY_DELAYED = "delivery_delayed"
    DELIVERY_FAILED = "delivery_failed"
    RETURN_TO_SENDER = "return_to_sender"
    LOST = "lost"
    UNKNOWN = "unknown"


class ShipmentRefusal(StrEnum):
    """Why a step of a shipment was refused.

    `cancelled`: the cancellation was there first; `exists`: it is known with other contents; `unknown`: no such
    shipment; `no_service`: the carrier does not go there or has no such service; `too_heavy`: a package is above the
    service's limit; `not_labelled`: labels are missing; `already_shipped`: it has left.
    """

    CANCELLED = "cancelled"
    EXISTS = "exists"
    UNKNOWN = "unknown"
    NO_SERVICE = "no_service"
    TOO_HEAVY = "too_heavy"
    NOT_LABELLED = "not_labelled"
    ALREADY_SHIPPED = "already_shipped"


class Label(Value):
    """The data of one package's label. `sscc` has 18 digits, check digit included; `billed_grams` is the upper edge of
    the weight band that the carrier's table charges."""

    package: str
    sscc: str
    tracking_number: str
    weight_grams: int
    billed_grams: int


class ManifestRefusal(StrEnum):
    """Why no manifest was closed: no carrier is called so, or no labelled package waits for it there."""

    UNKNOWN_CARRIER = "unknown_carrier"
    NOTHING_WAITS = "nothing_waits"


class ManifestPackage(Value):
    """A package on a manifest, by the numbers on its label."""

    shipment: str
    package: str
    sscc: str
    tracking_number: str
    weight_grams: int


# Commands


class CreateShipment(Command):
    """Bring packages to a ship-to. Sent again with the same contents it changes nothing."""

    order_id: str
    fulfillment_order: str
    location: str
    carrier: str
    service_level: str | None = None
    origin: Area | None = None
    ship_to: ShipTo
    packages: Annotated[tuple[Package, ...], Field(min_length=1)]


class DispatchShipment(Command):
    """The node handed the packages over; `document` is its hand-over, `occurred_at` its own time."""

    document: str
    occurred_at: Instant | None = None


class CancelShipment(Command):
    """Void the labels. Taken in every state, never seen included; refused once it has left."""

    cause: str | None = None


class RecordTracking(Command):
    """A carrier's tracking event, known again by its `event_id`. `package` is the package's id, its SSCC or its
    tracking number."""

    carrier: str
    event_id: str
    package: str
    status: TrackingStatus
    place: str | None = None
    detail: str | None = None
    occurred_at: Instant


class CloseManifest(Command):
    """List what waits for a carrier at a location, labelled and not handed over, for the `day` (in `time_zone`) on which
    it is to be taken."""

    carrier: str
    location: str
    day: date
    time_zone: str


class RecordManifested(Command):
    """A shipment is on the manifest with this number."""

    manifest: str
    number: int


class AllotSerials(Command):
    """A shipment asks the series of its company prefix for numbers, one a package."""

    company_prefix: str
    count: Annotated[int, Field(gt=0)]


# Events


class ShipmentCreated(Event):
    """The carrier will take these packages. `series` is the stream that its SSCC serial numbers come from; labels
    follow as soon as it has answered, and they are the answer: `reply_to` keeps who asked."""

    order_id: str
    fulfillment_order: str
    location: str
    carrier: str
    service: str
    zone: str
    origin: Area | None = None
    ship_to: ShipTo
    packages: tuple[Package, ...]
    company_prefix: str
    series: str
    reply_to: str | None = None


class SerialsAllotted(Event):
    """The serial references `first` .. `first + count - 1` of a company prefix belong to whoever asked."""

    company_prefix: str
    first: int
    count: int
    reply_to: str | None = None


class ManifestClosed(Event):
    """What a carrier is to take from a location on a day. `manifest` is the id of the stream, uuid5 of (tenant,
    `manifest`, carrier, location), in which they are numbered from 1. `waiting` packages had no room, and are on the
    next."""

    carrier: str
    location: str
    day: date
    time_zone: str
    manifest: str
    number: int
    packages: tuple[ManifestPackage, ...]
    weight_grams: int
    waiting: int = 0


class ManifestRefused(Event):
    """No manifest was closed."""

    carrier: str
    location: str
    reason: ManifestRefusal


class Manifested(Event):
    """The labelled packages of a shipment are on a manifest, by its stream's id and number."""

    order_id: str
    fulfillment_order: str
    carrier: str
    manifest: str
    number: int


class LabelIssued(Event):
    """Every package of the shipment has its label. Answers the order."""

    order_id: str
    fulfillment_order: str
    carrier: str
    service: str
    zone: str
    labels: tuple[Label, ...]
    reply_to: str | None = None


class Shipped(Event):
    """The packages are with the carrier: their contents are fulfilled. Answers the order."""

    order_id: str
    fulfillment_order: str
    location: str
    carrier: str
    service: str
    packages: tuple[Package, ...]
    document: str
    occurred_at: Instant | None = None
    reply_to: str | None = None


class TrackingRecorded(Event):
    """The carrier reported something new about a package."""

    carrier: str
    event_id: str
    package: str
    status: TrackingStatus
    place: str | None = None
    detail: str | None = None
    occurred_at: Instant


class TrackingIgnored(Event):
    """A tracking event changed nothing: it came before (`repeated`), or names no package here (`unknown_package`)."""

    carrier: str
    event_id: str
    package: str
    reason: str


class Delivered(Event):
    """A package has reached its ship-to; `outstanding` packages of the shipment have not. `after_lost`: it had been
    given up for lost. Answers the order."""

    order_id: str
    fulfillment_order: str
    package: Package
    outstanding: int
    after_lost: bool = False
    occurred_at: Instant
    reply_to: str | None = None


class PackageLost(Event):
    """A package that has left does not arrive: its carrier lost it, and may find it again. Answers the order."""

    order_id: str
    fulfillment_order: str
    carrier: str
    package: Package
    occurred_at: Instant
    reply_to: str | None = None


class PackageReturned(Event):
    """A package that has left does not arrive: it comes back to the sender. `after_lost`: it had been given up for lost.
    Answers the order."""

    order_id: str
    fulfillment_order: str
    carrier: str
    package: Package
    after_lost: bool = False
    occurred_at: Instant
    reply_to: str | None = None


class ShipmentCancelled(Event):
    """The labels are void, nothing will leave; `seen` is false when it was never asked for."""

    seen: bool
    order_id: str | None = None
    fulfillment_order: str | None = None
    cause: str | None = None
    reply_to: str | None = None


class ShipmentCancelRefused(Event):
    """Too late: the packages have left."""

    order_id: str
    fulfillment_order: str
    reason: ShipmentRefusal
    reply_to: str | None = None


class ShipmentRefused(Event):
    """A step (`step` is the command's name) that cannot be done; nothing was changed. Answers whoever asked."""

    step: str
    reason: ShipmentRefusal
    detail: str | None = None
    reply_to: str | None = None
