"""What a process says of itself while it cannot say anything."""

from __future__ import annotations

import time
from typing import cast

import pytest

from chassis.projection import ProjectionFailed, ProjectionFollower
from chassis.runtime import STALLED_SECONDS, Health, let_follow


@pytest.mark.parametrize("state", ["running", "waiting"])
def test_a_loop_that_has_not_come_round_for_long_is_told_as_one_that_waits(state: str) -> None:
    health = Health("order", state=state, stepped_at=time.monotonic() - STALLED_SECONDS - 5)
    document = health.document()
    assert (document["state"], document["last_error"]) == ("waiting", "its loop has not come round for 20 s")


@pytest.mark.parametrize("state", ["starting", "stopping", "failed"])
def test_a_process_that_starts_or_ends_says_so_whatever_its_loop_did(state: str) -> None:
    health = Health("order", state=state, stepped_at=time.monotonic() - STALLED_SECONDS - 5)
    assert health.document()["state"] == state


def test_a_process_without_a_loop_or_with_one_that_goes_round_is_as_it_says() -> None:
    assert Health("doors", state="running").document()["state"] == "running"
    assert Health("order", state="running", stepped_at=time.monotonic()).document()["state"] == "running"


def test_what_is_waited_for_is_told_as_long_as_it_lasts_and_as_the_last_error_after() -> None:
    health = Health("order", state="running")
    health.tell("the projection words cannot go on")
    assert (health.state, health.last_error) == ("waiting", "the projection words cannot go on")
    health.tell(None)
    assert (health.state, health.last_error) == ("running", "the projection words cannot go on")


class Follower:
    """A projection's follower: each step ends as told, and leaves what it waits for then."""

    def __init__(self, *ends: Exception | None) -> None:
        self.waiting: str | None = None
        self._ends = iter(ends)

    def step(self) -> None:
        end = next(self._ends)
        self.waiting = None if end is None else str(end)
        if end is not None:
            raise end


def test_one_projection_that_cannot_go_on_is_told_and_logged_once_while_the_others_follow(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given a projection that fails twice and then goes on, and another behind it
    failed = ProjectionFailed("the projection words cannot go on")
    followers = [
        cast("ProjectionFollower", made) for made in (Follower(failed, failed, None), Follower(None, None, None))
    ]
    # then it is told each time, and nothing once it is over
    told = [let_follow(followers, "order") for _ in range(3)]
    assert told == [str(failed), str(failed), None]
    assert [record.message for record in caplog.records] == [f"order: {failed}"]
