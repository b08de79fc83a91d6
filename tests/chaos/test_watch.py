"""What is seen of orders, where the client that reads stands still without a word."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chassis.log import LogError
from tests.chaos import customers
from tests.chaos.customers import ASKED_SECONDS, STILL_SECONDS, Watch


class Topic:
    """One partition with `end` records in it, and readers that hand out none; a second passes each time one is asked."""

    partitions, namespace = 1, ""

    def __init__(self, end: int, away: bool = False) -> None:
        self.settings = self.log = self
        self.end, self.away, self.seconds, self.readers = end, away, 0.0, 0

    def monotonic(self) -> float:
        return self.seconds

    def reader(self) -> Topic:
        self.readers += 1
        return self

    def assign(self, positions: Any) -> None:
        pass

    def poll(self, limit: int, timeout: float) -> tuple[list[Any], dict[Any, int]]:
        self.seconds += 1
        return [], {}

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        if self.away:
            raise LogError("the end is not known yet")
        return 0, self.end

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("topic", "stood_still"), [(Topic(end=7), 1), (Topic(end=0), 0), (Topic(end=7, away=True), 0)])
def test_another_reads_on_where_there_is_more_than_is_handed_out(
    monkeypatch: pytest.MonkeyPatch, topic: Topic, stood_still: int
) -> None:
    monkeypatch.setattr(customers, "time", topic)
    # given a reader that hands out nothing
    watch = Watch(cast(Any, topic))
    # when it is asked for as long as it may be still, and until that is noticed
    while topic.seconds <= STILL_SECONDS + 3 * ASKED_SECONDS:
        watch.of("an order")
    # then another takes its place, only where there is more to be read
    assert watch.stood_still == stood_still
    assert topic.readers == 1 + stood_still
