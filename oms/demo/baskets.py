"""Baskets of a till as orders of a channel (in cents, as the till counts), and the count of what was mapped, set aside and why.

Every cent that the till recorded ends in an order's total or in `Tally.aside`; every line is counted under exactly one
kind. Nothing is sent from here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from contracts.channel import (
    ChannelCharge,
    ChannelCustomer,
    ChannelLine,
    ChannelOrder,
    ChannelParty,
    ChannelShipGroup,
    ChannelTender,
)
from contracts.money import CaptureTime, ChargeKind, ExternalState, RefundExecutor, TenderMethod
from contracts.order import ShortagePolicy
from oms.demo.kinds import Kind, kind_of
from oms.demo.people import draw, person
from oms.demo.till import Till, TillBasket, TillLine

__all__ = [
    "CHANNEL_ACCOUNT",
    "CURRENCY",
    "SELLER",
    "SHIP_GROUP",
    "STORES_WITH_STOCK",
    "WAREHOUSES",
    "Tally",
    "by_card",
    "home_location",
    "millilitres",
    "next_orders",
    "to_order",
    "unit_price",
]

CHANNEL_ACCOUNT = "complete-journey"
SELLER = "journey-grocers"
CURRENCY = "USD"
SHIP_GROUP = "home"

ORDERED = frozenset({Kind.GOODS, Kind.MENDED, Kind.FUEL})
"""Kinds that become lines of an order; a deposit becomes a charge of it, everything else is set aside."""

PICOLITRES_A_MILLIGALLON = 3_785_411_784
"""A US gallon is defined as 3.785411784 litres, so the thousandth that pumps count in is this many picolitres."""
PICOLITRES_A_MILLILITRE = 1_000_000_000

INVOICED_OF = 4
"""Of so many households one pays by invoice."""
CARD_OF = 4
"""Of so many of the others one pays by card at the payment sandbox; for the rest the channel has secured the money."""

CARDS = ("tok_visa", *["tok_ok"] * 6, "tok_webhook_twice", "tok_webhook_out_of_order", "tok_webhook_lost")
"""The cards that households have, by lot: all go well, and of some the sandbox tells in odd ways."""
NO_BACKORDER_OF = 8
"""Of so many households one does not wait: what is short of its orders is cancelled."""

WAREHOUSES = ("WH-EAST", "WH-NORTH", "WH-SOUTH", "WH-WEST")
STORES_WITH_STOCK = {367: "STORE-367", 406: "STORE-406"}
"""The two busiest stores ship from their own shelves; each other store is served by a warehouse."""
FUEL_DEPOT = "DEPOT-FUEL"


@dataclass(slots=True)
class Tally:
    """What became of baskets, lines and cents. Counts add up over any number of baskets."""

    baskets: int = 0
    orders: int = 0
    without_goods: int = 0
    lines: Counter[Kind] = field(default_factory=Counter)
    cents: Counter[Kind] = field(default_factory=Counter)
    ordered: int = 0
    discounts: int = 0
    coupons: int = 0
    coupons_over: int = 0

    @property
    def aside(self) -> int:
        """Cents of lines that are in no order."""
        return self.cents.total() - self.ordered


def millilitres(milligallons: int) -> int:
    """Thousandths of a US gallon in whole millilitres, halves up."""
    return (milligallons * PICOLITRES_A_MILLIGALLON + PICOLITRES_A_MILLILITRE // 2) // PICOLITRES_A_MILLILITRE


def home_location(store_id: int, unit: str) -> str:
    """The stock location that serves a store's customers: for fuel the depot, else its own shelf or a warehouse."""
    if unit == "ml":
        return FUEL_DEPOT
    return STORES_WITH_STOCK.get(store_id) or WAREHOUSES[store_id % len(WAREHOUSES)]


def next_orders(till: Till, start: int, count: int, tally: Tally) -> Iterator[tuple[TillBasket, ChannelOrder]]:
    """The next `count` baskets from position `start` that hold goods, as orders; every basket read is tallied."""
    for basket in till.baskets(start):
        if tally.orders >= count:
            return
        order = to_order(basket, tally)
        if order is not None:
            yield basket, order


def to_order(basket: TillBasket, tally: Tally) -> ChannelOrder | None:
    """The basket as the channel would publish it, or None when nothing in it can be ordered; counted in `tally`."""
    sorted_lines = [(kind_of(line), line) for line in basket.lines]
    tally.baskets += 1
    for kind, line in sorted_lines:
        tally.lines[kind] += 1
        tally.cents[kind] += line.sales
    coupons = sum(line.coupon for line in basket.lines)
    if not any(kind in ORDERED for kind, _ in sorted_lines):
        tally.without_goods += 1
        tally.coupons_over += coupons
        return None
    order = _order(basket, sorted_lines, coupons)
    _count_order(tally, order, coupons)
    return order


def _count_order(tally: Tally, order: ChannelOrder, coupons: int) -> None:
    taken = sum(tender.amount for tender in order.tenders if tender.method is TenderMethod.COUPON)
    tally.orders += 1
    tally.ordered += order.total or 0
    tally.discounts -= sum(charge.amount for line in order.lines for charge in line.charges)
    tally.coupons += taken
    tally.coupons_over += coupons - taken


def _order(basket: TillBasket, sorted_lines: list[tuple[Kind, TillLine]], coupons: int) -> ChannelOrder:
    who = person(basket.household_id)
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
    total = sum(line.sales for kind, line in sorted_lines if kind in ORDERED or kind is Kind.DEPOSIT)
    waits = draw(NO_BACKORDER_OF, "no backorder", basket.household_id) > 0
    return ChannelOrder(
        channel_account=CHANNEL_ACCOUNT,
        external_id=str(basket.basket_id),
        channel="web",
        seller=SELLER,
        number=str(basket.basket_id),
        placed_at=basket.bought_at,
        currency=CURRENCY,
        customer=ChannelCustomer(issuer=CHANNEL_ACCOUNT, id=who.customer_id),
        buyer=party,
        lines=tuple(_line(place, kind, line) for place, (kind, line) in enumerate(sorted_lines, 1) if kind in ORDERED),
        ship_groups=(ChannelShipGroup(group=SHIP_GROUP, ship_to=party),),
        charges=tuple(_deposit(line) for kind, line in sorted_lines if kind is Kind.DEPOSIT),
        tenders=_tenders(basket, total, coupons),
        total=total,
        shortage_policy=ShortagePolicy.BACKORDER if waits else ShortagePolicy.CANCEL_LINE,
    )


def _deposit(line: TillLine) -> ChannelCharge:
    return ChannelCharge(kind=ChargeKind.DEPOSIT, amount=line.sales, code=f"P{line.product.product_id}")


def _line(place: int, kind: Kind, line: TillLine) -> ChannelLine:
    """A line at its price on the shelf; what the card and the store's match took off are discounts of the merchant."""
    shelf = line.sales + line.retail + line.match
    fuel = kind is Kind.FUEL
    quantity = millilitres(line.quantity) if fuel else max(line.quantity, 1)
    return ChannelLine(
        line_id=str(place),
        sku=f"P{line.product.product_id}",
        description=_description(line),
        quantity=quantity,
        unit="ml" if fuel else "each",
        ordered_quantity=line.quantity if fuel else None,
        ordered_unit="gal/1000" if fuel else None,
        unit_price=unit_price(shelf, quantity, 1_000 if fuel else 1),
        price_basis="1000" if fuel else "1",
        amount=shelf,
        charges=_discounts(line),
    )


def _description(line: TillLine) -> str:
    product = line.product
    words = (product.type or product.category or f"{product.department} article").capitalize()
    return f"{words}, {product.package_size}" if product.package_size else words


def unit_price(cents: int, quantity: int, basis: int) -> str:
    """Dollars for `basis` units, to a hundredth of a cent: what a price tag says. The line's amount is the truth."""
    price = Decimal(cents * basis) / (100 * quantity)
    return f"{price.quantize(Decimal('0.0001')):f}"


def _discounts(line: TillLine) -> tuple[ChannelCharge, ...]:
    given = (("loyalty-card", line.retail), ("coupon-match", line.match))
    return tuple(ChannelCharge(kind=ChargeKind.DISCOUNT, amount=-cents, code=code) for code, cents in given if cents)


def _tenders(basket: TillBasket, total: int, coupons: int) -> tuple[ChannelTender, ...]:
    """The manufacturers pay for coupons first, up to the whole order; the customer pays the rest."""
    by_coupon = min(coupons, total)
    tenders = []
    if by_coupon:
        reference = f"coupons-{basket.basket_id}"
        tenders.append(ChannelTender(method=TenderMethod.COUPON, amount=by_coupon, rank=0, reference=reference))
    if total > by_coupon:
        tenders.append(_customer_tender(basket, total - by_coupon))
    return tuple(tenders)


def _customer_tender(basket: TillBasket, amount: int) -> ChannelTender:
    if draw(INVOICED_OF, "invoiced", basket.household_id) == 0:
        reference = f"PO-{basket.basket_id}"
        return ChannelTender(method=TenderMethod.INVOICE, amount=amount, rank=1, reference=reference)
    if draw(CARD_OF, "card", basket.household_id) == 0:
        return by_card(amount, CARDS[draw(len(CARDS), "token", basket.household_id)], str(basket.basket_id))
    return ChannelTender(
        method=TenderMethod.EXTERNAL,
        amount=amount,
        rank=1,
        capture=CaptureTime.BY_CHANNEL,
        reference=f"till-{basket.basket_id}",
        state=ExternalState.AUTHORIZED,
        refunds_by=RefundExecutor.CHANNEL,
    )


def by_card(amount: int, token: str, order: str) -> ChannelTender:
    """What a card pays; the token says what the sandbox does, and whose card it is."""
    return ChannelTender(method=TenderMethod.CARD, amount=amount, rank=1, reference=f"{token}:{order}")
