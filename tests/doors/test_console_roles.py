"""Which role sees which page and file of the console: every route for every role, before doors that keep their own rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from chassis.tokens import Role, Tokens
from oms.access import ORDERS_SEEN, RULES, STOCK_SEEN, WORK_SEEN
from services.console import answering, site
from services.console.queues import QUEUES
from tests.doors.test_console import ORDER_ID, Tables, Untold, form_of, opened, shown_order, signed_in

ADMIN = frozenset({Role.ADMIN})
ALL = frozenset(answering.SEEING)
"""Whoever may come in."""

ANYBODY = frozenset(Role)

# (route, an address of it): who sees it
SEEN: dict[tuple[str, str], frozenset[Role]] = {
    ("/sign-in", "/sign-in"): ANYBODY,
    ("/", "/"): ALL,
    ("/steps.csv", "/steps.csv"): ALL,
    ("/passed.csv", "/passed.csv"): ALL,
    ("/services.csv", "/services.csv"): ALL,
    ("/changes", ""): ALL,  # answers without end
    ("/orders", "/orders"): ORDERS_SEEN,
    ("/orders?q", "/orders?q=ada"): ORDERS_SEEN,
    ("/orders.csv", "/orders.csv"): ORDERS_SEEN,
    ("/orders/{name}", f"/orders/{ORDER_ID}"): ORDERS_SEEN,
    ("/orders/{name}/lines.csv", f"/orders/{ORDER_ID}/lines.csv"): ORDERS_SEEN,
    ("/orders/{name}/packages.csv", f"/orders/{ORDER_ID}/packages.csv"): ORDERS_SEEN,
    ("/orders/{name}/timeline.csv", f"/orders/{ORDER_ID}/timeline.csv"): ORDERS_SEEN,
    ("/orders/{name}/steps.csv", f"/orders/{ORDER_ID}/steps.csv"): ORDERS_SEEN,
    ("/exceptions", "/exceptions"): ALL,
    **{
        ("/exceptions/{queue}.csv", f"/exceptions/{queue.name}.csv"): RULES["GET", queue.path] & ALL for queue in QUEUES
    },
    ("/stock", "/stock"): STOCK_SEEN,
    ("/stock.csv", "/stock.csv"): STOCK_SEEN,
    ("/stock/{sku:path}", "/stock/TEA"): STOCK_SEEN,
    ("/stock/{sku:path}/levels.csv", "/stock/TEA/levels.csv"): STOCK_SEEN,
    ("/stock/{sku:path}/claims.csv", "/stock/TEA/claims.csv"): STOCK_SEEN,
    ("/stock/{sku:path}/movements.csv", "/stock/TEA/movements.csv"): STOCK_SEEN,
    ("/warehouse", "/warehouse"): WORK_SEEN,
    ("/warehouse?scan", "/warehouse?scan=TEA"): WORK_SEEN,
    ("/warehouse.csv", "/warehouse.csv"): WORK_SEEN,
    ("/warehouse/pick-list.pdf", "/warehouse/pick-list.pdf?location=north"): WORK_SEEN,
    ("/warehouse/{name}", "/warehouse/w1"): WORK_SEEN,
    ("/numbers", "/numbers"): ORDERS_SEEN,
    ("/numbers.csv", "/numbers.csv"): ORDERS_SEEN,
    ("/numbers/stock", "/numbers/stock"): ORDERS_SEEN,
    ("/numbers/stock.csv", "/numbers/stock.csv"): ORDERS_SEEN,
    ("/numbers/{figure}", "/numbers/orders"): ORDERS_SEEN,
    ("/numbers/tables/{name}", "/numbers/tables/sales"): ORDERS_SEEN,
    ("/numbers/tables/{name}.csv", "/numbers/tables/sales.csv"): ORDERS_SEEN,
    ("/numbers/tables/{name}/{figure}", "/numbers/tables/sales/revenue"): ORDERS_SEEN,
    ("/operators", "/operators"): ADMIN,
    **{
        ("/operators/{table}.csv", f"/operators/{table}.csv"): ADMIN
        for table in ("services", "followers", "deadlines", "settings")
    },
}

COUNTS = {"dead_letters": 0, "parked_streams": 0, "parked_messages": 0, "oldest_seconds": None}
WORK = {
    "id": "w1", "order_id": ORDER_ID, "location": "north", "method": "ship", "stage": "accepted", "quantity": 2,
    "priority": 0, "created_at": "2026-01-05T09:00:00Z", "lines": [], "picked": [], "packages": [],
}  # fmt: skip
SAID: dict[str, dict[str, Any]] = {
    "/orders/{name}": shown_order(),
    "/orders/{name}/why": {"sentence": "It waits."},
    "/orders/{name}/notes": {"notes": []},
    "/dead-letters/counts": {"services": {"order": COUNTS}},
    "/exceptions/owners": {"owners": []},
    "/runs": {"runs": []},
    "/stock-items/{sku}": {"sku": "TEA", "unit": "each", "version": 1, "levels": [], "claims": [], "supplies": []},
    "/fulfillment-orders": {"fulfillment_orders": [WORK]},
    "/fulfillment-orders/{identifier}": WORK,
    **{queue.path: {queue.rows: [], "total": 0} for queue in QUEUES},
}
"""What the doors tell whoever may know it."""


def _doors(tokens: Tokens) -> Starlette:
    """Doors in memory that let in whom the rules of the real ones name."""

    def door(method: str, path: str) -> Route:
        async def answer(request: Request) -> Response:
            grant = tokens.holder(request.headers["authorization"].removeprefix("Bearer "))
            if grant is None or not grant.roles & RULES[method, path]:
                return JSONResponse({"title": "This is not allowed to you"}, 403)
            said = SAID.get(path)
            return JSONResponse(said) if said is not None else JSONResponse({"title": "There is no such thing"}, 404)

        return Route(path, answer, methods=[method])

    fixed_first = sorted(RULES, key=lambda rule: "{" in rule[1])
    return Starlette(routes=[door(method, path) for method, path in fixed_first])


@pytest.fixture
def browser(tokens: Tokens) -> Iterator[TestClient]:
    with opened(_doors(tokens), tokens, Tables(), Untold()) as client:
        yield client


def _routes() -> Iterator[Route]:
    for each in site.PAGES:
        for route in each.ROUTES:
            assert not isinstance(route, Mount)
            yield route


def test_of_every_page_and_file_it_is_said_here_who_sees_it() -> None:
    shown = {route.path for route in _routes() if route.methods and "GET" in route.methods}
    assert shown == {path.partition("?")[0] for path, _ in SEEN}


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_what_the_doors_show_it_and_nothing_else(
    browser: TestClient, tokens: Tokens, role: Role
) -> None:
    signed_in(browser, tokens, role)
    for (route, address), roles in SEEN.items():
        if not address:
            continue
        answer = browser.get(f"/console{address}", follow_redirects=False)
        if role in roles:
            assert answer.status_code in (200, 303, 404), (route, answer.text)
        else:
            assert answer.status_code == 403, (route, answer.text)
            assert ORDER_ID not in answer.text


@pytest.mark.parametrize("role", sorted(ALL))
def test_pages_lead_each_role_where_it_may_go(browser: TestClient, tokens: Tokens, role: Role) -> None:
    signed_in(browser, tokens, role)
    page = browser.get("/console/").text
    led = {path for path, _, _ in answering.PAGES if f'<a href="{path}"' in page}
    seen = {f"/console{address}" for (_, address), roles in SEEN.items() if role in roles}
    assert led == seen & {path for path, _, _ in answering.PAGES}


def test_what_the_console_tells_of_its_own_tables_is_seen_by_whom_the_doors_show_the_like() -> None:
    assert RULES["GET", "/orders"] == answering.ORDERS_SEEN
    assert RULES["GET", "/fulfillment-orders"] == answering.WORK_SEEN


def test_who_may_not_come_in_sends_no_form(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens, Role.CARRIER)
    form = form_of(browser.get("/console/").text)
    for route in _routes():
        if route.methods and "POST" in route.methods and route.path != "/sign-in":
            path = route.path.replace("{sku:path}", "TEA").replace("{name:path}", "x")
            answer = browser.post(
                f"/console{path.translate({123: None, 125: None})}", data={"form": form, "why": "why"}
            )
            assert answer.status_code == 403, path
