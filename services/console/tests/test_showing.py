"""Values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.console.flow import Step
from services.console.questions import Stand, held_back
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


def stand(step: Step, count: int, left: int, old: timedelta = timedelta(hours=1)) -> Stand:
    return Stand(step, count, NOW - old, "o", left, left, None, None, None)


def test_what_holds_the_flow_back_is_what_takes_longest_to_empty() -> None:
    # given many to pack, of which many leave, and few to pick, of which next to none leave
    stands = [stand(Step.TO_PACK, 100, 100), stand(Step.TO_PICK, 20, 2), stand(Step.AT_NODES, 500, 1)]
    # then it is the picking, not what is told again as work at nodes; at two an hour it takes ten hours
    found = held_back(stands, NOW)
    assert found is not None and (found[0].step, found[1]) == (Step.TO_PICK, 10.0)


def test_where_nothing_leaves_nobody_knows_how_long_it_takes() -> None:
    found = held_back([stand(Step.HELD, 3, 0), stand(Step.TO_PACK, 1, 10)], NOW)
    assert found is not None and (found[0].step, found[1]) == (Step.HELD, None)


def test_what_has_just_come_holds_nothing_back() -> None:
    assert held_back([stand(Step.TO_PICK, 50, 0, timedelta(seconds=20))], NOW) is None
