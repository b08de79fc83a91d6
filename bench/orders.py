"""What is ordered while measuring: synthetic orders of three lines, and real baskets, both as a channel publishes them.

The contract is the demonstration's in full: buyer and recipient to be sealed, taxes, discounts, a ship group, tenders,
and a sourcing decision among several locations. Stock is there in plenty, so that no order waits for goods; nobody pays
by card, since what a provider outside costs is not what is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.channel import (
    ChannelCharge,
    ChannelCustomer,
    ChannelLine,
    ChannelOrder,
    ChannelParty,
    ChannelShipGroup,
    ChannelTax,
    ChannelTender,
)
from contracts.inventory import ReceiveStock
from contracts.money import CaptureTime, ChargeKind, ExternalState, RefundExecutor, TenderMethod
from oms.demo.baskets import CHANNEL_ACCOUNT, SELLER, SHIP_GROUP, WAREHOUSES, Tally, home_location, next_orders
from oms.demo.people import draw, person
from oms.demo.prices import priced, tariff_of
from oms.demo.till import Till

__all__ = ["HOT", "LINES", "Shop", "baskets", "hot", "long", "synthetic"]

LINES = 3
HOT = "B-HOT"
"""The article that half of all lines are of."""
ARTICLES = 600
"""Articles that synthetic orders draw from; each lies in all warehouses."""
CUSTOMERS = 2_000
PLENTY = 1_000_000_000
"""Of each article at each of its locations: more than any run asks for."""
PLACED_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TAX_PERCENT = 4


@dataclass(frozen=True, slots=True)
class Shop:
    """Orders, in the order in which they are sent, and the goods that have to be there before."""

    orders: Sequence[ChannelOrder]
    goods: Sequence[ReceiveStock]


def synthetic(count: int, run: str) -> Shop:
    """`count` orders of three lines each; `run` tells them from those of other runs on the same installation."""
    goods = [_receipt(f"B{number}", "each", place) for number in range(ARTICLES) for place in WAREHOUSES]
    return Shop([_synthetic(f"{run}-{number}") for number in range(count)], goods)


def hot(count: int, run: str) -> Shop:
    """As `synthetic`, but one line of two is of one and the same article: one and two of three, by turns."""
    shop = synthetic(count, run)
    orders = [_with_hot_lines(order, 1 + number % 2) for number, order in enumerate(shop.orders)]
    return Shop(orders, [*shop.goods, *(_receipt(HOT, "each", place) for place in WAREHOUSES)])


def _with_hot_lines(order: ChannelOrder, lines: int) -> ChannelOrder:
    """The first `lines` of three lines are of the one article."""
    of_it = tuple(line.model_copy(update={"sku": HOT}) for line in order.lines[:lines])
    return order.model_copy(update={"lines": (*of_it, *order.lines[lines:])})


def long(lines: int, run: str) -> Shop:
    """One order of so many lines, each of an article of its own."""
    articles = [(f"L{number}", number) for number in range(lines)]
    goods = [_receipt(sku, "each", place) for sku, _ in articles for place in WAREHOUSES]
    return Shop([_order(run, articles)], goods)


def baskets(count: int, till: Till) -> Shop:
    """The first `count` baskets of the year that hold goods."""
    orders, goods = [], dict[tuple[str, str], ReceiveStock]()
    for basket, order in next_orders(till, 0, count, Tally()):
        orders.append(_without_cards(priced(order, tariff_of(basket.household_id, person(basket.household_id).region))))
        for line in order.lines:
            place = home_location(basket.store_id, line.unit)
            goods[line.sku, place] = _receipt(line.sku, line.unit, place)
    return Shop(orders, list(goods.values()))


def _receipt(sku: str, unit: str, location: str) -> ReceiveStock:
    return ReceiveStock(sku=sku, location=location, quantity=PLENTY, unit=unit, document=f"bench-{location}")


def _without_cards(order: ChannelOrder) -> ChannelOrder:
    tenders = [
        _paid_at_the_channel(tender.amount, order.external_id) if tender.method is TenderMethod.CARD else tender
        for tender in order.tenders
    ]
    return order.model_copy(update={"tenders": tuple(tenders)})


def _paid_at_the_channel(amount: int, order: str) -> ChannelTender:
    return ChannelTender(
        method=TenderMethod.EXTERNAL,
        amount=amount,
        rank=1,
        capture=CaptureTime.BY_CHANNEL,
        reference=f"till-{order}",
        state=ExternalState.AUTHORIZED,
        refunds_by=RefundExecutor.CHANNEL,
    )


def _synthetic(name: str) -> ChannelOrder:
    """No article comes twice in it."""

    def article(place: int) -> int:
        return draw(ARTICLES // LINES, "article", name, place) * LINES + place - 1

    return _order(name, [(f"B{article(place)}", article(place)) for place in range(1, LINES + 1)])


def _order(name: str, articles: Sequence[tuple[str, int]]) -> ChannelOrder:
    """An order of a line for each of these articles, by SKU and number."""
    who = person(draw(CUSTOMERS, "customer", name))
    party = ChannelParty(
        name=who.name,
        address_lines=(who.street,),
        city=who.city,
        postcode=who.postcode,
        region=who.region,
        country=who.country,
        email=who.email,
        phone=who.phone,
    )
    lines = tuple(_line(name, place, *article) for place, article in enumerate(articles, 1))
    total = sum(
        line.amount + sum(each.amount for each in line.charges) + sum(tax.amount for tax in line.taxes)
        for line in lines
    )
    return ChannelOrder(
        channel_account=CHANNEL_ACCOUNT,
        external_id=name,
        channel="web",
        seller=SELLER,
        number=name,
        placed_at=PLACED_AT,
        currency="USD",
        customer=ChannelCustomer(issuer=CHANNEL_ACCOUNT, id=who.customer_id),
        buyer=party,
        lines=lines,
        ship_groups=(ChannelShipGroup(group=SHIP_GROUP, ship_to=party),),
        tenders=(_paid_at_the_channel(total, name),),
        total=total,
    )


def _line(order: str, place: int, sku: str, article: int) -> ChannelLine:
    """A line of one to three pieces, with a tenth off and a tax on top."""
    quantity, price = 1 + draw(3, "quantity", order, place), 199 + 10 * (article % 100)
    amount, off = quantity * price, -(quantity * price // 10)
    base = amount + off
    tax = ChannelTax(
        jurisdiction="US-TN", rate=f"0.0{TAX_PERCENT}", base=base, amount=(2 * base * TAX_PERCENT + 100) // 200
    )
    return ChannelLine(
        line_id=str(place),
        sku=sku,
        description=f"Article {article}, made up",
        quantity=quantity,
        unit_price=f"{price / 100:.4f}",
        price_basis="1",
        amount=amount,
        charges=(ChannelCharge(kind=ChargeKind.DISCOUNT, amount=off, code="loyalty-card"),),
        taxes=(tax,),
    )
