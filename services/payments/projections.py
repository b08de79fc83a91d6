"""What the payments service lists for people: what is secured, taken and open of each order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.log import Record
from chassis.projection import events_among
from contracts.payments import (
    AuthorizationExpired,
    CardActionRequired,
    CardAuthorized,
    CardCaptured,
    CardDeclined,
    CardRefunded,
    CardVoided,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentIncreased,
    PaymentRefunded,
    PaymentStarted,
    PaymentVoided,
    ProviderOutcomeUnresolved,
    RefundReversed,
)
from services.payments.payment_state import ENDS_THE_ROUND

__all__ = ["PaymentStage", "PaymentsProjection"]


class PaymentStage(StrEnum):
    """How far the payment of an order is; `securing`: a provider is asked; `action_required`: the payer has to confirm;
    `expired`: nothing that was secured can be taken any more; `unresolved`: a person has to find out what became of a
    call to a provider."""

    SECURING = "securing"
    ACTION_REQUIRED = "action_required"
    DECLINED = "declined"
    AUTHORIZED = "authorized"
    PARTLY_CAPTURED = "partly_captured"
    CAPTURED = "captured"
    EXPIRED = "expired"
    VOIDED = "voided"
    UNRESOLVED = "unresolved"


MONEY = (
    PaymentStarted,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentCaptured,
    PaymentIncreased,
    PaymentRefunded,
    RefundReversed,
    AuthorizationExpired,
    PaymentVoided,
)
CALLS = (
    CardActionRequired,
    ProviderOutcomeUnresolved,
    CardAuthorized,
    CardCaptured,
    CardDeclined,
    CardRefunded,
    CardVoided,
)


class PaymentsProjection:
    """One row a payment that anybody tried to secure; amounts in minor units of its currency. `remaining` may still be
    taken, `refunded` went back. What was declined after it was secured changes nothing, nor does a void of what was never asked for."""

    name = "payments"
    topics = ("payments.events",)
    tables: LiteralString = """
    create table if not exists payments (
        order_id text primary key, currency text not null, authorized bigint not null, captured bigint not null,
        remaining bigint not null, stage text not null, asked_at timestamptz not null, changed_at timestamptz not null,
        refunded bigint not null default 0, open_calls text[] not null default '{}', before text, owner text);
    alter table payments add column if not exists refunded bigint not null default 0;
    alter table payments add column if not exists open_calls text[] not null default '{}';
    alter table payments add column if not exists before text;
    alter table payments add column if not exists owner text;
    create index if not exists payments_asked on payments (asked_at desc, order_id desc);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        with connection.cursor() as cursor:
            for envelope, event in events_among(records, (*MONEY, *CALLS)):
                if isinstance(event, CALLS):
                    self._fold_call(cursor, event, envelope.time)
                else:
                    self._fold(cursor, event, envelope.time)

    def _fold_call(self, cursor: psycopg.Cursor[Any], event: Any, at: datetime) -> None:
        """Calls whose outcome a person has to find out, until it is there; the payer who has to confirm."""
        match event:
            case CardActionRequired():
                cursor.execute(
                    "update payments set stage = %s, changed_at = %s where order_id = %s and stage = %s",
                    [PaymentStage.ACTION_REQUIRED, at, event.order_id, PaymentStage.SECURING],
                )
            case ProviderOutcomeUnresolved():
                cursor.execute(
                    "update payments set before = case when stage = %s then before else stage end, stage = %s,"
                    " owner = %s, open_calls = array_append(array_remove(open_calls, %s), %s), changed_at = %s"
                    " where order_id = %s",
                    [
                        PaymentStage.UNRESOLVED,
                        PaymentStage.UNRESOLVED,
                        event.owner,
                        event.key,
                        event.key,
                        at,
                        event.order_id,
                    ],
                )
            case _:
                cursor.execute(
                    "update payments set open_calls = array_remove(open_calls, %s), changed_at = %s,"
                    " owner = case when array_remove(open_calls, %s) = '{}' then null else owner end,"
                    " stage = case when array_remove(open_calls, %s) = '{}' then before else stage end"
                    " where order_id = %s and %s = any(open_calls)",
                    [event.key, at, event.key, event.key, event.order_id, event.key],
                )

    def _fold(self, cursor: psycopg.Cursor[Any], event: Any, at: datetime) -> None:
        match event:
            case PaymentDeclined():
                self._insert(cursor, event, PaymentStage.DECLINED, at)
                cursor.execute(
                    "update payments set stage = %s, changed_at = %s where order_id = %s and stage in (%s, %s) and %s",
                    [
                        PaymentStage.DECLINED,
                        at,
                        event.order_id,
                        PaymentStage.SECURING,
                        PaymentStage.ACTION_REQUIRED,
                        event.reason in ENDS_THE_ROUND,
                    ],
                )
            case PaymentStarted():
                self._insert(cursor, event, PaymentStage.SECURING, at)
                cursor.execute(
                    "update payments set stage = %s, changed_at = %s where order_id = %s",
                    [PaymentStage.SECURING, at, event.order_id],
                )
            case PaymentAuthorized():
                cursor.execute(
                    "insert into payments values (%s, %s, %s, 0, %s, %s, %s, %s) on conflict (order_id) do update set"
                    " (currency, authorized, remaining, stage, changed_at) = (excluded.currency, excluded.authorized,"
                    " excluded.remaining, excluded.stage, excluded.changed_at)",
                    [
                        event.order_id,
                        event.amount.currency,
                        event.amount.amount,
                        event.amount.amount,
                        PaymentStage.AUTHORIZED,
                        at,
                        at,
                    ],
                )
            case PaymentIncreased() if not event.repeated:
                self._insert(cursor, event, PaymentStage.AUTHORIZED, at)
                ended = [PaymentStage.CAPTURED, PaymentStage.EXPIRED]
                again = [PaymentStage.AUTHORIZED, PaymentStage.PARTLY_CAPTURED]
                cursor.execute(
                    "update payments set authorized = authorized + %s, remaining = remaining + %s, changed_at = %s,"
                    " stage = case when stage = any(%s) then (%s::text[])[1 + (captured > 0)::int] else stage end,"
                    " before = case when before = any(%s) then (%s::text[])[1 + (captured > 0)::int] else before end"
                    " where order_id = %s",
                    [event.amount.amount, event.amount.amount, at, ended, again, ended, again, event.order_id],
                )
            case PaymentCaptured():
                whole = not event.remaining.amount
                self._change(
                    cursor,
                    event.order_id,
                    PaymentStage.CAPTURED if whole else PaymentStage.PARTLY_CAPTURED,
                    event.captured.amount,
                    event.remaining.amount,
                    at,
                )
            case PaymentRefunded() | RefundReversed():
                cursor.execute(
                    "update payments set refunded = %s, changed_at = %s where order_id = %s",
                    [event.refunded.amount, at, event.order_id],
                )
            case AuthorizationExpired():
                cursor.execute(
                    "update payments set remaining = remaining - %s, changed_at = %s,"
                    " stage = case when remaining = %s then %s else stage end where order_id = %s",
                    [event.amount.amount, at, event.amount.amount, PaymentStage.EXPIRED, event.order_id],
                )
            case PaymentVoided(captured=captured) if captured is not None:
                self._change(cursor, event.order_id, PaymentStage.VOIDED, captured.amount, 0, at)

    def _insert(self, cursor: psycopg.Cursor[Any], event: Any, stage: PaymentStage, at: datetime) -> None:
        cursor.execute(
            "insert into payments values (%s, %s, 0, 0, 0, %s, %s, %s) on conflict do nothing",
            [event.order_id, event.amount.currency, stage, at, at],
        )

    def _change(
        self,
        cursor: psycopg.Cursor[Any],
        order: str,
        stage: PaymentStage,
        captured: int,
        remaining: int,
        at: datetime,
    ) -> None:
        cursor.execute(
            "update payments set stage = case when open_calls = '{}' then %s else stage end, before = %s,"
            " captured = %s, remaining = %s, changed_at = %s where order_id = %s",
            [stage, stage, captured, remaining, at, order],
        )
