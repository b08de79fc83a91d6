"""The fulfillment service over HTTP: what a node has to do, and what it reports.

Whoever collects goods is named only to those who hand them over, and is sealed before anything is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, LiteralString

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from chassis.description import may_answer, shown
from chassis.listing import CountAsked, Listing, PageAsked, any_of, list_page, text_key
from chassis.problems import Problem, ProblemKind
from chassis.recorded import At, seen_at
from chassis.sealing import PersonalDataForgotten, PersonalDataUnreadable
from chassis.web import Caller, Gate, Name, caller_of, seen_answer, stream_of, submit
from contracts.fulfillment import (
    CancelAnswer,
    CancelRequested,
    FulfillmentRefused,
    PackedPackage,
    PickLine,
    RecordAcceptance,
    RecordCancelDecision,
    RecordCollection,
    RecordHandOver,
    RecordPack,
    RecordPick,
    RecordReady,
)
from contracts.ids import guest_subject_id, split_stream
from contracts.message import Command, Instant, parse_instant
from contracts.personal import Personal, PersonalContent
from services.fulfillment.fulfillment_order import FULFILLMENT_ORDER
from services.fulfillment.fulfillment_order_state import FulfillmentOrder, Stage
from services.fulfillment.projections import FulfillmentOrdersProjection

__all__ = ["FULFILLMENT_ORDERS", "Opened", "Seal", "router"]

Seal = Callable[[str, PersonalContent], Personal]
"""Seals what belongs to a subject (its id), under that subject's key."""

Opened = Callable[[Personal], PersonalContent]
"""Opens what is sealed; raises PersonalDataForgotten or PersonalDataUnreadable."""

CHECKED_AT_THE_COUNTER = frozenset({"name", "company", "phone"})
"""What of a person is shown to those who hand goods over to them."""


class Document(BaseModel):
    """A paper or message of the node, by its own id, and when it says that it happened."""

    document: Name
    occurred_at: Instant | None = None


class Acceptance(Document):
    """Whether the node takes the work."""

    model_config = shown({"document": "a1", "accepted": True})

    accepted: bool = True
    reject_reason: str | None = None


class Taken(PickLine):
    """What was taken for a line; `sku` when it was another item."""

    sku: Name | None = None


class Pick(Document):
    """What was picked of each line; of one that was not found 0, with a reason."""

    model_config = shown({"document": "p1", "lines": [{"line": "1", "sequence": 0, "quantity": 2}]})

    lines: Annotated[tuple[Taken, ...], Field(min_length=1)]


class Pack(Document):
    """What went into which package; weights in grams."""

    model_config = shown(
        {
            "document": "k1",
            "packages": [
                {"number": 1, "contents": [{"line": "1", "sequence": 0, "quantity": 2}], "weight_grams": 1800}
            ],
        }
    )

    packages: Annotated[tuple[PackedPackage, ...], Field(min_length=1)]


class HandOver(Document):
    """The packages left the node."""

    model_config = shown({"document": "h1", "handed_to": "driver"})

    handed_to: str | None = None


class Answer(CancelAnswer):
    """How many units of a line are let go of; of others why they are kept. No name of a person."""

    reason: Name | None = None


class Decision(Document):
    """The answer to a request to cancel, line by line; the packages that remain, where packed ones were opened."""

    model_config = shown(
        {"document": "x1", "lines": [{"line": "1", "sequence": 0, "granted": 1, "reason": "one is in the van already"}]}
    )

    lines: Annotated[tuple[Answer, ...], Field(min_length=1)]
    packages: tuple[PackedPackage, ...] = ()


class Ready(Document):
    """What was picked lies ready to be collected: on which shelf or in which bin. No name of a person."""

    model_config = shown({"document": "r1", "shelf": "rack 7"})

    shelf: Name | None = None


class Collection(Document):
    """What lay ready was handed over the counter: the name of whoever took it, which is sealed."""

    model_config = shown({"document": "c1", "collected_by": "Ben Okri"})

    collected_by: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None


FULFILLMENT_ORDERS = Listing(
    name="fulfillment_orders",
    projection=FulfillmentOrdersProjection.name,
    table="fulfillment_orders",
    columns={
        "id": "id",
        "order_id": "order_id",
        "location": "location",
        "sequence": "sequence",
        "ship_group": "ship_group",
        "method": "method",
        "service_level": "service_level",
        "priority": "priority",
        "ship_by": "ship_by",
        "quantity": "quantity",
        "stage": "stage",
        "cancel_answer_by": "cancel_answer_by",
        "created_at": "created_at",
        "changed_at": "changed_at",
    },
    key={"created_at": parse_instant, "id": text_key},
    moments=("created_at", "changed_at", "ship_by", "cancel_answer_by"),
)


def router(gate: Gate, seal: Seal, opened: Opened) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/fulfillment-orders", tags=["fulfillment"])

    @routes.get("")
    def list_work(
        asked: PageAsked,
        counting: CountAsked,
        location: Name | None = None,
        stage: Annotated[list[Stage] | None, Query(description="Several may be asked for.")] = None,
        order: Name | None = None,
        cancel_asked: bool = False,
    ) -> dict[str, Any]:
        """The work of nodes, the oldest first; `order` is an order's id. `cancel_asked`: work that is to be cancelled,
        and the node has not answered."""
        conditions: dict[LiteralString, Any] = {
            "location = %s": location,
            "stage = any(%s)": any_of(stage),
            "order_id = %s": order,
            "cancel_answer_by is not null": cancel_asked,
        }
        return list_page(gate.reads, FULFILLMENT_ORDERS, asked, conditions, counting)

    @routes.get("/{identifier}")
    def show(identifier: str, at: At = None) -> Any:
        """What was asked for, and how far it is."""
        seen = seen_at(gate.reads, stream_of(FULFILLMENT_ORDER.kind, identifier), at)
        if seen.stream.version == 0:
            raise Problem(
                ProblemKind.NOT_FOUND,
                f"No fulfillment order {identifier} is known",
                "GET /orders/{id} names those of an order.",
            )
        return seen_answer(seen, {"id": identifier, **_view(seen.stream.view(FULFILLMENT_ORDER))})

    @routes.post("/{identifier}/acceptance", status_code=202)
    async def accept(identifier: str, body: Acceptance, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The node takes the work, or refuses it."""
        return await _record(gate, identifier, RecordAcceptance(**dict(body)), caller)

    @routes.post("/{identifier}/pick", status_code=202)
    async def pick(identifier: str, body: Pick, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The node picked goods, or did not find them."""
        return await _record(gate, identifier, RecordPick(**dict(body)), caller)

    @routes.post("/{identifier}/pack", status_code=202)
    async def pack(identifier: str, body: Pack, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The node packed what it picked."""
        return await _record(gate, identifier, RecordPack(**dict(body)), caller)

    @routes.post("/{identifier}/hand-over", status_code=202)
    async def hand_over(identifier: str, body: HandOver, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The packages left the node."""
        return await _record(gate, identifier, RecordHandOver(**dict(body)), caller)

    @routes.post("/{identifier}/cancel-decision", status_code=202)
    async def decide(identifier: str, body: Decision, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """The node answers whether its work can still be cancelled."""
        return await _record(gate, identifier, RecordCancelDecision(**dict(body)), caller)

    _add_counter(routes, gate, seal, opened)
    return routes


async def _record(gate: Gate, identifier: str, command: Command, caller: Caller) -> Any:
    target = stream_of(FULFILLMENT_ORDER.kind, identifier)
    location = f"/fulfillment-orders/{identifier}"
    return await submit(gate, caller, target, command, location, refusals=(FulfillmentRefused,))


def _add_counter(routes: APIRouter, gate: Gate, seal: Seal, opened: Opened) -> None:
    @routes.post("/{identifier}/ready", status_code=202)
    async def ready(identifier: str, body: Ready, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """What was picked lies ready to be collected."""
        return await _record(gate, identifier, RecordReady(**dict(body)), caller)

    @routes.post("/{identifier}/collection", status_code=202)
    async def collect(identifier: str, body: Collection, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """What lay ready was handed over the counter."""
        _, work = split_stream(stream_of(FULFILLMENT_ORDER.kind, identifier))
        taker = None
        if body.collected_by is not None:
            subject = guest_subject_id(gate.door.tenant, work, "collected_by")
            taker = await asyncio.to_thread(seal, subject, PersonalContent(name=body.collected_by))
        command = RecordCollection(document=body.document, occurred_at=body.occurred_at, collected_by=taker)
        return await _record(gate, identifier, command, caller)

    @routes.get("/{identifier}/pickup-person", openapi_extra=may_answer(ProblemKind.GONE, ProblemKind.SEALED))
    def pickup_person(identifier: str, response: Response) -> dict[str, Any]:
        """Who may collect it, for those who hand it over: to be compared with a proof of identity, and not kept."""
        response.headers["Cache-Control"] = "no-store"
        seen = gate.reads.stream(stream_of(FULFILLMENT_ORDER.kind, identifier))
        work: FulfillmentOrder = seen.stream.view(FULFILLMENT_ORDER)
        if work.created is None or work.created.pickup_person is None:
            raise Problem(
                ProblemKind.NOT_FOUND, "Nobody is named who may collect it", "Ask for the number of the order."
            )
        try:
            person = opened(work.created.pickup_person)
        except PersonalDataForgotten as error:
            raise Problem(
                ProblemKind.GONE, "Who may collect it was forgotten", "Ask for the number of the order."
            ) from error
        except PersonalDataUnreadable as error:
            raise Problem(ProblemKind.SEALED, "Who may collect it cannot be read", f"{error}.") from error
        shown = person.model_dump(include=set(CHECKED_AT_THE_COUNTER), exclude_none=True)
        return {**shown, "followed": seen.followed.document()}


def _view(state: FulfillmentOrder) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if state.created is not None:
        hidden = {"door_digest", "reply_to", "lines", "ship_to", "pickup_person", "instructions", "gift_message"}
        asked = state.created.model_dump(mode="json", exclude_none=True, exclude=hidden)
    return {
        **asked,
        "stage": state.stage,
        "lines": [line.model_dump(mode="json", exclude_none=True) for line in state.to_pick],
        **({"cancel_asked": _request(state.cancel)} if state.cancel else {}),
        **({"shelf": state.ready.shelf} if state.ready and state.ready.shelf else {}),
        "picked": [line.model_dump(mode="json", exclude_none=True) for line in state.picked.lines]
        if state.picked
        else [],
        "packages": [package.model_dump(mode="json", exclude_none=True) for package in state.packages],
    }


def _request(asked: CancelRequested) -> dict[str, Any]:
    """What a node needs to answer a cancel."""
    return asked.model_dump(mode="json", exclude_none=True, include={"lines", "cause", "answer_by"})
