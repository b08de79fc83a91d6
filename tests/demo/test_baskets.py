"""Baskets of the tills become orders of a channel: nothing is lost, no cent is invented."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from contracts.channel import ChannelOrder
from contracts.money import ChargeKind, TenderMethod
from oms.demo.baskets import Tally, home_location, millilitres, next_orders, to_order
from oms.demo.kinds import Kind, kind_of
from oms.demo.till import Product, Till, TillBasket, TillLine

ALL_BASKETS = 155_848
ALL_LINES = 1_469_307


@pytest.fixture(scope="module")
def till() -> Till:
    return Till()


def product(type_: str = "PRETZELS", *, listed: bool = True) -> Product:
    return Product(17, "GROCERY", "BAG SNACKS", type_, "10 OZ", listed)


def line(
    of: Product | None = None, quantity: int = 1, sales: int = 199, retail: int = 0, coupon: int = 0, match: int = 0
) -> TillLine:
    return TillLine(of or product(), quantity, sales, retail, coupon, match)


def basket(*lines: TillLine) -> TillBasket:
    return TillBasket(0, 31198570044, 900, 330, datetime(2017, 1, 1, 11, 53, 26, tzinfo=UTC), lines)


def adds_up(order: ChannelOrder) -> bool:
    of_lines = sum(line.amount + sum(charge.amount for charge in line.charges) for line in order.lines)
    return order.total == of_lines + sum(c.amount for c in order.charges) == sum(t.amount for t in order.tenders)


@pytest.mark.parametrize(
    ("recorded", "kind"),
    [
        (line(), Kind.GOODS),
        (line(sales=0, retail=299), Kind.GOODS),
        (line(quantity=0, sales=1), Kind.MENDED),
        (line(quantity=0, sales=0), Kind.VOID),
        (line(quantity=0, sales=0, retail=39), Kind.VOID),
        (line(quantity=0, sales=0, coupon=200), Kind.COUPON),
        (line(product("", listed=False), quantity=0, sales=0, coupon=100), Kind.COUPON),
        (line(product("", listed=False), sales=490), Kind.KEYED),
        (line(product("COUPONS/STORE & MFG")), Kind.COUPON),
        (line(product("BOTTLE DEPOSITS")), Kind.DEPOSIT),
        (line(product("OUTSIDE VENDORS GIFT CARDS")), Kind.KIOSK),
        (line(product("MISC SALES TRANS")), Kind.KEYED),
        (line(product("GASOLINE-REG UNLEADED"), quantity=8_725, sales=2_006), Kind.FUEL),
        (line(product("GASOLINE-REG UNLEADED"), quantity=1, sales=1_500), Kind.KIOSK),
    ],
)
def test_a_line_is_what_its_product_type_quantity_and_amount_say(recorded: TillLine, kind: Kind) -> None:
    assert kind_of(recorded) is kind


def test_discounts_are_the_merchants_and_a_coupon_is_a_tender_of_the_manufacturer() -> None:
    # Given two bags for 3.55 after 1.78 off for the card and 0.45 for matching a coupon of 0.55
    order = to_order(basket(line(quantity=2, sales=355, retail=178, coupon=55, match=45)), Tally())

    assert order is not None
    assert order.lines[0].amount == 578
    assert [(c.kind, c.amount, c.code) for c in order.lines[0].charges] == [
        (ChargeKind.DISCOUNT, -178, "loyalty-card"),
        (ChargeKind.DISCOUNT, -45, "coupon-match"),
    ]
    assert order.total == 355
    assert (order.tenders[0].method, order.tenders[0].amount) == (TenderMethod.COUPON, 55)
    assert adds_up(order)


def test_fuel_is_millilitres_at_a_price_for_a_thousand() -> None:
    order = to_order(basket(line(product("GASOLINE-REG UNLEADED"), quantity=8_725, sales=2_006, retail=1)), Tally())

    assert order is not None
    fuel = order.lines[0]
    assert (fuel.quantity, fuel.unit) == (33_028, "ml")
    assert (fuel.ordered_quantity, fuel.ordered_unit) == (8_725, "gal/1000")
    assert (fuel.unit_price, fuel.price_basis, fuel.amount) == ("0.6077", "1000", 2_007)


def test_a_gallon_is_3785_millilitres() -> None:
    assert [millilitres(1_000), millilitres(1), millilitres(1_000_000)] == [3_785, 4, 3_785_412]


def test_a_deposit_is_a_charge_and_what_is_no_goods_is_set_aside() -> None:
    tally = Tally()

    order = to_order(
        basket(line(), line(product("BOTTLE DEPOSITS"), sales=45), line(product("TICKETS"), sales=1_000)), tally
    )

    assert order is not None
    assert [(c.kind, c.amount) for c in order.charges] == [(ChargeKind.DEPOSIT, 45)]
    assert (order.total, tally.aside) == (244, 1_000)
    assert adds_up(order)


def test_a_coupon_pays_no_more_than_the_order() -> None:
    tally = Tally()

    order = to_order(basket(line(sales=199, coupon=300)), tally)

    assert order is not None
    assert [t.amount for t in order.tenders] == [199]
    assert (tally.coupons, tally.coupons_over) == (199, 101)


def test_a_basket_without_goods_is_counted_and_not_ordered() -> None:
    tally = Tally()

    assert to_order(basket(line(quantity=0, sales=0, coupon=200)), tally) is None
    assert (tally.baskets, tally.orders, tally.without_goods, tally.coupons_over) == (1, 0, 1, 200)


def test_fuel_comes_from_the_depot_and_goods_from_the_stores_own_shelf_or_its_warehouse() -> None:
    assert {home_location(store, "each") for store in (367, 406, 330, 331, 332, 333)} == {
        "STORE-367", "STORE-406", "WH-EAST", "WH-NORTH", "WH-SOUTH", "WH-WEST",
    }  # fmt: skip
    assert home_location(367, "ml") == "DEPOT-FUEL"


def test_the_next_two_thousand_orders_follow_in_their_order(till: Till) -> None:
    orders = list(next_orders(till, 100_000, 2_000, Tally()))

    assert len(orders) == 2_000
    positions = [recorded.position for recorded, _ in orders]
    assert positions == sorted(positions)
    assert positions[0] >= 100_000


def test_the_same_baskets_are_the_same_bytes(till: Till) -> None:
    first, again = ([order.encode() for _, order in next_orders(till, 500, 50, Tally())] for _ in range(2))

    assert first == again


def test_baskets_come_in_their_order_in_time(till: Till) -> None:
    times = [recorded.bought_at for recorded in islice(till.baskets(), 5_000)]

    assert times == sorted(times)


@pytest.mark.timeout(600)
def test_the_whole_year_adds_up(till: Till) -> None:
    tally, coupons, sales, discounts = Tally(), 0, 0, 0
    for recorded in till.baskets():
        coupons += sum(line.coupon for line in recorded.lines)
        sales += sum(line.sales for line in recorded.lines)
        order = to_order(recorded, tally)
        if order is not None:
            assert adds_up(order), f"basket {recorded.basket_id}"
            ordered = (line for line in recorded.lines if kind_of(line) in {Kind.GOODS, Kind.MENDED, Kind.FUEL})
            discounts += sum(line.retail + line.match for line in ordered)

    assert tally.baskets == len(till) == ALL_BASKETS
    assert tally.lines.total() == till.line_count == ALL_LINES
    assert tally.lines == Counter(
        {
            Kind.GOODS: 1_441_465,
            Kind.FUEL: 13_520,
            Kind.VOID: 5_862,
            Kind.COUPON: 3_386,
            Kind.KIOSK: 3_242,
            Kind.KEYED: 1_757,
            Kind.DEPOSIT: 47,
            Kind.MENDED: 28,
        }
    )
    assert (tally.orders, tally.without_goods) == (153_655, 2_193)
    assert tally.ordered + tally.aside == sales
    assert tally.coupons + tally.coupons_over == coupons
    assert tally.discounts == discounts
