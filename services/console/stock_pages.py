"""Stock: levels by article and location, which orders hold it, and every movement as a ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chassis.tokens import Role
from contracts.ids import aggregate_id, stream
from services.console.answering import CONSOLE, Refused, age_of, form_of, page, parts_of, told, who_of
from services.console.charts import Chart, steps
from services.console.inside import WISH, Answer
from services.console.sheets import sheet

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


EXPORT_ROWS_MAX = 200
"""Articles of one CSV file: what a door lists at once."""

LEVELS = (
    "location", "on_hand", "sellable", "reserved", "soft", "picked", "suspect", "damaged", "on_hold", "available",
)  # fmt: skip
"""Parts of a level in a file."""


async def _stock(request: Request) -> Response:
    who_of(request)
    given, parts = request.query_params, parts_of(request)
    if sku := given.get("sku", "").strip():
        return RedirectResponse(f"{CONSOLE}/stock/{quote(sku, safe='')}", status_code=303)
    answer = await _listed(request, ROWS)
    values = {"items": answer.said["stock_items"], "more": answer.said.get("next"), "asked": given}
    return page(request, "stock.html", {**values, "live": True, "age": await age_of(parts, datetime.now(UTC))})


async def _listed(request: Request, limit: int) -> Answer:
    """The articles that are asked for, at most so many. Raises Refused."""
    session, _ = who_of(request)
    given = request.query_params
    answer = await parts_of(request).inside.get(
        session.token,
        "/stock-items",
        limit=limit,
        after=given.get("after"),
        location=given.get("location") or None,
        waiting="true" if given.get("waiting") else None,
        suspect="true" if given.get("suspect") else None,
    )
    if not answer.fine:
        raise Refused(answer.status, "Stock is not shown", answer.trouble)
    return answer


async def _stock_csv(request: Request) -> Response:
    """A row an article and location; of an article that lies nowhere one with what is waited for alone."""
    answer = await _listed(request, EXPORT_ROWS_MAX)
    nowhere: Sequence[Mapping[str, Any]] = ({},)
    rows = (
        (item["sku"], item["unit"], item.get("waiting"), *(level.get(part) for part in LEVELS))
        for item in answer.said["stock_items"]
        for level in item["levels"] or nowhere
    )
    return sheet("stock", ("sku", "unit", "waiting", *LEVELS), rows)


async def _moved(request: Request) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """An article and its last movements, the first first. Raises Refused."""
    session, _ = who_of(request)
    sku, parts = request.path_params["sku"], parts_of(request)
    answer = await parts.inside.get(session.token, f"/stock-items/{quote(sku, safe='')}")
    if not answer.fine:
        raise Refused(answer.status, f"No stock of {sku}", answer.trouble)
    name = stream("stock_item", aggregate_id(TENANT, "stock_item", sku))
    events = await asyncio.to_thread(parts.histories, name, max(0, answer.said["version"] - MOVEMENTS))
    return answer.said, list(_movements(events))


async def _movements_csv(request: Request) -> Response:
    item, movements = await _moved(request)
    columns = ("when", "what", "who", "why", *LEVELS, "order")
    rows = (
        (
            move["event"]["when"], move["event"]["what"],
            f"{move['event']['who']['kind']} {move['event']['who']['subject']}", move["event"]["why"],
            *(move["level"].get(part) for part in LEVELS), move["order"],
        )
        for move in reversed(movements)
    )  # fmt: skip
    return sheet(f"movements-{_file_name(item['sku'])}", columns, rows)


async def _levels_csv(request: Request) -> Response:
    """Of one article a row a location."""
    item, _ = await _moved(request)
    rows = ([level.get(part) for part in LEVELS] for level in item["levels"])
    return sheet(f"levels-{_file_name(item['sku'])}", LEVELS, rows)


async def _claims_csv(request: Request) -> Response:
    """Who holds an article, and who waits for it."""
    item, _ = await _moved(request)
    rows = (
        (
            *(claim["demand"].get(part) for part in ("kind", "id", "line")),
            *(claim.get(part) for part in ("location", "quantity", "waiting", "claimed_at")),
        )
        for claim in item["claims"]
    )
    columns = ("for", "id", "line", "location", "claimed", "waiting", "claimed_at")
    return sheet(f"claims-{_file_name(item['sku'])}", columns, rows)


def _file_name(sku: str) -> str:
    """As much of a name as may stand in that of a file."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in sku)


async def _article(request: Request) -> Response:
    _, grant = who_of(request)
    parts = parts_of(request)
    item, movements = await _moved(request)
    values = {
        "item": item,
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
        "document": f"console-{fields[WISH]}",
    }
    path = f"/stock-items/{quote(sku, safe='')}"
    answer = await parts_of(request).inside.post(
        session.token, f"{path}/adjustments", body, fields[WISH], fields.get("why")
    )
    return told(request, f"{CONSOLE}/stock/{quote(sku, safe='')}", "Adjusted", answer)


ROUTES = (
    Route("/stock", _stock),
    Route("/stock.csv", _stock_csv),
    Route("/stock/{sku:path}/levels.csv", _levels_csv),
    Route("/stock/{sku:path}/claims.csv", _claims_csv),
    Route("/stock/{sku:path}/movements.csv", _movements_csv),
    Route("/stock/{sku:path}/adjust", _adjust, methods=["POST"]),
    Route("/stock/{sku:path}", _article),
)
