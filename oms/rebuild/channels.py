"""What channels hear, made again from its topics and compared with the live tables: `oms rebuild channels`.

What is known of orders and of stock is a function of the topics. Two columns are none and are left out: the place that a
change got in the order of reading, and how far each account was told. Nothing is said to a channel.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Never

import psycopg
from psycopg.sql import SQL, Identifier

from chassis.bounded import BoundedLog
from chassis.comparison import compare_schemas
from chassis.log import Log, LogError, NewRecord, TopicPartition
from chassis.projection import Projection, ProjectionFollower
from chassis.rebuild import POLL_SECONDS, STALLED_SECONDS, NotMade
from chassis.store import connect
from contracts import topics
from oms.rebuild.outside import no_calls_outside
from oms.rebuild.running import SUFFIX, Rebuilt, Watcher, alone
from services.order.channel_availability import StockToSell
from services.order.channel_follower import ChannelUpdates, Written
from services.order.channel_out import ChannelOut

__all__ = ["NAME", "NOT_OF_TOPICS", "rebuild_channels"]

NAME = "channels"

NOT_OF_TOPICS: Mapping[str, frozenset[str]] = {
    "channel_accounts": frozenset({"availability_said"}),
    "stock_to_sell": frozenset({"change"}),
}
"""Columns that are no function of the topics, by table."""

Ends = Mapping[str, Mapping[TopicPartition, int]]
"""How far each projection is, by topic partition."""


class _AllWritten:
    """Positions that say that every update was written: so none is said again."""

    def positions(self, group: str, topic: str) -> dict[int, int]:
        return _Everywhere()

    def commit_positions(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """There is nothing to note."""


class _Everywhere(dict[int, int]):
    def get(self, key: int, default: Any = None) -> int:
        return sys.maxsize


def _silent(records: Sequence[NewRecord]) -> Never:
    raise LogError(f"{len(records)} messages were to be said to channels while tables are made again")


def rebuild_channels(log: Log, url: str, schema: str, namespace: str, watcher: Watcher) -> Rebuilt:
    """Make the tables again beside `schema`, compare, and throw the copy away.

    Raises StoreAway (of it NotMade and Busy), LogError, and ProjectionFailed.
    """
    beside = f"{schema}{SUFFIX}"
    with alone(NAME, schema, url), no_calls_outside() as calls, _thrown_away(url, beside), connect(url, schema) as live:
        # Most of the way is gone before the live snapshot is taken, so that it is held only for the rest of it.
        _follow(log, url, beside, namespace, _positions(live, schema, namespace), watcher)
        with live.transaction():
            live.execute("set transaction isolation level repeatable read, read only")
            ends = _positions(live, schema, namespace)
            _follow(log, url, beside, namespace, ends, watcher)
            with connect(url, beside) as rebuilt:
                tables = compare_schemas(live, rebuilt, (), watcher.compared, NOT_OF_TOPICS)
    return Rebuilt(NAME, tables, sum(sum(each.values()) for each in ends.values()), calls.tried)


def _projections(namespace: str) -> tuple[Projection, ...]:
    written = Written(_AllWritten(), NAME, topics.events("order", namespace))
    return ChannelUpdates(_silent, written, ChannelOut(topics.CHANNEL_UPDATES, 1, namespace)), StockToSell()


def _positions(live: psycopg.Connection[Any], schema: str, namespace: str) -> Ends:
    row = live.execute("select to_regclass('projection_tracking')").fetchone()
    if row is None or row[0] is None:
        raise NotMade(f"channels have no tables in the schema {schema} yet; `oms up` makes them")
    found: dict[str, dict[TopicPartition, int]] = {each.name: {} for each in _projections(namespace)}
    for name, topic, number, position in live.execute(
        "select projection, topic, partition, position from projection_tracking"
    ).fetchall():
        if name in found:
            found[name][(topic, number)] = position
    return found


def _follow(log: Log, url: str, schema: str, namespace: str, ends: Ends, watcher: Watcher) -> None:
    """Each projection up to its ends, from where it is."""
    done = 0
    watcher.follows(sum(sum(each.values()) for each in ends.values()))
    for projection in _projections(namespace):
        to = ends[projection.name]
        bounded = BoundedLog(log)
        bounded.until(to)
        follower = ProjectionFollower(bounded, url, schema, projection, namespace)
        try:
            for reached in _to_its_end(follower, to):
                watcher.followed(done + reached)
        finally:
            follower.close()
        done += sum(to.values())


def _to_its_end(follower: ProjectionFollower, ends: Mapping[TopicPartition, int]) -> Iterator[int]:
    """How many offsets were followed, each time that there are more."""
    total, reached, stalled_at = sum(ends.values()), -1, time.monotonic() + STALLED_SECONDS
    while reached < total:
        follower.step(POLL_SECONDS)
        now = sum(follower.position(*where) for where in ends)
        if now != reached:
            reached, stalled_at = now, time.monotonic() + STALLED_SECONDS
            yield now
        elif time.monotonic() > stalled_at:
            raise LogError(f"what channels hear got no further than {now} of {total} offsets: the log gave no more")


@contextmanager
def _thrown_away(url: str, schema: str) -> Iterator[None]:
    try:
        yield
    finally:
        with connect(url, schema) as connection:
            connection.execute(SQL("drop schema if exists {} cascade").format(Identifier(schema)))
