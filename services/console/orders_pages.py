"""Lists of orders: searched, filtered, kept as an address, exported; and the page of one, with what may be done about it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.answering import CONSOLE, Refused, age_of, form_of, page, parts_of, told, who_of
from services.console.flow import Step
from services.console.order_actions import ACTIONS, act
from services.console.order_page import order_page
from services.console.questions import EXPORT_ROWS_MAX
from services.console.sheets import sheet

__all__ = ["ROUTES"]


def _asked(request: Request) -> dict[str, Any]:
    given = request.query_params
    step = given.get("step", "")
    return {
        "q": given.get("q", "")[:200],
        "step": Step(step) if step in set(Step) else None,
        "channel": given.get("channel", "")[:128],
        "location": given.get("location", "")[:128],
    }


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
    who_of(request)
    parts, asked = parts_of(request), _asked(request)
    found = await asyncio.to_thread(
        parts.questions.orders, asked["q"], asked["step"], asked["channel"], asked["location"], _after(request)
    )
    kept = {name: value for name, value in asked.items() if value}
    more = urlencode({**kept, "after": f"{found.more[0].isoformat()}~{found.more[1]}"}) if found.more else ""
    channels = await asyncio.to_thread(parts.questions.channels)
    values = {"found": found, "asked": asked, "query": urlencode(kept), "more": more, "channels": channels}
    return page(
        request, "orders.html", {**values, "live": not found.more, "age": await age_of(parts, datetime.now(UTC))}
    )


async def _orders_csv(request: Request) -> Response:
    who_of(request)
    parts, asked = parts_of(request), _asked(request)
    found = await asyncio.to_thread(
        parts.questions.orders, asked["q"], asked["step"], asked["channel"], asked["location"], None, EXPORT_ROWS_MAX
    )
    return sheet("orders", COLUMNS, ([getattr(card, name) for name in COLUMNS] for card in found.cards))


COLUMNS = (
    "order_id", "number", "external_id", "channel", "channel_account", "seller", "currency", "total", "placed_at",
    "recorded_at", "step", "since", "holds",
)  # fmt: skip


async def _order(request: Request) -> Response:
    session, grant = who_of(request)
    parts = parts_of(request)
    shown = await order_page(
        parts.inside, parts.questions, parts.histories, session.token, request.path_params["name"],
        request.query_params.get("at"),
    )  # fmt: skip
    if shown.trouble:
        raise Refused(shown.status, "No such order", shown.trouble)
    actions = [action for action in ACTIONS if action.roles & grant.roles and action.fits(shown.values["order"])]
    values = {**shown.values, "actions": actions, "live": shown.values["at"] is None}
    return page(request, "order.html", {**values, "age": await age_of(parts, datetime.now(UTC))})


async def _act(request: Request) -> Response:
    session, grant = who_of(request)
    fields = await form_of(request, session)
    name, action = request.path_params["name"], request.path_params["action"]
    found = next((each for each in ACTIONS if each.name == action and each.roles & grant.roles), None)
    if found is None:
        raise Refused(404, "There is no such action for you", "Go back to the order and choose one of those there.")
    answer = await act(parts_of(request).inside, session.token, found, name, fields)
    return told(f"{CONSOLE}/orders/{name}", found.title, answer)


ROUTES = (
    Route("/orders", _orders),
    Route("/orders.csv", _orders_csv),
    Route("/orders/{name}", _order),
    Route("/orders/{name}/{action}", _act, methods=["POST"]),
)
