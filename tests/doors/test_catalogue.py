"""The doors of items and locations: what is said becomes a command, and what cannot be is told."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.envelope import Envelope
from contracts.ids import aggregate_id
from contracts.inventory import DescribeItem, DescribeLocation, KitComponent, LocationAddress, LocationKind
from contracts.message import CATALOGUE
from services.inventory import catalogue_api
from services.inventory.app import declare
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client


class Doors:
    """The routes, and what they wrote."""

    def __init__(self) -> None:
        self.writer = KeptWriter()
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, ToldReads()), Waiters(10))
        self.client, _ = guarded_client(catalogue_api.router(gate))

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(path, json=body, headers={"Idempotency-Key": "k1"})

    def said(self) -> tuple[str, Any]:
        """The stream and the command of the one record."""
        (record,) = self.writer.records
        return record.key.decode(), CATALOGUE[Envelope.parse(record.headers).type].decode(record.value)


@pytest.fixture
def doors() -> Doors:
    return Doors()


def test_what_an_item_is_goes_to_its_own_stream(doors: Doors) -> None:
    answer = doors.post("/items", sku="TEA/2", unit="g", description="Tea", gtin="4006381333931", weight_grams=1)

    assert (answer.status_code, answer.headers["location"]) == (202, "/items/TEA%2F2")
    assert doors.said() == (
        f"item/{aggregate_id('default', 'item', 'TEA/2')}",
        DescribeItem(sku="TEA/2", unit="g", description="Tea", gtin="4006381333931", weight_grams=1),
    )


def test_a_kit_is_described_with_its_components(doors: Doors) -> None:
    parts = [{"sku": "CUP", "quantity": 2}, {"sku": "POT", "quantity": 1, "weight": 3}]
    assert doors.post("/items", sku="SET", components=parts).status_code == 202
    assert doors.said()[1].components == (
        KitComponent(sku="CUP", quantity=2),
        KitComponent(sku="POT", quantity=1, weight=3),
    )


def test_what_a_location_is_goes_to_its_own_stream(doors: Doors) -> None:
    address = {"address_lines": ["Hafenstr. 7"], "city": "Berlin", "postcode": "12099", "country": "DE"}
    sourced = {"priority": 2, "daily_capacity": 40}
    answer = doors.post(
        "/locations", location="berlin", kind="store", address=address, time_zone="Europe/Berlin", **sourced
    )

    assert (answer.status_code, answer.headers["location"]) == (202, "/locations/berlin")
    stream, command = doors.said()
    assert stream == f"location/{aggregate_id('default', 'location', 'berlin')}"
    assert command == DescribeLocation(
        location="berlin",
        kind=LocationKind.STORE,
        address=LocationAddress(address_lines=("Hafenstr. 7",), city="Berlin", postcode="12099", country="DE"),
        time_zone="Europe/Berlin",
        priority=2,
        daily_capacity=40,
    )


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/items", {"sku": "TEA", "gtin": "12"}, "body.gtin"),
        ("/items", {"sku": "SET", "components": [{"sku": "CUP", "quantity": 0}]}, "body.components.0.quantity"),
        ("/items", {"sku": ""}, "body.sku"),
        ("/items", {"sku": "TEA", "weight_grams": 10**16}, "body.weight_grams"),
        ("/locations", {"location": "berlin", "time_zone": "CEST"}, "body.time_zone"),
        ("/locations", {"location": "berlin", "time_zone": "../etc/passwd"}, "body.time_zone"),
        ("/locations", {"location": "berlin", "address": {"country": "Germany"}}, "body.address.country"),
        ("/locations", {"location": "berlin", "kind": "tower"}, "body.kind"),
        ("/locations", {"location": "berlin", "daily_capacity": 0}, "body.daily_capacity"),
    ],
)
def test_what_cannot_be_is_told_by_its_place(doors: Doors, path: str, body: dict[str, Any], where: str) -> None:
    answer = doors.post(path, **body)

    assert answer.status_code == 422
    assert [error["where"] for error in answer.json()["errors"]] == [where]
    assert doors.writer.records == []
