"""In which currency a household pays, and what of it is tax: the till's cents become an order's minor units.

The data is American and without taxes. So that there are currencies of no, two and three decimals, some households pay
a whole number of minor units for each cent, which leaves every sum exact. Taxes are made up as the names are.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from contracts.channel import ChannelCharge, ChannelLine, ChannelOrder, ChannelTax
from oms.demo.people import draw

__all__ = ["Tariff", "priced", "tariff_of"]

FOREIGN_OF = 20
"""Of so many households one pays in yen, and another in dinars."""


class Tariff(NamedTuple):
    """A currency, how many of its minor units stand for a cent of the till, the rate of its main unit to the dollar, and
    the tax: on top of the lines' amounts, or inside them, where anything is taxed."""

    currency: str
    a_cent: int
    a_dollar: Decimal
    jurisdiction: str = ""
    percent: int = 0
    tax_included: bool = False


DOLLARS = Tariff("USD", 1, Decimal(1))
YEN = Tariff("JPY", 1, Decimal(100), "JP", 8, tax_included=True)
DINARS = Tariff("KWD", 3, Decimal("0.3"))
FOREIGN = {0: YEN, 1: DINARS}

TAXED_REGIONS = {"TN": 4}
"""Per cent on top of groceries: most of the regions that customers live in have none."""


def tariff_of(household_id: int, region: str) -> Tariff:
    """How a household pays."""
    foreign = FOREIGN.get(draw(FOREIGN_OF, "currency", household_id))
    if foreign is not None:
        return foreign
    if region in TAXED_REGIONS:
        return DOLLARS._replace(jurisdiction=f"US-{region}", percent=TAXED_REGIONS[region])
    return DOLLARS


def priced(order: ChannelOrder, tariff: Tariff) -> ChannelOrder:
    """The order (in cents of the till, without taxes) as its customer pays it. The last tender pays the taxes that come
    on top; an order that has no tender costs nothing, and nothing of it is taxed."""
    lines = tuple(_line(line, tariff) for line in order.lines)
    on_top = sum(tax.amount for line in lines if not line.tax_included for tax in line.taxes)
    tenders = [tender.model_copy(update={"amount": tender.amount * tariff.a_cent}) for tender in order.tenders]
    if tenders:
        tenders[-1] = tenders[-1].model_copy(update={"amount": tenders[-1].amount + on_top})
    return order.model_copy(
        update={
            "currency": tariff.currency,
            "lines": lines,
            "charges": tuple(_charge(charge, tariff) for charge in order.charges),
            "tenders": tuple(tenders),
            "total": (order.total or 0) * tariff.a_cent + on_top,
        }
    )


def _line(line: ChannelLine, tariff: Tariff) -> ChannelLine:
    charges = tuple(_charge(charge, tariff) for charge in line.charges)
    amount = line.amount * tariff.a_cent
    base = amount + sum(charge.amount for charge in charges)
    price = Decimal(line.unit_price or 0) * tariff.a_dollar
    return line.model_copy(
        update={
            "amount": amount,
            "unit_price": f"{price.quantize(Decimal('0.0001')):f}",
            "charges": charges,
            "taxes": _taxes(base, tariff),
            "tax_included": tariff.tax_included,
        }
    )


def _charge(charge: ChannelCharge, tariff: Tariff) -> ChannelCharge:
    return charge.model_copy(update={"amount": charge.amount * tariff.a_cent})


def _taxes(base: int, tariff: Tariff) -> tuple[ChannelTax, ...]:
    """What is taxed at all: halves of a minor unit go up."""
    whole = 100 + tariff.percent if tariff.tax_included else 100
    amount = (2 * base * tariff.percent + whole) // (2 * whole)
    if not amount:
        return ()
    rate = f"{Decimal(tariff.percent) / 100:f}"
    net = base - amount if tariff.tax_included else base
    return (ChannelTax(jurisdiction=tariff.jurisdiction, rate=rate, base=net, amount=amount),)
