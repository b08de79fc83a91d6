"""What the payments service lists of entries of bank accounts: which invoice each went to, and which wait for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.listing import Listing, text_key
from chassis.log import Record
from chassis.projection import events_among
from contracts.message import parse_instant
from contracts.payments.receivables import EntryAssigned, EntryMatched, EntrySettled, EntryUnmatched

__all__ = ["BANK_ENTRIES", "BankEntriesProjection", "EntryState"]


class EntryState(StrEnum):
    """Where an entry stands: an invoice was told of it, a person has to look at it (or at what is left), or has."""

    MATCHED = "matched"
    UNMATCHED = "unmatched"
    SETTLED = "settled"


BANK_ENTRIES = Listing(
    name="bank_entries",
    projection="bank_entries",
    table="bank_entries",
    columns={
        "account": "account",
        "entry": "entry",
        "amount": "amount",
        "currency": "currency",
        "booked_on": "booked_on::text",
        "state": "state",
        "reason": "reason",
        "owner": "owner",
        "invoice": "invoice",
        "detail": "detail",
        "known_at": "known_at",
        "changed_at": "changed_at",
    },
    key={"known_at": parse_instant, "account": text_key, "entry": text_key},
    newest_first=True,
    moments=("known_at", "changed_at"),
)


class BankEntriesProjection:
    """One row an entry. Of one that was more than its invoice needed `amount` is what is left, once that is known."""

    name = "bank_entries"
    topics = ("payments.events",)
    tables: LiteralString = """
    create table if not exists bank_entries (
        account text not null, entry text not null, amount bigint not null, currency text not null,
        booked_on date not null, state text not null, reason text, owner text, invoice text, detail text,
        known_at timestamptz not null, changed_at timestamptz not null, primary key (account, entry));
    create index if not exists bank_entries_known on bank_entries (known_at desc, account desc, entry desc);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        kinds = (EntryMatched, EntryUnmatched, EntryAssigned, EntrySettled)
        with connection.cursor() as cursor:
            for envelope, event in events_among(records, kinds):
                self._fold(cursor, event, envelope.time)

    def _fold(self, cursor: psycopg.Cursor[Any], event: Any, at: datetime) -> None:
        match event:
            case EntrySettled():
                cursor.execute(
                    "update bank_entries set state = 'settled', detail = %s, owner = null, changed_at = %s"
                    " where account = %s and entry = %s",
                    [event.detail, at, event.account, event.entry],
                )
            case EntryUnmatched():
                self._put(cursor, event, at, EntryState.UNMATCHED, (event.reason.value, event.owner, None))
            case EntryAssigned():
                self._put(cursor, event, at, EntryState.MATCHED, (None, None, event.detail))
            case EntryMatched():
                self._put(cursor, event, at, EntryState.MATCHED, (None, None, None))

    def _put(
        self, cursor: psycopg.Cursor[Any], event: Any, at: datetime, state: EntryState, said: tuple[str | None, ...]
    ) -> None:
        cursor.execute(
            "insert into bank_entries (account, entry, amount, currency, booked_on, state, reason, owner, detail,"
            " invoice, known_at, changed_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " on conflict (account, entry) do update set (amount, state, reason, owner, detail, invoice, changed_at) ="
            " (excluded.amount, excluded.state, excluded.reason, excluded.owner, excluded.detail, excluded.invoice,"
            " excluded.changed_at)",
            [
                event.account,
                event.entry,
                event.amount.amount,
                event.amount.currency,
                event.booked_on,
                state.value,
                *said,
                event.invoice,
                at,
                at,
            ],
        )
