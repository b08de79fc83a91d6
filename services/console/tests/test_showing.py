"""Values as people read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.console.flow import Step
from services.console.questions import Stand, Visit, as_of, held_back
from services.console.showing import behind, duration, money

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [(123450, "EUR", "1,234.50 EUR"), (-5, "EUR", "-0.05 EUR"), (1200, "JPY", "1,200 JPY"), (1234, "KWD", "1.234 KWD")],
)
def test_money_has_the_decimals_of_its_currency(minor: int, currency: str, said: str) -> None:
    assert money(minor, currency) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (0.02, "20 ms"), (4.26, "4.3 s"), (125, "2 min 5 s"), (3_600, "1 h"), (90_061, "1 d 1 h")],
)
def test_durations_are_told_in_their_two_largest_units(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("ages", "said"),
    [
        ({"order": 0.0, "flow": 0.4}, "All tables are less than 1 s behind."),
        ({"order": 0.0, "flow": 75.0, "stock": 3.0}, "Behind what was written: flow 1 min 15 s, stock 3.0 s."),
        ({"order": None, "flow": 0.0}, "How far behind is not known: order."),
        ({}, "How far behind is not known."),
    ],
)
def test_how_far_tables_are_behind_is_told_in_time(ages: dict[str, float | None], said: str) -> None:
    assert behind(ages) == said


HOURS = 3_600.0


def stand(
    step: Step, count: int, left: int, half: timedelta = timedelta(hours=1), usual: float | None = 600.0
) -> Stand:
    """So many stand there, half of them for so long; lately so many left it."""
    since = NOW - half
    return Stand(step, count, since - half, "o", left, left, None, None, None, since, usual, "yesterday", left)


def test_what_holds_the_flow_back_takes_longest_compared_with_its_own_usual_duration() -> None:
    # given carriers who take two days as ever, picking that takes ten minutes and now stands, and what is told as work
    stands = [
        stand(Step.ON_THE_WAY, 500, 10, timedelta(days=1), 48 * HOURS),
        stand(Step.TO_PICK, 20, 2, timedelta(hours=3), 600),
        stand(Step.TO_PACK, 100, 100, timedelta(minutes=9), 600),
        stand(Step.AT_NODES, 500, 1, timedelta(days=9), 600),
    ]
    # then it is the picking: half of it has stood for 18 times as long as usual, and at two in 20 minutes it takes 200 until it is empty
    found = held_back(stands, NOW)
    assert found is not None and found.stand.step is Step.TO_PICK
    assert (found.stood, found.times, found.empties) == (3 * HOURS, 18.0, 200 * 60.0)


def test_where_nothing_leaves_nobody_knows_how_long_it_takes() -> None:
    found = held_back([stand(Step.HELD, 3, 0), stand(Step.TO_PACK, 1, 10)], NOW)
    assert found is not None and (found.stand.step, found.times, found.empties) == (Step.HELD, 6.0, None)


def test_a_step_that_stopped_is_named_however_many_left_it_within_the_hour() -> None:
    # given a step that takes seconds, which 750 left within the hour, and none for some minutes
    stopped = replace(stand(Step.BACKORDERED, 20, 750, timedelta(minutes=6), 9.0), left_lately=0)
    # then it holds the flow back, although at the rate of the hour it would be empty in a minute and a half
    found = held_back([stopped], NOW)
    assert found is not None and (found.times, found.empties) == (6.0, None)
    assert stopped.lately == timedelta(minutes=2)


@pytest.mark.parametrize(
    "each",
    [
        # many came at once, and none of them has stood for longer than usual
        stand(Step.TO_PICK, 50, 0, timedelta(minutes=10)),
        # one stands for hours, past which a thousand go in an hour
        stand(Step.RESERVING, 1, 1_000, timedelta(hours=3), 0.02),
        # it usually takes milliseconds, and now seconds
        stand(Step.RESERVING, 900, 10, timedelta(seconds=90), 0.02),
        # nobody knows its usual duration, and it is not a day old
        stand(Step.ON_THE_WAY, 50, 0, timedelta(hours=20), None),
        # nothing is there
        Stand(Step.TO_PICK, 0, None, None, 0, 9, 60.0, 60.0, 60.0),
    ],
)
def test_no_step_holds_the_flow_back_that_works_as_ever(each: Stand) -> None:
    assert held_back([each], NOW) is None


def test_a_step_that_nothing_ever_left_holds_the_flow_back_once_half_of_it_is_two_days_old() -> None:
    found = held_back([stand(Step.ON_THE_WAY, 50, 0, timedelta(days=2), None)], NOW)
    assert found is not None and found.times == 2.0


def test_steps_are_shown_as_they_were_known_at_a_moment() -> None:
    # given an order that was reserved for four days, then stood at its node, and is on the way
    then, day = NOW - timedelta(days=3), timedelta(days=1)
    left, later = then + 2 * day, then + 2.5 * day
    visits = [
        Visit("order/1", None, Step.RESERVING, then - 2 * day, left),
        Visit("order/1", None, Step.AT_NODES, left, later),
        Visit("order/1", None, Step.ON_THE_WAY, later, None),
    ]
    # then on its third day it still was, and nobody knew of the rest
    assert as_of(visits, then) == [Visit("order/1", None, Step.RESERVING, then - 2 * day, None)]
    # and as soon as it has left, it is known for how long
    assert as_of(visits, left)[0] == visits[0]
