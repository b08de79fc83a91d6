"""A process of `oms up` that the broker fenced, or left without an answer, begins again in its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from chassis.runtime import Exit
from oms.kept import BEGINNINGS_MAX, ENDINGS, Again, pause_before, read_again
from oms.status import Row, status_table

MODULE = """
import os, sys
from pathlib import Path
begun = Path(os.environ["OMS_HOME"]) / "begun"
with begun.open("a") as file:
    file.write(f"{os.getpid()}\\n")
endings = [int(code) for code in os.environ["ENDINGS"].split()]
sys.exit(endings[len(begun.read_text().split()) - 1])
"""


def kept_process(home: Path, endings: str, times: int = 0) -> tuple[int, list[int], Again | None, str]:
    """Run a process with these endings one after the other: its exit code, the pid of each beginning, what it said of
    beginning again, and its log."""
    (home / "run").mkdir()
    (home / "ending.py").write_text(MODULE)
    done = subprocess.run(
        [sys.executable, "-m", "oms.kept", "order", "ending", str(times)],
        env={**os.environ, "PYTHONPATH": f"{home}:{Path.cwd()}", "OMS_HOME": str(home), "ENDINGS": endings},
        capture_output=True,
        text=True,
        check=False,
    )
    pids = [int(pid) for pid in (home / "begun").read_text().split()]
    return done.returncode, pids, read_again(home / "run", "order"), done.stderr


@pytest.mark.parametrize("ending", [Exit.FENCED, Exit.UNANSWERED])
def test_a_process_that_was_fenced_or_never_answered_begins_again_as_the_same_one(tmp_path: Path, ending: int) -> None:
    code, pids, again, _ = kept_process(tmp_path, f"{ending} {Exit.STOPPED}")
    assert code == Exit.STOPPED
    assert len(pids) == 2
    assert pids[0] == pids[1]
    assert again is not None
    assert (again.pid, again.times, again.pause_seconds) == (pids[0], 1, pause_before(1))
    assert again.why == ENDINGS[ending]


@pytest.mark.parametrize("ending", [Exit.STOPPED, Exit.CRASHED, Exit.SETTINGS, Exit.NO_POSITION, Exit.TOPICS])
def test_whoever_ends_in_another_way_does_not(tmp_path: Path, ending: int) -> None:
    code, pids, again, _ = kept_process(tmp_path, str(ending))
    assert (code, len(pids), again) == (ending, 1, None)


def test_it_does_not_begin_for_ever(tmp_path: Path) -> None:
    code, pids, _, said = kept_process(tmp_path, str(Exit.FENCED), times=BEGINNINGS_MAX)
    assert (code, len(pids)) == (Exit.FENCED, 1)
    assert "order was fenced by the broker after it had begun again 5 times" in said


def test_each_pause_is_twice_the_last() -> None:
    pauses = [pause_before(times) for times in range(1, BEGINNINGS_MAX + 2)]
    assert pauses == [1, 2, 4, 8, 16, None]


def test_status_says_who_began_again_and_when() -> None:
    console = Console(width=200)
    with console.capture() as captured:
        again = Again(17, 2, "2026-11-27T18:00:00+00:00", 2.0, ENDINGS[Exit.FENCED])
        console.print(status_table([Row("order", "running", again=again)]))
    told = f"order: fenced by the broker at 2026-11-27T18:00:00+00:00, began again, time 2 of {BEGINNINGS_MAX} in a row"
    assert told in captured.get()
