"""A client that never returns: whoever called it goes on in time, and knows that the outcome is unknown."""

from __future__ import annotations

from threading import Event, current_thread

import pytest

from chassis.kafka import answered
from chassis.log import Indefinite


def test_a_call_that_never_returns_has_an_unknown_outcome() -> None:
    # given a client that waits for a coordinator which never comes
    released = Event()
    # when it is called
    with pytest.raises(Indefinite, match="did not answer"):
        answered(released.wait, seconds=0.05)
    # then its caller was let go, and only the thread with the call stays
    released.set()


def test_what_a_call_raises_is_raised() -> None:
    def refuse() -> None:
        raise KeyError("this one")

    with pytest.raises(KeyError, match="this one"):
        answered(refuse, seconds=5)


def test_a_call_that_returns_was_made_once_and_apart() -> None:
    made: list[str] = []
    answered(lambda: made.append(current_thread().name), seconds=5)
    assert made == ["unanswered"]
