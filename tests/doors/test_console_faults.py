"""What is broken, slow or not there: the part that it concerns says so, on a page like all others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from threading import Event
from typing import Any, LiteralString

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from chassis.tokens import Role, Tokens
from services.console import inside
from services.console.queues import QUEUES
from tests.doors.test_console import Tables, Untold, opened, signed_in

HELD = {"order_id": "o1", "number": "QQ-1", "external_id": "1001", "channel_account": "shop", "changed_at": "2026-01-05T09:00:00Z"}  # fmt: skip
HANGS_SECONDS = 30.0
"""How long a door that hangs does so, where nobody lets it go."""


class Doors:
    """Doors of which one, `/claims`, fails, never answers, or hangs in a thread that nobody can break off."""

    def __init__(self) -> None:
        self.claims = "fails"
        self.free = Event()
        routes = [Route("/claims", self._claims), Route("/{path:path}", self._answer)]
        self.app = Starlette(routes=routes)

    async def _claims(self, request: Request) -> Response:
        if self.claims == "fails":
            raise RuntimeError("a defect")
        if self.claims == "never answers":
            await asyncio.Event().wait()
        try:
            await asyncio.shield(asyncio.to_thread(self.free.wait, HANGS_SECONDS))
        except asyncio.CancelledError:
            await asyncio.to_thread(self.free.wait, HANGS_SECONDS)
        return JSONResponse({"claims": []})

    async def _answer(self, request: Request) -> Response:
        path = f"/{request.path_params['path']}"
        if path == "/orders" and "held" in request.query_params:
            return JSONResponse({"orders": [HELD]})
        rows: dict[str, list[Any]] = {queue.rows: [] for queue in QUEUES if queue.path == path}
        return JSONResponse(rows) if rows else JSONResponse({"title": "There is no such thing"}, 404)


@pytest.fixture
def doors() -> Doors:
    return Doors()


class Nul(Tables):
    """Tables that take no U+0000, and fail where they are told to, as by a defect."""

    broken = False

    def rows(self, query: LiteralString, parameters: Any) -> list[Any]:
        assert "\\x00" not in repr(parameters)
        if self.broken:
            raise OverflowError("date value out of range")
        return super().rows(query, parameters)


@pytest.fixture
def tables() -> Nul:
    return Nul()


@pytest.fixture
def browser(doors: Doors, tokens: Tokens, tables: Nul) -> Iterator[TestClient]:
    with opened(doors.app, tokens, tables, Untold()) as client:
        signed_in(client, tokens, Role.ADMIN)
        yield client
        doors.free.set()


@pytest.mark.parametrize(
    ("how", "said"),
    [("fails", "log"), ("never answers", "did not answer in time"), ("hangs", "did not answer in time")],
)
def test_a_door_that_is_faulty_or_slow_breaks_its_part_of_the_page_alone(
    browser: TestClient,
    doors: Doors,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    how: str,
    said: str,
) -> None:
    # given a door that fails, or does not answer within the time that it has
    doors.claims = how
    if how != "fails":
        monkeypatch.setattr(inside, "ASK_SECONDS", 0.2)
        answered = browser.get("/console/exceptions")
        assert not doors.free.is_set()
    else:
        with caplog.at_level(logging.ERROR):
            answered = browser.get("/console/exceptions")
        # which the log tells, with where it was
        assert "RuntimeError: a defect" in caplog.text and "/claims" in caplog.text
    # then its list says so, and the others are there
    part = answered.text.partition("Lines that wait for goods")[2].partition("</section>")[0]
    assert answered.status_code == 200 and said in part
    if how == "fails":
        assert "QQ-1" in answered.text


@pytest.mark.parametrize("path", ["/dead-letters", "/dead-letters/counts", "/runs"])
def test_a_faulty_door_leaves_operators_the_rest_of_their_page(tokens: Tokens, path: str) -> None:
    # given doors of which one fails
    async def answer(request: Request) -> Response:
        if request.url.path == path:
            raise RuntimeError("a defect")
        return JSONResponse({"dead_letters": [], "total": 0, "services": {}, "runs": []})

    with opened(Starlette(routes=[Route("/{path:path}", answer)]), tokens, Tables(), Untold()) as browser:
        signed_in(browser, tokens, Role.ADMIN)
        answered = browser.get("/console/operators")
    # then its part says so and the others are there, and nobody is told that nothing waits who cannot know
    assert answered.status_code == 200 and answered.text.count("The doors failed; their log says why.") == 1
    assert "Settings in force" in answered.text
    assert ("Nothing waits" in answered.text) == (path != "/dead-letters")


def is_a_page_of_ours(answer: Any) -> None:
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert '<nav aria-label="Pages">' in answer.text and 'href="/console/stock"' in answer.text
    assert "<h1>" in answer.text and "Internal Server Error" not in answer.text


@pytest.mark.parametrize(
    ("method", "address", "status", "said"),
    [
        ("GET", "nonsense", 404, "There is no such page"),
        ("GET", "orders/a%0Ab", 404, "There is nothing of that name"),
        ("GET", "static/nothing.js", 404, "There is no such page"),
        ("POST", "stock", 405, "This is not possible here"),
        ("GET", "numbers?to=0001-01-05", 422, "This day is out of reach"),
        ("GET", "numbers/stock?to=0001-01-05", 422, "This day is out of reach"),
        ("GET", "numbers?from=9999-13-40", 422, "This is no day"),
        ("GET", "orders?q=%00", 400, "Nothing is called so"),
        ("GET", "orders.csv?location=a%00", 400, "Nothing is called so"),
        ("GET", "orders?after=2026-01-05T09:00:00Z~%00", 400, "Nothing is called so"),
        ("GET", "orders?after=yesterday~x", 400, "This address is not whole"),
        ("GET", "warehouse?scan=%00", 400, "Nothing is called so"),
        ("GET", "stock/a%00", 400, "Nothing is called so"),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_answered_with_a_page(
    browser: TestClient, method: str, address: str, status: int, said: str
) -> None:
    answer = browser.request(method, f"/console/{address}")
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    is_a_page_of_ours(answer)


def test_a_fault_of_ours_is_a_page_too_and_is_in_the_log(
    browser: TestClient, tables: Nul, caplog: pytest.LogCaptureFixture
) -> None:
    tables.broken = True
    with caplog.at_level(logging.ERROR):
        answer = browser.get("/console/orders?q=tea")
    assert answer.status_code == 500 and "This page could not be made" in answer.text
    is_a_page_of_ours(answer)
    assert "OverflowError: date value out of range" in caplog.text and "OverflowError" not in answer.text


def test_to_strangers_what_is_not_there_leads_to_the_sign_in(browser: TestClient) -> None:
    browser.cookies.clear()
    answer = browser.get("/console/nonsense")
    assert answer.status_code == 404 and 'href="/console/sign-in"' in answer.text
    assert "Sign out" not in answer.text and "<nav" not in answer.text
