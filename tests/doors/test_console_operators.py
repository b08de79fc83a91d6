"""What operators are told of an installation: settings without secrets, deadlines, and messages that wait."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.log import LogError
from chassis.reading import Reads
from chassis.settings import Settings
from chassis.tokens import Role, Tokens
from oms.insight import MODELS, STORES, Insight, settings_in_force
from oms.lag import InstalledLog
from services.console.installation import COUNTED_MAX, Followed, Remade
from tests.doors.test_console import Tables, opened, signed_in

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
    return Told(settings(http_port=8081), {"order": cast(Reads, rows or Rows())}, {}, log)


def test_settings_are_told_as_they_are_and_no_password() -> None:
    told = {each.name: each for each in settings_in_force(settings(http_port=8081))}
    assert (told["OMS_HTTP_PORT"].value, told["OMS_HTTP_PORT"].chosen) == ("8081", True)
    assert (told["OMS_PARTITIONS"].value, told["OMS_PARTITIONS"].chosen) == ("4", False)
    assert told["OMS_DATABASE"].value == "postgresql://…@db.example:5432/orderlog"
    assert not any("hunter2" in each.value for each in told.values())
    assert len(told) == len(Settings.model_fields)


async def _doors(request: Request) -> Response:
    counts = {"order": {"dead_letters": 0, "parked_streams": 0, "parked_messages": 0, "oldest_seconds": None}}
    return JSONResponse({"dead_letters": [], "services": counts})


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
