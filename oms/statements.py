"""Statements of bank accounts, as files: CSV with named columns, or camt.053. What is read are the credits."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from pycamt.parser import Camt053ParseError, Camt053Parser

from contracts.money import Money
from services.payments.bank_account import PLACEHOLDERS

__all__ = ["COLUMNS", "FILE_BYTES_MAX", "StatementRefused", "read_statement"]

COLUMNS = ("account", "entry", "booked_on", "amount", "currency", "reference")
"""The columns of a CSV, in any order; others are left alone. Amounts are decimal, dates ISO 8601."""

FILE_BYTES_MAX = 50 * 1024 * 1024
"""The largest statement that is read."""


class StatementRefused(Exception):
    """A file is no statement that can be read; the text says where and what."""


def read_statement(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The credits of a statement, as `POST /bank-entries` takes them; raises StatementRefused."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise StatementRefused(f"{path} is larger than {FILE_BYTES_MAX} bytes: send it in parts")
        content = path.read_bytes()
    except OSError as error:
        raise StatementRefused(f"{path} cannot be read: {error.strerror}") from error
    if content.lstrip().startswith((b"<", b"\xef\xbb\xbf<")):
        return tuple(_of_camt(path, content))
    return tuple(_of_csv(path, content))


def _of_csv(path: Path, content: bytes) -> Iterator[Mapping[str, Any]]:
    try:
        rows = csv.DictReader(StringIO(content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise StatementRefused(f"{path} is not UTF-8: {error}") from error
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise StatementRefused(f"{path} lacks the columns {', '.join(missing)}")
    seen: Counter[str] = Counter()
    for number, row in enumerate(rows, start=2):
        amount = _minor(f"{path}, row {number}", row["amount"], row["currency"])
        name = (row["entry"] or "").strip()
        if unnamed := name.upper() in {"", *PLACEHOLDERS}:
            name = _unnamed({key: row[key] or "" for key in COLUMNS})
            seen[name] += 1
            name = name if seen[name] == 1 else f"{name}/{seen[name]}"
        if amount > 0:
            yield {**{key: row[key] or "" for key in COLUMNS}, "entry": name, "amount": amount, "unnamed": unnamed}


def _of_camt(path: Path, content: bytes) -> Iterator[Mapping[str, Any]]:
    """Entries that are booked and no reversal. A bank names an entry, not what is in it: payments of one are counted."""
    try:
        transactions = Camt053Parser(content).get_transactions()
    except (SyntaxError, Camt053ParseError) as error:
        raise StatementRefused(f"{path} is no camt.053: {error}") from error
    seen: Counter[str] = Counter()
    for number, paid in enumerate(transactions, start=1):
        if paid.get("Status") not in (None, "BOOK"):
            continue
        name = (paid.get("TransactionID") or "").strip()
        unnamed = name.upper() in {"", *PLACEHOLDERS}
        name = _unnamed(paid) if unnamed else name
        seen[name] += 1
        if paid.get("CreditDebitIndicator") != "CRDT" or paid.get("ReversalIndicator") == "true":
            continue
        amount = _minor(f"{path}, transaction {number}", paid.get("Amount"), paid.get("Currency"))
        if amount <= 0:
            continue
        texts = ("RemittanceInformation", "RemittanceInformationFull", "EndToEndId", "AdditionalEntryInformation")
        yield {
            "account": paid.get("AccountIBAN") or "unknown",
            "entry": name if seen[name] == 1 else f"{name}/{seen[name]}",
            "booked_on": (paid.get("BookingDate") or paid.get("ValueDate") or "")[:10],
            "amount": amount,
            "currency": paid.get("Currency"),
            "reference": " ".join(dict.fromkeys(paid[key] for key in texts if paid.get(key)))[:1_000],
            "unnamed": unnamed,
        }


def _unnamed(paid: Mapping[str, Any]) -> str:
    """A name for what the bank gave none: the same statement names it alike."""
    told = "\x1f".join(f"{key}={paid[key]}" for key in sorted(paid))
    return f"sha256:{sha256(told.encode()).hexdigest()[:32]}"


def _minor(where: str, amount: str | None, currency: str | None) -> int:
    try:
        return Money.from_decimal((amount or "").strip(), (currency or "").strip()).amount
    except ValueError as error:
        raise StatementRefused(f"{where}: {error}") from error
