"""The whole installation on one machine: broker, database, topics, keys, and a process for each service.

Here they are started in order and stopped in reverse. What they say of themselves is read in oms/status.py; what a
server needs to run is in deploy/local/.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from chassis.kafka import KafkaLog
from chassis.sealing import create_master_key
from chassis.settings import Settings
from chassis.vault import create_vault
from contracts import topics
from deploy.local.broker import Broker, broker_answers, start_broker
from deploy.local.database import Database, database_answers, start_database
from deploy.local.errors import FolderMissing, NotReady, StalePid
from deploy.local.process import (
    Launch,
    PidFile,
    await_ready,
    launch,
    require_disk,
    require_folder,
    require_free_port,
    stop,
)
from oms.tokens import create_console_token

__all__ = ["PROCESSES", "Process", "Stack", "create_topics", "expected_topics", "is_local", "read_health"]

START_SECONDS = 90.0
"""For a service's process to run: it imports, takes its slot and reads its tables first."""

STOP_SECONDS = 30.0
HEALTH_SECONDS = 2.0
TOPICS_SECONDS = 15.0
POLL_SECONDS = 0.05
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost"})

Report = Callable[[str], None]


@dataclass(frozen=True)
class Process:
    """A process of ours: its name in run and log files, and the module that `python -m` runs.

    `service` is whose inbox it reads, for the lag; None where it reads none.
    """

    name: str
    module: str
    service: str | None = None


PROCESSES = (
    *(Process(name, f"services.{name}", name) for name in topics.SERVICES),
    Process("doors", "oms.doors"),
    Process("workers", "oms.workers"),
)
"""In the order of their start; they stop in reverse, doors and workers first."""


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

    def pid_file(self, name: str) -> PidFile:
        """The pid file of a process of ours, or of `broker` or `database`."""
        folders = {"broker": self.broker_folder, "database": self.database_folder}
        return PidFile(folders.get(name, self.settings.run_folder) / f"{name}.pid")

    def up(self, report: Report) -> None:
        """Start what does not run yet and return when all of it answers.

        Raises StackError or LogError with a sentence for people; what was started until then goes on running.
        """
        for folder in (self.settings.home, self.settings.run_folder, self.settings.logs_folder):
            require_folder(folder)
        require_disk(self.settings.home)
        self._say_stale(report)
        report(f"{'broker':<11} {self._broker_up()}")
        report(f"{'database':<11} {self._database_up()}")
        made = create_topics(self.settings)
        report(f"{'topics':<11} {f'{len(made)} made' if made else 'all there'}")
        create_vault(self.settings.vault)
        create_master_key(self.settings.master_key)
        if create_console_token(self.settings):
            report(f"{'token':<11} yours, who may do everything, is in {self.settings.console_token}")
        # All are started before one is waited for: most of their start is the import of libraries.
        for process, started in [(process, self._process_up(process)) for process in self.processes]:
            if started is not None:
                self._await(process, started)
            report(f"{process.name:<11} {read_health(self.settings.run_folder, process.name)['state']}")

    def _say_stale(self, report: Report) -> None:
        for name in ("broker", "database", *(process.name for process in self.processes)):
            try:
                self.pid_file(name).running()
            except StalePid as error:
                report(f"{name}: {error} Starting it again.")
                self.pid_file(name).clear()

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
        if not database_answers(self.settings.database):
            raise NotReady(f"no database answers at {parts.hostname}:{parts.port}{parts.path} (the setting database)")
        return f"{parts.hostname}:{parts.port}"

    def _process_up(self, process: Process) -> psutil.Popen | None:
        """The process just started; None where it runs already."""
        pid_file = self.pid_file(process.name)
        if pid_file.running() is not None:
            return None
        if process.module == "oms.doors" and self.settings.http_port:
            require_free_port("the HTTP door", self.settings.http_port)
        command = [sys.executable, "-m", process.module]
        plan = Launch(
            command,
            self._log(process),
            {"PYTHONUNBUFFERED": "1"},
            parent_death_signal=signal.SIGTERM if self.dies_with_parent else None,
        )
        started = launch(plan)
        pid_file.write(started)
        return started

    def _await(self, process: Process, started: psutil.Popen) -> None:
        try:
            await_ready(
                process.name, started, self._log(process), lambda: self._runs(process, started.pid), START_SECONDS
            )
        except BaseException:
            stop(started, signal.SIGTERM, STOP_SECONDS)
            self.pid_file(process.name).clear()
            raise

    def _log(self, process: Process) -> Path:
        return self.settings.logs_folder / f"{process.name}.log"

    def _runs(self, process: Process, pid: int) -> bool:
        health = read_health(self.settings.run_folder, process.name)
        return health.get("pid") == pid and health.get("state") == "running"

    def down(self, report: Report) -> None:
        """Stop everything in reverse order, each gracefully first.

        Raises FolderMissing when there is no home, and at the end StalePid for what had already died.
        """
        if not self.settings.home.is_dir():
            raise FolderMissing(f"the folder {self.settings.home} does not exist: nothing was ever started from it")
        stale = [
            said for process in reversed(self.processes) if (said := self._end(process.name, report, self._end_process))
        ]
        stale += filter(
            None, (self._end("database", report, self._end_database), self._end("broker", report, self._end_broker))
        )
        if stale:
            raise StalePid(" ".join(stale))

    def _end(self, name: str, report: Report, end: Callable[[str, psutil.Process], None]) -> str | None:
        """Stop one; the sentence of a pid file that was stale, which is cleared."""
        pid_file = self.pid_file(name)
        try:
            running = pid_file.running()
        except StalePid as error:
            pid_file.clear()
            return f"{name}: {error} It is cleared now."
        if running is None:
            report(f"{name:<11} was not running")
        else:
            end(name, running)
            report(f"{name:<11} stopped")
        return None

    def _end_process(self, name: str, running: psutil.Process) -> None:
        stop(running, signal.SIGTERM, STOP_SECONDS)
        self.pid_file(name).clear()

    def _end_database(self, name: str, running: psutil.Process) -> None:
        Database(self.settings.database, self.database_folder, running).stop()

    def _end_broker(self, name: str, running: psutil.Process) -> None:
        Broker(self.settings.bootstrap, self.broker_folder, running).stop()


def is_local(host: str | None) -> bool:
    """Whether the server at `host` is ours to start and stop: anything but this machine is somebody else's."""
    return host in LOCAL_HOSTS


def create_topics(settings: Settings) -> list[str]:
    """Make every topic that is missing, from the one table, and check the others; the names of those made.

    Raises TopicsMisset when a topic is there but set otherwise.
    """
    log = KafkaLog(settings.bootstrap)
    made: list[str] = []
    for service in topics.SERVICES:
        intents = settings.intents_partitions if service in topics.SERVICES_WITH_INTENTS else None
        made += log.create_service_topics(
            service, partitions=settings.partitions, namespace=settings.namespace, intents_partitions=intents
        )
    channels = topics.channel_topics(partitions=settings.partitions, namespace=settings.namespace)
    made += log.create_topics(channels)
    _await_topics(log, settings)
    log.check_topics(expected_topics(settings))
    return made


def _await_topics(log: KafkaLog, settings: Settings) -> None:
    """A topic just made is known to readers a moment later; what is missing after that is told by the check."""
    names = {spec.name for spec in expected_topics(settings)}
    deadline = time.monotonic() + TOPICS_SECONDS
    while names - log.topics().keys() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def expected_topics(settings: Settings) -> tuple[topics.TopicSpec, ...]:
    """Every topic that this installation must have."""
    return topics.all_topics(
        partitions=settings.partitions,
        namespace=settings.namespace,
        intents_partitions=settings.intents_partitions,
    )


def read_health(run_folder: Path, name: str) -> dict[str, Any]:
    """What a process says of itself now; with state `silent` and the reason when it says nothing."""
    try:
        address = json.loads((run_folder / f"{name}.json").read_text())["address"]
        return {**httpx.get(address, timeout=HEALTH_SECONDS).json(), "address": address}
    except FileNotFoundError:
        return {"state": "silent", "last_error": "it has not said yet where its health answer is"}
    except (OSError, ValueError, KeyError, httpx.HTTPError) as error:
        return {"state": "silent", "last_error": f"its health answer cannot be read: {error}"}
