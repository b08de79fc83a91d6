"""Pages that stand open, in a real browser before doors in memory: what follows, what stays as it was, and what is said
where nothing follows any more. Skipped where there is no Chromium."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.accounts import Callers
from chassis.tokens import Kind, Role, Tokens
from services.console import changes
from services.console.questions import Questions
from services.console.site import beside_doors, make_site
from tests.doors.test_console import NO_ACCOUNTS, Uncounted, Untold, history
from tests.doors.test_console_warehouse import WORK, Doors, Standing, work

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is on this machine: no page was opened")

SEEN_MS = 20_000
"""How long something may take to be on a page, on a machine that has other work."""

STARTS_SECONDS = 20.0


class Shop(Doors):
    """A console over doors in memory, at an address of this machine."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self.tokens, self.tables, self.moves = tokens, Standing(), 0
        self.address, self.refuses = "", False
        self.restless = False
        """Something moves at each look."""
        self.answers = Event()
        self.answers.set()
        self.at_once = self.most_at_once = 0
        """Questions that wait for their answers."""

    async def _answer(self, request: Request) -> Response:
        if self.refuses:
            return JSONResponse({"title": "The database is away"}, 503)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.to_thread(self.answers.wait, STARTS_SECONDS)
            return await super()._answer(request)
        finally:
            self.at_once -= 1

    def _position(self) -> int:
        self.moves += self.restless
        return self.moves

    def site(self) -> Starlette:
        callers, questions = Callers(self.tokens, NO_ACCOUNTS), Questions(self.tables.rows)
        told, counted = Untold(), Uncounted()
        return make_site(self.app, callers, questions, history, [self._position], told, counted, lambda said: [said])

    def has(self, *names: str) -> None:
        """These works are open, and pages are told that something moved."""
        self.works = {name: work("open", name) for name in names}
        self.moves += 1


@contextmanager
def served(shop: Shop) -> Iterator[None]:
    config = uvicorn.Config(beside_doors(shop.app, shop.site()), port=0, log_level="error", lifespan="off")
    server, started = uvicorn.Server(config), Event()

    async def serve() -> None:
        running = asyncio.create_task(server.serve())
        while not server.started and not running.done():
            await asyncio.sleep(0.01)
        started.set()
        await running

    thread = Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(STARTS_SECONDS)
    shop.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playing:
        running = playing.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(changes, "SAY_AGAIN_SECONDS", 0.5)
    made = Shop(Tokens(tmp_path / "tokens.toml"))
    with served(made):
        yield made


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    """A page of somebody of the warehouse; none of its scripts may have failed in the end."""
    context = browser.new_context(base_url=shop.address, viewport={"width": 1000, "height": 500})
    context.set_default_timeout(SEEN_MS)
    expect.set_options(timeout=SEEN_MS)
    page, errors = context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    token = shop.tokens.issue("ada", Kind.PERSON, frozenset({Role.WAREHOUSE}))
    page.goto("/console/sign-in")
    page.get_by_label("Access token").fill(token)
    page.get_by_role("button", name="Use the token").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    try:
        yield page
    finally:
        context.close()
    assert errors == []


def test_the_list_of_work_follows_while_its_field_has_the_focus_and_a_code_is_half_typed(
    shop: Shop, page: Page
) -> None:
    # given the list of work, in whose field somebody types
    shop.has("w-one")
    page.goto("/console/warehouse")
    page.keyboard.type("POT")
    # when more work comes in, then it stands there, and what was typed goes on
    shop.has("w-one", "w-two")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.keyboard.type("-1")
    expect(page.get_by_label("Scan or type")).to_have_value("POT-1")


def test_what_has_the_focus_and_where_the_page_stands_stay_while_it_follows(shop: Shop, page: Page) -> None:
    # given a long list, scrolled to a link that has the focus
    names = [f"w-{number:02}" for number in range(20, 60)]
    shop.has(*names)
    page.goto("/console/warehouse")
    link = page.locator("tbody a[href='/console/warehouse/w-50']")
    link.focus()
    stood = page.evaluate("scrollY")
    # when a row comes before it and another one goes
    shop.has("w-10", *names[1:])
    expect(page.locator("tbody a[href='/console/warehouse/w-10']")).to_have_count(1)
    # then the same link has the focus, and the page stands where it stood
    expect(link).to_be_focused()
    assert stood > 0 and page.evaluate("scrollY") == stood
    # also where rows change places
    shop.has("w-50", *reversed(names[:30]))
    expect(page.locator("tbody tr").first).to_contain_text("w-50")
    expect(link).to_be_focused()
    # and where it is gone, the focus is on what it stood in
    shop.has("w-10")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("region", name="Work")).to_be_focused()


def test_what_was_typed_and_chosen_stays_while_the_page_follows(shop: Shop, page: Page) -> None:
    # given work of which somebody has typed a count and chosen why units are missing
    shop.works = {WORK: work("accepted")}
    page.goto(f"/console/warehouse/{WORK}")
    page.get_by_label("Counted of line 1").fill("1")
    page.get_by_label("Why less of line 1").select_option("damaged")
    # when something moves that is told on the page
    shop.works = {WORK: work("accepted", ship_by="2026-02-01")}
    shop.moves += 1
    expect(page.locator("main")).to_contain_text("to leave by 2026-02-01")
    # then both stand there still
    expect(page.get_by_label("Counted of line 1")).to_have_value("1")
    expect(page.get_by_label("Why less of line 1")).to_have_value("damaged")


@pytest.mark.parametrize(("was", "button", "becomes"), [("open", "Accept", "packed"), ("accepted", "Picked", "picked")])
def test_a_button_under_a_finger_becomes_no_other_button(
    shop: Shop, page: Page, was: str, button: str, becomes: str
) -> None:
    # given a step's button that has the focus
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
    shop.works = {WORK: work(was)}
    page.goto(f"/console/warehouse/{WORK}")
    page.get_by_role("button", name=button, exact=True).focus()
    # when somebody else does that step, and it is pressed nevertheless
    shop.works = {WORK: work(becomes)}
    shop.moves += 1
    expect(page.locator("h1 .tag")).to_have_text(becomes)
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    # then nothing is sent but what is scanned afterwards
    page.get_by_label("Scan or type").fill("POT-1")
    page.keyboard.press("Enter")
    expect(page.locator("main .note")).to_be_visible()
    assert [url.rpartition("/")[2] for url in sent] == ["scan"] and shop.told == []


HEARS_THREE_MOVES = """() => new Promise((resolve) => {
  const source = new EventSource("/console/changes");
  let heard = 0;
  source.onmessage = () => { heard += 1; if (heard > 3) { source.close(); resolve(); } };
})"""


def test_a_page_that_is_slow_is_asked_for_once_at_a_time(shop: Shop, page: Page) -> None:
    # given a page that stands open, and doors that do not answer now
    shop.has("w-one")
    page.goto("/console/warehouse")
    expect(page.locator("tbody tr")).to_have_count(1)
    shop.answers.clear()
    # when much moves meanwhile
    shop.restless = True
    page.evaluate(HEARS_THREE_MOVES)
    shop.restless = False
    # then the page waits for its first answer, and asks once more after it
    assert shop.at_once == 1
    shop.has("w-one", "w-two")
    shop.answers.set()
    expect(page.locator("tbody tr")).to_have_count(2)
    assert shop.most_at_once == 1


def test_a_page_says_since_when_it_is_not_live_and_why(shop: Shop, page: Page) -> None:
    shop.has("w-one")
    page.goto("/console/warehouse")
    note = page.locator("#stale")
    expect(note).to_be_hidden()
    # when doors refuse what the page shows, though nothing moves, then it says so, and since when
    shop.refuses = True
    expect(note).to_have_text(re.compile(r"^Not live since \d\d:\d\d:\d\d UTC: Work is not shown\.$"))
    # until they answer again
    shop.refuses = False
    shop.has("w-one", "w-two")
    expect(note).to_be_hidden()
    expect(page.locator("tbody tr")).to_have_count(2)
    # and when the session ends it leads to the sign-in, and from there back
    shop.tokens.revoke("ada")
    expect(note).to_contain_text("your session ended. Sign in again")
    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_label("Access token")).to_be_visible()
    assert page.url.endswith("?next=%2Fconsole%2Fwarehouse")


def test_a_page_that_is_told_of_no_changes_says_so(shop: Shop, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "LISTENERS_MAX", 0)
    page.goto("/console/warehouse")
    expect(page.locator("#stale")).to_contain_text("no changes are told to this page")


def test_a_scanner_is_not_waited_for_and_every_code_counts(shop: Shop, page: Page) -> None:
    # given work of which all is scanned as fast as can be, and the code after it that says so
    shop.works = {WORK: work("accepted")}
    page.goto(f"/console/warehouse/{WORK}")
    expect(page.get_by_label("Scan or type")).to_be_focused()
    page.keyboard.type("POT-1\nKNIFE-7\nCUP-1\nPOT-1\nDONE-PICK\n")
    # then each was counted, the page was never left, and the step is done once
    expect(page.get_by_text("Picked: Done.")).to_be_visible()
    assert shop.steps() == ["pick"]
    assert [line["quantity"] for line in shop.body()["lines"]] == [2, 1]
    expect(page.get_by_label("Scan or type")).to_be_focused()


def test_what_was_typed_counts_with_what_is_scanned_after_it(shop: Shop, page: Page) -> None:
    # given a count that somebody typed, when one more is scanned, then it is one more
    shop.works = {WORK: work("accepted")}
    page.goto(f"/console/warehouse/{WORK}")
    page.get_by_label("Counted of line 1").fill("1")
    page.get_by_label("Scan or type").focus()
    page.keyboard.type("POT-1\n")
    expect(page.get_by_label("Counted of line 1")).to_have_value("2")
    expect(page.get_by_text("2 of 3 counted")).to_be_visible()
    # and what is not of this work is told, and counts nothing
    page.keyboard.type("KNIFE-7\n")
    expect(page.get_by_role("alert")).to_contain_text("KNIFE-7 is not on this work")
    # also after the page is loaded again
    page.reload()
    expect(page.get_by_text("2 of 3 counted")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_everybody_can_use_the_page_of_a_work(shop: Shop, page: Page, width: int, dark: bool) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if dark else "light")
    for stage in ("open", "picked"):
        # given a work, of which something unknown was scanned where it is packed, on a page that is not live any more
        shop.works, shop.refuses = {WORK: work(stage)}, False
        page.goto(f"/console/warehouse/{WORK}?packages=2")
        if stage == "picked":
            page.get_by_label("Scan or type").fill("KNIFE-7")
            page.get_by_label("Scan or type").press("Enter")
            expect(page.get_by_role("alert")).to_contain_text("KNIFE-7 is not on this work")
        shop.refuses = True
        expect(page.locator("#stale")).to_contain_text("Not live since")
        # then no rule of axe is broken (WCAG 2.2 AA and its best practices), and nothing runs out of the screen
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
