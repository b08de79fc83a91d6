"""What becomes of a pass in which something goes wrong that no fault explains."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from chassis.log import LogError
from deploy.local.errors import NotReady
from tests.chaos import __main__ as passes
from tests.chaos import play as playing
from tests.chaos import rows
from tests.chaos.__main__ import STDERR, clients_apart
from tests.chaos.play import NotHere, Play, at_rest
from tests.chaos.points import Kill
from tests.chaos.results import Outcome


def test_why_a_pass_ended_is_said_on_standard_error_and_what_clients_said_is_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # given a pass that ends in the middle, while a client writes
    log = tmp_path / "clients.log"
    with pytest.raises(AssertionError), clients_apart(log):
        os.write(STDERR, b"broker down\n")
        raise AssertionError
    # when what ended it is told afterwards
    print("nothing was confirmed", file=sys.stderr)
    # then it stands where it is looked for
    assert capfd.readouterr().err == "nothing was confirmed\n"
    assert log.read_text() == "broker down\n"


def test_a_pass_that_ends_before_its_time_is_an_outcome_like_any_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given an installation that does not come up
    @contextmanager
    def not_installed(home: Path) -> Iterator[Any]:
        raise NotReady("the broker did not answer")
        yield

    monkeypatch.setattr(passes, "installed", not_installed)
    told = list[Outcome]()
    monkeypatch.setattr(passes, "recorded", lambda outcomes, day: told.extend(outcomes))
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    # when it is tried
    assert passes.main(["--rows", "F13", "--seed", "1", "--record"]) == 1
    # then that is told, and recorded
    assert [(one.row, one.wrong) for one in told] == [("pass", ["NotReady: the broker did not answer"])]
    assert "NotReady: the broker did not answer" in capsys.readouterr().out


class Dying:
    """A process that was killed, as it was to be."""

    def poll(self) -> int:
        return -9

    wait = poll


class Away:
    """A site, its load and its play in one, whose broker is away when all is to be well again."""

    def __init__(self) -> None:
        self.site = self.load = self
        self.seed, self.healed, self.outcomes = 1, 0, list[Outcome]()

    def written(self) -> int:
        return 0

    def arm(self, faults: dict[str, str]) -> dict[str, Dying]:
        return {name: Dying() for name in faults}

    def launched(self, name: str) -> None:
        pass

    def stop(self, names: Any) -> None:
        pass

    def go_on(self) -> None:
        pass

    def heal(self) -> None:
        self.healed += 1

    def mend(self, one: Outcome) -> None:
        self.heal()

    def recover(self, together: list[Outcome]) -> None:
        raise LogError("the broker does not answer")

    def told(self, one: Outcome) -> None:
        self.outcomes.append(one)


def test_a_round_after_which_nothing_answers_is_told_and_the_next_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "pause", lambda seconds: None)
    kill = Kill("F01", "order", "loop.polled", 1)
    monkeypatch.setattr(rows, "rounds", lambda wanted, seed: [[kill], [kill]])
    play = Away()
    assert rows.kill_rounds(cast(Play, play), frozenset({"F01"}), lambda: False) == 0
    assert [(one.fired, one.wrong) for one in play.outcomes] == [(1, ["LogError: the broker does not answer"])] * 2
    assert play.healed == 2


class Unhealed:
    """A site whose broker does not come back."""

    def release(self) -> None:
        pass

    def heal(self) -> None:
        raise NotReady("the broker did not answer")


def test_what_cannot_be_healed_is_told_and_the_pass_goes_on() -> None:
    one = Outcome("F36", "kills", 1)
    play = Play.__new__(Play)
    play.site = cast(Any, Unhealed())
    play.mend(one)
    assert one.wrong == ["not healed: NotReady: the broker did not answer"]


def test_a_row_that_this_machine_cannot_make_is_told_and_nothing_is_mended() -> None:
    # given a row that needs what is not here, on a site that counts what is mended
    away, said = Away(), list[str]()
    play = Play.__new__(Play)
    play.site, play.load = cast(Any, away), cast(Any, away)
    play.seed, play.outcomes, play._say = 1, [], said.append
    # when it is tried
    with play.row("F23", "a full disk"):
        raise NotHere("only root may mount a small disk")
    # then why is said, and it is neither wrong nor a reason to heal
    assert [(one.not_here, one.wrong) for one in play.outcomes] == [("only root may mount a small disk", [])]
    assert "not made here" in said[0]
    assert away.healed == 0


class Wall:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.mark.parametrize(("lasts", "rests"), [(60.0, True), (1e9, False)])
def test_what_goes_on_for_ever_is_not_at_rest(monkeypatch: pytest.MonkeyPatch, lasts: float, rests: bool) -> None:
    # given events that are written every ten seconds, for a minute or without end
    wall = Wall()
    monkeypatch.setattr(playing, "time", wall)
    assert at_rest(lambda: int(min(wall.seconds, lasts) // 10)) is rests
