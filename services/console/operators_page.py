"""Operators: what could not be taken and is to be tried again, what waits in each service, and settings in force."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.topics import SERVICES
from services.console.answering import CONSOLE, Refused, age_of, form_of, page, parts_of, told, who_of
from services.console.inside import WISH
from services.console.installation import COUNTED_MAX
from services.console.runs_page import READ_MODELS, shown_run
from services.console.sheets import sheet

__all__ = ["ROUTES"]

ROWS = 100
FORBIDDEN = 403
"""Dead letters and parked messages on the page; what comes after them is a page of its own."""
COUNTS = ("dead_letters", "parked_streams", "parked_messages", "oldest_seconds")


async def _operators(request: Request) -> Response:
    session, _ = who_of(request)
    parts = parts_of(request)
    after = request.query_params.get("after")
    letters = await parts.inside.get(session.token, "/dead-letters", limit=ROWS, counted="true", after=after)
    counts = await parts.inside.get(session.token, "/dead-letters/counts")
    runs = await parts.inside.get(session.token, "/runs")
    asked = {"letters": letters, "counts": counts, "runs": runs}
    if (refused := next((each for each in asked.values() if each.status == FORBIDDEN), None)) is not None:
        raise Refused(FORBIDDEN, "This is for operators", refused.trouble)
    now, about = datetime.now(UTC), parts.installation
    deadlines = await asyncio.to_thread(about.deadlines, now)
    behind = await asyncio.to_thread(about.behind)
    followers = await asyncio.to_thread(about.followers)
    remade = await asyncio.to_thread(about.remade)
    values = {
        "remade": remade,
        "troubles": {name: each.trouble for name, each in asked.items() if not each.fine},
        "runs": [shown_run(run) for run in runs.said["runs"]] if runs.fine else (),
        "services": SERVICES,
        "rebuilt": (*SERVICES, *READ_MODELS),
        "settings": about.settings(),
        "deadlines": deadlines,
        "behind": behind,
        "followers": followers,
        "counted_max": COUNTED_MAX,
        "now": now,
        "letters": letters.said["dead_letters"] if letters.fine else (),
        "counts": counts.said["services"] if counts.fine else {},
        "total": letters.said["total"] if letters.fine else 0,
        "after": after,
        "next": letters.said.get("next") if letters.fine else None,
    }
    return page(request, "operators.html", {**values, "live": True, "age": await age_of(parts, now)})


async def _sheet(request: Request) -> Response:
    """One of the tables of this page. Who may see the page is asked of the doors first, as there."""
    session, _ = who_of(request)
    parts, name = parts_of(request), request.path_params["table"]
    counts = await parts.inside.get(session.token, "/dead-letters/counts")
    if not counts.fine:
        raise Refused(counts.status, "This is for operators", counts.trouble)
    about, rows = parts.installation, list[Sequence[object]]()
    match name:
        case "services":
            behind = await asyncio.to_thread(about.behind) or {}
            columns: Sequence[str] = ("service", "not_handled", *COUNTS)
            rows = [
                (service, behind.get(service), *(each.get(count) for count in COUNTS))
                for service, each in counts.said["services"].items()
            ]
        case "followers":
            columns = ("service", "tables", "offsets_behind")
            rows = [(each.service, each.name, each.behind) for each in await asyncio.to_thread(about.followers) or ()]
        case "deadlines":
            columns = ("service", "stream", "name", "at")
            deadlines = await asyncio.to_thread(about.deadlines, datetime.now(UTC))
            rows = [(service, due.stream, due.name, due.at) for service, each in deadlines.items() for due in each.next]
        case "settings":
            columns = ("name", "value", "chosen", "meaning")
            rows = [(each.name, each.value, each.chosen, each.meaning) for each in about.settings()]
        case _:
            raise Refused(
                404, "There is no such table", "Go back to the operators' page and choose one of those there."
            )
    return sheet(name, columns, rows)


async def _redrive(request: Request) -> Response:
    session, _ = who_of(request)
    fields = await form_of(request, session)
    name = quote(request.path_params["name"], safe="")
    verb = "discard" if fields.get("do") == "discard" else "redrive"
    why = fields.get("why", "").strip()
    if not why:
        raise Refused(422, "Say why", "It is recorded with what you did. Nothing was done.")
    body = {"reason": why} if verb == "discard" else {}
    answer = await parts_of(request).inside.post(session.token, f"/dead-letters/{name}/{verb}", body, fields[WISH], why)
    return told(request, f"{CONSOLE}/operators", "Given up" if verb == "discard" else "Tried again", answer)


ROUTES = (
    Route("/operators", _operators),
    Route("/operators/{table}.csv", _sheet),
    Route("/operators/{name:path}", _redrive, methods=["POST"]),
)
