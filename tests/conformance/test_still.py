"""A reader that hands out nothing though there is more is told from one that has read all there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from chassis.log import LogError, TopicPartition
from chassis.still import STILL_SECONDS, Still

HERE, THERE = ("order.events", 0), ("order.events", 1)


class Topic:
    """Where each partition ends, None while the broker is away; `seconds` is what a clock shows."""

    def __init__(self, ends: Mapping[TopicPartition, int] | None) -> None:
        self.ends, self.seconds, self.looks = ends, 0.0, 0

    def __call__(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        self.looks += 1
        if self.ends is None:
            raise LogError("nobody answers")
        return {where: self.ends[where] for where in partitions}

    def clock(self) -> float:
        return self.seconds


def polled(
    topic: Topic, still: Still, positions: Mapping[TopicPartition, int], seconds: float, every: float = 0.5
) -> bool:
    """Whether it was said to stand still while it was asked for so long."""
    said = False
    for _ in range(int(seconds / every)):
        topic.seconds += every
        said = still.stands(lambda: positions) or said
    return said


def test_one_that_hands_out_nothing_of_a_partition_with_more_in_it_stands_still() -> None:
    # given a partition with 9 records, and a reader that is at the 7th of them
    topic = Topic({HERE: 9, THERE: 4})
    still = Still(topic, topic.clock)
    # when it moves no further for as long as two looks take, though the other is read to its end, then it stands still
    assert not polled(topic, still, {HERE: 7, THERE: 4}, STILL_SECONDS)
    assert polled(topic, still, {HERE: 7, THERE: 4}, STILL_SECONDS)


@pytest.mark.parametrize(("ends", "moved"), [({HERE: 7}, 7), ({HERE: 9}, 8), (None, 7)])
def test_one_that_is_at_the_end_or_moves_or_has_no_broker_does_not(
    ends: Mapping[TopicPartition, int] | None, moved: int
) -> None:
    topic = Topic(ends)
    still = Still(topic, topic.clock)
    assert not polled(topic, still, {HERE: 7}, STILL_SECONDS)
    assert not polled(topic, still, {HERE: moved}, STILL_SECONDS)
    assert topic.looks == 2


def test_one_that_is_asked_rarely_is_given_its_time() -> None:
    # given a reader that is asked every ten seconds, when two looks would be due by the clock, then nobody looked yet
    topic = Topic({HERE: 9})
    still = Still(topic, topic.clock)
    assert not polled(topic, still, {HERE: 7}, STILL_SECONDS * 9, every=10.0)
    assert topic.looks == 0


def test_what_was_not_to_be_handed_out_meanwhile_is_given_its_time_anew() -> None:
    # given a reader that was behind in two partitions, one of which was kept from it for a moment
    topic = Topic({HERE: 9, THERE: 9})
    still = Still(topic, topic.clock)
    assert not polled(topic, still, {HERE: 7, THERE: 7}, STILL_SECONDS)
    still.forget([HERE])
    # when the other moves on, then it does not stand still before that one had its time
    assert not polled(topic, still, {HERE: 7, THERE: 8}, STILL_SECONDS)
    assert polled(topic, still, {HERE: 7, THERE: 9}, STILL_SECONDS)


def test_another_that_took_its_place_is_given_its_time_too() -> None:
    topic = Topic({HERE: 9})
    still = Still(topic, topic.clock)
    assert polled(topic, still, {HERE: 7}, 2 * STILL_SECONDS)
    assert not polled(topic, still, {HERE: 7}, STILL_SECONDS)
