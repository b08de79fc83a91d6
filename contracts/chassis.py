"""Messages that any stream of any service may hold: deadlines, parking, conflicts of door messages."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.message import Command, Event, Instant, Value

__all__ = [
    "CHASSIS_EVENTS",
    "CommandOutdated",
    "DeadlinePassed",
    "DiscardParked",
    "EditParked",
    "MessageConflicted",
    "MessageDiscarded",
    "MessageEdited",
    "MessageParked",
    "MessageRedriven",
    "NotParked",
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


Offset = Annotated[int, Field(ge=0, le=10**15)]
"""A place in an inbox partition."""


class DiscardParked(Command):
    """An operator has this stream go on without the message that is parked from an `offset` of its inbox partition."""

    offset: Offset


class EditParked(Command):
    """An operator puts another message in the place of the one that is parked from an `offset`: a new one, with an id of
    its own. `value` is its JSON, `message_type` its type where that is another."""

    offset: Offset
    message_type: str | None = None
    value: str


class MessageDiscarded(Event):
    """A parked message is not to be taken; the stream goes on without it. `digest` is of its body, by which it is known
    when it comes again; empty where the body cannot be read."""

    message_id: str
    offset: int
    digest: str | None = None


class MessageEdited(Event):
    """The message `edited_id` took the place of a parked one, `message_id`, which is not to be taken any more. `headers`
    and `value` are the new one's, binary in base64; `digest` as of a discarded one."""

    message_id: str
    offset: int
    edited_id: str
    message_type: str
    headers: tuple[Header, ...]
    value: str
    digest: str | None = None


class NotParked(Event):
    """An operator named an `offset` from which nothing is parked in this stream: nothing was done."""

    offset: int


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


CHASSIS_EVENTS = (
    MessageParked,
    MessageRedriven,
    RedriveFailed,
    RedriveUnneeded,
    MessageDiscarded,
    MessageEdited,
    NotParked,
    MessageConflicted,
    CommandOutdated,
)
"""The events that the chassis writes into a stream; no fold of a service sees them."""
