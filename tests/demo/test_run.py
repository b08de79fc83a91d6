"""What is decided before anything is sent: who takes which turn, which kits there are, and the stock for all of it."""

from __future__ import annotations

from collections import Counter

import pytest

from contracts.money import TenderMethod
from contracts.order import ShipMethod, ShortagePolicy
from oms.demo.baskets import Tally, next_orders
from oms.demo.kits import kit_sku
from oms.demo.run import Run, prepare
from oms.demo.till import Till
from oms.demo.turns import Turn

CARDS_OF = {
    Turn.DECLINED: {"tok_decline_expired_card", "tok_decline_stolen_card"},
    Turn.SOFT_DECLINED: {"tok_soft_decline_then_ok"},
    Turn.UNKNOWN: {"tok_timeout_after", "tok_error_after"},
}
LAST_BASKET = 155_847


@pytest.fixture(scope="module")
def till() -> Till:
    return Till()


@pytest.fixture(scope="module")
def run(till: Till) -> Run:
    made = prepare(till, 0, 300)
    assert made is not None
    return made


def test_the_same_baskets_are_the_same_run(till: Till, run: Run) -> None:
    assert prepare(till, 0, 300) == run


@pytest.mark.parametrize("start", [0, 2_014, 80_000])
def test_three_orders_at_least_take_each_turn(till: Till, start: int) -> None:
    made = prepare(till, start, 300)

    assert made is not None
    turns = Counter(part.turn for part in made.parts.values())
    assert {turn: turns[turn] for turn in Turn if turns[turn] < 3} == {}


def test_the_year_ends(till: Till) -> None:
    assert prepare(till, LAST_BASKET + 1, 10) is None


def test_a_turn_is_about_articles_that_nobody_else_orders(run: Run) -> None:
    wanted = Counter(line.sku for order in run.orders.values() for line in order.lines)

    assert {wanted[sku] for part in run.parts.values() for sku in part.skus} == {1}
    assert not {sku for part in run.parts.values() for sku in part.skus} & {sku for kit in run.kits for sku in kit}


def test_what_is_bought_together_is_sold_as_one_at_what_both_cost(till: Till, run: Run) -> None:
    bought = {order.external_id: order for _, order in next_orders(till, 0, 300, Tally())}
    of_kit = {kit_sku(kit): kit for kit in run.kits}
    sold = [(order, line) for order in run.orders.values() for line in order.lines if line.sku in of_kit]

    assert (len(of_kit), {order.currency for order, _ in sold} >= {"USD"}) == (3, True)
    for order, kit in sold:
        parts = [line for line in bought[order.external_id].lines if line.sku in of_kit[kit.sku]]
        assert [line.quantity for line in parts] == [kit.quantity] * 2
        assert sum(line.amount for line in parts) * (3 if order.currency == "KWD" else 1) == kit.amount
        assert len(order.lines) == len(bought[order.external_id].lines) - 1


def test_every_order_adds_up_but_those_that_the_channel_rounded(run: Run) -> None:
    rounded = run.taking(Turn.ROUNDED)
    for identifier, order in run.orders.items():
        on_top = sum(tax.amount for line in order.lines if not line.tax_included for tax in line.taxes)
        charges = sum(charge.amount for line in order.lines for charge in line.charges)
        lines = sum(line.amount for line in order.lines)
        whole = lines + charges + on_top + sum(charge.amount for charge in order.charges)
        assert order.total == sum(tender.amount for tender in order.tenders) == whole - (identifier in rounded)


def test_an_order_is_sent_as_its_turn_wants_it(run: Run) -> None:
    def orders(turn: Turn) -> list[tuple[object, ...]]:
        taking = [run.orders[order] for order in run.taking(turn)]
        return [(order.shortage_policy, order.revision, *order.ship_groups) for order in taking]

    assert {policy for policy, *_ in orders(Turn.ALL_OR_NOTHING)} == {ShortagePolicy.CANCEL_ORDER}
    assert {policy for policy, *_ in orders(Turn.NEVER_SUPPLIED)} == {ShortagePolicy.BACKORDER}
    for turn, tokens in CARDS_OF.items():
        paid = [run.orders[order].tenders[-1] for order in run.taking(turn)]
        assert {tender.method for tender in paid} == {TenderMethod.CARD}
        assert {(tender.reference or "").partition(":")[0] for tender in paid} <= tokens
    assert {revision for _, revision, *_ in orders(Turn.REVISED)} == {1}
    for order in run.taking(Turn.TWO_GROUPS):
        assert [group.method for group in run.orders[order].ship_groups] == [ShipMethod.SHIP, ShipMethod.PICKUP]
        assert len({line.ship_group for line in run.orders[order].lines}) == 2
    assert all(run.orders[order].ship_groups[0].complete for order in run.taking(Turn.BROKEN))
    assert not any(run.orders[order].ship_groups[0].ship_to for order in run.taking(Turn.NO_ADDRESS))
    for order in run.taking(Turn.CARRIED_OUT):
        (group,) = run.orders[order].ship_groups
        assert (group.method, (group.location or "")[:5]) == (ShipMethod.CARRY_OUT, "STORE")


def test_what_is_awaited_after_the_run_is_what_its_turns_want(run: Run) -> None:
    awaited = {receipt.sku for receipt in run.plan.awaited}

    assert awaited == run.skus_of(Turn.NEVER_SUPPLIED, Turn.LAPSED, Turn.ALL_OR_NOTHING, Turn.PARTLY_CANCELLED)
    assert run.skus_of(Turn.IN_PARTS) <= {late.receipt.sku for late in run.plan.late}


def test_what_is_collected_lies_at_its_counter(run: Run) -> None:
    shelves = {receipt.sku: receipt.location for receipt in run.plan.opening}
    for order, part in run.taking(Turn.TWO_GROUPS).items():
        assert shelves[part.skus[0]] == run.orders[order].ship_groups[1].location
