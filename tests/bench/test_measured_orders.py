"""What is measured is the whole life of whole orders: placed, sourced, paid, shipped, delivered, captured, invoiced."""

from __future__ import annotations

import pytest

from bench.in_memory import Services
from bench.orders import PLACED_AT, Shop, baskets, synthetic
from contracts.fulfillment import HandedOver
from contracts.inventory import StockReserved
from contracts.order import HoldPlaced, OrderCancelled, OrderCompleted, OrderConfirmed, SourcingDecided
from contracts.payments import PaymentAuthorized, PaymentCaptured
from contracts.payments.invoices import InvoiceIssued
from contracts.shipping import Delivered, LabelIssued
from oms.demo.till import Till

ORDERS = 5


@pytest.fixture(scope="module", params=["synthetic", "baskets"])
def shop(request: pytest.FixtureRequest) -> Shop:
    return synthetic(ORDERS, "spec") if request.param == "synthetic" else baskets(ORDERS, Till())


def test_every_order_comes_to_its_end_and_none_is_held(shop: Shop) -> None:
    # given the goods, when the orders are sent and whoever is outside reports what they see
    services = Services(PLACED_AT)
    services.bring(shop)
    services.order(shop)
    # then each of them goes all the way
    for event in (OrderConfirmed, SourcingDecided, PaymentAuthorized, PaymentCaptured, InvoiceIssued, OrderCompleted):
        assert services.written[event.TYPE] == ORDERS, event.TYPE
    for parcel in (HandedOver, LabelIssued, Delivered):
        assert services.written[parcel.TYPE] >= ORDERS, parcel.TYPE
    assert services.written[StockReserved.TYPE] == sum(len(order.lines) for order in shop.orders)
    assert services.written[HoldPlaced.TYPE] == services.written[OrderCancelled.TYPE] == 0


def test_an_order_is_what_a_channel_sends_in_full(shop: Shop) -> None:
    for order in shop.orders:
        assert order.buyer is not None
        assert [group.ship_to for group in order.ship_groups] == [order.buyer]
        assert order.tenders
    assert any(line.charges for order in shop.orders for line in order.lines)


def test_synthetic_orders_are_taxed_and_could_come_from_several_places() -> None:
    shop = synthetic(ORDERS, "spec")
    assert all(line.taxes for order in shop.orders for line in order.lines)
    wanted = {line.sku for order in shop.orders for line in order.lines}
    assert min(len([each for each in shop.goods if each.sku == sku]) for sku in wanted) > 1
