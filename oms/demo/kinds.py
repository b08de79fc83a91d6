"""What a line of a basket is, by its product type: goods, fuel, coupon, deposit, kiosk, keyed amount, or nothing.

A table and one function. What is done with each kind is `baskets.py`.
"""

from __future__ import annotations

from enum import StrEnum

from oms.demo.till import TillLine

__all__ = ["Kind", "kind_of"]


class Kind(StrEnum):
    """What a line is.

    goods: things in pieces, on a shelf. mended: the same, recorded with an amount and no quantity: taken as one piece.
    fuel: pumped, in thousandths of a US gallon. deposit: for bottles, a charge. coupon: a slip without goods.
    kiosk: stored value and services from the desk, done when paid. keyed: an amount typed in without an article.
    void: no quantity, no amount, no coupon.
    """

    GOODS = "goods"
    MENDED = "mended"
    FUEL = "fuel"
    DEPOSIT = "deposit"
    COUPON = "coupon"
    KIOSK = "kiosk"
    KEYED = "keyed"
    VOID = "void"


FUEL_TYPE = "GASOLINE-REG UNLEADED"

KIND_OF_TYPE: dict[str, Kind] = {
    **dict.fromkeys(("BOTTLE DEPOSITS", "CRV DEPOSIT NT/F", "CRV DEPOSIT T/NF"), Kind.DEPOSIT),
    **dict.fromkeys(("COUPONS/STORE & MFG", "COUPON"), Kind.COUPON),
    **dict.fromkeys(
        (
            "AMERICAN EXPRESS GIFT CARD",
            "DEVELOP/ PRINT PROCESSING",
            "DONATIONS",
            "ELECTRONIC GIFT CARDS ACTIVATI",
            "ELECTRONIC GIFT CARDS REFRESH",
            "FTD SERVICE CHARGES",
            "KODAK COPY PRINT STATION",
            "MASTERCARD GIFT CARD",
            "MISC CARRIER",
            "MMK DOWNLOAD",
            "ONE HOUR PROCESSING",
            "OUTSIDE VENDORS GIFT CARDS",
            "OVERNIGHT PROCESSING",
            "PHONE CARDS",
            "PREPAID WIRELESS CARDS",
            "TICKETS",
            "TMOBILE",
            "VIDEO RENTALS",
        ),
        Kind.KIOSK,
    ),
    **dict.fromkeys(
        (
            "CENTRAL SUPPLIES",
            "FLORAL DEPT KEY RING",
            "MEAT SUPPLIES",
            "MISC SALES TRANS",
            "PRODUCE DEPT KEY RING",
        ),
        Kind.KEYED,
    ),
}
"""Product types that are not goods. A type that is not here is goods; so is a listed product without a type."""

FUEL_PREPAID_QUANTITY = 1
"""Fuel paid in advance at the kiosk is recorded as one piece of a round amount; pumped fuel never is."""


def kind_of(line: TillLine) -> Kind:
    """What the line is; every line is exactly one kind."""
    if line.quantity <= 0 and line.sales == 0:
        return Kind.COUPON if line.coupon > 0 else Kind.VOID
    if line.product.type == FUEL_TYPE:
        return Kind.FUEL if line.quantity > FUEL_PREPAID_QUANTITY else Kind.KIOSK
    if not line.product.listed:
        return Kind.KEYED
    kind = KIND_OF_TYPE.get(line.product.type, Kind.GOODS)
    return Kind.MENDED if kind is Kind.GOODS and line.quantity <= 0 else kind
