"""Now: what stands where, what holds the flow back, and what waits for a person in each service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.answering import age_of, page, parts_of, who_of
from services.console.charts import Chart, bars
from services.console.flow import ABOUT
from services.console.questions import Spent, held_back
from services.console.sheets import sheet
from services.console.showing import duration

__all__ = ["ROUTES"]

WINDOWS = ("the last hour", "the hour before", "the same hour yesterday", "the same hour a week ago")
"""What is compared, as `Questions.trend` names it."""

COLUMNS = ("step", "count", "oldest", "oldest_order", "left_hour", "left_hour_before", "p50", "p90", "p99")

EVERY = 4
"""Hours between labels of the chart."""


async def _now(request: Request) -> Response:
    session, _ = who_of(request)
    parts, now = parts_of(request), datetime.now(UTC)
    stands = await asyncio.to_thread(parts.questions.stands, now)
    flow = await asyncio.to_thread(parts.questions.flow, now)
    trend = await asyncio.to_thread(parts.questions.trend, now)
    spent = await asyncio.to_thread(parts.questions.hours, now)
    counts = await parts.inside.get(session.token, "/dead-letters/counts")
    services = [{"name": name, **each} for name, each in (counts.said or {}).get("services", {}).items() if counts.fine]
    values = {"stands": stands, "flow": flow, "held": held_back(stands, now), "services": services, "live": True}
    values = {**values, "trend": trend, "windows": WINDOWS, "spent": _spent(spent), "hours": spent}
    return page(request, "now.html", {**values, "age": await age_of(parts, now)})


async def _steps_csv(request: Request) -> Response:
    """Where everything stands, and how long steps took: durations in seconds."""
    who_of(request)
    stands = await asyncio.to_thread(parts_of(request).questions.stands, datetime.now(UTC))
    rows = (
        [ABOUT[each.step].title, ABOUT[each.step].kind.value, ABOUT[each.step].mover]
        + [getattr(each, name) for name in COLUMNS]
        for each in stands
    )
    return sheet("steps", ("title", "kind", "mover", *COLUMNS), rows)


def _spent(hours: Sequence[Spent]) -> Chart | None:
    """How much was waited and worked in each of the last hours; None where nothing left any step."""
    highest = max(each.waiting + each.working for each in hours)
    if not highest:
        return None
    rows = [
        (
            f"{each.begins:%H:%M}" if place % EVERY == 0 else "",
            (each.working, each.waiting),
            f"From {each.begins:%H:%M} UTC: worked {duration(each.working)}, waited {duration(each.waiting)}",
        )
        for place, each in enumerate(hours)
    ]
    return bars(
        "Time of what left a step in each of the last 24 hours", ("working", "waiting"), rows, duration(highest)
    )


ROUTES = (Route("/", _now), Route("/steps.csv", _steps_csv))
