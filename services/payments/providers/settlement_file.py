"""Settlement files: CSV with a heading, one line an entry, as the sandbox writes them and others can be brought to.

Columns: `id`, `type`, `created` (a date), `order_id`, `authorization`, `key`, `amount`, `currency`, `settled`,
`settled_currency`, `fee`. Decimals, quoted or not, with a byte order mark or without; other columns are passed over.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from contracts.money import Money
from services.payments.provider_ledger import Entry, EntryKind, Payout, Settlement

__all__ = ["SettlementRefused", "read_settlement"]

BYTES_MAX = 64 * 2**20
NEEDED = ("id", "type", "created", "amount", "currency")
PAYOUT = "payout"


class SettlementRefused(ValueError):
    """The file is none that we can read; the text names the line and what is wrong with it."""

    exit_code = 2


def read_settlement(file: Path) -> Settlement:
    """What it says; raises SettlementRefused, or OSError when it cannot be opened."""
    if file.stat().st_size > BYTES_MAX:
        raise SettlementRefused(f"{file} is larger than {BYTES_MAX // 2**20} MiB: split it by day")
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettlementRefused(f"{file} is not UTF-8: {error.reason} at byte {error.start}") from error
    heading = text.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip().lower() for name in rows.fieldnames or ()]
    if missing := [name for name in NEEDED if name not in names]:
        raise SettlementRefused(f"{file} has no column {', '.join(missing)}; it has {', '.join(names) or 'none'}")
    rows.fieldnames = names
    entries: list[Entry] = []
    payouts: list[Payout] = []
    try:
        for row in rows:
            cells = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str | None)}
            if cells.get("type", "").lower() == PAYOUT:
                payouts.append(Payout(cells["id"], -_money(cells, "settled", "settled_currency")))
            elif any(cells.values()):
                entries.append(_entry(cells))
    except (ValueError, KeyError, csv.Error) as error:
        raise SettlementRefused(f"{file}, line {rows.line_num}: {error}") from error
    return Settlement(tuple(entries), tuple(payouts))


def _entry(cells: Mapping[str, str]) -> Entry:
    kind = cells["type"].lower()
    settled = cells.get("settled_currency")
    return Entry(
        EntryKind(kind) if kind in set(EntryKind) else EntryKind.OTHER,
        reference=cells["id"],
        amount=_money(cells, "amount", "currency"),
        day=date.fromisoformat(cells["created"][:10]),
        key=cells.get("key") or None,
        order_id=cells.get("order_id") or None,
        authorization=cells.get("authorization") or None,
        settled=_money(cells, "settled", "settled_currency") if settled and cells.get("settled") else None,
        fee=_money(cells, "fee", "settled_currency") if settled and cells.get("fee") else None,
    )


def _money(cells: Mapping[str, str], amount: str, currency: str) -> Money:
    """A decimal of a currency; a comma for the point is taken, thousands are not grouped."""
    return Money.from_decimal(cells[amount].replace(",", "."), cells[currency].upper())
