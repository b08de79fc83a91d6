"""`oms refund …`: what is typed becomes one request, and what is typed wrongly none."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from oms import orders, refunds
from oms.main import app


class Doors:
    """Remembers what was asked for, and answers with one event."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    def __call__(self, method: str, path: str, body: Any = None, key: str | None = None, **_: Any) -> dict[str, Any]:
        self.asked.append((method, path, body))
        return {"events": [{"type": "RefundGranted"}], "location": "/orders/1001"}


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> Doors:
    found = Doors()
    monkeypatch.setattr(refunds, "call", found)
    return found


def oms(*typed: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, typed)
    assert done.exit_code == code, done.output
    return done.output


def test_units_of_lines_are_claimed(doors: Doors) -> None:
    said = oms("refund", "grant", "1001", "--line", "1=2", "--line", "2", "--cause", "missing", "--reason", "not there")
    assert "RefundGranted" in said
    [(method, path, body)] = doors.asked
    assert (method, path, body["cause"]) == ("POST", "/orders/1001/refunds", "missing")
    assert body["lines"] == [{"line": "1", "quantity": 2}, {"line": "2", "quantity": 1}]


def test_an_amount_or_a_percentage_off_is_an_appeasement(doors: Doors) -> None:
    oms("refund", "grant", "1001", "--amount", "500", "--currency", "EUR", "--reason", "late")
    oms("refund", "grant", "1001", "--percent", "12.5", "--reason", "late")
    bodies = [body for _, _, body in doors.asked]
    assert [body["cause"] for body in bodies] == ["appeasement", "appeasement"]
    assert (bodies[0]["amount"], bodies[0]["currency"], bodies[1]["percent"]) == (500, "EUR", "12.5")


@pytest.mark.parametrize("line", ["=2", "1=x", "1=0"])
def test_what_is_no_line_with_a_quantity_is_said(doors: Doors, line: str) -> None:
    assert "write 1=2" in oms("refund", "grant", "1001", "--line", line, "--reason", "x", code=12)
    assert doors.asked == []


@pytest.mark.parametrize("deed", ["approve", "decline", "retry", "withdraw"])
def test_a_refund_is_named_by_its_number(doors: Doors, deed: str) -> None:
    oms("refund", deed, "1001", "2", "--detail", "because")
    assert doors.asked == [("POST", f"/orders/1001/refunds/2/{deed}", {"detail": "because"})]


def test_an_order_is_shown_with_its_refunds(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"number": 1, "amount": 334, "cause": "damaged", "stage": "failed", "owner": "finance_desk", "why": None}
    order = {
        "number": "N",
        "status": "completed",
        "external_id": "1001",
        "total": 1000,
        "currency": "EUR",
        "captured": 1000,
        "refunded": 0,
        "credit": 334,
        "version": 1,
        "ship_groups": [],
        "lines": [],
        "holds": [],
        "astray": [],
        "returns": [],
        "changes": [],
        "notices": [],
        "refunds": [{**failed, "approved_by": "ben", "detail": "no answer"}],
    }
    monkeypatch.setattr(orders, "call", lambda method, path, **_: {"events": []} if "timeline" in path else dict(order))
    said = oms("order", "show", "1001")
    assert "refunded 0, owed 334 EUR" in said
    assert "refund 1: 334 for damaged, failed, approved by ben; finance_desk: no answer" in said
