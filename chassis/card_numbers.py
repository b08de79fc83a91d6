"""Card numbers in what people type: found before anything of it is stored, and masked down to the last four digits.

A run of digits is taken for a card number when its beginning and its length together belong to an issuer and its check
digit is right (Luhn, ISO/IEC 7812). Every text that comes in by a door is looked at, except in fields that hold a
code of a type of its own (`TYPED`). What is found is masked and never refused: a customer who typed it must not be left
without an order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel
from stdnum import luhn

__all__ = ["MASKED_NAMED_MAX", "TYPED", "TYPED_REFERENCES", "is_card_number", "mask_text", "mask_texts"]

M = TypeVar("M", bound=BaseModel)

MASKED_NAMED_MAX = 20
"""How many fields are named in which something was masked; all of them are masked."""

KEPT = 4
"""Digits that stay, as on a receipt."""

TYPED = frozenset(
    [
        "carrier",
        "channel",
        "channel_account",
        "channel_line",
        "channel_number",
        "ciphertext",
        "code",
        "company_prefix",
        "currency",
        "document",
        "door_digest",
        "eligible_locations",
        "event_id",
        "external_id",
        "fingerprint",
        "fulfillment",
        "fulfillment_order",
        "group",
        "gtin",
        "hold",
        "issuer",
        "kind",
        "line",
        "line_id",
        "locale",
        "location",
        "lot",
        "manifest",
        "notice",
        "number",
        "order_id",
        "ordered_unit",
        "package",
        "parent",
        "postcode_prefix",
        "price_basis",
        "rate",
        "serials",
        "ship_group",
        "sku",
        "sscc",
        "subject",
        "substitute_for",
        "supply",
        "system",
        "time_zone",
        "tracking_number",
        "type",
        "unit",
        "unit_price",
        "Customer.id",
        "ChannelCustomer.id",
        "Demand.id",
        "PlaceHold.lines",
        # A message of another type, whose own fields were looked at by whoever made it.
        "EditParked.value",
    ]
)
"""Fields that hold an id, a code or a number of a type of its own, by name, or by `Class.name` where the name alone
says too little. They name things: masked they would name another. Every other text is looked at."""

TYPED_REFERENCES = frozenset({"gtin", "imei", "serial", "sscc", "tracking", "tracking_number"})
"""Types of references whose id is such a code as well."""


@dataclass(frozen=True, slots=True)
class _Issuer:
    """Numbers that begin with `low` to `high` (as many digits as they have) and have one of these lengths."""

    low: int
    high: int
    lengths: frozenset[int]

    def has(self, digits: str) -> bool:
        beginning = int(digits[: len(str(self.low))])
        return self.low <= beginning <= self.high and len(digits) in self.lengths


USUAL = frozenset({16, 19})
LONG = frozenset({16, 17, 18, 19})
"""Of the two schemes of which numbers of 17 and 18 digits are out; elsewhere they would be order numbers and SSCC."""

PHONE_DIGITS_MAX = 15
"""Digits after a `+` that are a telephone number (E.164)."""

_ISSUERS = (
    _Issuer(4, 4, USUAL),  # Visa; its 13 digits are not issued any more, and half of all GTIN have 13
    _Issuer(51, 55, frozenset({16})),  # Mastercard
    _Issuer(2221, 2720, frozenset({16})),
    _Issuer(34, 34, frozenset({15})),  # American Express
    _Issuer(37, 37, frozenset({15})),
    _Issuer(300, 305, frozenset({14, 16, 19})),  # Diners Club
    _Issuer(3095, 3095, frozenset({14, 16, 19})),
    _Issuer(36, 36, frozenset({14, 16, 19})),
    _Issuer(38, 39, frozenset({14, 16, 19})),
    _Issuer(3528, 3589, USUAL),  # JCB
    _Issuer(6011, 6011, USUAL),  # Discover
    _Issuer(644, 659, USUAL),
    _Issuer(62, 62, LONG),  # UnionPay
    _Issuer(8100, 8171, LONG),
    _Issuer(5018, 5020, LONG),  # Maestro, Dankort
    _Issuer(5038, 5038, LONG),
    _Issuer(5893, 5893, LONG),
    _Issuer(6304, 6304, LONG),
    _Issuer(6759, 6763, LONG),
    _Issuer(2200, 2204, USUAL),  # Mir
    _Issuer(508, 508, frozenset({16})),  # RuPay
    _Issuer(6060, 6062, USUAL),  # Hipercard and RuPay
    _Issuer(5060, 5061, USUAL),  # Verve
    _Issuer(6361, 6363, frozenset({16})),  # Elo, InterPayment
    _Issuer(9792, 9792, frozenset({16})),  # Troy
)

LENGTH_MIN = min(length for issuer in _ISSUERS for length in issuer.lengths)
LENGTH_MAX = max(length for issuer in _ISSUERS for length in issuer.lengths)

_GAP = r"[\s.\-_/‐-―·\u200b]"
_BETWEEN = rf"{_GAP}{{1,3}}"
"""What people write between the groups of a number."""

_MAYBE = re.compile(rf"\d(?:(?:\\[nrtf]|{_GAP}){{0,3}}\d){{{LENGTH_MIN - 1}}}")
"""What a body as JSON holds somewhere when there is a card number in it: most bodies need not be looked at closer."""

_OURS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""An id of ours, wherever it stands: some consist of digits by chance."""

_RUN = re.compile(rf"\d+(?:{_BETWEEN}\d+)*")
_GROUP = re.compile(r"\d+")


def is_card_number(digits: str) -> bool:
    """Whether these digits (0 to 9, nothing between) begin and end as a card's number does and have its length."""
    return (
        LENGTH_MIN <= len(digits) <= LENGTH_MAX
        and any(issuer.has(digits) for issuer in _ISSUERS)
        and bool(luhn.is_valid(digits))
    )


def mask_text(text: str) -> str:
    """The text with the digits of every card number in it but the last four as `*`; of the same length.

    Looked at again after each mask, until nothing is found: the four digits that stay may begin another number, which
    stood within a longer group before. Each time ten digits fewer are left.
    """
    if sum(map(str.isdecimal, text)) < LENGTH_MIN:
        return text
    masked = list(text)
    for place in _places(text):
        masked[place] = "*"
    again = "".join(masked)
    return text if again == text else mask_text(again)


def _places(text: str) -> Iterator[int]:
    """Where the digits stand that are not to stay."""
    for run in _RUN.finditer(text):
        groups = [found.span() for found in _GROUP.finditer(text, *run.span())]
        for first in range(len(groups)):
            places: list[int] = []
            phone = text[groups[first][0] - 1 : groups[first][0]] == "+"
            for begin, end in groups[first:]:
                places += range(begin, end)
                if len(places) > LENGTH_MAX:
                    break
                if phone and len(places) <= PHONE_DIGITS_MAX:
                    continue
                if is_card_number("".join(str(unicodedata.decimal(text[place])) for place in places)):
                    yield from places[:-KEPT]


def mask_texts(message: M, typed: frozenset[str] = TYPED) -> tuple[M, tuple[str, ...]]:
    """The message with card numbers masked in all its texts, and the fields in which there were some
    (`notes`, `lines.0.description`), of which the first MASKED_NAMED_MAX are named. The same message when there are
    none."""
    found: list[str] = []
    if not _MAYBE.search(message.model_dump_json()):
        return message, ()
    masked = _model(message, (), typed, found)
    return masked, tuple(found[:MASKED_NAMED_MAX])


def _model(value: M, where: tuple[str, ...], typed: frozenset[str], found: list[str]) -> M:
    kind, changed = type(value).__name__, {}
    for name in type(value).model_fields:
        if name in typed or f"{kind}.{name}" in typed or (name == "id" and _typed_reference(value)):
            continue
        before = getattr(value, name)
        after = _value(before, (*where, name), typed, found)
        if after is not before:
            changed[name] = after
    return value.model_copy(update=changed) if changed else value


def _typed_reference(value: BaseModel) -> bool:
    kind = getattr(value, "type", None)
    return isinstance(kind, str) and kind.lower() in TYPED_REFERENCES


def _value(value: Any, where: tuple[str, ...], typed: frozenset[str], found: list[str]) -> Any:
    if type(value) is str:
        masked = value if _OURS.fullmatch(value) else mask_text(value)
        if masked == value:
            return value
        found.append(".".join(where))
        return masked
    if isinstance(value, BaseModel):
        return _model(value, where, typed, found)
    if type(value) is tuple:
        parts = tuple(_value(part, (*where, str(place)), typed, found) for place, part in enumerate(value))
        return parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    return value
