"""The columns of an order file: what each is called, where it goes in a `ChannelOrder`, and how its text is read.

A file has a row for each order line. What belongs to the order or to its ship group may stand on every row of it, or
on one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from contracts.channel import ADDRESS_LINES_MAX, NUMBER_MAX
from contracts.message import format_instant, to_milliseconds
from contracts.money import ChargeKind, minor_digits

__all__ = [
    "COLUMNS",
    "NAMED_BY",
    "OPEN_COLUMNS",
    "Charged",
    "Column",
    "Level",
    "Path",
    "Reader",
    "Readers",
    "column_at",
]

NUMBER_CHARS_MAX = 24
"""Characters of a number: more than the largest amount has, and few enough to be exact in a Decimal."""

NAMED_BY = ("channel_account", "external_id")
"""The columns that say which order a row belongs to."""

Path = tuple[str | int, ...]

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Level(StrEnum):
    """What a column speaks of."""

    ORDER = "order"
    GROUP = "ship group"
    LINE = "line"


class Reader(StrEnum):
    """How a text is read. `amount` is in the currency's main unit (`12.50`) and becomes whole minor units."""

    TEXT = "text"
    WHOLE = "whole number"
    DECIMAL = "decimal number"
    AMOUNT = "amount"
    INSTANT = "time"
    FLAG = "yes or no"


@dataclass(frozen=True, slots=True)
class Charged:
    """The charge that a column is the amount of."""

    kind: ChargeKind


@dataclass(frozen=True, slots=True)
class Column:
    """A column by our name, and its place below the order, the ship group or the line."""

    name: str
    level: Level
    place: Path | Charged
    reader: Reader = Reader.TEXT
    required: bool = False


def _party(prefix: str, level: Level, field: str) -> list[Column]:
    parts = ("name", "company", "city", "postcode", "region", "country", "email", "phone")
    lines = range(ADDRESS_LINES_MAX)
    return [
        *(Column(f"{prefix}_{part}", level, (field, part)) for part in parts),
        *(Column(f"{prefix}_address_{n + 1}", level, (field, "address_lines", n)) for n in lines),
    ]


def _window(prefix: str, level: Level, field: str = "requested") -> list[Column]:
    ends = ("earliest", "latest")
    return [Column(f"{prefix}{field}_{end}", level, (field, end), Reader.INSTANT) for end in ends]


def _charges(prefix: str, level: Level) -> list[Column]:
    kinds = (kind for kind in ChargeKind if kind is not ChargeKind.ITEM)
    return [Column(f"{prefix}charge_{kind}", level, Charged(kind), Reader.AMOUNT) for kind in kinds]


def _order() -> list[Column]:
    of = Level.ORDER
    return [
        Column("channel_account", of, ("channel_account",), required=True),
        Column("external_id", of, ("external_id",), required=True),
        Column("channel", of, ("channel",), required=True),
        Column("seller", of, ("seller",), required=True),
        Column("placed_at", of, ("placed_at",), Reader.INSTANT, required=True),
        Column("currency", of, ("currency",), required=True),
        Column("brand", of, ("brand",)),
        Column("number", of, ("number",)),
        Column("revision", of, ("revision",), Reader.WHOLE),
        Column("customer_issuer", of, ("customer", "issuer")),
        Column("customer_id", of, ("customer", "id")),
        *_party("buyer", of, "buyer"),
        *_party("bill", of, "bill_to"),
        Column("locale", of, ("locale",)),
        Column("total", of, ("total",), Reader.AMOUNT),
        Column("shortage_policy", of, ("shortage_policy",)),
        Column("priority", of, ("priority",), Reader.WHOLE),
        *_window("", of),
        *_window("", of, "promised"),
        Column("ship_not_before", of, ("ship_not_before",), Reader.INSTANT),
        Column("cancel_after", of, ("cancel_after",), Reader.INSTANT),
        Column("notes", of, ("notes",)),
        *_charges("", of),
        Column("charges_tax_included", of, ("charges_tax_included",), Reader.FLAG),
        Column("tender_method", of, ("tenders", 0, "method")),
        Column("tender_amount", of, ("tenders", 0, "amount"), Reader.AMOUNT),
        Column("tender_capture", of, ("tenders", 0, "capture")),
        Column("tender_reference", of, ("tenders", 0, "reference")),
        Column("tender_state", of, ("tenders", 0, "state")),
        Column("tender_expires_at", of, ("tenders", 0, "expires_at"), Reader.INSTANT),
        Column("tender_refunds_by", of, ("tenders", 0, "refunds_by")),
        Column("tender_provider", of, ("tenders", 0, "provider")),
        Column("tender_card_on_file", of, ("tenders", 0, "card_on_file")),
    ]


def _group() -> list[Column]:
    of = Level.GROUP
    return [
        Column("ship_group", of, ("group",)),
        Column("ship_method", of, ("method",)),
        Column("ship_location", of, ("location",)),
        *_party("ship", of, "ship_to"),
        *_party("pickup", of, "pickup_person"),
        Column("service_level", of, ("service_level",)),
        *_window("ship_", of),
        Column("complete", of, ("complete",), Reader.FLAG),
        Column("instructions", of, ("instructions",)),
        Column("gift_message", of, ("gift_message",)),
    ]


def _line() -> list[Column]:
    of = Level.LINE
    return [
        Column("line_id", of, ("line_id",), required=True),
        Column("sku", of, ("sku",), required=True),
        Column("quantity", of, ("quantity",), Reader.WHOLE, required=True),
        Column("amount", of, ("amount",), Reader.AMOUNT, required=True),
        Column("description", of, ("description",)),
        Column("unit", of, ("unit",)),
        Column("ordered_quantity", of, ("ordered_quantity",), Reader.WHOLE),
        Column("ordered_unit", of, ("ordered_unit",)),
        Column("unit_price", of, ("unit_price",), Reader.DECIMAL),
        Column("price_basis", of, ("price_basis",)),
        Column("tax_included", of, ("tax_included",), Reader.FLAG),
        Column("tax_jurisdiction", of, ("taxes", 0, "jurisdiction")),
        Column("tax_rate", of, ("taxes", 0, "rate"), Reader.DECIMAL),
        Column("tax_base", of, ("taxes", 0, "base"), Reader.AMOUNT),
        Column("tax_amount", of, ("taxes", 0, "amount"), Reader.AMOUNT),
        *_charges("line_", of),
        Column("line_shortage_policy", of, ("shortage_policy",)),
        *_window("line_", of),
        *_window("line_", of, "promised"),
        Column("line_ship_not_before", of, ("ship_not_before",), Reader.INSTANT),
        Column("line_cancel_after", of, ("cancel_after",), Reader.INSTANT),
        Column("relation", of, ("relation",)),
        Column("parent", of, ("parent",)),
        Column("quantity_per_parent", of, ("quantity_per_parent",), Reader.WHOLE),
    ]


COLUMNS: Mapping[str, Column] = {column.name: column for column in (*_order(), *_group(), *_line())}
"""Every column by its name, in the order in which docs/importing.md lists them."""

_MOVED = (
    Column("system", Level.ORDER, ("system",), required=True),
    Column("captured", Level.ORDER, ("captured",), Reader.AMOUNT),
    Column("authorized", Level.ORDER, ("authorized",), Reader.AMOUNT),
    Column("fulfilled", Level.LINE, ("fulfilled",), Reader.WHOLE),
    Column("cancelled", Level.LINE, ("cancelled",), Reader.WHOLE),
)

OPEN_COLUMNS: Mapping[str, Column] = {**COLUMNS, **{column.name: column for column in _MOVED}}
"""The columns of a file of open orders: beside the others what became of them in the system that they come from."""

_AT = {(column.level, column.place): column for column in OPEN_COLUMNS.values()}


def column_at(level: Level, place: Path) -> Column | None:
    """The column that fills a place, such as `("taxes", 0, "rate")` of a line."""
    return _AT.get((level, place))


@dataclass(frozen=True, slots=True)
class Readers:
    """Reads texts as a file's map says: in which zone a time without one is (None: it is refused), and whether a comma
    parts the decimals. Every method raises ValueError with what is wrong and what to write instead."""

    zone: ZoneInfo | None = None
    decimal_comma: bool = False

    def read(self, reader: Reader, text: str, currency: str) -> str | int | bool:
        """The JSON value of a text that is not empty."""
        by_reader: Mapping[Reader, Callable[[], str | int | bool]] = {
            Reader.TEXT: lambda: text,
            Reader.WHOLE: lambda: self._whole(text),
            Reader.DECIMAL: lambda: f"{self._number(text):f}",
            Reader.AMOUNT: lambda: self._amount(text, currency),
            Reader.INSTANT: lambda: self._instant(text),
            Reader.FLAG: lambda: _flag(text),
        }
        return by_reader[reader]()

    def _number(self, text: str) -> Decimal:
        pointed = text
        if self.decimal_comma:
            pointed = text.replace(".", "!").replace(",", ".")
        if len(text) > NUMBER_CHARS_MAX or not _NUMBER.fullmatch(pointed) or not text.isascii():
            mark, example = ("comma", "1234,50") if self.decimal_comma else ("point", "1234.50")
            raise ValueError(
                f"{text[:NUMBER_CHARS_MAX]!r} is no number; write digits with a decimal {mark} and nothing else, such "
                f"as {example} (`decimal` in the map says which mark the file uses)"
            )
        return Decimal(pointed)

    def _whole(self, text: str) -> int:
        number = self._number(text)
        if number != number.to_integral_value():
            raise ValueError(f"{text!r} is no whole number; count in the item's base unit, such as grams for kilograms")
        return _bounded(text, number)

    def _amount(self, text: str, currency: str) -> int:
        scaled = self._number(text).scaleb(minor_digits(currency))
        if scaled != scaled.to_integral_value():
            digits = minor_digits(currency)
            raise ValueError(f"{text!r} has more than the {digits} decimals of {currency}; round it where it was made")
        return _bounded(text, scaled)

    def _instant(self, text: str) -> str:
        example = "2026-01-31T09:30:00+01:00"
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"{text[:40]!r} is no time; write it as {example}") from error
        if len(text) <= len("2026-01-31"):
            raise ValueError(f"{text!r} has no time of day; write it as {example}")
        if found.tzinfo is None:
            found = self._in_zone(text, found)
        return format_instant(to_milliseconds(found))

    def _in_zone(self, text: str, local: datetime) -> datetime:
        if self.zone is None:
            raise ValueError(
                f'{text!r} has no time zone; add an offset or Z, or set `zone` in the map ("Europe/Berlin")'
            )
        first, second = (local.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset():
            raise ValueError(
                f"{text!r} comes twice or never in {self.zone}, when its clocks are changed; write the offset, "
                "such as +01:00"
            )
        return first


def _bounded(text: str, number: Decimal) -> int:
    if abs(number) > NUMBER_MAX:
        raise ValueError(f"{text!r} is beyond the {NUMBER_MAX} (of minor units) that an order can hold; look at it")
    return int(number)


def _flag(text: str) -> bool:
    try:
        return _FLAGS[text.lower()]
    except KeyError as error:
        raise ValueError(f"{text[:20]!r} is neither yes nor no; write true or false") from error
