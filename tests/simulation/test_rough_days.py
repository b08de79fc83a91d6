"""Days on which everything happens at once: nodes reject, fall short and dawdle, customers cancel, goods are miscounted,
answers are late. Whatever the order of things, what each service believes of an order agrees in the end."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from contracts.envelope import Actor
from contracts.fulfillment import (
    CancelAnswer,
    CancelRequested,
    FulfillmentAccepted,
    FulfillmentOrderCreated,
    PackedContent,
    PackedPackage,
    Picked,
    PickLine,
    ReadyForPickup,
    RecordAcceptance,
    RecordCancelDecision,
    RecordCollection,
    RecordHandOver,
    RecordPack,
    RecordPick,
    RecordReady,
)
from contracts.fulfillment import Packed as PackedByNode
from contracts.ids import split_stream
from contracts.inventory import CountStock, ReceiveStock
from contracts.message import Event
from contracts.order import (
    Bucket,
    CancelOrder,
    GrantRefund,
    HoldKind,
    LinesFulfilled,
    PlaceHold,
    RefundCause,
    Refunded,
    RefundUnits,
    ReleaseHold,
    ShortagePolicy,
)
from contracts.payments import PaymentAuthorized, PaymentCaptured, PaymentRefunded, PaymentVoided
from contracts.shipping import ShipmentCancelled, ShipmentCreated, Shipped
from services.order.order import units
from services.order.stream import OrderStream
from tests.simulation.people import PARCEL, WAYS, channel_order, place, receive
from tests.simulation.world import World, stock_stream

SKUS = ("A", "B", "C")
PLACES = ("north", "south", "east")
DEEDS = 150
ORDERS_MAX = 14
ROUNDS_MAX = 50
DEED_WEIGHTS = {
    "place": 10,
    "crew": 40,
    "cancel": 5,
    "hold": 3,
    "release": 4,
    "stock": 5,
    "wait": 2,
    "claim": 4,
    "go on": 31,
}
NOBODY_CAN_HELP = (HoldKind.UNKNOWN_SKU, HoldKind.NO_LOCATION)


class Crew:
    """People at all nodes, who take up their work in any order and at any time, if at all."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world, self._chance = world, chance
        self._work: list[tuple[str, Event]] = []
        self._seen = 0

    def do_something(self) -> bool:
        """One deed of one of them; False when nobody has anything to do."""
        self._work += [(name, event) for name, event in self._world.events[self._seen :] if isinstance(event, _WORK)]
        self._seen = len(self._world.events)
        if not self._work:
            return False
        name, event = self._work.pop(self._chance.randrange(len(self._work)))
        match event:
            case FulfillmentOrderCreated():
                accepted = self._chance.random() > 0.25
                self._world.post("fulfillment", name, RecordAcceptance(document="a", accepted=accepted))
            case FulfillmentAccepted() if self._world.state("fulfillment", name).to_pick:
                self._world.post("fulfillment", name, self._pick(name))
            case Picked() if self._world.state("fulfillment", name).wanted:
                packs = not self._for_pickup(name) or self._chance.random() < 0.5
                self._world.post("fulfillment", name, self._pack(name) if packs else RecordReady(document="r"))
            case PackedByNode():
                gone = RecordReady(document="r") if self._for_pickup(name) else RecordHandOver(document="h")
                self._world.post("fulfillment", name, gone)
            case ReadyForPickup():
                self._world.post("fulfillment", name, RecordCollection(document="c"))
            case CancelRequested():
                self._decide(name, event.request)
        return True

    def _decide(self, name: str, request: int) -> None:
        """Lets go of some units, none or all; packages are opened for that. One answer in ten is forgotten."""
        state = self._world.state("fulfillment", name)
        share = self._chance.choice((0, 0.5, 1))
        granted = {key: int(there * share) for key, there in state.wanted.items()}
        if not granted or self._chance.random() < 0.1:
            return
        answers = [
            CancelAnswer(line=line, sequence=sequence, granted=quantity, reason="busy")
            for (line, sequence), quantity in granted.items()
        ]
        stays = {key: there - granted[key] for key, there in state.wanted.items() if there > granted[key]}
        packages = (_package(stays),) if state.packages and stays and any(granted.values()) else ()
        decision = RecordCancelDecision(document=f"d{request}", lines=tuple(answers), packages=packages)
        self._world.post("fulfillment", name, decision)

    def _pack(self, name: str) -> RecordPack:
        return RecordPack(document="k", packages=(_package(self._world.state("fulfillment", name).wanted),))

    def _for_pickup(self, name: str) -> bool:
        return bool(self._world.state("fulfillment", name).for_pickup)

    def _pick(self, name: str) -> RecordPick:
        asked = self._world.state("fulfillment", name).to_pick
        found = [
            line.quantity if self._chance.random() > 0.2 else self._chance.randint(0, line.quantity) for line in asked
        ]
        lines = [
            PickLine(line=line.line, sequence=line.sequence, quantity=quantity)
            for line, quantity in zip(asked, found, strict=True)
        ]
        return RecordPick(document="p", lines=tuple(lines))


_WORK = (FulfillmentOrderCreated, FulfillmentAccepted, Picked, PackedByNode, ReadyForPickup, CancelRequested)


def _package(wanted: Mapping[tuple[str, int], int]) -> PackedPackage:
    contents = [
        PackedContent(line=line, sequence=sequence, quantity=quantity) for (line, sequence), quantity in wanted.items()
    ]
    return PackedPackage(number=1, contents=tuple(contents), weight_grams=500)


def _rough_day(seed: int) -> tuple[World, list[str]]:
    """A world after such a day, with nothing on its way any more; the streams of its orders."""
    world, chance = World(seed), random.Random(seed)
    for sku in SKUS:
        for location in PLACES:
            receive(world, sku, location, chance.randint(3, 9))
    crew, names = Crew(world, chance), [_placed(world, 0, chance)]
    for _ in range(DEEDS):
        deed, name = chance.choices(*zip(*DEED_WEIGHTS.items(), strict=True))[0], chance.choice(names)
        match deed:
            case "place" if len(names) < ORDERS_MAX:
                names.append(_placed(world, len(names), chance))
            case "crew":
                crew.do_something()
            case "cancel":
                world.post("order", name, CancelOrder())
            case "hold":
                world.post("order", name, PlaceHold(detail="look"))
            case "release":
                _release_holds(world, name)
            case "stock":
                _touch_stock(world, chance)
            case "claim":
                _claim(world, name, chance)
            case "wait":
                world.wait(timedelta(hours=chance.randint(1, 40)))
            case "go on":
                for _ in range(chance.randint(1, 12)):
                    world.step()
    for _ in range(ROUNDS_MAX):
        world.run()
        while crew.do_something():
            world.run()
        thinking = _nodes_that_think(world)
        if thinking:
            world.wait(timedelta(hours=5))
        if not sum(_release_holds(world, name) for name in names) and not thinking:
            for name in names:
                _claim(world, name, chance)
            return world.run(), names
    raise AssertionError("the day never ends")


def _placed(world: World, number: int, chance: random.Random) -> str:
    lines = [(chance.choice(SKUS), chance.randint(1, 6), chance.randint(0, 999)) for _ in range(chance.randint(1, 4))]
    last: dict[str, Any] = (
        {"cancel_after": f"2026-01-{chance.randint(6, 12):02}T09:00:00Z"} if chance.random() < 0.3 else {}
    )
    ways = [chance.choice(WAYS) for _ in lines] if chance.random() < 0.5 else [PARCEL]
    return place(
        world, channel_order(str(number), *lines, policy=chance.choice(list(ShortagePolicy)), ways=ways, **last)
    )


def _release_holds(world: World, name: str) -> int:
    """Somebody accepts what holds the order, where that helps; how many holds."""
    if ("order", name) not in world.streams:
        return 0
    holds = [hold for hold in world.state("order", name).order.holds.values() if hold.kind not in NOBODY_CAN_HELP]
    for hold in holds:
        world.post("order", name, ReleaseHold(hold=hold.hold))
    return len(holds)


def _nodes_that_think(world: World) -> bool:
    """Whether a cancel waits for a node's answer."""
    works = [name for service, name in world.streams if service == "fulfillment"]
    return any(world.state("fulfillment", name).cancel for name in works)


def _touch_stock(world: World, chance: random.Random) -> None:
    sku, location = chance.choice(SKUS), chance.choice(PLACES)
    count = CountStock(sku=sku, location=location, counted=chance.randint(0, 6), unit="each")
    receipt = ReceiveStock(sku=sku, location=location, quantity=chance.randint(1, 4), unit="each")
    world.post("inventory", stock_stream(sku), chance.choice((count, receipt)))


def _claim(world: World, name: str, chance: random.Random) -> None:
    """A customer says that a unit came broken, or wants something off."""
    lines = (RefundUnits(line=str(chance.randint(1, 4)), quantity=1),)
    claim = GrantRefund(cause=RefundCause.DAMAGED, lines=lines, reason="it came broken")
    goodwill = GrantRefund(cause=RefundCause.APPEASEMENT, percent="10", reason="it came late")
    wish = goodwill if chance.random() < 0.3 else claim
    world.post("order", name, wish, actor=Actor(kind="person", subject="anna"))


def _claims(world: World, name: str) -> dict[int, tuple[int, int]]:
    """What inventory holds for an order and what waits, by claim."""
    books = [world.state("inventory", stock_stream(sku)) for sku in SKUS]
    claims = [
        claim for book in books for claim in book.claims.values() if claim.terms.demand.id == split_stream(name)[1]
    ]
    return {
        claim.terms.sequence: (claim.reserved, claim.waiting) for claim in claims if claim.reserved or claim.waiting
    }


def _reserved(order: OrderStream) -> dict[int, tuple[int, int]]:
    """The same as an order believes it, that has given all that it can to nodes that are done."""
    held = order.reservation.held.values()
    found = {
        claim.sequence: (sum(part.quantity for part in held if part.sequence == claim.sequence), claim.waiting)
        for claim in order.reservation.claims.values()
    }
    return {sequence: numbers for sequence, numbers in found.items() if any(numbers)}


@pytest.mark.parametrize("seed", range(20))
def test_whatever_a_day_brings_the_books_agree_when_it_is_over(seed: int) -> None:
    world, names = _rough_day(seed)
    for name in names:
        state: OrderStream = world.state("order", name)
        # then every order has ended, or waits for goods or a person
        assert state.order.ended or units(state.order, Bucket.BACKORDERED) or state.order.holds
        # and inventory holds for it what it believes, which is nothing once it has ended
        assert _claims(world, name) == ({} if state.order.ended else _reserved(state))
        # and what was taken is what left
        left = [event for stream, event in world.events if stream == name and isinstance(event, LinesFulfilled)]
        assert state.order.captured == sum(event.amount.amount for event in left)
        # and what was granted back of it is back, as payments say
        back = [event.amount.amount for event in world.of(PaymentRefunded) if event.order_id == split_stream(name)[1]]
        assert state.refunds.granted == state.refunds.refunded == sum(back) <= state.order.captured
    _nothing_is_left_over(world, {split_stream(name)[1] for name in names if world.state("order", name).order.ended})


def test_some_of_those_days_money_goes_back() -> None:
    told = [event for seed in range(3) for event in _rough_day(seed)[0].of(Refunded)]
    assert {event.cause for event in told} == {RefundCause.DAMAGED, RefundCause.APPEASEMENT}


def _nothing_is_left_over(world: World, ended: set[str]) -> None:
    """Of an order that has ended no label is neither used nor void, and no money neither taken nor given back."""
    left = {name for name, event in world.events if isinstance(event, Shipped | ShipmentCancelled)}
    labelled = {name for name, event in world.events if isinstance(event, ShipmentCreated) and event.order_id in ended}
    assert labelled <= left
    voided = {event.order_id for event in world.of(PaymentVoided)}
    for secured in world.of(PaymentAuthorized):
        taken = sum(event.amount.amount for event in world.of(PaymentCaptured) if event.order_id == secured.order_id)
        assert taken == secured.amount.amount or secured.order_id in voided or secured.order_id not in ended
