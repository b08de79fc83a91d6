"""Messages that any stream of any service may hold: deadlines, parking, conflicts of door messages."""

from __future__ import annotations

from contracts.message import Command, Event, Instant, Value

__all__ = [
    "CHASSIS_EVENTS",
    "CommandOutdated",
    "DeadlinePassed",
    "MessageConflicted",
    "MessageParked",
    "MessageRedriven",
    "RedriveFailed",
    "RedriveStream",
    "RedriveUnneeded",
]


class DeadlinePassed(Command):
    """A named deadline of a stream is due. Sent again while the stream still waits for it."""

    name: str
    due: Instant


class Header(Value):
    """One Kafka header; the value in base64, since a header need not be text."""

    name: str
    value: str


class MessageParked(Event):
    """A message that this stream could not take was put aside, with everything needed to try it again.

    `fault` says why (`undecodable`, `crashed`, `too_large`, `behind_parked`), `detail` for people; `headers` and
    `value` are the record as it came, binary in base64; `offset` its place in the inbox partition.
    """

    message_id: str
    message_type: str
    fault: str
    detail: str
    offset: int
    timestamp: Instant
    headers: tuple[Header, ...]
    value: str


class MessageRedriven(Event):
    """A parked message was taken after all; the events that it caused follow."""

    message_id: str
    offset: int


class RedriveStream(Command):
    """An operator asks that the parked messages of this stream be tried again, in their order."""


class RedriveFailed(Event):
    """A parked message could still not be taken; it stays, and so do those behind it."""

    message_id: str
    offset: int
    fault: str
    detail: str


class RedriveUnneeded(Event):
    """An operator asked to redrive a stream that has nothing parked."""


class MessageConflicted(Event):
    """A door message came again under a known id with another body: nothing was done, somebody must look.

    `known_digest` is the body that was taken, `digest` the one that was not.
    """

    message_id: str
    known_digest: str
    digest: str


class CommandOutdated(Event):
    """A command expected its stream at another version: nothing was done. `version` is what it found; this event is
    the one after it."""

    message_type: str
    expected_version: int
    version: int


CHASSIS_EVENTS = (MessageParked, MessageRedriven, RedriveFailed, RedriveUnneeded, MessageConflicted, CommandOutdated)
"""The events that the chassis writes into a stream; no fold of a service sees them."""
