"""kill -9 at every place where dying could lose or double something: nothing is lost, nothing is doubled."""

from __future__ import annotations

import signal

import pytest

from tests.integration.proofs import await_outcomes, book_until, prove
from tests.small.harness import SERVICES, World

POINTS = {
    "loop.polled": 40,
    "loop.loaded": 40,
    "handling.decide": 3,
    "loop.begun": 2,
    "loop.produced": 2,
    "loop.offsets_sent": 2,
    "loop.committed": 2,
    "follower.before_apply": 2,
    "follower.after_apply": 2,
}
"""Fault points, and at which hit to die: late enough that work is on its way, by which time both services have some."""


@pytest.mark.parametrize("point", POINTS)
def test_both_services_are_killed_and_started_again(world: World, point: str) -> None:
    # given bookings that keep coming while both services die at this point
    dying = [world.start(service, fault=f"{point}:{POINTS[point]}:kill9") for service in SERVICES]
    halls = [world.open_hall(f"hall {number}", 20) for number in range(3)]
    names = book_until(world, halls, lambda: all(process.poll() is not None for process in dying))
    assert [process.returncode for process in dying] == [-signal.SIGKILL, -signal.SIGKILL]
    # when they are started again
    for service in SERVICES:
        world.start(service)
    # then every booking ends, once
    await_outcomes(world, names)
    prove(world, names)
