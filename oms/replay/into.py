"""A sandbox: a namespace of topics and tables in which chosen records were handled by this release, beside the live one.

Nothing runs in it. Its inboxes have the records, its topics of events what this release writes of them; nothing is in
its intents, so a worker would find nothing to do. No group has a position there, so no service begins by mistake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from psycopg.sql import SQL, Identifier

from chassis.chain import GENESIS, Draft, finish
from chassis.log import Log, LogError, NewRecord
from chassis.rebuild import Copy, ends_of
from chassis.service import Service
from chassis.store import connect
from contracts import topics
from oms.declared import declared
from oms.rebuild.outside import no_calls_outside
from oms.replay.playing import Handled, Play, before
from oms.replay.selecting import Chosen
from oms.what_if.comparing import Differs, differences

__all__ = ["NoSandbox", "PlayedInto", "SandboxLog", "play_into", "remove"]

BATCH = 500
"""Records of one transaction."""

MADE_SECONDS, ASK_SECONDS = 10.0, 0.1
"""How long a broker may take to know topics that were made, and between two questions."""

MARK = "sandbox"
"""A topic that only a sandbox has: what may be removed."""


class NoSandbox(LogError):
    """The namespace is the live one, is in use, or is no sandbox: nothing was changed."""


class SandboxLog(Log, Protocol):
    """A log in which topics can be made and deleted."""

    def create_topics(self, specs: Sequence[topics.TopicSpec]) -> list[str]: ...

    def delete_topics(self, names: Sequence[str]) -> None: ...


@dataclass(frozen=True)
class PlayedInto:
    """What came of it: records handled, events written, the streams that were compared, those that were written
    otherwise, and what was left out, by the reason."""

    records: int
    events: int
    streams: int
    differ: Sequence[Differs]
    left_out: Mapping[str, int]
    calls_outside: int

    @property
    def equal(self) -> bool:
        return not self.differ and self.calls_outside == 0


def play_into(
    log: SandboxLog,
    url: str,
    services: Sequence[Service],
    chosen: Sequence[Chosen],
    namespace: str,
    rate: float | None = None,
    tell: Callable[[int], None] = lambda records: None,
) -> PlayedInto:
    """Make the sandbox, handle the records in it (at most `rate` a second), fill its tables and compare its events with
    what the log says came of the same records.

    Raises NoSandbox, LogError, StoreAway, and chassis.projection.ProjectionFailed.
    """
    within = [declared(service.name, namespace) for service in services]
    with no_calls_outside() as calls:
        known = before(log, services, chosen)
        _make(log, url, services, within, namespace)
        play = Play(services, known)
        written = _write(log, within, play.handled(chosen), _Pace(rate), tell)
        for service in within:
            copy = Copy(service, log, url, service.schema)
            try:
                copy.advance(ends_of(log, service))
            finally:
                copy.close()
    streams = {(each.service, each.stream) for each in (*known.then, *play.now)}
    found = tuple(differences(known.then, play.now))
    return PlayedInto(written, len(play.now), len(streams), found, dict(play.left_out), calls.tried)


def _make(log: SandboxLog, url: str, live: Sequence[Service], within: Sequence[Service], namespace: str) -> None:
    if namespace == live[0].namespace:
        raise NoSandbox(f"{namespace!r} is the live namespace: choose another for the sandbox")
    specs = _specs(log, live[0].namespace, namespace)
    there = [spec.name for spec in specs if _there(log, spec.name)]
    if there:
        raise NoSandbox(f"{there[0]} is there already: choose another namespace, or remove that sandbox (--remove)")
    for service in within:
        with connect(url, service.schema) as connection:
            row = connection.execute("select to_regnamespace(%s)", [service.schema]).fetchone()
            if row is not None and row[0] is not None:
                raise NoSandbox(f"the schema {service.schema} is there already: choose another namespace")
    log.create_topics(specs[:1])  # by itself: whatever breaks off from here on can be removed
    log.create_topics(specs[1:])
    deadline = time.monotonic() + MADE_SECONDS
    while not all(_known(log, spec) for spec in specs):
        if time.monotonic() > deadline:
            raise LogError(f"the topics of {namespace} are not there {MADE_SECONDS:.0f} s after they were made")
        time.sleep(ASK_SECONDS)


def _specs(log: Log, live: str, namespace: str) -> list[topics.TopicSpec]:
    """The mark first, and the topics of all services, with as many partitions as the live ones have."""
    specs = [topics.TopicSpec(topics.named(MARK, namespace), 1, {})]
    for service in topics.SERVICES:
        partitions = log.partitions(topics.inbox(service, live))
        intents = topics.INTENTS_PARTITIONS if service in topics.SERVICES_WITH_INTENTS else None
        specs += topics.topics_of_service(
            service, partitions=partitions, namespace=namespace, intents_partitions=intents
        )
    return specs


def _there(log: Log, topic: str) -> bool:
    try:
        return log.partitions(topic) > 0
    except LogError:
        return False


def _known(log: Log, spec: topics.TopicSpec) -> bool:
    """Whether a topic that was just made can be used: it is known a moment before its partitions have leaders."""
    try:
        return all(log.bounds(spec.name, number)[1] >= 0 for number in range(log.partitions(spec.name)))
    except LogError:
        return False


class _Pace:
    """Keeps to a rate, counted from the first record on."""

    def __init__(self, rate: float | None) -> None:
        self._rate, self._done, self._began = rate, 0, time.monotonic()
        self.batch = BATCH if rate is None else max(1, min(BATCH, int(rate)))

    def wait(self, records: int) -> None:
        """So many more were written: go on when they may have been."""
        self._done += records
        if self._rate is not None:
            time.sleep(max(0.0, self._began + self._done / self._rate - time.monotonic()))


def _write(
    log: SandboxLog, within: Sequence[Service], handled: Iterator[Handled], pace: _Pace, tell: Callable[[int], None]
) -> int:
    """Write records and events, a batch a transaction; how many records."""
    namespace = within[0].namespace
    heads = {service.name: dict.fromkeys(range(log.partitions(service.events)), GENESIS) for service in within}
    producer = log.producer(topics.named(MARK, namespace))
    written = 0
    try:
        number = 0
        while batch := list(islice(handled, pace.batch)):
            number += 1
            producer.begin()
            producer.send([_copied(one.chosen, namespace) for one in batch])
            for service in within:
                drafts = [
                    draft for one in batch if one.chosen.service == service.name for draft in _drafts(one, service)
                ]
                producer.send(finish(drafts, f"{namespace}.{number}", heads[service.name]))
            producer.flush()
            producer.commit()
            written += len(batch)
            tell(written)
            pace.wait(len(batch))
    finally:
        producer.close()
    return written


def _copied(one: Chosen, namespace: str) -> NewRecord:
    record = one.record
    topic = topics.inbox(one.service, namespace)
    return NewRecord(topic, record.partition, record.key or b"", record.value or b"", record.headers)


def _drafts(one: Handled, service: Service) -> Iterator[Draft]:
    key, partition = one.chosen.stream.encode(), one.chosen.record.partition
    for emitted in one.events:
        yield Draft(service.events, partition, key, emitted.value, emitted.envelope, chained=True)


def remove(log: SandboxLog, url: str, namespace: str) -> int:
    """Delete a sandbox, topics and tables; how many topics. Raises NoSandbox where the namespace has no mark of one."""
    mark = topics.named(MARK, namespace)
    if not namespace or not _there(log, mark):
        raise NoSandbox(f"{namespace!r} is no sandbox: there is no topic {mark}")
    for name in topics.SERVICES:
        service = declared(name, namespace)
        with connect(url, service.schema) as connection:
            connection.execute(SQL("drop schema if exists {} cascade").format(Identifier(service.schema)))
    names = [
        spec.name
        for service in topics.SERVICES
        for spec in topics.topics_of_service(service, partitions=1, namespace=namespace, intents_partitions=1)
        if _there(log, spec.name)
    ]
    if names:
        log.delete_topics(names)
    log.delete_topics([mark])  # when nothing else is left: until then it can be removed again
    return len(names) + 1
