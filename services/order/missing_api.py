"""Units that a node did not give, over HTTP: listed."""

from __future__ import annotations

from typing import Any, LiteralString

from fastapi import APIRouter

from chassis.listing import CountAsked, Listing, PageAsked, list_page, text_key
from chassis.web import Gate, Name
from contracts.message import parse_instant
from services.order.desk_projection import DeskProjection, MissingCause

__all__ = ["MISSING_UNITS", "router"]

MISSING_UNITS = Listing(
    name="missing_units",
    projection=DeskProjection.name,
    table="missing_units",
    columns={
        "order_id": "order_id",
        "order_number": "(select orders.number from orders where orders.id = missing_units.order_id)",
        "line": "line",
        "fulfillment_order": "fulfillment_order",
        "cause": "cause",
        "location": "location",
        "reason": "reason",
        "quantity": "quantity",
        "missing_at": "missing_at",
    },
    key={"missing_at": parse_instant, "order_id": text_key, "line": text_key, "fulfillment_order": text_key},
    moments=("missing_at",),
)


def router(gate: Gate) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["orders"])

    @routes.get("/missing-units")
    def list_missing(
        asked: PageAsked, counting: CountAsked, cause: MissingCause | None = None, order: Name | None = None
    ) -> dict[str, Any]:
        """Lines of which a node rejected the work (`cause=rejected`) or did not find units (`short`), until units of the
        line go to a node again or are cancelled, or the order ends; the oldest first. `order` is an order's id."""
        conditions: dict[LiteralString, Any] = {
            "cause = %s": None if cause is None else cause.value,
            "order_id = %s": order,
        }
        return list_page(gate.reads, MISSING_UNITS, asked, conditions, counting)

    return routes
