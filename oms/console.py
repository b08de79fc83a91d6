"""`python -m oms.console`: what the console reads is made from the topics of all services, in one process.

The pages are served beside the HTTP doors (oms/doors.py); without this process they grow old and say so.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

from chassis.entry import start
from chassis.kafka import KafkaLog
from chassis.projection import ProjectionFailed, ProjectionFollower
from chassis.settings import Settings
from chassis.shared import SharedLog
from chassis.streaming import AWAY
from oms.finding import people_of
from oms.process import Life, run_process, run_steps
from services.console.app import declare
from services.console.people import PeopleProjection

__all__ = ["run"]

STEP_SECONDS = 0.2


class Followers:
    """The console's read models, step by step in one thread at a time, which read what they follow together. What one waits
    for stops no other."""

    def __init__(self, settings: Settings, people: PeopleProjection) -> None:
        service, log = declare(settings.namespace, people), SharedLog(KafkaLog(settings.bootstrap))
        self._followers = [
            ProjectionFollower(log, settings.database, service.schema, projection, settings.namespace)
            for projection in service.projections
        ]

    def step(self) -> None:
        """Follow what there is; what one of them cannot do it tries again by itself."""
        for follower in self._followers:
            with suppress(*AWAY, ProjectionFailed):
                follower.step(STEP_SECONDS)

    @property
    def waiting(self) -> str | None:
        """What one of them waits for, if any does."""
        return next(filter(None, (follower.waiting for follower in self._followers)), None)

    def close(self) -> None:
        """Let locks and clients go."""
        for follower in self._followers:
            follower.close()


async def _follow(settings: Settings, life: Life) -> None:
    async with AsyncExitStack() as ends:
        people = ends.enter_context(people_of(settings))
        followers = Followers(settings, people())
        ends.push_async_callback(asyncio.to_thread, followers.close)
        life.runs()
        await run_steps(followers, life)
        life.health.state = "stopping" if life.failure is None else "failed"


def run(settings: Settings) -> int:
    """Follow until asked to stop; the exit code."""
    return run_process("console", settings, lambda life: _follow(settings, life))


if __name__ == "__main__":
    start(run)
