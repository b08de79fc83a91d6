"""The shipping service over HTTP: a shipment, and what its carrier reports."""

from __future__ import annotations

from typing import Annotated, Any, LiteralString

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from chassis.description import shown
from chassis.listing import CountAsked, Listing, PageAsked, any_of, list_page, text_key
from chassis.problems import Problem, ProblemKind
from chassis.recorded import At, seen_at
from chassis.web import Caller, Gate, Name, caller_of, seen_answer, stream_of, submit
from contracts.message import Instant, parse_instant
from contracts.shipping import RecordTracking, ShipmentRefused, TrackingStatus
from services.shipping.carriers import words_of
from services.shipping.projections import ShipmentsProjection
from services.shipping.shipment import SHIPMENT, Shipment, Stage

__all__ = ["SHIPMENTS", "router"]


class Tracking(BaseModel):
    """One report of a carrier about a package, by the carrier's own event id. `status` is the carrier's own word; our
    fleet, and who is not in the table of carriers, uses ours: `in_transit`, `delivered`, `lost` and so on."""

    model_config = shown(
        {
            "carrier": "own-fleet",
            "event_id": "e1",
            "package": "003400000000000000",
            "status": "in_transit",
            "place": "Hannover",
            "occurred_at": "2026-02-01T06:12:00Z",
        }
    )

    carrier: Name
    event_id: Name
    package: Name
    status: Name
    place: str | None = None
    detail: str | None = None
    occurred_at: Instant


SHIPMENTS = Listing(
    name="shipments",
    projection=ShipmentsProjection.name,
    table="shipments",
    columns={
        "id": "id",
        "order_id": "order_id",
        "fulfillment_order": "fulfillment_order",
        "location": "location",
        "carrier": "carrier",
        "service": "service",
        "packages": "packages",
        "delivered": "delivered",
        "lost": "lost",
        "returned": "returned",
        "stage": "stage",
        "created_at": "created_at",
        "changed_at": "changed_at",
    },
    key={"created_at": parse_instant, "id": text_key},
    newest_first=True,
    moments=("created_at", "changed_at"),
)


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/shipments", tags=["shipping"])

    @routes.get("")
    def list_shipments(
        asked: PageAsked,
        counting: CountAsked,
        location: Name | None = None,
        carrier: Name | None = None,
        stage: Annotated[list[Stage] | None, Query(description="Several may be asked for.")] = None,
        order: Name | None = None,
        under_way: bool = False,
        astray: bool = False,
    ) -> dict[str, Any]:
        """Shipments, the last created first; `order` is an order's id. `under_way`: those that have left, and of which
        a package has neither arrived, nor been lost, nor come back; `astray`: those of which one was lost or comes back."""
        conditions: dict[LiteralString, Any] = {
            "location = %s": location,
            "carrier = %s": carrier,
            "stage = any(%s)": any_of(stage),
            "order_id = %s": order,
            "stage = 'shipped' and delivered + lost + returned < packages": under_way,
            "lost + returned > 0": astray,
        }
        return list_page(gate.reads, SHIPMENTS, asked, conditions, counting)

    @routes.get("/{identifier}")
    def show(identifier: str, at: At = None) -> Any:
        """What is shipped, its labels, and how far it is."""
        seen = seen_at(gate.reads, stream_of(SHIPMENT.kind, identifier), at)
        if seen.stream.version == 0:
            raise Problem(
                ProblemKind.NOT_FOUND,
                f"No shipment {identifier} is known",
                "The timeline of an order names its shipments.",
            )
        return seen_answer(seen, {"id": identifier, **_view(seen.stream.view(SHIPMENT))})

    @routes.post("/{identifier}/tracking", status_code=202)
    async def track(identifier: str, body: Tracking, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The carrier reports where a package is."""
        target = stream_of(SHIPMENT.kind, identifier)
        command, location = RecordTracking(**(dict(body) | {"status": _status(body)})), f"/shipments/{identifier}"
        return await submit(gate, caller, target, command, location, refusals=(ShipmentRefused,))

    return routes


def _status(body: Tracking) -> TrackingStatus:
    """Read here, so that what is recorded keeps its meaning when a carrier changes its words."""
    words = words_of(body.carrier)
    if body.status not in words:
        known = ", ".join(sorted(words))
        raise Problem(
            ProblemKind.UNREADABLE, f"{body.carrier} has no status {body.status}", f"Send one of these: {known}."
        )
    return words[body.status]


def _view(state: Shipment) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if state.created is not None:
        hidden = {"door_digest", "reply_to", "ship_to", "packages"}
        asked = state.created.model_dump(mode="json", exclude_none=True, exclude=hidden)
    return {
        **asked,
        "stage": state.stage,
        "packages": [package.model_dump(mode="json", exclude_none=True) for package in state.packages],
        "delivered": state.told_of(TrackingStatus.DELIVERED),
        "lost": state.told_of(TrackingStatus.LOST),
        "returned": state.told_of(TrackingStatus.RETURN_TO_SENDER),
    }
