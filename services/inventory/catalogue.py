"""Items and locations: what each is, in a stream of its own. What stock there is, is the stock item's.

Stock may be received for an item and at a location that nobody described: a description adds to what is known and is
no condition of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.decider import Context, Fold, StreamKind
from contracts.inventory import (
    DescribeItem,
    DescribeLocation,
    ItemChangeRefused,
    ItemDescribed,
    KitRefusal,
    KitRefused,
    LocationDescribed,
)
from contracts.message import Event

__all__ = ["ITEM", "LOCATION", "Item", "Location"]


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it was described last; None where nobody has."""

    described: ItemDescribed | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """A location as it was described last; None where nobody has."""

    described: LocationDescribed | None = None


def _item_evolve(item: Item, event: Event) -> Item:
    match event:
        case ItemDescribed():
            return Item(event.model_copy(update={"door_digest": None}))
    return item


def _location_evolve(location: Location, event: Event) -> Location:
    match event:
        case LocationDescribed():
            return Location(event.model_copy(update={"door_digest": None}))
    return location


def _describe_item(message: DescribeItem, item: Item, context: Context) -> Sequence[Event]:
    known = item.described
    if known is not None and known.unit != message.unit:
        return (ItemChangeRefused(sku=message.sku, unit=message.unit, expected_unit=known.unit),)
    if refusal := _no_kit(message):
        return (KitRefused(sku=message.sku, reason=refusal),)
    return (ItemDescribed(**dict(message)),)


def _no_kit(message: DescribeItem) -> KitRefusal | None:
    """Why its components make no kit, if so. That a component is a kit itself is its own stream's to know."""
    named = [component.sku for component in message.components]
    if message.sku in named:
        return KitRefusal.CONTAINS_ITSELF
    return KitRefusal.LISTED_TWICE if len(set(named)) < len(named) else None


def _describe_location(message: DescribeLocation, location: Location, context: Context) -> Sequence[Event]:
    return (LocationDescribed(**dict(message)),)


ITEM = StreamKind(kind="item", folds=(Fold("item", 1, Item(), _item_evolve),), decide={DescribeItem: _describe_item})

LOCATION = StreamKind(
    kind="location",
    folds=(Fold("location", 1, Location(), _location_evolve),),
    decide={DescribeLocation: _describe_location},
)
