"""A whole installation of its own to be measured: in a folder that is thrown away, on ports that nobody else has."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from chassis.kafka import KafkaLog
from chassis.rebuild import ends_of, positions_in
from chassis.settings import Settings, load_settings
from chassis.store import connect
from contracts import topics
from deploy.local.process import free_port
from oms.declared import declared
from oms.stack import PROCESSES, Process, Stack

__all__ = ["SERVICE_PROCESSES", "Installation", "NotCaughtUp", "installed"]

SERVICE_PROCESSES = tuple(process for process in PROCESSES if process.service)
"""The five services, without doors and workers."""

CATCH_UP_SECONDS = 120.0
STOP_SECONDS = 300.0
LOOK_SECONDS = 0.2


class NotCaughtUp(RuntimeError):
    """Tables did not reach the ends of their topics in time."""


@dataclass(frozen=True)
class Installation:
    """A running stack, and where it lies."""

    stack: Stack

    def log(self) -> KafkaLog:
        """A client of the broker, not kept: one that outlives its broker goes on looking for it, and says so."""
        return KafkaLog(self.settings.bootstrap)

    @property
    def settings(self) -> Settings:
        return self.stack.settings

    def pids(self) -> dict[str, int]:
        """The processes by name, broker and database among them."""
        names = ("broker", "database", *(process.name for process in self.stack.wanted))
        running = {name: self.stack.pid_file(name).running() for name in names}
        return {name: process.pid for name, process in running.items() if process is not None}

    def behind(self, services: Sequence[str] = topics.SERVICES) -> int:
        """How many offsets all tables of these services are behind their topics."""
        return sum(self._behind(service) for service in services)

    def _behind(self, name: str) -> int:
        service = declared(name, self.settings.namespace)
        with connect(self.settings.database, service.schema) as live:
            there = positions_in(live, service).offsets()
        return max(0, ends_of(self.log(), service).offsets() - there)

    def stop(self, name: str) -> None:
        """End a process as an operator does."""
        running = self.stack.pid_file(name).running()
        if running is not None:
            running.terminate()
            running.wait(STOP_SECONDS)
        self.stack.pid_file(name).clear()

    def caught_up(self, services: Sequence[str] = topics.SERVICES) -> float:
        """Wait until every store and read model is at the end of its topics twice in a row; the seconds it took.

        Raises NotCaughtUp.
        """
        began, still = time.monotonic(), 0
        while still < 2:
            behind = self.behind(services)
            still = 0 if behind else still + 1
            if time.monotonic() - began > CATCH_UP_SECONDS:
                raise NotCaughtUp(f"the tables are {behind} offsets behind after {CATCH_UP_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def bytes_on_disk(self) -> dict[str, int]:
        """What the log's segments take, and the database's tables with their indexes."""
        segments = (self.stack.broker_folder / "data").glob("*/*.log")
        with connect(self.settings.database, "public") as live:
            row = live.execute("select pg_database_size(current_database())").fetchone()
        assert row is not None
        return {"log": sum(each.stat().st_size for each in segments), "database": int(row[0])}

    def ends(self) -> dict[tuple[str, int], int]:
        """The end of every partition of every topic."""
        log = self.log()
        return {
            (topic, number): log.bounds(topic, number)[1]
            for topic, count in log.topics().items()
            if not topic.startswith("__")
            for number in range(count)
        }


@contextmanager
def installed(
    processes: Sequence[Process] = SERVICE_PROCESSES, chosen: Mapping[str, str] | None = None
) -> Iterator[Installation]:
    """Start an installation of these processes, with the settings `chosen` beside its own; stop it and remove its folder in
    the end."""
    before = {name: value for name, value in os.environ.items() if name.startswith("OMS_")}
    with TemporaryDirectory(prefix="orderlog-bench-", ignore_cleanup_errors=True) as folder:
        # Its processes read the environment, and nothing of what was set for another installation.
        for name in before:
            del os.environ[name]
        settings = {**_settings(Path(folder)), **(chosen or {})}
        os.environ.update(settings)
        try:
            stack = Stack(load_settings(), processes, dies_with_parent=True)
            try:
                stack.up(lambda line: None)
                yield Installation(stack)
            finally:
                stack.down(lambda line: None)
        finally:
            for name in settings:
                del os.environ[name]
            os.environ.update(before)


def _settings(folder: Path) -> dict[str, str]:
    database = free_port()
    return {
        "OMS_HOME": str(folder / "home"),
        "OMS_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "OMS_DATABASE": f"postgresql://orderlog@127.0.0.1:{database}/orderlog",
        "OMS_VAULT": f"postgresql://orderlog@127.0.0.1:{database}/vault",
        "OMS_HTTP_PORT": str(free_port()),
        "OMS_SANDBOX_PORT": str(free_port()),
    }
