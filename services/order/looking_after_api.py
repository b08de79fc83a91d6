"""Who looks after an order, and what they noted, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, StringConstraints

from chassis.card_numbers import mask_text
from chassis.description import shown
from chassis.reading import History
from chassis.sealing import PersonalDataForgotten, PersonalDataUnreadable
from chassis.store import Recorded
from chassis.tokens import SUBJECT
from chassis.web import Caller, Gate, caller_of, submit, timeline
from contracts.ids import guest_subject_id, split_stream
from contracts.order import AddNote, AssignOrder, LookingAfterRefused, NoteAdded, OrderPlaced
from contracts.personal import Personal, PersonalContent
from services.order.finding import NAMED, find_order, location_of, unknown_order
from services.order.intake import Seal
from services.order.stream import ORDER

__all__ = ["NOTE_CHARS_MAX", "Opened", "router"]

NOTE_CHARS_MAX = 4_000

Opened = Callable[[Personal], PersonalContent]
"""Opens what is personal. Raises PersonalDataForgotten or PersonalDataUnreadable."""


class NewNote(BaseModel):
    """What somebody wrote down about an order. It is sealed with what is the buyer's, and forgotten with them."""

    model_config = shown({"text": "Ada called: please ring twice"})

    text: Annotated[str, StringConstraints(min_length=1, max_length=NOTE_CHARS_MAX, strip_whitespace=True)]


class Owner(BaseModel):
    """The account that looks after an order from now on; nobody where it is left out. No name of a person."""

    model_config = shown({"owner": "ada"})

    owner: Annotated[str, StringConstraints(pattern=SUBJECT)] | None = None


def router(gate: Gate, seal: Seal, opened: Opened) -> APIRouter:
    """The routes below an order."""
    routes = APIRouter(tags=["orders"])

    @routes.post("/orders/{name}/notes", status_code=202, openapi_extra=NAMED)
    async def add_note(name: str, caller: Annotated[Caller, Depends(caller_of)], body: NewNote) -> Any:
        """Write something down about an order, also of one that has ended. Card numbers are masked, and the rest is sealed."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        text = await asyncio.to_thread(_sealed, gate, seal, target, name, body.text)
        return await submit(
            gate, caller, target, AddNote(text=text), location_of(target), refusals=(LookingAfterRefused,)
        )

    @routes.get("/orders/{name}/notes", openapi_extra=NAMED)
    def notes(name: str, response: Response) -> dict[str, Any]:
        """What was written down about an order, the first first: who, when, and the text, absent where the buyer was
        forgotten or it cannot be read."""
        response.headers["Cache-Control"] = "no-store"
        target = find_order(gate.reads, name)
        return {"notes": [_note(event, opened) for event in gate.reads.events(target) if event.type == NoteAdded.TYPE]}

    @routes.post("/orders/{name}/owner", status_code=202, openapi_extra=NAMED)
    async def assign(name: str, caller: Annotated[Caller, Depends(caller_of)], body: Owner) -> Any:
        """Say who looks after an order; it is theirs until somebody else is named, or nobody."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        command = AssignOrder(owner=body.owner)
        return await submit(gate, caller, target, command, location_of(target), refusals=(LookingAfterRefused,))

    return routes


def _sealed(gate: Gate, seal: Seal, target: str, name: str, text: str) -> Personal:
    """A note under the key of whoever bought; of an order whose buyer nobody knows, under that of its guest."""
    placed: OrderPlaced | None = gate.reads.stream(target).stream.view(ORDER).order.placed
    if placed is None:
        raise unknown_order(name)
    guest = guest_subject_id(gate.door.tenant, split_stream(target)[1], "buyer")
    return seal(placed.buyer.subject if placed.buyer else guest, PersonalContent(notes=mask_text(text)))


def _note(event: Recorded, opened: Opened) -> dict[str, Any]:
    [shown_] = timeline(History([event], more=False))["events"]
    added = NoteAdded.decode(event.value)
    said = {"note": added.note, "when": shown_["when"], "who": shown_["who"]}
    try:
        return {**said, "text": opened(added.text).notes}
    except PersonalDataForgotten:
        return {**said, "forgotten": True}
    except PersonalDataUnreadable as error:
        return {**said, "unreadable": str(error)}
