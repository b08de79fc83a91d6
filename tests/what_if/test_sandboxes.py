"""A sandbox that was made or removed in part can be removed: its mark is the first of its topics, and the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from chassis.log import LogError
from chassis.memory import MemoryLog
from chassis.testing import DAWN
from contracts import topics
from oms.declared import declared
from oms.replay import into

SERVICES = [declared(name, "") for name in topics.SERVICES]


class Breaking(MemoryLog):
    """A log that is away as soon as it has to make, or to delete, the topic `breaks_at`. Topics that are asked for
    together it takes in an order of its own, as brokers do: from the last to the first."""

    breaks_at = ""

    def create_topics(self, specs: Sequence[topics.TopicSpec]) -> list[str]:
        made = list[str]()
        for spec in reversed(specs):
            self._reach(spec.name)
            made += super().create_topics([spec])
        return made

    def delete_topics(self, names: Sequence[str]) -> None:
        assert names, "a broker refuses to delete nothing"
        for name in reversed(names):
            self._reach(name)
            super().delete_topics([name])

    def _reach(self, name: str) -> None:
        if name == self.breaks_at:
            raise LogError(f"away before {name}")

    def of(self, namespace: str) -> list[str]:
        return [name for name in self._topics if name.startswith(f"{namespace}-")]


class NoTables:
    """A database that has no schema."""

    def execute(self, *asked: Any) -> NoTables:
        return self

    def fetchone(self) -> None:
        return None


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Breaking:
    @contextmanager
    def connected(url: str, schema: str) -> Iterator[NoTables]:
        yield NoTables()

    monkeypatch.setattr(into, "connect", connected)
    log = Breaking(lambda: DAWN)
    for name in topics.SERVICES:
        log.create_topics(topics.topics_of_service(name, partitions=1, intents_partitions=1))
    return log


@pytest.mark.parametrize("at", ["order.inbox", "payments.events", "payments.intents"])
def test_one_that_was_made_in_part_can_be_removed(log: Breaking, at: str) -> None:
    log.breaks_at = f"trial-{at}"
    with pytest.raises(LogError, match="away"):
        into.play_into(log, "", SERVICES, [], "trial")
    log.breaks_at = ""
    assert into.remove(log, "", "trial") > 0 and log.of("trial") == []


@pytest.mark.parametrize("at", ["order.inbox", "payments.events", "sandbox"])
def test_one_that_was_removed_in_part_can_be_removed(log: Breaking, at: str) -> None:
    # given a whole one, but for its tables
    into._make(log, "", SERVICES, [declared(name, "trial") for name in topics.SERVICES], "trial")
    log.breaks_at = f"trial-{at}"
    with pytest.raises(LogError, match="away"):
        into.remove(log, "", "trial")
    log.breaks_at = ""
    assert into.remove(log, "", "trial") > 0 and log.of("trial") == []
