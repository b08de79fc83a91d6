"""What the payments service lists of stored value: each ledger with what is available, held, spent and lapsed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.log import Record
from chassis.projection import events_among
from contracts.payments import (
    ValueBlocked,
    ValueExpired,
    ValueHeld,
    ValueIssued,
    ValueRedeemed,
    ValueReleased,
    ValueUnblocked,
)

__all__ = ["StoredValuesProjection", "ValueStage"]


class ValueStage(StrEnum):
    """What may be done with a ledger: `used_up` has nothing available and nothing held."""

    OPEN = "open"
    BLOCKED = "blocked"
    USED_UP = "used_up"


class StoredValuesProjection:
    """One row a ledger that something was issued to; amounts in minor units of its currency."""

    name = "stored_values"
    topics = ("payments.events",)
    tables: LiteralString = """
    create table if not exists stored_values (
        id text primary key, kind text not null, currency text not null, issuer text, customer text, ending text,
        available bigint not null, held bigint not null, redeemed bigint not null, expired bigint not null,
        blocked boolean not null, expires_at timestamptz, opened_at timestamptz not null,
        changed_at timestamptz not null);
    create index if not exists stored_values_opened on stored_values (opened_at desc, id desc);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        kinds = (ValueIssued, ValueHeld, ValueRedeemed, ValueReleased, ValueExpired, ValueBlocked, ValueUnblocked)
        with connection.cursor() as cursor:
            for envelope, event in events_among(records, kinds):
                self._fold(cursor, event, envelope.time)

    def _fold(self, cursor: psycopg.Cursor[Any], event: Any, at: datetime) -> None:
        match event:
            case ValueIssued():
                cursor.execute(
                    "insert into stored_values values (%s, %s, %s, %s, %s, %s, %s, 0, 0, 0, false, %s, %s, %s)"
                    " on conflict (id) do update set available = excluded.available, changed_at = excluded.changed_at,"
                    " expires_at = coalesce(excluded.expires_at, stored_values.expires_at)",
                    [
                        event.value,
                        event.kind,
                        event.amount.currency,
                        event.issuer,
                        event.customer,
                        event.ending,
                        event.available.amount,
                        event.expires_at,
                        at,
                        at,
                    ],
                )
            case ValueHeld():
                self._move(cursor, event.value, at, available=-event.amount.amount, held=event.amount.amount)
            case ValueRedeemed():
                self._move(cursor, event.value, at, held=-event.amount.amount, redeemed=event.amount.amount)
            case ValueReleased(amount=amount) if amount is not None:
                self._move(cursor, event.value, at, available=amount.amount, held=-amount.amount)
            case ValueExpired():
                self._move(cursor, event.value, at, available=-event.amount.amount, expired=event.amount.amount)
            case ValueBlocked() | ValueUnblocked():
                cursor.execute(
                    "update stored_values set blocked = %s, changed_at = %s where id = %s",
                    [isinstance(event, ValueBlocked), at, event.value],
                )

    def _move(
        self,
        cursor: psycopg.Cursor[Any],
        value: str,
        at: datetime,
        available: int = 0,
        held: int = 0,
        redeemed: int = 0,
        expired: int = 0,
    ) -> None:
        cursor.execute(
            "update stored_values set available = available + %s, held = held + %s, redeemed = redeemed + %s,"
            " expired = expired + %s, changed_at = %s where id = %s",
            [available, held, redeemed, expired, at, value],
        )
