"""What the payments service lists of documents: invoices and credit notes, what they say, and what of them is open.

The state that people see is derived when it is asked for, also by the date: nothing happens to an invoice at midnight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

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
        with connection.cursor() as cursor:
            for envelope, event in events_among(records, kinds):
                self._fold(cursor, split_stream(envelope.subject)[1], event, envelope.time)

    def _fold(self, cursor: psycopg.Cursor[Any], name: str, event: Any, at: datetime) -> None:
        match event:
            case PaymentCaptured():
                cursor.execute(
                    "insert into invoice_captures values (%s, %s) on conflict do nothing",
                    [event.order_id, event.fulfillment],
                )
            case InvoiceDrafted():
                self._drafted(cursor, name, event, at)
            case InvoiceWaits():
                self._change(cursor, name, at, {"stage": "waiting", "waits_for": event.reason.value})
            case InvoiceRetried():
                self._change(cursor, name, at, {"stage": "drafted", "waits_for": None})
            case InvoiceIssued() | CreditNoteIssued():
                self._issued(cursor, name, event, at)
            case InvoicePaid() | InvoiceWrittenOff() | InvoiceOverpaid():
                self._settled(cursor, name, event, at)
            case CollectionAsked():
                self._change(cursor, name, at, {"waits_for": None})
            case CollectionGivenUp():
                self._change(cursor, name, at, {"waits_for": event.reason.value})
            case InvoiceCredited():
                self._credited(cursor, name, event, at)
            case OnAccountMoved():
                cursor.execute(
                    "update invoices set on_account = on_account + %s, changed_at = %s where id = %s",
                    [event.amount.amount, at, name],
                )

    def _drafted(self, cursor: psycopg.Cursor[Any], name: str, event: InvoiceDrafted, at: datetime) -> None:
        cursor.execute(
            "insert into invoices (id, kind, seller, order_id, fulfillment, refund, currency, net, tax, gross,"
            " on_account, stage, drafted_at, changed_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'drafted',"
            " %s, %s)",
            [
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
                at,
            ],
        )
        if event.credit is not None and event.credit.amount >= event.gross.amount:
            # Credit pays for all of it, so no capture is to come.
            cursor.execute(
                "insert into invoice_captures values (%s, %s) on conflict do nothing",
                [event.order_id, event.fulfillment],
            )

    def _issued(
        self, cursor: psycopg.Cursor[Any], name: str, event: InvoiceIssued | CreditNoteIssued, at: datetime
    ) -> None:
        values = {
            "stage": "issued",
            "number": event.number,
            "series": event.series,
            "sequence": event.sequence,
            "issued_on": event.issued_on,
            "due_on": event.due_on,
            "time_zone": event.particulars.time_zone,
            "waits_for": None,
        }
        self._change(cursor, name, at, values)

    def _settled(
        self,
        cursor: psycopg.Cursor[Any],
        name: str,
        event: InvoicePaid | InvoiceWrittenOff | InvoiceOverpaid,
        at: datetime,
    ) -> None:
        sign = -1 if isinstance(event, InvoiceOverpaid) else 1
        cursor.execute(
            "update invoices set received = received + %s, written_off = written_off + %s, changed_at = %s"
            " where id = %s",
            [
                0 if isinstance(event, InvoiceWrittenOff) else sign * event.amount.amount,
                event.amount.amount if isinstance(event, InvoiceWrittenOff) else 0,
                at,
                name,
            ],
        )

    def _credited(self, cursor: psycopg.Cursor[Any], name: str, event: InvoiceCredited, at: datetime) -> None:
        """One credit note counts once, however often it asks."""
        cursor.execute(
            "insert into invoice_credits values (%s, %s) on conflict do nothing returning invoice",
            [name, event.credit_note],
        )
        if cursor.fetchone() is not None:
            cursor.execute(
                "update invoices set credited = credited + %s, changed_at = %s where id = %s",
                [event.on_account.amount, at, name],
            )

    def _change(
        self, cursor: psycopg.Cursor[Any], name: str, at: datetime, values: Mapping[LiteralString, Any]
    ) -> None:
        columns: LiteralString = ", ".join(f"{column} = %s" for column in values)
        cursor.execute(f"update invoices set {columns}, changed_at = %s where id = %s", [*values.values(), at, name])
