"""What everything stands on is made before it starts, and what was not done is said; a log that is silent is not read for
ever."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

import pytest

from chassis import offsets
from chassis.log import Log, LogError, NewRecord, Record, TopicPartition
from chassis.memory import MemoryLog
from chassis.settings import Settings
from contracts import topics
from oms import past, preparing
from oms.backup.vault import recorded_forgettings
from oms.declared import declared


def silent(*_: object) -> list[str]:
    return []


@pytest.mark.parametrize("known", [True, False])
def test_when_not_everybody_who_was_forgotten_is_known_it_is_said(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a log whose end is not reached, or is
    said: list[str] = []
    for name in ("create_topics", "create_keys", "create_console_token"):
        monkeypatch.setattr(preparing, name, silent)
    monkeypatch.setattr(preparing, "forget_again", lambda settings: known)
    # when everything is prepared, then it goes on, and says what is still to be done
    preparing.prepare(Settings(sandbox_port=0), said.append)
    assert any("forgetting people" in line for line in said) is not known


class Mute:
    """A reader of a topic that hands out nothing, nor that it has ended."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """All the same to it."""

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        return [], {}

    def close(self) -> None:
        """Nothing is held."""


class MuteLog(MemoryLog):
    def reader(self) -> Mute:  # type: ignore[override]
        return Mute()


def mute_log() -> Log:
    """A topic of events with something in it, of which no reader sees anything."""
    log = MuteLog(lambda: datetime(2026, 1, 5, tzinfo=UTC))
    log.create_service_topics("order", partitions=1, intents_partitions=1)
    producer = log.producer("p")
    producer.begin()
    producer.send([NewRecord(topics.events("order"), 0, b"k", b"{}", ())])
    producer.commit()
    return cast(Log, log)


def test_who_was_forgotten_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "STALLED_SECONDS", 0.0)
    with pytest.raises(LogError, match="hands out nothing"):
        recorded_forgettings(mute_log(), topics.events("order"))


def test_positions_are_not_looked_for_for_ever_and_none_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offsets, "STALLED_SECONDS", 0.0)
    with pytest.raises(LogError, match="no position is set"):
        offsets.restore_positions(mute_log(), declared("order", ""))
