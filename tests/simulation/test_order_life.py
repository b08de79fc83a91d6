"""Whole lives of orders through the deciders of all five services, whatever the order in which messages cross."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from contracts.channel import ChannelCustomer, ChannelOrder, ChannelShipGroup, ChannelTender
from contracts.envelope import Actor
from contracts.fulfillment import (
    PackedContent,
    PackedPackage,
    PickLine,
    RecordAcceptance,
    RecordPack,
    RecordPick,
    RecordReady,
)
from contracts.ids import aggregate_id, split_stream, stream
from contracts.inventory import DescribeItem, KitComponent, StockHandedOut
from contracts.money import ExternalState, RefundExecutor, TenderMethod
from contracts.order import (
    Bucket,
    CancelOrder,
    CancelRefused,
    FulfilledKind,
    GrantRefund,
    HeldStep,
    HoldKind,
    HoldPlaced,
    LinesFulfilled,
    OrderCompleted,
    PlaceHold,
    RefundCause,
    RefundChangeRefused,
    Refunded,
    RefundTo,
    RefundUnits,
    ReleasedToFulfillment,
    ReleaseHold,
    ReservationLost,
    ShortagePolicy,
    SourcingDecided,
)
from contracts.payments import PaymentAuthorized, PaymentCaptured, PaymentRefunded, PaymentVoided, ValueIssued
from contracts.shipping import ShipmentCreated
from services.order.order import OrderStatus, status, units
from tests.simulation.people import COUNTER, PARCEL, TILL, WAYS, WHOLE, Floor, channel_order, lets_go, place, receive
from tests.simulation.world import World, stock_stream

SEEDS = range(5)
SKUS = ("A", "B", "C")


def captured(world: World) -> int:
    return sum(event.amount.amount for event in world.of(PaymentCaptured))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_order_of_three_lines_is_delivered_and_paid(seed: int) -> None:
    world = World(seed)
    for sku in ("A", "B", "C"):
        receive(world, sku, "north", 10)
    name = place(world, channel_order("1001", ("A", 2, 1999), ("B", 1, 500), ("C", 3, 1000)))
    Floor(world).work()
    order = world.state("order", name).order
    assert status(order) is OrderStatus.COMPLETED
    assert units(order, Bucket.DELIVERED) == 6
    assert captured(world) == 3499
    assert len(world.of(ReleasedToFulfillment)) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_kits_leave_as_their_components_from_two_locations_and_are_paid_as_kits(seed: int) -> None:
    world = World(seed)
    parts = (KitComponent(sku="A", quantity=1, weight=3), KitComponent(sku="B", quantity=2, weight=1))
    item = stream("item", aggregate_id("default", "item", "SET"))
    world.tell("inventory", item, DescribeItem(sku="SET", unit="each", components=parts))
    receive(world, "A", "north", 3)
    receive(world, "B", "south", 6)
    name = place(world, channel_order("1001", ("SET", 3, 1000)))
    Floor(world).work()
    order = world.state("order", name).order
    assert status(order) is OrderStatus.COMPLETED
    assert units(order, Bucket.DELIVERED) == 9
    assert captured(world) == 1000


@pytest.mark.parametrize("seed", SEEDS)
def test_an_order_over_two_locations_is_captured_in_shares_that_sum(seed: int) -> None:
    world = World(seed)
    receive(world, "A", "north", 2)
    receive(world, "A", "south", 1)
    name = place(world, channel_order("1001", ("A", 3, 1000)))
    Floor(world).work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    amounts = sorted(event.amount.amount for event in world.of(PaymentCaptured))
    assert sum(amounts) == 1000 and len(amounts) == 2


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_short_order_what_is_there_leaves_and_the_rest_follows_when_stock_arrives(seed: int) -> None:
    world = World(seed)
    receive(world, "A", "north", 1)
    name = place(world, channel_order("1001", ("A", 4, 401)))
    floor = Floor(world)
    floor.work()
    assert status(world.state("order", name).order) is OrderStatus.PARTLY_FULFILLED
    receive(world, "A", "north", 1)
    floor.work()
    assert units(world.state("order", name).order, Bucket.DELIVERED) == 2
    receive(world, "A", "north", 2)
    floor.work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    # each part was captured, and what was secured once is taken to the cent
    assert len(world.of(LinesFulfilled)) == len(world.of(PaymentCaptured)) == 3
    [secured] = world.of(PaymentAuthorized)
    assert captured(world) == secured.amount.amount == 401


@pytest.mark.parametrize("seed", SEEDS)
def test_a_short_group_that_must_be_complete_leaves_in_one_parcel_once_all_is_there(seed: int) -> None:
    world = World(seed)
    receive(world, "A", "north", 1)
    receive(world, "B", "north", 1)
    name = place(world, channel_order("1001", ("A", 2, 400), ("B", 1, 100), ways=[WHOLE]))
    floor = Floor(world)
    floor.work()
    assert status(world.state("order", name).order) is OrderStatus.BACKORDERED
    assert world.state("order", name).order.confirmed
    assert not world.of(ReleasedToFulfillment)
    receive(world, "A", "north", 1)
    floor.work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    assert len(world.of(LinesFulfilled)) == 1
    assert captured(world) == 500


@pytest.mark.parametrize("seed", SEEDS)
def test_two_orders_for_the_last_unit_do_not_both_get_it(seed: int) -> None:
    world = World(seed)
    receive(world, "A", "north", 1)
    names = [place(world, channel_order(n, ("A", 1, 100), policy=ShortagePolicy.CANCEL_LINE)) for n in ("1", "2")]
    Floor(world).work()
    found = sorted(str(status(world.state("order", name).order)) for name in names)
    assert found == ["cancelled", "completed"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_short_pick_sources_the_missing_units_elsewhere(seed: int) -> None:
    world = World(seed)
    receive(world, "A", "north", 5)
    receive(world, "A", "south", 4)
    name = place(world, channel_order("1001", ("A", 3, 1000)))
    Floor(world, {("north", "A"): 2}).work()
    order = world.state("order", name).order
    assert status(order) is OrderStatus.COMPLETED
    assert captured(world) == 1000
    assert {event.location for event in world.of(ReleasedToFulfillment)} == {"north", "south"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_short_pick_that_nobody_can_replace_is_cancelled_by_policy_and_voided(seed: int) -> None:
    world = World(seed)
    receive(world, "A", "north", 3)
    name = place(world, channel_order("1001", ("A", 3, 1000), policy=ShortagePolicy.CANCEL_LINE))
    Floor(world, {("north", "A"): 1}).work()
    order = world.state("order", name).order
    assert status(order) is OrderStatus.COMPLETED
    assert (units(order, Bucket.DELIVERED), units(order, Bucket.CANCELLED)) == (2, 1)
    assert captured(world) == 666
    assert len(world.of(PaymentVoided)) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_goods_are_collected_where_the_customer_wants_them_although_another_has_more(seed: int) -> None:
    world = World(seed)
    receive(world, "A", "north", 3)
    receive(world, "A", "south", 90)
    name = place(world, channel_order("1001", ("A", 3, 1000), ways=[COUNTER]))
    Floor(world).work()
    order = world.state("order", name).order
    assert status(order) is OrderStatus.COMPLETED
    assert units(order, Bucket.FULFILLED) == 3
    assert captured(world) == 1000
    assert not world.of(ShipmentCreated)
    [left] = world.of(LinesFulfilled)
    assert (left.kind, left.location) == (FulfilledKind.COLLECTED, "north")
    assert (world.available["A"]["north"].available, world.available["A"]["south"].available) == (0, 90)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_till_sells_what_an_order_had_claimed_and_the_order_is_sourced_again(seed: int) -> None:
    # given an order that holds all that north has, and that a person keeps from being released
    world = World(seed)
    receive(world, "A", "north", 2)
    receive(world, "A", "south", 1)
    waiting = place(world, channel_order("1001", ("A", 2, 500)))
    world.tell("order", waiting, PlaceHold(detail="look", blocks=(HeldStep.RELEASE,)))
    # when a till there sells one of the two
    sold = place(world, channel_order("till-1", ("A", 1, 300), ways=[TILL]))
    world.run()
    # then the sale is paid and over, and once the other order is let go it finds the unit that it lost elsewhere
    assert status(world.state("order", sold).order) is OrderStatus.COMPLETED
    assert [(lost.location, lost.quantity) for lost in world.of(ReservationLost)] == [("north", 1)]
    world.post("order", waiting, ReleaseHold(hold="1"))
    Floor(world).work()
    assert status(world.state("order", waiting).order) is OrderStatus.COMPLETED
    assert [event.found for event in world.of(StockHandedOut)] == [0]
    assert sum(level.available for level in world.available["A"].values()) == 0
    assert captured(world) == 800


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ways_of_one_order_end_each_for_itself(seed: int) -> None:
    world = World(seed)
    for sku in SKUS:
        receive(world, sku, "north", 3)
    lines = [("A", 1, 100), ("B", 2, 200), ("C", 3, 303)]
    name = place(world, channel_order("1001", *lines, ways=[PARCEL, COUNTER, TILL]))
    Floor(world).work()
    order = world.state("order", name).order
    assert status(order) is OrderStatus.COMPLETED
    assert {event.kind: event.amount.amount for event in world.of(LinesFulfilled)} == {
        FulfilledKind.SHIPPED: 100,
        FulfilledKind.COLLECTED: 200,
        FulfilledKind.HANDED_OUT: 303,
    }
    assert captured(world) == 603


def test_what_nobody_collects_is_put_back_once_a_person_cancels_it() -> None:
    world = World()
    receive(world, "A", "north", 2)
    name = place(world, channel_order("1001", ("A", 2, 500), ways=[COUNTER]))
    [work] = world.run().of(ReleasedToFulfillment)
    node = stream("fulfillment_order", work.fulfillment_order)
    picked = RecordPick(document="p", lines=(PickLine(line="1", sequence=0, quantity=2),))
    for fact in (RecordAcceptance(document="a"), picked, RecordReady(document="r")):
        world.tell("fulfillment", node, fact)
    world.wait(timedelta(days=8))
    [held] = [held for held in world.of(HoldPlaced) if held.kind is HoldKind.NOT_COLLECTED]
    assert held.blocks == ()
    world.tell("order", name, CancelOrder())
    world.tell("fulfillment", node, lets_go(world, node))
    assert status(world.state("order", name).order) is OrderStatus.CANCELLED
    assert world.available["A"]["north"].available == 2
    assert captured(world) == 0


@pytest.mark.parametrize("picks", [False, True], ids=["before it picks", "after"])
def test_of_what_a_node_keeps_the_order_takes_the_money_and_inventory_the_goods(picks: bool) -> None:
    # given a node that has accepted two lines of three, picked or not, and is asked to let go of them
    world = World()
    for sku in ("A", "B"):
        receive(world, sku, "north", 5)
    name = place(world, channel_order("1001", ("A", 3, 1000), ("B", 3, 500)))
    [work] = world.run().of(ReleasedToFulfillment)
    node = stream("fulfillment_order", work.fulfillment_order)
    world.tell("fulfillment", node, RecordAcceptance(document="a"))
    if picks:
        world.tell("fulfillment", node, _picked(world, node))
    world.tell("order", name, CancelOrder())
    # when it keeps a unit of each, and goes on
    world.tell("fulfillment", node, lets_go(world, node, keeps=1))
    if not picks:
        world.tell("fulfillment", node, _picked(world, node))
    world.tell("fulfillment", node, _packed(world, node))
    Floor(world, only=()).work()
    # then that much is delivered and taken, and all the rest is free again
    order = world.state("order", name).order
    assert (status(order), units(order, Bucket.DELIVERED)) == (OrderStatus.COMPLETED, 2)
    assert captured(world) == 333 + 166
    assert [world.available[sku]["north"].available for sku in ("A", "B")] == [4, 4]


def _picked(world: World, node: str) -> RecordPick:
    wanted = world.state("fulfillment", node).wanted
    return RecordPick(
        document="p", lines=tuple(PickLine(line=line, sequence=seq, quantity=n) for (line, seq), n in wanted.items())
    )


def _packed(world: World, node: str) -> RecordPack:
    wanted = world.state("fulfillment", node).wanted
    contents = tuple(PackedContent(line=line, sequence=seq, quantity=n) for (line, seq), n in wanted.items())
    return RecordPack(document="k", packages=(PackedPackage(number=1, contents=contents, weight_grams=500),))


def test_a_node_that_says_nothing_to_a_cancel_goes_on_with_its_work() -> None:
    world = World()
    receive(world, "A", "north", 2)
    name = place(world, channel_order("1001", ("A", 2, 500)))
    [work] = world.run().of(ReleasedToFulfillment)
    node = stream("fulfillment_order", work.fulfillment_order)
    for fact in (RecordAcceptance(document="a"), _picked):
        world.tell("fulfillment", node, fact(world, node) if callable(fact) else fact)
    world.tell("order", name, CancelOrder())
    world.wait(timedelta(hours=5))
    [refused] = world.of(CancelRefused)
    assert refused.detail == "north has not answered in time"
    world.tell("fulfillment", node, _packed(world, node))
    Floor(world, only=()).work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    assert captured(world) == 500


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", [PARCEL, COUNTER], ids=["shipped", "collected"])
def test_a_cancel_at_any_moment_ends_the_order_and_leaves_no_claim(seed: int, way: ChannelShipGroup) -> None:
    for steps in range(0, 40, 3):
        world = World(seed)
        receive(world, "A", "north", 5)
        receive(world, "B", "north", 5)
        name = place(world, channel_order("1001", ("A", 2, 500), ("B", 2, 500), ways=[way]))
        for _ in range(steps):
            world.step()
        world.post("order", name, CancelOrder())
        Floor(world).work()
        if not world.of(CancelRefused):
            assert status(world.state("order", name).order) is OrderStatus.CANCELLED
            assert captured(world) == 0
            assert world.available["A"]["north"].available == 5
            assert world.available["B"]["north"].available == 5


def test_a_coupon_is_used_before_the_invoice() -> None:
    world = World()
    receive(world, "A", "north", 2)
    tenders = [
        ChannelTender(method=TenderMethod.COUPON, amount=150, rank=0, reference="SAVE"),
        ChannelTender(method=TenderMethod.INVOICE, amount=850, rank=1),
    ]
    name = place(world, channel_order("1001", ("A", 2, 1000), tenders=tenders))
    Floor(world).work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    captures = [part for event in world.of(PaymentCaptured) for part in event.captures]
    assert [(part.tender, part.amount.amount) for part in captures] == [(0, 150), (1, 850)]


def test_an_order_worth_nothing_is_fulfilled_without_payment() -> None:
    world = World()
    receive(world, "A", "north", 2)
    name = place(world, channel_order("1001", ("A", 2, 0)))
    Floor(world).work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    assert captured(world) == 0


def test_a_held_order_claims_nothing_until_a_person_releases_it() -> None:
    world = World()
    receive(world, "A", "north", 2)
    name = place(world, channel_order("1001", ("A", 2, 1000), total=1100))
    floor = Floor(world)
    floor.work()
    [held] = [held for held in world.of(HoldPlaced) if held.kind is HoldKind.TOTAL_DIFFERS]
    assert not world.of(SourcingDecided)
    world.post("order", name, ReleaseHold(hold=held.hold))
    floor.work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED


def test_lines_that_are_no_goods_are_held_and_then_left_out() -> None:
    world = World()
    receive(world, "A", "north", 2)
    name = place(world, channel_order("1001", ("A", 2, 1000), ("R", -1, -300)))
    floor = Floor(world)
    floor.work()
    holds = sorted(world.state("order", name).order.holds.keys())
    assert holds
    for hold in holds:
        world.post("order", name, ReleaseHold(hold=hold))
    floor.work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    assert captured(world) == 700


def test_goods_that_never_come_are_cancelled_after_the_last_moment() -> None:
    world = World()
    receive(world, "A", "north", 1)
    order = channel_order("1001", ("A", 3, 300), cancel_after="2026-01-10T09:00:00Z")
    name = place(world, order)
    floor = Floor(world)
    floor.work()
    assert status(world.state("order", name).order) is OrderStatus.PARTLY_FULFILLED
    world.wait(timedelta(days=6))
    floor.work()
    found = world.state("order", name).order
    assert status(found) is OrderStatus.COMPLETED
    assert (units(found, Bucket.DELIVERED), units(found, Bucket.CANCELLED)) == (1, 2)
    assert captured(world) == 100


@pytest.mark.parametrize("count", [1, 300])
def test_orders_of_any_length_complete(count: int) -> None:
    world = World()
    for number in range(count):
        receive(world, f"S{number}", "north", 1)
    lines = [(f"S{number}", 1, 100) for number in range(count)]
    name = place(world, channel_order("1001", *lines))
    Floor(world).work()
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    [completed] = world.of(OrderCompleted)
    assert completed.captured.amount == 100 * count


@pytest.mark.parametrize("seed", range(12))
def test_a_busy_day_ends_with_every_order_ended_or_waiting_for_something_named(seed: int) -> None:
    world, chance = World(seed), random.Random(seed)
    for sku in SKUS:
        for location in ("north", "south", "east"):
            receive(world, sku, location, chance.randint(1, 6))
    floor = Floor(world, {(place, sku): chance.randint(0, 1) for place in ("north", "south") for sku in SKUS})
    names = [place(world, _random_order(str(number), chance)) for number in range(12)]
    for name in chance.sample(names, 3):
        for _ in range(chance.randint(0, 60)):
            world.step()
        world.post("order", name, CancelOrder())
    floor.work()
    for name in names:
        order = world.state("order", name).order
        assert order.ended or units(order, Bucket.BACKORDERED) or order.holds
        assert units(order, Bucket.ORDERED) == 0 or order.holds
        fulfilled = [event for stream, event in world.events if stream == name and isinstance(event, LinesFulfilled)]
        assert order.captured == sum(event.amount.amount for event in fulfilled)
    for sku in SKUS:
        assert min(level.available for level in world.available[sku].values()) >= 0
        claims = world.state("inventory", stock_stream(sku)).claims.values()
        claiming = {claim.terms.demand.id for claim in claims if claim.held or claim.waiting}
        assert not claiming & {split_stream(name)[1] for name in names if world.state("order", name).order.ended}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_one_node_let_go_of_is_free_again_while_the_rest_of_the_order_leaves(seed: int) -> None:
    world = World(seed)
    receive(world, "A", "north", 2)
    receive(world, "A", "south", 1)
    name = place(world, channel_order("1001", ("A", 3, 1000)))
    north, _ = world.run().of(ReleasedToFulfillment)
    Floor(world, only={north.fulfillment_order}).work()
    world.tell("order", name, CancelOrder())
    order = world.state("order", name).order
    assert status(order) is OrderStatus.COMPLETED
    assert (units(order, Bucket.DELIVERED), units(order, Bucket.CANCELLED)) == (2, 1)
    assert world.available["A"]["south"].available == 1


def _random_order(number: str, chance: random.Random) -> ChannelOrder:
    lines = [(chance.choice(SKUS), chance.randint(1, 4), chance.randint(0, 999)) for _ in range(chance.randint(1, 4))]
    ways = [chance.choice(WAYS) for _ in lines] if chance.random() < 0.5 else [PARCEL]
    return channel_order(number, *lines, policy=chance.choice(list(ShortagePolicy)), ways=ways)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("executor", list(RefundExecutor))
def test_what_was_captured_from_two_places_goes_back_in_any_parts_to_the_cent(
    seed: int, executor: RefundExecutor
) -> None:
    # given an order of three units for 10.00, delivered from two places in two captures
    world = World(seed)
    receive(world, "A", "north", 2)
    receive(world, "A", "south", 1)
    tender = ChannelTender(
        method=TenderMethod.EXTERNAL, amount=1000, state=ExternalState.AUTHORIZED, refunds_by=executor
    )
    placed = channel_order("1001", ("A", 3, 1000))
    name = place(world, placed.model_copy(update={"tenders": (tender,)}))
    Floor(world).work()
    assert captured(world) == 1000
    # when one unit is claimed, the customer is appeased, and then the rest is claimed too
    anna = Actor(kind="person", subject="anna")
    lines = (RefundUnits(line="1", quantity=1),)
    claim = GrantRefund(cause=RefundCause.DAMAGED, lines=lines, reason="broken")
    goodwill = GrantRefund(cause=RefundCause.APPEASEMENT, percent="10", reason="late")
    for wish in (claim, goodwill, claim, claim):
        world.tell("order", name, wish, actor=anna)
    # then all of it went back, of the completed order, by whoever executes it, and nothing is owed
    refunds = world.state("order", name).refunds
    told = world.of(Refunded)
    assert (refunds.granted, refunds.refunded, refunds.credit) == (1000, 1000, 0)
    assert sum(event.amount.amount for event in told) == 1000
    parts = [part for event in told for part in event.refunds]
    assert {part.executor for part in parts} == {executor}
    assert sum(part.amount.amount for part in parts) == sum(event.amount.amount for event in world.of(PaymentRefunded))
    # and a unit more is refused by the order, before payments hear of it
    world.tell("order", name, claim, actor=anna)
    assert len(world.of(RefundChangeRefused)) == 1
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED


@pytest.mark.parametrize("seed", SEEDS)
def test_a_customer_who_wants_store_credit_has_it_in_their_ledger_and_may_spend_it(seed: int) -> None:
    world = World(seed)
    receive(world, "A", "north", 3)
    ada = ChannelCustomer(issuer="webshop", id="ada")
    name = place(world, channel_order("1001", ("A", 3, 1000), customer=ada))
    Floor(world).work()
    lines = (RefundUnits(line="1", quantity=2),)
    to = RefundTo.STORE_CREDIT
    claim = GrantRefund(cause=RefundCause.MISSING, lines=lines, reason="two were missing", to=to)
    world.tell("order", name, claim, actor=Actor(kind="person", subject="anna"))
    [issued] = world.of(ValueIssued)
    assert (issued.customer, issued.available.amount) == ("ada", 667)
    assert world.state("order", name).refunds.credit == 0
    assert not world.of(PaymentRefunded)
