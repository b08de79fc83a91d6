"""Numbers: key figures by day, channel, location or category, with their formulas, and the events behind each.

They are of exported events, not of now: the page says of which folder, and how old that is.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.answering import CONSOLE, Parts, Refused, page
from services.console.figures import Row
from services.console.numbers_asked import BY, Asked, asked_of, counted, numbers_of
from services.console.sheets import sheet
from services.console.studies_page import SHOWN

__all__ = ["ROUTES"]

STOCK_ROWS = 200
"""Articles and locations that the page of turns shows; its file has all."""

STOCK_COLUMNS = ("location", "sku", "days", "units_gone", "mean_on_hand", "on_hand", "turns", "days_of_cover")

MONEY = frozenset({"ordered_value", "revenue", "average_order_value"})
RATES = frozenset(
    {"fill_rate", "backorder_rate", "cancel_rate", "return_rate", "split_rate", "on_time_in_full", "perfect_order_rate"}
)


async def _numbers(request: Request) -> Response:
    parts, asked = numbers_of(request), asked_of(request)
    rows = await counted(parts.figures.figures(asked.by, asked.since, asked.until))
    export = await counted(parts.figures.export())
    shown = {"rows": rows, "asked": asked, "export": export, "formulas": parts.figures.formulas}
    return page(request, "numbers.html", {**shown, "kinds": BY, "money_names": MONEY, "rates": RATES, "tables": SHOWN})


async def _sheet(request: Request) -> Response:
    parts, asked = numbers_of(request), asked_of(request)
    rows = await counted(parts.figures.figures(asked.by, asked.since, asked.until))
    columns = [asked.by, "currency", *parts.figures.formulas]
    return sheet(f"numbers-by-{asked.by}", columns, ([row[name] for name in columns] for row in rows))


async def _stock(request: Request) -> Response:
    parts, asked = numbers_of(request), asked_of(request)
    rows, export = await _of_stock(parts, asked), await counted(parts.figures.export())
    shown = {"rows": rows[:STOCK_ROWS], "more": len(rows) - STOCK_ROWS, "asked": asked, "export": export}
    return page(request, "turns.html", shown)


async def _stock_sheet(request: Request) -> Response:
    rows = await _of_stock(numbers_of(request), asked_of(request))
    return sheet("turns", STOCK_COLUMNS, ([row[name] for name in STOCK_COLUMNS] for row in rows))


async def _of_stock(parts: Parts, asked: Asked) -> Sequence[Row]:
    """Those that cover the most days first, and before them those that nobody took any of. Raises Refused."""
    rows = await counted(parts.figures.stock(asked.since, asked.until))
    return sorted(rows, key=_cover, reverse=True)


def _cover(row: Row) -> tuple[bool, float]:
    days = row["days_of_cover"]
    return (bool(row["on_hand"]) and days is None, 0.0 if days is None else float(days))


async def _evidence(request: Request) -> Response:
    parts, asked = numbers_of(request), asked_of(request)
    given, figure = request.query_params, request.path_params["figure"]
    value, currency = given.get("value", ""), given.get("currency") or None
    if figure not in parts.figures.formulas:
        raise Refused(404, "There is no such figure", "Go back to the numbers and choose one of those there.")
    rows = await counted(parts.figures.evidence(figure, asked.by, value, currency, asked.since, asked.until))
    shown = {
        "heading": f"{figure.replace('_', ' ').capitalize()}: {asked.by} {value}{f', {currency}' if currency else ''}",
        "about": f"of orders {f'in {currency} ' if currency else ''}recorded from {asked.since} on and before {asked.until}",
        "formula": parts.figures.formulas[figure],
        "back": f"{CONSOLE}/numbers?{asked.address}",
    }
    found = [{**row, "order_id": str(row["order"]).partition("/")[2]} for row in rows]
    return page(request, "evidence.html", {**shown, "rows": found})


ROUTES = (
    Route("/numbers", _numbers),
    Route("/numbers.csv", _sheet),
    Route("/numbers/stock", _stock),
    Route("/numbers/stock.csv", _stock_sheet),
    Route("/numbers/{figure}", _evidence),
)
