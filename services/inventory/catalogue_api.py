"""Items and locations over HTTP: say what each is, look at it, list them."""

from __future__ import annotations

from typing import Annotated, Any, LiteralString
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from chassis.decider import StreamKind
from chassis.description import shown
from chassis.listing import Listing, PageAsked, list_page, text_key
from chassis.problems import Problem, ProblemKind
from chassis.web import NUMBER_MAX, Caller, Gate, Name, Positive, caller_of, seen_answer, submit
from contracts.ids import aggregate_id, stream
from contracts.inventory import (
    DescribeItem,
    DescribeLocation,
    ItemChangeRefused,
    KitComponent,
    KitRefused,
    LocationAddress,
    LocationKind,
)
from services.inventory.catalogue import ITEM, LOCATION
from services.inventory.projections import CatalogueProjection

__all__ = ["ITEMS", "LOCATIONS", "Component", "ItemDescription", "LocationDescription", "router"]

ADDRESS_LINES_MAX = 6
COUNTRY = r"^[A-Z]{2}$"

COMPONENTS_MAX = 100
"""Articles that a kit may have: each is a line of every order of it."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from error
    return name


class Address(BaseModel):
    """Where a location is: `country` as ISO 3166-1 alpha-2."""

    address_lines: Annotated[tuple[Text, ...], Field(max_length=ADDRESS_LINES_MAX)] = ()
    city: Text | None = None
    postcode: Annotated[str, StringConstraints(min_length=1, max_length=32)] | None = None
    region: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    country: Annotated[str, StringConstraints(pattern=COUNTRY)]


class LocationDescription(BaseModel):
    """What a location is, whole: it replaces what was said before. `location` is the name by which stock knows it.
    Of two that serve an order as well the one with the higher `priority` does; `daily_capacity` is how many fulfillment
    orders it takes a day (UTC)."""

    model_config = shown(
        {
            "location": "berlin",
            "kind": "own",
            "name": "Berlin",
            "address": {"city": "Berlin", "postcode": "12099", "country": "DE"},
            "time_zone": "Europe/Berlin",
            "priority": 1,
        }
    )

    location: Name
    kind: LocationKind = LocationKind.OWN
    name: Text | None = None
    legal_entity: Name | None = None
    address: Address | None = None
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = None
    priority: Annotated[int, Field(ge=-NUMBER_MAX, le=NUMBER_MAX)] = 0
    daily_capacity: Annotated[int, Field(gt=0, le=NUMBER_MAX)] | None = None


class Component(BaseModel):
    """What one kit has of an article; `weight` is its share of the kit's price, by default its quantity."""

    sku: Name
    quantity: Positive
    unit: Name = "each"
    weight: Annotated[int, Field(ge=0, le=NUMBER_MAX)] | None = None


class ItemDescription(BaseModel):
    """What an item is, whole: it replaces what was said before, all but `unit`, the base unit of its stock. With
    `components` it is a kit: orders of it leave as those."""

    model_config = shown(
        {"sku": "SKU-1", "unit": "each", "description": "Teapot", "gtin": "4006381333931", "weight_grams": 900}
    )

    sku: Name
    unit: Name = "each"
    description: Text | None = None
    gtin: Annotated[str, StringConstraints(pattern=r"^[0-9]{8,14}$")] | None = None
    weight_grams: Annotated[int, Field(gt=0, le=NUMBER_MAX)] | None = None
    category: Name | None = None
    tax_class: Name | None = None
    components: Annotated[tuple[Component, ...], Field(max_length=COMPONENTS_MAX)] = ()


ITEMS = Listing(
    name="items",
    projection=CatalogueProjection.name,
    table="items",
    columns={
        "sku": "sku",
        "unit": "unit",
        "description": "description",
        "gtin": "gtin",
        "category": "category",
        "tax_class": "tax_class",
        "kit": "kit",
        "described_at": "described_at",
    },
    key={"sku": text_key},
)

LOCATIONS = Listing(
    name="locations",
    projection=CatalogueProjection.name,
    table="locations",
    columns={
        "location": "location",
        "kind": "kind",
        "name": "name",
        "legal_entity": "legal_entity",
        "country": "country",
        "region": "region",
        "postcode": "postcode",
        "time_zone": "time_zone",
        "priority": "priority",
        "daily_capacity": "daily_capacity",
        "described_at": "described_at",
    },
    key={"location": text_key},
)


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["items and locations"])

    def target(kind: StreamKind, name: str) -> str:
        return stream(kind.kind, aggregate_id(gate.door.tenant, kind.kind, name))

    @routes.post("/locations", status_code=202)
    async def describe_location(body: LocationDescription, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say what a location is."""
        address = LocationAddress(**dict(body.address)) if body.address else None
        command = DescribeLocation(**{**dict(body), "address": address})
        place = f"/locations/{quote(body.location, safe='')}"
        return await submit(gate, caller, target(LOCATION, body.location), command, place)

    @routes.post("/items", status_code=202)
    async def describe_item(body: ItemDescription, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say what an item is."""
        components = tuple(KitComponent(**dict(one)) for one in body.components)
        place, command = f"/items/{quote(body.sku, safe='')}", DescribeItem(**{**dict(body), "components": components})
        refusals = (ItemChangeRefused, KitRefused)
        return await submit(gate, caller, target(ITEM, body.sku), command, place, refusals=refusals)

    def shown(kind: StreamKind, name: str) -> Any:
        seen = gate.reads.stream(target(kind, name))
        described = seen.stream.view(kind).described
        if described is None:
            raise Problem(
                ProblemKind.NOT_FOUND,
                f"Nobody said what the {kind.kind} {name} is",
                f"Say it with POST /{kind.kind}s; stock needs it not.",
            )
        said = described.model_dump(mode="json", exclude_none=True)
        return seen_answer(seen, said)

    @routes.get("/locations")
    def list_locations(
        asked: PageAsked,
        kind: LocationKind | None = None,
        country: Annotated[str | None, Query(pattern=COUNTRY)] = None,
    ) -> dict[str, Any]:
        """Locations that somebody described, by name; a location that was only stocked is on the list of stock."""
        return list_page(gate.reads, LOCATIONS, asked, {"kind = %s": kind and kind.value, "country = %s": country})

    @routes.get("/items")
    def list_items(asked: PageAsked, category: Name | None = None, kit: bool | None = None) -> dict[str, Any]:
        """Items that somebody described, by SKU; an item that was only stocked is on the list of stock."""
        conditions: dict[LiteralString, Any] = {
            "category = %s": category,
            "kit": kit is True,
            "not kit": kit is False,
        }
        return list_page(gate.reads, ITEMS, asked, conditions)

    @routes.get("/locations/{location:path}")
    def show_location(location: Name) -> Any:
        """What a location is."""
        return shown(LOCATION, location)

    @routes.get("/items/{sku:path}")
    def show_item(sku: Name) -> Any:
        """What an item is."""
        return shown(ITEM, sku)

    return routes
