"""`python -m oms.workers`: everything that acts outside, in one process."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from chassis.doors import Door
from chassis.entry import start
from chassis.reading import Reads
from chassis.sealing import FileMasterKey, Sealer
from chassis.settings import Settings
from chassis.streaming import KafkaWriter, keep_trying, make_broker, subscribe
from chassis.vault import PostgresVault
from contracts import topics
from oms.forgetting import Forgetting
from oms.mail import make_mail, make_postbox
from oms.process import Life, run_process, run_steps
from oms.providers import providers_of
from services.order import app as order
from services.order.workers import NoticeWorker
from services.payments import app as payments
from services.payments.workers import ProviderWorker

__all__ = ["WORKER_DOOR", "run"]

WORKER_DOOR = "worker"
"""Part of the id of every outcome: it never changes."""


async def _work(settings: Settings, life: Life) -> None:
    vault = PostgresVault(settings.vault)
    sealer = Sealer(vault, FileMasterKey(settings.master_key))
    writer, broker = KafkaWriter(settings.bootstrap), make_broker(settings.bootstrap)
    door = Door(WORKER_DOOR, writer, settings.partitions, settings.namespace)
    reads = Reads(settings.database, order.declare(settings.namespace), settings.partitions)
    notices = NoticeWorker(door, sealer.open_anew, reads.taken, make_mail(settings), make_postbox(settings), life.waits)
    paid = Reads(settings.database, payments.declare(settings.namespace), settings.partitions)
    cards = ProviderWorker(door, paid.taken, life.waits, providers_of(settings), settings.card_provider)
    for service, take in (("order", notices.take), ("payments", cards.take)):
        group = topics.named(f"{service}-workers", settings.namespace)
        subscribe(broker, topics.intents(service, settings.namespace), group, take, life.failed)
    forgetting = Forgetting(settings, sealer.drop)
    async with AsyncExitStack() as ends:
        ends.callback(vault.close)
        ends.push_async_callback(asyncio.to_thread, forgetting.close)
        ends.callback(reads.close)
        ends.callback(paid.close)
        for start, stop in ((writer.start, writer.stop), (broker.start, broker.stop)):
            ends.push_async_callback(stop)
            await keep_trying(start, life.waits)
        life.runs()
        await run_steps(forgetting, life)
        life.health.state = "stopping" if life.failure is None else "failed"


def run(settings: Settings) -> int:
    """Work until asked to stop; the exit code."""
    return run_process("workers", settings, lambda life: _work(settings, life))


if __name__ == "__main__":
    start(run)
