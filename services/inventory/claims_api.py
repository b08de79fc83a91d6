"""Claims over HTTP: a channel keeps goods for a cart or a quote, makes that lasting, gives them back; all are listed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, LiteralString
from urllib.parse import quote

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from chassis.description import shown
from chassis.listing import CountAsked, Listing, PageAsked, list_page, number_key, text_key
from chassis.problems import Problem, ProblemKind
from chassis.web import NUMBER_MAX, Caller, Gate, Name, Positive, caller_of, submit
from contracts.ids import aggregate_id, stream
from contracts.inventory import ClaimStock, Demand, HardenClaim, HardeningRefused, ReleaseClaim, StockRejected
from contracts.message import Instant
from services.inventory.projections import StockProjection
from services.inventory.stock_item import STOCK_ITEM

__all__ = ["CLAIMS", "router"]


class ClaimName(BaseModel):
    """Whom a claim is for: a line of a cart or a quote, in the ids of the channel whose it is. `sequence` tells the
    claims of one line apart: one that has ended is not opened again."""

    model_config = shown({"channel_account": "webshop-eu", "kind": "cart", "id": "7", "line": "1"})

    channel_account: Name
    kind: Literal["cart", "quote"] = "cart"
    id: Name
    line: Name
    sequence: Annotated[int, Field(ge=0, le=NUMBER_MAX)] = 0


class SoftClaim(ClaimName):
    """Goods to keep at a location, all or nothing, until a moment. Of several the one with the lowest `priority` loses
    goods first."""

    model_config = shown(
        {
            "channel_account": "webshop-eu",
            "kind": "cart",
            "id": "7",
            "line": "1",
            "location": "berlin",
            "quantity": 1,
            "soft_until": "2026-01-31T10:00:00Z",
        }
    )

    location: Name
    quantity: Positive
    unit: Name = "each"
    soft_until: Instant
    priority: Annotated[int, Field(ge=0, le=NUMBER_MAX)] = 0


class ClaimState(StrEnum):
    """What a claim does: hold goods, wait for some (or both), or hold them for a while only."""

    HELD = "held"
    WAITING = "waiting"
    SOFT = "soft"


_SAME_CLAIM: LiteralString = (
    "(h.sku, h.kind, h.id, h.line, h.sequence) = (claims.sku, claims.kind, claims.id, claims.line, claims.sequence)"
)

CLAIMS = Listing(
    name="claims",
    projection=StockProjection.name,
    table="claims",
    columns={
        "sku": "sku",
        "demand": "json_build_object('kind', kind, 'id', id, 'line', line)",
        "sequence": "sequence",
        "location": "location",
        "quantity": "quantity",
        "unit": "unit",
        "held": "coalesce((select json_agg(json_build_object('location', h.location, 'quantity', h.quantity)"
        " order by h.location) from claim_holds h where " + _SAME_CLAIM + "), '[]')",
        "waiting": "waiting",
        "priority": "priority",
        "need_by": "need_by",
        "soft_until": "soft_until",
        "claimed_at": "claimed_at",
    },
    key={"sku": text_key, "kind": text_key, "id": text_key, "line": text_key, "sequence": number_key},
    moments=("claimed_at", "need_by"),
)


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["stock"])
    tenant = gate.door.tenant

    async def change(command: ClaimStock | HardenClaim | ReleaseClaim, caller: Caller) -> Any:
        target = stream(STOCK_ITEM.kind, aggregate_id(tenant, STOCK_ITEM.kind, command.sku))
        location = f"/stock-items/{quote(command.sku, safe='')}"
        return await submit(gate, caller, target, command, location, refusals=(StockRejected, HardeningRefused))

    @routes.post("/stock-items/{sku:path}/claims", status_code=202)
    async def claim(sku: Name, body: SoftClaim, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Keep goods for a cart or a quote until a moment that it names; then they are anybody's again."""
        command = ClaimStock(
            sku=sku,
            demand=_demand(tenant, body, caller),
            sequence=body.sequence,
            quantity=body.quantity,
            unit=body.unit,
            location=body.location,
            priority=body.priority,
            soft_until=body.soft_until,
        )
        return await change(command, caller)

    @routes.post("/stock-items/{sku:path}/claims/harden", status_code=202)
    async def harden(sku: Name, body: ClaimName, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Keep the goods of a claim until they are given back, such as for a quote that was accepted."""
        return await change(HardenClaim(sku=sku, demand=_demand(tenant, body, caller), sequence=body.sequence), caller)

    @routes.post("/stock-items/{sku:path}/claims/release", status_code=202)
    async def release(sku: Name, body: ClaimName, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Give the goods of a claim back."""
        return await change(ReleaseClaim(sku=sku, demand=_demand(tenant, body, caller), sequence=body.sequence), caller)

    @routes.get("/claims")
    def list_claims(
        asked: PageAsked,
        counting: CountAsked,
        sku: Name | None = None,
        location: Name | None = None,
        order: Name | None = None,
        state: ClaimState | None = None,
        overdue: bool = False,
    ) -> dict[str, Any]:
        """Open claims by SKU: whom each is for, what it holds where, what it waits for. `order` is an order's id, or
        the id of other demand; `location` where a claim holds goods, or asked for them; `overdue`: those that still wait
        for goods that were needed by now, as the customer wanted them or was promised."""
        conditions: dict[LiteralString, Any] = {
            "sku = %s": sku,
            "(location = %s or exists (select from claim_holds h where "
            + _SAME_CLAIM
            + " and h.location = %s))": location,
            "id = %s": order,
            "waiting > 0": state is ClaimState.WAITING,
            "waiting > 0 and need_by < now()": overdue,
            "soft_until is not null": state is ClaimState.SOFT,
            "exists (select from claim_holds h where " + _SAME_CLAIM + ")": state is ClaimState.HELD,
        }
        return list_page(gate.reads, CLAIMS, asked, conditions, counting)

    return routes


def _demand(tenant: str, name: ClaimName, caller: Caller) -> Demand:
    """The demand that a channel means: its own alone, since two shops may both have a cart 7."""
    if not caller.grant.speaks_for(name.channel_account):
        raise Problem(
            ProblemKind.NOT_ALLOWED,
            "This is not allowed to you",
            f"{caller.grant.subject} keeps goods for its own carts alone.",
        )
    return Demand(kind=name.kind, id=aggregate_id(tenant, name.kind, name.channel_account, name.id), line=name.line)
