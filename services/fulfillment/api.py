"""The fulfillment service over HTTP: what a node has to do, and what it reports."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from chassis.web import Caller, Gate, Name, Problem, caller_of, stream_of, submit
from contracts.fulfillment import (
    FulfillmentRefused,
    PackedPackage,
    PickLine,
    RecordAcceptance,
    RecordHandOver,
    RecordPack,
    RecordPick,
)
from contracts.message import Command, Instant
from services.fulfillment.fulfillment_order import FULFILLMENT_ORDER
from services.fulfillment.fulfillment_order_state import FulfillmentOrder

__all__ = ["router"]


class Document(BaseModel):
    """A paper or message of the node, by its own id, and when it says that it happened."""

    document: Name
    occurred_at: Instant | None = None


class Acceptance(Document):
    """Whether the node takes the work."""

    accepted: bool = True
    reject_reason: str | None = None


class Taken(PickLine):
    """What was taken for a line; `sku` when it was another item."""

    sku: Name | None = None


class Pick(Document):
    """What was picked of each line; of one that was not found 0, with a reason."""

    lines: Annotated[tuple[Taken, ...], Field(min_length=1)]


class Pack(Document):
    """What went into which package; weights in grams."""

    packages: Annotated[tuple[PackedPackage, ...], Field(min_length=1)]


class HandOver(Document):
    """The packages left the node."""

    handed_to: str | None = None


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/fulfillment-orders", tags=["fulfillment"])

    async def record(identifier: str, command: Command, caller: Caller) -> Any:
        target = stream_of(FULFILLMENT_ORDER.kind, identifier)
        location = f"/fulfillment-orders/{identifier}"
        return await submit(gate, caller, target, command, location, refusals=(FulfillmentRefused,))

    @routes.get("/{identifier}")
    def show(identifier: str) -> dict[str, Any]:
        """What was asked for, and how far it is."""
        seen = gate.reads.stream(stream_of(FULFILLMENT_ORDER.kind, identifier))
        if seen.stream.version == 0:
            raise Problem(
                404, f"No fulfillment order {identifier} is known", "GET /orders/{id} names those of an order."
            )
        view = _view(seen.stream.view(FULFILLMENT_ORDER))
        return {"id": identifier, "version": seen.stream.version, **view, "followed": seen.followed()}

    @routes.post("/{identifier}/acceptance", status_code=202)
    async def accept(identifier: str, body: Acceptance, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The node takes the work, or refuses it."""
        return await record(identifier, RecordAcceptance(**dict(body)), caller)

    @routes.post("/{identifier}/pick", status_code=202)
    async def pick(identifier: str, body: Pick, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The node picked goods, or did not find them."""
        return await record(identifier, RecordPick(**dict(body)), caller)

    @routes.post("/{identifier}/pack", status_code=202)
    async def pack(identifier: str, body: Pack, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The node packed what it picked."""
        return await record(identifier, RecordPack(**dict(body)), caller)

    @routes.post("/{identifier}/hand-over", status_code=202)
    async def hand_over(identifier: str, body: HandOver, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The packages left the node."""
        return await record(identifier, RecordHandOver(**dict(body)), caller)

    return routes


def _view(state: FulfillmentOrder) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if state.created is not None:
        hidden = {"door_digest", "reply_to", "ship_to", "instructions", "gift_message"}
        asked = state.created.model_dump(mode="json", exclude_none=True, exclude=hidden)
    return {
        **asked,
        "stage": state.stage,
        "picked": [line.model_dump(mode="json", exclude_none=True) for line in state.picked.lines]
        if state.picked
        else [],
        "packages": [package.model_dump(mode="json", exclude_none=True) for package in state.packages],
    }
