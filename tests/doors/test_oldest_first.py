"""What waits for a person is listed with the oldest first, and counted whole: at the door, on the page, in the file.

The door's statements run on DuckDB, which reads them as PostgreSQL does.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString, cast

import duckdb
import pytest
from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from chassis.doors import Door
from chassis.reading import Followed, Reads
from chassis.tokens import Tokens
from chassis.waiters import Waiters
from chassis.web import Gate, add_problems
from contracts.message import format_instant
from services.console import exceptions_page
from services.console.queues import QUEUES
from services.order import api as order_api
from services.order.app import declare
from tests.doors.fakes import KeptWriter, seal
from tests.doors.test_console import Tables, Untold, opened, signed_in

NOW = datetime.now(UTC).replace(microsecond=0)
HELD = 60
"""Orders on hold: more than the page shows. The first was placed last, and has stood the longest."""


class Held:
    """The list of orders, of which HELD are on hold for 1, 2, 3… hours, the youngest placed first, and one is not."""

    def __init__(self) -> None:
        self._tables = duckdb.connect()
        self._tables.execute("set timezone = 'UTC'")
        self._tables.execute(
            "create table orders (id text, number text, channel_account text, external_id text, placed_at timestamptz,"
            " changed_at timestamptz, holds int, stage text)"
        )
        self._tables.execute("create table failed_notices (id text)")
        self._tables.execute("create table astray_packages (id text)")
        self._tables.execute("create table order_holds (id text, hold text, kind text, step text, held_at timestamptz)")
        for hours in range(1, HELD + 1):
            number, since = f"QQ-{hours:02}", NOW - timedelta(hours=hours)
            self.place(number, NOW - timedelta(days=100 + hours), since, holds=1)
            self.hold(number, "manual", since)
        self.place("QQ-FREE", NOW - timedelta(days=1), NOW - timedelta(days=50), holds=0)

    def place(self, number: str, placed_at: datetime, changed_at: datetime, holds: int) -> None:
        row = [f"o-{number}", number, "shop", f"ext-{number}", placed_at, changed_at, holds, "placed"]
        self._tables.execute("insert into orders values (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def hold(self, number: str, kind: str, held_at: datetime, step: str | None = None) -> None:
        row = [f"o-{number}", kind, kind, step, held_at]
        self._tables.execute("insert into order_holds values (?, ?, ?, ?, ?)", row)

    def change(self, number: str) -> None:
        self._tables.execute("update orders set changed_at = ? where number = ?", [NOW, number])

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        return self._tables.cursor().execute(query.replace("%s", "?"), list(parameters)).fetchall()

    def followed_by(self, projection: str) -> Followed:
        return Followed("order.events", {0: HELD}, 0.0)


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def doors(held: Held) -> FastAPI:
    """The doors of orders, beside others at which nothing waits."""
    app, door = FastAPI(), Door("http", KeptWriter(), 4)
    add_problems(app)
    app.include_router(order_api.router(Gate(declare(), door, cast(Reads, held), Waiters(1)), door, seal))

    @app.get("/{path:path}")
    def nothing(path: str) -> JSONResponse:
        return JSONResponse({queue.rows: [] for queue in QUEUES if queue.path == f"/{path}"})

    return app


@pytest.fixture
def door(doors: FastAPI) -> TestClient:
    return TestClient(doors)


@pytest.fixture
def browser(doors: FastAPI, tmp_path: Path) -> Iterator[TestClient]:
    tokens = Tokens(tmp_path / "tokens.toml")
    with opened(doors, tokens, Tables(), Untold()) as client:
        signed_in(client, tokens)
        yield client


def oldest_first(count: int, first: int = HELD) -> list[str]:
    return [f"QQ-{hours:02}" for hours in range(first, first - count, -1)]


# At the door


def test_a_list_says_the_oldest_first_by_the_moment_that_is_asked_for(door: TestClient) -> None:
    answer = door.get("/orders", params={"held": True, "limit": 3, "oldest_by": "changed_at"}).json()
    assert [row["number"] for row in answer["orders"]] == oldest_first(3)
    # and where nobody asks, the last placed come first as ever
    answer = door.get("/orders", params={"limit": 2}).json()
    assert [row["number"] for row in answer["orders"]] == ["QQ-FREE", "QQ-01"]
    assert not {"total", "late"} & answer.keys()


def test_page_by_page_nothing_is_left_out_though_a_row_changes_meanwhile(door: TestClient, held: Held) -> None:
    found: list[str] = []
    asked = {"held": True, "limit": 25, "oldest_by": "changed_at"}
    while True:
        page = door.get("/orders", params=asked).json()
        found += [row["number"] for row in page["orders"]]
        if "next" not in page:
            break
        held.change("QQ-60")
        asked["after"] = page["next"]
    # what changed came again at the end, as the youngest
    assert found == [*oldest_first(HELD), "QQ-60"]


def test_all_pages_are_counted_and_what_is_late_of_them(door: TestClient) -> None:
    late = format_instant(NOW - timedelta(hours=4))
    asked = {"held": True, "limit": 1, "oldest_by": "changed_at", "counted": True, "late_before": late}
    answer = door.get("/orders", params=asked).json()
    assert (answer["total"], answer["late"]) == (HELD, HELD - 4)
    # on each page the same
    answer = door.get("/orders", params={**asked, "after": answer["next"]}).json()
    assert (answer["total"], answer["late"]) == (HELD, HELD - 4)
    assert door.get("/orders", params={"counted": True}).json()["total"] == HELD + 1


@pytest.mark.parametrize(
    "asked", [{"oldest_by": "stage"}, {"oldest_by": "nothing"}, {"late_before": "2026-01-05T09:00:00Z"}]
)
def test_what_is_no_moment_of_the_list_is_refused_and_says_which_are(door: TestClient, asked: dict[str, str]) -> None:
    answer = door.get("/orders", params=asked)
    assert answer.status_code == 400
    assert "late_before" in asked or "placed_at, changed_at" in answer.json()["detail"]


def test_a_page_of_one_order_is_no_page_of_another(door: TestClient) -> None:
    after = door.get("/orders", params={"held": True, "limit": 1}).json()["next"]
    assert door.get("/orders", params={"oldest_by": "changed_at", "after": after}).status_code == 400


# On the page, and in the file


def test_of_more_than_a_page_shows_the_oldest_are_there_and_all_are_counted(browser: TestClient) -> None:
    page = browser.get("/console/exceptions").text
    section = page[page.index("Orders on hold") :]
    assert re.findall(r"QQ-\d\d(?=</a>)", section) == oldest_first(exceptions_page.ROWS_MAX)
    assert f'<span class="tag warn">{HELD}</span>' in section
    assert f"late: {HELD - 3}" in section  # four hours and the moment since NOW
    assert f"The oldest {exceptions_page.ROWS_MAX} of {HELD} are here." in section


def test_a_file_has_all_rows(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exceptions_page, "PAGE_MAX", 25)
    [_, *rows] = csv.reader(io.StringIO(browser.get("/console/exceptions/held.csv").text))
    assert [row[0] for row in rows] == oldest_first(HELD)


def test_a_file_that_is_cut_says_how_many_are_not_in_it(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exceptions_page, "PAGE_MAX", 20)
    monkeypatch.setattr(exceptions_page, "EXPORT_ROWS_MAX", 40)
    [_, *rows] = csv.reader(io.StringIO(browser.get("/console/exceptions/held.csv").text))
    assert [row[0] for row in rows] == [*oldest_first(40), "20 more are not in this file"]
