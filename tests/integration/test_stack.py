"""`oms up`, `status` and `down` on a stack of their own, with a stand-in for the services."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.settings import Settings
from deploy.local.errors import DiskFull, FolderMissing, NotReady, PortTaken, StalePid
from deploy.local.process import free_port
from oms.stack import Process, Stack
from oms.status import Row, exit_code, read_status
from tests.conftest import servers_folder
from tests.integration.test_local_servers import Usage
from tests.waiting import eventually

STANDIN = Process("standin", "tests.integration.standin")
CRASHING = Process("crashing", "tests.integration.crashing")


def settings_in(home: Path, namespace: str = "") -> Settings:
    database = free_port()
    return Settings(
        home=home,
        namespace=namespace,
        bootstrap=f"127.0.0.1:{free_port()}",
        database=f"postgresql://orderlog@127.0.0.1:{database}/orderlog",
        vault=f"postgresql://orderlog@127.0.0.1:{database}/vault",
    )


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack that runs, with one stand-in; stopped at the end whatever became of it."""
    with servers_folder() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OMS_HOME", str(folder / "home"))
        running = Stack(settings_in(folder / "home"), (STANDIN,), dies_with_parent=True)
        try:
            running.up(lambda line: None)
            yield running
        finally:
            running.down(lambda line: None)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the servers of one test."""
    with servers_folder() as made:
        yield made


def test_all_of_it_runs_and_says_where(stack: Stack) -> None:
    rows = read_status(stack)

    assert [(row.name, row.state) for row in rows] == [
        ("broker", "running"),
        ("database", "running"),
        ("standin", "running"),
    ]
    assert all(row.address and row.pid and row.memory_bytes for row in rows)
    assert exit_code(rows) == 0
    assert stack.settings.master_key.stat().st_mode & 0o777 == 0o600


def test_up_again_changes_nothing(stack: Stack) -> None:
    before = [row.pid for row in read_status(stack)]
    said: list[str] = []

    stack.up(said.append)

    assert [row.pid for row in read_status(stack)] == before
    assert any("all there" in line for line in said)


def test_a_process_that_died_is_told_and_started_again(stack: Stack) -> None:
    victim = stack.pid_file("standin").running()
    assert victim is not None
    victim.kill()
    eventually(lambda: not victim.is_running() or victim.status() == "zombie", because="the end of the stand-in")

    rows = read_status(stack)
    assert (rows[2].state, exit_code(rows)) == ("died", StalePid.exit_code)
    assert f"process {victim.pid}, which no longer runs" in (rows[2].last_error or "")

    said: list[str] = []
    stack.up(said.append)
    assert any("Starting it again" in line for line in said)
    assert exit_code(read_status(stack)) == 0


def test_a_process_that_ends_while_starting_is_told_with_its_last_word(stack: Stack) -> None:
    with pytest.raises(NotReady, match="the stand-in has nothing to stand on"):
        Stack(stack.settings, (STANDIN, CRASHING), dies_with_parent=True).up(lambda line: None)

    assert exit_code(read_status(stack)) == 0


def test_down_stops_all_of_it_and_tells_what_had_died(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    home = folder / "home"
    monkeypatch.setenv("OMS_HOME", str(home))
    stack = Stack(settings_in(home), (STANDIN,), dies_with_parent=True)
    stack.up(lambda line: None)
    victim = stack.pid_file("standin").running()
    assert victim is not None
    victim.kill()
    victim.wait(10)

    with pytest.raises(StalePid, match="standin"):
        stack.down(lambda line: None)

    rows = read_status(stack)
    assert {row.state for row in rows} == {"stopped"}
    assert exit_code(rows) == 8
    stack.down(lambda line: None)


def test_without_a_home_there_is_nothing_to_look_at_or_stop(tmp_path: Path) -> None:
    stack = Stack(settings_in(tmp_path / "home"))

    with pytest.raises(FolderMissing, match="home does not exist"):
        read_status(stack)
    with pytest.raises(FolderMissing, match="home does not exist"):
        stack.down(lambda line: None)


def test_a_home_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderMissing, match="nowhere does not exist"):
        Stack(settings_in(tmp_path / "nowhere" / "home")).up(lambda line: None)


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    port = int(settings.bootstrap.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken, match=f"port {port}"):
        Stack(settings).up(lambda line: None)


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - 1000, 1000))

    with pytest.raises(DiskFull, match="MiB are free"):
        Stack(settings_in(tmp_path / "home")).up(lambda line: None)


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["running", "external"], 0),
        (["running", "died"], 3),
        (["running", "waiting"], 7),
        (["running", "stopped"], 7),
        (["stopped", "stopped"], 8),
    ],
)
def test_the_exit_code_tells_the_worst(states: list[str], code: int) -> None:
    assert exit_code([Row(f"part{number}", state) for number, state in enumerate(states)]) == code
