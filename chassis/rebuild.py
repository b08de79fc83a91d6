"""A service's tables made again from its topics, in a schema beside the live one: the loop's and every read model's.

The tables are a function of the topics, and the followers are the only code that knows it: a rebuild is those followers
from offset 0 into an empty schema, up to offsets that it is told. Comparing and putting in place are elsewhere
(chassis/comparison.py, chassis/swap.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from chassis.bounded import BoundedLog
from chassis.follower import Follower
from chassis.log import Log, LogError, TopicPartition
from chassis.projection import ProjectionFollower
from chassis.service import Service
from chassis.shared import SharedLog
from chassis.store import Store, StoreAway
from contracts.topics import named

__all__ = ["POLL_SECONDS", "STALLED_SECONDS", "Copy", "NotMade", "Positions", "ends_of", "positions_in"]

POLL_SECONDS = 0.05
"""Of each follower in turn: one that waits for its topic keeps the others waiting no longer."""

STALLED_SECONDS = 60.0
"""No follower got on for so long: the log does not hand out what it should."""


class NotMade(StoreAway):
    """The live schema has no tables: there is nothing to be compared with."""


@dataclass(frozen=True, slots=True)
class Positions:
    """How far tables are: the next offset of each topic partition (topics with their namespace), apart for the store
    and for each projection by its name. What is not named is at 0."""

    store: Mapping[TopicPartition, int]
    projections: Mapping[str, Mapping[TopicPartition, int]]

    def offsets(self) -> int:
        """All of them in sum: what progress is counted in."""
        return sum(sum(each.values()) for each in (self.store, *self.projections.values()))

    def at_least(self, other: Positions) -> Positions:
        """Of each partition the position that lies further."""
        return Positions(
            _further(self.store, other.store),
            {
                name: _further(self.projections.get(name, {}), other.projections.get(name, {}))
                for name in self.projections.keys() | other.projections.keys()
            },
        )


def _further(one: Mapping[TopicPartition, int], other: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    return {where: max(one.get(where, 0), other.get(where, 0)) for where in sorted(one.keys() | other.keys())}


def positions_in(connection: psycopg.Connection[Any], service: Service) -> Positions:
    """How far the tables are that `connection` sees; in a transaction they belong to whatever else it sees there.

    Raises NotMade where there are none.
    """
    row = connection.execute("select to_regclass('tracking'), to_regclass('projection_tracking')").fetchone()
    assert row is not None
    if row[0] is None:
        raise NotMade(f"{service.name} has no tables in the schema {service.schema} yet; `oms up` makes them")
    store = connection.execute("select topic, partition, position from tracking where topic = %s", [service.events])
    projections: dict[str, dict[TopicPartition, int]] = {projection.name: {} for projection in service.projections}
    followed = {(topic, number): position for topic, number, position in store.fetchall()}
    if row[1] is not None:
        rows = connection.execute("select projection, topic, partition, position from projection_tracking").fetchall()
        for name, topic, number, position in rows:
            if name in projections:
                projections[name][(topic, number)] = position
    return Positions(followed, projections)


def ends_of(log: Log, service: Service) -> Positions:
    """Where the topics end now that the service's tables are made from."""
    known: dict[str, dict[TopicPartition, int]] = {}

    def ends(topic: str) -> dict[TopicPartition, int]:
        if topic not in known:
            known[topic] = {(topic, number): log.bounds(topic, number)[1] for number in range(log.partitions(topic))}
        return known[topic]

    return Positions(
        ends(service.events),
        {
            projection.name: {
                where: end
                for topic in projection.topics
                for where, end in ends(named(topic, service.namespace)).items()
            }
            for projection in service.projections
        },
    )


class Copy:
    """A second set of a service's tables, in `schema`, which is new. `advance` fills them up to some positions.

    Nobody outside is called, and nothing is written to a topic: it reads through a log that refuses to be written.
    """

    def __init__(self, service: Service, log: Log, url: str, schema: str) -> None:
        self.service, self.schema = service, schema
        self.store = Store(url, schema, service.events)
        self.store.create()
        shared = SharedLog(log)
        self._logs = {name: BoundedLog(shared) for name in ("", *(each.name for each in service.projections))}
        self._follower = Follower(self._logs[""].reader(), self.store, service.events, service.by_kind)
        self._projections = {
            projection.name: ProjectionFollower(self._logs[projection.name], url, schema, projection, service.namespace)
            for projection in service.projections
        }
        self._ends = Positions({}, {})

    def advance(
        self,
        to: Positions,
        tell: Callable[[int], None] = lambda offsets: None,
        patience: float = STALLED_SECONDS,
    ) -> None:
        """Follow up to exactly these positions, or stay where one is further already; `tell` hears how many offsets
        were followed so far. Gives up when nothing came for `patience` seconds.

        Raises StoreAway, LogError, ChainBroken where the log was changed, and ProjectionFailed.
        """
        self._aim(to)
        stalled_at = time.monotonic() + patience
        reached = -1
        while True:
            for projection in self._projections.values():
                projection.step(POLL_SECONDS)
            self._follower.step(POLL_SECONDS)
            positions = self.positions()
            if positions.offsets() != reached:
                reached, stalled_at = positions.offsets(), time.monotonic() + patience
                tell(reached)
            if positions == self._ends:
                return
            if time.monotonic() > stalled_at:
                raise LogError(f"{self.schema} got no further than {positions} of {self._ends}: the log gave no more")

    def _aim(self, to: Positions) -> None:
        self._ends = ends = self._ends.at_least(to)
        self._logs[""].until(ends.store)
        for name in self._projections:
            self._logs[name].until(ends.projections.get(name, {}))
        self._follower.follow([number for _, number in ends.store])

    def positions(self) -> Positions:
        """How far its tables are."""
        return Positions(
            {where: self._follower.position(where[1]) or 0 for where in self._ends.store},
            {
                name: {where: self._projections[name].position(*where) for where in ends}
                for name, ends in self._ends.projections.items()
            },
        )

    def close(self) -> None:
        """Let clients and locks go; the tables stay."""
        self._follower.close()
        for projection in self._projections.values():
            projection.close()
        self.store.close()

    def drop(self) -> None:
        """Throw the tables away, and close."""
        self.close()
        self.store.drop()
        self.store.close()
