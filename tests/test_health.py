"""What a process says of itself while it cannot say anything."""

from __future__ import annotations

import time

import pytest

from chassis.runtime import STALLED_SECONDS, Health


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
