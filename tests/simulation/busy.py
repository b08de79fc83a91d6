"""A busy month of all services in memory, by a seed, and the topics that it leaves: real records, chained as the loop
chains them.

What tables are made of, and what golden logs are drawn from.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

from chassis.chain import GENESIS, Draft, finish
from chassis.kafka import partition_of
from chassis.log import NewRecord
from chassis.memory import MemoryLog
from contracts import topics
from contracts.channel import ChannelTender
from contracts.envelope import Actor
from contracts.fulfillment import (
    Disposition,
    InspectedItem,
    RecordInspection,
    RecordReturnReceipt,
    ReturnedItem,
    ReturnReason,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import CountStock, DescribeItem, DescribeLocation, LocationKind
from contracts.money import Money, TenderMethod
from contracts.order import (
    CancelOrder,
    GrantRefund,
    PlaceHold,
    RefundCause,
    RefundUnits,
    RequestReturn,
    ReturnRequested,
    ReturnWish,
    ShortagePolicy,
    WithdrawReturn,
)
from contracts.payments import IssueCause, IssueValue, ValueKind
from contracts.payments.gift_codes import gift_card_id
from services.order.order import OrderStatus, status
from tests.simulation.people import PARCEL, WAYS, Floor, channel_order, place, receive, sealed
from tests.simulation.world import KINDS, TENANT, World, stock_stream

__all__ = ["PARTITIONS", "SERVICES", "BusyWorld", "busy_month", "log_of"]

PARTITIONS = 4
SERVICES = tuple(KINDS)
SKUS, PLACES = ("A", "B", "C"), ("north", "south", "east")
CODE = "ABCDE-FGHJK-MNPQR-STVWX"
DAYS = 30
ORDERS_MAX = 3


class BusyWorld(World):
    """A world in which no two messages are handled at the same millisecond."""

    def step(self) -> bool:
        self.now += timedelta(milliseconds=1)
        return super().step()


def busy_month(seed: int, days: int = DAYS) -> World:
    """Orders, stock and returns of so many days, with nothing on its way any more."""
    world, chance = BusyWorld(seed), random.Random(seed)
    _opening(world, chance)
    floor = Floor(world, {("north", "A"): 2, ("south", "B"): 1})
    names: list[str] = []
    for _ in range(days):
        for _ in range(chance.randint(1, ORDERS_MAX)):
            names.append(_ordered(world, len(names), chance))
            _meanwhile(world, chance, names)
        if chance.random() < 0.8:
            floor.work()
        world.wait(timedelta(hours=chance.randint(4, 30)))
        _afterwards(world, chance, names)
    floor.work()
    return world


def _opening(world: World, chance: random.Random) -> None:
    for place_ in PLACES:
        name = stream("location", aggregate_id(TENANT, "location", place_))
        world.tell(
            "inventory", name, DescribeLocation(location=place_, kind=LocationKind.OWN, priority=chance.randint(0, 3))
        )
    for sku in SKUS:
        name = stream("item", aggregate_id(TENANT, "item", sku))
        world.tell("inventory", name, DescribeItem(sku=sku, unit="each", description=f"article {sku}"))
        for place_ in PLACES:
            receive(world, sku, place_, chance.randint(5, 12))
    amount = Money(amount=20_000, currency="EUR")
    issued = IssueValue(kind=ValueKind.GIFT_CARD, entry="e1", amount=amount, cause=IssueCause.SOLD)
    world.tell("payments", stream("stored_value", gift_card_id(TENANT, sealed, CODE)), issued)


def _ordered(world: World, number: int, chance: random.Random) -> str:
    lines = [(chance.choice(SKUS), chance.randint(1, 4), chance.randint(100, 999)) for _ in range(chance.randint(1, 3))]
    ways = [chance.choice(WAYS) for _ in lines] if chance.random() < 0.4 else [PARCEL]
    total = sum(amount for *_, amount in lines)
    tenders = None
    if chance.random() < 0.3:
        part = total // 2
        tenders = (
            ChannelTender(method=TenderMethod.GIFT_CARD, amount=part, reference=CODE),
            ChannelTender(method=TenderMethod.INVOICE, amount=total - part, rank=1),
        )
    policy = chance.choice(list(ShortagePolicy))
    return place(world, channel_order(str(number), *lines, policy=policy, ways=ways, tenders=tenders))


def _meanwhile(world: World, chance: random.Random, names: Sequence[str]) -> None:
    """What people do while messages are on their way."""
    for _ in range(chance.randint(0, 30)):
        world.step()
    deed, name, sku = chance.random(), chance.choice(names), chance.choice(SKUS)
    if deed < 0.1:
        world.post("order", name, CancelOrder())
    elif deed < 0.15:
        world.post("order", name, PlaceHold(detail="look at it"))
    elif deed < 0.25:
        counted = CountStock(sku=sku, location=chance.choice(PLACES), counted=chance.randint(0, 9), unit="each")
        world.post("inventory", stock_stream(sku), counted)
    elif deed < 0.6:
        receive(world, sku, chance.choice(PLACES), chance.randint(2, 9))


def _afterwards(world: World, chance: random.Random, names: Sequence[str]) -> None:
    """Somebody sends goods back, or wants money back."""
    name = chance.choice(names)
    if ("order", name) not in world.streams:
        return
    order = world.state("order", name).order
    anna = Actor(kind="person", subject="anna")
    if chance.random() < 0.3:
        units = (RefundUnits(line="1", quantity=1),)
        world.tell("order", name, GrantRefund(cause=RefundCause.DAMAGED, lines=units, reason="broken"), actor=anna)
    elif status(order) is OrderStatus.COMPLETED:
        wish = ReturnWish(line="1", quantity=1, reason=ReturnReason.DEFECTIVE)
        before = len(world.of(ReturnRequested))
        world.tell("order", name, RequestReturn(lines=(wish,)), actor=anna)
        for requested in world.of(ReturnRequested)[before:]:
            if chance.random() < 0.2:
                world.tell("order", name, WithdrawReturn(number=requested.number), actor=anna)
            _came_back(world, chance, requested)


def _came_back(world: World, chance: random.Random, requested: ReturnRequested) -> None:
    name, place_ = stream("return", requested.return_id), chance.choice(PLACES)
    sku = requested.lines[0].sku
    item = ReturnedItem(sku=sku, quantity=1)
    world.tell("fulfillment", name, RecordReturnReceipt(document="b1", location=place_, items=(item,)))
    if chance.random() < 0.8:
        looked = InspectedItem(sku=sku, quantity=1, disposition=chance.choice((Disposition.RESTOCK, Disposition.SCRAP)))
        world.tell("fulfillment", name, RecordInspection(document="i1", location=place_, items=(looked,)))


def log_of(world: World) -> MemoryLog:
    """The events topics of all services as that month left them."""
    log = MemoryLog(lambda: world.now)
    heads: dict[str, dict[int, str]] = {}
    for service in SERVICES:
        log.create_service_topics(service, partitions=PARTITIONS)
        heads[service] = dict.fromkeys(range(PARTITIONS), GENESIS)
    producer = log.producer("busy")
    for number, (service, emitted) in enumerate(world.written, start=1):
        drafts = []
        for event in emitted:
            key = event.envelope.subject.encode()
            where = topics.events(service), partition_of(key, PARTITIONS)
            drafts.append(Draft(*where, key, event.value, event.envelope, chained=True))
        records: Sequence[NewRecord] = finish(drafts, f"busy.{number}", heads[service])
        producer.begin()
        producer.send(records)
        producer.commit()
    return log
