"""What waits for a person over HTTP: listed, counted, shown, tried again, edited, given up. For admins alone, since a dead
letter may hold what outsiders sent in the clear."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from chassis.card_numbers import mask_texts
from chassis.description import may_answer, shown
from chassis.letter import ORIGINAL, Settled
from chassis.listing import CountAsked, Listing, PageAsked, text_key
from chassis.log import Record
from chassis.problems import Problem, ProblemKind
from chassis.web import Caller, Name, caller_of, submit
from contracts.chassis import DiscardParked, EditParked, NotParked, RedriveStream
from contracts.message import Command, Instant, format_instant, parse_instant
from oms.letters.buried import KEPT_FOR, DeadLetter
from oms.letters.desk import DEAD, PARKED, Desk, Letter, Parked, Wanted, listed_letter
from oms.letters.settling import Edit, Plan, Settling, read_as, settled_problem
from oms.letters.shown import DEPTH_MAX, is_shallow, said_headers, to_mend, to_see

__all__ = ["router", "row_of"]

ServiceName = Literal["order", "inventory", "fulfillment", "shipping", "payments"]


class State(StrEnum):
    """Whether nobody can decode it, or its stream cannot take it."""

    DEAD = DEAD
    PARKED = PARKED


CURSOR = Listing(
    "dead_letters", "", "", {"since": "since"}, {"since": parse_instant, "name": text_key}, moments=("since",)
)
"""Only for its cursors and moments: what is listed comes from several places."""

Words = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
DryRun = Annotated[bool, Query(description="Only say what would be done.")]


class Again(BaseModel):
    """What was mended, so that it may be taken now."""

    model_config = shown({"reason": "the release of today can read it"})

    reason: Words | None = None


class Discard(BaseModel):
    """Why nobody is to take it any more; no name of a person."""

    model_config = shown({"reason": "a test of the channel's; they know"})

    reason: Words


def _of_few_levels(value: dict[str, Any]) -> dict[str, Any]:
    if not is_shallow(value):
        raise ValueError(f"it has more than {DEPTH_MAX} levels, as no message of ours has")
    return value


class NewWords(BaseModel):
    """What is to be taken in its place, and why. `stream` and `type`: of a dead letter of an inbox, where they are others;
    of a parked message the `type` alone."""

    model_config = shown({"value": {"detail": "asked to wait"}, "reason": "the detail was missing"})

    value: Annotated[dict[str, Any], AfterValidator(_of_few_levels)]
    reason: Words
    type: Name | None = None
    stream: Annotated[str, Field(max_length=256)] | None = None


def _asked(
    service: Annotated[ServiceName | None, Query(description="Of one service.")] = None,
    state: Annotated[State | None, Query(description="`dead` or `parked`.")] = None,
    stream: Annotated[str | None, Query(max_length=256, description="Of one stream, or key.")] = None,
    type: Annotated[str | None, Query(max_length=256, description="A part of the type's name.")] = None,
    reason: Annotated[str | None, Query(max_length=256, description="A part of the reason.")] = None,
    since: Annotated[Instant | None, Query(description="Those that came then or later.")] = None,
) -> Wanted:
    return Wanted(service, None if state is None else state.value, stream, type, reason, since)


def router(desk: Desk, settling: Settling, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["dead letters"])

    @routes.get("/dead-letters")
    def list_letters(
        wanted: Annotated[Wanted, Depends(_asked)], page: PageAsked, counting: CountAsked
    ) -> dict[str, Any]:
        """What waits, the oldest first. `total` also counts those that came when too many waited to list them."""
        if counting.oldest_by is not None:
            CURSOR.oldest_by(counting.oldest_by)
        after = None if page.after is None else CURSOR.place(page.after)
        found = desk.listed(wanted, page.limit + 1, None if after is None else (after[0], after[1]))
        rows = found[: page.limit]
        more = {"next": CURSOR.cursor(_listed(rows[-1]))} if len(found) > page.limit else {}
        total = {"total": desk.counted(wanted)} if counting.counted else {}
        late = {} if counting.late_before is None else {"late": desk.counted(wanted, counting.late_before)}
        return {"dead_letters": [row_of(letter) for letter in rows], **more, **total, **late}

    @routes.get("/dead-letters/counts")
    def count() -> dict[str, Any]:
        """How many wait in each service, how long the oldest has (seconds), and for what reasons."""
        return {"services": desk.counts(clock()), "reasons": desk.reasons()}

    @routes.get("/dead-letters/{name}", openapi_extra=may_answer(ProblemKind.GONE))
    def show(
        name: str, to_edit: Annotated[bool, Query(description="With all that an edited one must hold.")] = False
    ) -> dict[str, Any]:
        """One, decoded and raw. What is sealed stays sealed; what cannot be decoded is shown in hex. With `to_edit` the
        value is whole, and what cannot be decoded is text."""
        shown_as = to_mend if to_edit else to_see
        if (parked := desk.parked(name)) is not None:
            return _parked(name, parked, shown_as)
        letter = desk.dead(name)
        if letter is None:
            raise _unknown(name)
        record = desk.buried.record(letter)
        if record is None:
            raise Problem(ProblemKind.GONE, f"{name} is gone", "Its topic keeps dead letters for 30 days.")
        return _dead(letter, record, shown_as)

    _add_commands(routes, desk, _Hands(desk, settling))
    return routes


def _add_commands(routes: APIRouter, desk: Desk, hands: _Hands) -> None:
    @routes.post("/dead-letters/{name}/redrive", status_code=202)
    async def redrive(
        name: str, caller: Annotated[Caller, Depends(caller_of)], body: Again | None = None, dry_run: DryRun = False
    ) -> Any:
        """Try it again: a dead letter goes in as it came; of a parked message all that is parked in its stream is tried,
        in its order."""
        caller = replace(caller, reason=body.reason if body else caller.reason)
        if (parked := await asyncio.to_thread(desk.parked, name)) is None:
            return await hands.settle(name, caller, Settled.REDRIVEN, hands.settling.redrive, dry_run)
        waiting = await asyncio.to_thread(desk.parked_in, parked.service, parked.stream)
        says = f"{parked.stream} of {parked.service} tries all that it has parked, in order: {len(waiting)}"
        return await hands.send(parked, caller, name, RedriveStream(), says, dry_run)

    @routes.post("/dead-letters/{name}/discard", status_code=202)
    async def discard(
        name: str, caller: Annotated[Caller, Depends(caller_of)], body: Discard, dry_run: DryRun = False
    ) -> Any:
        """Give it up: a parked message is passed over and its stream goes on; a dead letter waits no more."""
        caller = replace(caller, reason=body.reason)
        if (parked := await asyncio.to_thread(desk.parked, name)) is None:
            return await hands.settle(name, caller, Settled.DISCARDED, hands.settling.discard, dry_run)
        message = parked.message
        says = f"{parked.stream} goes on without the {message.message_type} {message.message_id}"
        return await hands.send(parked, caller, name, DiscardParked(offset=message.offset), says, dry_run)

    @routes.post("/dead-letters/{name}/edit", status_code=202)
    async def edit(
        name: str, caller: Annotated[Caller, Depends(caller_of)], body: NewWords, dry_run: DryRun = False
    ) -> Any:
        """Have a new message taken in its place, with an id of its own: it settles this one."""
        caller = replace(caller, reason=body.reason)
        if (parked := await asyncio.to_thread(desk.parked, name)) is None:
            words = Edit(body.value, body.stream, body.type)
            plan_of: PlanOf = lambda letter: hands.settling.edit(letter, words, caller)  # noqa: E731
            return await hands.settle(name, caller, Settled.EDITED, plan_of, dry_run)
        if body.stream not in (None, parked.stream):
            raise Problem(
                ProblemKind.UNREADABLE,
                "The request cannot be read",
                f"It stays in {parked.stream}, in the place of what it is made of. Leave `stream` out.",
            )
        said, _ = mask_texts(read_as(body.type or parked.message.message_type, body.value))
        value = said.encode().decode()
        command = EditParked(offset=parked.message.offset, message_type=body.type, value=value)
        says = f"a new message takes the place of {parked.message.message_id} in {parked.stream}, and is tried"
        return await hands.send(parked, caller, name, command, says, dry_run)


PlanOf = Callable[[DeadLetter], Plan]


@dataclass(frozen=True)
class _Hands:
    """What the commands have in common: a dead letter is settled here, a parked message by its stream."""

    desk: Desk
    settling: Settling

    async def send(self, parked: Parked, caller: Caller, name: str, command: Command, says: str, dry_run: bool) -> Any:
        _no_version(caller)
        if dry_run:
            return JSONResponse({"would": says})
        gate, location = self.desk.gates[parked.service], f"/dead-letters/{name}"
        return await submit(gate, caller, parked.stream, command, location, refusals=(NotParked,))

    async def settle(self, name: str, caller: Caller, how: Settled, plan_of: PlanOf, dry_run: bool) -> Any:
        _no_version(caller)
        letter = await asyncio.to_thread(self.desk.dead, name)
        if letter is None:
            return _done(name, await self._settled_before(name, caller, how), how)
        plan = await asyncio.to_thread(plan_of, letter)
        if dry_run:
            return JSONResponse({"would": plan.says})
        return _done(name, await self.settling.carry_out(plan, caller), how)

    async def _settled_before(self, name: str, caller: Caller, how: Settled) -> str:
        """The id of the settlement by this very request, which came again; raises Problem for any other."""
        service, _, rest = name.partition(":")
        if service not in self.desk.gates:
            raise _unknown(name)
        known = await asyncio.to_thread(self.desk.buried.settlement, service, rest.replace(":", "/"))
        if known is None:
            raise _unknown(name)
        if not self.settling.same_request(known, how, caller):
            raise settled_problem(known)
        return known.id


def _no_version(caller: Caller) -> None:
    caller.without_condition("What waits has no version.")


def _done(name: str, identifier: str, how: Settled) -> JSONResponse:
    return JSONResponse({"message_id": identifier, "location": f"/dead-letters/{name}", "outcome": how.value})


def _unknown(name: str) -> Problem:
    return Problem(
        ProblemKind.NOT_FOUND,
        f"nothing called {name} waits",
        "GET /dead-letters lists what does. One that was settled, or is older than 30 days, waits no more.",
    )


# -- as it is shown


def _listed(letter: Letter) -> tuple[Any, ...]:
    """A letter as a row of its list: the columns, then the key."""
    return letter.since, letter.since, letter.name


def row_of(letter: Letter) -> dict[str, Any]:
    """A letter as it is listed."""
    row = {
        "name": letter.name,
        "state": letter.state,
        "service": letter.service,
        "stream": letter.stream,
        "type": letter.type,
        "reason": letter.reason,
        "since": format_instant(letter.since),
    }
    return row if letter.state == PARKED else {**row, "expires_at": format_instant(letter.since + KEPT_FOR)}


def _parked(name: str, parked: Parked, shown_as: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
    message = parked.message
    headers = tuple((header.name, base64.b64decode(header.value)) for header in message.headers)
    reason = f"{message.fault}: {message.detail}"
    letter = Letter(name, PARKED, parked.service, parked.stream, message.message_type, reason, parked.since)
    return {
        **row_of(letter),
        "message_id": message.message_id,
        "unless_settled": "It stays for ever, and the later messages of its stream wait behind it.",
        **shown_as(base64.b64decode(message.value)),
        "headers": said_headers(headers),
    }


def _dead(letter: DeadLetter, record: Record, shown_as: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
    headers = record.headers
    came = tuple((name.removeprefix(ORIGINAL), content) for name, content in headers if name.startswith(ORIGINAL))
    row = row_of(listed_letter(letter))
    why = {name: content for name, content in reversed(headers) if name == "reason"}
    if "reason" in why:
        row["reason"] = why["reason"].decode(errors="replace")
    return {
        **row,
        "place": letter.place,
        "unless_settled": f"It is deleted after 30 days, at {row['expires_at']}, and nothing comes of it.",
        **shown_as(record.value or b""),
        "headers": said_headers(came),
    }
