"""What the payments service lists for people: what is secured, taken and open of each order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.changes import Changes
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
    create index if not exists payments_unresolved on payments (changed_at, order_id) where stage = 'unresolved';
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        changes = Changes()
        for envelope, event in events_among(records, (*MONEY, *CALLS)):
            if isinstance(event, CALLS):
                _fold_call(changes, event, envelope.time)
            else:
                _fold(changes, event, envelope.time)
        changes.write(connection)


def _fold_call(changes: Changes, event: Any, at: datetime) -> None:
    """Calls whose outcome a person has to find out, until it is there; the payer who has to confirm."""
    order = event.order_id
    match event:
        case CardActionRequired():
            changes.add(order, _ACTION, order, at)
        case ProviderOutcomeUnresolved():
            changes.add(order, _UNRESOLVED, order, event.owner, event.key, at)
        case _:
            changes.add(order, _RESOLVED, order, event.key, at)


def _fold(changes: Changes, event: Any, at: datetime) -> None:
    order = event.order_id
    match event:
        case PaymentDeclined():
            _tried(changes, event, PaymentStage.DECLINED, at)
            if event.reason in ENDS_THE_ROUND:
                changes.add(order, _DECLINED, order, at)
        case PaymentStarted():
            _tried(changes, event, PaymentStage.SECURING, at)
            changes.add(order, _STARTED, order, at)
        case PaymentAuthorized():
            changes.add(order, _AUTHORIZED, order, event.amount.currency, event.amount.amount, at)
        case PaymentIncreased() if not event.repeated:
            _tried(changes, event, PaymentStage.AUTHORIZED, at)
            changes.add(order, _INCREASED, order, event.amount.amount, at)
        case PaymentCaptured():
            stage = PaymentStage.PARTLY_CAPTURED if event.remaining.amount else PaymentStage.CAPTURED
            changes.add(order, _TAKEN, order, stage, event.captured.amount, event.remaining.amount, at)
        case PaymentRefunded() | RefundReversed():
            changes.add(order, _REFUNDED, order, event.refunded.amount, at)
        case AuthorizationExpired():
            changes.add(order, _EXPIRED, order, event.amount.amount, at)
        case PaymentVoided(captured=captured) if captured is not None:
            changes.add(order, _TAKEN, order, PaymentStage.VOIDED, captured.amount, 0, at)


def _tried(changes: Changes, event: Any, stage: PaymentStage, at: datetime) -> None:
    changes.add(event.order_id, _TRIED, event.order_id, event.amount.currency, stage, at)


_TRIED: LiteralString = (
    "insert into payments select w.id, w.currency, 0, 0, 0, w.stage, w.at, w.at from"
    " unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[]) w(id, currency, stage, at) on conflict do nothing"
)
_AT: LiteralString = "unnest(%b::text[], %b::timestamptz[]) w(id, at) where p.order_id = w.id"
_AMOUNT: LiteralString = "unnest(%b::text[], %b::bigint[], %b::timestamptz[]) w(id, amount, at) where p.order_id = w.id"
_ACTION: LiteralString = (
    f"update payments p set stage = '{PaymentStage.ACTION_REQUIRED.value}', changed_at = w.at from {_AT}"
    f" and p.stage = '{PaymentStage.SECURING.value}'"
)
_UNRESOLVED: LiteralString = (
    f"update payments p set before = case when p.stage = '{PaymentStage.UNRESOLVED.value}' then p.before else p.stage end,"
    f" stage = '{PaymentStage.UNRESOLVED.value}', owner = w.owner, changed_at = w.at,"
    " open_calls = array_append(array_remove(p.open_calls, w.call), w.call) from"
    " unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[]) w(id, owner, call, at) where p.order_id = w.id"
)
_RESOLVED: LiteralString = (
    "update payments p set open_calls = array_remove(p.open_calls, w.call), changed_at = w.at,"
    " owner = case when array_remove(p.open_calls, w.call) = '{}' then null else p.owner end,"
    " stage = case when array_remove(p.open_calls, w.call) = '{}' then p.before else p.stage end from"
    " unnest(%b::text[], %b::text[], %b::timestamptz[]) w(id, call, at)"
    " where p.order_id = w.id and w.call = any(p.open_calls)"
)
_DECLINED: LiteralString = (
    f"update payments p set stage = '{PaymentStage.DECLINED.value}', changed_at = w.at from {_AT}"
    f" and p.stage in ('{PaymentStage.SECURING.value}', '{PaymentStage.ACTION_REQUIRED.value}')"
)
_STARTED: LiteralString = f"update payments p set stage = '{PaymentStage.SECURING.value}', changed_at = w.at from {_AT}"
_AUTHORIZED: LiteralString = (
    "insert into payments select w.id, w.currency, w.amount, 0, w.amount,"
    f" '{PaymentStage.AUTHORIZED.value}', w.at, w.at from"
    " unnest(%b::text[], %b::text[], %b::bigint[], %b::timestamptz[]) w(id, currency, amount, at)"
    " on conflict (order_id) do update set (currency, authorized, remaining, stage, changed_at) = (excluded.currency,"
    " excluded.authorized, excluded.remaining, excluded.stage, excluded.changed_at)"
)
_ENDED: LiteralString = f"('{PaymentStage.CAPTURED.value}', '{PaymentStage.EXPIRED.value}')"
_AGAIN: LiteralString = (
    f"case when p.captured > 0 then '{PaymentStage.PARTLY_CAPTURED.value}' else '{PaymentStage.AUTHORIZED.value}' end"
)
_INCREASED: LiteralString = (
    "update payments p set authorized = p.authorized + w.amount, remaining = p.remaining + w.amount, changed_at = w.at,"
    f" stage = case when p.stage in {_ENDED} then {_AGAIN} else p.stage end,"
    f" before = case when p.before in {_ENDED} then {_AGAIN} else p.before end from {_AMOUNT}"
)
_REFUNDED: LiteralString = f"update payments p set refunded = w.amount, changed_at = w.at from {_AMOUNT}"
_EXPIRED: LiteralString = (
    "update payments p set remaining = p.remaining - w.amount, changed_at = w.at,"
    f" stage = case when p.remaining = w.amount then '{PaymentStage.EXPIRED.value}' else p.stage end from {_AMOUNT}"
)
_TAKEN: LiteralString = (
    "update payments p set stage = case when p.open_calls = '{}' then w.stage else p.stage end, before = w.stage,"
    " captured = w.captured, remaining = w.remaining, changed_at = w.at from"
    " unnest(%b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::timestamptz[])"
    " w(id, stage, captured, remaining, at) where p.order_id = w.id"
)
