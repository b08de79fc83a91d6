"""Read models that belong to no stream of a service, made again from their topics and compared with the live tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from chassis.bounded import BoundedLog
from chassis.comparison import compare_schemas
from chassis.garbage import looking_seldom
from chassis.log import Log, LogError, TopicPartition
from chassis.projection import Projection, ProjectionFollower
from chassis.rebuild import POLL_SECONDS, STALLED_SECONDS, NotMade
from chassis.store import connect
from oms.rebuild.outside import no_calls_outside
from oms.rebuild.running import SUFFIX, Rebuilt, Watcher, alone

__all__ = ["ReadModels", "rebuild_read_models"]

Ends = Mapping[str, Mapping[TopicPartition, int]]
"""How far each projection is, by topic partition."""


@dataclass(frozen=True)
class ReadModels:
    """Projections of one schema: whose they are, how they are made (fresh ones each time, and nobody outside hears of
    it), and columns that are no function of the topics, by table."""

    name: str
    schema: str
    namespace: str
    projections: Callable[[], Sequence[Projection]]
    not_of_topics: Mapping[str, frozenset[str]] = field(default_factory=dict)


def rebuild_read_models(models: ReadModels, log: Log, url: str, watcher: Watcher) -> Rebuilt:
    """Make the tables again beside the live ones, compare, and throw the copy away.

    Raises StoreAway (of it NotMade and Busy), LogError, and ProjectionFailed.
    """
    beside = f"{models.schema}{SUFFIX}"
    with (
        alone(models.name, models.schema, url),
        no_calls_outside() as calls,
        looking_seldom(),
        _thrown_away(url, beside),
        connect(url, models.schema) as live,
    ):
        # Most of the way is gone before the live snapshot is taken, so that it is held only for the rest of it.
        _follow(models, log, url, beside, _positions(live, models), watcher)
        with live.transaction():
            live.execute("set transaction isolation level repeatable read, read only")
            ends = _positions(live, models)
            _follow(models, log, url, beside, ends, watcher)
            with connect(url, beside) as rebuilt:
                tables = compare_schemas(live, rebuilt, (), watcher.compared, models.not_of_topics)
    return Rebuilt(models.name, tables, sum(sum(each.values()) for each in ends.values()), calls.tried)


def _positions(live: psycopg.Connection[Any], models: ReadModels) -> Ends:
    row = live.execute("select to_regclass('projection_tracking')").fetchone()
    if row is None or row[0] is None:
        raise NotMade(f"{models.name} has no tables in the schema {models.schema} yet; `oms up` makes them")
    found: dict[str, dict[TopicPartition, int]] = {each.name: {} for each in models.projections()}
    for name, topic, number, position in live.execute(
        "select projection, topic, partition, position from projection_tracking"
    ).fetchall():
        if name in found:
            found[name][(topic, number)] = position
    return found


def _follow(models: ReadModels, log: Log, url: str, schema: str, ends: Ends, watcher: Watcher) -> None:
    """Each projection up to its ends, from where it is."""
    done = 0
    watcher.follows(sum(sum(each.values()) for each in ends.values()))
    for projection in models.projections():
        to = ends[projection.name]
        bounded = BoundedLog(log)
        bounded.until(to)
        follower = ProjectionFollower(bounded, url, schema, projection, models.namespace)
        try:
            for reached in _to_its_end(models.name, follower, to):
                watcher.followed(done + reached)
        finally:
            follower.close()
        done += sum(to.values())


def _to_its_end(name: str, follower: ProjectionFollower, ends: Mapping[TopicPartition, int]) -> Iterator[int]:
    """How many offsets were followed, each time that there are more."""
    total, reached, stalled_at = sum(ends.values()), -1, time.monotonic() + STALLED_SECONDS
    while reached < total:
        follower.step(POLL_SECONDS)
        now = sum(follower.position(*where) for where in ends)
        if now != reached:
            reached, stalled_at = now, time.monotonic() + STALLED_SECONDS
            yield now
        elif time.monotonic() > stalled_at:
            raise LogError(f"{name} got no further than {now} of {total} offsets: the log gave no more")


@contextmanager
def _thrown_away(url: str, schema: str) -> Iterator[None]:
    try:
        yield
    finally:
        with connect(url, schema) as connection:
            connection.execute(SQL("drop schema if exists {} cascade").format(Identifier(schema)))
