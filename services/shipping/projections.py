"""What the shipping service lists for people: shipments, where they stand, and what became of their packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg

from chassis.log import Record
from chassis.projection import events_among
from contracts.ids import split_stream
from contracts.message import Event
from contracts.shipping import (
    Delivered,
    LabelIssued,
    PackageLost,
    PackageReturned,
    ShipmentCancelled,
    ShipmentCreated,
    Shipped,
)
from services.shipping.shipment import Stage

__all__ = ["ShipmentsProjection"]

_STAGES: Mapping[type[Event], Stage] = {
    LabelIssued: Stage.LABELLED,
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
        lost bigint not null default 0, returned bigint not null default 0);
    create index if not exists shipments_created on shipments (created_at desc, id desc);
    create index if not exists shipments_order on shipments (order_id);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        with connection.cursor() as cursor:
            for envelope, event in events_among(records, (ShipmentCreated, *_FATES, *_STAGES)):
                _, identifier = split_stream(envelope.subject)
                match event:
                    case ShipmentCreated():
                        self._created(cursor, identifier, event, envelope.time)
                    case Delivered() | PackageReturned() | PackageLost():
                        self._told(cursor, identifier, event, envelope.time)
                    case _:
                        cursor.execute(
                            "update shipments set stage = %s, changed_at = %s where id = %s",
                            [_STAGES[type(event)], envelope.time, identifier],
                        )

    def _told(self, cursor: psycopg.Cursor[Any], identifier: str, event: Fate, at: Any) -> None:
        """A package that was lost before is counted as what it is now."""
        found = not isinstance(event, PackageLost) and event.after_lost
        cursor.execute(
            "update shipments set delivered = delivered + %s, returned = returned + %s, lost = lost + %s,"
            " changed_at = %s where id = %s",
            [
                int(isinstance(event, Delivered)),
                int(isinstance(event, PackageReturned)),
                int(isinstance(event, PackageLost)) - int(found),
                at,
                identifier,
            ],
        )

    def _created(self, cursor: psycopg.Cursor[Any], identifier: str, event: ShipmentCreated, at: Any) -> None:
        cursor.execute(
            "insert into shipments values (%s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s)",
            [
                identifier,
                event.order_id,
                event.fulfillment_order,
                event.location,
                event.carrier,
                event.service,
                len(event.packages),
                Stage.CREATED,
                at,
                at,
            ],
        )
