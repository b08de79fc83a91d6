"""What is listed of returns: those that came or may come, and those that wait for a person's decision.

The last are only the order's so far. Of two topics nobody knows which is read first, so what the order says of a return
counts until fulfillment has said anything of it, and rows are the same whichever came first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.log import Record
from chassis.projection import events_among
from contracts.fulfillment import (
    ReturnCancelCause,
    ReturnCancelled,
    ReturnClosed,
    ReturnInspected,
    ReturnMatched,
    ReturnOpened,
    ReturnReceived,
    ReturnReopened,
    ReturnSent,
)
from contracts.ids import split_stream
from contracts.order import ReturnApproved, ReturnDeclined, ReturnRequested
from services.fulfillment.return_state import ReturnStage

__all__ = ["ReturnStageListed", "ReturnsProjection"]

_FROM_ORDER = (ReturnRequested, ReturnApproved, ReturnDeclined)
_OWN = (
    ReturnOpened,
    ReturnMatched,
    ReturnSent,
    ReturnReceived,
    ReturnInspected,
    ReturnClosed,
    ReturnReopened,
    ReturnCancelled,
)


class ReturnStageListed(StrEnum):
    """How far a return is: `requested` waits for a person, `approved` has not reached the nodes yet, `declined` comes to
    nothing; the others are the stages of the return itself."""

    REQUESTED = "requested"
    APPROVED = "approved"
    DECLINED = "declined"
    OPEN = "open"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    INSPECTED = "inspected"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class ReturnsProjection:
    """One row a return. `expected` counts the announced units that have not come, `locations` where any came."""

    name = "returns"
    topics = ("fulfillment.events", "order.events")
    tables: LiteralString = """
    create table if not exists returns (
        id text primary key, order_id text, number bigint, stage text not null, expected bigint not null,
        locations text[] not null, opened_at timestamptz not null, changed_at timestamptz not null,
        answer_by timestamptz);
    create index if not exists returns_opened on returns (opened_at, id);
    create index if not exists returns_order on returns (order_id);
    create index if not exists returns_requested on returns (opened_at, id) where stage = 'requested';
    create index if not exists returns_locations on returns using gin (locations);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        with connection.cursor() as cursor:
            for envelope, event in events_among(records, (*_FROM_ORDER, *_OWN)):
                _, identifier = split_stream(envelope.subject)
                if isinstance(event, _FROM_ORDER):
                    self._decided(cursor, identifier, event, envelope.time)
                else:
                    self._went(cursor, identifier, event, envelope.time)

    def _decided(self, cursor: psycopg.Cursor[Any], order: str, event: Any, at: datetime) -> None:
        match event:
            case ReturnRequested():
                stage = ReturnStageListed.APPROVED if event.approved else ReturnStageListed.REQUESTED
                quantity = sum(line.quantity for line in event.lines)
                cursor.execute(
                    "insert into returns values (%s, %s, %s, %s, %s, '{}', %s, %s, %s) on conflict (id) do update"
                    " set order_id = coalesce(returns.order_id, excluded.order_id),"
                    " number = coalesce(returns.number, excluded.number),"
                    " opened_at = least(returns.opened_at, excluded.opened_at)",
                    [event.return_id, order, event.number, stage, quantity, at, at, event.answer_by],
                )
            case ReturnApproved():
                self._until_listed(cursor, order, event.number, ReturnStageListed.APPROVED, at)
            case ReturnDeclined() if event.number is not None:
                self._until_listed(cursor, order, event.number, ReturnStageListed.DECLINED, at)

    def _until_listed(
        self, cursor: psycopg.Cursor[Any], order: str, number: int, stage: ReturnStageListed, at: datetime
    ) -> None:
        cursor.execute(
            "update returns set stage = %s, changed_at = %s, answer_by = null"
            " where order_id = %s and number = %s and stage in ('requested', 'approved', 'declined')",
            [stage, at, order, number],
        )

    def _went(self, cursor: psycopg.Cursor[Any], identifier: str, event: Any, at: datetime) -> None:
        match event:
            case ReturnOpened() | ReturnMatched():
                quantity = sum(line.quantity for line in event.lines)
                stage = None if isinstance(event, ReturnMatched) else ReturnStage.OPEN
                cursor.execute(
                    "insert into returns values (%s, %s, %s, %s, %s, '{}', %s, %s, null) on conflict (id) do update"
                    " set order_id = coalesce(excluded.order_id, returns.order_id),"
                    " number = coalesce(excluded.number, returns.number), answer_by = null,"
                    " stage = coalesce(%s, returns.stage), changed_at = excluded.changed_at,"
                    " expected = case when %s then excluded.expected else returns.expected end,"
                    " opened_at = least(returns.opened_at, excluded.opened_at)",
                    [
                        identifier,
                        event.order_id,
                        event.number,
                        ReturnStage.OPEN,
                        quantity,
                        at,
                        at,
                        stage,
                        isinstance(event, ReturnOpened),
                    ],
                )
            case ReturnReceived():
                cursor.execute(
                    "update returns set stage = %s, expected = %s, changed_at = %s,"
                    " locations = (select array_agg(distinct place) from unnest(locations || %s::text) as place)"
                    " where id = %s",
                    [ReturnStage.RECEIVED, event.expected, at, event.location, identifier],
                )
            case ReturnInspected() if event.open_units == 0:
                cursor.execute(
                    "update returns set stage = %s, changed_at = %s where id = %s and stage = %s",
                    [ReturnStage.INSPECTED, at, identifier, ReturnStage.RECEIVED],
                )
            case ReturnSent():
                cursor.execute(
                    "update returns set stage = %s, changed_at = %s where id = %s and stage = %s",
                    [ReturnStage.IN_TRANSIT, at, identifier, ReturnStage.OPEN],
                )
            case ReturnCancelled():
                # It may come before anything else is known of the return, and nothing of it is waited for any more.
                cursor.execute(
                    "insert into returns values (%s, null, null, %s, 0, '{}', %s, %s, null) on conflict (id) do update"
                    " set stage = excluded.stage, expected = 0, answer_by = null, changed_at = excluded.changed_at,"
                    " opened_at = least(returns.opened_at, excluded.opened_at)",
                    [identifier, _stage(event), at, at],
                )
            case ReturnClosed() | ReturnReopened():
                cursor.execute(
                    "update returns set stage = %s, changed_at = %s where id = %s",
                    [_stage(event), at, identifier],
                )


def _stage(event: ReturnClosed | ReturnReopened | ReturnCancelled) -> ReturnStage:
    match event:
        case ReturnClosed():
            return ReturnStage.CLOSED
        case ReturnReopened():
            return ReturnStage.RECEIVED
        case ReturnCancelled():
            expired = event.cause is ReturnCancelCause.EXPIRED
            return ReturnStage.EXPIRED if expired else ReturnStage.CANCELLED
