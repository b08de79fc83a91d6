"""The Serial Shipping Container Code: 18 digits that name one package, unique for at least 12 months.

Source: GS1 General Specifications, SSCC (application identifier 00) and the standard check digit calculation. An
extension digit and a serial reference stand around the company prefix; a series has every number that they allow.
"""

from __future__ import annotations

__all__ = ["COMPANY_PREFIX", "check_digit", "series_size", "sscc"]

COMPANY_PREFIX = "9521234"
"""The company prefix that packages are numbered under; 952 is reserved by GS1 for examples."""

BODY_DIGITS = 17
"""Digits before the check digit: extension digit, company prefix, serial reference."""


def series_size(company_prefix: str) -> int:
    """How many packages a company prefix (4 to 12 digits) can number before numbers come again.

    Raises ValueError for what is no company prefix.
    """
    if not (company_prefix.isascii() and company_prefix.isdigit() and 4 <= len(company_prefix) <= 12):
        raise ValueError(f"a GS1 company prefix has 4 to 12 digits, not {company_prefix!r}")
    return int(10 ** (BODY_DIGITS - len(company_prefix)))


def sscc(company_prefix: str, number: int) -> str:
    """The SSCC of the `number`-th package of a series: extension digit first, then prefix, serial and check digit."""
    digits = str(number % series_size(company_prefix)).zfill(BODY_DIGITS - len(company_prefix))
    body = f"{digits[0]}{company_prefix}{digits[1:]}"
    return f"{body}{check_digit(body)}"


def check_digit(body: str) -> int:
    """The GS1 check digit: digits weigh 3 and 1 in turn, from the right; the sum is filled up to a multiple of 10."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return -total % 10
