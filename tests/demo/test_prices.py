"""Households pay in three kinds of currency, with tax inside or on top, and every sum stays exact."""

from __future__ import annotations

import pytest

from contracts.channel import ChannelOrder
from oms.demo.baskets import Tally, next_orders
from oms.demo.people import person
from oms.demo.prices import DINARS, DOLLARS, YEN, Tariff, priced, tariff_of
from oms.demo.till import Till

TENNESSEE = DOLLARS._replace(jurisdiction="US-TN", percent=4)


@pytest.fixture(scope="module")
def orders() -> list[ChannelOrder]:
    return [order for _, order in next_orders(Till(), 0, 300, Tally())]


def sum_of(order: ChannelOrder) -> int:
    on_top = sum(tax.amount for line in order.lines if not line.tax_included for tax in line.taxes)
    charges = [charge.amount for line in order.lines for charge in line.charges] + [c.amount for c in order.charges]
    return sum(line.amount for line in order.lines) + sum(charges) + on_top


@pytest.mark.parametrize("tariff", [DOLLARS, TENNESSEE, YEN, DINARS])
def test_total_and_tenders_are_what_the_lines_add_up_to(orders: list[ChannelOrder], tariff: Tariff) -> None:
    for order in orders:
        paid = priced(order, tariff)
        assert paid.total == sum_of(paid) == sum(tender.amount for tender in paid.tenders)
        assert (paid.currency, len(paid.lines)) == (tariff.currency, len(order.lines))


def test_a_cent_is_a_yen_and_three_thousandths_of_a_dinar(orders: list[ChannelOrder]) -> None:
    cents = orders[0].total or 0

    assert (priced(orders[0], YEN).total, priced(orders[0], DINARS).total) == (cents, 3 * cents)
    assert (orders[0].lines[0].unit_price, priced(orders[0], YEN).lines[0].unit_price) == ("0.5000", "50.0000")


def test_tax_lies_inside_the_price_or_comes_on_top(orders: list[ChannelOrder]) -> None:
    (inside,), (on_top,) = (priced(orders[0], tariff).lines[0].taxes for tariff in (YEN, TENNESSEE))

    assert (inside.base, inside.amount, inside.rate) == (46, 4, "0.08")
    assert (on_top.base, on_top.amount, on_top.rate, on_top.jurisdiction) == (50, 2, "0.04", "US-TN")


def test_most_households_pay_in_dollars_and_each_always_in_the_same_currency() -> None:
    tariffs = [tariff_of(household, person(household).region) for household in range(1, 2_470)]
    currencies = [tariff.currency for tariff in tariffs]

    assert {"JPY", "KWD"} < set(currencies)
    assert currencies.count("USD") > 0.85 * len(currencies)
    assert tariffs == [tariff_of(household, person(household).region) for household in range(1, 2_470)]
