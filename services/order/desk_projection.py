"""What the order service lists for the order desk: the holds that stand, and units that a node did not give."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.changes import Changes
from chassis.log import Record
from chassis.projection import events_among
from contracts.ids import split_stream
from contracts.order import (
    Bucket,
    FulfillmentDeclined,
    HoldPlaced,
    HoldReleased,
    LinesCancelled,
    LinesShort,
    LinesWithdrawn,
    Move,
    OrderCancelled,
    OrderCompleted,
    ReleasedToFulfillment,
)

__all__ = ["DeskProjection", "MissingCause"]

_GOING = (ReleasedToFulfillment, LinesCancelled, LinesWithdrawn)
_ENDING = (OrderCompleted, OrderCancelled)
_FOLDED = (HoldPlaced, HoldReleased, FulfillmentDeclined, LinesShort, *_GOING, *_ENDING)


class MissingCause(StrEnum):
    """Why a node did not give units: it `rejected` the work, or did not find them (`short`)."""

    REJECTED = "rejected"
    SHORT = "short"


class DeskProjection:
    """`order_holds`: one row a hold that stands. `missing_units`: one row a line that a node did not give, until units of
    the line go to a node again or are cancelled. Nobody looks after either once the order has ended."""

    name = "desk"
    topics = ("order.events",)
    tables: LiteralString = """
    create table if not exists order_holds (
        id text, hold text, kind text not null, step text, held_at timestamptz not null, primary key (id, hold));
    create table if not exists missing_units (
        order_id text, line text, fulfillment_order text, cause text not null, location text not null, reason text,
        quantity bigint not null, missing_at timestamptz not null, primary key (order_id, line, fulfillment_order));
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        changes = Changes()
        for envelope, event in events_among(records, _FOLDED):
            _fold(changes, split_stream(envelope.subject)[1], event, envelope.time)
        changes.write(connection)


def _fold(changes: Changes, order: str, event: object, at: datetime) -> None:
    match event:
        case HoldPlaced():
            changes.add(order, _HELD, order, event.hold, event.kind, event.step, at)
        case HoldReleased():
            changes.add(order, _RELEASED, order, event.hold)
        case FulfillmentDeclined():
            _missing(changes, order, event, MissingCause.REJECTED, dict.fromkeys(event.lines, event.reason), at)
        case LinesShort():
            reasons = {line.line: line.reason for line in event.lines}
            _missing(changes, order, event, MissingCause.SHORT, reasons, at)
        case ReleasedToFulfillment() | LinesCancelled() | LinesWithdrawn():
            lines = _lines_to(event.moves, (Bucket.RELEASED, Bucket.CANCELLED))
            if lines:
                changes.add(order, _GONE, order, json.dumps(lines))
        case OrderCompleted() | OrderCancelled():
            changes.add(order, _NO_HOLDS, order)
            changes.add(order, _NONE_MISSING, order)


def _missing(
    changes: Changes,
    order: str,
    event: FulfillmentDeclined | LinesShort,
    cause: MissingCause,
    reasons: dict[str, str | None],
    at: datetime,
) -> None:
    for line, reason in reasons.items():
        quantity = sum(
            move.quantity
            for move in event.moves
            if move.line == line and move.target is Bucket.ORDERED and move.source not in _NOT_AT_NODE
        )
        if quantity:
            said = (event.fulfillment_order, cause, event.location, reason, quantity, at)
            changes.add(order, _MISSING, order, line, *said)


_NOT_AT_NODE = (Bucket.RESERVED, Bucket.BACKORDERED)


def _lines_to(moves: Iterable[Move], targets: Sequence[Bucket]) -> list[str]:
    return sorted({move.line for move in moves if move.target in targets})


_HELD: LiteralString = (
    "insert into order_holds select * from unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[])"
    " on conflict do nothing"
)
_RELEASED: LiteralString = (
    "delete from order_holds o using unnest(%b::text[], %b::text[]) w(id, hold) where o.id = w.id and o.hold = w.hold"
)
_NO_HOLDS: LiteralString = "delete from order_holds o using unnest(%b::text[]) w(id) where o.id = w.id"
_MISSING: LiteralString = (
    "insert into missing_units select * from unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[],"
    " %b::text[], %b::bigint[], %b::timestamptz[]) on conflict (order_id, line, fulfillment_order) do update set"
    " quantity = missing_units.quantity + excluded.quantity"
)
_GONE: LiteralString = (
    "delete from missing_units m using unnest(%b::text[], %b::text[]) w(id, lines)"
    " where m.order_id = w.id and w.lines::jsonb ? m.line"
)
_NONE_MISSING: LiteralString = "delete from missing_units m using unnest(%b::text[]) w(id) where m.order_id = w.id"
