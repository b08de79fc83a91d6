"""Packages of an order that went astray, over HTTP: say what was done about one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, StringConstraints, model_validator

from chassis.description import shown
from chassis.web import Caller, Gate, caller_of, submit
from contracts.order import IfShort, SettlementRefused, SettlePackage
from services.order.finding import NAMED, find_order, location_of
from services.order.refunds_api import approver_of
from services.order.seller_terms import SellerTerms

__all__ = ["router"]


class Settlement(BaseModel):
    """What was done about a package that went astray. No name of a person. With `refund` what was paid for its units
    goes back; with `reship` they are sent again, and `if_short` says whether those that nobody has wait for supply or are
    paid back."""

    model_config = shown({"detail": "the carrier pays, and a new one is sent"})

    detail: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    refund: bool = False
    reship: bool = False
    if_short: IfShort | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.refund and self.reship:
            raise ValueError("the units are paid back or sent again, not both")
        if self.if_short is not None and not self.reship:
            raise ValueError("if_short is about units that are sent again: say reship, too")
        return self


def router(gate: Gate, sellers: SellerTerms) -> APIRouter:
    """The route below an order; `sellers` is what sellers say of who may give how much."""
    routes = APIRouter(tags=["orders"])

    @routes.post("/orders/{name}/packages/{package}/settle", status_code=202, openapi_extra=NAMED)
    async def settle(name: str, package: str, caller: Annotated[Caller, Depends(caller_of)], body: Settlement) -> Any:
        """Say what was done about a package that was lost or comes back; then nobody waits for that any more."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        approver = approver_of(caller)
        command = SettlePackage(
            package=package,
            detail=body.detail,
            refund=body.refund,
            reship=body.reship or None,
            if_short=body.if_short,
            approver=approver,
            limits=await asyncio.to_thread(sellers.of_refunds, gate.reads, target, approver),
        )
        return await submit(gate, caller, target, command, location_of(target), refusals=(SettlementRefused,))

    return routes
