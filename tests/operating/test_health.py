"""What a process says of itself, and what is said of one that says nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from chassis.runtime import Health, serve_health
from chassis.settings import Settings
from deploy.local.process import PidFile
from oms.stack import Process, Stack

PROCESS = Process("standin", "tests.integration.standin")


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """An installation of one process, which is this one."""
    made = Stack(Settings(home=tmp_path), (PROCESS,))
    made.settings.run_folder.mkdir()
    made.settings.logs_folder.mkdir()
    made.pid_file("standin").write(psutil.Process())
    return made


@pytest.fixture
def answering(stack: Stack) -> Iterator[Callable[[], None]]:
    """This process answers for its health; called, it ends that."""
    end = serve_health(Health("standin", state="running"), stack.settings.run_folder)
    yield end
    end()


def test_a_process_is_asked_directly_whatever_proxy_is_set(
    stack: Stack, answering: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")

    assert stack.health(PROCESS)["state"] == "running"


def test_the_answer_that_an_earlier_process_left_behind_is_not_taken_for_its_own(
    stack: Stack, answering: object
) -> None:
    place = stack.settings.run_folder / "standin.json"
    earlier = psutil.Process().parent()
    assert earlier is not None
    stack.pid_file("standin").write(earlier)

    health = stack.health(PROCESS)

    assert place.exists()
    assert health["state"] in {"starting", "silent"}
    assert "has not said yet" in health["last_error"]


def test_a_process_that_has_said_nothing_yet_is_starting(stack: Stack) -> None:
    started = psutil.Popen(["sleep", "60"])
    try:
        stack.pid_file("standin").write(started)
        assert stack.health(PROCESS)["state"] == "starting"
    finally:
        started.kill()
        started.wait()


def test_a_process_that_died_is_told_with_its_last_words(stack: Stack) -> None:
    (stack.settings.logs_folder / "standin.log").write_text("it began\norder.inbox/0 has no committed position\n")
    PidFile(stack.settings.run_folder / "standin.pid").path.write_text(
        json.dumps({"pid": 2**22 + 1, "born": "long ago"})
    )

    health = stack.health(PROCESS)

    assert health["state"] == "died"
    assert "order.inbox/0 has no committed position" in health["last_error"]
