"""What may be wrong with an order that was taken all the same: each finding becomes a hold that shows the difference.

An order is never refused here. Pure functions of its terms; what only shows later (an unknown SKU) is the sagas'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from contracts.money import Money
from contracts.order import HoldKind, OrderLine, OrderTerms, ShipMethod
from services.order.value import LineValue, line_values, tenders_total, totals

__all__ = ["CURRENCIES", "MONEY_HOLDS", "NOT_ACCEPTABLE", "OF_THE_WAY", "SHOWN_LINES_MAX", "Finding", "findings"]

MONEY_HOLDS = frozenset(
    {HoldKind.NOT_POSITIVE, HoldKind.NEGATIVE_AMOUNT, HoldKind.TOTAL_DIFFERS, HoldKind.TENDERS_DIFFER}
)
"""Holds that show a difference in money, which a person may accept as an adjustment."""

NOT_ACCEPTABLE = frozenset({HoldKind.NO_LINES, HoldKind.UNKNOWN_CURRENCY})
"""Holds that show what nobody can do without: the order cannot go on as it is."""

OF_THE_WAY = frozenset(
    {
        HoldKind.MISSING_ADDRESS,
        HoldKind.MISSING_LOCATION,
        HoldKind.MISSING_SKU,
        HoldKind.UNSUPPORTED_METHOD,
        HoldKind.UNKNOWN_SHIP_GROUP,
    }
)
"""Holds that show what goods cannot go their way without; accepted only where none are left to go."""

_ISO_4217 = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF
CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR
SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYI UYU UYW
UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_ISO_4217.split())
"""What an order may be paid in. Source: ISO 4217, list one, without funds, metals and test codes."""

SHOWN_LINES_MAX = 100
"""Lines that a hold shows as those concerned."""


class Finding(NamedTuple):
    """Something that does not add up: what kind, for people, the lines, and the difference where it is money."""

    kind: HoldKind
    detail: str
    lines: tuple[str, ...] = ()
    expected: Money | None = None
    found: Money | None = None


def findings(terms: OrderTerms, gone: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """Everything that does not add up, in a fixed order; empty when the order can go on. Lines that are `gone`, and groups
    that have no other, lack nothing."""
    lines = [line for line in terms.lines if line.line not in gone]
    groups = {line.ship_group for line in terms.lines} - {line.ship_group for line in lines}
    return (*_of_lines(terms, lines), *_of_groups(terms, groups), *_of_money(terms))


def _of_lines(terms: OrderTerms, lines: Sequence[OrderLine]) -> Iterator[Finding]:
    if not terms.lines:
        yield Finding(HoldKind.NO_LINES, "the order has no line; cancel it or ask the channel")
    if wrong := [line for line in lines if line.quantity <= 0]:
        yield _about(HoldKind.NOT_POSITIVE, "a quantity at or below zero cannot be fulfilled", wrong)
    if wrong := [line for line in lines if not line.sku]:
        yield _about(HoldKind.MISSING_SKU, "a line names no SKU", wrong)
    groups = {group.group for group in terms.ship_groups}
    if wrong := [line for line in lines if line.ship_group not in groups]:
        yield _about(HoldKind.UNKNOWN_SHIP_GROUP, "a line names a ship group that the order does not have", wrong)
    values = line_values(terms)
    if wrong := [line for line in lines if line.amount.amount < 0 or _worth(values, line) < 0]:
        yield _about(HoldKind.NEGATIVE_AMOUNT, "a line is worth less than nothing", wrong)


def _worth(values: Mapping[str, LineValue], line: OrderLine) -> int:
    return values[line.line].own if line.line in values else 0


def _about(kind: HoldKind, detail: str, lines: Sequence[OrderLine]) -> Finding:
    return Finding(kind, detail, tuple(line.line for line in lines[:SHOWN_LINES_MAX]))


def _of_groups(terms: OrderTerms, gone: AbstractSet[str]) -> Iterator[Finding]:
    for group in (group for group in terms.ship_groups if group.group not in gone):
        match group.method:
            case ShipMethod.SHIP:
                if group.ship_to is None or group.address_missing:
                    lacking = ", ".join(group.address_missing) or "everything"
                    yield Finding(HoldKind.MISSING_ADDRESS, f"the address of ship group {group.group} lacks {lacking}")
            case ShipMethod.PICKUP | ShipMethod.CARRY_OUT:
                if group.location is None:
                    detail = f"ship group {group.group} ({group.method}) names no location"
                    yield Finding(HoldKind.MISSING_LOCATION, detail)
            case _:
                detail = f"ship group {group.group} wants {group.method}, not yet offered"
                yield Finding(HoldKind.UNSUPPORTED_METHOD, detail)


def _of_money(terms: OrderTerms) -> Iterator[Finding]:
    if terms.currency not in CURRENCIES:
        stated = terms.stated_currency or terms.currency
        yield Finding(HoldKind.UNKNOWN_CURRENCY, f"{stated!r} is not a currency of ISO 4217")
    total = totals(terms).total
    if terms.stated_total is not None and terms.stated_total != total:
        detail = "the channel's total is not the sum of its lines, charges and taxes"
        yield Finding(HoldKind.TOTAL_DIFFERS, detail, expected=terms.stated_total, found=total)
    paid = Money(amount=tenders_total(terms), currency=terms.currency)
    if paid != total:
        yield Finding(HoldKind.TENDERS_DIFFER, "the tenders do not pay the total", expected=total, found=paid)
