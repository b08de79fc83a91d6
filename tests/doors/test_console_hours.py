"""The chart of the last hours has its numbers as a table, for whoever does not see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.tokens import Tokens
from services.console.flow import Step
from services.console.questions import Questions, Spent
from tests.doors.test_console import Doors, Tables, Untold, opened, signed_in

FIRST = datetime(2026, 1, 5, 0, tzinfo=UTC)


def test_hours_stand_in_a_table_beside_their_chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an hour of much work, one of much waiting, and one of neither
    hours = [
        Spent(FIRST, 60.0, 7200.0),
        Spent(FIRST + timedelta(hours=1), 5400.0, 0.0),
        Spent(FIRST + timedelta(hours=2), 0.0, 0.0),
    ]
    monkeypatch.setattr(Questions, "hours", lambda self, now: hours)
    monkeypatch.setattr(Questions, "trend", lambda self, now: {next(iter(Step)): {}})
    tokens = Tokens(tmp_path / "tokens.toml")
    with opened(Doors().app, tokens, Tables(), Untold()) as browser:
        signed_in(browser, tokens)
        page = browser.get("/console/").text
    # when the page is read, then each hour is a row, worked on and waited
    rows = page.partition('<details id="hours">')[2].partition("</details>")[0].split("<tr>")[2:]
    told = [row.replace("</td>", "<").replace("</th>", "<").split("<") for row in rows]
    shown = [[part.rpartition(">")[2] for part in row if part.rpartition(">")[2].strip()] for row in told]
    assert [each[:3] for each in shown] == [
        ["2026-01-05 00:00", "2 h", "1 min"],
        ["2026-01-05 01:00", "0 ms", "1 h 30 min"],
        ["2026-01-05 02:00", "0 ms", "0 ms"],
    ]
    # and a part of a bar that is none is not drawn, so that its outline is not taken for one
    assert page.count("<rect") == 3
