"""Returns over HTTP, for the nodes where goods come back: what is on its way, what came, what becomes of it."""

from __future__ import annotations

from typing import Annotated, Any, LiteralString

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints

from chassis.description import shown
from chassis.listing import CountAsked, Listing, PageAsked, any_of, list_page, text_key
from chassis.problems import Problem, ProblemKind
from chassis.web import Caller, Gate, Name, Positive, caller_of, seen_answer, stream_of, submit
from contracts.fulfillment import (
    CloseReturn,
    InspectedItem,
    RecordInspection,
    RecordReturnReceipt,
    RecordReturnSent,
    ReopenReturn,
    ReturnedItem,
    ReturnRefused,
)
from contracts.ids import aggregate_id
from contracts.message import Command, Instant, parse_instant
from services.fulfillment.customer_return import RETURN
from services.fulfillment.return_projection import ReturnsProjection, ReturnStageListed
from services.fulfillment.return_state import Return, expected, piles, unseen

__all__ = ["ITEMS_MAX", "RETURNS", "router"]

ITEMS_MAX = 1_000
"""Items of one report."""

Words = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Document(BaseModel):
    """A paper or message of the node, by its own id, and when it says that it happened."""

    document: Name
    occurred_at: Instant | None = None


class Sent(Document):
    """The customer sent it, with whom and under which number."""

    model_config = shown({"document": "s1", "carrier": "own-fleet", "tracking_number": "T1"})

    carrier: Name | None = None
    tracking_number: Name | None = None


class Item(ReturnedItem):
    """What was in the box; `line` where the node knows it, else it goes by the SKU."""

    line: Name | None = None
    sku: Name
    quantity: Positive
    unit: Name = "each"


class Receipt(Document):
    """What came back, and where: as it is, whatever was announced."""

    model_config = shown({"document": "b1", "location": "berlin", "items": [{"sku": "SKU-1", "quantity": 1}]})

    location: Name
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=ITEMS_MAX)]


class Looked(InspectedItem):
    """What becomes of units. `instead_of` what was said of them before, with a `reason`."""

    line: Name | None = None
    sku: Name
    quantity: Positive
    unit: Name = "each"
    reason: Words | None = None


class Inspection(Document):
    """What becomes of the units that came to a location."""

    model_config = shown(
        {"document": "i1", "location": "berlin", "items": [{"sku": "SKU-1", "quantity": 1, "disposition": "restock"}]}
    )

    location: Name
    items: Annotated[tuple[Looked, ...], Field(min_length=1, max_length=ITEMS_MAX)]


class End(BaseModel):
    """Why a return is over, where that does not speak for itself. No name of a person."""

    model_config = shown({"detail": "the rest will not come"})

    detail: Words | None = None


class Again(BaseModel):
    """What more there is to say about a return that was closed. No name of a person."""

    model_config = shown({"detail": "a second box came"})

    detail: Words


RETURNS = Listing(
    name="returns",
    projection=ReturnsProjection.name,
    table="returns",
    columns={
        "id": "id",
        "order_id": "order_id",
        "number": "number",
        "stage": "stage",
        "expected": "expected",
        "locations": "locations",
        "opened_at": "opened_at",
        "changed_at": "changed_at",
        "answer_by": "answer_by",
    },
    key={"opened_at": parse_instant, "id": text_key},
    newest_first=True,
    moments=("opened_at", "changed_at", "answer_by"),
)


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/returns", tags=["returns"])

    async def told(identifier: str, command: Command, caller: Caller, *, created: bool = False) -> Any:
        target = stream_of(RETURN.kind, identifier)
        location = f"/returns/{identifier}"
        return await submit(gate, caller, target, command, location, created=created, refusals=(ReturnRefused,))

    _add_reads(routes, gate)

    @routes.post("", status_code=202)
    async def came(body: Receipt, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Goods came back that nobody announced. It is matched to an order at `/orders/{name}/returns`."""
        parts = (gate.door.tenant, "return", "unannounced", body.location, body.document)
        return await told(aggregate_id(*parts), RecordReturnReceipt(**dict(body)), caller, created=True)

    @routes.post("/{identifier}/sent", status_code=202)
    async def sent(identifier: str, body: Sent, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """It is on its way."""
        return await told(identifier, RecordReturnSent(**dict(body)), caller)

    @routes.post("/{identifier}/receipts", status_code=202)
    async def receive(identifier: str, body: Receipt, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Goods of it came back."""
        return await told(identifier, RecordReturnReceipt(**dict(body)), caller)

    @routes.post("/{identifier}/inspections", status_code=202)
    async def inspect(identifier: str, body: Inspection, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say what becomes of units, or change what was said."""
        return await told(identifier, RecordInspection(**dict(body)), caller)

    @routes.post("/{identifier}/close", status_code=202)
    async def close(identifier: str, caller: Annotated[Caller, Depends(caller_of)], body: End | None = None) -> Any:
        """Nothing more is to come."""
        return await told(identifier, CloseReturn(detail=body.detail if body else None), caller)

    @routes.post("/{identifier}/reopen", status_code=202)
    async def reopen(identifier: str, body: Again, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """There is more to say about one that was closed."""
        return await told(identifier, ReopenReturn(detail=body.detail), caller)

    return routes


def _add_reads(routes: APIRouter, gate: Gate) -> None:
    @routes.get("")
    def list_returns(
        asked: PageAsked,
        counting: CountAsked,
        stage: Annotated[list[ReturnStageListed] | None, Query(description="Several may be asked for.")] = None,
        location: Name | None = None,
        order: Name | None = None,
        unmatched: bool = False,
    ) -> dict[str, Any]:
        """Returns, the newest first; `order` is an order's id, `location` where goods of it came. `unmatched`: those
        that came without an order, have none yet, and of which it is still to be said what becomes of them."""
        conditions: dict[LiteralString, Any] = {
            "stage = any(%s)": any_of(stage),
            "locations @> array[%s]::text[]": location,
            "order_id = %s": order,
            "order_id is null and stage <> 'closed'": unmatched,
        }
        return list_page(gate.reads, RETURNS, asked, conditions, counting)

    @routes.get("/{identifier}")
    def show(identifier: str) -> Any:
        """What was announced, what came where, and what became of it."""
        seen = gate.reads.stream(stream_of(RETURN.kind, identifier))
        if seen.stream.version == 0:
            detail = "GET /orders/{id} names those of an order; one that waits for a person is in no node's list."
            raise Problem(ProblemKind.NOT_FOUND, f"No return {identifier} is known", detail)
        return seen_answer(seen, {"id": identifier, **_view(seen.stream.view(RETURN))})


def _view(state: Return) -> dict[str, Any]:
    known = state.matched or state.opened
    postage = None if known is None else known.postage
    return {
        "stage": state.stage,
        **({} if state.order_id is None else {"order_id": state.order_id}),
        **({} if postage is None else {"postage": postage}),
        "lines": [line.model_dump(mode="json", exclude_none=True) for line in state.lines],
        "expected": expected(state),
        "not_inspected": unseen(state),
        "units": [
            {
                "location": pile.location,
                **({"line": pile.line} if pile.line else {}),
                "sku": pile.sku,
                "unit": pile.unit,
                "quantity": quantity,
                **({"disposition": pile.disposition} if pile.disposition else {}),
            }
            for pile, quantity in piles(state)
        ],
        **({} if state.sent is None else {"sent": _sent(state)}),
    }


def _sent(state: Return) -> dict[str, Any]:
    assert state.sent is not None
    return state.sent.model_dump(mode="json", exclude_none=True, include={"carrier", "tracking_number", "document"})
