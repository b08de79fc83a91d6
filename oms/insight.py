"""What the console's page for operators is told of this installation: settings in force, deadlines, messages that wait.

Values of settings are shown as they are, but for the user and password of an address; secrets are in files, of which the
path alone is a setting.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, LiteralString, TypeVar

from chassis.horizon import Horizon
from chassis.log import LogError, TopicPartition
from chassis.reading import Reads
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import StoreAway
from oms.lag import InstalledLog, read_lags
from oms.rebuild.progress import progress
from services.console.installation import COUNTED_MAX, DUE_ROWS, Due, Followed, Remade, Setting, Waits

__all__ = ["Insight", "settings_in_force"]

KEPT_SECONDS = 15.0
"""How long a count of waiting messages is shown before they are counted again: counting reads the log."""

AGES_KEPT_SECONDS = 1.0
"""How long it is shown how old tables are before it is looked at again, once for all pages."""

WHO = re.compile(r"//[^/@\s]*@")
"""Who somebody is in an address, and their password."""

VALUE_CHARS = 300

STORES: LiteralString = "select 'store', topic, partition, position from tracking"
MODELS: LiteralString = "select projection, topic, partition, position from projection_tracking"
"""How far tables are that follow topics: those of a loop, and read models."""


class Insight:
    """Of the doors' process. `reads` by service; `log` reaches the broker or raises LogError; `horizon` saw what was
    written."""

    def __init__(
        self,
        settings: Settings,
        reads: Mapping[str, Reads],
        models: Mapping[str, Reads],
        log: Callable[[], InstalledLog],
        horizon: Horizon,
    ) -> None:
        self._settings, self._reads, self._models, self._log = settings, reads, models, log
        self._horizon, self._aged = horizon, _Kept(self._age, AGES_KEPT_SECONDS)
        self._behind = _Kept(self._count)
        self._followed = _Kept(self._follow)
        self._remaking = _Kept(self._remake)

    def settings(self) -> Sequence[Setting]:
        """Settings in force, by name."""
        return settings_in_force(self._settings)

    def levels(self) -> Mapping[str, timedelta]:
        """By the console's name of a list, which has spaces."""
        hours = self._settings.exception_hours
        return {name.replace("_", " "): timedelta(hours=each) for name, each in hours.items()}

    def deadlines(self, now: datetime) -> Mapping[str, Waits]:
        """The deadlines of each service. Raises StoreAway."""
        return {name: _waits(reads, now) for name, reads in sorted(self._reads.items())}

    def behind(self) -> Mapping[str, int | None] | None:
        """Messages that each service has not handled, counted KEPT_SECONDS ago at most; None while no broker answers."""
        return self._behind.now()

    def followers(self) -> Sequence[Followed] | None:
        """Offsets that the tables of each service and of the console are behind, found KEPT_SECONDS ago at most; None
        while no broker answers. Raises StoreAway."""
        return self._followed.now()

    def ages(self) -> Mapping[str, float | None]:
        """By service and read model, as old as it was AGES_KEPT_SECONDS ago at most."""
        return self._aged.now()

    def remade(self) -> Sequence[Remade]:
        """Tables that a running `oms rebuild` makes again, looked at KEPT_SECONDS ago at most. Raises StoreAway."""
        return self._remaking.now()

    def _remake(self) -> Sequence[Remade]:
        namespace = self._settings.namespace
        schemas = {name: Service(name, (), namespace=namespace).schema for name in (*self._reads, *self._models)}
        found = progress(self._settings.database, schemas)
        return [Remade(each.service, each.followed, each.total, each.at_work) for each in found]

    def _age(self) -> Mapping[str, float | None]:
        ages: dict[str, float | None] = {}
        for name, reads in {**self._reads, **self._models}.items():
            queries = (STORES, MODELS) if name in self._reads else (MODELS,)
            try:
                positions = [each for query in queries for each in _positions(name, reads, query)]
            except StoreAway:
                ages[name] = None
                continue
            ages[name] = max((self._age_of(each) for each in _by_follower(positions)), default=None)
        return ages

    def _age_of(self, follower: Mapping[TopicPartition, int]) -> float:
        """For how long tables lack something. What follows a topic not at all yet is told of by `followers`."""
        topics = {topic for topic, _ in follower}
        offsets = {topic: {number: at for (name, number), at in follower.items() if name == topic} for topic in topics}
        return max((self._horizon.age(topic, each) for topic, each in offsets.items()), default=0.0)

    def _count(self) -> Mapping[str, int | None] | None:
        try:
            lags = read_lags(self._log(), self._settings.namespace, self._reads)
        except LogError:
            return None
        return {name: sum(lags[name].values()) if name in lags else None for name in sorted(self._reads)}

    def _follow(self) -> Sequence[Followed] | None:
        positions = [each for name, reads in self._reads.items() for each in _positions(name, reads, STORES)]
        positions += [
            each for name, reads in {**self._reads, **self._models}.items() for each in _positions(name, reads, MODELS)
        ]
        try:
            log, ends = self._log(), dict[TopicPartition, int]()
            for _, _, where, _ in positions:
                if where not in ends:
                    ends[where] = log.bounds(*where)[1]
        except LogError:
            return None
        behind = Counter[tuple[str, str]]()
        for service, follower, where, position in positions:
            behind[service, follower] += max(0, ends[where] - position)
        return [Followed(service, follower, count) for (service, follower), count in sorted(behind.items())]


T = TypeVar("T")


def _by_follower(
    positions: Sequence[tuple[str, str, TopicPartition, int]],
) -> list[Mapping[TopicPartition, int]]:
    found: dict[str, dict[TopicPartition, int]] = {}
    for _, follower, where, position in positions:
        found.setdefault(follower, {})[where] = position
    return list(found.values())


class _Kept(Generic[T]):
    """What was found so many seconds ago at most: one finds it for all pages that are open."""

    def __init__(self, find: Callable[[], T], seconds: float = KEPT_SECONDS) -> None:
        self._find, self._seconds, self._finding = find, seconds, Lock()
        self._found: tuple[float, T] | None = None

    def now(self) -> T:
        with self._finding:
            moment = time.monotonic()
            if self._found is None or moment - self._found[0] > self._seconds:
                self._found = moment, self._find()
            return self._found[1]


def _positions(service: str, reads: Reads, query: LiteralString) -> list[tuple[str, str, TopicPartition, int]]:
    """Of each follower of a service and partition that it follows, the next offset; nothing before its tables are made."""
    rows = reads.rows(query, [])
    return [(service, follower, (topic, number), position) for follower, topic, number, position in rows]


def _waits(reads: Reads, now: datetime) -> Waits:
    # Counted to a limit: of very many, counting all would take longer than anything else on the page.
    [(count, past)] = reads.rows(
        "select (select count(*) from (select from deadlines limit %s) as waiting),"
        " (select count(*) from (select from deadlines where due <= %s limit %s) as due)",
        [COUNTED_MAX + 1, now, COUNTED_MAX + 1],
    )
    rows = reads.rows("select stream, name, due from deadlines order by due, stream, name limit %s", [DUE_ROWS])
    return Waits(count, past, [Due(*row) for row in rows])


def settings_in_force(settings: Settings) -> list[Setting]:
    """Every setting by the name that it has in the environment."""
    fields = type(settings).model_fields
    shown = settings.model_dump(mode="json", by_alias=True)
    return [
        Setting(
            name=f"OMS_{name.upper()}",
            value=WHO.sub("//…@", "" if shown[name] is None else str(shown[name]))[:VALUE_CHARS],
            meaning=field.description or "",
            chosen=name in settings.model_fields_set,
        )
        for name, field in sorted(fields.items())
    ]
