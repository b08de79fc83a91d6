"""Amounts in minor units: what reaches the merchant's account, by the central bank's rates, and what is kept as fee."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache

from currency_converter import CurrencyConverter, RateNotFoundError

__all__ = ["Settled", "decimal_text", "fee", "settle"]

FEE_PER_MILLE = 14
FEE_FIXED = 25
"""Minor units of the account's currency, for each charge."""

RATE_DIGITS = Decimal("0.00000001")
DAYS_BACK_MAX = 10
"""How long before a day the rate may be from: no bank rests longer."""

WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF"}
)
THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


@dataclass(frozen=True)
class Settled:
    """What an amount is in the account's currency, and whose rate of which day made it so."""

    amount: int
    currency: str
    rate: str
    source: str


def _digits(currency: str) -> int:
    return 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2


def decimal_text(amount: int, currency: str) -> str:
    """An amount as a settlement file writes it: 1050 EUR is 10.50."""
    return f"{Decimal(amount).scaleb(-_digits(currency)):f}"


def fee(settled: int) -> int:
    """What is kept of a charge that settles at `settled`: 1.4 per cent, rounded down, and a fixed part."""
    return settled * FEE_PER_MILLE // 1000 + FEE_FIXED


def settle(amount: int, currency: str, account_currency: str, day: date) -> Settled:
    """`amount` in the account's currency; one that the central bank gives no rate of stays as it is."""
    if currency == account_currency:
        return Settled(amount, currency, "1", "same currency")
    found = _rate(currency, account_currency, day)
    if found is None:
        return Settled(amount, currency, "1", "no rate: settled as it is")
    rate, of = found
    minor = Decimal(amount) * rate * Decimal(10) ** (_digits(account_currency) - _digits(currency))
    settled = int(minor.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    return Settled(settled, account_currency, f"{rate.normalize():f}", f"ECB {of.isoformat()}")


def _rate(currency: str, account_currency: str, day: date) -> tuple[Decimal, date] | None:
    rates = _history()
    if not {currency, account_currency} <= rates.currencies:
        return None
    last = min(rates.bounds[one].last_date for one in (currency, account_currency) if one != "EUR")
    for back in range(DAYS_BACK_MAX):
        of = min(day, last) - timedelta(days=back)
        try:
            rate = rates.convert(1, currency, account_currency, date=of)
        except RateNotFoundError:
            continue  # no rate that day, as on every weekend: the day before
        return Decimal(rate).quantize(RATE_DIGITS), of
    return None


@cache
def _history() -> CurrencyConverter:
    """Read when the first foreign payment comes: it takes a moment and some memory."""
    return CurrencyConverter(decimal=True)
