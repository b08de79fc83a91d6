"""A process of ours that is not a loop: health, signals, and an end that is either asked for or has a reason."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import uvloop

from chassis.log import TooManyUnanswered
from chassis.runtime import Exit, Health, serve_health
from chassis.sealing import MasterKeyRefused
from chassis.settings import Settings, SettingsRefused
from chassis.tokens import TokensRefused

__all__ = ["Life", "Steps", "run_process", "run_steps"]

log = logging.getLogger("orderlog")

PAUSE_SECONDS = 0.05
"""Between steps: one that has nothing to read, since another process leads or something is away, returns at once."""


@dataclass
class Life:
    """What the parts of a process share: its health, and its end."""

    health: Health
    over: asyncio.Event = field(default_factory=asyncio.Event)
    failure: BaseException | None = None
    opened: bool = False

    def runs(self) -> None:
        """All parts are up. What was waited for until then is over and forgotten."""
        self.opened, self.health.state, self.health.last_error = True, "running", None

    def waits(self, why: str | None) -> None:
        """Something is away, or is back (None)."""
        self.health.state = "waiting" if why else "running" if self.opened else "starting"
        self.health.last_error = why or self.health.last_error
        log.warning("%s %s", self.health.name, f"waits: {why}" if why else "goes on")

    def failed(self, error: BaseException) -> None:
        """A defect: the process ends and says why."""
        self.health.state, self.health.last_error, self.failure = "failed", str(error), error
        log.error("%s ends: %s", self.health.name, error, exc_info=error)
        self.over.set()


def run_process(name: str, settings: Settings, body: Callable[[Life], Awaitable[None]]) -> int:
    """Run `body` until a signal or a failure ends its life; the exit code."""
    health = Health(name)
    end_health = serve_health(health, settings.run_folder)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_live(Life(health), body))
    except (MasterKeyRefused, SettingsRefused, TokensRefused) as error:
        log.error("%s: %s", name, error)
        return Exit.SETTINGS
    finally:
        end_health()


class Steps(Protocol):
    """What is done step by step, in one thread at a time. What it cannot do now it tries again by itself, and says so in
    `waiting`."""

    @property
    def waiting(self) -> str | None: ...

    def step(self) -> None: ...


async def run_steps(part: Steps, life: Life) -> None:
    """Step until the life is over. What a part does not wait for is a defect and ends the process."""
    said: str | None = None
    while not life.over.is_set():
        try:
            await asyncio.to_thread(part.step)
        except Exception as error:  # noqa: BLE001 - whatever it is ends the process
            life.failed(error)
        if part.waiting != said:
            said = part.waiting
            life.waits(said)
        with suppress(TimeoutError):
            await asyncio.wait_for(life.over.wait(), PAUSE_SECONDS)


async def _live(life: Life, body: Callable[[Life], Awaitable[None]]) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, life.over.set)
    await body(life)
    if isinstance(life.failure, TooManyUnanswered):
        return Exit.UNANSWERED
    return Exit.CRASHED if life.failure else Exit.STOPPED
