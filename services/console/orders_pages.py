"""Lists of orders: searched, filtered, kept as an address, exported; and the page of one, with what may be done about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.answering import CONSOLE, ORDERS_SEEN, Refused, age_of, form_of, page, parts_of, told, who_of
from services.console.flow import Step
from services.console.order_actions import ACTIONS, KEPT, act
from services.console.order_page import order_page
from services.console.questions import EXPORT_ROWS_MAX
from services.console.sheets import sheet

__all__ = ["ROUTES"]

NAME_CHARS_MAX = 80
"""Of what somebody calls a search that they keep."""

PAGE_DIGITS_MAX = 6

STEP_COLUMNS = ("thing", "location", "step", "entered", "left")
LINE_COLUMNS = ("line", "sku", "description", "unit", "quantity", "amount", "currency")
PACKAGE_COLUMNS = ("shipment", "location", "carrier", "service", "stage", "package", "tracking_number", "sscc")
EVENT_COLUMNS = (
    "when", "service", "what", "version", "who", "on_behalf_of", "why", "decided", "id", "caused_by",
)  # fmt: skip


def _asked(request: Request) -> dict[str, Any]:
    given = request.query_params
    step = given.get("step", "")
    return {
        "q": given.get("q", "")[:200],
        "step": Step(step) if step in set(Step) else None,
        "channel": given.get("channel", "")[:128],
        "location": given.get("location", "")[:128],
        "owner": given.get("owner", "")[:128],
        "name": given.get("name", "").strip()[:NAME_CHARS_MAX],
    }


async def _wanted(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    """What is asked of the read models. People are found by those alone who serve customers."""
    _, grant = who_of(request, ORDERS_SEEN)
    named = {"query": asked["q"], **{name: asked[name] for name in ("step", "channel", "location", "owner")}}
    if asked["q"] and grant.roles & KEPT:
        named["people"] = await asyncio.to_thread(parts_of(request).people, asked["q"])
    return named


def _after(request: Request) -> tuple[datetime, str] | None:
    given = request.query_params.get("after", "")
    moment, _, order = given.partition("~")
    if not order:
        return None
    try:
        return datetime.fromisoformat(moment), order
    except ValueError as error:
        raise Refused(400, "This address is not whole", "Begin again from the list of orders.") from error


async def _orders(request: Request) -> Response:
    who_of(request, ORDERS_SEEN)
    parts, asked = parts_of(request), _asked(request)
    found = await asyncio.to_thread(parts.questions.orders, **await _wanted(request, asked), after=_after(request))
    kept = {name: value for name, value in asked.items() if value}
    more = urlencode({**kept, "after": f"{found.more[0].isoformat()}~{found.more[1]}"}) if found.more else ""
    channels = await asyncio.to_thread(parts.questions.channels)
    values = {"found": found, "asked": asked, "query": urlencode(kept), "more": more, "channels": channels}
    return page(
        request, "orders.html", {**values, "live": not found.more, "age": await age_of(parts, datetime.now(UTC))}
    )


async def _orders_csv(request: Request) -> Response:
    who_of(request, ORDERS_SEEN)
    parts, asked = parts_of(request), _asked(request)
    found = await asyncio.to_thread(parts.questions.orders, **await _wanted(request, asked), limit=EXPORT_ROWS_MAX)
    return sheet("orders", COLUMNS, ([getattr(card, name) for name in COLUMNS] for card in found.cards))


COLUMNS = (
    "order_id", "number", "external_id", "channel", "channel_account", "seller", "currency", "total", "placed_at",
    "recorded_at", "step", "since", "holds",
)  # fmt: skip


async def _order(request: Request) -> Response:
    _, grant = who_of(request)
    parts, shown = parts_of(request), await _shown(request)
    actions = [action for action in ACTIONS if action.roles & grant.roles and action.fits(shown["order"])]
    values = {**shown, "actions": actions, "live": shown["at"] is None}
    return page(request, "order.html", {**values, "age": await age_of(parts, datetime.now(UTC))})


async def _timeline_csv(request: Request) -> Response:
    """What happened in all services, an event a row; what it says beside that is on the page."""
    shown = await _shown(request)
    rows = (
        (
            entry["when"], entry["service"], entry["what"], entry["version"],
            f"{entry['who']['kind']} {entry['who']['subject']}", entry["who"].get("on_behalf_of"), entry["why"],
            entry["reason"], entry["id"], entry["caused_by"],
        )
        for entry in shown["timeline"]
    )  # fmt: skip
    return sheet(f"timeline-{shown['order']['number']}", EVENT_COLUMNS, rows)


async def _steps_csv(request: Request) -> Response:
    """How long the order and the work for it stood where."""
    shown = await _shown(request)
    rows = ([getattr(visit, name) for name in STEP_COLUMNS] for visit in shown["visits"])
    return sheet(f"steps-{shown['order']['number']}", STEP_COLUMNS, rows)


async def _lines_csv(request: Request) -> Response:
    """The lines of an order, with their units by the buckets that any unit of it is in; amounts in minor units."""
    shown = await _shown(request)
    order, buckets = shown["order"], shown["buckets"]
    rows = (
        [*({**line, "currency": order["currency"]}.get(name) for name in LINE_COLUMNS),
         *(line["units"].get(bucket, 0) for bucket in buckets)]
        for line in order["lines"]
    )  # fmt: skip
    return sheet(f"lines-{order['number']}", (*LINE_COLUMNS, *buckets), rows)


async def _packages_csv(request: Request) -> Response:
    """What was sent of an order: a row a package."""
    shown = await _shown(request)
    rows = (
        [{**each, "shipment": each["id"], **package}.get(name) for name in PACKAGE_COLUMNS]
        for each in shown["shipments"]
        for package in each["packages"]
    )
    return sheet(f"packages-{shown['order']['number']}", PACKAGE_COLUMNS, rows)


async def _shown(request: Request) -> Mapping[str, Any]:
    """All that the page of an order shows. Raises Refused."""
    session, _ = who_of(request, ORDERS_SEEN)
    parts = parts_of(request)
    shown = await order_page(
        parts.inside, parts.questions, parts.histories, session.token, request.path_params["name"],
        request.query_params.get("at") or None, _number(request),
    )  # fmt: skip
    if shown.trouble:
        raise Refused(shown.status, "No such order", shown.trouble)
    return shown.values


def _number(request: Request) -> int | None:
    """Which page of the timeline is asked for; None where none is."""
    given = request.query_params.get("page", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= PAGE_DIGITS_MAX else None


async def _act(request: Request) -> Response:
    session, grant = who_of(request)
    fields = await form_of(request, session)
    name, action = request.path_params["name"], request.path_params["action"]
    found = next((each for each in ACTIONS if each.name == action and each.roles & grant.roles), None)
    if found is None:
        raise Refused(404, "There is no such action for you", "Go back to the order and choose one of those there.")
    answer = await act(parts_of(request).inside, session.token, found, name, fields)
    return told(request, f"{CONSOLE}/orders/{quote(name, safe='')}", found.title, answer)


ROUTES = (
    Route("/orders", _orders),
    Route("/orders.csv", _orders_csv),
    Route("/orders/{name}", _order),
    Route("/orders/{name}/lines.csv", _lines_csv),
    Route("/orders/{name}/packages.csv", _packages_csv),
    Route("/orders/{name}/timeline.csv", _timeline_csv),
    Route("/orders/{name}/steps.csv", _steps_csv),
    Route("/orders/{name}/{action}", _act, methods=["POST"]),
)
