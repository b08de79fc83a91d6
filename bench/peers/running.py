"""The peers at their best: each is started in a folder of its own, loaded in a few ways, and the best of these counts.

Neither waits for a disk, as Kafka does not: what is acknowledged is with the operating system, and a process that is killed loses nothing of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg

from bench.machine import Meter, Reading, describe, percentiles
from bench.orders import ARTICLES, PLENTY
from bench.peers.processes import hear, line, process
from bench.peers.tools import Absent, peers_python, restate_server
from deploy.local.database import start_database
from deploy.local.process import free_port

__all__ = ["Span", "dbos", "restate"]

READY_SECONDS = 60.0
LOOK_SECONDS = 0.2
REGISTER_SECONDS = 10.0

WORKERS = (1, 2)
"""Processes that run the program of a peer, one figure each."""

UNDER_WAY = (32, 128)
"""Orders at once, one figure each."""

RESTATE = {
    "RESTATE_DISABLE_TELEMETRY": "true",
    "RESTATE_LOG_FILTER": "warn",
    "RESTATE_DEFAULT_NUM_PARTITIONS": "4",
    "RESTATE_DEFAULT_JOURNAL_RETENTION": "0s",
    "RESTATE_LOG_SERVER__ROCKSDB_DISABLE_WAL_FSYNC": "true",
    "RESTATE_ROCKSDB_TOTAL_MEMORY_SIZE": "1 GiB",
}
"""As its documentation says for a small machine; partitions as Orderlog has them; nothing is kept of an order that ended but its state."""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds before the clock starts, and on it."""

    warm: float
    seconds: float


def restate(span: Span) -> dict[str, Any]:
    """One run of the saga on Restate, with each number of workers and orders under way. `absent` says why there is none."""
    return _measured(_restate, span)


def dbos(span: Span) -> dict[str, Any]:
    """One run of the saga on DBOS Transact, with each number of processes and orders under way."""
    return _measured(_dbos, span)


def _measured(one: Any, span: Span) -> dict[str, Any]:
    machine = describe()
    found = []
    try:
        for workers in WORKERS:
            for under_way in UNDER_WAY:
                with TemporaryDirectory(prefix="orderlog-peer-", ignore_cleanup_errors=True) as folder:
                    found.append(one(Path(folder), workers, under_way, span))
    except Absent as absent:
        return {"machine": machine, "absent": str(absent)}
    best = max(found, key=lambda each: float(each["orders_per_second"]))
    return {"machine": machine, "best": best, "all": found}


def _figures(workers: int, under_way: int, said: Sequence[Mapping[str, Any]], reading: Reading) -> dict[str, Any]:
    took = [each for one in said for each in one["took"]]
    completed = sum(int(one["completed"]) for one in said)
    return {
        "workers": workers,
        "under_way": under_way,
        "orders_per_second": round(completed / float(said[0]["seconds"]), 2),
        "placed_to_completed_ms": percentiles(took),
        "cpu_ms_per_order": {name: round(1_000 * cpu / completed, 2) for name, cpu in reading.cpu.items()},
    }


def _restate(folder: Path, workers: int, under_way: int, span: Span) -> dict[str, Any]:
    server, python = restate_server(), peers_python()
    ingress, admin, fabric, program = (f"127.0.0.1:{free_port()}" for _ in range(4))
    places = {
        "RESTATE_BASE_DIR": str(folder / "data"),
        "RESTATE_INGRESS__BIND_ADDRESS": ingress,
        "RESTATE_ADMIN__BIND_ADDRESS": admin,
        "RESTATE_BIND_ADDRESS": fabric,
    }
    with ExitStack() as running:
        broker = running.enter_context(process(folder, "server", [str(server)], {**RESTATE, **places}))
        command = ["-m", "hypercorn", "restate_saga:app", "--bind", program, "--workers", str(workers)]
        saga = running.enter_context(process(folder, "saga", [str(python), *command, "--worker-class", "uvloop"]))
        _register(admin, program)
        command = [f"http://{ingress}", str(under_way), str(span.warm), str(span.seconds), str(ARTICLES)]
        load = running.enter_context(process(folder, "load", [str(python), "restate_load.py", *command], heard=True))
        meter = Meter({"server": broker.pid, "saga": saga.pid, "load": load.pid})
        hear(load, "counting", folder)
        meter.read()
        said = json.loads(line(load, folder))
        return _figures(workers, under_way, [said], meter.read())


def _dbos(folder: Path, workers: int, under_way: int, span: Span) -> dict[str, Any]:
    python = peers_python()
    database = start_database(folder / "database", databases=("saga",), dies_with_parent=True)
    try:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("alter database saga set synchronous_commit = off")
            connection.execute("create table stock (article text primary key, free bigint, gone bigint default 0)")
            connection.execute(
                "insert into stock (article, free) select 'B' || n, %s from generate_series(0, %s) n",
                [PLENTY, ARTICLES - 1],
            )
        with ExitStack() as running:
            sagas = []
            for number in range(workers):
                each = [str(under_way // workers), str(span.warm), str(span.seconds), str(ARTICLES)]
                command = [str(python), "dbos_saga.py", database.url, f"executor-{number}", *each]
                sagas.append(running.enter_context(process(folder, f"saga-{number}", command, heard=True)))
                hear(sagas[-1], "ready", folder)
            meter = Meter({"database": database.process.pid} | {f"saga-{n}": each.pid for n, each in enumerate(sagas)})
            for saga in sagas:
                assert saga.stdin is not None
                saga.stdin.write("go\n")
                saga.stdin.flush()
            hear(sagas[0], "counting", folder)
            meter.read()
            said = [json.loads(line(sagas[0], folder))]
            reading = meter.read()
            for saga in sagas[1:]:
                hear(saga, "counting", folder)
                said.append(json.loads(line(saga, folder)))
            return _figures(workers, under_way, said, reading)
    finally:
        database.stop()


def _register(admin: str, program: str) -> None:
    """Tell the Restate server where the program is, as soon as both are up. Raises TimeoutError."""
    until = time.monotonic() + READY_SECONDS
    while True:
        try:
            httpx.post(
                f"http://{admin}/deployments", json={"uri": f"http://{program}"}, timeout=REGISTER_SECONDS
            ).raise_for_status()
            return
        except httpx.HTTPError as error:
            if time.monotonic() > until:
                raise TimeoutError(f"Restate did not take the program within {READY_SECONDS:.0f} s") from error
        time.sleep(LOOK_SECONDS)
