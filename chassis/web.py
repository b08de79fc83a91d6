"""What every HTTP door shares: problems (RFC 9457), the limit of a body, Idempotency-Key, and waiting for an outcome.

Routers are the services' own (services/<service>/api.py). No message of a service is known here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from pydantic import Field, StringConstraints, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.card_numbers import mask_texts
from chassis.doors import BodyRefused, Door, Entry, digest_of
from chassis.log import LogError
from chassis.problems import Problem, ProblemKind
from chassis.reading import History, Reads, Seen
from chassis.sealing import MasterKeyMisfit
from chassis.service import Service
from chassis.store import Recorded, StoreAway
from chassis.tokens import SUBJECT, Grant
from chassis.waiters import TooManyWaiters, Waiter, Waiters
from contracts.chassis import CommandOutdated, MessageConflicted
from contracts.envelope import Actor
from contracts.ids import stream
from contracts.message import Command, Event, format_instant
from contracts.personal import Personal
from contracts.topics import DOOR_BODY_BYTES_MAX

__all__ = [
    "GRANT",
    "NUMBER_MAX",
    "UNDECIDED",
    "WAIT_SECONDS_MAX",
    "BodyLimit",
    "Caller",
    "Gate",
    "Name",
    "Positive",
    "Standing",
    "add_problems",
    "caller_of",
    "events_document",
    "grant_of",
    "seen_answer",
    "stream_of",
    "submit",
    "timeline",
    "without_nul",
]

WAIT_SECONDS_MAX = 30.0
"""The longest that `Prefer: wait=N` is obeyed."""

LOOK_AGAIN_SECONDS = 1.0
"""How often the store is asked for what a waiting caller may have missed."""

SHOWN_ERRORS_MAX = 20


NUMBER_MAX = 10**15
"""The largest quantity that a door takes: thousands of them still sum to what 64 bits and any reader of JSON hold."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
"""A name that somebody else gave: no control character, so that it can be part of an id."""

Positive = Annotated[int, Field(gt=0, le=NUMBER_MAX)]
"""A quantity of at least one."""


GRANT = "orderlog.grant"
"""Where the guard of an application (chassis/access.py) notes in a request's scope whom its token stands for."""


def grant_of(request: Request) -> Grant:
    """Whom the request's token stands for; raises RuntimeError where no guard stands before the route."""
    grant = request.scope.get(GRANT)
    if not isinstance(grant, Grant):
        raise RuntimeError(f"no guard stands before {request.url.path}")
    return grant


def without_nul(request: Request) -> None:
    """Raises Problem where an address or a parameter holds the character U+0000, which no table can be asked for."""
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if "\0" in str(value):
            raise Problem(
                ProblemKind.BAD_REQUEST,
                "A parameter holds the character U+0000",
                f"No text here has it. Leave it out of {name[:128]!a}.",
            )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks (whom their token stands for), under which key, how long they wait (seconds), and at which version they
    saw what they change."""

    key: str
    grant: Grant
    actor: Actor
    reason: str | None
    wait: float
    expected_version: int | None = None

    def without_condition(self, why: str) -> None:
        """For what is sent to no one known version; raises Problem when If-Match came all the same."""
        if self.expected_version is not None:
            raise Problem(ProblemKind.BAD_REQUEST, "If-Match does not count here", f"{why} Leave it out.")


def caller_of(
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(description="Names this request: the same key is the same request.", max_length=128)
    ] = None,
    x_on_behalf_of: Annotated[
        str | None,
        Header(
            description="The account that you act for. It is recorded for ever: no name, no address.", pattern=SUBJECT
        ),
    ] = None,
    x_reason: Annotated[str | None, Header(description="Why, in words.", max_length=1_000)] = None,
    prefer: Annotated[str | None, Header(description="`wait=N`: answer with the outcome, within N seconds.")] = None,
    if_match: Annotated[
        str | None, Header(description="The `ETag` of what you saw: if it has changed since, nothing is done.")
    ] = None,
) -> Caller:
    """The dependency of every POST; raises Problem when the Idempotency-Key is missing, who asks may not act for others
    and says that they do, or If-Match is no version."""
    if not idempotency_key or re.search(r"[\x00-\x1f]", idempotency_key):
        raise Problem(
            ProblemKind.BAD_REQUEST,
            "Idempotency-Key is missing",
            "Send a header Idempotency-Key of 1 to 128 characters, new for each thing you want done and the same "
            "when you try again, so that it is done once.",
        )
    grant = grant_of(request)
    if x_on_behalf_of is not None and not grant.acts_for_others:
        raise Problem(
            ProblemKind.NOT_ALLOWED,
            "This is not allowed to you",
            f"{grant.subject} acts for nobody: leave X-On-Behalf-Of out.",
        )
    wanted = re.search(r"\bwait=(\d{1,4})\b", prefer or "")
    wait = min(float(wanted.group(1)), WAIT_SECONDS_MAX) if wanted else 0.0
    actor = Actor(kind=grant.kind, subject=grant.subject, on_behalf_of=x_on_behalf_of)
    return Caller(idempotency_key, grant, actor, _as_written(x_reason), wait, _version_of(if_match))


def _as_written(header: str | None) -> str | None:
    """A header's text: most clients send UTF-8, which reaches us as if it were Latin-1."""
    try:
        return None if header is None else header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def _version_of(tag: str | None) -> int | None:
    """The version in an entity tag of ours; raises Problem for any other."""
    if tag is None:
        return None
    named = re.fullmatch(r'"(\d{1,15})"', tag.strip())
    if named is None:
        raise Problem(
            ProblemKind.BAD_REQUEST, "If-Match cannot be read", 'Send the ETag of what you saw as it is, such as "7".'
        )
    return int(named.group(1))


def _tag_of(version: int) -> str:
    return f'"{version}"'


@dataclass(frozen=True)
class Gate:
    """What a service's routers stand on."""

    service: Service
    door: Door
    reads: Reads
    waiters: Waiters


@dataclass(frozen=True)
class Standing:
    """What a caller waits for beyond the events of their own message: the word for how a stream stands firm. `told` says
    it of an event, `stored` of the stream as it is stored; None while it does not."""

    told: Callable[[Event], str | None]
    stored: Callable[[], str | None]


UNDECIDED = "open"
"""The outcome of what was done and does not stand firm within the time that its caller waits."""


def events_document(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Events as an answer shows them, without what only the chassis needs."""
    return [
        {"type": type(event).__name__, **event.model_dump(mode="json", exclude_none=True, exclude={"door_digest"})}
        for event in events
    ]


async def submit(
    gate: Gate,
    caller: Caller,
    target: str,
    command: Command,
    location: str,
    *,
    key: tuple[str, ...] | None = None,
    created: bool = False,
    refusals: tuple[type[Event], ...] = (),
    correlation: str | None = None,
    standing: Standing | None = None,
) -> JSONResponse:
    """Send a command and answer: 200 (or 201) with what came of it, 202 while that is not known, 409 when it was
    refused, or when its key is known with another body, 412 when the stream is not at the version that the caller saw.
    `key` where the caller's own is not what names the message. With `standing` who waits is answered when that has
    happened, or their time is over. Card numbers are masked first; `masked` in the answer names the fields."""
    command, masked = mask_texts(command)
    if caller.expected_version is not None:
        command = command.model_copy(update={"expected_version": caller.expected_version})
    entry = Entry(
        gate.service.name,
        target,
        command,
        key or (target, caller.key),
        caller.actor,
        caller.reason,
        correlation,
    )
    message_id, until = gate.door.message_id(entry.caller_key), monotonic() + caller.wait
    document: dict[str, Any] = {"message_id": message_id, "location": location}
    if masked:
        document["masked"] = list(masked)
    headers = {"Location": location}
    with gate.waiters.expect(target) if standing and caller.wait else nullcontext() as follower:
        events = await _known(gate, message_id, command)
        if not events:
            events = await _send(gate, entry, message_id, caller.wait)
        if not events:
            return JSONResponse({**document, "outcome": "pending"}, 202, headers)
        _refuse(events, refusals, message_id)
        document["events"] = events_document(events)
        if standing and follower:
            document["outcome"] = await _standing(follower, standing, events, until) or UNDECIDED
    return JSONResponse(document, 201 if created else 200, headers)


async def _standing(follower: Waiter, standing: Standing, events: Sequence[Event], until: float) -> str | None:
    """How a stream stands firm; None when it does not in time. The store is asked too, for what happened before."""
    while True:
        for event in events:
            if outcome := standing.told(event):
                return outcome
        if outcome := await asyncio.to_thread(standing.stored):
            return outcome
        left = until - monotonic()
        if left <= 0:
            return None
        events = await follower.wait(min(left, LOOK_AGAIN_SECONDS))


async def _known(gate: Gate, message_id: str, command: Command) -> Sequence[Event]:
    known = await asyncio.to_thread(gate.reads.known, message_id)
    if known is None:
        return ()
    if known.digest != digest_of(command):
        raise _conflict(message_id)
    return known.events


async def _send(gate: Gate, entry: Entry, message_id: str, wait: float) -> Sequence[Event]:
    if not wait:
        await gate.door.send(entry)
        return ()
    until = monotonic() + wait
    with gate.waiters.expect(message_id) as waiter:
        await gate.door.send(entry)
        while (left := until - monotonic()) > 0:
            # The store is asked too: a message that was handled before this one was sent causes nothing again.
            events = await waiter.wait(min(left, LOOK_AGAIN_SECONDS)) or await _known(gate, message_id, entry.command)
            if events:
                return events
    return ()


def _refuse(events: Sequence[Event], refusals: tuple[type[Event], ...], message_id: str) -> None:
    for event in events:
        if isinstance(event, MessageConflicted):
            raise _conflict(message_id)
        if isinstance(event, CommandOutdated):
            raise _outdated(event, message_id)
        if isinstance(event, refusals):
            shown = events_document([event])
            said = ", ".join(f"{name} {value}" for name, value in shown[0].items() if isinstance(value, str | int))
            raise Problem(
                ProblemKind.REFUSED,
                "The request was refused",
                f"Nothing was changed: {said}.",
                message_id=message_id,
                events=shown,
            )


def _conflict(message_id: str) -> Problem:
    return Problem(
        ProblemKind.CONFLICT,
        "This was sent before with another body",
        "Nothing was done. Send a new Idempotency-Key (for an order: a higher revision) if you mean something new, "
        "or the first body if you try again.",
        message_id=message_id,
    )


def _outdated(event: CommandOutdated, message_id: str) -> Problem:
    """The version now is that of the event that says so, as far as this answer knows."""
    now = event.version + 1
    return Problem(
        ProblemKind.OUTDATED,
        "It has changed meanwhile",
        f"Nothing was done: you saw version {event.expected_version}, and it was at {event.version}. Look at it again, "
        "and if you still want this send it with the new ETag and a new Idempotency-Key.",
        headers={"ETag": _tag_of(now)},
        message_id=message_id,
        expected_version=event.expected_version,
        version=now,
    )


class BodyLimit:
    """Refuses bodies above the limit of a door with 413, whether or not their length was announced.

    A body is read whole before a route sees it: an order is decoded whole anyway, and the limit bounds it.
    """

    def __init__(self, app: ASGIApp, limit: int = DOOR_BODY_BYTES_MAX) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = Problem(
            ProblemKind.TOO_LARGE,
            "The body is too large",
            f"A door takes {self._limit} bytes at most. Send less at a time.",
        )
        if announced.isdigit() and int(announced) > self._limit:
            await too_large.response()(scope, receive, send)
            return
        parts: list[bytes] = []
        more, taken = True, 0
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            parts.append(message.get("body", b""))
            more, taken = message.get("more_body", False), taken + len(parts[-1])
            if taken > self._limit:
                await too_large.response()(scope, receive, send)
                return
        whole: Message | None = {"type": "http.request", "body": b"".join(parts), "more_body": False}

        async def once() -> Message:
            nonlocal whole
            message, whole = whole, None
            return message or await receive()

        await self._app(scope, once, send)


def add_problems(app: FastAPI) -> None:
    """Make every answer that is no success a problem, and name what is away as 503."""

    def of(make: Callable[[Any], Problem]) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
        async def answer(request: Request, error: Exception) -> JSONResponse:
            return make(error).response()

        return answer

    away = "Nothing is lost. Send the same request with the same Idempotency-Key again in a moment."
    app.add_exception_handler(Problem, of(lambda error: error))
    app.add_exception_handler(RequestValidationError, of(_invalid))
    app.add_exception_handler(ValidationError, of(_invalid))
    app.add_exception_handler(
        BodyRefused, of(lambda error: Problem(ProblemKind.UNREADABLE, "The request cannot be read", f"{error}."))
    )
    app.add_exception_handler(HTTPException, of(_of_framework))
    broken = ProblemKind.BROKEN.example
    app.add_exception_handler(
        Exception, of(lambda error: Problem(ProblemKind.BROKEN, broken["title"], broken["detail"]))
    )
    for kind in (StoreAway, LogError, TooManyWaiters, OperationalError, PoolTimeout, MasterKeyMisfit):
        app.add_exception_handler(kind, of(lambda error: Problem(ProblemKind.NOT_NOW, "Not now", f"{error}. {away}")))


def _of_framework(error: HTTPException) -> Problem:
    """What the framework says: there is no such address or method, or a body that is none."""
    kinds = {404: ProblemKind.NOT_FOUND, 405: ProblemKind.NO_SUCH_METHOD}
    return Problem(kinds.get(error.status_code, ProblemKind.BAD_REQUEST), str(error.detail), _HELP)


_HELP = "The addresses and what they take are listed at /docs and, for programs, at /openapi.json."


def _invalid(error: RequestValidationError | ValidationError) -> Problem:
    found = error.errors()[:SHOWN_ERRORS_MAX]
    errors = [{"where": ".".join(str(part) for part in item["loc"]), "what": item["msg"]} for item in found]
    where = "; ".join(f"{item['where']}: {item['what']}" for item in errors[:3])
    return Problem(
        ProblemKind.UNREADABLE,
        "The request cannot be read",
        f"{where}. Mend what is named and send it again.",
        errors=errors,
    )


def seen_answer(seen: Seen, view: Mapping[str, Any]) -> JSONResponse:
    """A stream as it is shown, with its version, also as `ETag` for If-Match, and how far it was followed. One that is
    shown as it was recorded says of when, and has no tag: nothing can be changed of it."""
    version = seen.stream.version
    document = {**view, "version": version, "followed": seen.followed.document()}
    if seen.at is not None:
        return JSONResponse({**document, "at": format_instant(seen.at)})
    return JSONResponse(document, headers={"ETag": _tag_of(version)})


def stream_of(kind: str, identifier: str) -> str:
    """The stream that an id in an address names; raises Problem when it is no id."""
    try:
        return stream(kind, str(UUID(identifier)))
    except ValueError as error:
        raise Problem(
            ProblemKind.NOT_FOUND, f"{identifier} is no id", "An id looks like bdebd2b8-5485-59e2-b9dd-65081be601f6."
        ) from error


def timeline(history: History) -> dict[str, Any]:
    """Events of a stream for people: who, when, what, and what caused it. What is sealed stays so."""
    entries = [_entry(event) for event in history.events]
    return {"events": entries, "next": entries[-1]["version"]} if history.more else {"events": entries}


def _entry(event: Recorded) -> dict[str, Any]:
    headers = event.headers
    actor = headers.get("ce_actor")
    return {
        "version": event.version,
        "what": event.type.split(".")[2],
        "when": headers["ce_time"],
        "who": orjson.loads(actor) if actor else {"kind": "service", "subject": headers["ce_source"]},
        "why": headers.get("ce_reason"),
        "caused_by": headers["ce_causationid"],
        "id": headers["ce_id"],
        "offset": event.offset,
        "data": _without_sealed(orjson.loads(event.value)),
    }


def _without_sealed(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == Personal.model_fields.keys():
            return {"sealed": True}
        return {name: _without_sealed(part) for name, part in value.items() if name != "door_digest"}
    return [_without_sealed(part) for part in value] if isinstance(value, list) else value
