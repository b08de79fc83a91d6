"""The inventory service over HTTP: receive, expect, count and adjust stock, look at an item, list them."""

from __future__ import annotations

from heapq import nsmallest
from typing import Annotated, Any, LiteralString
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, model_validator

from chassis.description import shown
from chassis.doors import Entry
from chassis.listing import CountAsked, Listing, PageAsked, list_page, text_key
from chassis.problems import Problem, ProblemKind
from chassis.recorded import At, seen_at
from chassis.web import NUMBER_MAX, Caller, Gate, Name, Positive, caller_of, seen_answer, submit
from contracts.ids import aggregate_id, stream
from contracts.inventory import (
    AdjustmentReason,
    AdjustStock,
    CountStock,
    ExpectSupply,
    ReceiveStock,
    StockChangeRefused,
    StockStatus,
    TracedQuantity,
)
from contracts.message import Command, Instant, format_instant
from services.inventory.projections import StockProjection
from services.inventory.stock_book import StockBook
from services.inventory.stock_facts import moves_nothing
from services.inventory.stock_item import STOCK_ITEM

__all__ = ["DELIVERED_LINES_MAX", "STOCK_ITEMS", "router"]

DELIVERED_LINES_MAX = 1_000
"""Articles that one delivery may bring: each is a message of its own."""

CLAIMS_SHOWN_MAX = 100
"""Open claims that a look at an item shows; how many there are is said beside them."""

SUPPLIES_SHOWN_MAX = 100
"""Expected supplies that a look at an item shows."""


class Fact(BaseModel):
    """Something that happened at a location, in the item's base unit: its paper, the source's own time, and the parts
    whose lot, expiry, serial numbers or owner is known."""

    location: Name
    unit: Name = "each"
    document: Name | None = None
    occurred_at: Instant | None = None
    traced: tuple[TracedQuantity, ...] = ()


class Change(Fact):
    """A quantity that came or went, and which status it has on hand."""

    quantity: Positive
    status: StockStatus = StockStatus.SELLABLE

    @model_validator(mode="after")
    def _traces_no_more_than_it_has(self) -> Change:
        if (traced := sum(part.quantity for part in self.traced)) > self.quantity:
            raise ValueError(f"the parts in traced add up to {traced}, which is more than {self.quantity}")
        return self


class Receipt(Change):
    """Goods that came in: `supply` names the expected supply that they are."""

    model_config = shown({"location": "berlin", "quantity": 10, "unit": "each", "document": "goods-in-1"})

    supply: Name | None = None


class DeliveredLine(BaseModel):
    """One article of a delivery: `quantity` of its base unit. `supply` names the expected supply that it is."""

    sku: Name
    quantity: Positive
    unit: Name = "each"
    supply: Name | None = None


class Delivery(BaseModel):
    """A delivery of many articles to a location, under the document that came with it; each article once."""

    model_config = shown(
        {
            "location": "berlin",
            "document": "delivery-7",
            "lines": [{"sku": "SKU-1", "quantity": 10}, {"sku": "SKU-2", "quantity": 4}],
        }
    )

    location: Name
    document: Name
    lines: Annotated[tuple[DeliveredLine, ...], Field(min_length=1, max_length=DELIVERED_LINES_MAX)]
    occurred_at: Instant | None = None


class Adjustment(Change):
    """Stock found or gone, and why. `status` is where it was, or for what came where it is."""

    model_config = shown({"location": "berlin", "quantity": 1, "unit": "each", "reason": "damaged"})

    reason: AdjustmentReason

    @model_validator(mode="after")
    def _moves_something(self) -> Adjustment:
        if moves_nothing(self.reason, self.status):
            raise ValueError(f"goods that are {self.status} already cannot be {self.reason}: say which status they had")
        return self


class Count(Fact):
    """Sellable goods counted on the shelf, those of claims included."""

    model_config = shown({"location": "berlin", "counted": 9, "unit": "each", "document": "count-3"})

    counted: Annotated[int, Field(ge=0, le=NUMBER_MAX)]


class Supply(BaseModel):
    """Goods on their way under a name: the open quantity, where to and when; a quantity of 0 withdraws them."""

    model_config = shown(
        {"supply": "po-7/1", "location": "berlin", "quantity": 20, "expected_at": "2026-02-01T08:00:00Z"}
    )

    supply: Name
    location: Name
    quantity: Annotated[int, Field(ge=0, le=NUMBER_MAX)]
    unit: Name = "each"
    expected_at: Instant


STOCK_ITEMS = Listing(
    name="stock_items",
    projection=StockProjection.name,
    table="stock_items i",
    columns={
        "sku": "i.sku",
        "unit": "i.unit",
        "waiting": "(select coalesce(sum(waiting), 0)::bigint from claims c where c.sku = i.sku)",
        "levels": "coalesce((select json_agg(json_build_object('location', location, 'on_hand', on_hand, 'sellable',"
        " sellable, 'suspect', suspect, 'damaged', damaged, 'on_hold', on_hold, 'picked', picked, 'reserved', reserved,"
        " 'soft', soft, 'available', available) order by location) from stock_levels l where l.sku = i.sku), '[]')",
    },
    key={"i.sku": text_key},
)


_DELIVERED = {
    "application/json": {
        "examples": {
            "pending": {
                "summary": "All articles are in the inbox.",
                "value": {"document": "delivery-7", "lines": 2, "outcome": "pending"},
            }
        }
    }
}


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/stock-items", tags=["stock"])

    def target(sku: str) -> str:
        return stream(STOCK_ITEM.kind, aggregate_id(gate.door.tenant, STOCK_ITEM.kind, sku))

    async def change(sku: str, command: Command, caller: Caller) -> Any:
        location = f"/stock-items/{quote(sku, safe='')}"
        return await submit(gate, caller, target(sku), command, location, refusals=(StockChangeRefused,))

    @routes.post("/{sku:path}/receipts", status_code=202)
    async def receive(sku: Name, body: Receipt, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Receive goods; demand that waits for them is served in the same step."""
        return await change(sku, ReceiveStock(sku=sku, **dict(body)), caller)

    @routes.post("/receipts", status_code=202, responses={202: {"content": _DELIVERED}})
    async def receive_delivery(body: Delivery, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Receive a whole delivery. Each article is received as if alone under the same Idempotency-Key, so that a
        delivery sent again, even in other parts, is received once."""
        caller.without_condition("A delivery goes to many items.")
        entries = [_delivered(target(line.sku), body, line, caller) for line in body.lines]
        if len({entry.stream for entry in entries}) < len(entries):
            raise Problem(
                ProblemKind.UNREADABLE,
                "An article is listed twice",
                "Add up the lines of one SKU and send them as one.",
            )
        await gate.door.writer.write([gate.door.record(entry) for entry in entries])
        return JSONResponse({"document": body.document, "lines": len(entries), "outcome": "pending"}, 202)

    @routes.post("/{sku:path}/supplies", status_code=202)
    async def expect(sku: Name, body: Supply, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Expect goods under a name; sent again with other numbers it replaces them."""
        return await change(sku, ExpectSupply(sku=sku, **dict(body)), caller)

    @routes.post("/{sku:path}/adjustments", status_code=202)
    async def adjust(sku: Name, body: Adjustment, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Correct the stock of a location by a difference."""
        return await change(sku, AdjustStock(sku=sku, **dict(body)), caller)

    @routes.post("/{sku:path}/counts", status_code=202)
    async def count(sku: Name, body: Count, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say what was counted on the shelf: the book follows it, and claims that no longer fit are broken."""
        return await change(sku, CountStock(sku=sku, **dict(body)), caller)

    @routes.get("")
    def list_stock(
        asked: PageAsked,
        counting: CountAsked,
        location: Name | None = None,
        waiting: bool = False,
        suspect: bool = False,
    ) -> dict[str, Any]:
        """Items with their numbers at each location, by SKU. `waiting`: those that demand waits for; `suspect`: those
        with goods that a picker did not find."""
        conditions: dict[LiteralString, Any] = {
            "exists (select from stock_levels l where l.sku = i.sku and location = %s)": location,
            "exists (select from claims c where c.sku = i.sku and waiting > 0)": waiting,
            "exists (select from stock_levels l where l.sku = i.sku and suspect > 0)": suspect,
        }
        return list_page(gate.reads, STOCK_ITEMS, asked, conditions, counting)

    @routes.get("/{sku:path}")
    def show(sku: Name, at: At = None) -> Any:
        """The item at all its locations, and who waits for it."""
        seen = seen_at(gate.reads, target(sku), at)
        if seen.stream.version == 0:
            raise Problem(
                ProblemKind.NOT_FOUND,
                f"No stock item {sku} is known",
                "Receive some with POST /stock-items/{sku}/receipts.",
            )
        return seen_answer(seen, {"sku": sku, **_view(seen.stream.view(STOCK_ITEM))})

    return routes


def _delivered(target: str, delivery: Delivery, line: DeliveredLine, caller: Caller) -> Entry:
    command = ReceiveStock(
        sku=line.sku,
        location=delivery.location,
        quantity=line.quantity,
        unit=line.unit,
        supply=line.supply,
        document=delivery.document,
        occurred_at=delivery.occurred_at,
    )
    return Entry("inventory", target, command, (target, caller.key), caller.actor, caller.reason)


def _view(book: StockBook) -> dict[str, Any]:
    shown = (book.claims[key] for key in nsmallest(CLAIMS_SHOWN_MAX, book.claims))
    return {
        "unit": book.unit,
        "levels": [shelf.level(place).model_dump(mode="json") for place, shelf in sorted(book.shelves.items())],
        "supplies": [
            {
                "supply": name,
                "location": supply.location,
                "quantity": supply.quantity,
                "expected_at": format_instant(supply.expected_at),
            }
            for name, supply in sorted(book.supplies.items())[:SUPPLIES_SHOWN_MAX]
        ],
        "claims_count": len(book.claims),
        "claims_waiting": book.waiting_count,
        "claims": [
            {
                "demand": claim.terms.demand.model_dump(mode="json"),
                "sequence": claim.terms.sequence,
                "quantity": claim.terms.quantity,
                "reserved": claim.reserved,
                "waiting": claim.waiting,
                "soft_until": claim.terms.soft_until and format_instant(claim.terms.soft_until),
            }
            for claim in shown
        ],
    }
