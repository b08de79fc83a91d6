"""The embedded servers: they start in a folder, keep what they were given, and say clearly why they cannot."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg
import pytest

from deploy.local.broker import broker_answers, start_broker
from deploy.local.database import database_answers, start_database
from deploy.local.errors import DiskFull, FolderMissing, PortTaken, StalePid
from deploy.local.process import PidFile
from tests.conftest import servers_folder
from tests.waiting import eventually


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the servers of one test."""
    with servers_folder() as made:
        yield made


class Usage(NamedTuple):
    """What shutil.disk_usage answers."""

    total: int
    used: int
    free: int


def test_a_broker_stops_and_starts_again_from_its_folder(folder: Path) -> None:
    first = start_broker(folder / "broker", dies_with_parent=True)
    same = start_broker(folder / "broker", dies_with_parent=True)
    assert (same.address, same.process.pid) == (first.address, first.process.pid)
    first.stop()
    assert not broker_answers(first.address)
    assert PidFile(folder / "broker" / "broker.pid").running() is None

    again = start_broker(folder / "broker", dies_with_parent=True)

    assert broker_answers(again.address)
    again.stop()


def test_a_database_keeps_what_it_was_given_over_a_kill(folder: Path) -> None:
    first = start_database(folder / "database", dies_with_parent=True)
    with psycopg.connect(first.url) as connection:
        connection.execute("create table kept as select 7 as number")
    first.process.kill()
    first.process.wait()
    with pytest.raises(StalePid, match=f"process {first.process.pid}"):
        PidFile(folder / "database" / "database.pid").running()

    again = start_database(folder / "database", dies_with_parent=True)

    with psycopg.connect(again.url) as connection:
        assert connection.execute("select number from kept").fetchall() == [(7,)]
    again.stop()
    assert not database_answers(again.url)


def test_a_database_is_started_again_once_the_last_part_of_a_killed_one_has_ended(folder: Path) -> None:
    first = start_database(folder / "database", dies_with_parent=True)
    with psycopg.connect(first.url) as connection:
        part = psutil.Process(connection.info.backend_pid)
        part.suspend()
        first.process.kill()
        first.process.wait()
        threading.Timer(2.0, part.resume).start()

        again = start_database(folder / "database", dies_with_parent=True)

    assert database_answers(again.url)
    again.stop()


def test_servers_die_with_whoever_started_them(folder: Path) -> None:
    script = (
        "import pathlib, time; from deploy.local.database import start_database;"
        f"print(start_database(pathlib.Path({str(folder)!r}) / 'database', dies_with_parent=True).process.pid, flush=True);"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        server = int(starter.stdout.readline())
        starter.send_signal(signal.SIGKILL)

    eventually(lambda: not psutil.pid_exists(server), because="the end of the server")


@pytest.mark.parametrize("start", [start_broker, start_database])
def test_a_taken_port_is_named_with_its_holder(tmp_path: Path, start: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port}"):
            start(tmp_path / "server", port)  # type: ignore[operator]


@pytest.mark.parametrize("start", [start_broker, start_database])
def test_a_missing_folder_is_named(tmp_path: Path, start: object) -> None:
    with pytest.raises(FolderMissing, match="nowhere"):
        start(tmp_path / "nowhere" / "server")  # type: ignore[operator]


@pytest.mark.parametrize("start", [start_broker, start_database])
def test_a_full_disk_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: object
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - 1000, 1000))

    with pytest.raises(DiskFull, match="0 MiB are free"):
        start(tmp_path / "server")  # type: ignore[operator]


def test_a_pid_used_again_by_another_process_is_stale(tmp_path: Path) -> None:
    pid_file = PidFile(tmp_path / "some.pid")
    pid_file.path.write_text(f'{{"pid": {psutil.Process().pid}, "born": "long ago"}}')

    with pytest.raises(StalePid):
        pid_file.running()
