"""Forms of the console: what is sent twice is done once, what nobody can tell of is asked again, and what is none of ours
does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from chassis.tokens import Role, Tokens
from contracts.channel import LINES_MAX
from services.console.answering import FIELDS_MAX
from services.console.queues import QUEUES
from tests.doors.test_console import ORDER_ID, Tables, Untold, form_of, opened, shown_order, signed_in

LEVEL = {"location": "north", "on_hand": 5, "sellable": 4, "reserved": 1, "available": 3}
ARTICLE = {"sku": "TEA", "unit": "each", "version": 1, "levels": [LEVEL], "claims": [], "supplies": []}
WORK = {
    "id": "w1", "order_id": ORDER_ID, "location": "north", "method": "ship", "stage": "accepted", "quantity": 2,
    "lines": [{"line": "1", "sequence": 1, "sku": "TEA", "quantity": 2, "unit": "each"}], "picked": [], "packages": [],
}  # fmt: skip
FOUND = {"location": "north", "quantity": "3", "reason": "found", "why": "counted"}
KEY = "idempotency-key"
AWAY = "the broker is away. Nothing is lost. Send the same request with the same Idempotency-Key again in a moment."


class Doors:
    """Doors that show an order with many lines and an article, and keep the key, the address and the body of what they are
    asked to do. `away` times they cannot tell what came of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.away = 0
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    @property
    def keys(self) -> list[str]:
        return [key for key, _, _ in self.asked]

    async def _answer(self, request: Request) -> Response:
        path = f"/{request.path_params['path']}"
        if request.method == "POST":
            self.asked.append((request.headers[KEY], path, orjson.loads(await request.body())))
            if self.away:
                self.away -= 1
                return JSONResponse({"title": "Not now", "detail": AWAY}, 503)
            return JSONResponse({"events": [{"type": "RefundGranted"}]})
        if path == f"/orders/{ORDER_ID}":
            [line] = shown_order()["lines"]
            lines = [{**line, "line": str(number), "units": {"delivered": 2}} for number in range(600)]
            return JSONResponse({**shown_order(), "captured": 2598, "lines": lines})
        if path == "/stock-items/TEA":
            return JSONResponse(ARTICLE)
        if path == "/fulfillment-orders/w1":
            return JSONResponse(WORK)
        for queue in QUEUES:
            if path == queue.path:
                return JSONResponse({queue.rows: []})
        return JSONResponse({"title": "There is no such thing"}, 404)


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def browser(doors: Doors, tokens: Tokens) -> Iterator[TestClient]:
    with opened(doors.app, tokens, Tables(), Untold()) as client:
        signed_in(client, tokens, Role.ADMIN)
        yield client


def form_at(browser: TestClient, address: str) -> str:
    return form_of(browser.get(address).text)


def test_a_part_of_the_money_is_given_back_once_for_two_clicks(browser: TestClient, doors: Doors) -> None:
    # given the page of an order with the form that gives back a tenth of what is left
    address = f"/console/orders/{ORDER_ID}"
    given = {"form": form_at(browser, address), "percent": "10", "reason": "late"}
    # when it is sent twice, as by a double click
    for _ in range(2):
        assert "RefundGranted" in browser.post(f"{address}/refund", data=given).text
    # then the doors hear the same wish twice, which they do once
    first, second = doors.asked
    assert first == second and len(first[0]) <= 128
    # while the page as it is shown after that has a form for another wish
    again = {**given, "form": form_at(browser, address)}
    browser.post(f"{address}/refund", data=again)
    assert len(set(doors.keys)) == 2


def test_what_is_changed_in_a_form_that_was_sent_is_the_same_wish_still(browser: TestClient, doors: Doors) -> None:
    address = f"/console/orders/{ORDER_ID}"
    given = {"form": form_at(browser, address), "percent": "10", "reason": "late"}
    for percent in ("10", "20"):
        browser.post(f"{address}/refund", data={**given, "percent": percent})
    # so the doors refuse it as sent before with another body
    assert len(set(doors.keys)) == 1


def test_stock_is_adjusted_by_one_document_for_two_clicks(browser: TestClient, doors: Doors) -> None:
    given = {"form": form_at(browser, "/console/stock/TEA"), **FOUND}
    for _ in range(2):
        browser.post("/console/stock/TEA/adjust", data=given)
    first, second = doors.asked
    assert first == second
    browser.post("/console/stock/TEA/adjust", data={**given, "form": form_at(browser, "/console/stock/TEA")})
    assert doors.asked[2][2]["document"] != first[2]["document"]


def test_each_of_several_rows_is_a_wish_of_its_own_and_the_same_when_all_are_sent_again(
    browser: TestClient, doors: Doors
) -> None:
    given = {
        "form": form_at(browser, "/console/exceptions"), "do": "take", "why": "mine", "row.TEA": "TEA", "row.POT": "POT",
    }  # fmt: skip
    for _ in range(2):
        assert browser.post("/console/exceptions/counts", data=given).status_code == 200
    assert len(doors.asked) == 4 and len(set(doors.keys)) == 2
    # each of them is asked of the same door
    assert {path for _, path, _ in doors.asked} == {"/exceptions/owners"}


def sent_again(browser: TestClient, page: str) -> Any:
    """Press the button that sends the same again."""
    action, inside = re.findall(r'<form method="post" data-again action="([^"]+)">(.*?)</form>', page, re.DOTALL)[-1]
    fields = {unescape(name): unescape(text) for name, text in re.findall(r'name="([^"]+)" value="([^"]*)"', inside)}
    return browser.post(unescape(action), data=fields)


def test_what_nobody_can_tell_of_is_sent_again_as_the_same_wish(browser: TestClient, doors: Doors) -> None:
    # given doors that cannot tell whether they took it
    doors.away = 1
    form = form_at(browser, "/console/stock/TEA")
    answer = browser.post("/console/stock/TEA/adjust", data={"form": form, **FOUND, "why": 'a "count"'})
    # then nobody says that nothing was done, nor names what only programs can send
    assert answer.status_code == 503 and "Nobody can tell yet whether it was done" in answer.text
    assert "the broker is away. Nothing is lost." in answer.text and "Idempotency-Key" not in answer.text
    # and one button sends the same, which is done once
    assert "Adjusted: RefundGranted." in sent_again(browser, answer.text).text
    first, second = doors.asked
    assert first == second


def test_rows_of_which_nobody_can_tell_are_sent_again_too(browser: TestClient, doors: Doors) -> None:
    doors.away = 1
    form = form_at(browser, "/console/exceptions")
    given = {"form": form, "do": "take", "why": "mine", "row.TEA": "TEA"}
    answer = browser.post("/console/exceptions/counts", data=given)
    assert ">not known<" in answer.text
    assert ">yes<" in sent_again(browser, answer.text).text
    assert len(set(doors.keys)) == 1


def test_a_form_has_a_field_for_each_line_that_an_order_may_have(browser: TestClient, doors: Doors) -> None:
    # given an order with more lines than forms had fields, and one with as many as there may be
    page = browser.get(f"/console/orders/{ORDER_ID}").text
    for many in (600, LINES_MAX):
        doors.asked.clear()
        units = {f"units.{number}": "1" if number == many - 1 else "" for number in range(many)}
        given = {"form": form_of(page), "cause": "damaged", "to": "original", "reason": "why", **units}
        # when one unit of the last line is paid back
        answer = browser.post(f"/console/orders/{ORDER_ID}/claim", data=given)
        assert answer.status_code == 200, answer.text
        [(_, _, body)] = doors.asked
        assert body["lines"] == [{"line": str(many - 1), "quantity": 1}]


def test_a_form_with_more_fields_than_any_of_ours_is_refused_with_a_page(browser: TestClient, doors: Doors) -> None:
    form = form_at(browser, f"/console/orders/{ORDER_ID}")
    given = {"form": form, **{f"units.{number}": "1" for number in range(FIELDS_MAX)}}
    answer = browser.post(f"/console/orders/{ORDER_ID}/claim", data=given)
    assert answer.status_code == 413 and "too many fields" in answer.text and "<nav" in answer.text
    assert doors.asked == []


def test_an_address_puts_no_words_in_the_mouth_of_the_console(
    browser: TestClient, doors: Doors, tokens: Tokens
) -> None:
    # given what somebody else wrote into a link
    link = "/console/?said=Call+0900+123&fine=1"
    # then it is not shown, also with the mark of something that the console said
    assert "0900" not in browser.get(link).text
    form = form_at(browser, f"/console/orders/{ORDER_ID}")
    address = f"/console/orders/{ORDER_ID}/hold"
    answer = browser.post(address, data={"form": form, "reason": "why"}, follow_redirects=False)
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert "Put on hold: RefundGranted." in browser.get(answer.headers["location"]).text
    assert "0900" not in browser.get(f"{link}&mark={told['mark'][0]}").text
    # nor what it said to somebody else
    signed_in(browser, tokens, Role.CSR)
    assert "Put on hold: RefundGranted." not in browser.get(answer.headers["location"]).text


def test_an_address_says_of_no_scan_what_did_not_come_of_it(browser: TestClient, doors: Doors) -> None:
    # given a work, and a link to it that tells of a scan
    work = "/console/warehouse/w1"
    link = f"{work}?came=counted&code=Call+0900+123"
    assert "0900" not in browser.get(link).text
    # when something is scanned that is not on it, then the page says so
    answer = browser.post(f"{work}/scan", data={"form": form_at(browser, work), "scan": "POT"})
    assert "POT is not on this work." in answer.text
    # and its mark is none of another word
    assert "0900" not in browser.get(f"{link}&mark={answer.url.params['mark']}").text


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://shop.example:8080"])
def test_a_page_that_is_elsewhere_or_hides_where_it_is_signs_nobody_in_and_does_nothing(
    browser: TestClient, doors: Doors, tokens: Tokens, origin: str
) -> None:
    form, headers = form_at(browser, f"/console/orders/{ORDER_ID}"), {"origin": origin}
    answer = browser.post("/console/sign-in", data={"token": "guessed"}, headers=headers)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers
    address = f"/console/orders/{ORDER_ID}/hold"
    assert browser.post(address, data={"form": form, "reason": "why"}, headers=headers).status_code == 403
    assert doors.asked == []
    ours = {"origin": "http://shop.example"}
    assert browser.post(address, data={"form": form, "reason": "why"}, headers=ours).status_code == 200
