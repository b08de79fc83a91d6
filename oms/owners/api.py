"""Who looks after what waits and has no order, over HTTP: named, handed on, nobody any more; and listed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, StringConstraints

from chassis.card_numbers import mask_text
from chassis.description import shown
from chassis.doors import Door
from chassis.problems import Problem, ProblemKind
from chassis.tokens import SUBJECT, Role
from chassis.web import Caller, caller_of, grant_of
from contracts.message import to_milliseconds
from oms.owners.kept import List, Owned, Owners

__all__ = ["ALLOWED", "router"]

ALLOWED: Mapping[List, frozenset[Role]] = {
    List.RETURNS: frozenset({Role.CSR, Role.WAREHOUSE, Role.ADMIN}),
    List.COUNTS: frozenset({Role.CSR, Role.WAREHOUSE, Role.FINANCE, Role.ADMIN}),
    List.BANK: frozenset({Role.FINANCE, Role.ADMIN}),
    List.DEAD_LETTERS: frozenset({Role.ADMIN}),
    List.STANDING: frozenset({Role.ADMIN}),
    List.DEADLINES: frozenset({Role.ADMIN}),
}
"""By list who looks after its rows, and sees who does."""


RowName = Annotated[str, StringConstraints(min_length=1, max_length=800, pattern=r"^[^\x00-\x1f]+$")]
"""What names a row, on one line."""


class Ownership(BaseModel):
    """Who looks after a row of a list from now on; nobody where `owner` is left out. No name of a person. `name`: of a
    return its id, of a count the SKU, of a dead letter and of what stands still its name, of a bank entry
    `<account>/<entry>`, in which a slash of either is `%2F` and a percent sign `%25`."""

    model_config = shown({"list": "bank", "name": "DE02120300000000202051/20260120-7", "owner": "ada"})

    list: List
    name: RowName
    owner: Annotated[str, StringConstraints(pattern=SUBJECT)] | None = None
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = None


def router(owners: Owners, door: Door, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["exceptions"])

    @routes.get("/exceptions/owners")
    def list_owners(request: Request) -> dict[str, Any]:
        """Who looks after what waits and has no order, of the lists that the caller sees; of each row who said so last,
        when and why. A row that waits no more may still be there."""
        roles = grant_of(request).roles
        shown_ = [each for each in owners.all() if ALLOWED[each.list] & roles]
        return {"owners": [each.model_dump(mode="json", exclude_none=True) for each in shown_]}

    @routes.post("/exceptions/owners", status_code=202)
    async def name(caller: Annotated[Caller, Depends(caller_of)], body: Ownership) -> JSONResponse:
        """Say who looks after a row; it is theirs until somebody else is named, or nobody. What has an order is looked
        after by whoever looks after that (`/orders/{name}/owner`)."""
        caller.without_condition("Who looks after something has no version.")
        if not ALLOWED[body.list] & caller.grant.roles:
            raise Problem(
                ProblemKind.NOT_ALLOWED,
                "This is not allowed to you",
                f"Rows of {body.list} are looked after by {', '.join(sorted(ALLOWED[body.list]))}.",
            )
        reason = body.reason or caller.reason
        owned = Owned(
            id=door.message_id(("owner", caller.key)),
            list=body.list,
            name=body.name,
            owner=body.owner,
            actor=caller.actor,
            reason=None if reason is None else mask_text(reason),
            at=to_milliseconds(clock()),
        )
        known = await asyncio.to_thread(owners.name, owned)
        if (known.list, known.name, known.owner) != (owned.list, owned.name, owned.owner):
            raise Problem(ProblemKind.CONFLICT, "This was sent before with another body", "Send a new Idempotency-Key.")
        outcome = "put_down" if body.owner is None else "looked_after"
        location = "/exceptions/owners"
        document = {"message_id": known.id, "location": location, "outcome": outcome}
        return JSONResponse(document, 202, {"Location": location})

    return routes
