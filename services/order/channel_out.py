"""The doors that lead out to channels: how what an account hears because of an event is named, keyed and placed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chassis.kafka import partition_of
from chassis.log import NewRecord
from contracts import topics
from contracts.envelope import Envelope, child_traceparent
from contracts.ids import emitted_id
from contracts.message import Event

__all__ = ["ChannelOut", "Publish"]

Publish = Callable[[Sequence[NewRecord]], None]
"""Writes records; they are there for good when it returns. Raises chassis.log.LogError."""


@dataclass(frozen=True, slots=True)
class ChannelOut:
    """A public topic that channels read. Its id follows from the event and the account, so that what is written twice
    is one message; and it names no person: whoever acted is known inside."""

    topic: str
    partitions: int
    namespace: str = ""

    def record(self, told: Event, account: str, item: str, cause: Envelope) -> NewRecord:
        """What `account` hears of `item` (an order's external id, a SKU) because of `cause`."""
        identifier = emitted_id(cause.id, f"{self.topic}/{account}", 0)
        envelope = Envelope(
            id=identifier,
            type=told.TYPE,
            source=f"/door/{self.topic}",
            time=cause.time,
            subject=cause.subject,
            tenant=cause.tenant,
            correlation_id=cause.correlation_id,
            causation_id=cause.id,
            traceparent=child_traceparent(cause.traceparent, identifier),
        )
        key = f"{account}/{item}".encode()
        topic = topics.named(self.topic, self.namespace)
        return NewRecord(topic, partition_of(key, self.partitions), key, told.encode(), envelope.headers())
