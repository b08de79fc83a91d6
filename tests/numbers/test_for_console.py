"""The console's page of numbers: what an export comes to, how old it is, and the events behind each figure."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from chassis.accounts import Callers
from chassis.tokens import Role, Tokens
from oms.numbers.exporting import export
from oms.numbers.facts import facts
from oms.numbers.for_console import ExportedFigures
from oms.numbers.kpis import FORMULAS, By, key_figures, stock_figures
from oms.numbers.studies import STUDIES
from services.console.figures import NoNumbers, NumbersBusy
from services.console.questions import Questions
from services.console.site import beside_doors, make_site
from tests.doors.test_console import NO_ACCOUNTS, Tables, Untold, history, signed_in
from tests.numbers.worlds import append, empty_log
from tests.simulation.busy import busy_month

WEEK = {"from": "2026-01-05", "to": "2026-01-12"}
EVER = {"from": "2025-06-01", "to": "2026-06-01"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some days of all services, exported."""
    found, log = tmp_path_factory.mktemp("exported"), empty_log()
    append(log, busy_month(0, days=4).written)
    export(log, found)
    return found


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path / "tokens.toml")


@pytest.fixture
def browser(folder: Path, tokens: Tokens) -> Iterator[TestClient]:
    doors, figures = Starlette(), ExportedFigures(folder)
    site = make_site(
        doors,
        Callers(tokens, NO_ACCOUNTS),
        Questions(Tables().rows),
        history,
        [lambda: 0],
        Untold(),
        figures,
        lambda said: (),
    )
    with TestClient(beside_doors(doors, site), base_url="http://shop.example") as client:
        yield client


@pytest.mark.parametrize("by", ["day", "channel"])
def test_the_page_says_what_the_command_says(browser: TestClient, tokens: Tokens, folder: Path, by: str) -> None:
    signed_in(browser, tokens)
    text = browser.get(f"/console/numbers.csv?{urlencode({**EVER, 'by': by})}").text
    shown = list(csv.DictReader(io.StringIO(text)))
    with facts(folder) as connection:
        wanted = key_figures(connection, By(by), date(2025, 6, 1), date(2026, 6, 1))
    assert wanted and [row["orders"] for row in shown] == [str(row["orders"]) for row in wanted]
    page = browser.get(f"/console/numbers?{urlencode({**EVER, 'by': by})}").text
    # each figure stands there with its formula, and where it was counted from
    assert str(folder) in page and "of which the newest file was written at" in page
    assert all(name.replace("_", " ") in page for name in FORMULAS)


def test_a_figure_leads_to_the_events_behind_it_and_to_their_orders(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens)
    page = browser.get(f"/console/numbers?{urlencode(EVER)}").text
    link = re.search(r'href="(/console/numbers/orders\?[^"]+)"', page)
    assert link is not None
    shown = browser.get(link.group(1).replace("&amp;", "&")).text
    assert "OrderPlaced" in shown and re.search(r'href="/console/orders/[0-9a-f-]{36}#e-', shown)
    assert browser.get("/console/numbers/happiness").status_code == 404


def test_a_figure_leads_to_events_of_its_own_currency(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens)
    # given orders for euros alone, their figures lead to events of euros
    page = browser.get(f"/console/numbers?{urlencode(EVER)}").text
    links = re.findall(r'href="(/console/numbers/orders\?[^"]+)"', page)
    assert links and all(each.endswith("&amp;currency=EUR") for each in links)
    # and behind a figure of another currency stand none
    there = links[0].replace("&amp;", "&")
    assert "OrderPlaced" in browser.get(there).text
    assert "No event stands behind it." in browser.get(there.replace("EUR", "SEK")).text


def test_turns_and_days_of_cover_are_those_of_the_command(browser: TestClient, tokens: Tokens, folder: Path) -> None:
    signed_in(browser, tokens)
    days = {"from": "2026-01-05", "to": "2026-01-12"}
    shown = list(csv.DictReader(io.StringIO(browser.get(f"/console/numbers/stock.csv?{urlencode(days)}").text)))
    with facts(folder) as connection:
        wanted = stock_figures(connection, date(2026, 1, 5), date(2026, 1, 12))
    key = ("location", "sku")
    assert {tuple(row[name] for name in key): row["on_hand"] for row in shown} == {
        tuple(row[name] for name in key): str(row["on_hand"]) for row in wanted
    }
    # what lasts longest is told first, and before it what nobody took any of
    lasts = [row["days_of_cover"] for row in shown if row["on_hand"] != "0"]
    numbers = [float(each) for each in lasts if each]
    assert lasts[: lasts.count("")] == [""] * lasts.count("") and numbers == sorted(numbers, reverse=True)
    page = browser.get(f"/console/numbers/stock?{urlencode(days)}").text
    assert all(f">{row['sku']}</a>" in page for row in wanted)


PAGES = (
    "numbers", "numbers.csv", "numbers/stock", "numbers/stock.csv", "numbers/orders", "numbers/tables/sales",
    "numbers/tables/sales.csv", "numbers/tables/sales/revenue",
)  # fmt: skip


@pytest.mark.parametrize("where", PAGES)
def test_too_many_days_are_refused_before_anything_is_counted(
    browser: TestClient, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    signed_in(browser, tokens)
    # given nobody who would count
    monkeypatch.delattr(ExportedFigures, "_ask")
    # when the days of all calendars are asked for, it is said how many may be
    answer = browser.get(f"/console/{where}?from=1970-01-01&to=9999-01-01")
    assert answer.status_code == 422 and "At most 366 days" in answer.text


def test_counting_that_takes_too_long_is_said_to_be_so(
    browser: TestClient, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(self: ExportedFigures, question: object) -> None:
        raise NumbersBusy("Ask for fewer days.")

    signed_in(browser, tokens)
    monkeypatch.setattr(ExportedFigures, "_ask", busy)
    answer = browser.get(f"/console/numbers?{urlencode(EVER)}")
    assert answer.status_code == 503 and "Ask for fewer days." in answer.text


@pytest.mark.parametrize(
    "days", [{"from": "soon"}, {"from": "2026-02-01", "to": "2026-02-01"}, {"to": "0001-01-05"}, {"to": "9999-12-31"}]
)
def test_days_that_are_none_are_said_to_be_so(browser: TestClient, tokens: Tokens, days: dict[str, str]) -> None:
    signed_in(browser, tokens)
    assert browser.get(f"/console/numbers?{urlencode(days)}").status_code == 422


def test_who_works_in_a_warehouse_alone_sees_no_numbers(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens, Role.WAREHOUSE)
    assert browser.get("/console/numbers").status_code == 403


def test_without_an_export_it_is_said_how_to_make_one(tmp_path: Path) -> None:
    figures = ExportedFigures(tmp_path)
    with pytest.raises(NoNumbers, match="oms export"):
        asyncio.run(figures.figures("day", date(2026, 1, 1), date(2026, 2, 1)))
    with pytest.raises(NoNumbers, match="oms export"):
        asyncio.run(figures.export())


def test_an_export_is_as_old_as_its_newest_file(folder: Path) -> None:
    at = asyncio.run(ExportedFigures(folder).export()).at
    assert timedelta(0) <= datetime.now(UTC) - at < timedelta(hours=1)


@pytest.mark.parametrize("name", STUDIES)
def test_a_table_has_its_formulas_and_leads_to_events(browser: TestClient, tokens: Tokens, name: str) -> None:
    signed_in(browser, tokens)
    # given the page of numbers, it leads to this table, with the same days
    link = re.search(
        rf'href="(/console/numbers/tables/{name}\?[^"]+)"', browser.get(f"/console/numbers?{urlencode(WEEK)}").text
    )
    assert link is not None
    page = browser.get(link.group(1).replace("&amp;", "&")).text
    for figure, formula in STUDIES[name].formulas.items():
        assert figure.replace("_", " ") in page and f"<code>{escape(formula, quote=False)}</code>" in page.replace(
            "&#39;", "'"
        )
    # and every figure of its first rows leads to events, where there are any
    links = [each.replace("&amp;", "&") for each in re.findall(rf'href="(/console/numbers/tables/{name}/[^"]+)"', page)]
    found = [browser.get(each) for each in links[:12]]
    assert {each.status_code for each in found} <= {200}
    # (nobody is a known customer there)
    assert any('href="/console/orders/' in each.text for each in found) == (name != "customers")


def test_a_table_as_a_file_has_the_same_rows_and_says_where_it_is_cut(
    browser: TestClient, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(browser, tokens)
    where = f"/console/numbers/tables/cycle-times.csv?{urlencode(WEEK)}"
    whole = list(csv.reader(io.StringIO(browser.get(where).text)))
    assert whole[0] == ["part", "step", *STUDIES["cycle-times"].formulas] and ["all", "picked"] in [
        row[:2] for row in whole
    ]
    monkeypatch.setattr(ExportedFigures, "rows_max", 2)
    cut = list(csv.reader(io.StringIO(browser.get(where).text)))
    assert cut == [*whole[:3], ["There are more than these 2 rows: ask for fewer days"]]


def test_sales_are_drawn_beside_earlier_ones(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens)
    days = {"from": "2026-01-05", "to": "2026-01-20", "against": "week"}
    page = browser.get(f"/console/numbers/tables/sales?{urlencode(days)}").text
    assert '<polyline class="sold"' in page and "What left by day in EUR, and a week earlier" in page


@pytest.mark.parametrize("where", ["happiness", "sales/happiness"])
def test_a_table_that_there_is_none_of_is_not_found(browser: TestClient, tokens: Tokens, where: str) -> None:
    signed_in(browser, tokens)
    assert browser.get(f"/console/numbers/tables/{where}").status_code == 404


@pytest.mark.parametrize("where", ["sales", "sales.csv", "customers/revenue"])
def test_tables_are_for_those_who_may_see_orders(browser: TestClient, tokens: Tokens, where: str) -> None:
    signed_in(browser, tokens, Role.WAREHOUSE)
    assert browser.get(f"/console/numbers/tables/{where}").status_code == 403
