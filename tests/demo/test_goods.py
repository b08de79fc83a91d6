"""What a run has brought to its locations, and what its orders wait for while they go their way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from oms.demo.door import Door
from oms.demo.goods import LINES_A_LOAD, Goods
from oms.demo.kits import kit_sku
from oms.demo.progress import LateGoods, Progress
from oms.demo.run import Run, prepare
from oms.demo.stock import LateDelivery, Receipt
from oms.demo.tail import Seen
from oms.demo.till import Till

WHEN = datetime(2026, 1, 31, tzinfo=UTC)
RECEIPT = Receipt("late-1", "P1", "WH-EAST", 2, "each")


@pytest.fixture(scope="module")
def run() -> Run:
    made = prepare(Till(), 0, 300)
    assert made is not None
    return made


class NotedDoor:
    """A door that notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, Any], str]] = []

    async def post(self, path: str, body: Mapping[str, Any], key: str) -> None:
        self.calls.append((path, body, key))


def opened(run: Run) -> tuple[Goods, list[tuple[str, Mapping[str, Any], str]]]:
    """The goods of a run once everything was sent that comes before its first order, and what was sent."""
    door = NotedDoor()

    async def do(deed: Callable[[], Awaitable[None]]) -> None:
        await deed()

    goods = Goods(run, cast(Door, door), do)
    asyncio.run(goods.open())
    return goods, door.calls


def test_the_opening_stock_comes_in_loads_and_what_comes_late_is_announced(run: Run) -> None:
    _, calls = opened(run)

    loads = [body for path, body, _ in calls if path == "/stock-items/receipts"]
    brought = [(load["document"], line["sku"]) for load in loads for line in load["lines"]]
    announced = [(body["supply"], body["location"]) for path, body, _ in calls if path.endswith("/supplies")]
    assert max(len(load["lines"]) for load in loads) <= LINES_A_LOAD
    assert sorted(brought) == sorted((receipt.document, receipt.sku) for receipt in run.plan.opening)
    late = [*(each.receipt for each in run.plan.late), *run.plan.awaited]
    assert sorted(announced) == sorted((receipt.document, receipt.location) for receipt in late)


def test_a_kit_is_said_to_be_made_of_one_of_each(run: Run) -> None:
    _, calls = opened(run)

    described = {body["sku"]: body["components"] for path, body, _ in calls if path == "/items"}
    assert described == {kit_sku(kit): [{"sku": sku, "quantity": 1} for sku in kit] for kit in run.kits}


def test_late_goods_name_the_supply_that_they_are(run: Run) -> None:
    goods, calls = opened(run)
    late = run.plan.late[0].receipt

    asyncio.run(goods.deliver([late]))

    assert calls[-1][1]["lines"] == [
        {"sku": late.sku, "quantity": late.quantity, "unit": late.unit, "supply": late.document}
    ]


def test_goods_are_there_once_inventory_says_so(run: Run) -> None:
    goods, _ = opened(run)
    late = [*(each.receipt for each in run.plan.late), *run.plan.awaited]
    seen = [
        *(Seen("StockReceived", "s", WHEN, {"document": r.document, "sku": r.sku}) for r in run.plan.opening),
        *(Seen("SupplyExpected", "s", WHEN, {"supply": r.document, "sku": r.sku}) for r in late),
        *(Seen("ItemDescribed", "i", WHEN, {"sku": kit_sku(kit)}) for kit in run.kits),
    ]

    for event in seen:
        assert not goods.are_there
        asyncio.run(goods.note(event))

    assert goods.are_there


def event(name: str, order: str) -> Seen:
    return Seen(name, order, WHEN, {})


def test_late_goods_come_once_every_order_that_wants_them_was_sourced() -> None:
    late = LateGoods([LateDelivery(RECEIPT, frozenset({"o-1", "o-2"}))])

    assert [late.sourced("o-1"), late.sourced("o-2"), late.sourced("o-2")] == [[], [RECEIPT], []]


@pytest.mark.parametrize("what", ["HoldPlaced", "OrderConfirmed", "OrderCancelled"])
def test_late_goods_come_apart_from_what_an_order_has_at_once(what: str) -> None:
    progress = Progress(["o-1"])

    noted = [progress.note(event(name, "o-1")) for name in ("OrderPlaced", "SourcingDecided", what, "OrderConfirmed")]

    assert noted == [None, None, "o-1", None]


def test_a_run_is_done_when_all_are_closed_but_those_that_stay() -> None:
    progress = Progress(["o-1", "o-2"], staying=["o-2"])

    assert not progress.done
    progress.note(event("OrderCompleted", "o-1"))
    assert progress.done
    assert progress.note(event("OrderCompleted", "o-9")) is None


def test_a_customer_who_wants_something_after_the_order_was_closed_is_waited_for() -> None:
    progress = Progress(["o-1", "o-2"], repaid=["o-1"], reopened=["o-2"])

    for name, order in (("OrderCompleted", "o-1"), ("OrderCompleted", "o-2"), ("Refunded", "o-2")):
        progress.note(event(name, order))
    assert (progress.done, progress.unsettled) == (True, 2)

    for name, order in (("Refunded", "o-1"), ("OrderReopened", "o-2"), ("OrderCompleted", "o-2")):
        progress.note(event(name, order))
    assert (progress.done, progress.unsettled) == (True, 0)
