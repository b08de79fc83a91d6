"""`oms up`, `status` and `down` on a stack of their own, with a stand-in for the services."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.sealing import FileMasterKey, MasterKeyRefused, Sealer, create_master_key
from chassis.settings import Settings
from chassis.vault import PostgresVault
from contracts.personal import PersonalContent
from deploy.local.errors import Busy, DiskFull, FolderMissing, NotReady, PortTaken, StalePid
from deploy.local.lock import only_one
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
        http_port=free_port(),
        sandbox_port=free_port(),
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


def test_a_process_that_ends_while_others_come_up_is_told(stack: Stack) -> None:
    def kill_once_up(line: str) -> None:
        if line.startswith("standin"):
            victim = stack.pid_file("standin").running()
            assert victim is not None
            victim.kill()
            eventually(lambda: stack.health(STANDIN)["state"] == "died", because="the end of the stand-in")

    with pytest.raises(NotReady, match=r"not all of it runs\. standin: died"):
        stack.up(kill_once_up)

    stack.up(lambda line: None)


def test_a_process_that_runs_and_does_not_answer_is_told_and_left_alone(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oms.stack.START_SECONDS", 0.5)
    monkeypatch.setattr("oms.stack.HEALTH_SECONDS", 0.2)
    frozen = stack.pid_file("standin").running()
    assert frozen is not None
    frozen.suspend()
    try:
        with pytest.raises(NotReady, match="standin did not answer"):
            stack.up(lambda line: None)
        assert read_status(stack)[2].state == "silent"
    finally:
        frozen.resume()

    eventually(lambda: read_status(stack)[2].state == "running", because="the stand-in answering again")


def test_two_at_once_do_not_get_in_each_others_way(stack: Stack) -> None:
    with only_one(stack.settings.home, "oms up"):
        with pytest.raises(Busy, match="`oms up`"):
            stack.up(lambda line: None)
        with pytest.raises(Busy, match="`oms up`"):
            stack.down(lambda line: None)

    assert exit_code(read_status(stack)) == 0


def test_a_lost_master_key_is_not_replaced_while_the_vault_needs_it(stack: Stack) -> None:
    vault, place = PostgresVault(stack.settings.vault), stack.settings.master_key
    Sealer(vault, FileMasterKey(place)).seal("somebody", PersonalContent(name="Ada"))
    backup = place.rename(place.with_name("backup"))

    with pytest.raises(MasterKeyRefused, match=r"is gone.*put it back"):
        stack.up(lambda line: None)
    assert not place.exists()

    create_master_key(place)
    with pytest.raises(MasterKeyRefused, match=r"is not the one.*put it back"):
        stack.up(lambda line: None)

    backup.replace(place)
    stack.up(lambda line: None)
    vault.forget("somebody")
    vault.close()


@pytest.mark.parametrize("setting", ["database", "vault"])
def test_a_database_that_lets_nobody_in_is_named_with_its_setting(stack: Stack, setting: str) -> None:
    address = str(getattr(stack.settings, setting)).replace("orderlog@", "stranger@")
    settings = stack.settings.model_copy(update={setting: address})

    with pytest.raises(NotReady, match=f"the setting {setting}.*stranger"):
        Stack(settings, (STANDIN,), dies_with_parent=True).up(lambda line: None)


def test_down_stops_all_of_it_and_tells_what_had_died(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    home = folder / "home"
    monkeypatch.setenv("OMS_HOME", str(home))
    stack = Stack(settings_in(home), (STANDIN,), dies_with_parent=True)
    stack.up(lambda line: None)
    victim = stack.pid_file("standin").running()
    assert victim is not None
    victim.kill()
    victim.wait(30)

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


def test_a_taken_door_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        settings = settings_in(tmp_path / "home").model_copy(update={"http_port": holder.getsockname()[1]})
        with pytest.raises(PortTaken, match="the HTTP door"):
            Stack(settings).up(lambda line: None)

    assert not (settings.home / "broker").exists()


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
