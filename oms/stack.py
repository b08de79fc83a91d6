"""The whole installation on one machine: broker, database, topics, keys, and a process for each service.

Here they are started in order and stopped in reverse. What has to be there before the processes is made in
oms/preparing.py, what they say of themselves is read in oms/status.py; what a server needs to run is in deploy/local/.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import psutil

from chassis.settings import Settings
from contracts import topics
from deploy.local.broker import Broker, broker_answers, start_broker
from deploy.local.database import Database, start_database
from deploy.local.errors import FolderMissing, NotReady, StackError, StalePid, StopRefused
from deploy.local.lock import only_one
from deploy.local.process import (
    Launch,
    PidFile,
    await_ready,
    last_line,
    launch,
    require_disk,
    require_folder,
    require_free_port,
    stop,
)
from oms.kept import Again, read_again
from oms.preparing import Report, prepare, require_database

__all__ = [
    "DOORS",
    "PROCESSES",
    "Process",
    "Stack",
    "is_local",
]

START_SECONDS = 90.0
"""For a service's process to run: it imports, takes its slot and reads its tables first."""

STOP_SECONDS = 30.0
HEALTH_SECONDS = 2.0
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost"})

UNSAID = "it has not said yet where its health answer is"


@dataclass(frozen=True)
class Process:
    """A process of ours: its name in run and log files, and the module that is run.

    `service` is whose inbox it reads, for the lag; None where it reads none.
    """

    name: str
    module: str
    service: str | None = None

    @property
    def command(self) -> list[str]:
        """How it is started here, and kept going when it is fenced (oms/kept.py)."""
        return [sys.executable, "-m", "oms.kept", self.name, self.module]


DOORS = Process("doors", "oms.doors")
SANDBOX = Process("sandbox", "oms.sandbox")
PROCESSES = (
    *(Process(name, f"services.{name}", name) for name in topics.SERVICES),
    DOORS,
    Process("workers", "oms.workers"),
    Process("channels", "oms.channels"),
    Process("console", "oms.console"),
    SANDBOX,
)
"""In the order of their start; they stop in reverse: what channels hear, workers and doors first."""


@dataclass(frozen=True)
class Stack:
    """One installation, by its settings. With `dies_with_parent` what it starts ends with this process."""

    settings: Settings
    processes: Sequence[Process] = PROCESSES
    dies_with_parent: bool = False

    @property
    def broker_folder(self) -> Path:
        return self.settings.home / "broker"

    @property
    def database_folder(self) -> Path:
        return self.settings.home / "database"

    @property
    def door_address(self) -> str:
        """Where the HTTP doors answer callers."""
        return f"http://{self.settings.http_host}:{self.settings.http_port}"

    @property
    def wanted(self) -> Sequence[Process]:
        """The processes that the settings want: without a port of its own no sandbox runs here."""
        return [process for process in self.processes if process != SANDBOX or self.settings.sandbox_port]

    def pid_file(self, name: str) -> PidFile:
        """The pid file of a process of ours, or of `broker` or `database`."""
        folders = {"broker": self.broker_folder, "database": self.database_folder}
        return PidFile(folders.get(name, self.settings.run_folder) / f"{name}.pid")

    def up(self, report: Report) -> None:
        """Start what does not run yet and return when all of it answers.

        Raises StackError, LogError or MasterKeyRefused with a sentence for people; what was started until then goes on.
        """
        for folder in (self.settings.home, self.settings.run_folder, self.settings.logs_folder):
            require_folder(folder)
        require_disk(self.settings.home)
        with only_one(self.settings.home, "oms up"):
            self._say_stale(report)
            self._require_ports()
            report(f"{'broker':<11} {self._broker_up()}")
            report(f"{'database':<11} {self._database_up()}")
            prepare(self.settings, report)
            # All are started before one is waited for: most of their start is the import of libraries.
            for process, started in [(process, self._process_up(process)) for process in self.wanted]:
                self._await(process, started)
                report(f"{process.name:<11} {self.health(process)['state']}")
            self._require_well()

    def _say_stale(self, report: Report) -> None:
        for name in ("broker", "database", *(process.name for process in self.wanted)):
            try:
                self.pid_file(name).running()
            except StalePid as error:
                report(f"{name}: {error} Starting it again.")
                self.pid_file(name).clear()

    def _require_ports(self) -> None:
        """Before anything is started, so that a taken port leaves nothing half started behind."""
        if DOORS in self.wanted and self.pid_file(DOORS.name).running() is None:
            require_free_port("the HTTP door", self.settings.http_port, self.settings.http_host)
        if SANDBOX in self.wanted and self.pid_file(SANDBOX.name).running() is None:
            require_free_port("the payment sandbox", self.settings.sandbox_port, self.settings.sandbox_host)

    def _broker_up(self) -> str:
        address = self.settings.bootstrap
        host, _, port = address.rpartition(":")
        if is_local(host):
            return start_broker(self.broker_folder, int(port), self.dies_with_parent).address
        if not broker_answers(address):
            raise NotReady(f"no broker answers at {address} (the setting bootstrap)")
        return address

    def _database_up(self) -> str:
        parts = urlsplit(self.settings.database)
        if is_local(parts.hostname):
            name = parts.path.removeprefix("/")
            start_database(self.database_folder, parts.port, (name,), self.dies_with_parent)
        require_database("database", self.settings.database)
        return f"{parts.hostname}:{parts.port}"

    def _process_up(self, process: Process) -> psutil.Popen | None:
        """The process just started; None where it runs already."""
        pid_file = self.pid_file(process.name)
        if pid_file.running() is not None:
            return None
        plan = Launch(
            process.command,
            self._log(process),
            {"PYTHONUNBUFFERED": "1"},
            parent_death_signal=signal.SIGTERM if self.dies_with_parent else None,
        )
        return launch(plan, pid_file)

    def _await(self, process: Process, started: psutil.Popen | None) -> None:
        """Wait until one runs; one that ran before only has to answer, and is left alone when it does not."""
        running = started or self.pid_file(process.name).running()
        if running is None:
            return
        come_up = ("running", "failed") if started else ("running", "failed", "waiting")
        try:
            await_ready(
                process.name,
                running,
                self._log(process),
                lambda: self.health(process)["state"] in come_up,
                START_SECONDS,
            )
        except StackError:
            if started is not None:
                stop(started, signal.SIGTERM, STOP_SECONDS)
                self.pid_file(process.name).clear()
            raise

    def _require_well(self) -> None:
        """Raises NotReady when one does not run at last, such as one that ended while others came up."""
        health = {process.name: self.health(process) for process in self.wanted}
        unwell = [
            f"{name}: {said['state']}, {said['last_error']}"
            for name, said in health.items()
            if said["state"] != "running"
        ]
        if unwell:
            raise NotReady("not all of it runs. " + "; ".join(unwell))

    def health(self, process: Process) -> dict[str, Any]:
        """What a process says of itself now (chassis.runtime.Health); `state` and `last_error` are always there, and
        `again` (oms.kept.Again) where it has begun again since it was started.

        Of one that says nothing the state is `stopped` (no pid file), `died` (a stale one), `starting` (for its first
        START_SECONDS) or `silent`.
        """
        try:
            running = self.pid_file(process.name).running()
        except StalePid as error:
            return {"state": "died", "last_error": f"{error} The last line of its log: {last_line(self._log(process))}"}
        if running is None:
            return {"state": "stopped", "last_error": None}
        again = self._again(process, running)
        try:
            said = read_health(self.settings.run_folder, process.name)
            if said["pid"] == running.pid:
                return {**said, **again}
            trouble = UNSAID
        except FileNotFoundError:
            trouble = UNSAID
        except (OSError, ValueError, KeyError, HTTPException) as error:
            trouble = f"its health answer cannot be read: {error}"
        if again and time.time() - _seconds(again["again"]) < START_SECONDS:
            return {"state": "starting", "last_error": f"it was {again['again'].why}", "pid": running.pid, **again}
        young = time.time() - running.create_time() < START_SECONDS
        return {"state": "starting" if young else "silent", "last_error": trouble, "pid": running.pid, **again}

    def _again(self, process: Process, running: psutil.Process) -> dict[str, Again]:
        """What it said when it last began again; what another process of that name said is over."""
        try:
            said = read_again(self.settings.run_folder, process.name)
        except (OSError, ValueError, TypeError):
            return {}  # written by another version, or half gone: of a process that answers nothing else is wrong
        return {"again": said} if said is not None and said.pid == running.pid else {}

    def _log(self, process: Process) -> Path:
        return self.settings.logs_folder / f"{process.name}.log"

    def down(self, report: Report) -> None:
        """Stop everything in reverse order, each gracefully first.

        Raises FolderMissing when there is no home, Busy, and at the end StopRefused for what could not be stopped or
        StalePid for what had already died.
        """
        if not self.settings.home.is_dir():
            raise FolderMissing(f"the folder {self.settings.home} does not exist: nothing was ever started from it")
        with only_one(self.settings.home, "oms down"):
            ended = [self._end(process.name, report, self._end_process) for process in reversed(self.processes)]
            ended.append(self._end("database", report, self._end_database))
            ended.append(self._end("broker", report, self._end_broker))
        if troubles := [trouble for trouble in ended if trouble is not None]:
            worst = max(troubles, key=lambda trouble: trouble.exit_code)
            raise type(worst)(" ".join(map(str, troubles)))

    def _end(self, name: str, report: Report, end: Callable[[str, psutil.Process], None]) -> StackError | None:
        """Stop one; what is to be told of it when it had died (its pid file is cleared) or cannot be stopped."""
        pid_file = self.pid_file(name)
        try:
            running = pid_file.running()
            if running is None:
                report(f"{name:<11} was not running")
            else:
                end(name, running)
                report(f"{name:<11} stopped")
        except StalePid as error:
            pid_file.clear()
            return StalePid(f"{name}: {error} It is cleared now.")
        except StopRefused as error:
            return StopRefused(f"{name}: {error}.")
        return None

    def _end_process(self, name: str, running: psutil.Process) -> None:
        stop(running, signal.SIGTERM, STOP_SECONDS)
        self.pid_file(name).clear()

    def _end_database(self, name: str, running: psutil.Process) -> None:
        Database(self.settings.database, self.database_folder, running).stop()

    def _end_broker(self, name: str, running: psutil.Process) -> None:
        Broker(self.settings.bootstrap, self.broker_folder, running).stop()


def _seconds(again: Again) -> float:
    """When it began again, in seconds as time.time() counts."""
    return datetime.fromisoformat(again.ended_at).timestamp() + again.pause_seconds


def is_local(host: str | None) -> bool:
    """Whether the server at `host` is ours to start and stop: anything but this machine is somebody else's."""
    return host in LOCAL_HOSTS


def read_health(run_folder: Path, name: str) -> dict[str, Any]:
    """What a process says of itself now, with the `address` it says it at.

    Raises OSError, ValueError, KeyError or HTTPException when it says nothing, or nothing that makes sense.
    """
    address = json.loads((run_folder / f"{name}.json").read_text())["address"]
    # Never by a proxy that the environment names: this is our own machine.
    with build_opener(ProxyHandler({})).open(address, timeout=HEALTH_SECONDS) as answer:
        return {**json.load(answer), "address": address}
