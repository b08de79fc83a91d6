"""Holds of an order over HTTP: place one, or release it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, model_validator

from chassis.description import shown
from chassis.web import Caller, Gate, caller_of, submit
from contracts.channel import LINES_MAX, Text
from contracts.order import ALL_STEPS, HeldStep, HoldChangeRefused, PlaceHold, ReleaseHold
from services.order.finding import NAMED, find_order, location_of

__all__ = ["router"]


class NewHold(BaseModel):
    """Why a person keeps an order, or these `lines` of it alone (our ids), from going on, and which steps wait."""

    model_config = shown({"detail": "the customer asked us to wait", "lines": ["1"]})

    detail: Text
    lines: Annotated[tuple[str, ...], Field(max_length=LINES_MAX)] = ()
    blocks: Annotated[tuple[HeldStep, ...], Field(min_length=1)] = ALL_STEPS

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if self.lines and set(self.blocks) == {HeldStep.AUTHORIZATION}:
            raise ValueError("the money of an order is secured as a whole: name no lines, or another step")
        return self


class Release(BaseModel):
    """What a person says who accepts what a hold shows."""

    model_config = shown({"detail": "the difference is a discount that we gave"})

    detail: str | None = None


def router(gate: Gate) -> APIRouter:
    """The routes below an order."""
    routes = APIRouter(tags=["orders"])

    @routes.post("/orders/{name}/holds", status_code=202, openapi_extra=NAMED)
    async def place_hold(name: str, caller: Annotated[Caller, Depends(caller_of)], body: NewHold) -> Any:
        """Keep an order, or some lines of it, from going on until the hold is released."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        command = PlaceHold(detail=body.detail, lines=body.lines, blocks=body.blocks)
        return await submit(gate, caller, target, command, location_of(target), refusals=(HoldChangeRefused,))

    @routes.post("/orders/{name}/holds/{hold}/release", status_code=202, openapi_extra=NAMED)
    async def release(
        name: str, hold: str, caller: Annotated[Caller, Depends(caller_of)], body: Release | None = None
    ) -> Any:
        """Accept what a hold shows, so that the order goes on."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        command = ReleaseHold(hold=hold, detail=body.detail if body else None)
        return await submit(gate, caller, target, command, location_of(target), refusals=(HoldChangeRefused,))

    return routes
