"""`make pictures`: the screenshots of docs/console.md, taken of the installation that runs, by day on a large screen.

They show whatever runs: `make demo` first. Chromium is taken from the machine.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from chassis.settings import load_settings
from oms.tokens import console_token

FOLDER = Path(__file__).parents[1] / "docs" / "images"


def main() -> int:
    """Take them; the exit status."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.stderr.write("No Chromium is on this machine; on Debian: apt-get install chromium\n")
        return 1
    settings = load_settings()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playing:
        browser = playing.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(
            base_url=f"http://{settings.http_host}:{settings.http_port}", viewport={"width": 1280, "height": 800}
        )
        page = context.new_page()
        page.goto("/console/sign-in")
        page.get_by_label("Access token").fill(console_token(settings))
        page.get_by_role("button", name="Use the token").click()
        for name in ("now", "exceptions"):
            page.goto(f"/console/{'' if name == 'now' else name}")
            _take(page, name)
        page.goto("/console/orders?step=completed")
        page.locator("tbody th a").first.click()
        _take(page, "order")
        page.get_by_role("heading", name="What happened, and why").evaluate("heading => heading.scrollIntoView()")
        _take(page, "timeline")
        browser.close()
    return 0


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state("load")
    page.screenshot(path=FOLDER / f"console-{name}.png")


if __name__ == "__main__":
    sys.exit(main())
