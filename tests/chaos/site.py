"""A whole installation of its own, whose processes are started, armed, stopped and killed one by one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import httpx
import psutil

from chassis.kafka import KafkaLog
from chassis.settings import Settings, load_settings
from contracts import topics
from deploy.local.broker import start_broker
from deploy.local.database import start_database
from deploy.local.errors import StackError, StalePid
from deploy.local.process import Launch, free_port, launch
from oms.stack import PROCESSES, Process, Stack
from oms.tokens import console_token
from tests.waiting import eventually

__all__ = ["SECOND", "Site", "installed", "kept_up", "settled"]

STOP_SECONDS = 30
START_SECONDS = 120
"""For a process to say that it runs, on a machine that has other work."""
COMMAND_SECONDS = 600
LOOK_SECONDS = 0.1
DOOR_SECONDS = 30.0

SECOND = "second"
"""A second process of a service: its pid file, and the folder in the installation's where it says that it runs."""

_BY_NAME = {process.name: process for process in PROCESSES}


AnySite = TypeVar("AnySite", bound="Site")


class Site:
    """The installation in the folder that the settings name, and a caller of its doors who may do everything."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stack = Stack(settings, dies_with_parent=True)
        self._http: httpx.Client | None = None
        self._launched: list[psutil.Popen] = []

    @cached_property
    def log(self) -> KafkaLog:
        """The broker, once it runs."""
        return KafkaLog(self.settings.bootstrap)

    @property
    def http(self) -> httpx.Client:
        """The doors, for whoever holds the console's token."""
        if self._http is None:
            token = {"Authorization": f"Bearer {console_token(self.settings)}"}
            address = self.stack.door_address
            self._http = httpx.Client(base_url=address, headers=token, timeout=DOOR_SECONDS, trust_env=False)
        return self._http

    def running(self, name: str) -> psutil.Process | None:
        """The process if it runs."""
        return self.stack.pid_file(name).running_or_clear()

    def launched(
        self,
        name: str,
        fault: str = "",
        home: Path | None = None,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> psutil.Popen:
        """Start a process, armed or not, and do not wait for it. With a `home` it is a second one of its kind. The only
        one of its kind is kept going as by `oms up`, unless it is armed or another `command`: how that ends is looked at."""
        more = {"PYTHONUNBUFFERED": "1", "OMS_FAULT": fault, **(environment or {})}
        if home is not None:
            (home / "run").mkdir(parents=True, exist_ok=True)
            more["OMS_HOME"] = str(home)
        process_meant = _BY_NAME[name]
        kept = home is None and not fault
        usual = process_meant.command if kept else [sys.executable, "-m", process_meant.module]
        plan = Launch(command or usual, self.logged(name), more, parent_death_signal=signal.SIGTERM)
        pid_file = self.stack.pid_file(name if home is None else SECOND)
        process = launch(plan, pid_file)
        # Kept, since how it ended is learned once, and not by whoever happens to start another.
        self._launched.append(process)
        return process

    def logged(self, name: str) -> Path:
        """The log of a process, of its second too."""
        return self.settings.logs_folder / f"{name}.log"

    def arm(self, faults: dict[str, str]) -> dict[str, psutil.Popen]:
        """Stop these processes properly, and start each with its fault."""
        self.stop(faults)
        return {name: self.launched(name, fault) for name, fault in faults.items()}

    def stop(self, names: Iterator[str] | dict[str, str] | Sequence[str]) -> None:
        """Stop processes as an operator does, all at once; what does not end in time is killed."""
        running = {name: process for name in names if (process := self.running(name)) is not None}
        for process in running.values():
            process.terminate()
        for name, process in running.items():
            try:
                process.wait(STOP_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
            self.stack.pid_file(name).clear()

    def heal(self) -> None:
        """Start what does not run, broker and database first."""
        port = int(self.settings.bootstrap.rpartition(":")[2])
        start_broker(self.stack.broker_folder, port, dies_with_parent=True)
        self.start_database()
        self.start_ended()

    def start_ended(self) -> list[str]:
        """Start the processes that do not run; their names."""
        ended = [process.name for process in self.stack.wanted if self.running(process.name) is None]
        for name in ended:
            self.launched(name)
        return ended

    def release(self) -> None:
        """Let go on what stands still, and end a second process, where a row could not do it itself."""
        for process in self.stack.wanted:
            if (running := self.running(process.name)) is not None:
                running.resume()
        if (second := self.running(SECOND)) is not None:
            second.kill()
            second.wait(STOP_SECONDS)

    def start_database(self) -> None:
        """Start the database if it does not run."""
        parts = httpx.URL(self.settings.database)
        until = time.monotonic() + STOP_SECONDS
        while True:
            try:
                name = parts.path.removeprefix("/")
                start_database(self.stack.database_folder, parts.port, (name,), dies_with_parent=True)
                return
            except StackError:
                # What a killed server left behind may still be going.
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_SECONDS)

    def await_running(self, names: Sequence[str] = ()) -> None:
        """Wait until these, or all, say that they run."""

        def well(process: Process) -> bool:
            try:
                return bool(self.stack.health(process)["state"] == "running")
            except StalePid:
                return False

        for process in self.stack.wanted:
            if not names or process.name in names:
                eventually(partial(well, process), START_SECONDS, f"{process.name} running", LOOK_SECONDS)

    def said(self, name: str, words: str, since: int) -> bool:
        """Whether the log of a process has these words after so many bytes."""
        with self.logged(name).open("rb") as file:
            file.seek(since)
            return words.encode() in file.read()

    def size(self, name: str) -> int:
        """How many bytes the log of a process has."""
        return self.logged(name).stat().st_size if self.logged(name).exists() else 0

    def written(self) -> int:
        """How many offsets the events of all services use: events, and one more a transaction and partition."""
        named = [topics.events(service, self.settings.namespace) for service in topics.SERVICES]
        return sum(self.log.bounds(topic, number)[1] for topic in named for number in range(self.settings.partitions))

    def oms(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run the `oms` command as a person would."""
        command = [sys.executable, "-m", "oms", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


@contextmanager
def installed(home: Path) -> Iterator[Site]:
    """A new installation in `home`, up and running; stopped afterwards, its folder left."""
    with kept_up(Site(settled(home, f"127.0.0.1:{free_port()}"))) as site:
        yield site


def settled(home: Path, bootstrap: str) -> Settings:
    """The settings of a new installation. They go by the environment of this process, as for whatever it starts."""
    database = free_port()
    os.environ.update(
        {
            "OMS_HOME": str(home),
            "OMS_BOOTSTRAP": bootstrap,
            "OMS_DATABASE": f"postgresql://orderlog@127.0.0.1:{database}/orderlog",
            "OMS_VAULT": f"postgresql://orderlog@127.0.0.1:{database}/vault",
            "OMS_HTTP_PORT": str(free_port()),
            "OMS_SANDBOX_PORT": str(free_port()),
            "OMS_MASTER_KEY_FILE": str(home / "master.key"),
            "OMS_TOKENS_FILE": str(home / "tokens.toml"),
        }
    )
    return load_settings()


@contextmanager
def kept_up(site: AnySite) -> Iterator[AnySite]:
    """An installation that is up and running, and is stopped afterwards."""
    try:
        site.stack.up(lambda line: None)
        yield site
    finally:
        site.stop([process.name for process in reversed(PROCESSES)])
        site.stack.down(lambda line: None)


def exit_code(process: psutil.Popen, seconds: float) -> int:
    """How a process ended, once it has; raises psutil.TimeoutExpired."""
    return int(process.wait(seconds))


def health_of(place: Path) -> dict[str, object]:
    """What a second process says of itself, by the file that names its health answer; empty while there is none."""
    try:
        found: dict[str, object] = httpx.get(json.loads(place.read_text())["address"], trust_env=False).json()
    except (OSError, ValueError, httpx.HTTPError):
        return {}
    return found


def pause(seconds: float) -> None:
    """A fault that lasts: the only reason to wait here for nothing."""
    time.sleep(seconds)
