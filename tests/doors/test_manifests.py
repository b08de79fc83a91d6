"""The door of manifests: close one, and look at those that were closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, cast

from chassis.doors import Door
from chassis.reading import Followed, Reads
from chassis.store import Recorded
from chassis.testing import Spec
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.shipping import CloseManifest
from services.shipping import manifest_api
from services.shipping.app import declare
from services.shipping.manifest import MANIFEST
from services.shipping.tests.test_manifest import NAME, close, waits
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client

MANIFESTS = f"/manifests/{NAME.partition('/')[2]}"
WISH = {"carrier": "own-fleet", "location": "north", "day": "2026-01-05", "time_zone": "Europe/Berlin"}


class Closed(ToldReads):
    """A store that knows one stream with two manifests, and a close that found nothing to list between them."""

    def __init__(self) -> None:
        super().__init__()
        spec = Spec(MANIFEST, "shipping", NAME)
        outcomes = [close(spec, waits("s1", 2)), close(spec), close(spec, waits("s2"), waits("s3"))]
        emitted = [event for outcome in outcomes for event in outcome.handling.events]
        self._events = [
            Recorded(NAME, version, event.envelope.type, {}, event.value, 0, version)
            for version, event in enumerate(emitted, start=1)
        ]

    def events(self, name: str) -> Iterator[Recorded]:
        return iter(self._events if name == NAME else ())

    def followed(self, name: str) -> Followed:
        return Followed("shipping.events", {0: len(self._events)}, 0.0)


class Site:
    """The routes of manifests, and the inbox behind them."""

    def __init__(self) -> None:
        self.writer = KeptWriter()
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, Closed()), Waiters(1))
        self.client, _ = guarded_client(manifest_api.router(gate))

    def closes(self, **changed: str) -> Any:
        return self.client.post("/manifests", json={**WISH, **changed}, headers={"Idempotency-Key": "m1"})


def test_a_manifest_is_closed_for_a_carrier_a_location_and_a_day_there() -> None:
    site = Site()
    answer = site.closes()
    assert (answer.status_code, answer.headers["location"]) == (202, MANIFESTS)
    [record] = site.writer.records
    wish = CloseManifest.decode(record.value)
    assert (record.key, wish.day, wish.time_zone) == (NAME.encode(), date(2026, 1, 5), "Europe/Berlin")


def test_a_time_zone_that_nobody_has_is_refused_by_name() -> None:
    site = Site()
    answer = site.closes(time_zone="Europe/Atlantis")
    assert (answer.status_code, answer.json()["title"]) == (422, "No time zone is called Europe/Atlantis")
    assert site.writer.records == []


def test_the_manifests_of_a_carrier_at_a_location_are_shown_the_last_first() -> None:
    shown = Site().client.get(MANIFESTS).json()["manifests"]
    assert [(one["number"], one["shipments"], one["packages"]) for one in shown] == [(2, 2, 2), (1, 1, 2)]


def test_one_is_shown_with_its_packages() -> None:
    site = Site()
    shown = site.client.get(f"{MANIFESTS}/1").json()
    assert [package["shipment"] for package in shown["contents"]] == ["s1", "s1"]
    assert (shown["day"], shown["weight_grams"]) == ("2026-01-05", 1000)
    assert shown["followed"]["topic"] == "shipping.events"
    assert site.client.get(f"{MANIFESTS}/3").status_code == 404
    assert site.client.get("/manifests/bdebd2b8-5485-59e2-b9dd-65081be601f6").status_code == 404
