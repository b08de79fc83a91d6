"""A door: where a message from outside gets its id and its envelope and enters a service's inbox.

A door decides nothing. Who may come in, and what a body means, is the business of those who hold one (HTTP, channels,
workers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.card_numbers import mask_text, mask_texts
from chassis.kafka import partition_of
from chassis.log import NewRecord
from chassis.streaming import Writer
from contracts import topics
from contracts.envelope import Actor, Envelope, child_traceparent, root_traceparent
from contracts.ids import door_message_id
from contracts.message import Command, holds_nul, to_milliseconds

__all__ = ["BodyRefused", "Door", "Entry", "NotCanonical", "digest_of"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class BodyRefused(ValueError):
    """A body that could be read and must not come in all the same; the text says why and how to mend it."""


class NotCanonical(BodyRefused):
    """A body without canonical form, such as a number beyond 2^53: two bodies under one id could not be told apart."""


def digest_of(command: Command) -> str:
    """What tells a body from another under the same id. Raises NotCanonical."""
    try:
        return command.digest()
    except ValueError as error:
        raise NotCanonical(f"{error}. Send a smaller number") from error


def _value_of(command: Command) -> bytes:
    """The command as it will be stored. Raises BodyRefused."""
    digest_of(command)
    value = command.encode()
    if holds_nul(value):
        raise BodyRefused("a text holds the character U+0000, which no table can keep. Leave it out")
    if len(value) > topics.COMMAND_BYTES_MAX:
        raise BodyRefused(f"this makes {len(value)} bytes, of {topics.COMMAND_BYTES_MAX} at most. Send less at a time")
    return value


@dataclass(frozen=True, slots=True)
class Entry:
    """What comes in: a command for a stream of a service, and the key that its caller knows it by.

    `correlation` is the order's stream where there is one, the command's own otherwise; `cause` the event that a
    worker acted on.
    """

    service: str
    stream: str
    command: Command
    caller_key: tuple[str, ...]
    actor: Actor | None = None
    reason: str | None = None
    correlation: str | None = None
    cause: Envelope | None = None


@dataclass(frozen=True)
class Door:
    """A door by its name. The same caller's key is the same message, so sending twice is harmless."""

    name: str
    writer: Writer
    partitions: int
    namespace: str = ""
    tenant: str = "default"
    clock: Callable[[], datetime] = _utc_now

    def message_id(self, caller_key: Sequence[str]) -> str:
        """The id of the message that a caller knows by this key."""
        return door_message_id(self.tenant, self.name, *caller_key)

    def record(self, entry: Entry) -> NewRecord:
        """The record of an entry, for the partition of the inbox that its stream belongs to, with every card number in
        its texts masked. Raises BodyRefused."""
        command, _ = mask_texts(entry.command)
        value = _value_of(command)
        identifier, cause = self.message_id(entry.caller_key), entry.cause
        envelope = Envelope(
            id=identifier,
            type=entry.command.TYPE,
            source=f"/door/{self.name}",
            time=to_milliseconds(self.clock()),
            subject=entry.stream,
            tenant=self.tenant,
            correlation_id=entry.correlation or entry.stream,
            causation_id=cause.id if cause else identifier,
            traceparent=child_traceparent(cause.traceparent, identifier) if cause else root_traceparent(identifier),
            actor=entry.actor,
            reason=None if entry.reason is None else mask_text(entry.reason),
        )
        key = entry.stream.encode()
        inbox = topics.inbox(entry.service, self.namespace)
        partition = partition_of(key, self.partitions)
        return NewRecord(inbox, partition, key, value, envelope.headers())

    async def send(self, entry: Entry) -> str:
        """Put an entry into its inbox; its message id, once all replicas have it.

        Raises chassis.log.LogError and BodyRefused.
        """
        await self.writer.write([self.record(entry)])
        return self.message_id(entry.caller_key)
