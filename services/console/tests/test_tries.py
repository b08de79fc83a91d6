"""Nobody tries passwords without end, and nobody clears the way for it."""

from __future__ import annotations

import pytest

from services.console import tries
from services.console.tries import ADDRESS_TRIES_MAX, NAME_TRIES_MAX, TRIES_SECONDS, Tries


class Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_wrong_tries_of_a_name_are_limited_wherever_they_come_from_for_a_while() -> None:
    clock = Clock()
    counted = Tries(clock)
    assert all(counted.begin("ada", f"10.0.0.{number}") for number in range(NAME_TRIES_MAX))
    assert not counted.begin("ada", "10.0.1.1") and counted.begin("bob", "10.0.1.1")
    clock.now = TRIES_SECONDS
    assert counted.begin("ada", "10.0.1.1")


def test_wrong_tries_from_an_address_are_limited_whichever_names_are_tried() -> None:
    counted = Tries(Clock())
    assert all(counted.begin(f"name-{number}", "10.0.0.1") for number in range(ADDRESS_TRIES_MAX))
    assert not counted.begin("ada", "10.0.0.1") and counted.begin("ada", "10.0.0.2")


def test_what_was_right_does_not_count_and_clears_no_other_try() -> None:
    counted = Tries(Clock())
    for _ in range(NAME_TRIES_MAX - 1):
        counted.begin("ada", "10.0.0.1")
    for _ in range(3 * NAME_TRIES_MAX):
        assert counted.begin("ada", "10.0.0.1")
        counted.was_right("ada", "10.0.0.1")
    assert counted.begin("ada", "10.0.0.1") and not counted.begin("ada", "10.0.0.1")


def test_no_more_names_and_addresses_are_kept_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "KEPT_MAX", 4)
    counted = Tries(Clock())
    for number in range(20):
        assert counted.begin(f"name-{number}", f"10.0.0.{number}")
    assert len(counted._tries) <= 4
