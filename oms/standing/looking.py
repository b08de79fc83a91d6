"""Looks every now and then at what stands still, for as long as the doors are open."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any

from chassis.settings import Settings
from chassis.streaming import AWAY
from deploy.local.errors import StalePid
from oms.stack import DOORS, Stack
from oms.standing.watch import Standing

__all__ = ["LOOK_SECONDS", "keep_looking", "processes_here"]

log = logging.getLogger("orderlog")

LOOK_SECONDS = 30.0
"""Between looks: each counts what waits in all inboxes, which reads the log."""


def processes_here(settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    """What each process of `oms up` says of itself, where it was `oms up` that started this one. Nothing elsewhere: who
    keeps containers watches them by oms/healthcheck.py, and none can ask another for its health."""
    stack = Stack(settings)
    try:
        started = stack.pid_file(DOORS.name).running()
    except StalePid:
        return {}
    if started is None or started.pid != os.getpid():
        return {}
    return {process.name: stack.health(process) for process in stack.wanted}


def keep_looking(standing: Standing) -> Callable[[], None]:
    """Look now and every LOOK_SECONDS, in a thread that nothing waits for at the end: a broker that leaves calls without an
    answer would keep the process from stopping. Returns what ends it."""
    over = Event()

    def look() -> None:
        while not over.is_set():
            try:
                standing.look()
            except AWAY as error:
                log.debug("what stands still is not known now: %s", error)
            except Exception as error:  # looking is no reason to close the doors
                log.error("what stands still cannot be found out: %s", error, exc_info=error)
            over.wait(LOOK_SECONDS)

    Thread(target=look, name="what-stands-still", daemon=True).start()
    return over.set
