"""Runs of the doors' process: begun one at a time, watched until they end, stopped when somebody says so or the doors end.
Of several such processes of one home the one that holds its lock has them; the others tell what it keeps.

The work is a process of its own, the same command that people type; here is only whether it goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from contracts.envelope import Actor
from contracts.message import to_milliseconds
from oms.runs.asked import Asked, Removal
from oms.runs.kept import RUNS_KEPT, Folder, Run, State
from oms.runs.outcome import ended
from oms.told_progress import Far

__all__ = ["AT_ONCE", "Busy", "Elsewhere", "NeverStopped", "OtherRun", "Runs", "command_beneath"]

log = logging.getLogger("orderlog")

AT_ONCE = 1
"""Runs that are at work at the same time: each reads whole topics, and writes as many rows as there are."""

LOOK_SECONDS = 0.25
"""Between two looks whether a process has ended."""

STOP_SECONDS = 5.0
"""How long a process has to end once it was asked to; then it is killed."""


def command_beneath() -> Sequence[str]:
    """What the arguments of `oms` are given to: a process that ends with this one."""
    return sys.executable, "-m", "oms.runs.beneath", str(os.getpid())


class Busy(Exception):
    """AT_ONCE runs are at work; the text names one of them."""


class OtherRun(Exception):
    """This id is that of a run of something else."""


class Elsewhere(Exception):
    """Another process has the runs of this folder."""


class NeverStopped(Exception):
    """The removal of a sandbox goes on to its end: half a sandbox is of no use to anybody."""


class Runs:
    """Begins, watches and stops them, in one event loop. `command` is what the arguments of `oms` are given to."""

    def __init__(
        self,
        path: Path,
        command: Sequence[str],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder, self._command, self._clock = Folder(path), command, clock
        self._runs: dict[str, Run] = {}
        self._at_work: dict[str, tuple[subprocess.Popen[bytes], asyncio.Task[None]]] = {}
        self._why_stopped: dict[str, str] = {}
        self._lock: int | None = None

    def take_up(self) -> None:
        """Have the runs that were kept, unless another process has them. Raises OSError."""
        if self._folder.there:
            self._has_them()

    def _has_them(self) -> bool:
        """Whether this process has the runs, from now on if nobody has. None of those that were kept is at work any
        more then: a run ends with the doors. Raises OSError."""
        if self._lock is None and (lock := self._folder.lock()) is not None:
            self._lock = lock
            for run in self._folder.all():
                self._runs[run.run] = run
                if run.state is State.AT_WORK:
                    self._end(run, State.BROKEN_OFF, "the doors' process ended while it was at work. Begin it again.")
        return self._lock is not None

    def all(self) -> list[Run]:
        """Those that are kept, the newest first. Raises OSError."""
        if self._lock is None:
            return self._folder.all()
        return sorted(self._runs.values(), key=lambda run: run.began_at, reverse=True)

    def far(self, run: str) -> Far | None:
        """How far one that is at work is; None where it is not, or has not said. Raises OSError."""
        return self._folder.far(run) if self._lock is None or run in self._at_work else None

    def position(self) -> object:
        """Something else as soon as anything moved."""
        return [(run.run, run.state, self._folder.size_said(run.run)) for run in self.all()]

    def begin(self, identifier: str, asked: Asked, actor: Actor) -> Run:
        """Begin it; the one that is there where this id was begun before. Raises Elsewhere, Busy, OtherRun, or
        OSError where it cannot be kept or started."""
        if not self._has_them():
            raise Elsewhere
        known = self._runs.get(identifier)
        if known is not None:
            if known.asked != asked:
                raise OtherRun(identifier)
            return known
        if len(self._at_work) >= AT_ONCE:
            other = self._runs[next(iter(self._at_work))]
            raise Busy(f"the {other.asked.kind} that {other.actor.subject} began")
        run = Run(run=identifier, asked=asked, actor=actor, began_at=to_milliseconds(self._clock()))
        self._forget_oldest()
        self._folder.keep(run)
        try:
            process = self._start(run)
        except OSError:
            self._folder.forget([run])
            raise
        self._runs[identifier] = run
        watching = asyncio.create_task(self._watch(run, process), name=f"run-{identifier}")
        self._at_work[identifier] = process, watching
        return run

    async def stop(self, identifier: str, why: str) -> Run | None:
        """End one that is at work, and say why; how it stands then. None where there is no such run. Raises Elsewhere,
        NeverStopped, or OSError."""
        if not self._has_them():
            raise Elsewhere
        if identifier in self._at_work:
            if isinstance(self._runs[identifier].asked, Removal):
                raise NeverStopped
            await self._stop(identifier, why)
        return self._runs.get(identifier)

    async def close(self) -> None:
        """End all that are at work: the doors end. Another process may have the runs then."""
        try:
            for identifier in [*self._at_work]:
                await self._stop(identifier, "the doors were stopped while it was at work. Begin it again.")
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    async def _stop(self, identifier: str, why: str) -> None:
        process, watching = self._at_work[identifier]
        if process.poll() is None:  # else it came to its end, and that is told
            self._why_stopped.setdefault(identifier, why)
        await _ended(process)
        await asyncio.wait({watching})  # whoever gives up waiting does not end the watching

    def _forget_oldest(self) -> None:
        oldest = [run for run in self.all()[RUNS_KEPT - 1 :] if run.run not in self._at_work]
        self._folder.forget(oldest)
        for run in oldest:
            del self._runs[run.run]

    def _start(self, run: Run) -> subprocess.Popen[bytes]:
        # By the thread of the event loop, which lives as long as the process: with it ends what it began (beneath.py).
        with self._folder.result(run.run).open("wb") as result, self._folder.said(run.run).open("wb") as said:
            command = [*self._command, *run.asked.arguments]
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=result, stderr=said, start_new_session=True
            )

    async def _watch(self, run: Run, process: subprocess.Popen[bytes]) -> None:
        try:
            while (code := process.poll()) is None:
                await asyncio.sleep(LOOK_SECONDS)
            if (stopped := self._why_stopped.get(run.run)) is not None:
                self._end(run, State.BROKEN_OFF, stopped)
            else:
                self._kept(await asyncio.to_thread(ended, run, code, self._folder))
        except Exception as error:  # whatever it is, nobody may take the run for one at work
            log.error("what came of the run %s cannot be told: %s", run.run, error, exc_info=error)
            self._end(run, State.FAILED, f"what came of it cannot be told: {error}")
        finally:
            self._why_stopped.pop(run.run, None)
            del self._at_work[run.run]

    def _end(self, run: Run, state: State, trouble: str) -> None:
        self._kept(run.model_copy(update={"state": state, "trouble": trouble}))

    def _kept(self, run: Run) -> None:
        """Known first, then kept: where there is no room on the disk it is known to have ended all the same."""
        run = run.model_copy(update={"ended_at": to_milliseconds(self._clock())})
        self._runs[run.run] = run
        try:
            self._folder.keep(run)
        except OSError as error:
            log.error("the end of the run %s cannot be kept: %s", run.run, error)


async def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(process.wait, STOP_SECONDS)
        return
    process.kill()
    await asyncio.to_thread(process.wait)
