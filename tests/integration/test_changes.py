"""Changes of many rows at once leave the tables as one after the other would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.changes import Changes, by_column

TABLE: LiteralString = "create temp table if not exists seats (id text primary key, taken bigint not null)"
STATEMENTS: dict[str, LiteralString] = {
    "open": "insert into seats select w.id, w.n from unnest(%b::text[], %b::bigint[]) w(id, n) on conflict do nothing",
    "take": "update seats s set taken = s.taken + w.n from unnest(%b::text[], %b::bigint[]) w(id, n) where s.id = w.id",
    "double": "update seats s set taken = s.taken * 2 + 0 * w.n"
    " from unnest(%b::text[], %b::bigint[]) w(id, n) where s.id = w.id",
    "close": "delete from seats s using unnest(%b::text[], %b::bigint[]) w(id, n) where s.id = w.id and s.taken > w.n",
}


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def seats(connection: psycopg.Connection[Any]) -> list[Any]:
    return connection.execute("select id, taken from seats order by id").fetchall()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(sorted(STATEMENTS)), st.sampled_from("abc"), st.integers(0, 5)), max_size=30))
def test_many_at_once_are_as_one_after_the_other(
    connection: psycopg.Connection[Any], told: list[tuple[str, str, int]]
) -> None:
    connection.execute(TABLE)
    connection.execute("truncate seats")
    for what, seat, number in told:
        connection.execute(STATEMENTS[what], by_column([(seat, number)]))
    expected = seats(connection)
    connection.execute("truncate seats")
    changes = Changes()
    for what, seat, number in told:
        changes.add(seat, STATEMENTS[what], seat, number)
    changes.write(connection)
    assert seats(connection) == expected


class _Heard:
    """Takes statements in place of a database."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, int]] = []

    def execute(self, statement: str, columns: Sequence[Sequence[Any]]) -> None:
        self.statements.append((statement, len(columns[0])))


def test_a_statement_is_sent_once_for_all_rows_and_as_often_as_one_row_needs() -> None:
    changes, heard = Changes(), _Heard()
    for seat in range(1_000):
        changes.add(seat, STATEMENTS["open"], str(seat), 0)
        changes.add(seat, STATEMENTS["take"], str(seat), 1)
    changes.add(7, STATEMENTS["take"], "7", 1)
    changes.write(heard)  # type: ignore[arg-type]
    assert heard.statements == [(STATEMENTS["open"], 1_000), (STATEMENTS["take"], 1_000), (STATEMENTS["take"], 1)]
