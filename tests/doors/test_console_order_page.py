"""The page of an order: as it was at any moment, all that happened page by page, and what is still to pay."""

from __future__ import annotations

import re
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest
import uvicorn
from playwright.sync_api import Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from chassis.accounts import Callers
from chassis.tokens import Kind, Role, Tokens
from services.console import order_page
from services.console.questions import Questions
from services.console.site import beside_doors, make_site
from tests.doors.test_console import NO_ACCOUNTS, ORDER_ID, Tables, Uncounted, Untold, shown_order

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

DAY = timedelta(days=1)
FIRST = datetime(2026, 1, 1, 9, tzinfo=UTC)
DAYS = [FIRST + number * DAY for number in range(6)]
NAMES = ["OrderPlaced", "LineReserved", "OrderConfirmed", "ReleasedToFulfillment", "LinesPacked", "LinesFulfilled"]
ORDER = {**shown_order(), "fulfillment_orders": [{"shipment": "s1"}], "due": 3278, "captured": 3000, "to_pay": 278}


def instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.000Z}"


class Visited(Tables):
    """The order was reserved for five days, and is on the way."""

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        if query.startswith("select thing, location, step, entered, left_at"):
            thing = f"order/{ORDER_ID}"
            return [(thing, None, "reserving", FIRST, DAYS[5]), (thing, None, "on_the_way", DAYS[5], None)]
        return super().rows(query, parameters)


class Log:
    """What happened to the order: an event a day, or as many as are wanted, a page of `at_once` at a time."""

    def __init__(self, events: int = len(DAYS), at_once: int = 4) -> None:
        self._events, self._at_once = events, at_once

    def __call__(self, stream: str, after: int = 0) -> Sequence[Mapping[str, Any]]:
        if stream != f"order/{ORDER_ID}":
            return ()
        last = min(self._events, after + self._at_once)
        return [self._event(version) for version in range(after + 1, last + 1)]

    def _event(self, version: int) -> Mapping[str, Any]:
        when = FIRST + (version - 1) * DAY
        name = NAMES[version - 1] if version <= len(NAMES) else f"Event{version}"
        who = {"kind": "service", "subject": "order"}
        head = {"version": version, "what": name, "when": instant(when), "who": who, "why": None}
        return {**head, "id": f"e{version}", "caused_by": "e1", "data": {}}


async def _doors(request: Request) -> Response:
    """Doors that show the order and its shipment as they were at the moment that is asked for."""
    path, at = request.url.path, request.query_params.get("at", "now")
    if path == f"/orders/{ORDER_ID}":
        return JSONResponse(ORDER)
    if path == f"/orders/{ORDER_ID}/why":
        return JSONResponse({"sentence": f"It waited as of {at}."})
    if path == "/shipments/s1":
        shipment = {"id": "s1", "location": "north", "carrier": "post", "service": "parcel", "packages": []}
        return JSONResponse({**shipment, "stage": f"stage as of {at}"})
    return JSONResponse({"title": "There is no such thing"}, 404)


def site_of(tokens: Tokens, log: Log) -> Any:
    app = Starlette(routes=[Route("/{path:path}", _doors)])
    questions, callers = Questions(Visited().rows), Callers(tokens, NO_ACCOUNTS)
    site = make_site(app, callers, questions, log, [lambda: 0], Untold(), Uncounted(), lambda said: [said])
    return beside_doors(app, site)


@contextmanager
def opened(tokens: Tokens, log: Log) -> Iterator[TestClient]:
    with TestClient(site_of(tokens, log), base_url="http://shop.example") as client:
        token = tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
        client.post("/console/sign-in", data={"token": token, "next": ""})
        yield client


@pytest.fixture
def browser(tokens: Tokens) -> Iterator[TestClient]:
    with opened(tokens, Log()) as client:
        yield client


def shown(browser: TestClient, **asked: str) -> str:
    answer = browser.get(f"/console/orders/{ORDER_ID}", params=asked)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def happened(page: str) -> list[str]:
    """What the timeline of a page names, in its order."""
    return re.findall(r'<li id="e-[^"]+"><time[^>]*>[^<]*</time> <strong>([^<]+)</strong>', page)


def test_what_is_owed_in_all_and_what_of_it_is_still_to_pay_are_told_apart(browser: TestClient) -> None:
    page = shown(browser)
    assert "<dt>Owed</dt><dd>32.78 EUR</dd><dt>Still to pay</dt><dd>2.78 EUR</dd>" in page
    assert "<dt>Due</dt>" not in page


def test_in_the_past_a_step_lasted_until_then_and_what_it_waited_for_and_its_shipments_are_those_of_then(
    browser: TestClient,
) -> None:
    # when the order is shown as it was recorded on its fourth day
    then = instant(DAYS[3])
    page = shown(browser, at=then)
    # then it had stood three days at a step that it left two days later
    assert "until then, 3 d" in page and "On the way" not in page
    # and the rest is of then, too
    assert f"It waited as of {then}." in page and f"stage as of {then}" in page
    assert happened(page) == NAMES[:4]
    # and now is what is now
    page = shown(browser)
    assert "It waited as of now." in page and "stage as of now" in page and ">5 d</td>" in page


def test_without_a_script_a_moment_is_chosen_by_a_form(browser: TestClient) -> None:
    # given the form on the page
    page = shown(browser)
    [form] = re.findall(r'<form class="filters" method="get" action="([^"]+)"><label>As it was recorded', page)
    moments = re.findall(r'<option value="([^"]+)"[^>]*>[^<]*</option>', page[page.index("As it was recorded at") :])
    assert [instant(day) for day in DAYS] == moments[: len(DAYS)]
    # when one is sent, then the page is of then, and says so in the form
    answer = browser.get(form, params={"at": moments[1]})
    assert happened(answer.text) == NAMES[:2] and f'<option value="{moments[1]}" selected>' in answer.text
    # and of now where none is chosen
    assert happened(browser.get(form, params={"at": ""}).text) == NAMES


def test_a_moment_that_is_none_is_said_to_be_none(browser: TestClient) -> None:
    answer = browser.get(f"/console/orders/{ORDER_ID}", params={"at": "12345"})
    assert answer.status_code == 400 and "Say a moment with its zone" in answer.text


def test_the_last_page_of_a_long_timeline_is_shown_and_leads_to_the_others(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given more events than doors give at once, and than one page has
    monkeypatch.setattr(order_page, "PAGE_EVENTS", 10)
    with opened(tokens, Log(events=25)) as browser:
        page = shown(browser)
        # then the newest are there
        assert happened(page) == [f"Event{number}" for number in range(21, 26)]
        assert "Page 3 of 3" in page and 'href="?page=2#timeline"' in page
        # with their cause, which is on another page
        assert 'href="?page=1#e-e1">OrderPlaced</a>' in page
        page = shown(browser, page="1")
        assert happened(page)[:6] == NAMES and len(happened(page)) == 10 and 'href="#e-e1"' in page
        # as is the moment that is asked for
        page = shown(browser, at=instant(FIRST + 11 * DAY))
        assert happened(page) == ["Event11", "Event12"] and "Page 2 of 3" in page
        # while the file has all of it
        assert len(browser.get(f"/console/orders/{ORDER_ID}/timeline.csv").text.splitlines()) == 26


def test_of_more_events_than_a_timeline_takes_the_first_are_left_out_and_counted(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_page, "EVENTS_MAX", 20)
    with opened(tokens, Log(events=25)) as browser:
        page = shown(browser)
        assert happened(page) == ["LinesFulfilled", *(f"Event{number}" for number in range(7, 26))]
        assert "5 events before these are not shown" in page


@pytest.fixture
def walked(tokens: Tokens) -> Iterator[Page]:
    """A browser with scripts on the page of the order; no error may have been told to it in the end."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is on this machine: the slider was not moved")
    token = tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(site_of(tokens, Log()), log_level="warning", timeout_graceful_shutdown=1))
    running = threading.Thread(target=server.run, args=([listening],))
    running.start()
    try:
        with sync_playwright() as playing:
            chromium = playing.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page, errors = chromium.new_page(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}"), list[str]()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(f"/console/sign-in?next=/console/orders/{ORDER_ID}")
            page.get_by_label("Access token").fill(token)
            page.get_by_role("button", name="Use the token").click()
            yield page
            chromium.close()
        assert errors == []
    finally:
        server.should_exit = True
        running.join()


def test_the_slider_goes_through_the_past_by_keys_and_keeps_the_focus(walked: Page) -> None:
    expect.set_options(timeout=20_000)
    slider = walked.locator("#moment")
    expect(slider).to_be_visible()  # as soon as the script runs
    slider.focus()
    # when it is moved back twice by the keyboard, as fast as keys go
    walked.keyboard.press("ArrowLeft")
    walked.keyboard.press("ArrowLeft")
    # then the page is of then, and so is its address
    expect(walked.get_by_text(f"It waited as of {instant(DAYS[3])}.")).to_be_visible()
    assert f"at={DAYS[3]:%Y-%m-%d}" in walked.url
    # and the next key moves it on from there, since it still has the focus
    expect(slider).to_be_focused()
    walked.keyboard.press("ArrowLeft")
    expect(walked.get_by_text(f"It waited as of {instant(DAYS[2])}.")).to_be_visible()
    expect(slider).to_be_focused()
    # until it is now again, without a moment in the address
    walked.keyboard.press("End")
    expect(walked.get_by_text("It waited as of now.")).to_be_visible()
    assert "at=" not in walked.url
    # and from a page that was loaded as of then, too
    walked.goto(f"/console/orders/{ORDER_ID}?at={instant(DAYS[4])}")
    expect(slider).to_be_visible()
    slider.focus()
    walked.keyboard.press("ArrowRight")
    expect(walked.get_by_text("It waited as of now.")).to_be_visible()
    expect(slider).to_be_focused()
