"""`python -m oms.channels`: what channels hear back, in one process: updates of their orders, and what they may sell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

from chassis.entry import start
from chassis.kafka import KafkaLog
from chassis.log import NewRecord
from chassis.projection import ProjectionFailed, ProjectionFollower
from chassis.settings import Settings
from chassis.streaming import AWAY, KafkaWriter, keep_trying
from contracts import topics
from oms.process import Life, run_process, run_steps
from services.order.channel_availability import AvailabilityTeller, StockToSell
from services.order.channel_follower import ChannelUpdates, Written
from services.order.channel_out import ChannelOut, Publish

__all__ = ["GROUP", "SCHEMA", "Channels", "run", "schema_of"]

GROUP = "channel-updates"
"""The consumer group whose positions in `order.events` say how far updates were written."""

SCHEMA = "channels"
"""Where the tables are, after the namespace; they can be thrown away, and are then made again in silence."""


STEP_SECONDS = 0.1


def schema_of(namespace: str) -> str:
    """Where the tables are of what channels hear."""
    return f"{namespace.replace('-', '_') or 'orderlog'}_{SCHEMA}"


class Channels:
    """The two followers and the teller, step by step in one thread at a time. What one waits for stops no other."""

    def __init__(self, settings: Settings, publish: Publish) -> None:
        log, namespace = KafkaLog(settings.bootstrap), settings.namespace
        schema = schema_of(namespace)
        self._written = Written(log, topics.named(GROUP, namespace), topics.events("order", namespace))
        out = ChannelOut(topics.CHANNEL_UPDATES, settings.partitions, namespace)
        updates = ChannelUpdates(publish, self._written, out)
        self._updates = ProjectionFollower(log, settings.database, schema, updates, namespace)
        self._stock = ProjectionFollower(log, settings.database, schema, StockToSell(), namespace)
        out = ChannelOut(topics.CHANNEL_AVAILABILITY, settings.partitions, namespace)
        self._teller = AvailabilityTeller(log, settings.database, schema, publish, out)

    def step(self) -> None:
        """Follow and tell what there is; what one of them cannot do it tries again by itself."""
        for go_on in (self._follow_orders, lambda: self._stock.step(STEP_SECONDS), self._teller.step):
            with suppress(*AWAY, ProjectionFailed):
                go_on()

    def _follow_orders(self) -> int:
        followed = self._updates.step(STEP_SECONDS)
        self._written.commit_when_due()
        return followed

    @property
    def waiting(self) -> str | None:
        """What one of them waits for, if any does."""
        parts = (self._updates, self._written, self._stock, self._teller)
        return next(filter(None, (part.waiting for part in parts)), None)

    def close(self) -> None:
        """Note how far updates were written, and let everything go."""
        with suppress(*AWAY):
            self._written.commit()
        for part in (self._updates, self._stock, self._teller):
            part.close()


async def _tell(settings: Settings, life: Life) -> None:
    writer, loop = KafkaWriter(settings.bootstrap), asyncio.get_running_loop()

    def publish(records: Sequence[NewRecord]) -> None:
        """Called in the thread of a step; the writer lives in the loop."""
        asyncio.run_coroutine_threadsafe(writer.write(records), loop).result()

    async with AsyncExitStack() as ends:
        ends.push_async_callback(writer.stop)
        await keep_trying(writer.start, life.waits)
        channels = Channels(settings, publish)
        ends.push_async_callback(asyncio.to_thread, channels.close)
        life.runs()
        await run_steps(channels, life)
        life.health.state = "stopping" if life.failure is None else "failed"


def run(settings: Settings) -> int:
    """Tell channels until asked to stop; the exit code."""
    return run_process("channels", settings, lambda life: _tell(settings, life))


if __name__ == "__main__":
    start(run)
