"""Changes of an order over HTTP: propose one and see what it comes to, confirm it, or decline it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from chassis.description import shown
from chassis.problems import Problem, ProblemKind
from chassis.web import Caller, Gate, caller_of, submit
from contracts.channel import Text
from contracts.message import Command
from contracts.order import ChangeRefused, ConfirmChange, DeclineChange, OrderPlaced
from services.order.change_intake import NewChange, propose_change
from services.order.finding import NAMED, find_order, location_of, unknown_order
from services.order.intake import Seal
from services.order.seller_terms import SellerTerms
from services.order.stream import ORDER

__all__ = ["router"]


class ProposedChange(NewChange):
    """A change of an order, to be shown before anything is done."""

    model_config = shown(
        {
            "lines": [{"line": "1", "quantity": 1}],
            "added": [{"line_id": "2", "sku": "SKU-2", "quantity": 1, "amount": 1299, "tax_included": True}],
            "groups": [{"group": "home", "service_level": "express"}],
            "detail": "one pot and a cosy instead of two pots",
        }
    )


class Declined(BaseModel):
    """Why nothing comes of a change. No name of a person."""

    model_config = shown({"detail": "the customer changed their mind"})

    detail: Text | None = None


def router(gate: Gate, seal: Seal, sellers: SellerTerms) -> APIRouter:
    """The routes below an order; `seal` is for the address of whoever goods go to instead, `sellers` is what sellers say of
    returns."""
    routes = APIRouter(tags=["orders"])

    async def change(caller: Caller, target: str, command: Command) -> Any:
        location = location_of(target)
        return await submit(gate, caller, target, command, location, refusals=(ChangeRefused,))

    @routes.post("/orders/{name}/changes", status_code=202, openapi_extra=NAMED)
    async def propose(name: str, caller: Annotated[Caller, Depends(caller_of)], body: ProposedChange) -> Any:
        """Show what a change comes to: `ChangeProposed` has its number, what is owed `before` and `after`, and until when
        it can be confirmed. Nothing is done yet; a proposal that was open has ended."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        return await change(caller, target, await asyncio.to_thread(_command, target, name, caller, body))

    def _command(target: str, name: str, caller: Caller, body: ProposedChange) -> Command:
        placed: OrderPlaced | None = gate.reads.stream(target).stream.view(ORDER).order.placed
        if placed is None:
            raise unknown_order(name)
        try:
            terms = sellers.of_returns(gate.reads, target) if body.returns else None
            return propose_change(body, placed, caller.key, seal, terms)
        except ValueError as error:
            raise Problem(
                ProblemKind.UNREADABLE, "The change cannot be stored", f"{error}. Mend it and send it again."
            ) from error

    @routes.post("/orders/{name}/changes/{change_number}/confirm", status_code=202, openapi_extra=NAMED)
    async def confirm(name: str, change_number: str, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Do what was proposed, once what it costs more is secured; or all stays as it is."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        return await change(caller, target, ConfirmChange(change=change_number))

    @routes.post("/orders/{name}/changes/{change_number}/decline", status_code=202, openapi_extra=NAMED)
    async def decline(
        name: str,
        change_number: str,
        caller: Annotated[Caller, Depends(caller_of)],
        body: Declined | None = None,
    ) -> Any:
        """Leave the order as it is."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        return await change(caller, target, DeclineChange(change=change_number, detail=body.detail if body else None))

    return routes
