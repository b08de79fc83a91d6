"""What the shipping service lists for people: shipments, where they stand, and what became of their packages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from chassis.changes import Changes
from chassis.log import Record
from chassis.projection import events_among
from chassis.store import StoreAway, connect, making_tables
from contracts.ids import split_stream
from contracts.message import Event
from contracts.shipping import (
    Delivered,
    LabelIssued,
    Manifested,
    ManifestPackage,
    PackageLost,
    PackageReturned,
    ShipmentCancelled,
    ShipmentCreated,
    Shipped,
)
from services.shipping.manifest import KNOWN_AGAIN, PACKAGES_MAX, carrier_and_location
from services.shipping.shipment import Stage

__all__ = ["ShipmentsProjection", "WaitingLoader"]

SHIPMENTS_READ_MAX = PACKAGES_MAX + KNOWN_AGAIN
"""Shipments that are read for a manifest: one full of the smallest, beyond those that it may know already."""

_STAGES: Mapping[type[Event], Stage] = {
    LabelIssued: Stage.LABELLED,
    Manifested: Stage.MANIFESTED,
    Shipped: Stage.SHIPPED,
    ShipmentCancelled: Stage.CANCELLED,
}


Fate = Delivered | PackageReturned | PackageLost

_FATES = (Delivered, PackageReturned, PackageLost)


class ShipmentsProjection:
    """One row a shipment. One that was cancelled before it came has none."""

    name = "shipments"
    topics = ("shipping.events",)
    tables: LiteralString = """
    create table if not exists shipments (
        id text primary key, order_id text not null, fulfillment_order text not null, location text not null,
        carrier text not null, service text not null, packages bigint not null, delivered bigint not null,
        stage text not null, created_at timestamptz not null, changed_at timestamptz not null,
        lost bigint not null default 0, returned bigint not null default 0, labels json);
    create index if not exists shipments_labelled on shipments (carrier, location, created_at, id) where stage = 'labelled';
    create index if not exists shipments_created on shipments (created_at desc, id desc);
    create index if not exists shipments_order on shipments (order_id);
    create index if not exists shipments_astray on shipments (changed_at, id) where lost + returned > 0;
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        changes = Changes()
        for envelope, event in events_among(records, (ShipmentCreated, *_FATES, *_STAGES)):
            _, identifier = split_stream(envelope.subject)
            match event:
                case ShipmentCreated():
                    changes.add(identifier, _CREATED, *_row(identifier, event, envelope.time))
                case Delivered() | PackageReturned() | PackageLost():
                    changes.add(identifier, _TOLD, identifier, *_counts(event), envelope.time)
                case _:
                    if isinstance(event, LabelIssued):
                        labels = json.dumps([label.model_dump(mode="json") for label in event.labels])
                        changes.add(identifier, _LABELLED, identifier, labels)
                    changes.add(identifier, _MOVED, identifier, _STAGES[type(event)], envelope.time)
        changes.write(connection)


def _counts(event: Fate) -> tuple[int, int, int]:
    """Packages more that are delivered, returned, lost. One that was lost before is counted as what it is now."""
    found = not isinstance(event, PackageLost) and event.after_lost
    return (
        int(isinstance(event, Delivered)),
        int(isinstance(event, PackageReturned)),
        int(isinstance(event, PackageLost)) - int(found),
    )


def _row(identifier: str, event: ShipmentCreated, at: datetime) -> Sequence[Any]:
    return (
        identifier,
        event.order_id,
        event.fulfillment_order,
        event.location,
        event.carrier,
        event.service,
        len(event.packages),
        Stage.CREATED,
        at,
    )


_CREATED: LiteralString = (
    "insert into shipments select w.id, w.order_id, w.fulfillment_order, w.location, w.carrier, w.service, w.packages, 0,"
    " w.stage, w.at, w.at from unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],"
    " %b::bigint[], %b::text[], %b::timestamptz[])"
    " w(id, order_id, fulfillment_order, location, carrier, service, packages, stage, at)"
)
_TOLD: LiteralString = (
    "update shipments s set delivered = s.delivered + w.delivered, returned = s.returned + w.returned,"
    " lost = s.lost + w.lost, changed_at = w.at from"
    " unnest(%b::text[], %b::bigint[], %b::bigint[], %b::bigint[], %b::timestamptz[])"
    " w(id, delivered, returned, lost, at) where s.id = w.id"
)
_LABELLED: LiteralString = (
    "update shipments s set labels = w.labels::json from unnest(%b::text[], %b::text[]) w(id, labels) where s.id = w.id"
)
_MOVED: LiteralString = (
    "update shipments s set stage = w.stage, changed_at = w.at from"
    " unnest(%b::text[], %b::text[], %b::timestamptz[]) w(id, stage, at) where s.id = w.id"
)


class WaitingLoader:
    """Fetches the labelled packages that wait for a carrier at a location, by `waiting_key`, the oldest shipment first. As
    the list of shipments has them, which is a moment old."""

    def __init__(self, url: str, schema: str) -> None:
        self._url, self._schema = url, schema
        self._connection: psycopg.Connection[Any] | None = None

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Sequence[ManifestPackage]]:
        """See chassis.service.Loader."""
        if not keys:
            return {}
        try:
            return {key: self._waiting(*carrier_and_location(key)) for key in keys}
        except psycopg.OperationalError as error:
            self._connection = None
            raise StoreAway(f"what waits for a carrier cannot be read: {error}") from error

    def _waiting(self, carrier: str, location: str) -> Sequence[ManifestPackage]:
        rows = self._connect().execute(
            "select id, labels from shipments where stage = 'labelled' and carrier = %s and location = %s"
            " order by created_at, id limit %s",
            [carrier, location, SHIPMENTS_READ_MAX],
        )
        return [
            ManifestPackage(
                shipment=shipment, **{name: label[name] for name in ManifestPackage.model_fields if name in label}
            )
            for shipment, labels in rows
            for label in labels
        ]

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, self._schema)
            with making_tables(self._connection, self._schema):
                self._connection.execute(ShipmentsProjection.tables)
        return self._connection
