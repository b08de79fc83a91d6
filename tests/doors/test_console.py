"""The console in memory: who comes in, what the browser is told, and that nothing of a page or a file can be made to run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from chassis.accounts import Accounts, Callers
from chassis.store import StoreAway
from chassis.tokens import Kind, Role, Tokens
from services.console import tries
from services.console.figures import Export, NoNumbers, Row
from services.console.installation import Installation, Remade, Setting, Waits
from services.console.questions import Questions
from services.console.site import beside_doors, make_site
from services.console.studies_page import SHOWN

NAME = '=HYPERLINK("http://evil")<script>alert(1)</script>'
"""What a channel may call its order."""

ORDER_ID = "bdebd2b8-5485-59e2-b9dd-65081be601f6"
NO_ACCOUNTS = Accounts(Path("nowhere/accounts.toml"))
THEN = datetime(2026, 1, 5, 9, tzinfo=UTC)


class Tables:
    """The console's tables as far as these specifications ask them: one order, and whatever else is empty."""

    away = False

    def __init__(self) -> None:
        self.people: list[Any] = []
        """By which digests people were looked for."""

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        if self.away:
            raise StoreAway("the database is restarting")
        if query.startswith("select cards.order_id"):
            card = (ORDER_ID, "QQNX5-E2MGN-U", NAME, "web", "shop", "acme", "EUR", 2598, THEN, THEN)
            return [(*card, "to_pack", THEN, 0, "number")]
        if "from people" in query:
            self.people.append(parameters[0])
        if query.startswith("select max(since)"):
            return [(THEN,)]
        if query.startswith(("select count(*)", "select (select count(*)")):
            return [(0,)]
        return []


class Untold:
    """An installation of which nothing is told."""

    def settings(self) -> Sequence[Setting]:
        return ()

    def levels(self) -> Mapping[str, timedelta]:
        return {}

    def deadlines(self, now: datetime) -> Mapping[str, Waits]:
        return {}

    def behind(self) -> None:
        return None

    def followers(self) -> None:
        return None

    def ages(self) -> Mapping[str, float | None]:
        return {}

    def remade(self) -> Sequence[Remade]:
        return ()


class Uncounted:
    """Nothing is exported."""

    formulas: Mapping[str, str] = {}
    tables: Mapping[str, Mapping[str, str]] = {name: {} for name in SHOWN}
    rows_max = 0

    async def export(self) -> Export:
        raise NoNumbers("There is nothing.")

    async def figures(self, by: str, since: date, until: date) -> Sequence[Row]:
        raise NoNumbers("There is nothing.")

    async def stock(self, since: date, until: date) -> Sequence[Row]:
        raise NoNumbers("There is nothing.")

    async def evidence(
        self, figure: str, by: str, value: str, currency: str | None, since: date, until: date
    ) -> Sequence[Row]:
        raise NoNumbers("There is nothing.")

    async def table(self, name: str, by: str, since: date, until: date, back: int) -> Sequence[Row]:
        raise NoNumbers("There is nothing.")

    async def behind(
        self, name: str, figure: str, keys: Mapping[str, str], by: str, since: date, until: date, back: int
    ) -> Sequence[Row]:
        raise NoNumbers("There is nothing.")


class Doors:
    """Doors that answer for one order, and keep what they were asked to do."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        routes = [Route("/{path:path}", self._answer, methods=["GET", "POST"])]
        self.app = Starlette(routes=routes)

    async def _answer(self, request: Request) -> Response:
        path = f"/{request.path_params['path']}"
        if request.method == "POST":
            who = request.headers["authorization"].removeprefix("Bearer ")
            self.asked.append((who, path, (await request.body()).decode()))
            return JSONResponse({"events": [{"type": "HoldPlaced"}]})
        if path == f"/orders/{ORDER_ID}":
            return JSONResponse(shown_order())
        if path.endswith("/why"):
            return JSONResponse({"sentence": "Order QQNX5-E2MGN-U waits for the node."})
        return JSONResponse({"title": "There is no such thing"}, 404)


def shown_order() -> dict[str, Any]:
    """An order as the doors show it."""
    line = {
        "line": "1", "sku": "SKU-1", "description": NAME, "quantity": 2, "unit": "each", "amount": 2598,
        "units": {"picked": 2},
    }  # fmt: skip
    return {
        "order_id": ORDER_ID, "number": "QQNX5-E2MGN-U", "status": "in_fulfillment", "version": 9, "changed_at": "2026",
        "placed_at": "2026", "seller": "acme", "channel": "web", "channel_account": "shop", "external_id": NAME,
        "currency": "EUR", "total": 2598, "due": 2598, "to_pay": 2598, "captured": 0, "refunded": 0, "credit": 0, "ship_groups": [],
        "holds": [], "astray": [], "change": None, "lines": [line], "returns": [], "refunds": [], "exchanges": [], "fulfillment_orders": [],
    }  # fmt: skip


def history(stream: str, after: int = 0) -> Sequence[Mapping[str, Any]]:
    if after or not stream.startswith("order/"):
        return ()
    who = {"kind": "channel", "subject": "shop"}
    event = {"version": 1, "what": "OrderPlaced", "when": "2026-01-05T09:00:00.000Z", "who": who, "why": NAME}
    return [{**event, "caused_by": "x", "id": "e1", "data": {"external_id": NAME}}]


@pytest.fixture
def tables() -> Tables:
    return Tables()


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "accounts.toml")


@contextmanager
def opened(
    app: Starlette, tokens: Tokens, tables: Tables, installation: Installation, accounts: Accounts = NO_ACCOUNTS
) -> Iterator[TestClient]:
    """A browser before a console beside these doors."""
    asked = Questions(tables.rows)
    callers = Callers(tokens, accounts)
    site = make_site(app, callers, asked, history, [lambda: 0], installation, Uncounted(), lambda said: [said])
    with TestClient(beside_doors(app, site), base_url="http://shop.example") as client:
        yield client


@pytest.fixture
def browser(tables: Tables, doors: Doors, tokens: Tokens, accounts: Accounts) -> Iterator[TestClient]:
    tokens.issue("nobody", Kind.PERSON, frozenset({Role.CARRIER}))
    with opened(doors.app, tokens, tables, Untold(), accounts) as client:
        yield client


def signed_in(browser: TestClient, tokens: Tokens, *roles: Role) -> str:
    token = tokens.issue("ada", Kind.PERSON, frozenset(roles or {Role.CSR}))
    answer = browser.post("/console/sign-in", data={"token": token, "next": ""}, follow_redirects=False)
    assert answer.status_code == 303
    return token


def form_of(page: str) -> str:
    found = re.search(r'name="form" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_and_back(browser: TestClient, tokens: Tokens) -> None:
    # given nobody, when a search is opened
    answer = browser.get("/console/orders?q=tea", follow_redirects=False)
    # then the sign-in knows where they wanted to go
    assert answer.headers["location"] == "/console/sign-in?next=%2Fconsole%2Forders%3Fq%3Dtea"
    token = tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
    wanted = {"token": token, "next": "/console/orders?q=tea"}
    answer = browser.post("/console/sign-in", data=wanted, follow_redirects=False)
    assert answer.headers["location"] == "/console/orders?q=tea"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/console" in cookie
    assert token not in answer.headers["set-cookie"]


@pytest.mark.parametrize("elsewhere", ["http://evil.example/", "//evil.example/console/", "/console/\\evil", "/orders"])
def test_the_sign_in_leads_nowhere_else(browser: TestClient, tokens: Tokens, elsewhere: str) -> None:
    token = tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
    answer = browser.post("/console/sign-in", data={"token": token, "next": elsewhere}, follow_redirects=False)
    assert answer.headers["location"] == "/console/"


def test_a_token_that_counts_for_nothing_signs_nobody_in(browser: TestClient) -> None:
    answer = browser.post("/console/sign-in", data={"token": "guessed", "next": ""})
    assert answer.status_code == 401 and "unknown, revoked or expired" in answer.text
    assert "set-cookie" not in answer.headers


PASSWORD = "correct horse battery"


def test_a_name_and_its_password_sign_in_and_act_as_that_account(
    browser: TestClient, accounts: Accounts, doors: Doors
) -> None:
    accounts.add("ada", frozenset({Role.CSR}), PASSWORD)
    given = {"name": "ada", "password": PASSWORD, "next": "/console/orders?q=tea"}
    answer = browser.post("/console/sign-in", data=given, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/orders?q=tea")
    assert PASSWORD not in str(answer.headers)
    assert "ada" in browser.get(f"/console/orders/{ORDER_ID}").text
    # until it has another password
    accounts.change("ada", "another password")
    answer = browser.get("/console/", follow_redirects=False)
    assert answer.headers["location"].startswith("/console/sign-in")


def test_a_wrong_password_and_a_name_that_nobody_has_are_answered_alike_until_there_were_too_many(
    browser: TestClient, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "NAME_TRIES_MAX", 2)
    accounts.add("ada", frozenset({Role.CSR}), PASSWORD)

    def said(name: str, password: str) -> tuple[int, str]:
        answer = browser.post("/console/sign-in", data={"name": name, "password": password}, follow_redirects=False)
        assert ("set-cookie" in answer.headers) == (answer.status_code == 303)
        return answer.status_code, answer.text

    assert said("ada", PASSWORD)[0] == said("ada", PASSWORD)[0] == 303
    wrong = said("ada", "guessed")
    assert wrong[0] == 401 and wrong == said("bob", "guessed") == said("bob", PASSWORD) == said("ada", "")
    # when either was tried too often, then nothing opens any more, not even what is right
    assert said("ada", PASSWORD) == said("bob", "guessed") and said("ada", PASSWORD)[0] == 429
    # while others still come in
    accounts.add("eve", frozenset({Role.CSR}), PASSWORD)
    assert said("eve", PASSWORD)[0] == 303


def test_while_the_file_of_accounts_cannot_be_trusted_no_account_counts_and_strangers_are_not_told_why(
    browser: TestClient, accounts: Accounts, tmp_path: Path, tokens: Tokens
) -> None:
    accounts.add("ada", frozenset({Role.CSR}), PASSWORD)
    given = {"name": "ada", "password": PASSWORD, "next": ""}
    browser.post("/console/sign-in", data=given)
    (tmp_path / "accounts.toml").chmod(0o644)
    for answer in (browser.get("/console/"), browser.post("/console/sign-in", data=given)):
        assert answer.status_code == 503 and "log of the doors" in answer.text
        assert str(tmp_path) not in answer.text
    # while tokens do
    signed_in(browser, tokens)
    assert browser.get("/console/").status_code == 200


def test_who_may_neither_see_orders_nor_work_in_a_warehouse_is_told_so(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens, Role.CARRIER)
    assert browser.get("/console/").status_code == 403


def test_every_answer_lets_the_browser_run_and_load_only_what_is_ours(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens)
    for path in ("/console/sign-in", "/console/", "/console/orders", f"/console/orders/{ORDER_ID}", "/console/nowhere"):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy, path
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        foreign = r"<script(?! src=\"/console/static/)|<style|\son\w+=|\sstyle=|(?:href|src|action)=\"(?!/|#)"
        assert not re.search(foreign, answer.text), path


def test_what_a_channel_wrote_is_shown_and_never_runs(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens)
    for path in ("/console/orders", f"/console/orders/{ORDER_ID}"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page or "\\u003cscript\\u003e" in page


@pytest.mark.parametrize(("role", "asked"), [(Role.CSR, True), (Role.VIEWER, False)])
def test_people_are_looked_for_by_those_alone_who_serve_customers(
    browser: TestClient, tokens: Tokens, tables: Tables, role: Role, asked: bool
) -> None:
    signed_in(browser, tokens, role)
    for path in ("/console/orders", "/console/orders.csv"):
        tables.people.clear()
        assert browser.get(path, params={"q": "ada@example.org"}).status_code == 200
        assert tables.people == ([["ada@example.org"]] if asked else [])


def test_a_file_for_a_spreadsheet_holds_no_formula(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens)
    answer = browser.get("/console/orders.csv?q=tea")
    assert answer.headers["content-type"].startswith("text/csv")
    [header, row] = csv.reader(io.StringIO(answer.text))
    shown = dict(zip(header, row, strict=True))
    assert shown["external_id"] == f"'{NAME}" and shown["total"] == "2598"


def test_an_action_is_done_by_whoever_is_signed_in_with_the_reason_that_they_gave(
    browser: TestClient, tokens: Tokens, doors: Doors
) -> None:
    # given somebody of the order desk on the page of an order
    token = signed_in(browser, tokens)
    form = form_of(browser.get(f"/console/orders/{ORDER_ID}").text)
    # when they hold it
    given = {"form": form, "reason": "für 5 €, sagt die Kundin"}
    answer = browser.post(f"/console/orders/{ORDER_ID}/hold", data=given)
    # then their own token asked the door, and the page says what came of it
    assert doors.asked == [(token, f"/orders/{ORDER_ID}/holds", '{"detail":"für 5 €, sagt die Kundin"}')]
    assert "Put on hold: HoldPlaced." in answer.text


@pytest.mark.parametrize(
    ("changed", "headers"),
    [({"form": "guessed"}, {}), ({"form": None}, {}), ({}, {"origin": "http://evil.example"})],
)
def test_a_form_of_another_page_does_nothing(
    browser: TestClient, tokens: Tokens, doors: Doors, changed: dict[str, Any], headers: dict[str, str]
) -> None:
    signed_in(browser, tokens)
    form = form_of(browser.get(f"/console/orders/{ORDER_ID}").text)
    given = {name: text for name, text in {"form": form, "reason": "why", **changed}.items() if text is not None}
    answer = browser.post(f"/console/orders/{ORDER_ID}/hold", data=given, headers=headers)
    assert answer.status_code == 403 and doors.asked == []


def test_an_action_without_a_reason_is_not_done(browser: TestClient, tokens: Tokens, doors: Doors) -> None:
    signed_in(browser, tokens)
    form = form_of(browser.get(f"/console/orders/{ORDER_ID}").text)
    answer = browser.post(f"/console/orders/{ORDER_ID}/hold", data={"form": form, "reason": "  "})
    assert "Nothing was done. Say: Why" in answer.text and doors.asked == []


def test_who_may_only_look_is_offered_nothing_to_do(browser: TestClient, tokens: Tokens, doors: Doors) -> None:
    signed_in(browser, tokens, Role.VIEWER)
    page = browser.get(f"/console/orders/{ORDER_ID}").text
    assert "What you may do" not in page
    answer = browser.post(f"/console/orders/{ORDER_ID}/hold", data={"form": form_of(page), "reason": "why"})
    assert answer.status_code == 404 and doors.asked == []


def test_whoever_signs_out_is_nobody_afterwards(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens)
    kept = dict(browser.cookies)
    browser.post("/console/sign-out", data={"form": form_of(browser.get("/console/").text)})
    browser.cookies.update(kept)
    assert "Sign in" in browser.get("/console/").text


def test_tables_that_are_away_are_said_to_be_so(browser: TestClient, tokens: Tokens, tables: Tables) -> None:
    signed_in(browser, tokens)
    tables.away = True
    answer = browser.get("/console/")
    assert answer.status_code == 503 and "the database is restarting" in answer.text


def test_the_doors_are_where_they_were(browser: TestClient) -> None:
    assert browser.get(f"/orders/{ORDER_ID}").json()["number"] == "QQNX5-E2MGN-U"
    assert browser.get("/", follow_redirects=False).headers["location"] == "/console/"
