"""Stock: levels by article and location, which orders hold it, and every movement as a ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chassis.tokens import Role
from contracts.ids import aggregate_id, stream
from services.console.answering import CONSOLE, Refused, age_of, form_of, page, parts_of, told, who_of
from services.console.charts import Chart, steps

__all__ = ["ROUTES"]

ROWS = 50
MOVEMENTS = 100
"""The last events of an article that its ledger shows."""

CHARTS_MAX = 4
"""Locations whose movements are drawn."""

SHOWN = ("on_hand", "available")
"""Parts of a level that are drawn."""

TENANT = "default"
MOVING = frozenset({Role.WAREHOUSE, Role.ADMIN})

REASONS = ("found", "damaged", "lost", "stolen", "scrapped", "expired", "sample", "restocked", "cleared", "quarantined")


async def _stock(request: Request) -> Response:
    session, _ = who_of(request)
    given, parts = request.query_params, parts_of(request)
    if sku := given.get("sku", "").strip():
        return RedirectResponse(f"{CONSOLE}/stock/{quote(sku, safe='')}", status_code=303)
    answer = await parts.inside.get(
        session.token,
        "/stock-items",
        limit=ROWS,
        after=given.get("after"),
        location=given.get("location") or None,
        waiting="true" if given.get("waiting") else None,
        suspect="true" if given.get("suspect") else None,
    )
    if not answer.fine:
        raise Refused(answer.status, "Stock is not shown", answer.trouble)
    values = {"items": answer.said["stock_items"], "more": answer.said.get("next"), "asked": given}
    return page(request, "stock.html", {**values, "live": True, "age": await age_of(parts, datetime.now(UTC))})


async def _article(request: Request) -> Response:
    session, grant = who_of(request)
    sku, parts = request.path_params["sku"], parts_of(request)
    answer = await parts.inside.get(session.token, f"/stock-items/{quote(sku, safe='')}")
    if not answer.fine:
        raise Refused(answer.status, f"No stock of {sku}", answer.trouble)
    name = stream("stock_item", aggregate_id(TENANT, "stock_item", sku))
    events = await asyncio.to_thread(parts.histories, name, max(0, answer.said["version"] - MOVEMENTS))
    movements = list(_movements(events))
    values = {
        "item": answer.said,
        "movements": list(reversed(movements)),
        "charts": _charts(movements),
        "may_adjust": bool(grant.roles & MOVING),
        "reasons": REASONS,
    }
    return page(request, "article.html", {**values, "live": True, "age": await age_of(parts, datetime.now(UTC))})


def _movements(events: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each event with the level that it left at each location, and what changed there."""
    before: dict[str, Mapping[str, Any]] = {}
    for event in events:
        data = event["data"]
        for level in data.get("levels") or ():
            was = before.get(level["location"], {})
            changed = {
                part: level[part] - was[part]
                for part in ("on_hand", "reserved", "available")
                if part in was and part in level and level[part] != was[part]
            }
            before[level["location"]] = level
            yield {"event": event, "level": level, "changed": changed, "order": _order_of(data)}


def _charts(movements: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Of each location at which several movements are known, the first of them: what was on hand and available."""
    charts = list[Chart]()
    for location in sorted({move["level"]["location"] for move in movements}):
        moves = [move for move in movements if move["level"]["location"] == location]
        if len(moves) < 2 or len(charts) == CHARTS_MAX:
            continue
        moments = [datetime.fromisoformat(move["event"]["when"]) for move in moves]
        levels = [
            (
                part,
                [(moment.timestamp(), float(move["level"][part])) for moment, move in zip(moments, moves, strict=True)],
            )
            for part in SHOWN
        ]
        first, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in (moments[0], moments[-1]))
        charts.append(steps(f"Stock at {location} by movement", levels, first, last))
    return charts


def _order_of(data: Mapping[str, Any]) -> str | None:
    demand = data.get("demand") or {}
    return demand["id"] if demand.get("kind") == "order" else None


async def _adjust(request: Request) -> Response:
    session, _ = who_of(request)
    fields = await form_of(request, session)
    sku = request.path_params["sku"]
    try:
        quantity = int(fields.get("quantity", ""))
    except ValueError as error:
        raise Refused(422, "This is no quantity", "Give a whole number of units, such as 3.") from error
    body = {
        "location": fields.get("location", ""),
        "unit": fields.get("unit") or "each",
        "quantity": quantity,
        "reason": fields.get("reason", ""),
        "document": f"console-{uuid4()}",
    }
    path = f"/stock-items/{quote(sku, safe='')}"
    answer = await parts_of(request).inside.post(session.token, f"{path}/adjustments", body, fields.get("why"))
    return told(f"{CONSOLE}/stock/{quote(sku, safe='')}", "Adjusted", answer)


ROUTES = (
    Route("/stock", _stock),
    Route("/stock/{sku:path}/adjust", _adjust, methods=["POST"]),
    Route("/stock/{sku:path}", _article),
)
