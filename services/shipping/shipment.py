"""A shipment: packages of an order to one ship-to, their labels, and what the carrier says about them.

Labels need serial numbers, which the series of the company prefix gives out (sscc_series.py); until it has answered
the shipment is created but not labelled. Tracking comes in any order and is recorded as it comes; what became of a
package is told once it has left, whichever is heard of first. Of two fates the better founded stands: what was lost may
be found, on its way back or delivered; of those two the one heard first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from chassis.decider import Answer, Context, Fold, Outgoing, Send, StreamKind
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.fulfillment import Package
from contracts.ids import aggregate_id, stream
from contracts.message import Event, Message
from contracts.shipping import (
    AllotSerials,
    CancelShipment,
    CreateShipment,
    Delivered,
    DispatchShipment,
    Label,
    LabelIssued,
    Manifested,
    PackageLost,
    PackageReturned,
    RecordManifested,
    RecordTracking,
    SerialsAllotted,
    ShipmentCancelled,
    ShipmentCancelRefused,
    ShipmentCreated,
    ShipmentRefusal,
    ShipmentRefused,
    Shipped,
    TrackingIgnored,
    TrackingRecorded,
    TrackingStatus,
)
from services.shipping.carrier import Carrier, Declined
from services.shipping.carriers import CARRIERS
from services.shipping.manifest import MANIFEST
from services.shipping.sscc import COMPANY_PREFIX, sscc
from services.shipping.sscc_series import SSCC_SERIES

__all__ = ["FATES", "KINDS", "SHIPMENT", "TRACKED_MAX"]

TRACKED_MAX = 1_000
"""Tracking events that a shipment knows again, the last ones; an older one that comes again is recorded again."""


FATES = {TrackingStatus.LOST: 0, TrackingStatus.RETURN_TO_SENDER: 1, TrackingStatus.DELIVERED: 1}
"""What may become of a package, and how well founded it is: only a better one takes the place of one heard before."""


class Stage(StrEnum):
    """Where the shipment stands, as far as we decide it; what happened after is in its packages."""

    UNKNOWN = "unknown"
    CREATED = "created"
    LABELLED = "labelled"
    MANIFESTED = "manifested"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a package, by whom it was said and when, by their clock."""

    status: TrackingStatus
    carrier: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is shipped. `packages` carry their label data once labelled; `tracked` are the last tracking events, by
    carrier and event id; `fates` are what became of packages, by their id, and `told` what of that was told.
    `dispatched` is the hand-over that it left with."""

    stage: Stage = Stage.UNKNOWN
    created: ShipmentCreated | None = None
    packages: tuple[Package, ...] = ()
    tracked: tuple[str, ...] = ()
    fates: HashTrieMap[str, Fate] = field(default_factory=HashTrieMap)
    told: HashTrieMap[str, TrackingStatus] = field(default_factory=HashTrieMap)
    dispatched: str | None = None

    @property
    def asked(self) -> ShipmentCreated:
        """What was asked for; only of one that was created."""
        assert self.created is not None, "a shipment has no contents before it is created"
        return self.created

    def told_of(self, *statuses: TrackingStatus) -> list[str]:
        """The packages that were told to have one of these fates, in order."""
        return sorted(package for package, status in self.told.items() if status in statuses)

    def package(self, name: str) -> Package | None:
        """The package with this id, SSCC or tracking number."""
        named = (
            package for package in self.packages if name in (package.package, package.sscc, package.tracking_number)
        )
        return next(named, None)


# Evolve


def _evolve(state: Shipment, event: Event) -> Shipment:
    match event:
        case ShipmentCreated():
            return replace(state, stage=Stage.CREATED, created=event, packages=event.packages)
        case LabelIssued():
            return replace(
                state,
                stage=Stage.LABELLED,
                packages=_labelled(state.packages, event.labels),
            )
        case Manifested():
            return replace(state, stage=Stage.MANIFESTED)
        case Shipped():
            return replace(state, stage=Stage.SHIPPED, dispatched=event.document)
        case TrackingRecorded():
            return _tracked(state, event)
        case Delivered():
            return _told(state, event, TrackingStatus.DELIVERED)
        case PackageReturned():
            return _told(state, event, TrackingStatus.RETURN_TO_SENDER)
        case PackageLost():
            return _told(state, event, TrackingStatus.LOST)
        case ShipmentCancelled():
            return replace(state, stage=Stage.CANCELLED)
    return state


def _tracked(state: Shipment, event: TrackingRecorded) -> Shipment:
    fates, known = state.fates, state.fates.get(event.package)
    if event.status in FATES and (known is None or FATES[event.status] > FATES[known.status]):
        fates = fates.insert(event.package, Fate(event.status, event.carrier, event.occurred_at))
    return replace(state, fates=fates, tracked=(*state.tracked, _tracking_key(event))[-TRACKED_MAX:])


def _told(state: Shipment, event: Delivered | PackageReturned | PackageLost, status: TrackingStatus) -> Shipment:
    return replace(state, told=state.told.insert(event.package.package, status))


def _tracking_key(message: RecordTracking | TrackingRecorded) -> str:
    """Two carriers may carry one package, and number their events alike."""
    return f"{message.carrier}\x1f{message.event_id}"


def _labelled(packages: tuple[Package, ...], labels: tuple[Label, ...]) -> tuple[Package, ...]:
    by_package = {label.package: label for label in labels}
    return tuple(
        package.model_copy(
            update={
                "sscc": by_package[package.package].sscc,
                "tracking_number": by_package[package.package].tracking_number,
            }
        )
        for package in packages
    )


# Decide

_ASKED_FIELDS = (
    "order_id",
    "fulfillment_order",
    "location",
    "carrier",
    "origin",
    "ship_to",
    "packages",
)


def _create(command: CreateShipment, state: Shipment, context: Context) -> Sequence[Event]:
    if state.created is not None:
        same = all(getattr(state.created, name) == getattr(command, name) for name in _ASKED_FIELDS)
        return [] if same else [_refused(command, context, ShipmentRefusal.EXISTS)]
    if state.stage is Stage.CANCELLED:
        return [_refused(command, context, ShipmentRefusal.CANCELLED)]
    carrier = CARRIERS.get(command.carrier)
    if carrier is None:
        detail = f"no carrier is called {command.carrier}"
        return [_refused(command, context, ShipmentRefusal.NO_SERVICE, detail)]
    weights = [package.weight_grams for package in command.packages]
    offer = carrier.quote(command.service_level, command.origin, command.ship_to.area, weights)
    if isinstance(offer, Declined):
        return [_refused(command, context, offer.reason, offer.detail)]
    return [
        ShipmentCreated(
            **{name: getattr(command, name) for name in _ASKED_FIELDS},
            service=offer.service,
            zone=offer.zone,
            company_prefix=COMPANY_PREFIX,
            series=stream(
                "sscc_series",
                aggregate_id(context.tenant, "sscc_series", COMPANY_PREFIX),
            ),
            reply_to=context.reply_to,
        )
    ]


def _refused(
    command: Message,
    context: Context,
    reason: ShipmentRefusal,
    detail: str | None = None,
) -> ShipmentRefused:
    return ShipmentRefused(
        step=type(command).__name__,
        reason=reason,
        detail=detail,
        reply_to=context.reply_to,
    )


def _label(answer: SerialsAllotted, state: Shipment, context: Context) -> Sequence[Event]:
    """Late numbers, of a shipment that is cancelled or labelled already, stay unused."""
    if state.stage is not Stage.CREATED:
        return []
    asked, carrier = state.asked, CARRIERS[state.asked.carrier]
    labels = tuple(
        _label_of(package, carrier, sscc(asked.company_prefix, answer.first + place))
        for place, package in enumerate(asked.packages)
    )
    return [LabelIssued(**_common(state), zone=asked.zone, labels=labels)]


def _label_of(package: Package, carrier: Carrier, code: str) -> Label:
    return Label(
        package=package.package,
        sscc=code,
        tracking_number=carrier.tracking_number(code),
        weight_grams=package.weight_grams,
        billed_grams=carrier.billed_grams(package.weight_grams),
    )


def _common(state: Shipment) -> dict[str, Any]:
    """The fields that events about a created shipment share."""
    asked = state.asked
    return {
        "order_id": asked.order_id,
        "fulfillment_order": asked.fulfillment_order,
        "carrier": asked.carrier,
        "service": asked.service,
        "reply_to": asked.reply_to,
    }


def _dispatch(command: DispatchShipment, state: Shipment, context: Context) -> Sequence[Event]:
    match state.stage:
        case Stage.LABELLED | Stage.MANIFESTED:
            shipped = Shipped(
                **_common(state),
                location=state.asked.location,
                packages=state.packages,
                document=command.document,
                occurred_at=command.occurred_at,
            )
            return [shipped, *_untold(_evolve(state, shipped))]
        case Stage.SHIPPED:
            reason = ShipmentRefusal.ALREADY_SHIPPED
            return [] if state.dispatched == command.document else [_refused(command, context, reason)]
        case Stage.CREATED:
            return [_refused(command, context, ShipmentRefusal.NOT_LABELLED)]
        case Stage.CANCELLED:
            return [_refused(command, context, ShipmentRefusal.CANCELLED)]
        case Stage.UNKNOWN:
            return [_refused(command, context, ShipmentRefusal.UNKNOWN)]


def _manifest(command: RecordManifested, state: Shipment, context: Context) -> Sequence[Event]:
    """One that has left meanwhile, or is cancelled, stays as it is: the list was a moment old."""
    if state.stage is not Stage.LABELLED:
        return []
    asked = state.asked
    return [
        Manifested(
            order_id=asked.order_id,
            fulfillment_order=asked.fulfillment_order,
            carrier=asked.carrier,
            manifest=command.manifest,
            number=command.number,
        )
    ]


def _track(command: RecordTracking, state: Shipment, context: Context) -> Sequence[Event]:
    package = state.package(command.package)
    if package is None:
        return [_ignored(command, "unknown_package")]
    if _tracking_key(command) in state.tracked:
        return [_ignored(command, "repeated")]
    recorded = TrackingRecorded(
        carrier=command.carrier,
        event_id=command.event_id,
        package=package.package,
        status=command.status,
        place=command.place,
        detail=command.detail,
        occurred_at=command.occurred_at,
    )
    return [recorded, *_untold(_evolve(state, recorded))]


def _ignored(command: RecordTracking, reason: str) -> TrackingIgnored:
    return TrackingIgnored(
        carrier=command.carrier,
        event_id=command.event_id,
        package=command.package,
        reason=reason,
    )


def _untold(state: Shipment) -> list[Event]:
    """What became of packages that have left, and was not told yet."""
    if state.stage is not Stage.SHIPPED:
        return []
    events: list[Event] = []
    for package in state.packages:
        fate = state.fates.get(package.package)
        if fate is not None and state.told.get(package.package) is not fate.status:
            events.append(_fate_told(state, package, fate))
            state = _evolve(state, events[-1])
    return events


def _fate_told(state: Shipment, package: Package, fate: Fate) -> Delivered | PackageReturned | PackageLost:
    asked = state.asked
    named: dict[str, Any] = {
        "order_id": asked.order_id,
        "fulfillment_order": asked.fulfillment_order,
        "package": package,
        "occurred_at": fate.occurred_at,
        "reply_to": asked.reply_to,
    }
    after_lost = state.told.get(package.package) is TrackingStatus.LOST
    if fate.status is TrackingStatus.LOST:
        return PackageLost(**named, carrier=fate.carrier)
    if fate.status is TrackingStatus.RETURN_TO_SENDER:
        return PackageReturned(**named, carrier=fate.carrier, after_lost=after_lost)
    outstanding = len(state.packages) - len(state.told_of(TrackingStatus.DELIVERED)) - 1
    return Delivered(**named, outstanding=outstanding, after_lost=after_lost)


def _cancel(command: CancelShipment, state: Shipment, context: Context) -> Sequence[Event]:
    if state.created is None:
        return [ShipmentCancelled(seen=False, cause=command.cause, reply_to=context.reply_to)]
    asked, reply_to = state.created, context.reply_to or state.created.reply_to
    named: dict[str, Any] = {
        "order_id": asked.order_id,
        "fulfillment_order": asked.fulfillment_order,
        "reply_to": reply_to,
    }
    if state.stage is Stage.SHIPPED:
        return [ShipmentCancelRefused(**named, reason=ShipmentRefusal.ALREADY_SHIPPED)]
    return [ShipmentCancelled(**named, seen=True, cause=command.cause)]


# React


def _react(state: Shipment, event: Event) -> Sequence[Outgoing]:
    """A created shipment asks for its numbers; whoever wanted it hears when the labels are there."""
    if isinstance(event, ShipmentCreated):
        wanted = AllotSerials(company_prefix=event.company_prefix, count=len(event.packages))
        return (Send("shipping", event.series, wanted, wants_answer=True),)
    reply_to = getattr(event, "reply_to", None)
    return () if reply_to is None else (Answer(reply_to),)


def _story(state: Shipment) -> str | None:
    return None if state.created is None else stream("order", state.created.order_id)


SHIPMENT = StreamKind(
    kind="shipment",
    folds=(Fold("shipment", 3, Shipment(), _evolve, _react),),
    decide={
        CreateShipment: _create,
        SerialsAllotted: _label,
        RecordManifested: _manifest,
        DispatchShipment: _dispatch,
        RecordTracking: _track,
        CancelShipment: _cancel,
    },
    story=_story,
)

KINDS = (SHIPMENT, SSCC_SERIES, MANIFEST)
