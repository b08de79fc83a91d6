"""What the fulfillment service lists for people: the work of each node, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from chassis.log import Record
from chassis.projection import events_among
from contracts.fulfillment import (
    CancelDecided,
    CancelRequested,
    Collected,
    FulfillmentAccepted,
    FulfillmentCancelled,
    FulfillmentOrderCreated,
    FulfillmentRejected,
    HandedOver,
    Packed,
    Picked,
    ReadyForPickup,
)
from contracts.ids import split_stream
from services.fulfillment.fulfillment_order_state import FulfillmentOrder, Stage, evolve

__all__ = ["FulfillmentOrdersProjection"]

_FOLDED = (
    FulfillmentOrderCreated,
    FulfillmentAccepted,
    FulfillmentRejected,
    Picked,
    Packed,
    ReadyForPickup,
    HandedOver,
    Collected,
    FulfillmentCancelled,
)


class FulfillmentOrdersProjection:
    """One row a fulfillment order. One that was cancelled before it came has none."""

    name = "fulfillment_orders"
    topics = ("fulfillment.events",)
    tables: LiteralString = """
    create table if not exists fulfillment_orders (
        id text primary key, order_id text not null, location text not null, sequence bigint not null,
        ship_group text not null, method text not null, service_level text, priority bigint not null,
        ship_by timestamptz, quantity bigint not null, stage text not null, created_at timestamptz not null,
        changed_at timestamptz not null, cancel_answer_by timestamptz);
    create index if not exists fulfillment_orders_created on fulfillment_orders (created_at, id);
    create index if not exists fulfillment_orders_location on fulfillment_orders (location, created_at, id);
    create index if not exists fulfillment_orders_order on fulfillment_orders (order_id);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        with connection.cursor() as cursor:
            for envelope, event in events_among(records, (*_FOLDED, CancelRequested, CancelDecided)):
                _, identifier = split_stream(envelope.subject)
                match event:
                    case FulfillmentOrderCreated():
                        self._created(cursor, identifier, event, envelope.time)
                    case CancelRequested():
                        cursor.execute(
                            "update fulfillment_orders set cancel_answer_by = %s, changed_at = %s where id = %s",
                            [event.answer_by, envelope.time, identifier],
                        )
                    case CancelDecided():
                        self._decided(cursor, identifier, event, envelope.time)
                    case _:
                        # What a fact makes of the work does not depend on what was before it.
                        stage = evolve(FulfillmentOrder(), event).stage
                        cursor.execute(
                            "update fulfillment_orders set stage = %s, changed_at = %s where id = %s",
                            [stage, envelope.time, identifier],
                        )

    def _decided(self, cursor: psycopg.Cursor[Any], identifier: str, event: CancelDecided, at: Any) -> None:
        """Units that were let go of are no longer asked for; where all were, the work is over."""
        granted = sum(line.granted for line in event.lines)
        over = granted and not any(line.refused for line in event.lines)
        cursor.execute(
            "update fulfillment_orders set cancel_answer_by = null, quantity = quantity - %s,"
            " stage = coalesce(%s, stage), changed_at = %s where id = %s",
            [granted, Stage.CANCELLED if over else None, at, identifier],
        )

    def _created(self, cursor: psycopg.Cursor[Any], identifier: str, event: FulfillmentOrderCreated, at: Any) -> None:
        cursor.execute(
            "insert into fulfillment_orders values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                identifier,
                event.order_id,
                event.location,
                event.sequence,
                event.ship_group,
                event.method,
                event.service_level,
                event.priority,
                event.ship_by,
                sum(line.quantity for line in event.lines),
                Stage.OPEN,
                at,
                at,
            ],
        )
