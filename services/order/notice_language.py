"""The languages of notices: which one an order is told in, its sentences, and how it writes amounts, dates and lists.

English is in the code and the templates; every other language is a gettext catalogue in `notice_catalogues`, compiled
in memory. Numbers are written in the digits of Latin script everywhere, as order numbers are.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations
from babel.units import format_unit
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from contracts.money import Money, minor_digits

__all__ = ["CATALOGUES", "ENGLISH", "LANGUAGES", "Language", "language_of", "marked"]

CATALOGUES = Path(__file__).parent / "notice_catalogues"
LANGUAGES = frozenset({"en"} | {path.stem for path in CATALOGUES.glob("*.po")})
"""What notices are written in."""

ENGLISH = Locale("en", "001")
"""For whom we have no catalogue: English as it is written in most of the world."""

UNITS = {
    "g": "mass-gram",
    "kg": "mass-kilogram",
    "ml": "volume-milliliter",
    "l": "volume-liter",
    "mm": "length-millimeter",
}
"""Units of items by their name in the CLDR. Of another unit than these and `each` its own name is told."""

ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
"""Around text that has a direction of its own, where there is no mark-up to say so (Unicode, annex 9)."""


def marked(sentence: str) -> str:
    """A sentence that is chosen here and said elsewhere: the catalogues have it."""
    return sentence


@cache
def _sentences_of(language: str) -> NullTranslations:
    """The sentences of a language; English where there is no catalogue."""
    if language == ENGLISH.language:
        return NullTranslations()
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def language_of(wanted: str | None) -> Locale:
    """The locale that an order is told in: the one that its channel named (`de-AT`, `de_AT.UTF-8`), its language where
    the CLDR does not know the rest, English where we do not know the language."""
    tag = (wanted or "").strip().replace("_", "-").partition(".")[0]
    for candidate in (tag, tag.partition("-")[0]):
        try:
            found = Locale.parse(candidate, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
        if found.language in LANGUAGES:
            return found
    return ENGLISH


class Language:
    """Says things as a locale does. `zone` is the time zone that dates are told in."""

    def __init__(self, locale: Locale, zone: ZoneInfo) -> None:
        self.locale, self._zone = locale, zone
        self._sentences = _sentences_of(locale.language)

    @property
    def tag(self) -> str:
        """As in a header or in HTML: `de-AT`."""
        return str(self.locale).replace("_", "-")

    @property
    def right_to_left(self) -> bool:
        return bool(self.locale.text_direction == "rtl")

    def sentence(self, text: str) -> str:
        """A sentence without values."""
        return self._sentences.gettext(text)

    def money(self, money: Money) -> str:
        """An amount with the decimals that its currency has: what the CLDR rounds for shops is not rounded here."""
        digits = minor_digits(money.currency)
        pattern = copy.copy(self.locale.currency_formats["standard"])
        pattern.frac_prec = (digits, digits)
        amount = Decimal(money.amount).scaleb(-digits)
        return str(pattern.apply(amount, self.locale, currency=money.currency, currency_digits=False))

    def quantity(self, quantity: int, unit: str) -> str:
        """So many of a unit: `3 ×`, `500 g`, `2 case`."""
        if unit in UNITS:
            return format_unit(quantity, UNITS[unit], "short", locale=self.locale)
        number = format_decimal(quantity, locale=self.locale)
        return f"{number} ×" if unit == "each" else f"{number} {unit}"

    def date(self, instant: datetime) -> str:
        return format_date(instant.astimezone(self._zone).date(), "long", locale=self.locale)

    def list(self, items: Sequence[str]) -> str:
        """Several things in one sentence: `A, B and C`."""
        return format_list(items, locale=self.locale)

    def translator(self) -> Any:
        """What templates call as `_`: a sentence with its values, escaped where the template is HTML."""

        @pass_eval_context
        def translate(context: EvalContext, text: str, **values: object) -> str:
            sentence = self.sentence(text)
            shown = {name: self.apart(str(value), context.autoescape) for name, value in values.items()}
            return (Markup(sentence) if context.autoescape else sentence) % shown  # noqa: S704 - ours, nobody typed it

        return translate

    def apart(self, value: str, html: bool) -> str:
        """A value that keeps its own direction within a sentence: a number in Latin letters in an Arabic one."""
        if html:
            return Markup("<bdi>{}</bdi>").format(value)
        return f"{ISOLATE}{value}{POP_ISOLATE}" if self.right_to_left else value
