"""Each table of the console as a file for a spreadsheet: what the page shows, and nothing that could run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from chassis.tokens import Tokens
from tests.doors.test_console import NAME, ORDER_ID, Doors, Tables, Untold, opened, shown_order, signed_in

LEVEL = {"location": "north", "on_hand": 5, "sellable": 4, "reserved": 1, "available": 3, "suspect": 1}
ITEMS = [
    {"sku": "=SKU", "unit": "each", "waiting": 0, "levels": [LEVEL, {**LEVEL, "location": "south"}]},
    {"sku": "GONE", "unit": "each", "waiting": 7, "levels": []},
]
CLAIM = {
    "demand": {"kind": "order", "id": ORDER_ID, "line": "1"}, "location": "north", "quantity": 1, "waiting": 2,
}  # fmt: skip
WORK = {"id": "w1", "order_id": ORDER_ID, "location": "north", "method": "ship", "stage": "open", "quantity": 2}


async def _listed(request: Request) -> Response:
    """Doors that list stock and work, and tell of one article."""
    path = request.url.path
    if path == "/stock-items":
        return JSONResponse({"stock_items": ITEMS})
    if path == "/fulfillment-orders":
        return JSONResponse({"fulfillment_orders": [WORK]})
    if path == "/stock-items/TEA":
        return JSONResponse({"sku": "TEA", "version": 1, "levels": [LEVEL], "claims": [CLAIM], "supplies": []})
    if path.startswith("/stock-items/"):
        return JSONResponse({"sku": "=SKU", "version": 1, "levels": [], "claims": [], "supplies": []})
    return JSONResponse({"title": "There is no such thing"}, 404)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[TestClient]:
    tokens = Tokens(tmp_path / "tokens.toml")
    with opened(Starlette(routes=[Route("/{path:path}", _listed)]), tokens, Tables(), Untold()) as client:
        signed_in(client, tokens)
        yield client


def rows(browser: TestClient, path: str) -> list[dict[str, str]]:
    answer = browser.get(f"/console/{path}")
    assert answer.headers["content-type"].startswith("text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_stock_has_a_row_for_each_location_and_one_for_what_lies_nowhere(browser: TestClient) -> None:
    found = rows(browser, "stock.csv")
    assert [(row["sku"], row["location"], row["available"]) for row in found] == [
        ("'=SKU", "north", "3"),
        ("'=SKU", "south", "3"),
        ("GONE", "", ""),
    ]
    assert found[2]["waiting"] == "7"


def test_work_of_nodes_is_a_file(browser: TestClient) -> None:
    assert rows(browser, "warehouse.csv")[0].items() >= {"id": "w1", "stage": "open", "quantity": "2"}.items()


def test_levels_and_claims_of_an_article_are_files(browser: TestClient) -> None:
    [level] = rows(browser, "stock/TEA/levels.csv")
    assert (level["location"], level["on_hand"], level["available"]) == ("north", "5", "3")
    [claim] = rows(browser, "stock/TEA/claims.csv")
    assert (claim["for"], claim["id"], claim["claimed"], claim["waiting"]) == ("order", ORDER_ID, "1", "2")


@pytest.mark.parametrize("path", ["steps.csv", "stock/=SKU/movements.csv", "stock/=SKU/claims.csv"])
def test_what_is_empty_has_its_header(browser: TestClient, path: str) -> None:
    answer = browser.get(f"/console/{path}")
    assert answer.status_code == 200 and len(answer.text.splitlines()) == 1
    assert "=" not in answer.headers["content-disposition"].removeprefix("attachment; filename=")


def test_what_happened_to_an_order_is_a_file_without_formulas(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.toml")
    with opened(Doors().app, tokens, Tables(), Untold()) as browser:
        signed_in(browser, tokens)
        [event] = rows(browser, f"orders/{ORDER_ID}/timeline.csv")
        assert (event["what"], event["who"], event["why"]) == ("OrderPlaced", "channel shop", f"'{NAME}")
        assert rows(browser, f"orders/{ORDER_ID}/steps.csv") == []
        [line] = rows(browser, f"orders/{ORDER_ID}/lines.csv")
        assert (line["sku"], line["description"], line["amount"]) == ("SKU-1", f"'{NAME}", "2598")
        assert (line["currency"], line["picked"]) == ("EUR", "2")
        assert browser.get("/console/orders/nothing/timeline.csv").status_code == 404


def test_the_packages_of_an_order_are_a_file_with_a_row_each(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.toml")
    packages = [{"package": "p1", "tracking_number": "+1Z"}, {"package": "p2"}]
    shipment = {"id": "s1", "location": "north", "carrier": "post", "service": "parcel", "stage": "shipped"}

    async def answer(request: Request) -> Response:
        if request.url.path == "/shipments/s1":
            return JSONResponse({**shipment, "packages": packages})
        if request.url.path == f"/orders/{ORDER_ID}":
            return JSONResponse({**shown_order(), "fulfillment_orders": [{"shipment": "s1"}]})
        return JSONResponse({"title": "There is no such thing"}, 404)

    with opened(Starlette(routes=[Route("/{path:path}", answer)]), tokens, Tables(), Untold()) as browser:
        signed_in(browser, tokens)
        found = rows(browser, f"orders/{ORDER_ID}/packages.csv")
        assert [(row["shipment"], row["stage"], row["package"], row["tracking_number"]) for row in found] == [
            ("s1", "shipped", "p1", "'+1Z"),
            ("s1", "shipped", "p2", ""),
        ]


def test_a_search_has_the_name_that_its_address_gives_it(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.toml")
    with opened(Doors().app, tokens, Tables(), Untold()) as browser:
        signed_in(browser, tokens)
        page = browser.get("/console/orders", params={"q": "tea", "name": "<b>late</b> tea"}).text
        assert "<h1>Orders: &lt;b&gt;late&lt;/b&gt; tea</h1>" in page
