"""Returns of an order over HTTP: ask whether goods may come back, and decide what the rules leave to people.

What comes back, and what becomes of it, is told at the doors of the fulfillment service.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, StringConstraints

from chassis.description import shown
from chassis.web import Caller, Gate, Name, Positive, caller_of, submit
from contracts.channel import LINES_MAX
from contracts.fulfillment import ReturnReason
from contracts.message import Command
from contracts.order import (
    ApproveReturn,
    DeclineReturn,
    RequestReturn,
    ReturnChangeRefused,
    ReturnDeclined,
    ReturnWish,
    WithdrawReturn,
)
from services.order.finding import NAMED, find_order, location_of
from services.order.seller_terms import SellerTerms

__all__ = ["router"]


Words = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Wish(BaseModel):
    """So many units of a line (our id; of a kit's line whole kits), and why."""

    line: Name
    quantity: Positive
    reason: ReturnReason = ReturnReason.CHANGED_MIND


class NewReturn(BaseModel):
    """What is to come back. `label`: on our label; `matches`: the id of a return that came without an order."""

    model_config = shown({"lines": [{"line": "1", "quantity": 1, "reason": "did_not_fit"}], "label": True})

    lines: Annotated[tuple[Wish, ...], Field(min_length=1, max_length=LINES_MAX)]
    label: bool = False
    matches: UUID | None = None


class Agreement(BaseModel):
    """Why a person agrees to what the rules do not, or why the customer keeps the goods. No name of a person."""

    model_config = shown({"detail": "a good customer, and three days late"})

    detail: Words | None = None


class Refusal(BaseModel):
    """Why a person does not agree. No name of a person."""

    model_config = shown({"detail": "it was worn"})

    detail: Words


def router(gate: Gate, sellers: SellerTerms) -> APIRouter:
    """The routes; `sellers` is what sellers say of returns."""
    routes = APIRouter(prefix="/orders/{name}/returns", tags=["returns"])

    async def told(name: str, command: Command, caller: Caller) -> Any:
        target = await asyncio.to_thread(find_order, gate.reads, name)
        return await submit(gate, caller, target, command, location_of(target), refusals=(ReturnChangeRefused,))

    @routes.post("", status_code=202, openapi_extra=NAMED)
    async def request(name: str, body: NewReturn, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Ask whether units may come back. All of them may, or a person decides, or it says of each line why not."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        command = RequestReturn(
            lines=tuple(ReturnWish(**dict(wish)) for wish in body.lines),
            label=body.label,
            matches=None if body.matches is None else str(body.matches),
            terms=await asyncio.to_thread(sellers.of_returns, gate.reads, target),
        )
        return await submit(
            gate, caller, target, command, location_of(target), created=True, refusals=(ReturnDeclined,)
        )

    @routes.post("/{number}/approve", status_code=202, openapi_extra=NAMED)
    async def approve(
        name: str, number: int, caller: Annotated[Caller, Depends(caller_of)], body: Agreement | None = None
    ) -> Any:
        """Agree to a return that the rules left to a person."""
        return await told(name, ApproveReturn(number=number, detail=body.detail if body else None), caller)

    @routes.post("/{number}/decline", status_code=202, openapi_extra=NAMED)
    async def decline(name: str, number: int, body: Refusal, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Do not agree to a return that the rules left to a person."""
        return await told(name, DeclineReturn(number=number, detail=body.detail), caller)

    @routes.post("/{number}/withdraw", status_code=202, openapi_extra=NAMED)
    async def withdraw(
        name: str, number: int, caller: Annotated[Caller, Depends(caller_of)], body: Agreement | None = None
    ) -> Any:
        """The customer keeps the goods after all."""
        return await told(name, WithdrawReturn(number=number, detail=body.detail if body else None), caller)

    return routes
