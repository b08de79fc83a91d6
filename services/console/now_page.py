"""Now: what stands where, what went on, what holds the flow back, and how far each service is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.topics import SERVICES
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

LETTERS = ("dead_letters", "parked_streams", "parked_messages")
"""What the doors count of what a service could not take."""

FORBIDDEN = 403

EVERY = 4
"""Hours between labels of the chart."""


async def _now(request: Request) -> Response:
    who_of(request)
    parts, now = parts_of(request), datetime.now(UTC)
    stands = await asyncio.to_thread(parts.questions.stands, now)
    flow = await asyncio.to_thread(parts.questions.flow, now)
    trend = await asyncio.to_thread(parts.questions.trend, now)
    spent = await asyncio.to_thread(parts.questions.hours, now)
    passed = await asyncio.to_thread(parts.questions.passed, now)
    values = {"stands": stands, "flow": flow, "held": held_back(stands, now), "passed": passed, "live": True}
    values = {
        **values,
        "trend": trend,
        "windows": WINDOWS,
        "spent": _spent(spent),
        "hours": spent,
        **await _services(request),
    }
    return page(request, "now.html", {**values, "age": await age_of(parts, now)})


async def _services(request: Request) -> dict[str, Any]:
    """How far each service is, for everybody; what it could not take, for those whom the doors tell it, or in their words
    why not."""
    (session, _), parts = who_of(request), parts_of(request)
    behind = await asyncio.to_thread(parts.installation.behind)
    counts = await parts.inside.get(session.token, "/dead-letters/counts")
    letters = counts.said["services"] if counts.fine else {}
    hidden = "" if counts.fine or counts.status == FORBIDDEN else counts.trouble
    rows = [
        {"name": name, "behind": (behind or {}).get(name), **letters.get(name, {})}
        for name in dict.fromkeys((*SERVICES, *letters))
    ]
    return {"services": rows, "known": behind is not None, "letters": counts.fine, "hidden": hidden}


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


async def _passed_csv(request: Request) -> Response:
    """How many went from which step to which within the last hour."""
    who_of(request)
    passed = await asyncio.to_thread(parts_of(request).questions.passed, datetime.now(UTC))
    return sheet("passed", ("source", "target", "count"), ((each.source, each.target, each.count) for each in passed))


async def _services_csv(request: Request) -> Response:
    """The services as the page shows them."""
    shown = await _services(request)
    columns = ("name", "behind", *(LETTERS if shown["letters"] else ()))
    return sheet("services", columns, ([each.get(name) for name in columns] for each in shown["services"]))


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


ROUTES = (
    Route("/", _now),
    Route("/steps.csv", _steps_csv),
    Route("/passed.csv", _passed_csv),
    Route("/services.csv", _services_csv),
)
