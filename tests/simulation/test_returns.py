"""Goods come back through all services: the order, the node and the stock agree on every unit, and the money closes."""

from __future__ import annotations

import pytest

from contracts.fulfillment import (
    Disposition,
    InspectedItem,
    RecordInspection,
    RecordReturnReceipt,
    ReturnedItem,
    ReturnReason,
)
from contracts.ids import aggregate_id, stream
from contracts.message import Message
from contracts.order import (
    Bucket,
    Refunded,
    RequestReturn,
    ReturnCompleted,
    ReturnRequested,
    ReturnWish,
    WithdrawReturn,
)
from services.fulfillment.return_state import ReturnStage
from services.order.order import OrderStatus, status, units
from services.order.return_policy import GOODS_WITHIN
from tests.simulation.people import Floor, channel_order, place, receive
from tests.simulation.world import TENANT, World, stock_stream

SEEDS = range(5)
RESTOCK, SCRAP = Disposition.RESTOCK, Disposition.SCRAP


def delivered(seed: int, quantity: int = 3, worth: int = 1000) -> tuple[World, str]:
    """An order of one line that has arrived, and is paid for."""
    world = World(seed)
    receive(world, "A", "north", quantity)
    name = place(world, channel_order("1001", ("A", quantity, worth)))
    Floor(world).work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    return world, name


def wish(quantity: int, **more: object) -> RequestReturn:
    lines = (ReturnWish(line="1", quantity=quantity, reason=ReturnReason.DEFECTIVE),)
    return RequestReturn.model_validate({"lines": lines, **more})


def at_node(world: World, return_id: str, *facts: Message) -> None:
    for fact in facts:
        world.tell("fulfillment", stream("return", return_id), fact)


def came(quantity: int, document: str = "b1", location: str = "north", sku: str = "A") -> RecordReturnReceipt:
    return RecordReturnReceipt(document=document, location=location, items=(ReturnedItem(sku=sku, quantity=quantity),))


def looked(quantity: int, disposition: Disposition, document: str, location: str = "north") -> RecordInspection:
    item = InspectedItem(sku="A", quantity=quantity, disposition=disposition)
    return RecordInspection(document=document, location=location, items=(item,))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_came_back_in_parts_at_two_nodes_is_in_stock_and_paid_back_to_the_cent(seed: int) -> None:
    world, name = delivered(seed)
    world.tell("order", name, wish(3))
    [requested] = world.of(ReturnRequested)
    at_node(world, requested.return_id, came(2), came(1, "b2", "south"))
    at_node(world, requested.return_id, looked(1, RESTOCK, "i1"), looked(1, SCRAP, "i2"))
    at_node(world, requested.return_id, looked(1, RESTOCK, "i3", "south"))
    state = world.state("order", name)
    assert status(state.order) is OrderStatus.RETURNED
    assert len(world.of(ReturnCompleted)) == 1
    assert world.state("fulfillment", stream("return", requested.return_id)).stage is ReturnStage.CLOSED
    book = world.state("inventory", stock_stream("A"))
    assert (book.shelf("north").sellable, book.shelf("south").sellable) == (1, 1)
    # 10.00 over three units: 3.33, 3.33 and 3.34, each paid back as it was looked at
    assert sorted(event.amount.amount for event in world.of(Refunded)) == [333, 333, 334]
    assert (state.refunds.credit, state.refunds.refunded) == (0, 1000)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_return_that_nobody_announced_is_matched_and_paid_back(seed: int) -> None:
    world, name = delivered(seed)
    blind = aggregate_id(TENANT, "return", "unannounced", "north", "b1")
    at_node(world, blind, came(2), looked(2, RESTOCK, "i1"))
    assert world.state("inventory", stock_stream("A")).shelf("north").sellable == 2
    assert not world.of(Refunded)
    world.tell("order", name, wish(2, matches=blind))
    state = world.state("order", name)
    assert status(state.order) is OrderStatus.PARTLY_RETURNED
    assert units(state.order, Bucket.RETURNED) == 2
    assert sum(event.amount.amount for event in world.of(Refunded)) == 666
    # matched once, it is not again
    world.tell("order", name, wish(1, matches=blind))
    assert len(world.of(ReturnRequested)) == 1
    assert units(world.state("order", name).order, Bucket.RETURN_REQUESTED) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_withdrawal_and_goods_that_cross_it_end_alike_for_order_and_node(seed: int) -> None:
    world, name = delivered(seed)
    world.tell("order", name, wish(1))
    [requested] = world.of(ReturnRequested)
    world.post("order", name, WithdrawReturn(number=1))
    world.post("fulfillment", stream("return", requested.return_id), came(1))
    world.run()
    # whichever was first, the unit is here
    order = world.state("order", name).order
    assert units(order, Bucket.RETURNED) == 1 and units(order, Bucket.RETURN_REQUESTED) == 0


def test_goods_that_never_come_are_not_waited_for_at_the_node_either() -> None:
    world, name = delivered(0)
    world.tell("order", name, wish(1))
    [requested] = world.of(ReturnRequested)
    world.wait(GOODS_WITHIN)
    assert world.state("fulfillment", stream("return", requested.return_id)).stage is ReturnStage.EXPIRED
    order = world.state("order", name).order
    assert (units(order, Bucket.DELIVERED), units(order, Bucket.RETURN_REQUESTED)) == (3, 0)
