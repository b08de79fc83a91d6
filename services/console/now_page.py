"""Now: what stands where, what holds the flow back, and what waits for a person in each service."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.answering import age_of, page, parts_of, who_of
from services.console.questions import held_back

__all__ = ["ROUTES"]


async def _now(request: Request) -> Response:
    session, _ = who_of(request)
    parts, now = parts_of(request), datetime.now(UTC)
    stands = await asyncio.to_thread(parts.questions.stands, now)
    flow = await asyncio.to_thread(parts.questions.flow, now)
    counts = await parts.inside.get(session.token, "/dead-letters/counts")
    services = [{"name": name, **each} for name, each in (counts.said or {}).get("services", {}).items() if counts.fine]
    values = {"stands": stands, "flow": flow, "held": held_back(stands, now), "services": services, "live": True}
    return page(request, "now.html", {**values, "age": await age_of(parts, now)})


ROUTES = (Route("/", _now),)
