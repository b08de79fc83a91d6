"""When a topic counts as read, while others write to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from oms.demo import tail
from oms.demo.site import Site
from oms.demo.tail import SETTLED_SECONDS, SETTLED_SECONDS_MAX, history

SITE = Site("nowhere", "", "", Path())
HEADERS = [
    ("ce_type", b"orderlog.channel.Update.v1"),
    ("ce_subject", b"order/a"),
    ("ce_time", b"2026-01-01T00:00:00.000Z"),
]


class Ended:
    """The notice that a partition was read to its end."""

    def error(self) -> Any:
        return self

    def code(self) -> int:
        return int(KafkaError._PARTITION_EOF)

    def partition(self) -> int:
        return 0


class Written:
    """A message of a channel that nobody of this run sent."""

    def error(self) -> None:
        return None

    def value(self) -> bytes:
        return b'{"channel_account": "others", "external_id": "1"}'

    def headers(self) -> list[tuple[str, bytes]]:
        return HEADERS

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


class Busy:
    """A topic of one partition, to which something comes `every` so many seconds; a second passes each time it is read."""

    def __init__(self, every: int) -> None:
        self.every, self.seconds = every, 0

    def __call__(self, settings: dict[str, Any]) -> Busy:
        return self

    def monotonic(self) -> float:
        return float(self.seconds)

    def list_topics(self, topic: str, timeout: float) -> Any:
        self.topics = {topic: self}
        return self

    partitions = (0,)

    def assign(self, partitions: Any) -> None:
        pass

    def consume(self, count: int, timeout: float) -> list[Any]:
        self.seconds += 1
        if self.seconds == 1:
            return [Written(), Ended()]
        return [] if self.seconds % self.every else [Written()]

    def close(self) -> None:
        pass


def read(monkeypatch: pytest.MonkeyPatch, topic: Busy, source: str) -> int:
    """How many seconds it takes to read all of it."""
    monkeypatch.setattr(tail, "Consumer", topic)
    monkeypatch.setattr(tail, "monotonic", topic.monotonic)
    assert list(history(SITE, source))
    return topic.seconds


def test_what_channels_send_is_read_to_its_end_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    # given other channels that order every second; when their topic is read; then it has an end
    assert read(monkeypatch, Busy(every=1), "channel.orders") == 1


@pytest.mark.parametrize(("every", "seconds"), [(1_000, SETTLED_SECONDS), (2, SETTLED_SECONDS_MAX)])
def test_what_channels_are_told_is_read_until_it_is_silent_or_was_waited_for_long_enough(
    monkeypatch: pytest.MonkeyPatch, every: int, seconds: float
) -> None:
    assert read(monkeypatch, Busy(every), "channel.updates") == pytest.approx(1 + seconds, abs=1)
