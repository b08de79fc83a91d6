"""Numbers: key figures by day, channel, location or category, with their formulas, and the events behind each.

They are of exported events, not of now: the page says of which folder, and how old that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.tokens import Role
from services.console.answering import Parts, Refused, page, parts_of, who_of
from services.console.figures import NoNumbers, Row
from services.console.sheets import sheet

__all__ = ["ROUTES"]

BY = ("day", "channel", "location", "category")
"""What figures may be told apart by."""

SPAN = timedelta(days=31)
"""Days that are shown where nobody says which."""

ALLOWED = frozenset({Role.VIEWER, Role.CSR, Role.FINANCE, Role.ADMIN})

STOCK_ROWS = 200
"""Articles and locations that the page of turns shows; its file has all."""

STOCK_COLUMNS = ("location", "sku", "units_gone", "mean_on_hand", "on_hand", "turns", "days_of_cover")

MONEY = frozenset({"ordered_value", "revenue", "average_order_value"})
RATES = frozenset(
    {"fill_rate", "backorder_rate", "cancel_rate", "return_rate", "split_rate", "on_time_in_full", "perfect_order_rate"}
)


@dataclass(frozen=True, slots=True)
class _Asked:
    by: str
    since: date
    until: date

    @property
    def address(self) -> str:
        return urlencode({"by": self.by, "from": self.since.isoformat(), "to": self.until.isoformat()})


def _asked(request: Request) -> _Asked:
    """Raises Refused where a day is none, or the last one is not after the first."""
    given = request.query_params
    today = datetime.now(UTC).date()
    try:
        until = date.fromisoformat(given["to"]) if given.get("to") else today + timedelta(days=1)
        since = date.fromisoformat(given["from"]) if given.get("from") else until - SPAN
    except ValueError as error:
        raise Refused(422, "This is no day", "Write days such as 2026-01-31.") from error
    if since >= until:
        raise Refused(422, "There is no day between", "The last day has to be after the first.")
    by = given.get("by", "day")
    return _Asked(by if by in BY else "day", since, until)


def _who(request: Request) -> Parts:
    _, grant = who_of(request)
    if not grant.roles & ALLOWED:
        raise Refused(403, "This is not allowed to you", "Numbers are for those who may see orders.")
    return parts_of(request)


def _without(error: NoNumbers) -> Refused:
    return Refused(404, "There are no numbers yet", f"{error}")


async def _numbers(request: Request) -> Response:
    parts, asked = _who(request), _asked(request)
    try:
        rows = await asyncio.to_thread(parts.figures.figures, asked.by, asked.since, asked.until)
        export = await asyncio.to_thread(parts.figures.export)
    except NoNumbers as error:
        raise _without(error) from error
    shown = {"rows": rows, "asked": asked, "export": export, "formulas": parts.figures.formulas}
    return page(request, "numbers.html", {**shown, "kinds": BY, "money_names": MONEY, "rates": RATES})


async def _sheet(request: Request) -> Response:
    parts, asked = _who(request), _asked(request)
    try:
        rows = await asyncio.to_thread(parts.figures.figures, asked.by, asked.since, asked.until)
    except NoNumbers as error:
        raise _without(error) from error
    columns = [asked.by, "currency", *parts.figures.formulas]
    return sheet(f"numbers-by-{asked.by}", columns, ([row[name] for name in columns] for row in rows))


async def _stock(request: Request) -> Response:
    parts, asked = _who(request), _asked(request)
    rows, export = await _of_stock(parts, asked), await asyncio.to_thread(parts.figures.export)
    shown = {"rows": rows[:STOCK_ROWS], "more": len(rows) - STOCK_ROWS, "asked": asked, "export": export}
    return page(request, "turns.html", shown)


async def _stock_sheet(request: Request) -> Response:
    rows = await _of_stock(_who(request), _asked(request))
    return sheet("turns", STOCK_COLUMNS, ([row[name] for name in STOCK_COLUMNS] for row in rows))


async def _of_stock(parts: Parts, asked: _Asked) -> Sequence[Row]:
    """Those that cover the most days first, and before them those that nobody took any of. Raises Refused."""
    try:
        rows = await asyncio.to_thread(parts.figures.stock, asked.since, asked.until)
    except NoNumbers as error:
        raise _without(error) from error
    return sorted(rows, key=_cover, reverse=True)


def _cover(row: Row) -> tuple[bool, float]:
    days = row["days_of_cover"]
    return (bool(row["on_hand"]) and days is None, 0.0 if days is None else float(days))


async def _evidence(request: Request) -> Response:
    parts, asked = _who(request), _asked(request)
    figure, value = request.path_params["figure"], request.query_params.get("value", "")
    if figure not in parts.figures.formulas:
        raise Refused(404, "There is no such figure", "Go back to the numbers and choose one of those there.")
    try:
        rows = await asyncio.to_thread(parts.figures.evidence, figure, asked.by, value, asked.since, asked.until)
    except NoNumbers as error:
        raise _without(error) from error
    shown = {"figure": figure, "value": value, "asked": asked, "formula": parts.figures.formulas[figure]}
    found = [{**row, "order_id": str(row["order"]).partition("/")[2]} for row in rows]
    return page(request, "evidence.html", {**shown, "rows": found})


ROUTES = (
    Route("/numbers", _numbers),
    Route("/numbers.csv", _sheet),
    Route("/numbers/stock", _stock),
    Route("/numbers/stock.csv", _stock_sheet),
    Route("/numbers/{figure}", _evidence),
)
