"""The inventory service over HTTP: receive and adjust stock, look at an item."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from chassis.doors import Entry
from chassis.web import Caller, Gate, Problem, caller_of, submit
from contracts.ids import aggregate_id, stream
from contracts.inventory import AdjustmentReason, AdjustStock, ReceiveStock, StockChangeRefused, StockStatus
from contracts.message import Instant
from services.inventory.stock_book import StockBook
from services.inventory.stock_item import STOCK_ITEM

__all__ = ["router"]

Positive = Annotated[int, Field(gt=0)]

DELIVERED_LINES_MAX = 1_000
"""Articles that one delivery may bring: each is a message of its own."""

CLAIMS_SHOWN_MAX = 100
"""Open claims that a look at an item shows; how many there are is said beside them."""


class Receipt(BaseModel):
    """Goods that came in at a location: `quantity` of the item's base unit."""

    location: str
    quantity: Positive
    unit: str = "each"
    status: StockStatus = StockStatus.SELLABLE
    supply: str | None = None
    document: str | None = None
    occurred_at: Instant | None = None


class DeliveredLine(BaseModel):
    """One article of a delivery: `quantity` of its base unit."""

    sku: str
    quantity: Positive
    unit: str = "each"


class Delivery(BaseModel):
    """A delivery of many articles to a location, under the document that came with it; each article once."""

    location: str
    document: str
    lines: Annotated[tuple[DeliveredLine, ...], Field(min_length=1, max_length=DELIVERED_LINES_MAX)]
    occurred_at: Instant | None = None


class Adjustment(BaseModel):
    """Stock found or gone at a location, and why."""

    location: str
    quantity: Positive
    unit: str = "each"
    reason: AdjustmentReason
    status: StockStatus = StockStatus.SELLABLE
    document: str | None = None
    occurred_at: Instant | None = None


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/stock-items", tags=["stock"])

    def target(sku: str) -> str:
        return stream(STOCK_ITEM.kind, aggregate_id(gate.door.tenant, STOCK_ITEM.kind, sku))

    @routes.post("/{sku}/receipts", status_code=202)
    async def receive(sku: str, body: Receipt, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Receive goods; demand that waits for them is served in the same step."""
        command = ReceiveStock(sku=sku, **dict(body))
        return await submit(gate, caller, target(sku), command, f"/stock-items/{sku}", refusals=(StockChangeRefused,))

    @routes.post("/receipts", status_code=202)
    async def receive_delivery(body: Delivery, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Receive a whole delivery. Each article is received as if alone under the same Idempotency-Key, so that a
        delivery sent again, even in other parts, is received once."""
        entries = [_delivered(target(line.sku), body, line, caller) for line in body.lines]
        if len({entry.stream for entry in entries}) < len(entries):
            raise Problem(422, "An article is listed twice", "Add up the lines of one SKU and send them as one.")
        await gate.door.writer.write([gate.door.record(entry) for entry in entries])
        return JSONResponse({"document": body.document, "lines": len(entries), "outcome": "pending"}, 202)

    @routes.post("/{sku}/adjustments", status_code=202)
    async def adjust(sku: str, body: Adjustment, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Correct the stock of a location by a difference."""
        command = AdjustStock(sku=sku, **dict(body))
        return await submit(gate, caller, target(sku), command, f"/stock-items/{sku}", refusals=(StockChangeRefused,))

    @routes.get("/{sku}")
    def show(sku: str) -> dict[str, Any]:
        """The item at all its locations, and who waits for it."""
        seen = gate.reads.stream(target(sku))
        if seen.stream.version == 0:
            raise Problem(404, f"No stock item {sku} is known", "Receive some with POST /stock-items/{sku}/receipts.")
        view = _view(seen.stream.view(STOCK_ITEM))
        return {"sku": sku, "version": seen.stream.version, **view, "followed": seen.followed()}

    return routes


def _delivered(target: str, delivery: Delivery, line: DeliveredLine, caller: Caller) -> Entry:
    command = ReceiveStock(
        sku=line.sku,
        location=delivery.location,
        quantity=line.quantity,
        unit=line.unit,
        document=delivery.document,
        occurred_at=delivery.occurred_at,
    )
    return Entry("inventory", target, command, (target, caller.key), caller.actor, caller.reason)


def _view(book: StockBook) -> dict[str, Any]:
    claims = sorted(book.claims.items())
    return {
        "unit": book.unit,
        "levels": [shelf.level(place).model_dump(mode="json") for place, shelf in sorted(book.shelves.items())],
        "claims_count": len(claims),
        "claims_waiting": book.waiting_count,
        "claims": [
            {
                "demand": claim.demand.model_dump(mode="json"),
                "sequence": claim.sequence,
                "quantity": claim.quantity,
                "reserved": claim.reserved,
                "waiting": claim.waiting,
            }
            for _, claim in claims[:CLAIMS_SHOWN_MAX]
        ],
    }
