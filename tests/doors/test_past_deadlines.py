"""Deadlines that are past and were not taken, of all services in one list. The statements run on DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

import duckdb
from fastapi.testclient import TestClient

from chassis.store import NoTables
from chassis.tokens import Role
from contracts.message import format_instant
from oms import past_deadlines
from tests.doors.fakes import NOON, guarded_client


class Waiting:
    """The deadlines of a service."""

    def __init__(self, *rows: tuple[str, str, datetime]) -> None:
        self._tables = duckdb.connect()
        self._tables.execute("create table deadlines (partition int, stream text, name text, due timestamptz)")
        for row in rows:
            self._tables.execute("insert into deadlines values (1, ?, ?, ?)", list(row))

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        return self._tables.cursor().execute(query.replace("%s", "?"), list(parameters)).fetchall()


class Never:
    """A service that never ran."""

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        raise NoTables("it was never started")


def ago(**by: int) -> datetime:
    return NOON - timedelta(**by)


def client() -> TestClient:
    orders = Waiting(
        ("order/b", "release/1", ago(hours=2)),
        ("order/a", "claim/0", ago(hours=2)),
        ("order/c", "capture/1", ago(minutes=5)),
        ("order/d", "hold", ago(seconds=20)),
        ("order/e", "hold", NOON + timedelta(days=1)),
    )
    payments = Waiting(("payment/a", "call/1", ago(hours=2)), ("payment/z", "call/1", ago(hours=3)))
    tables: dict[str, past_deadlines.Rows] = {"order": orders, "payments": payments, "shipping": Never()}
    found, tokens = guarded_client(past_deadlines.router(tables, 2, lambda: NOON))
    tokens.tell("csr", "carla", Role.CSR)
    return found


PAST = ["payment/z", "order/a", "order/b", "payment/a", "order/c"]


def test_what_is_past_for_a_minute_is_listed_over_all_services_the_longest_first_page_by_page() -> None:
    door, found, asked = client(), list[str](), dict[str, Any](limit=2)
    while True:
        page = door.get("/deadlines/past", params=asked).json()
        found += [row["stream"] for row in page["deadlines"]]
        if "next" not in page:
            break
        asked["after"] = page["next"]
    assert found == PAST
    first = door.get("/deadlines/past").json()["deadlines"][0]
    due = format_instant(ago(hours=3))
    assert first == {"service": "payments", "stream": "payment/z", "name": "call/1", "due": due}


def test_all_are_counted_and_those_that_are_late() -> None:
    asked = {"limit": 1, "counted": True, "oldest_by": "due", "late_before": format_instant(ago(hours=1))}
    page = client().get("/deadlines/past", params=asked).json()
    assert (len(page["deadlines"]), page["total"], page["late"]) == (1, 5, 4)
    assert client().get("/deadlines/past", params={"oldest_by": "stream"}).status_code == 400


def test_operators_alone_see_them() -> None:
    assert client().get("/deadlines/past", headers={"Authorization": "Bearer csr"}).status_code == 403
