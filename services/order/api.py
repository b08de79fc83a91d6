"""The order service over HTTP: place, take over, look at, list and cancel orders.

Decides nothing: a POST becomes a command in the inbox, a GET is rebuilt from the store and says how far that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any, LiteralString, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from chassis.description import may_answer, shown
from chassis.doors import Door
from chassis.listing import CountAsked, Listing, PageAsked, any_of, list_page, text_key
from chassis.problems import Problem, ProblemKind
from chassis.recorded import At, moment_of, seen_at
from chassis.store import Recorded
from chassis.web import Caller, Gate, Name, Standing, caller_of, seen_answer, submit, timeline
from contracts.channel import LINES_MAX, ChannelOrder, OpenOrder
from contracts.ids import stream
from contracts.message import CATALOGUE, Command, Event, parse_instant
from contracts.order import (
    CancelLine,
    CancelOrder,
    CancelReason,
    CancelRefused,
    ImportRefused,
    OrderConflicted,
)
from services.order.channel import channel_key
from services.order.finding import NAMED, find_order, location_of, unknown_order
from services.order.intake import Seal, import_order, order_id, place_order
from services.order.projections import OrdersProjection, OrderStage
from services.order.standing import stands, stands_by
from services.order.views import order_view, waiting_view
from services.order.waiting import Happened, waiting

__all__ = ["ORDERS", "router"]

_C = TypeVar("_C", bound=Command)

_HELD_HERE: LiteralString = "order_holds.id = orders.id"
_NO_WAY: LiteralString = (
    "id in (select order_holds.id from order_holds where step = 'label' or kind in"
    " ('missing_address', 'unknown_ship_group', 'missing_location', 'unsupported_method'))"
)
"""A label is refused for an address that the carrier does not know or serve."""

ORDERS = Listing(
    name="orders",
    projection=OrdersProjection.name,
    table="orders",
    columns={
        "order_id": "id",
        "number": "number",
        "channel_account": "channel_account",
        "external_id": "external_id",
        "placed_at": "placed_at",
        "changed_at": "changed_at",
        "holds": "holds",
        "hold_kinds": "(select string_agg(distinct kind, ', ' order by kind) from order_holds where "
        + _HELD_HERE
        + ")",
        "held_since": "case when holds > 0 then coalesce((select min(held_at) from order_holds where "
        + _HELD_HERE
        + "), changed_at) end",
        "stage": "stage",
        "failed_notices": "(select count(*) from failed_notices where failed_notices.id = orders.id)",
        "astray_packages": "(select count(*) from astray_packages where astray_packages.id = orders.id)",
    },
    key={"placed_at": parse_instant, "id": text_key},
    newest_first=True,
    moments=("placed_at", "changed_at", "held_since"),
)

_ORDER_SCHEMA = {"$id": "urn:orderlog:ChannelOrder", **ChannelOrder.model_json_schema()}
_OPEN_SCHEMA = {"allOf": [_ORDER_SCHEMA, {"$id": "urn:orderlog:OpenOrder", **OpenOrder.model_json_schema()}]}


_ORDER_EXAMPLE = {
    "channel_account": "webshop-eu",
    "external_id": "1001",
    "channel": "web",
    "seller": "example-gmbh",
    "revision": 1,
    "placed_at": "2026-01-31T09:30:00Z",
    "currency": "EUR",
    "buyer": {"name": "Ada Example", "email": "ada@example.org", "country": "DE"},
    "lines": [{"line_id": "1", "sku": "SKU-1", "description": "Teapot", "quantity": 2, "amount": 2598}],
    "ship_groups": [
        {
            "group": "home",
            "ship_to": {
                "name": "Ada Example",
                "address_lines": ["Musterweg 1"],
                "city": "Berlin",
                "postcode": "10115",
                "country": "DE",
            },
        }
    ],
    "tenders": [{"method": "invoice", "amount": 2598}],
    "total": 2598,
}

_OPEN_EXAMPLE = {
    **_ORDER_EXAMPLE,
    "system": "old-shop",
    "lines": [{"line_id": "1", "sku": "SKU-1", "quantity": 2, "amount": 2598, "fulfilled": 1, "cancelled": 0}],
    "captured": 1299,
    "authorized": 1299,
}

_PLACED = {
    "application/json": {
        "schema": {"$ref": "#/components/schemas/CommandAnswer"},
        "examples": {
            "confirmed": {
                "summary": "Placed, and who waited knows that it is confirmed.",
                "value": {
                    "message_id": "3e732df6-1c75-5b40-b28b-bc565ef8f1ad",
                    "location": "/orders/bdebd2b8-5485-59e2-b9dd-65081be601f6",
                    "events": [
                        {
                            "type": "OrderPlaced",
                            "order_id": "bdebd2b8-5485-59e2-b9dd-65081be601f6",
                            "number": "QQNX5-E2MGN-U",
                        }
                    ],
                    "outcome": "confirmed",
                },
            }
        },
    }
}


class CancelledLine(BaseModel):
    """So many units of a line (our id), or all of it that has not left."""

    line: str
    quantity: Annotated[int, Field(gt=0)] | None = None


class Cancel(BaseModel):
    """Why an order is cancelled, or of it only these `lines`."""

    model_config = shown({"cause": "customer", "detail": "one would do", "lines": [{"line": "1", "quantity": 1}]})

    cause: CancelReason = CancelReason.CUSTOMER
    detail: str | None = None
    lines: Annotated[tuple[CancelledLine, ...], Field(max_length=LINES_MAX)] = ()


def router(gate: Gate, channel_door: Door, seal: Seal) -> APIRouter:
    """The routes. Orders enter by `channel_door`, the door of the topic, since both are one door to a channel."""
    routes = APIRouter(tags=["orders"])
    channel_gate = replace(gate, door=channel_door)
    tenant = gate.door.tenant

    @routes.post(
        "/orders",
        status_code=202,
        openapi_extra=_takes(_ORDER_SCHEMA, _ORDER_EXAMPLE),
        responses={201: {"content": _PLACED}},
    )
    async def place(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> JSONResponse:
        """Place an order: a `ChannelOrder`. Without an `external_id` the Idempotency-Key is it. Who waits is answered
        when the order is confirmed, held, cancelled or refused: `outcome` says which, or `open` when none came in time.
        """
        caller.without_condition("The revision of an order says which came later.")
        order = ChannelOrder.model_validate_json(_read_order(await request.body(), caller.key))
        if not caller.grant.speaks_for(order.channel_account):
            raise Problem(
                ProblemKind.NOT_ALLOWED,
                "This is not allowed to you",
                f"{caller.grant.subject} sends its own orders alone.",
            )
        command = await _sealed(lambda: place_order(order, tenant, seal))
        identifier = order_id(tenant, order.channel_account, order.external_id)
        target = stream("order", identifier)
        return await submit(
            channel_gate,
            caller,
            target,
            command,
            f"/orders/{identifier}",
            key=channel_key(order),
            created=True,
            refusals=(OrderConflicted,),
            standing=Standing(stands_by, lambda: stands(gate.reads.stream(target).stream)),
        )

    @routes.post("/orders/import", status_code=202, openapi_extra=_takes(_OPEN_SCHEMA, _OPEN_EXAMPLE))
    async def take_over(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> JSONResponse:
        """Take over an open order from another system: a `ChannelOrder` with what an `OpenOrder` says beside it. An
        order that is here already stays as it is."""
        caller.without_condition("The revision of an order says which came later.")
        body = _read_order(await request.body(), caller.key)
        order, state = ChannelOrder.model_validate_json(body), OpenOrder.model_validate_json(body)
        command = await _sealed(lambda: import_order(order, state, tenant, seal))
        identifier = order_id(tenant, order.channel_account, order.external_id)
        return await submit(
            gate,
            caller,
            stream("order", identifier),
            command,
            f"/orders/{identifier}",
            key=("open order", *channel_key(order), sha256(state.model_dump_json().encode()).hexdigest()),
            created=True,
            refusals=(ImportRefused, OrderConflicted),
        )

    _add_reads(routes, gate)

    @routes.post("/orders/{name}/cancel", status_code=202, openapi_extra=NAMED)
    async def cancel(name: str, caller: Annotated[Caller, Depends(caller_of)], body: Cancel | None = None) -> Any:
        """Cancel what has not left, or so many units of some lines: all that is named, or nothing. What nodes have
        accepted they are asked for."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        wish = body or Cancel()
        lines = tuple(CancelLine(line=each.line, quantity=each.quantity) for each in wish.lines)
        command = CancelOrder(cause=wish.cause, detail=wish.detail, lines=lines or None)
        return await submit(gate, caller, target, command, location_of(target), refusals=(CancelRefused,))

    return routes


def _add_reads(routes: APIRouter, gate: Gate) -> None:
    @routes.get("/orders")
    def list_orders(
        asked: PageAsked,
        counting: CountAsked,
        stage: Annotated[list[OrderStage] | None, Query(description="Several may be asked for.")] = None,
        channel_account: Name | None = None,
        held: bool = False,
        no_way: bool = False,
        notice_failed: bool = False,
        astray: bool = False,
        customer: Annotated[UUID | None, Query(description="A person by their subject.")] = None,
    ) -> dict[str, Any]:
        """Orders, the last placed first. `held`: those on hold; `no_way`: of these
        those that lack an address or a way for the goods, or whose label the carrier refused; `notice_failed`: those of which the customer could not
        be told something; `astray`: those of which a package was lost or comes back, until that is settled;
        `customer`: those that hold personal data of somebody."""
        conditions: dict[LiteralString, Any] = {
            "stage = any(%s)": any_of(stage),
            "channel_account = %s": channel_account,
            "holds > 0": held or no_way,
            _NO_WAY: no_way,
            "id in (select id from failed_notices)": notice_failed,
            "id in (select id from astray_packages)": astray,
            "id in (select id from order_customers where subject = %s)": None if customer is None else str(customer),
        }
        return list_page(gate.reads, ORDERS, asked, conditions, counting)

    @routes.get("/orders/{name}", openapi_extra=may_answer(ProblemKind.AMBIGUOUS, ProblemKind.BAD_REQUEST))
    def show(name: str, at: At = None) -> Any:
        """An order by its id, its number or the channel's external id; as it was recorded `at` a moment."""
        target = find_order(gate.reads, name)
        seen = seen_at(gate.reads, target, at)
        if seen.stream.version == 0:
            raise unknown_order(name, at)
        return seen_answer(seen, order_view(seen.stream))

    @routes.get("/orders/{name}/why", openapi_extra=NAMED)
    def why(name: str, at: At = None) -> dict[str, Any]:
        """What an order waits for: in a sentence, since when, until when, and who can move it; as it was recorded `at` a
        moment."""
        target = find_order(gate.reads, name)
        followed = gate.reads.followed(target)
        until = None if at is None else moment_of(at)
        found = waiting(target, (_happened(event) for event in gate.reads.events(target, until)))
        if found is None:
            raise unknown_order(name, at)
        return {**waiting_view(found), "followed": followed.document()}

    @routes.get("/orders/{name}/timeline", openapi_extra=NAMED)
    def show_timeline(name: str, after: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        """What happened to an order: who, when, what, and what caused it."""
        target = find_order(gate.reads, name)
        followed = gate.reads.followed(target)
        found = gate.reads.history(target, after)
        if not found.events and not after:
            raise unknown_order(name)
        return {**timeline(found), "followed": followed.document()}


def _takes(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """That a route takes JSON by this schema, for OpenAPI: such a body is read by the route itself."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


async def _sealed(make: Callable[[], _C]) -> _C:
    """The command that an order becomes. Raises Problem when it holds what cannot be stored."""
    try:
        return await asyncio.to_thread(make)
    except ValueError as error:
        raise Problem(
            ProblemKind.UNREADABLE, "The order cannot be stored", f"{error}. Mend it and send it again."
        ) from error


def _read_order(body: bytes, key: str) -> bytes:
    """An order as JSON, named by the key where it has no name of its own."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(
            ProblemKind.UNREADABLE, "The body is not JSON", f"{error}. Send an order as JSON in UTF-8."
        ) from error
    if not isinstance(document, dict):
        raise Problem(ProblemKind.UNREADABLE, "The body is no order", "Send one order, a JSON object.")
    try:
        return orjson.dumps({"external_id": key, **document})
    except orjson.JSONEncodeError as error:
        raise Problem(ProblemKind.UNREADABLE, "The body is no order", f"{error}: it is nested too deeply.") from error


def _happened(event: Recorded) -> Happened:
    message = CATALOGUE[event.type].decode(event.value)
    assert isinstance(message, Event)
    return message, event.headers["ce_causationid"], parse_instant(event.headers["ce_time"])
