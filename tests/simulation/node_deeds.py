"""What the people at nodes do, and carriers: take up work in any order and at any time, if at all, and say what they find.

A node looks at what it has and does what comes next; whatever it reports, it may report again, and wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.fulfillment import (
    CancelAnswer,
    CloseReturn,
    Disposition,
    InspectedItem,
    PackedContent,
    PackedPackage,
    PickLine,
    RecordAcceptance,
    RecordCancelDecision,
    RecordCollection,
    RecordHandOver,
    RecordInspection,
    RecordPack,
    RecordPick,
    RecordReady,
    RecordReturnReceipt,
    RecordReturnSent,
    ReopenReturn,
    ReturnedItem,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import AdjustmentReason, AdjustStock, CountStock, ExpectSupply, ReceiveStock
from contracts.shipping import RecordTracking, TrackingStatus
from services.fulfillment.fulfillment_order_state import Key, Stage
from services.fulfillment.return_state import ReturnStage, piles, unseen
from tests.simulation.day import PLACES, SKUS, Day, Deed
from tests.simulation.schedule import Chance
from tests.simulation.world import TENANT, stock_stream

__all__ = ["NODES", "next_fact", "work"]

WEIGHTS = (500, 2_000_000)
"""Of packages, in grams: one that the carrier takes, and one that it does not."""


def work(day: Day, chance: Chance) -> None:
    """A node does the next thing to some fulfillment order, or answers a cancel."""
    waiting = [(name, view) for name, view in day.views("fulfillment", "fulfillment_order") if to_do(day, view)]
    if not waiting:
        return
    name, view = chance.choice(waiting)
    fact = next_fact(day, view, chance)
    if fact is not None:
        day.say("fulfillment", name, fact, door="node")


def to_do(day: Day, view: Any) -> bool:
    """Whether the node can do anything to it now. Packages wait for their labels."""
    if view.cancel is not None:
        return True
    if view.stage in (Stage.OPEN, Stage.ACCEPTED, Stage.PICKED, Stage.READY):
        return True
    return view.stage is Stage.PACKED and (view.for_pickup or _labelled(day, view))


def _labelled(day: Day, view: Any) -> bool:
    packages = {package.package for package in view.packages}
    return any(
        shipment.stage in ("labelled", "manifested") and packages & {each.package for each in shipment.packages}
        for _, shipment in day.views("shipping", "shipment")
    )


def next_fact(day: Day, view: Any, chance: Chance) -> Any:
    """What a node says next of a fulfillment order; with every choice 0 all goes well. None: it is silent."""
    if view.cancel is not None and not chance.happens(15):
        return _decision(view, chance)
    match view.stage:
        case Stage.OPEN:
            return RecordAcceptance(document="a", accepted=not chance.happens(15))
        case Stage.ACCEPTED:
            return RecordPick(document="p", lines=tuple(_picked(line, chance) for line in view.to_pick))
        case Stage.PICKED if view.wanted:
            if view.for_pickup and not chance.happens(30):
                return RecordReady(document="r")
            weight = WEIGHTS[1] if chance.happens(6) else WEIGHTS[0]
            return RecordPack(document="k", packages=(_package(view.wanted, weight),))
        case Stage.PACKED:
            return RecordReady(document="r") if view.for_pickup else RecordHandOver(document="h")
        case Stage.READY:
            return RecordCollection(document="c")
    return None


def _picked(line: Any, chance: Chance) -> PickLine:
    """All of it, or fewer: what is not there."""
    found = chance.below(line.quantity) if chance.happens(15) else line.quantity
    return PickLine(line=line.line, sequence=line.sequence, quantity=found)


def _package(units: Mapping[Key, int], weight: int) -> PackedPackage:
    contents = [
        PackedContent(line=line, sequence=sequence, quantity=count) for (line, sequence), count in units.items()
    ]
    return PackedPackage(number=1, contents=tuple(contents), weight_grams=weight)


def _decision(view: Any, chance: Chance) -> RecordCancelDecision:
    """Lets go of all, of some or of no units; packages are opened for that."""
    keeps = chance.choice((0, 1, 2))
    asked = view.asked_back
    granted = {key: max(0, there - keeps) for key, there in asked.items()}
    answers = [
        CancelAnswer(line=line, sequence=sequence, granted=count, reason="busy")
        for (line, sequence), count in granted.items()
    ]
    stays = {key: there - granted.get(key, 0) for key, there in view.wanted.items() if there > granted.get(key, 0)}
    opened = view.packages and stays and any(granted.values())
    packages = (_package(stays, WEIGHTS[0]),) if opened else ()
    return RecordCancelDecision(document=f"d{view.request}", lines=tuple(answers), packages=packages)


# Goods that come back


def take_back(day: Day, chance: Chance) -> None:
    """Goods of a return are on their way, come, are looked at, or somebody ends it: whatever it is, they are taken."""
    known = sorted(day.views("fulfillment", "return"), key=lambda each: each[1].order_id is None)
    if not known or chance.happens(15):
        sku = chance.choice(SKUS)
        came = RecordReturnReceipt(
            document="b0", location=chance.choice(PLACES), items=(ReturnedItem(sku=sku, quantity=1),)
        )
        blind = stream("return", aggregate_id(TENANT, "return", "unannounced", "north", str(chance.below(2))))
        day.say("fulfillment", blind, came, door="node")
        return
    name, view = chance.choice(known)
    line = view.lines[0] if view.lines else None
    number, sku = str(len(view.receipts)), line.sku if line else "A"
    location = chance.choice(PLACES)
    if view.stage in (ReturnStage.CLOSED, ReturnStage.INSPECTED) and chance.happens(40):
        day.say("fulfillment", name, ReopenReturn(detail="a second box"), door="node")
        return
    if unseen(view) and not chance.happens(25):
        inspect(day, name, view, chance.choice(tuple(Disposition)))
        return
    items = (ReturnedItem(line=line.line if line else None, sku=sku, quantity=chance.between(1, 2)),)
    came = RecordReturnReceipt(document=f"b{number}", location=location, items=items)
    said = chance.choice((came, came, came, RecordReturnSent(document="s"), CloseReturn(detail="that is all")))
    day.say("fulfillment", name, said, door="node")


def inspect(day: Day, name: str, view: Any, disposition: Disposition) -> None:
    """Somebody looks at all that is here and was not looked at."""
    for pile, quantity in [each for each in piles(view) if each[0].disposition is None]:
        item = InspectedItem(
            line=pile.line or None, sku=pile.sku, quantity=quantity, unit=pile.unit, disposition=disposition
        )
        document = f"i{len(view.inspections)}-{pile.location}-{pile.line}"
        day.say(
            "fulfillment",
            name,
            RecordInspection(document=document, location=pile.location, items=(item,)),
            door="node",
        )


# Stock


def stock(day: Day, chance: Chance) -> None:
    """Goods come, are counted, found damaged or expected."""
    sku, location = chance.choice(SKUS), chance.choice(PLACES)
    quantity = chance.between(1, 5)
    said = chance.choice(
        (
            ReceiveStock(sku=sku, location=location, quantity=quantity, unit="each"),
            CountStock(sku=sku, location=location, counted=quantity - 1, unit="each"),
            AdjustStock(sku=sku, location=location, quantity=1, unit="each", reason=AdjustmentReason.DAMAGED),
            ExpectSupply(
                sku=sku,
                supply="po",
                location=location,
                quantity=quantity,
                unit="each",
                expected_at=day.world.now,
            ),
        )
    )
    day.say("inventory", stock_stream(sku), said, door="stock")


def full_shelves(day: Day, chance: Chance) -> None:
    """There is something to sell."""
    for sku in SKUS[: 1 + chance.below(3)]:
        place = chance.choice(PLACES)
        receipt = ReceiveStock(sku=sku, location=place, quantity=chance.between(1, 6), unit="each")
        day.say("inventory", stock_stream(sku), receipt, door="stock")


# Carriers


def track(day: Day, chance: Chance) -> None:
    """The carrier says something of a package, in any order."""
    shipments = [(name, view) for name, view in day.views("shipping", "shipment") if view.packages]
    if not shipments:
        return
    name, view = chance.choice(shipments)
    statuses = (
        *[TrackingStatus.DELIVERED] * 2,
        TrackingStatus.IN_TRANSIT,
        TrackingStatus.LOST,
        TrackingStatus.RETURN_TO_SENDER,
    )
    status = chance.choice(statuses)
    package = chance.choice(view.packages).package
    said = RecordTracking(
        carrier="own-fleet",
        event_id=f"{status}-{chance.below(2)}",
        package=package,
        status=status,
        occurred_at=day.world.now,
    )
    day.say("shipping", name, said, door="carrier")


NODES: Mapping[str, Deed] = {
    "full shelves": Deed(0, full_shelves),
    "work": Deed(16, work),
    "take back": Deed(9, take_back),
    "stock": Deed(5, stock),
    "track": Deed(9, track),
}
"""By name."""
