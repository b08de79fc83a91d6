"""What operators are told of an installation: settings without secrets, deadlines, and messages that wait."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.horizon import Horizon
from chassis.log import LogError
from chassis.reading import Reads
from chassis.settings import Settings
from chassis.tokens import Role, Tokens
from oms.insight import MODELS, STORES, Insight, settings_in_force
from oms.lag import InstalledLog
from services.console.installation import COUNTED_MAX, Followed, Remade
from tests.doors.test_console import Tables, form_of, opened, signed_in

DUE = datetime(2026, 1, 5, 9, tzinfo=UTC)
SECRET = "postgresql://orderlog:hunter2@db.example:5432/orderlog"


def settings(**given: Any) -> Settings:
    return Settings(database=SECRET, **given)


class Rows:
    """A service's tables, in which three deadlines wait and one is past; they follow two partitions, the store to the end
    and the list of orders not."""

    waiting = 3

    def rows(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        if query == STORES:
            return [("store", "order.events", 0, 40), ("store", "order.events", 1, 7)]
        if query == MODELS:
            return [("orders", "order.events", 0, 30), ("orders", "order.events", 1, 5)]
        return [(self.waiting, 1)] if "count" in query else [("order/o1", "hold", DUE)]


class Ends:
    """A log of which only the ends are known."""

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return 0, {0: 40, 1: 7}[partition]


def away() -> InstalledLog:
    raise LogError("no broker answers")


class Told(Insight):
    """As it is told here, but for what only a database knows: which tables are being made again."""

    making: Sequence[Remade] = ()

    def remade(self) -> Sequence[Remade]:
        return self.making


def insight(log: Callable[[], InstalledLog] = away, rows: Rows | None = None) -> Told:
    return Told(settings(http_port=8081), {"order": cast(Reads, rows or Rows())}, {}, log, Horizon())


def test_settings_are_told_as_they_are_and_no_password() -> None:
    told = {each.name: each for each in settings_in_force(settings(http_port=8081))}
    assert (told["OMS_HTTP_PORT"].value, told["OMS_HTTP_PORT"].chosen) == ("8081", True)
    assert (told["OMS_PARTITIONS"].value, told["OMS_PARTITIONS"].chosen) == ("4", False)
    assert told["OMS_DATABASE"].value == "postgresql://…@db.example:5432/orderlog"
    assert not any("hunter2" in each.value for each in told.values())
    assert len(told) == len(Settings.model_fields)


async def _doors(request: Request) -> Response:
    counts = {"order": {"dead_letters": 0, "parked_streams": 0, "parked_messages": 0, "oldest_seconds": None}}
    return JSONResponse({"dead_letters": [], "total": 0, "services": counts, "runs": []})


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 200), (Role.CSR, 403)])
def test_operators_alone_see_what_waits_and_what_is_set(tmp_path: Path, role: Role, status: int) -> None:
    async def doors(request: Request) -> Response:
        return await _doors(request) if role is Role.ADMIN else JSONResponse({"title": "Not allowed"}, 403)

    app = Starlette(routes=[Route("/{path:path}", doors)])
    tokens = Tokens(tmp_path / "tokens.toml")
    with opened(app, tokens, Tables(), insight()) as browser:
        signed_in(browser, tokens, role)
        answer = browser.get("/console/operators")
    assert answer.status_code == status
    for said in ("2026-01-05 09:00:00 hold of", "OMS_HTTP_PORT", "no broker answers"):
        assert (said in answer.text) == (status == 200), said
    assert "hunter2" not in answer.text


async def _many_letters(request: Request) -> Response:
    """Doors with 150 dead letters, listed page by page."""
    if request.url.path != "/dead-letters":
        return await _doors(request)
    first, limit = int(request.query_params.get("after", 0)), int(request.query_params["limit"])
    rows = [
        {"name": f"order:0:{n}", "service": "order", "state": "dead"} for n in range(first, min(150, first + limit))
    ]
    more = {"next": str(first + limit)} if first + limit < 150 else {}
    return JSONResponse({"dead_letters": rows, "total": 150, **more})


def test_of_more_than_a_page_shows_it_says_how_many_wait_and_leads_to_the_others(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.toml")
    with opened(Starlette(routes=[Route("/{path:path}", _many_letters)]), tokens, Tables(), insight()) as browser:
        signed_in(browser, tokens, Role.ADMIN)
        page = browser.get("/console/operators").text
        assert "100 of 150 are here" in page and ">order:0:0</th>" in page and ">order:0:100</th>" not in page
        [following] = re.findall(r'href="(/console/operators\?after=[^"]+)"', page)
        page = browser.get(following).text
    assert "50 of 150 are here" in page and ">order:0:100</th>" in page and ">order:0:149</th>" in page
    assert "?after=" not in page and 'href="/console/operators">The oldest' in page


def test_tables_say_how_far_they_are_behind_the_topics_that_they_follow() -> None:
    told = insight(lambda: cast(InstalledLog, Ends())).followers()
    assert told == [Followed("order", "orders", 12), Followed("order", "store", 0)]
    # and where no broker answers nobody knows
    assert insight().followers() is None


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("services", {"service": "order", "not_handled": "", "dead_letters": "0"}),
        ("followers", {"service": "order", "tables": "orders", "offsets_behind": "12"}),
        ("deadlines", {"service": "order", "stream": "order/o1", "name": "hold", "at": DUE.isoformat()}),
        ("settings", {"name": "OMS_HTTP_PORT", "value": "8081", "chosen": "True"}),
    ],
)
def test_each_table_is_there_as_a_file_for_operators_alone(tmp_path: Path, table: str, row: dict[str, str]) -> None:
    app = Starlette(routes=[Route("/{path:path}", _doors)])
    tokens = Tokens(tmp_path / "tokens.toml")
    log = away if table == "services" else lambda: cast(InstalledLog, Ends())
    with opened(app, tokens, Tables(), insight(log)) as browser:
        signed_in(browser, tokens, Role.ADMIN)
        answer = browser.get(f"/console/operators/{table}.csv")
        assert browser.get("/console/operators/nothing.csv").status_code == 404
    assert answer.headers["content-type"].startswith("text/csv")
    [header, *rows] = csv.reader(io.StringIO(answer.text))
    shown = [dict(zip(header, each, strict=True)) for each in rows]
    assert any(row.items() <= each.items() for each in shown), shown


def test_no_file_is_for_who_may_not_see_the_page(tmp_path: Path) -> None:
    async def refusing(request: Request) -> Response:
        return JSONResponse({"title": "Not allowed"}, 403)

    tokens = Tokens(tmp_path / "tokens.toml")
    with opened(Starlette(routes=[Route("/{path:path}", refusing)]), tokens, Tables(), insight()) as browser:
        signed_in(browser, tokens, Role.CSR)
        assert browser.get("/console/operators/settings.csv").status_code == 403


def test_very_many_deadlines_are_counted_to_a_limit(tmp_path: Path) -> None:
    rows, tokens = Rows(), Tokens(tmp_path / "tokens.toml")
    rows.waiting = COUNTED_MAX + 1
    with opened(Starlette(routes=[Route("/{path:path}", _doors)]), tokens, Tables(), insight(rows=rows)) as browser:
        signed_in(browser, tokens, Role.ADMIN)
        assert f"more than {COUNTED_MAX}" in browser.get("/console/operators").text


def test_tables_that_are_made_again_say_how_far_they_are(tmp_path: Path) -> None:
    told, tokens = insight(), Tokens(tmp_path / "tokens.toml")
    told.making = [Remade("order", 2_500, 10_000, at_work=True), Remade("console", 70, 0, at_work=False)]
    with opened(Starlette(routes=[Route("/{path:path}", _doors)]), tokens, Tables(), told) as browser:
        signed_in(browser, tokens, Role.ADMIN)
        page = browser.get("/console/operators").text
    assert 'value="0.25"' in page and "25 %" in page and "2,500" in page
    assert "broken off" in page and "<code>oms rebuild console</code>" in page


RUN = {
    "run": "r1",
    "kind": "rebuild",
    "service": "order",
    "reason": "a row looks wrong",
    "actor": {"kind": "person", "subject": "eve"},
    "began_at": "2026-01-05T09:00:00.000Z",
}
FAR = {"step": "order: offsets followed", "done": 2_500, "of": 10_000, "rate": 50.0, "left_seconds": 150.0}
HELD = {"state": "different", "ended_at": "2026-01-05T09:02:03.000Z", "found": ["order: 9 tables", "  stage: live <b>"]}
KILLED = {"state": "broken_off", "ended_at": "2026-01-05T09:00:01.000Z", "trouble": "its process was ended by SIGKILL."}


class Begun:
    """Doors at which something was begun, and that keep what they are asked to do."""

    def __init__(self, **run: Any) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._run = {**RUN, **run}

    async def answer(self, request: Request) -> Response:
        if request.method == "POST":
            self.asked.append((request.url.path, await request.json()))
            return JSONResponse({"message_id": "r2", "location": "/runs", "outcome": "at_work"}, 202)
        if request.url.path == "/runs":
            return JSONResponse({"runs": [self._run], "at_once": 1})
        return await _doors(request)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ({"state": "at_work"}, ["It starts.", "Stop it", "eve, 2026-01-05 09:00:00", "a row looks wrong"]),
        ({"state": "at_work", "progress": FAR}, ["2,500 of 10,000", "25 %", "50 a second", "2 min 30 s left"]),
        ({"state": "at_work", "progress": {**FAR, "of": None, "left_seconds": None, "rate": 0.0}}, ["2,500"]),
        (HELD, ["different", "took 2 min 3 s", "stage: live &lt;b&gt;"]),
        (KILLED, ["broken off", "ended by SIGKILL"]),
    ],
)
def test_what_was_begun_says_how_far_it_is_and_what_came_of_it(
    tmp_path: Path, run: dict[str, Any], says: Sequence[str]
) -> None:
    tokens, doors = Tokens(tmp_path / "tokens.toml"), Begun(**run)
    with opened(Starlette(routes=[Route("/{path:path}", doors.answer)]), tokens, Tables(), insight()) as browser:
        signed_in(browser, tokens, Role.ADMIN)
        page = browser.get("/console/operators").text
    assert [words for words in says if words not in page] == []
    assert ("Stop it" in page) == (run["state"] == "at_work")


def test_a_rebuild_a_replay_and_a_stop_are_asked_of_the_doors_with_their_reason(tmp_path: Path) -> None:
    tokens, doors = Tokens(tmp_path / "tokens.toml"), Begun(state="at_work")
    app = Starlette(routes=[Route("/{path:path}", doors.answer, methods=["GET", "POST"])])
    with opened(app, tokens, Tables(), insight()) as browser:
        signed_in(browser, tokens, Role.ADMIN)
        form = form_of(browser.get("/console/operators").text)
        rebuild = {"form": form, "kind": "rebuild", "service": "", "why": "a look"}
        said = browser.post("/console/operators/runs", data=rebuild)
        assert "Begun: at work." in said.text
        since = {"service": "order", "since": "2026-01-05T09:00", "until": "", "into": "trial"}
        browser.post("/console/operators/runs", data={"form": form, "kind": "replay", "why": "a rule", **since})
        browser.post("/console/operators/runs/r1/stop", data={"form": form, "why": "too long"})
        # and nothing without a reason, or from another site's form
        for wrong in ({"form": form, "why": " "}, {"form": "guessed", "why": "a look"}):
            for path in ("/console/operators/runs", "/console/operators/runs/r1/stop"):
                assert browser.post(path, data={"kind": "rebuild", **wrong}).status_code in {403, 422}
    assert doors.asked == [
        ("/runs", {"kind": "rebuild", "reason": "a look"}),
        (
            "/runs",
            {
                "kind": "replay",
                "service": "order",
                "into": "trial",
                "since": "2026-01-05T09:00:00Z",
                "reason": "a rule",
            },
        ),
        ("/runs/r1/stop", {"reason": "too long"}),
    ]
