"""Everybody outside, as messages: what a channel's orders and goods look like when they come in by the doors, and what
staff and the carrier report when they see an event. Pure, given a `seal`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from chassis.doors import Door, Entry
from chassis.log import NewRecord
from contracts.channel import ChannelOrder
from contracts.envelope import Actor
from contracts.fulfillment import (
    FulfillmentAccepted,
    FulfillmentOrderCreated,
    PackedContent,
    PackedPackage,
    Picked,
    PickLine,
    RecordAcceptance,
    RecordHandOver,
    RecordPack,
    RecordPick,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import ReceiveStock
from contracts.message import Command, parse_instant
from contracts.payments.invoices import DescribeSeller, SellerParticulars
from contracts.shipping import LabelIssued, RecordTracking, Shipped, TrackingStatus
from oms.demo.baskets import CHANNEL_ACCOUNT, SELLER
from oms.demo.seller import PARTICULARS
from oms.demo.site import TENANT
from services.order.channel import channel_key
from services.order.intake import Seal, order_id, place_order
from services.payments.invoice_series import series_stream

__all__ = ["CHANNEL", "HTTP", "Floor", "door", "goods_entry", "order_entry", "order_name", "seller_entry"]

STAFF, DRIVER = Actor(kind="system", subject="bench-staff"), Actor(kind="system", subject="bench-driver")

HTTP, CHANNEL = "http", "channel.orders"
"""The doors that messages come in by."""

WEIGHT_GRAMS = 1_800
CARRIER = "own-fleet"


class _Nowhere:
    async def write(self, records: Sequence[NewRecord]) -> None:
        raise NotImplementedError("the records of this door are taken from it, not written")


def door(name: str, partitions: int) -> Door:
    """A door that makes records, as the real one does, and leaves the writing to others."""
    return Door(name, _Nowhere(), partitions)


def order_name(order: ChannelOrder) -> str:
    """The stream of the order."""
    return stream("order", order_id(TENANT, order.channel_account, order.external_id))


def order_entry(order: ChannelOrder, seal: Seal) -> Entry:
    """The order as the channel's door puts it in."""
    actor = Actor(kind="channel", subject=CHANNEL_ACCOUNT)
    return Entry("order", order_name(order), place_order(order, TENANT, seal), channel_key(order), actor=actor)


def goods_entry(goods: ReceiveStock) -> Entry:
    """A delivery of one article to one location."""
    target = stream("stock_item", aggregate_id(TENANT, "stock_item", goods.sku))
    return Entry("inventory", target, goods, (target, goods.document or goods.location), actor=STAFF)


def seller_entry() -> Entry:
    """Who sells: until that is known no document has a number."""
    target = series_stream(TENANT, SELLER)
    command = DescribeSeller(seller=SELLER, particulars=SellerParticulars.model_validate(PARTICULARS))
    return Entry("payments", target, command, (target, "bench"), actor=STAFF)


class Floor:
    """The staff of all locations and the drivers. A deed follows from the event before it; what was asked for is
    remembered until it is picked, and all of it is found."""

    def __init__(self) -> None:
        self._asked: dict[str, Sequence[dict[str, Any]]] = {}
        self._deeds: Mapping[str, Callable[[str, Any, str], list[Entry]]] = {
            FulfillmentOrderCreated.TYPE: self._accept,
            FulfillmentAccepted.TYPE: self._pick,
            Picked.TYPE: self._pack,
            LabelIssued.TYPE: self._hand_over,
            Shipped.TYPE: self._deliver,
        }

    def reports(self, kind: str, name: str, value: bytes, at: str) -> list[Entry]:
        """What somebody says who sees an event of this type on the stream `name`, decided `at` (RFC 3339)."""
        deed = self._deeds.get(kind)
        return deed(name, orjson.loads(value), at) if deed else []

    def _accept(self, name: str, value: Any, at: str) -> list[Entry]:
        self._asked[name] = value["lines"]
        return [_staff(name, "acceptance", RecordAcceptance(document="acceptance"))]

    def _pick(self, name: str, value: Any, at: str) -> list[Entry]:
        lines = tuple(PickLine(**_taken(line)) for line in self._asked.pop(name))
        return [_staff(name, "pick", RecordPick(document="pick", lines=lines))]

    def _pack(self, name: str, value: Any, at: str) -> list[Entry]:
        contents = tuple(PackedContent(**_taken(line)) for line in value["lines"])
        package = PackedPackage(number=1, contents=contents, weight_grams=WEIGHT_GRAMS)
        return [_staff(name, "pack", RecordPack(document="pack", packages=(package,)))]

    def _hand_over(self, name: str, value: Any, at: str) -> list[Entry]:
        target = stream("fulfillment_order", value["fulfillment_order"])
        return [_staff(target, "hand-over", RecordHandOver(document="hand-over", handed_to="driver"))]

    def _deliver(self, name: str, value: Any, at: str) -> list[Entry]:
        packages = [package["package"] for package in value["packages"]]
        return [Entry("shipping", name, _delivered(package, at), (name, package), actor=DRIVER) for package in packages]


def _staff(target: str, step: str, command: Command) -> Entry:
    return Entry("fulfillment", target, command, (target, step), actor=STAFF)


def _taken(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in ("line", "sequence", "quantity")}


def _delivered(package: str, at: str) -> RecordTracking:
    return RecordTracking(
        carrier=CARRIER,
        event_id=f"delivered-{package}",
        package=package,
        status=TrackingStatus.DELIVERED,
        occurred_at=parse_instant(at),
    )
