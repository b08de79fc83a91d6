"""Manifests: what waits for a carrier at a location is listed once, by whole shipments, and each shipment hears it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from chassis.testing import Outcome, Spec
from contracts.ids import stream
from contracts.message import Command
from contracts.shipping import (
    CloseManifest,
    ManifestClosed,
    Manifested,
    ManifestPackage,
    ManifestRefusal,
    ManifestRefused,
    RecordManifested,
    ShipmentCancelled,
    Shipped,
)
from services.shipping.manifest import KNOWN_AGAIN, MANIFEST, PACKAGES_MAX, manifest_stream, waiting_key
from services.shipping.shipment import Stage
from services.shipping.tests.test_shipment import CANCEL, CREATE, DISPATCH, ORDER, SERIALS, after

NAME = manifest_stream("default", "own-fleet", "north")
CLOSE = CloseManifest(carrier="own-fleet", location="north", day=date(2026, 1, 5), time_zone="Europe/Berlin")
LISTED = RecordManifested(manifest=NAME.partition("/")[2], number=3)


def waits(shipment: str, packages: int = 1, grams: int = 500) -> list[ManifestPackage]:
    """The labelled packages of a shipment."""
    return [
        ManifestPackage(
            shipment=shipment,
            package=f"{shipment}-{number}",
            sscc="0" * 18,
            tracking_number=f"T{number}",
            weight_grams=grams,
        )
        for number in range(packages)
    ]


def close(spec: Spec, *waiting: list[ManifestPackage], **more: Any) -> Outcome:
    """A manifest is closed while the list of shipments says that these wait."""
    command = CLOSE.model_copy(update=more)
    found = {waiting_key(command.carrier, command.location): [one for packages in waiting for one in packages]}
    return spec.when(command, door="http", needed=found)


def closed(outcome: Outcome) -> ManifestClosed:
    [event] = outcome.events
    assert isinstance(event, ManifestClosed)
    return event


def shipments(manifest: ManifestClosed) -> list[str]:
    return list(dict.fromkeys(package.shipment for package in manifest.packages))


def test_what_waits_is_listed_for_the_day_and_each_shipment_hears_it_once() -> None:
    # given three packages of two shipments, when the van comes
    spec = Spec(MANIFEST, "shipping", NAME)
    outcome = close(spec, waits("s1", 2), waits("s2", grams=900))
    # then the first manifest lists them
    manifest = closed(outcome)
    assert (manifest.number, manifest.day, manifest.time_zone) == (1, date(2026, 1, 5), "Europe/Berlin")
    assert ([package.package for package in manifest.packages], manifest.weight_grams) == (
        ["s1-0", "s1-1", "s2-0"],
        1900,
    )
    # and each shipment hears of it
    listed = RecordManifested(manifest=NAME.partition("/")[2], number=1)
    assert [(send.service, send.stream, send.message) for send in outcome.sent] == [
        ("shipping", stream("shipment", "s1"), listed),
        ("shipping", stream("shipment", "s2"), listed),
    ]


def test_the_next_one_lists_nothing_again_though_the_list_is_a_moment_old() -> None:
    spec = Spec(MANIFEST, "shipping", NAME)
    close(spec, waits("s1"))
    second = closed(close(spec, waits("s1"), waits("s2")))
    assert (second.number, shipments(second)) == (2, ["s2"])


@pytest.mark.parametrize(
    ("waiting", "more", "reason"),
    [
        ([], {}, ManifestRefusal.NOTHING_WAITS),
        (waits("s1"), {"carrier": "balloons"}, ManifestRefusal.UNKNOWN_CARRIER),
    ],
)
def test_without_a_carrier_or_packages_there_is_no_manifest(
    waiting: list[ManifestPackage], more: dict[str, str], reason: ManifestRefusal
) -> None:
    spec = Spec(MANIFEST, "shipping", NAME)
    [refused] = close(spec, waiting, **more).sends().events
    assert isinstance(refused, ManifestRefused) and refused.reason is reason
    assert closed(close(spec, waits("s2"))).number == 1


def test_a_full_manifest_keeps_shipments_whole_and_leaves_the_others_to_the_next() -> None:
    spec = Spec(MANIFEST, "shipping", NAME)
    big, small = waits("big", PACKAGES_MAX - 1), waits("small", 2)
    first = closed(close(spec, big, small, waits("last")))
    assert (shipments(first), first.waiting) == (["big"], 3)
    assert shipments(closed(close(spec, small, waits("last")))) == ["small", "last"]


def test_a_shipment_larger_than_a_manifest_has_one_of_its_own() -> None:
    huge = waits("huge", PACKAGES_MAX + 1)
    assert shipments(closed(close(Spec(MANIFEST, "shipping", NAME), huge, waits("s2")))) == ["huge"]


def test_so_many_shipments_are_known_again_and_no_more() -> None:
    spec = Spec(MANIFEST, "shipping", NAME)
    first = closed(close(spec, waits("s0")))
    many = tuple(package for number in range(1, KNOWN_AGAIN + 1) for package in waits(f"s{number}"))
    spec.given(first.model_copy(update={"number": 2, "packages": many, "door_digest": None}))
    assert (len(spec.state.listed), "s0" in spec.state.listed) == (KNOWN_AGAIN, False)


# What shipments make of it


def test_a_labelled_shipment_is_manifested_and_leaves_as_ever() -> None:
    spec = after(CREATE, SERIALS)
    [event] = spec.when(LISTED).answered().sends().events
    assert isinstance(event, Manifested)
    assert (event.manifest, event.number, event.carrier) == (LISTED.manifest, 3, "own-fleet")
    assert spec.state.stage is Stage.MANIFESTED
    [shipped] = spec.when(DISPATCH).answered(ORDER).events
    assert isinstance(shipped, Shipped)


def test_a_manifested_shipment_that_stays_is_cancelled_as_any_that_has_not_left() -> None:
    [cancelled] = after(CREATE, SERIALS, LISTED).when(CANCEL, reply_to=ORDER).answered(ORDER).events
    assert isinstance(cancelled, ShipmentCancelled)


@pytest.mark.parametrize(
    "before", [(CREATE, SERIALS, DISPATCH), (CREATE, SERIALS, CANCEL), (CREATE, SERIALS, LISTED), ()]
)
def test_what_left_or_was_cancelled_meanwhile_stays_as_it_is(before: tuple[Command, ...]) -> None:
    after(*before).when(LISTED).then_nothing()
