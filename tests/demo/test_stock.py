"""The stock of a run: everything asked for comes, and enough of it too late."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from oms.demo.baskets import Tally, home_location, next_orders
from oms.demo.stock import LineDemand, Receipt, StockPlan, Supplied, plan_stock
from oms.demo.till import Till


def demands(start: int, orders: int) -> list[LineDemand]:
    found = next_orders(Till(), start, orders, Tally())
    return [
        LineDemand(
            order.external_id,
            place // 100,
            line.sku,
            line.quantity,
            line.unit,
            home_location(basket.store_id, line.unit),
        )
        for place, (basket, order) in enumerate(found)
        for line in order.lines
    ]


def everything(plan: StockPlan) -> list[Receipt]:
    return [*plan.opening, *(late.receipt for late in plan.late)]


@pytest.fixture(scope="module")
def asked() -> list[LineDemand]:
    return demands(0, 2_000)


@pytest.fixture(scope="module")
def plan(asked: list[LineDemand]) -> StockPlan:
    return plan_stock("run-0", asked)


def test_at_least_one_line_in_twenty_is_short_however_they_are_served(plan: StockPlan) -> None:
    assert plan.lines == 20_654
    assert plan.short_lines * 20 >= plan.lines


@pytest.mark.parametrize(("start", "orders"), [(2_014, 2_000), (80_000, 300)])
def test_later_and_smaller_runs_are_short_too(start: int, orders: int) -> None:
    plan = plan_stock(f"run-{start}", demands(start, orders))

    assert plan.short_lines * 20 >= plan.lines


def test_what_is_delivered_is_what_is_asked_for(asked: list[LineDemand], plan: StockPlan) -> None:
    wanted: Counter[str] = Counter()
    for demand in asked:
        wanted[demand.sku] += demand.quantity
    delivered: Counter[str] = Counter()
    for receipt in everything(plan):
        delivered[receipt.sku] += receipt.quantity

    assert delivered == wanted


def test_at_least_five_locations_hold_stock(plan: StockPlan) -> None:
    assert len({receipt.location for receipt in plan.opening}) >= 5


def test_every_article_is_known_from_the_start_and_in_one_unit(asked: list[LineDemand], plan: StockPlan) -> None:
    units = defaultdict(set)
    for receipt in everything(plan):
        units[receipt.sku].add(receipt.unit)

    assert {receipt.sku for receipt in plan.opening} == {demand.sku for demand in asked}
    assert all(len(found) == 1 for found in units.values())


def test_a_late_delivery_waits_for_orders_of_its_own_article(asked: list[LineDemand], plan: StockPlan) -> None:
    orders = defaultdict(set)
    for demand in asked:
        orders[demand.sku].add(demand.order)

    assert plan.late
    assert all(late.orders and late.orders <= orders[late.receipt.sku] for late in plan.late)


def test_a_late_delivery_comes_where_its_article_was_known(plan: StockPlan) -> None:
    known = {(receipt.sku, receipt.location) for receipt in plan.opening}

    assert {(late.receipt.sku, late.receipt.location) for late in plan.late} <= known


def test_a_delivery_brings_an_article_once_and_to_one_location(plan: StockPlan) -> None:
    documents = [(receipt.document, receipt.sku) for receipt in everything(plan)]
    places = defaultdict(set)
    for receipt in everything(plan):
        places[receipt.document].add(receipt.location)

    assert len(documents) == len(set(documents))
    assert all(len(found) == 1 for found in places.values())


def test_the_same_orders_give_the_same_plan(asked: list[LineDemand], plan: StockPlan) -> None:
    assert plan_stock("run-0", asked) == plan


@pytest.mark.parametrize(
    ("supplied", "opening", "late", "awaited"),
    [
        (Supplied.LATE, {"WH-WEST": 1}, 2, 0),
        (Supplied.NEVER, {"WH-WEST": 1}, 0, 2),
        (Supplied.TWICE, {"WH-WEST": 3, "WH-EAST": 3}, 0, 0),
        (Supplied.SPLIT, {"WH-WEST": 1, "WH-EAST": 2}, 0, 0),
    ],
)
def test_what_one_line_alone_asks_for_is_there_as_its_turn_needs_it(
    supplied: Supplied, opening: dict[str, int], late: int, awaited: int
) -> None:
    plan = plan_stock("run-0", [LineDemand("o-1", 0, "P1", 3, "each", "WH-WEST", supplied)])

    assert {receipt.location: receipt.quantity for receipt in plan.opening} == opening
    assert sum(each.receipt.quantity for each in plan.late) == late
    assert sum(receipt.quantity for receipt in plan.awaited) == awaited
