"""What the payments service lists of documents: invoices and credit notes, what they say, and what of them is open.

The state that people see is derived when it is asked for, also by the date: nothing happens to an invoice at midnight.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.changes import Changes
from chassis.listing import Listing, text_key
from chassis.log import Record
from chassis.projection import events_among
from contracts.ids import split_stream
from contracts.message import parse_instant
from contracts.payments import PaymentCaptured
from contracts.payments.collecting import CollectionAsked, CollectionGivenUp, InvoiceOverpaid
from contracts.payments.invoices import (
    CreditNoteIssued,
    InvoiceCredited,
    InvoiceDrafted,
    InvoiceIssued,
    InvoiceRetried,
    InvoiceWaits,
    OnAccountMoved,
)
from contracts.payments.receivables import InvoicePaid, InvoiceWrittenOff

__all__ = ["INVOICES", "InvoiceState", "InvoicesProjection"]


class InvoiceState(StrEnum):
    """Where a document stands. `drafted` and `waiting` ones have no number yet; a credit note is `issued`; an invoice is
    `open`, `partly_paid` or, from the day after it is due, `overdue`, until it is `paid` or `written_off`."""

    DRAFTED = "drafted"
    WAITING = "waiting"
    ISSUED = "issued"
    OPEN = "open"
    PARTLY_PAID = "partly_paid"
    OVERDUE = "overdue"
    PAID = "paid"
    WRITTEN_OFF = "written_off"


_SHOWN: LiteralString = """(
    select *, case
        when stage <> 'issued' then stage
        when kind = 'credit_note' then 'issued'
        when open = 0 then case when written_off > 0 then 'written_off' else 'paid' end
        when due_on < (now() at time zone time_zone)::date then 'overdue'
        when open < gross then 'partly_paid'
        else 'open' end as state
    from (
        select *, case when kind = 'credit_note' then 0 else greatest(0,
            case when exists (
                select 1 from invoice_captures c
                where c.order_id = i.order_id and c.fulfillment = i.fulfillment
            ) then on_account else gross end - credited - received - written_off) end as open
        from invoices i
    ) as counted
) as shown"""
"""What was not on account is paid once it is captured."""

INVOICES = Listing(
    name="invoices",
    projection="invoices",
    table=_SHOWN,
    columns={
        "id": "id",
        "number": "number",
        "kind": "kind",
        "state": "state",
        "seller": "seller",
        "order_id": "order_id",
        "fulfillment": "fulfillment",
        "refund": "refund",
        "currency": "currency",
        "net": "net",
        "tax": "tax",
        "gross": "gross",
        "open": "open",
        "issued_on": "issued_on::text",
        "due_on": "due_on::text",
        "waits_for": "case when stage = 'issued' and open = 0 then null else waits_for end",
        "drafted_at": "drafted_at",
        "changed_at": "changed_at",
    },
    key={"drafted_at": parse_instant, "id": text_key},
    newest_first=True,
    moments=("drafted_at", "changed_at"),
)


class InvoicesProjection:
    """One row a document; amounts in minor units of its currency. A credit note counts against the invoices that it
    corrects as they say themselves."""

    name = "invoices"
    topics = ("payments.events",)
    tables: LiteralString = """
    create table if not exists invoices (
        id text primary key, kind text not null, seller text not null, order_id text not null, fulfillment text,
        refund text, currency text not null, net bigint not null, tax bigint not null, gross bigint not null,
        on_account bigint not null, credited bigint not null default 0, received bigint not null default 0,
        written_off bigint not null default 0, stage text not null, waits_for text, number text, series text,
        sequence bigint, issued_on date, due_on date, time_zone text not null default 'UTC',
        drafted_at timestamptz not null, changed_at timestamptz not null);
    create index if not exists invoices_drafted on invoices (drafted_at desc, id desc);
    create index if not exists invoices_number on invoices (number);
    create index if not exists invoices_order on invoices (order_id);
    create table if not exists invoice_captures (
        order_id text not null, fulfillment text not null, primary key (order_id, fulfillment));
    create table if not exists invoice_credits (
        invoice text not null, credit_note text not null, primary key (invoice, credit_note));
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        kinds = (
            InvoiceDrafted,
            InvoiceWaits,
            InvoiceRetried,
            InvoiceIssued,
            CreditNoteIssued,
            InvoiceCredited,
            OnAccountMoved,
            InvoicePaid,
            InvoiceWrittenOff,
            InvoiceOverpaid,
            CollectionAsked,
            CollectionGivenUp,
            PaymentCaptured,
        )
        changes = Changes()
        for envelope, event in events_among(records, kinds):
            _fold(changes, split_stream(envelope.subject)[1], event, envelope.time)
        changes.write(connection)


def _fold(changes: Changes, name: str, event: Any, at: datetime) -> None:
    match event:
        case PaymentCaptured():
            _captured(changes, event.order_id, event.fulfillment)
        case InvoiceDrafted():
            _drafted(changes, name, event, at)
        case InvoiceWaits():
            changes.add(name, _STAGED, name, "waiting", event.reason.value, at)
        case InvoiceRetried():
            changes.add(name, _STAGED, name, "drafted", None, at)
        case InvoiceIssued() | CreditNoteIssued():
            numbered = (event.number, event.series, event.sequence, event.issued_on, event.due_on)
            changes.add(name, _ISSUED, name, *numbered, event.particulars.time_zone, at)
        case InvoicePaid() | InvoiceWrittenOff() | InvoiceOverpaid():
            sign = -1 if isinstance(event, InvoiceOverpaid) else 1
            received = 0 if isinstance(event, InvoiceWrittenOff) else sign * event.amount.amount
            written_off = event.amount.amount if isinstance(event, InvoiceWrittenOff) else 0
            changes.add(name, _SETTLED, name, received, written_off, at)
        case CollectionAsked():
            changes.add(name, _WAITS, name, None, at)
        case CollectionGivenUp():
            changes.add(name, _WAITS, name, event.reason.value, at)
        case InvoiceCredited():
            changes.add(name, _CREDITED, name, event.credit_note, event.on_account.amount, at)
        case OnAccountMoved():
            changes.add(name, _ON_ACCOUNT, name, event.amount.amount, at)


def _captured(changes: Changes, order: str, fulfillment: str | None) -> None:
    changes.add((order, fulfillment), _CAPTURED, order, fulfillment)


def _drafted(changes: Changes, name: str, event: InvoiceDrafted, at: datetime) -> None:
    changes.add(
        name,
        _DRAFTED,
        name,
        event.kind.value,
        event.seller,
        event.order_id,
        event.fulfillment,
        event.refund,
        event.currency,
        event.net.amount,
        event.tax.amount,
        event.gross.amount,
        event.on_account.amount,
        at,
    )
    if event.credit is not None and event.credit.amount >= event.gross.amount:
        # Credit pays for all of it, so no capture is to come.
        _captured(changes, event.order_id, event.fulfillment)


_CAPTURED: LiteralString = (
    "insert into invoice_captures select * from unnest(%b::text[], %b::text[]) on conflict do nothing"
)
_DRAFTED: LiteralString = (
    "insert into invoices (id, kind, seller, order_id, fulfillment, refund, currency, net, tax, gross, on_account, stage,"
    " drafted_at, changed_at) select w.id, w.kind, w.seller, w.order_id, w.fulfillment, w.refund, w.currency, w.net, w.tax,"
    " w.gross, w.on_account, 'drafted', w.at, w.at from unnest(%b::text[], %b::text[], %b::text[], %b::text[],"
    " %b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::timestamptz[])"
    " w(id, kind, seller, order_id, fulfillment, refund, currency, net, tax, gross, on_account, at)"
)
_STAGED: LiteralString = (
    "update invoices i set stage = w.stage, waits_for = w.waits_for, changed_at = w.at from"
    " unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[]) w(id, stage, waits_for, at) where i.id = w.id"
)
_WAITS: LiteralString = (
    "update invoices i set waits_for = w.waits_for, changed_at = w.at from"
    " unnest(%b::text[], %b::text[], %b::timestamptz[]) w(id, waits_for, at) where i.id = w.id"
)
_ISSUED: LiteralString = (
    "update invoices i set stage = 'issued', number = w.number, series = w.series, sequence = w.sequence,"
    " issued_on = w.issued_on, due_on = w.due_on, time_zone = w.time_zone, waits_for = null, changed_at = w.at from"
    " unnest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::date[], %b::date[], %b::text[], %b::timestamptz[])"
    " w(id, number, series, sequence, issued_on, due_on, time_zone, at) where i.id = w.id"
)
_SETTLED: LiteralString = (
    "update invoices i set received = i.received + w.received, written_off = i.written_off + w.written_off,"
    " changed_at = w.at from unnest(%b::text[], %b::bigint[], %b::bigint[], %b::timestamptz[])"
    " w(id, received, written_off, at) where i.id = w.id"
)
_CREDITED: LiteralString = (
    "with w as (select * from unnest(%b::text[], %b::text[], %b::bigint[], %b::timestamptz[])"
    " w(invoice, credit_note, amount, at)), new as (insert into invoice_credits select invoice, credit_note from w"
    " on conflict do nothing returning invoice)"
    " update invoices i set credited = i.credited + w.amount, changed_at = w.at"
    " from w join new using (invoice) where i.id = w.invoice"
)
"""One credit note counts once, however often it asks."""
_ON_ACCOUNT: LiteralString = (
    "update invoices i set on_account = i.on_account + w.amount, changed_at = w.at from"
    " unnest(%b::text[], %b::bigint[], %b::timestamptz[]) w(id, amount, at) where i.id = w.id"
)
