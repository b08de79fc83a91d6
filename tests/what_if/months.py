"""A busy month of all services with everything that lay in its inboxes: what a what-if run is given to read."""

from __future__ import annotations

from datetime import datetime

import pytest

from chassis.chain import GENESIS, Draft, finish
from chassis.kafka import partition_of
from chassis.log import NewRecord
from chassis.memory import MemoryLog
from chassis.testing import DAWN
from contracts import topics
from contracts.envelope import Envelope
from contracts.inventory import LocationDescribed
from contracts.message import Event
from contracts.order import ReleasedToFulfillment
from services.order.sourcing_rules import Place
from tests.simulation import busy
from tests.simulation.busy import PARTITIONS, SERVICES, BusyWorld, busy_month
from tests.simulation.world import Handled, World

__all__ = ["Month", "month"]


class Month(BusyWorld):
    """Keeps when each message was handled, so that the inboxes can be written as they were."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.times: list[datetime] = []
        self.places: dict[str, Place] = {}
        self.watch.append(self._note)

    def _note(self, handled: Handled) -> None:
        self.times.append(self.now)

    def _happened(self, service: str, name: str, envelope: Envelope, event: Event) -> None:
        """Sourcing sees what locations are like, beside their stock."""
        if isinstance(event, LocationDescribed):
            self.places[event.location] = Place(event.priority, event.daily_capacity)
        if isinstance(event, ReleasedToFulfillment):
            before, day = self.places[event.location], envelope.time.date()
            released = before.released if before.worked_on == day else 0
            self.places[event.location] = before._replace(worked_on=day, released=released + 1)
        super()._happened(service, name, envelope, event)
        for sku, at in self.available.items():
            self.available[sku] = {where: seen._replace(place=self.places[where]) for where, seen in at.items()}


def month(seed: int, days: int) -> tuple[World, MemoryLog]:
    """Both what happened and the topics that it left, inboxes and events."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(busy, "BusyWorld", Month)
        world = busy_month(seed, days)
    assert isinstance(world, Month)
    return world, _log(world)


def _log(world: Month) -> MemoryLog:
    clock = [DAWN]
    log = MemoryLog(lambda: clock[0])
    for service in SERVICES:
        intents = PARTITIONS if service in topics.SERVICES_WITH_INTENTS else None
        log.create_service_topics(service, partitions=PARTITIONS, intents_partitions=intents)
    heads = {service: dict.fromkeys(range(PARTITIONS), GENESIS) for service in SERVICES}
    producer, written = log.producer("month"), iter(world.written)
    for number, (handled, at) in enumerate(zip(world.handled, world.times, strict=True), start=1):
        clock[0], letter = at, handled.letter
        key = letter.stream.encode()
        drafts = []
        if handled.events:
            _, emitted = next(written)
            where = topics.events(letter.service), partition_of(key, PARTITIONS)
            drafts = [Draft(*where, key, each.value, each.envelope, chained=True) for each in emitted]
        inbox = topics.inbox(letter.service), partition_of(key, PARTITIONS)
        producer.begin()
        producer.send([NewRecord(*inbox, key, letter.value, letter.envelope.headers())])
        producer.send(finish(drafts, f"month.{number}", heads[letter.service]))
        producer.commit()
    return log
