"""What the order service lists of refunds: each with what it is for, how far it is, and who looks after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from chassis.log import Record
from chassis.projection import events_among
from contracts.envelope import Envelope
from contracts.ids import split_stream
from contracts.order import (
    RefundDeclined,
    Refunded,
    RefundFailed,
    RefundGranted,
    RefundProposed,
    RefundTo,
    RefundWithdrawn,
    ReplacementGivenUp,
    ReplacementGranted,
    StepAskedAgain,
)
from services.order.refund_state import CREDIT, REFUND, RefundStage

__all__ = ["RefundsProjection"]


class RefundsProjection:
    """One row a refund. `proposed_at` is when it was first heard of; `owner` has one that failed, else nobody."""

    name = "refunds"
    topics = ("order.events",)
    tables: LiteralString = """
    create table if not exists refunds (
        order_id text, refund text, number int not null, cause text not null, amount bigint not null,
        currency text not null, reason text, by text, stage text not null, owner text, why text, detail text,
        decide_by timestamptz, proposed_at timestamptz not null, changed_at timestamptz not null,
        primary key (order_id, refund));
    create index if not exists refunds_proposed on refunds (proposed_at desc, refund desc);
    create index if not exists refunds_to_approve on refunds (proposed_at) where stage = 'proposed';
    create index if not exists refunds_failed on refunds (changed_at) where stage = 'failed';
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        with connection.cursor() as cursor:
            for envelope, event in events_among(records, _FOLDED):
                self._fold(cursor, envelope, event)

    def _fold(self, cursor: psycopg.Cursor[Any], envelope: Envelope, event: object) -> None:
        match event:
            case RefundProposed() | RefundGranted() | ReplacementGranted():
                self._heard(cursor, envelope, event)
            case ReplacementGivenUp(whole=True):
                self._now(cursor, envelope, event.refund, RefundStage.GIVEN_UP)
            case RefundDeclined():
                self._now(cursor, envelope, event.refund, RefundStage.DECLINED)
            case Refunded():
                self._now(cursor, envelope, event.refund, RefundStage.REFUNDED)
            case RefundFailed(owner=owner, why=why, detail=detail):
                self._now(cursor, envelope, event.refund, RefundStage.FAILED, owner, why, detail)
            case RefundWithdrawn():
                self._now(cursor, envelope, event.refund, RefundStage.WITHDRAWN)
            case StepAskedAgain(step=step) if step in (REFUND, CREDIT):
                self._now(cursor, envelope, event.key, RefundStage.GRANTED)

    def _heard(
        self,
        cursor: psycopg.Cursor[Any],
        envelope: Envelope,
        event: RefundProposed | RefundGranted | ReplacementGranted,
    ) -> None:
        set_off = isinstance(event, RefundGranted) and event.to is RefundTo.EXCHANGE
        cursor.execute(
            "insert into refunds (order_id, refund, number, cause, amount, currency, reason, by, stage, decide_by,"
            " proposed_at, changed_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " on conflict (order_id, refund) do update set stage = excluded.stage, changed_at = excluded.changed_at,"
            " decide_by = null",
            [
                split_stream(envelope.subject)[1],
                event.refund,
                event.number,
                event.cause,
                event.amount.amount,
                event.amount.currency,
                event.reason,
                event.by,
                RefundStage.SET_OFF if set_off else _STAGES[type(event)],
                event.decide_by if isinstance(event, RefundProposed) else None,
                envelope.time,
                envelope.time,
            ],
        )

    def _now(
        self,
        cursor: psycopg.Cursor[Any],
        envelope: Envelope,
        refund: str,
        stage: RefundStage,
        owner: str | None = None,
        why: str | None = None,
        detail: str | None = None,
    ) -> None:
        cursor.execute(
            "update refunds set stage = %s, owner = %s, why = %s, detail = %s, decide_by = null, changed_at = %s"
            " where order_id = %s and refund = %s",
            [stage, owner, why, detail, envelope.time, split_stream(envelope.subject)[1], refund],
        )


_STAGES = {
    RefundProposed: RefundStage.PROPOSED,
    RefundGranted: RefundStage.GRANTED,
    ReplacementGranted: RefundStage.REPLACED,
}

_FOLDED = (
    RefundProposed,
    RefundGranted,
    ReplacementGranted,
    ReplacementGivenUp,
    RefundDeclined,
    Refunded,
    RefundFailed,
    RefundWithdrawn,
    StepAskedAgain,
)
