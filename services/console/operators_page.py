"""Operators: what could not be taken and is to be tried again, what waits in each service, and settings in force."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.answering import CONSOLE, Refused, age_of, form_of, page, parts_of, told, who_of

__all__ = ["ROUTES"]

ROWS = 100


async def _operators(request: Request) -> Response:
    session, _ = who_of(request)
    parts = parts_of(request)
    letters = await parts.inside.get(session.token, "/dead-letters", limit=ROWS)
    counts = await parts.inside.get(session.token, "/dead-letters/counts")
    if not letters.fine or not counts.fine:
        trouble = letters if not letters.fine else counts
        raise Refused(trouble.status, "This is for operators", trouble.trouble)
    now, about = datetime.now(UTC), parts.installation
    deadlines = await asyncio.to_thread(about.deadlines, now)
    behind = await asyncio.to_thread(about.behind)
    told_of = {"settings": about.settings(), "deadlines": deadlines, "behind": behind, "now": now}
    values = {
        **told_of,
        "letters": letters.said["dead_letters"],
        "counts": counts.said,
        "more": letters.said.get("next"),
    }
    return page(request, "operators.html", {**values, "live": True, "age": await age_of(parts, now)})


async def _redrive(request: Request) -> Response:
    session, _ = who_of(request)
    fields = await form_of(request, session)
    name = quote(request.path_params["name"], safe="")
    verb = "discard" if fields.get("do") == "discard" else "redrive"
    why = fields.get("why", "").strip()
    if not why:
        raise Refused(422, "Say why", "It is recorded with what you did. Nothing was done.")
    body = {"reason": why} if verb == "discard" else {}
    answer = await parts_of(request).inside.post(session.token, f"/dead-letters/{name}/{verb}", body, why)
    return told(f"{CONSOLE}/operators", "Given up" if verb == "discard" else "Tried again", answer)


ROUTES = (Route("/operators", _operators), Route("/operators/{name:path}", _redrive, methods=["POST"]))
