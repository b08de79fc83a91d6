"""What is told of the flow and of each service now, to whoever may see the page."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.tokens import Role, Tokens
from tests.doors.test_console import Tables, Untold, opened, signed_in

COUNTS = {"order": {"dead_letters": 1, "parked_streams": 2, "parked_messages": 37}}


class Behind(Untold):
    """An installation of which one service is behind, and one cannot be told."""

    def behind(self) -> Mapping[str, int | None] | None:  # type: ignore[override]  # told here
        return {"order": 1_234, "inventory": 0, "shipping": None}


class Moving(Tables):
    """Tables that count what went from step to step, and of picking that it stands, which usually took so many seconds."""

    usual = 600.0

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        now = datetime.now(UTC) - timedelta(seconds=1)
        if "lead(step)" in query:
            return [("to_pack", "to_hand_over", 3), ("on_the_way", "completed", 5)]
        if query.startswith("select step, count(*), min(since)"):
            return [("to_pick", 20, now - timedelta(hours=5), "o-1", now - timedelta(hours=3))]
        if query.startswith("select step, count(*) filter"):
            return [("to_pick", 2, 9, [300.0, 400.0, 500.0])]
        if query.startswith("select asked.step, count(*)"):
            return [("to_pick", 2)]
        if query.startswith("select compared.name, step"):
            return [("yesterday", "to_pick", self.usual), ("the day a week ago", "to_pick", 900.0)]
        return super().rows(query, parameters)


async def _for_admins(request: Request) -> Response:
    """Doors that tell an administrator alone what could not be taken."""
    if request.url.path == "/dead-letters/counts" and "admin" in request.headers["authorization"]:
        return JSONResponse({"services": COUNTS, "reasons": {}})
    return JSONResponse({"title": "This is not allowed to you"}, 403)


async def _broken(request: Request) -> Response:
    return JSONResponse({"title": "The database is restarting"}, 503)


def shown(tmp_path: Path, role: Role, *paths: str, answer: Any = _for_admins, told: Any = Behind) -> list[str]:
    """What these paths of the console show to somebody."""
    tokens = Tokens(tmp_path / "tokens.toml")

    async def named(request: Request) -> Response:
        scope = {**request.scope, "headers": [(b"authorization", role.value.encode())]}
        return await answer(Request(scope))  # type: ignore[no-any-return]  # one of those above

    with opened(Starlette(routes=[Route("/{path:path}", named)]), tokens, Moving(), told()) as browser:
        signed_in(browser, tokens, role)
        return [browser.get(f"/console/{path}").text for path in paths]


def cells(page: str, label: str) -> list[list[str]]:
    """The rows of a table as text, its header first."""
    [table] = re.findall(rf'aria-label="{label}">(.*?)</table>', page, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.WAREHOUSE, Role.CSR])
def test_how_far_each_service_is_is_told_to_whoever_may_see_the_page(tmp_path: Path, role: Role) -> None:
    page, sheet = shown(tmp_path, role, "", "services.csv")
    header, *rows = cells(page, "Services")
    # then nothing is said of what they may not see, least of all that there is none of it
    assert header == ["Service", "Not handled yet"]
    assert rows[:2] == [["order", "1234"], ["inventory", "0"]] and ["shipping", "not known"] in rows
    assert "What could not be taken is shown to administrators" in page
    assert sheet.splitlines()[:2] == ["name,behind", "order,1234"]


def test_administrators_see_what_could_not_be_taken_too(tmp_path: Path) -> None:
    page, sheet = shown(tmp_path, Role.ADMIN, "", "services.csv")
    assert cells(page, "Services")[1] == ["order", "1234", "1", "2", "37"]
    assert "shown to administrators" not in page
    assert next(csv.DictReader(io.StringIO(sheet)))["parked_messages"] == "37"


def test_what_nobody_can_tell_now_is_not_shown_as_nothing(tmp_path: Path) -> None:
    [page] = shown(tmp_path, Role.ADMIN, "", answer=_broken, told=Untold)
    assert "the broker does not answer" in page and "The database is restarting" in page
    assert all(row[1:] == ["not known"] for row in cells(page, "Services")[1:])


def test_how_many_went_from_step_to_step_is_told_in_the_order_of_the_steps(tmp_path: Path) -> None:
    page, sheet = shown(tmp_path, Role.VIEWER, "", "passed.csv")
    assert cells(page, "From step to step")[1:] == [["On the way", "Completed", "5"], ["To pack", "To hand over", "3"]]
    assert sheet.splitlines() == ["source,target,count", "on_the_way,completed,5", "to_pack,to_hand_over,3"]


def test_what_holds_the_flow_back_is_said_with_evidence_that_agrees(tmp_path: Path) -> None:
    # given picking, of which half has stood for three hours, the oldest five, and which took ten minutes yesterday
    [page] = shown(tmp_path, Role.VIEWER, "")
    [note] = re.findall(r'<p class="note warn"><strong>(.*?)</p>', page, re.DOTALL)
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", note))
    assert said.startswith("To pick holds the flow back: it takes at least 18.0 times as long as usual. 20 stand")
    assert "for 3 h or longer, the oldest since 5 h" in said
    assert "Usually half have left within 10 min (yesterday). 2 left within the last 20 min: at that rate" in said
    assert "what is there has left in 3 h 20 min." in said


def test_a_usual_duration_below_a_minute_is_said_to_count_as_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given picking that usually takes five seconds; at two in two minutes it takes 20 times a minute, which is said
    monkeypatch.setattr(Moving, "usual", 5.0)
    [page] = shown(tmp_path, Role.VIEWER, "")
    assert "it takes at least 20.0 times as long as usual." in page
    assert "within 5.0 s (yesterday), which counts as 1 min." in page
