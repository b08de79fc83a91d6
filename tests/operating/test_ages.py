"""How old the tables are of which a page is made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, cast

from chassis.horizon import Horizon
from chassis.reading import Reads
from chassis.settings import Settings
from chassis.store import StoreAway
from oms.insight import MODELS, STORES, Insight

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Tables:
    """How far tables are: of the loop and of read models."""

    def __init__(self, stores: Sequence[Any] = (), models: Sequence[Any] = ()) -> None:
        self._found = {STORES: list(stores), MODELS: list(models)}

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        return self._found[query]


class Away(Tables):
    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        raise StoreAway("the database is restarting")


def ages(horizon: Horizon, reads: dict[str, Tables], console: Tables) -> dict[str, float | None]:
    def unasked() -> Any:
        raise AssertionError("the log was asked")

    models = {"console": cast(Reads, console)}
    return dict(Insight(Settings(), cast(dict[str, Reads], reads), models, unasked, horizon).ages())


def test_tables_are_as_old_as_the_oldest_event_that_any_of_them_lacks() -> None:
    # given two orders, of which one was written a minute ago, and one ten seconds ago on another partition
    horizon = Horizon(lambda: NOW)
    horizon.saw(("order.events", 0), 7, NOW - timedelta(minutes=1))
    horizon.saw(("order.events", 1), 4, NOW - timedelta(seconds=10))
    # and a service that has both, another whose list lacks the second, tables that do not answer
    order = Tables([("store", "order.events", 0, 8), ("store", "order.events", 1, 5)])
    other = Tables(models=[("list", "order.events", 0, 8), ("list", "order.events", 1, 4)])
    # and read models of the console, of which one has all and one lacks the first
    console = Tables(models=[("flow", "order.events", 0, 8), ("search", "order.events", 0, 7)])
    # then each is as old as what it lacks
    found = ages(horizon, {"order": order, "other": other, "away": Away()}, console)
    assert found == {"order": 0.0, "other": 10.0, "away": None, "console": 60.0}


def test_of_tables_that_follow_nothing_yet_nobody_knows_the_age() -> None:
    assert ages(Horizon(lambda: NOW), {}, Tables()) == {"console": None}
