"""A form in a real browser before doors in memory: it is sent once, however often its button is pressed. Skipped where there
is no Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, sync_playwright

from chassis.tokens import Role, Tokens
from tests.doors.test_console import Tables, Untold, opened, signed_in
from tests.doors.test_console_forms import Doors

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is on this machine: no form was sent")

SEEN_MS = 20_000
"""How long something may take to be on a page, on a machine that has other work."""

PRESSED = """async () => {
  const form = document.querySelector("details form"), button = form.querySelector("button"), sent = [];
  // Behind the page's own script: what that lets through is noted, and stays here.
  window.addEventListener("submit", (event) => { sent.push(!event.defaultPrevented); event.preventDefault(); });
  button.click();
  button.click();
  await new Promise((next) => { setTimeout(next, 0); });
  const locked = button.disabled;
  form.requestSubmit();
  return { sent, locked };
}"""
"""Which of three tries to send the form was let through, and whether its button was locked after the second."""


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playing:
        running = playing.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


def test_a_form_on_its_way_cannot_be_sent_again(browser: Browser, tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.toml")
    with opened(Doors().app, tokens, Tables(), Untold()) as client:
        signed_in(client, tokens, Role.ADMIN)
        page = browser.new_page()
        page.set_default_timeout(SEEN_MS)

        def answer(route: Route) -> None:
            if route.request.url.endswith("/changes"):  # which nobody is told of here
                route.abort()
                return
            said = client.get(route.request.url)
            route.fulfill(status=said.status_code, headers=dict(said.headers), body=said.content)

        page.route("**/*", answer)
        # given a form that is filled in
        page.goto("http://shop.example/console/stock/TEA")
        page.get_by_text("Adjust the stock").click()
        page.get_by_label("Units").fill("3")
        page.get_by_label("Why").fill("counted")
        # when its button is pressed twice, and it is sent once more as by Enter, then it is sent once and locked
        assert page.evaluate(PRESSED) == {"sent": [True, False, False], "locked": True}
