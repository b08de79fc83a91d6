"""What is printed about a package, on its label and on its packing slip: a function of what the streams say.

The recipient is opened here and nowhere else in this service, and only to be printed: nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chassis.sealing import PersonalDataForgotten
from contracts.address import Area, ShipTo
from contracts.fulfillment import Package, PackageContent, ReturnMatched, ReturnOpened
from contracts.inventory import LocationDescribed, TracedQuantity
from contracts.order import OrderLine, OrderPlaced
from contracts.personal import Personal, PersonalContent
from contracts.shipping import ShipmentCreated

__all__ = [
    "FORGOTTEN",
    "UNNAMED",
    "Opened",
    "PackingSlip",
    "Parcel",
    "ReturnParcel",
    "SlipLine",
    "packing_slip_of",
    "parcel_of",
    "return_parcel_of",
]

Opened = Callable[[Personal], PersonalContent]
"""Opens what is sealed; raises PersonalDataForgotten or PersonalDataUnreadable."""

FORGOTTEN = "[forgotten: name and address were erased]"
"""Stands where the recipient's name and address were, once their key is destroyed."""

UNNAMED = "[no recipient was named]"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A package as its papers name it: the `place`-th of `count` of its shipment, by the node's numbers. `sscc` is
    absent while it has no label; lines of an address are printed as they stand."""

    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    order_number: str
    channel_number: str | None
    carrier: str
    service: str
    zone: str
    place: int
    count: int
    weight_grams: int
    sscc: str | None

    @property
    def weight(self) -> str:
        """The actual weight in kilograms."""
        return f"{self.weight_grams // 1000}.{self.weight_grams % 1000:03} kg"


@dataclass(frozen=True, slots=True)
class ReturnParcel:
    """What a customer sends back, as its label names it: to a business, and from nobody who could be named."""

    recipient: tuple[str, ...]
    return_id: str
    number: int
    order_number: str
    channel_number: str | None


@dataclass(frozen=True, slots=True)
class SlipLine:
    """What of an order's line is inside. `notes` are its lots and serial numbers, or what it stands in for."""

    line: str
    sku: str
    description: str | None
    quantity: int
    unit: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackingSlip:
    """A package and its contents. It names no price: who unpacks a gift should not read one."""

    parcel: Parcel
    lines: tuple[SlipLine, ...]


def parcel_of(
    package: Package, created: ShipmentCreated, packages: tuple[Package, ...], order: OrderPlaced, opened: Opened
) -> Parcel:
    """One of the `packages` of a shipment; raises PersonalDataUnreadable where the address cannot be opened."""
    numbers = sorted(each.number for each in packages)
    return Parcel(
        sender=_sender(created, order),
        recipient=_recipient(created.ship_to, opened),
        order_number=order.number,
        channel_number=order.channel_number,
        carrier=created.carrier,
        service=created.service,
        zone=created.zone,
        place=numbers.index(package.number) + 1,
        count=len(packages),
        weight_grams=package.weight_grams,
        sscc=package.sscc,
    )


def return_parcel_of(
    opened: ReturnOpened | ReturnMatched, place: LocationDescribed, order: OrderPlaced, return_id: str
) -> ReturnParcel:
    """What comes back to a place with an address."""
    address = place.address
    assert address is not None and opened.number is not None
    town = " ".join(part for part in (address.postcode, address.city) if part)
    country = " ".join(part for part in (address.region, address.country) if part)
    lines = (order.brand or order.seller, place.name or place.location, *address.address_lines, town, country)
    return ReturnParcel(
        recipient=tuple(line for line in lines if line),
        return_id=return_id,
        number=opened.number,
        order_number=order.number,
        channel_number=order.channel_number,
    )


def packing_slip_of(parcel: Parcel, package: Package, order: OrderPlaced) -> PackingSlip:
    """The packing slip of a package, in the order of its contents."""
    ordered = {line.line: line for line in order.lines}
    return PackingSlip(parcel, tuple(_slip_line(content, ordered.get(content.line)) for content in package.contents))


def _sender(created: ShipmentCreated, order: OrderPlaced) -> tuple[str, ...]:
    area = (_area(created.origin),) if created.origin else ()
    return (order.brand or order.seller, created.location, *area)


def _recipient(ship_to: ShipTo, opened: Opened) -> tuple[str, ...]:
    if ship_to.personal is None:
        return (UNNAMED, _area(ship_to.area))
    try:
        content = opened(ship_to.personal)
    except PersonalDataForgotten:
        return (FORGOTTEN, _area(ship_to.area))
    place = " ".join(part for part in (content.postcode, content.city) if part)
    lines = (content.name, content.company, *(content.address_lines or ()), place)
    return (*(line for line in lines if line), _country(ship_to.area))


def _country(area: Area) -> str:
    return " ".join(part for part in (area.region, area.country) if part)


def _area(area: Area) -> str:
    """All that may be read without a key."""
    return " ".join(part for part in (area.postcode_prefix, _country(area)) if part)


def _slip_line(content: PackageContent, ordered: OrderLine | None) -> SlipLine:
    """What was ordered describes what is inside only where it is the same item."""
    as_ordered = ordered is not None and ordered.sku == content.sku
    instead = () if ordered is None or as_ordered else (f"instead of {ordered.sku}",)
    return SlipLine(
        line=content.line,
        sku=content.sku,
        description=ordered.description if ordered and as_ordered else None,
        quantity=content.quantity,
        unit=content.unit,
        notes=(*instead, *(_traced(traced, content.unit) for traced in content.traced)),
    )


def _traced(traced: TracedQuantity, unit: str) -> str:
    parts = (
        f"{traced.quantity} {unit}",
        f"lot {traced.lot}" if traced.lot else "",
        f"expires {traced.expires_on.isoformat()}" if traced.expires_on else "",
        f"serial {', '.join(traced.serials)}" if traced.serials else "",
    )
    return "; ".join(part for part in parts if part)
