"""What the fulfillment service lists for people: the work of each node, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from chassis.changes import Changes
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
        changes = Changes()
        for envelope, event in events_among(records, (*_FOLDED, CancelRequested, CancelDecided)):
            _, identifier = split_stream(envelope.subject)
            match event:
                case FulfillmentOrderCreated():
                    changes.add(identifier, _CREATED, *_row(identifier, event, envelope.time))
                case CancelRequested():
                    changes.add(identifier, _ASKED, identifier, event.answer_by, envelope.time)
                case CancelDecided():
                    # Units that were let go of are no longer asked for; where all were, the work is over.
                    granted = sum(line.granted for line in event.lines)
                    over = granted and not any(line.refused for line in event.lines)
                    stage = Stage.CANCELLED if over else None
                    changes.add(identifier, _DECIDED, identifier, granted, stage, envelope.time)
                case _:
                    # What a fact makes of the work does not depend on what was before it.
                    stage = evolve(FulfillmentOrder(), event).stage
                    changes.add(identifier, _MOVED, identifier, stage, envelope.time)
        changes.write(connection)


def _row(identifier: str, event: FulfillmentOrderCreated, at: datetime) -> Sequence[Any]:
    return (
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
    )


_CREATED: LiteralString = (
    "insert into fulfillment_orders select * from unnest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::text[],"
    " %b::text[], %b::text[], %b::bigint[], %b::timestamptz[], %b::bigint[], %b::text[], %b::timestamptz[],"
    " %b::timestamptz[])"
)
_ASKED: LiteralString = (
    "update fulfillment_orders o set cancel_answer_by = w.answer_by, changed_at = w.at from"
    " unnest(%b::text[], %b::timestamptz[], %b::timestamptz[]) w(id, answer_by, at) where o.id = w.id"
)
_DECIDED: LiteralString = (
    "update fulfillment_orders o set cancel_answer_by = null, quantity = o.quantity - w.granted,"
    " stage = coalesce(w.stage, o.stage), changed_at = w.at from"
    " unnest(%b::text[], %b::bigint[], %b::text[], %b::timestamptz[]) w(id, granted, stage, at) where o.id = w.id"
)
_MOVED: LiteralString = (
    "update fulfillment_orders o set stage = w.stage, changed_at = w.at from"
    " unnest(%b::text[], %b::text[], %b::timestamptz[]) w(id, stage, at) where o.id = w.id"
)
