"""Processes of the local stack: found again or ended, stopped whoever started them, and one starter at a time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.errors import Busy, PortTaken, StalePid, StopRefused
from deploy.local.lock import only_one
from deploy.local.process import Launch, PidFile, free_port, launch, require_free_port, stop
from tests.waiting import eventually

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def orphan() -> Iterator[psutil.Process]:
    """A process whose parent lives and never collects it, as the first process of many a container."""
    script = f"import subprocess, time; print(subprocess.Popen({SLEEPER!r}).pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        yield psutil.Process(int(parent.stdout.readline()))
        parent.kill()


def test_a_process_is_known_again_after_the_clock_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file = PidFile(tmp_path / "some.pid")
    pid_file.write(psutil.Process())
    created = psutil.Process().create_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: created + 3_600)

    assert pid_file.running() == psutil.Process()


def test_another_process_with_the_same_pid_is_not_taken_for_it(tmp_path: Path) -> None:
    pid_file = PidFile(tmp_path / "some.pid")
    pid_file.write(psutil.Process())
    pid_file.path.write_text(pid_file.path.read_text().replace("/", "/9"))

    with pytest.raises(StalePid, match="no longer runs"):
        pid_file.running()


def test_a_process_that_nobody_collects_is_stopped_all_the_same(orphan: psutil.Process) -> None:
    asked_at = time.monotonic()

    assert stop(orphan, signal.SIGTERM, grace_seconds=5.0)

    assert time.monotonic() - asked_at < 5.0
    assert orphan.status() == psutil.STATUS_ZOMBIE


def test_a_process_of_somebody_else_is_named_with_its_owner(
    orphan: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> None:
        raise psutil.AccessDenied(orphan.pid)

    monkeypatch.setattr(orphan, "send_signal", refuse)

    with pytest.raises(StopRefused, match=f"process {orphan.pid} belongs to {orphan.username()}"):
        stop(orphan, signal.SIGTERM, grace_seconds=5.0)


def test_a_process_that_cannot_be_remembered_is_ended_at_once(tmp_path: Path) -> None:
    nowhere = PidFile(tmp_path / "nowhere" / "some.pid")
    before = set(psutil.Process().children())

    with pytest.raises(FileNotFoundError):
        launch(Launch(SLEEPER, tmp_path / "some.log", {}), nowhere)

    assert set(psutil.Process().children()) == before


def test_an_address_that_is_not_ours_is_refused_in_words() -> None:
    with pytest.raises(PortTaken, match=r"cannot listen on port \d+ of 192\.0\.2\.1"):
        require_free_port("the HTTP door", free_port(), "192.0.2.1")


def test_only_one_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    with (
        only_one(tmp_path, "oms up"),
        pytest.raises(Busy, match=r"`oms up` \(process \d+\) is at work"),
        only_one(tmp_path, "oms down"),
    ):
        pass

    with only_one(tmp_path, "oms down"):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    script = (
        "import pathlib, time; from deploy.local.lock import only_one\n"
        f"with only_one(pathlib.Path({str(tmp_path)!r}), 'oms up'): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        eventually(lambda: holder.stdout and holder.stdout.readline(), because="the lock held")
        holder.kill()

    with only_one(tmp_path, "oms up"):
        pass
