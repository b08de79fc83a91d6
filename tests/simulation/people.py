"""Those outside, for whole order lives: a channel that orders, a till that sells, a floor that picks, packs and hands
over, a customer who collects, a carrier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from contracts.channel import ChannelLine, ChannelOrder, ChannelParty, ChannelShipGroup, ChannelTender
from contracts.fulfillment import (
    CancelAnswer,
    CancelRequested,
    FulfillmentOrderCreated,
    PackedContent,
    PackedPackage,
    PickLine,
    RecordAcceptance,
    RecordCancelDecision,
    RecordCollection,
    RecordHandOver,
    RecordPack,
    RecordPick,
    RecordReady,
)
from contracts.ids import split_stream, stream
from contracts.inventory import ReceiveStock
from contracts.message import Event
from contracts.money import TenderMethod
from contracts.order import NoticeRequested, RecordNoticeSent, ShipMethod, ShortagePolicy
from contracts.personal import Personal, PersonalContent
from contracts.shipping import LabelIssued, RecordTracking, TrackingStatus
from services.order.intake import order_id, place_order
from tests.simulation.world import TENANT, World, stock_stream

ADDRESS = ChannelParty(name="Ada", address_lines=("1 Main St",), city="Bonn", postcode="53111", country="DE")


PARCEL = ChannelShipGroup(group="1", ship_to=ADDRESS)
WHOLE = ChannelShipGroup(group="whole", ship_to=ADDRESS, complete=True)
COUNTER = ChannelShipGroup(group="counter", method=ShipMethod.PICKUP, location="north", pickup_person=ADDRESS)
TILL = ChannelShipGroup(group="till", method=ShipMethod.CARRY_OUT, location="north")
WAYS = (PARCEL, WHOLE, COUNTER, TILL)
"""How goods of the web shop go."""


def sealed(subject: str, content: PersonalContent) -> Personal:
    """Stands in for the vault: nothing here reads it."""
    return Personal(subject=subject, ciphertext=f"sealed:{len(content.model_dump_json())}")


def channel_order(
    external_id: str,
    *lines: tuple[str, int, int],
    policy: ShortagePolicy = ShortagePolicy.BACKORDER,
    tenders: Sequence[ChannelTender] | None = None,
    ways: Sequence[ChannelShipGroup] = (),
    **more: Any,
) -> ChannelOrder:
    """An order of lines (SKU, quantity, extended amount in cents), on account unless tenders are given. `ways` are how
    each line goes, the last one also those after it; without any they are shipped."""
    ways = [*ways, *[ways[-1] if ways else PARCEL] * len(lines)]
    total = sum(amount for _, _, amount in lines)
    fields: dict[str, Any] = {
        "channel_account": "webshop-eu",
        "external_id": external_id,
        "channel": "webshop",
        "seller": "acme",
        "placed_at": "2026-01-05T09:00:00Z",
        "currency": "EUR",
        "buyer": ADDRESS,
        "lines": [
            ChannelLine(line_id=f"c{number}", sku=sku, quantity=quantity, amount=amount, ship_group=way.group)
            for number, ((sku, quantity, amount), way) in enumerate(zip(lines, ways, strict=False), start=1)
        ],
        "ship_groups": list({way.group: way for way in ways[: len(lines)]}.values()),
        "tenders": [ChannelTender(method=TenderMethod.INVOICE, amount=total)] if tenders is None else tenders,
        "total": total,
        "shortage_policy": policy,
    }
    return ChannelOrder.model_validate({**fields, **more})


def order_stream(external_id: str) -> str:
    """The stream of the order that the web shop calls so."""
    return stream("order", order_id(TENANT, "webshop-eu", external_id))


def place(world: World, order: ChannelOrder) -> str:
    """The channel's order comes in by its door; returns its stream."""
    name = order_stream(order.external_id)
    world.post("order", name, place_order(order, TENANT, sealed), door="channel.orders")
    return name


def receive(world: World, sku: str, location: str, quantity: int) -> None:
    """Goods arrive, and everybody knows."""
    world.tell("inventory", stock_stream(sku), ReceiveStock(sku=sku, location=location, quantity=quantity, unit="each"))


def lets_go(world: World, name: str, keeps: int = 0) -> RecordCancelDecision:
    """What a node says that lets go of all of its work, or of all but so many units of each line."""
    wanted = world.state("fulfillment", name).wanted
    answers = [
        CancelAnswer(line=line, sequence=sequence, granted=max(0, there - keeps), reason="packed already")
        for (line, sequence), there in wanted.items()
    ]
    return RecordCancelDecision(document="d", lines=tuple(answers))


class Floor:
    """Nodes and the carrier: they do whatever work they see, once. `missing` are units that a node does not find, by
    (location, SKU); `only` the fulfillment orders that are worked on, where not all are."""

    def __init__(
        self, world: World, missing: dict[tuple[str, str], int] | None = None, only: Collection[str] | None = None
    ) -> None:
        self.world, self.missing, self.only = world, dict(missing or {}), only
        self._seen = 0

    def work(self) -> None:
        """Run the world, and everything that it asks of people, until nobody has anything to do."""
        self.world.run()
        while self._seen < len(self.world.events):
            name, event = self.world.events[self._seen]
            self._seen += 1
            self._react(name, event)
            self.world.run()

    def _react(self, name: str, event: Event) -> None:
        match event:
            case FulfillmentOrderCreated() if self.only is None or split_stream(name)[1] in self.only:
                self._fulfil(name, event)
            case CancelRequested() if self.world.state("fulfillment", name).cancel is not None:
                self.world.post("fulfillment", name, lets_go(self.world, name))
            case LabelIssued():
                fulfillment_order = stream("fulfillment_order", event.fulfillment_order)
                self.world.post("fulfillment", fulfillment_order, RecordHandOver(document="h"))
                self.world.run()
                for label in event.labels:
                    self._delivered(name, label.package)
            case NoticeRequested():
                sent = RecordNoticeSent(notice=event.notice, name=f"{event.key}.eml")
                self.world.post("order", name, sent, door=None)

    def _fulfil(self, name: str, event: FulfillmentOrderCreated) -> None:
        self.world.post("fulfillment", name, RecordAcceptance(document="a"))
        picks = [self._pick(event.location, line.sku, line.quantity) for line in event.lines]
        lines = tuple(
            PickLine(
                line=line.line,
                sequence=line.sequence,
                quantity=taken,
                short_reason="not_found" if taken < line.quantity else None,
            )
            for line, taken in zip(event.lines, picks, strict=True)
        )
        self.world.post("fulfillment", name, RecordPick(document="p", lines=lines))
        contents = tuple(
            PackedContent(line=one.line, sequence=one.sequence, quantity=one.quantity) for one in lines if one.quantity
        )
        if event.method == ShipMethod.PICKUP:
            self.world.post("fulfillment", name, RecordReady(document="r", shelf="rack 7"))
            self.world.post("fulfillment", name, RecordCollection(document="c"))
        elif contents:
            package = PackedPackage(number=1, contents=contents, weight_grams=500)
            self.world.post("fulfillment", name, RecordPack(document="k", packages=(package,)))

    def _pick(self, location: str, sku: str, quantity: int) -> int:
        short = min(quantity, self.missing.get((location, sku), 0))
        self.missing[location, sku] = self.missing.get((location, sku), 0) - short
        return quantity - short

    def _delivered(self, name: str, package: str) -> None:
        tracking = RecordTracking(
            carrier="own-fleet",
            event_id=f"d-{package}",
            package=package,
            status=TrackingStatus.DELIVERED,
            occurred_at=self.world.now,
        )
        self.world.post("shipping", name, tracking)
