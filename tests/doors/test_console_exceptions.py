"""What waits for a person, without servers: how old it is, and several rows that are dealt with at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString, get_args

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from chassis.settings import ExceptionList
from chassis.tokens import Role, Tokens
from services.console.queues import QUEUES
from tests.doors.test_console import Tables, Untold, form_of, opened, signed_in

SETTINGS = Path(__file__).parents[2] / "docs" / "settings.md"


class Doors:
    """Doors with two refunds that wait, an old and a new one, an order with two holds, and a dead letter. `refused`: paths
    that are answered with a refusal. `undecided`: a return waits for a decision; `past`: orders with a deadline that was not
    taken."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.refused: set[str] = set()
        self.undecided = False
        self.past: list[int] = []
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        path = f"/{request.path_params['path']}"
        if request.method == "POST":
            self.asked.append((path, await request.body()))
            if path in self.refused:
                problem = {"title": "This is refused", "detail": "Whoever proposed it cannot approve it."}
                return JSONResponse(problem, 409)
            return JSONResponse({"events": [{"type": "RefundGranted"}]})
        if path == "/orders/o1":
            return JSONResponse({"holds": [{"hold": "h/1"}, {"hold": "h2"}]})
        return JSONResponse(self._listed(path, request.query_params.get("state"), request.query_params.get("stage")))

    def _listed(self, path: str, state: str | None, stage: str | None) -> dict[str, Any]:
        rows: dict[str, list[Any]] = {queue.rows: [] for queue in QUEUES if queue.path == path}
        if path == "/refunds" and state == "proposed":
            rows["refunds"] = [_refund("1", days=0), _refund("2", days=3)]
        if path == "/exceptions/owners":
            return {"owners": []}
        if path == "/deadlines/past":
            due = {"name": "claim/0", "due": "2026-01-05T09:00:00Z"}
            rows["deadlines"] = [{"service": "order", "stream": f"order/o{n}", **due} for n in self.past]
        if path == "/returns" and stage == "requested" and self.undecided:
            rows["returns"] = [_undecided()]
        return rows


def _undecided() -> dict[str, Any]:
    asked = {"id": "r1", "order_id": "o1", "number": 2, "stage": "requested", "expected": 3}
    return {**asked, "opened_at": "2026-01-05T09:00:00Z", "answer_by": "2026-01-08T09:00:00Z"}


def _refund(number: str, days: int) -> dict[str, Any]:
    since = (datetime.now(UTC) - timedelta(days=days, minutes=1)).isoformat()
    shown = {"order_id": "o1", "order_number": f"QQ-{number}", "refund": number, "amount": 500, "currency": "EUR"}
    return {**shown, "cause": "appeasement", "reason": "=1+1", "proposed_at": since, "changed_at": since}


@pytest.fixture
def doors() -> Doors:
    return Doors()


def asked(browser: TestClient, queue: str, **fields: str) -> Any:
    form = form_of(browser.get("/console/exceptions").text)
    given = {name.replace("__", "."): text for name, text in fields.items()}
    return browser.post(f"/console/exceptions/{queue}", data={"form": form, **given})


def test_what_waits_longer_than_it_should_is_said_to_be_late(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens)
    page = browser.get("/console/exceptions").text
    assert "late: 1" in page
    old, new = page.index("QQ-2"), page.index("QQ-1")
    assert old < new and ">late<" in page[old:new] and ">late<" not in page[new:]


class Patient(Untold):
    """An installation whose settings give refunds a week to be approved."""

    def levels(self) -> Mapping[str, timedelta]:
        return {"refunds to approve": timedelta(days=7)}


def test_a_setting_says_how_soon_somebody_should_have_acted(doors: Doors, tokens: Tokens) -> None:
    with opened(doors.app, tokens, Tables(), Patient()) as browser:
        signed_in(browser, tokens)
        page = browser.get("/console/exceptions").text
    assert "within 7 d" in page and "late: " not in page


def test_the_lists_that_can_be_set_are_those_whose_rows_have_an_age() -> None:
    told = {queue.name.replace(" ", "_"): queue.within for queue in QUEUES if queue.within is not None}
    assert set(get_args(ExceptionList)) == told.keys()
    # and the page of settings says what holds where nothing is set
    text = SETTINGS.read_text()
    for name, within in told.items():
        assert re.search(rf"`{name}` \({within // timedelta(hours=1)}\b", text), name


def test_several_are_approved_with_one_reason_and_each_says_what_came_of_it(
    browser: TestClient, tokens: Tokens, doors: Doors
) -> None:
    # given two refunds of which the second is refused
    signed_in(browser, tokens)
    doors.refused.add("/orders/o1/refunds/2/approve")
    page = browser.get("/console/exceptions").text
    chosen = dict(re.findall(r'type="checkbox" name="([^"]+)" value="([^"]+)"', page))
    assert chosen == {"row.o1/1": "QQ-1", "row.o1/2": "QQ-2"}
    # when both are approved
    answer = asked(browser, "refunds to approve", do="approve", why="as agreed", **chosen)
    # then each was asked of the doors, and each row says what came of it
    assert sorted(doors.asked) == [(f"/orders/o1/refunds/{n}/approve", b'{"detail":"as agreed"}') for n in (1, 2)]
    second, first = re.findall(r"<tr><th scope=\"row\">.*?</tr>", answer.text)
    assert "QQ-1" in first and ">yes<" in first and "RefundGranted" in first
    assert "QQ-2" in second and ">no<" in second and "Whoever proposed it cannot approve it." in second


def test_a_return_that_waits_for_a_person_is_listed_until_when_and_is_decided_there(
    browser: TestClient, tokens: Tokens, doors: Doors
) -> None:
    # given a return that the rules leave to a person, whose silence declines it
    doors.undecided = True
    signed_in(browser, tokens)
    page = browser.get("/console/exceptions").text
    section = page[page.index("Returns that wait for a decision") :]
    assert "declined by itself" in section and "<td>2026-01-08 09:00:00</td>" in section and ">late<" in section
    # when it is approved, and declined
    for do in ("approve", "decline"):
        assert (
            asked(browser, "returns to decide", do=do, why="a good customer", **{"row.o1/2": "o1"}).status_code == 200
        )
    # then its order is told so
    said = b'{"detail":"a good customer"}'
    assert doors.asked == [(f"/orders/o1/returns/2/{do}", said) for do in ("approve", "decline")]
    # and whoever may not decide is not offered to
    signed_in(browser, tokens, Role.WAREHOUSE)
    assert 'value="approve"' not in browser.get("/console/exceptions").text


def test_a_step_past_its_deadline_leads_to_its_order_and_is_looked_after_by_operators(
    browser: TestClient, tokens: Tokens, doors: Doors
) -> None:
    doors.past = [7]
    signed_in(browser, tokens, Role.ADMIN)
    page = browser.get("/console/exceptions").text
    section = page[page.index("Steps past their deadline") :]
    assert 'href="/console/orders/o7">order/o7</a>' in section and ">late<" in section
    [row] = re.findall(r'type="checkbox" name="([^"]+)" value="order/o7"', section)
    assert asked(browser, "deadlines", do="take", why="mine", **{row: "order/o7"}).status_code == 200
    [(path, said)] = doors.asked
    assert path == "/exceptions/owners" and b'"name":"order/order%2Fo7/claim%2F0"' in said


def test_all_holds_of_an_order_are_released_each_by_itself(browser: TestClient, tokens: Tokens, doors: Doors) -> None:
    signed_in(browser, tokens)
    answer = asked(browser, "held", do="release", why="looked at", row__o1="QQ-1")
    assert answer.status_code == 200
    assert [path for path, _ in doors.asked] == ["/orders/o1/holds/h/1/release", "/orders/o1/holds/h2/release"]


class LookedAfter(Tables):
    """The order of the refunds is looked after by somebody."""

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        if "from owners" in query:
            return [(name, "bob") for name in parameters[0] if name == "o1"]
        return super().rows(query, parameters)


def test_an_exception_is_looked_after_by_whoever_looks_after_its_order(doors: Doors, tokens: Tokens) -> None:
    with opened(doors.app, tokens, LookedAfter(), Untold()) as browser:
        signed_in(browser, tokens)
        assert browser.get("/console/exceptions").text.count("<td>bob</td>") == 2
        [header, *rows] = csv.reader(io.StringIO(browser.get("/console/exceptions/refunds to approve.csv").text))
        assert [dict(zip(header, row, strict=True))["owner"] for row in rows] == ["bob", "bob"]


def test_orders_are_taken_over_by_whoever_asks_for_it(browser: TestClient, tokens: Tokens, doors: Doors) -> None:
    signed_in(browser, tokens)
    answer = asked(browser, "refunds to approve", do="take", why="mine", **{"row.o1/1": "QQ-1"})
    assert answer.status_code == 200
    assert doors.asked == [("/orders/o1/owner", b'{"owner":"ada"}')]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"do": "approve", "why": "as agreed"}, 422),
        ({"do": "approve", "why": " ", "row__o1/1": "QQ-1"}, 422),
        ({"do": "approve", "why": "as agreed", "row__o1": "QQ-1"}, 400),
        ({"do": "discard", "why": "as agreed", "row__o1/1": "QQ-1"}, 404),
        ({"do": "withdraw", "why": "as agreed", "row__o1/1": "QQ-1"}, 404),
    ],
)
def test_what_says_too_little_or_is_not_offered_does_nothing(
    browser: TestClient, tokens: Tokens, doors: Doors, fields: dict[str, str], status: int
) -> None:
    signed_in(browser, tokens)
    answer = asked(browser, "refunds to approve", **fields)
    assert (answer.status_code, doors.asked) == (status, [])


def test_who_may_only_look_is_offered_no_action(browser: TestClient, tokens: Tokens, doors: Doors) -> None:
    signed_in(browser, tokens, Role.VIEWER)
    assert 'type="checkbox"' not in browser.get("/console/exceptions").text
    fields = {"do": "approve", "why": "as agreed", "row__o1/1": "QQ-1"}
    assert asked(browser, "refunds to approve", **fields).status_code == 404
    assert doors.asked == []


def test_a_list_is_kept_as_a_file_without_formulas(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens)
    answer = browser.get("/console/exceptions/refunds to approve.csv")
    header, old, new = csv.reader(io.StringIO(answer.text))
    assert dict(zip(header, old, strict=True))["reason"] == "'=1+1"
    assert [old[0], new[0]] == ["QQ-2", "QQ-1"]
