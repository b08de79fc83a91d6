"""What runs and how it is: a row for the broker, the database and each process, for people and for programs.

Nothing here starts, stops or repairs anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil
from rich.console import Group
from rich.table import Table
from rich.text import Text

from chassis.kafka import KafkaLog
from chassis.settings import Settings
from deploy.local.broker import broker_answers
from deploy.local.database import database_refusal
from deploy.local.errors import FolderMissing, NotReady, NotRunning, StalePid
from oms.kept import BEGINNINGS_MAX, Again
from oms.lag import read_lags
from oms.stack import DOORS, Process, Stack, is_local

__all__ = ["Row", "exit_code", "read_status", "status_table"]

MIB = 2**20
STYLES = {"running": "green", "stopped": "dim", "waiting": "yellow", "starting": "yellow", "external": "green"}


@dataclass(frozen=True)
class Row:
    """How one part of the installation is.

    `state`: running, starting, waiting, failed, stopping (its own word), stopped (never started, or stopped), died (its
    pid file is stale), silent (its process runs and does not answer), external (answers, not ours to start). `lag` is
    the records of each inbox partition that are not handled yet, `followed_lag` the events not yet in the database.
    `letters` is what waits for a person in this service, as the doors count it; empty where they do not.
    `again`: that it began again since it was started, and when; None where it did not.
    """

    name: str
    state: str
    address: str | None = None
    pid: int | None = None
    memory_bytes: int | None = None
    last_error: str | None = None
    lag: Mapping[int, int] = field(default_factory=dict)
    followed_lag: Mapping[int, int] = field(default_factory=dict)
    letters: Mapping[str, int] = field(default_factory=dict)
    again: Again | None = None

    def document(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return asdict(self)


def read_status(stack: Stack) -> list[Row]:
    """A row for each part, in the order of the start; raises FolderMissing when there is no home."""
    settings = stack.settings
    if not settings.home.is_dir():
        raise FolderMissing(f"the folder {settings.home} does not exist: `oms up` makes it and starts everything")
    broker, database = settings.bootstrap, urlsplit(settings.database)
    away = None if broker_answers(broker) else "no broker answers there"
    place = f"{database.hostname}:{database.port}"
    rows = [
        _server(stack, "broker", broker.rpartition(":")[0], broker, away),
        _server(stack, "database", database.hostname, place, database_refusal(settings.database)),
    ]
    lags = _lags(settings, stack.wanted) if rows[0].state in ("running", "external") else {}
    letters = stack.health(DOORS).get("letters") or {} if DOORS in stack.wanted else {}
    return rows + [
        _process(stack, process, lags.get(process.service or "", {}), letters.get(process.service or "", {}))
        for process in stack.wanted
    ]


def _lags(settings: Settings, processes: Sequence[Process]) -> dict[str, dict[int, int]]:
    services = [process.service for process in processes if process.service]
    return read_lags(KafkaLog(settings.bootstrap), settings.namespace, services)


def _server(stack: Stack, name: str, host: str | None, address: str, trouble: str | None) -> Row:
    """`trouble` is why it does not answer; of one that is not started it says nothing new."""
    if not is_local(host):
        return Row(name, "silent" if trouble else "external", address, last_error=trouble)
    try:
        running = stack.pid_file(name).running()
    except StalePid as error:
        return Row(name, "died", address, last_error=str(error))
    if running is None:
        return Row(name, "stopped", address)
    return Row(name, "silent" if trouble else "running", address, running.pid, _memory(running), trouble)


def _process(stack: Stack, process: Process, lag: Mapping[int, int], letters: Mapping[str, int]) -> Row:
    health = stack.health(process)
    partitions: Mapping[str, Mapping[str, int]] = health.get("partitions") or {}
    return Row(
        process.name,
        health["state"],
        stack.door_address if process == DOORS else health.get("address"),
        health.get("pid"),
        health.get("memory_bytes"),
        health["last_error"],
        lag,
        {int(number): told["followed_lag"] for number, told in partitions.items() if "followed_lag" in told},
        letters,
        health.get("again"),
    )


def _memory(process: psutil.Process) -> int | None:
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return None


def exit_code(rows: Sequence[Row]) -> int:
    """0 when all runs; else the code of the worst: something died, something is not well, nothing was started."""
    states = {row.state for row in rows}
    if states <= {"running", "external"}:
        return 0
    if "died" in states:
        return StalePid.exit_code
    return NotRunning.exit_code if states <= {"stopped", "external"} else NotReady.exit_code


def status_table(rows: Sequence[Row]) -> Group:
    """The rows for people, and below them what each says is wrong."""
    table = Table(box=None, pad_edge=False)
    for column in ("name", "state", "address", "pid", "memory"):
        table.add_column(column, no_wrap=True)
    table.add_column("lag")
    table.add_column("to follow")
    for row in rows:
        table.add_row(
            row.name,
            f"[{STYLES.get(row.state, 'red')}]{row.state}[/]",
            (row.address or "").removeprefix("http://").removesuffix("/health"),
            str(row.pid or ""),
            f"{row.memory_bytes // MIB} MiB" if row.memory_bytes else "",
            _by_partition(row.lag),
            _by_partition(row.followed_lag),
        )
    return Group(table, *(_said(row) for row in rows if row.last_error), *_begun_again(rows), *_waiting(rows))


def _begun_again(rows: Sequence[Row]) -> list[Text]:
    """Who had to end and began again, why, how often in a row, and when that was."""
    return [
        Text(
            f"{row.name}: {row.again.why} at {row.again.ended_at}, began again, "
            f"time {row.again.times} of {BEGINNINGS_MAX} in a row",
            style="dim" if row.state == "running" else "yellow",
        )
        for row in rows
        if row.again
    ]


def _waiting(rows: Sequence[Row]) -> list[Text]:
    """What waits for a person, of each service where something does."""
    return [
        Text(
            f"{row.name}: {row.letters['parked_messages']} parked messages in {row.letters['parked_streams']} streams, "
            f"{row.letters['dead_letters']} dead letters, the oldest {_age(row.letters['oldest_seconds'])} old: "
            "`oms dead-letters list`",
            style="yellow",
        )
        for row in rows
        if row.letters.get("parked_messages") or row.letters.get("dead_letters")
    ]


def _age(seconds: int) -> str:
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


def _said(row: Row) -> Text:
    """The last error; of a row that runs it is over."""
    over = row.state == "running"
    return Text(f"{row.name}{', earlier' if over else ''}: {row.last_error}", style="dim" if over else "yellow")


def _by_partition(lag: Mapping[int, int]) -> str:
    if lag and not any(lag.values()):
        return "0"
    return " ".join(f"{number}:{count}" for number, count in sorted(lag.items()))
