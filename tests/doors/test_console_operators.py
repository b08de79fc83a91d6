"""What operators are told of an installation: settings without secrets, deadlines, and messages that wait."""

from __future__ import annotations

from collections.abc import Sequence
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
from oms.insight import Insight, settings_in_force
from oms.lag import InstalledLog
from tests.doors.test_console import Tables, opened, signed_in

DUE = datetime(2026, 1, 5, 9, tzinfo=UTC)
SECRET = "postgresql://orderlog:hunter2@db.example:5432/orderlog"


def settings(**given: Any) -> Settings:
    return Settings(database=SECRET, **given)


class Rows:
    """A service's tables, in which three deadlines wait and one is past."""

    def rows(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        return [(3, 1)] if "count" in query else [("order/o1", "hold", DUE)]


def away() -> InstalledLog:
    raise LogError("no broker answers")


def insight() -> Insight:
    return Insight(settings(http_port=8081), {"order": cast(Reads, Rows())}, away)


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
