"""The reserve hop as a Kafka Streams program, on the same broker with the same claims: what it handles a second."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from bench.hop import claim
from bench.machine import Meter, describe
from bench.peers.processes import process
from bench.peers.tools import Absent, streams_program
from bench.sending import send_all
from chassis.kafka import KafkaLog
from chassis.log import LogError
from contracts.topics import TopicSpec
from deploy.local.broker import start_broker

__all__ = ["streams"]

PARTITIONS = 4
THREADS = (1, 2)
WARM_PART = 0.2
LOOK_SECONDS = 0.1
DONE_SECONDS = 150.0


def streams(claims: int) -> dict[str, Any]:
    """One run of so many claims with each number of threads; `absent` says why there is none. Raises TimeoutError."""
    machine = describe()
    try:
        java = streams_program()
    except Absent as absent:
        return {"machine": machine, "absent": str(absent)}
    with TemporaryDirectory(prefix="orderlog-peer-", ignore_cleanup_errors=True) as folder:
        broker = start_broker(Path(folder) / "broker", dies_with_parent=True)
        try:
            by_threads = {
                str(threads): _run(Path(folder), java, broker.address, broker.process.pid, threads, claims)
                for threads in THREADS
            }
        finally:
            broker.stop()
    best = max(by_threads.values(), key=lambda each: float(each["commands_per_second"]))
    return {"machine": machine, "commands": claims, "by_threads": by_threads, "best": best}


def _run(folder: Path, java: Sequence[str], bootstrap: str, broker: int, threads: int, claims: int) -> dict[str, Any]:
    name = f"streams-{uuid4().hex[:8]}"
    inbox, events, answers = (f"{name}-{part}" for part in ("inbox", "events", "answers"))
    log = KafkaLog(bootstrap)
    log.create_topics([TopicSpec(topic, PARTITIONS, {}) for topic in (inbox, events, answers)])
    send_all(bootstrap, [claim(PARTITIONS, number, inbox) for number in range(claims)])
    command = [*java, bootstrap, name, inbox, events, answers, str(threads), str(folder / name)]
    with ExitStack() as running:
        program = running.enter_context(process(folder, name, command))
        begun = _until(log, name, inbox, round(WARM_PART * claims))
        meter = Meter({"broker": broker, "streams": program.pid})
        done = _until(log, name, inbox, claims)
        reading = meter.read()
    counted = done - begun
    return {
        "threads": threads,
        "commands_per_second": round(counted / reading.seconds, 1),
        "cpu_us_per_command": {each: round(1e6 * cpu / counted, 1) for each, cpu in reading.cpu.items()},
    }


def _until(log: KafkaLog, group: str, topic: str, wanted: int) -> int:
    """Wait until so many claims are behind the group's positions; how many there are then. Raises TimeoutError.

    In transactions a position may stand behind a marker, which counts as an offset of the topics that are written and
    not of this one.
    """
    until = time.monotonic() + DONE_SECONDS
    while (handled := _handled(log, group, topic)) < wanted:
        if time.monotonic() > until:
            raise TimeoutError(f"Kafka Streams handled {handled} of {wanted} claims in {DONE_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
    return handled


def _handled(log: KafkaLog, group: str, topic: str) -> int:
    """How many claims are behind the group's positions; none while its coordinator has only just come up."""
    try:
        return sum(log.positions(group, topic).values())
    except LogError:
        return 0
