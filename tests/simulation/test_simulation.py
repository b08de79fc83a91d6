"""Days of all services in one process: whatever goes wrong in them, everything holds and comes to an end; and were
something wrong in a service, such a day would show it, and be made short enough to be read."""

from __future__ import annotations

import pytest

from tests.simulation.__main__ import courses, main, missed
from tests.simulation.course import play
from tests.simulation.deeds import DEEDS, schedule_of
from tests.simulation.kept_days import DAYS
from tests.simulation.never_reached import GATE_SEEDS, NEVER_REACHED
from tests.simulation.planted import PLANTED, Planted
from tests.simulation.schedule import Act
from tests.simulation.seen import Seen
from tests.simulation.shrinking import shrunk
from tests.simulation.trace import told

SEEDS = 60
SHORT = 8
"""Acts that a schedule which shows a planted bug is made of at most, once it is made shorter."""


def test_whatever_happens_everything_holds_and_ends() -> None:
    broken = {seed: str(course.broken) for seed, course in courses(range(SEEDS)) if course.broken is not None}
    assert not broken, "play one with `make simulate SEED=…`"


def test_a_seed_gives_the_same_day_to_the_byte() -> None:
    for seed in range(5):
        assert play(schedule_of(seed)).digest == play(schedule_of(seed)).digest
    assert play(schedule_of(0)).digest != play(schedule_of(1)).digest


def test_any_acts_can_be_played_in_any_order() -> None:
    # whatever is left out of a schedule, the rest can be played: each deed does what it can with what it finds
    for name in DEEDS:
        assert play((Act(name, 0), Act("place", 0), Act(name, 12345), Act("ordinary", 7), Act(name, 0))).broken is None


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: f"{bug.service}: {bug.title}")
def test_a_planted_bug_is_found_and_made_short(bug: Planted) -> None:
    seeds = range(bug.first, bug.first + bug.within)
    found = next((c for c in (play(schedule_of(seed), bug.kinds) for seed in seeds) if c.broken is not None), None)
    assert found is not None, f"no seed of {seeds} shows it"
    short = shrunk(found, lambda acts: play(acts, bug.kinds))
    assert found.broken is not None and short.broken is not None
    assert short.broken.what == found.broken.what
    assert len(short.schedule) <= min(SHORT, len(found.schedule))
    # made shorter again it stays the same, and it is the same day whenever it is played
    assert play(short.schedule, bug.kinds).digest == short.digest
    assert "sequenceDiagram" in told(short)


def test_the_command_plays_one_seed_and_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3"]) == 0
    said = capsys.readouterr().out
    assert "```mermaid\nsequenceDiagram" in said and f"Digest: {play(schedule_of(3)).digest}" in said


def test_the_command_plays_many_and_says_what_it_saw(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "3", "--first", "7"]) == 0
    said = capsys.readouterr().out
    assert "3 schedules in" in said and "never reached" in said


def test_days_enough_have_to_reach_what_no_reason_is_given_for(capsys: pytest.CaptureFixture[str]) -> None:
    # few days are asked nothing; as many as the gate says have to reach every row that is not listed, and no more
    seen = Seen(schedules=GATE_SEEDS - 1)
    assert not missed(seen)
    seen.schedules = GATE_SEEDS
    assert missed(seen)
    said = capsys.readouterr().out.splitlines()
    kept = {row for day in DAYS for row in day.reaches}
    assert len(said) - 1 == len(seen.unreached()) - len(NEVER_REACHED) - len(kept)
    assert set(NEVER_REACHED) | kept < set(seen.unreached())
