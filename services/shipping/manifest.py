"""Manifests: what a carrier takes from a location, packages labelled and not yet handed over, listed and numbered.

One stream a carrier and location. What waits is read from the list of shipments when a manifest is closed, and stands in the
event; the list is a moment old, so a package labelled just now is on the next, and none is on two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chassis.decider import Context, Fold, Outgoing, Send, StreamKind
from chassis.states import replace
from contracts.ids import aggregate_id, split_stream, stream
from contracts.message import Event, Message
from contracts.shipping import (
    CloseManifest,
    ManifestClosed,
    ManifestPackage,
    ManifestRefusal,
    ManifestRefused,
    RecordManifested,
)
from services.shipping.carriers import CARRIERS

__all__ = ["KNOWN_AGAIN", "MANIFEST", "PACKAGES_MAX", "carrier_and_location", "manifest_stream", "waiting_key"]

PACKAGES_MAX = 1_000
"""Packages on one manifest; whole shipments, but for one that alone has more."""

KNOWN_AGAIN = 5_000
"""Shipments, the last ones, that are on a manifest for certain, whatever the list says that is a moment old."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """How many were closed, and the last shipments on them."""

    number: int = 0
    listed: tuple[str, ...] = ()


def manifest_stream(tenant: str, carrier: str, location: str) -> str:
    """The stream of the manifests of a carrier at a location."""
    return stream("manifest", aggregate_id(tenant, "manifest", carrier, location))


def waiting_key(carrier: str, location: str) -> str:
    """What the loader is asked for: the labelled packages that wait for a carrier at a location, the oldest first."""
    return f"{carrier}\x1f{location}"


def carrier_and_location(key: str) -> tuple[str, str]:
    """What a key of the loader asks about."""
    carrier, _, location = key.partition("\x1f")
    return carrier, location


def _evolve(state: Manifests, event: Event) -> Manifests:
    if not isinstance(event, ManifestClosed):
        return state
    shipments = dict.fromkeys(package.shipment for package in event.packages)
    return replace(state, number=event.number, listed=(*state.listed, *shipments)[-KNOWN_AGAIN:])


def _close(command: CloseManifest, state: Manifests, context: Context) -> Sequence[Event]:
    if command.carrier not in CARRIERS:
        return [_refused(command, ManifestRefusal.UNKNOWN_CARRIER)]
    known = frozenset(state.listed)
    waiting: Mapping[str, list[ManifestPackage]] = _by_shipment(
        package
        for package in context.needed[waiting_key(command.carrier, command.location)]
        if package.shipment not in known
    )
    if not waiting:
        return [_refused(command, ManifestRefusal.NOTHING_WAITS)]
    taken: list[ManifestPackage] = []
    for packages in waiting.values():
        if taken and len(taken) + len(packages) > PACKAGES_MAX:
            break
        taken += packages
    return [
        ManifestClosed(
            carrier=command.carrier,
            location=command.location,
            day=command.day,
            time_zone=command.time_zone,
            manifest=split_stream(context.stream)[1],
            number=state.number + 1,
            packages=tuple(taken),
            weight_grams=sum(package.weight_grams for package in taken),
            waiting=sum(map(len, waiting.values())) - len(taken),
        )
    ]


def _by_shipment(packages: Iterable[ManifestPackage]) -> dict[str, list[ManifestPackage]]:
    found: dict[str, list[ManifestPackage]] = {}
    for package in packages:
        found.setdefault(package.shipment, []).append(package)
    return found


def _refused(command: CloseManifest, reason: ManifestRefusal) -> ManifestRefused:
    return ManifestRefused(carrier=command.carrier, location=command.location, reason=reason)


def _react(state: Manifests, event: Event) -> Sequence[Outgoing]:
    """Each shipment hears which manifest it is on."""
    if not isinstance(event, ManifestClosed):
        return ()
    listed = RecordManifested(manifest=event.manifest, number=event.number)
    shipments = dict.fromkeys(package.shipment for package in event.packages)
    return [Send("shipping", stream("shipment", shipment), listed) for shipment in shipments]


def _needs(message: Message, state: Manifests) -> Sequence[str]:
    return [waiting_key(message.carrier, message.location)] if isinstance(message, CloseManifest) else []


MANIFEST = StreamKind(
    kind="manifest",
    folds=(Fold("manifest", 1, Manifests(), _evolve, _react),),
    decide={CloseManifest: _close},
    needs=_needs,
)
