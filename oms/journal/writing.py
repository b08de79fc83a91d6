"""The journal as text: CSV, a row a posting, and beancount's own form, which its checker reads."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from enum import StrEnum
from typing import IO

from contracts.message import format_instant
from contracts.money import Money
from oms.journal.accounts import Account
from oms.journal.entries import Entry

__all__ = ["Form", "write"]

COLUMNS = ("event", "when", "what", "order", "document", "account", "amount", "currency", "minor_units")
OPENED = "1970-01-01"
"""Since when the accounts are open: before any event."""


class Form(StrEnum):
    """How a journal is written."""

    CSV = "csv"
    BEANCOUNT = "beancount"


def write(entries: Iterable[Entry], to: IO[str], form: Form) -> int:
    """Write entries one after the other, as they come; how many there were."""
    return _write_csv(entries, to) if form is Form.CSV else _write_beancount(entries, to)


def _write_csv(entries: Iterable[Entry], to: IO[str]) -> int:
    """`amount` as people write it, a debit above zero; `minor_units` the same as a whole number."""
    rows, count = csv.writer(to, lineterminator="\n"), 0
    rows.writerow(COLUMNS)
    for entry in entries:
        count += 1
        about = (entry.event, format_instant(entry.when), entry.what, entry.order or "", _one_line(entry.document))
        for posting in entry.postings:
            amount = Money(amount=posting.amount, currency=posting.currency).to_decimal()
            rows.writerow((*about, posting.account.value, amount, posting.currency, posting.amount))
    return count


def _write_beancount(entries: Iterable[Entry], to: IO[str]) -> int:
    """All accounts are opened first; each entry is a transaction of its UTC day, with its event and document."""
    count = 0
    to.write('option "title" "Orderlog"\n\n')
    for account in Account:
        to.write(f"{OPENED} open {account.value}\n")
    for entry in entries:
        count += 1
        to.write(f'\n{entry.when.date().isoformat()} * "{entry.what}" "{_one_line(entry.document)}"\n')
        to.write(f'  event: "{entry.event}"\n  at: "{format_instant(entry.when)}"\n')
        if entry.order:
            to.write(f'  order: "{entry.order}"\n')
        for posting in entry.postings:
            amount = Money(amount=posting.amount, currency=posting.currency).to_decimal()
            to.write(f"  {posting.account.value}  {amount} {posting.currency}\n")
    return count


def _one_line(text: str) -> str:
    """A name that somebody else gave, fit to stand between quotes on one line, and for a spreadsheet no formula."""
    plain = "".join(" " if character in '\\"' or not character.isprintable() else character for character in text)
    return f" {plain}" if plain[:1] in "=+-@" else plain
