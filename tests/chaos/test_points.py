"""The enumeration of faults is whole: every fault point of the code is in it, for every process that reaches it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis import faultpoints
from contracts.topics import SERVICES
from tests.chaos.__main__ import DAILY, LONG
from tests.chaos.points import NOT_KILLED_AT, POINTS, kills, rounds
from tests.chaos.rows import KILLED

ROOT = Path(__file__).parents[2]
CALLED = re.compile(r"""faultpoint\(f?"([^"]+)\"""")
ACTORS = ("payments", "notices")


def _points() -> set[str]:
    """The fault points of the code; those named by who acts, once for each."""
    found: set[str] = set()
    for package in ("chassis", "services", "oms"):
        for path in (ROOT / package).rglob("*.py"):
            found |= set(CALLED.findall(path.read_text()))
    return {name.replace("{self.actor}", actor) for name in found for actor in ACTORS}


def test_every_fault_point_of_the_code_is_listed_and_none_that_is_not_there() -> None:
    assert _points() == POINTS.keys() | NOT_KILLED_AT.keys()


def test_every_service_is_killed_at_every_point_of_its_loop() -> None:
    # given the points of loop, follower and handling
    of_the_loop = {name for name in POINTS if name.startswith(("loop.", "follower.", "handling."))}
    # when all kills of a day are listed
    made = {(kill.process, kill.point) for kill in kills(KILLED, seed=7)}
    # then each service has each of them
    assert {(service, point) for service in SERVICES for point in of_the_loop} <= made


def test_rounds_have_every_kill_once_and_no_process_twice() -> None:
    made = rounds(KILLED, seed=7)
    assert Counter(kill for together in made for kill in together) == Counter(kills(KILLED, seed=7))
    assert all(len({kill.process for kill in together}) == len(together) for together in made)


def test_the_same_seed_makes_the_same_faults_and_another_seed_others() -> None:
    assert rounds(KILLED, seed=7) == rounds(KILLED, seed=7) != rounds(KILLED, seed=8)


def test_the_page_names_every_row_that_is_run() -> None:
    page = (ROOT / "docs" / "chaos.md").read_text()
    assert [row for row in sorted(DAILY | LONG) if f"| {row} |" not in page] == []


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    faultpoints.arm("")


def test_a_fault_of_one_stream_fires_for_it_alone_and_goes_on() -> None:
    # given a fault for one stream, from its second time on
    faultpoints.arm("handling.decide@order/a:2+:raise")
    # when others and that stream are met
    faultpoints.faultpoint("handling.decide", "order/b")
    faultpoints.faultpoint("handling.decide", "order/a")
    # then it is raised for that stream each time from then on
    for _ in range(2):
        with pytest.raises(faultpoints.FaultInjected, match="order/a"):
            faultpoints.faultpoint("handling.decide", "order/a")
    faultpoints.faultpoint("handling.decide", "order/b")


@pytest.mark.parametrize(
    "plan", ["loop.polled", "loop.polled:x:kill9", "loop.polled:1:die", "loop.polled:1:sleep=long"]
)
def test_a_plan_that_is_none_is_refused(plan: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(plan))):
        faultpoints.arm(plan)
