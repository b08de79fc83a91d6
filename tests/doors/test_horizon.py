"""How old a read is: by what was seen written and is not in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chassis.horizon import SIGHTS_MAX, Horizon

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
TOPIC, ZERO, ONE = "order.events", ("order.events", 0), ("order.events", 1)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_a_read_is_as_old_as_the_first_event_that_is_not_in_it() -> None:
    # given two batches, of which the second was written at second 4
    clock = Clock()
    horizon = Horizon(clock)
    horizon.begin({ZERO: 0, ONE: 0})
    horizon.saw(ZERO, 9, at(1))
    horizon.saw(ZERO, 19, at(4))
    clock.now = at(10)
    # then who has both is of now, who lacks the second's last event as old as the second
    assert [horizon.age(TOPIC, {0: offset, 1: 0}) for offset in (20, 21, 19, 10, 9, 0)] == [0, 0, 6, 6, 9, 9]


def test_the_oldest_partition_counts() -> None:
    clock = Clock()
    horizon = Horizon(clock)
    horizon.saw(ZERO, 0, at(0))
    horizon.saw(ONE, 0, at(2))
    clock.now = at(5)
    assert horizon.age(TOPIC, {0: 1, 1: 0}) == 3
    assert horizon.age(TOPIC, {0: 0, 1: 0}) == 5


def test_what_was_written_before_anybody_looked_is_as_old_as_the_looking_at_least() -> None:
    clock = Clock()
    horizon = Horizon(clock)
    horizon.begin({ZERO: 7})
    clock.now = at(30)
    assert (horizon.age(TOPIC, {0: 6}), horizon.age(TOPIC, {0: 7})) == (30, 0)


def test_who_is_behind_all_that_is_remembered_is_as_old_as_the_first_of_it() -> None:
    clock = Clock()
    horizon = Horizon(clock)
    for number in range(SIGHTS_MAX + 5):
        horizon.saw(ZERO, number, at(number))
    clock.now = at(SIGHTS_MAX + 5)
    assert horizon.age(TOPIC, {0: 0}) == SIGHTS_MAX


def test_a_clock_that_lags_makes_nothing_younger_than_now() -> None:
    horizon = Horizon(Clock())
    horizon.saw(ZERO, 0, at(60))
    assert horizon.age(TOPIC, {0: 0}) == 0
