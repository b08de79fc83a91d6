"""One message taken by one stream: decoded, known where it came before, decided, evolved, reacted to.

Pure: from the stream before and a message it makes the stream after, the events and what goes out, with their ids and
headers. What becomes of a message that its stream cannot take is chassis/parking.py; when a message is taken at all,
chassis/handling.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from chassis.decider import Answer, Context, Send, StreamKind
from chassis.faultpoints import faultpoint
from chassis.letter import REDRIVEN_FROM
from chassis.log import Record
from chassis.states import replace
from chassis.stream import Stream, Waiting, evolve
from contracts.chassis import CHASSIS_EVENTS, CommandOutdated, DeadlinePassed, MessageConflicted
from contracts.envelope import Actor, Deadlines, Envelope, child_traceparent
from contracts.ids import emitted_id
from contracts.message import CATALOGUE, Command, Event, Intent, Message, holds_nul
from contracts.topics import RECORD_BYTES_MAX

__all__ = [
    "ADVANCES_MAX",
    "HEADERS_BYTES_MAX",
    "Emitted",
    "Fetch",
    "FetchFailed",
    "Handling",
    "Incoming",
    "StreamSend",
    "Unacceptable",
    "Unparkable",
    "Work",
    "decode",
    "digest_of",
    "of_door",
    "take",
    "taken_before",
    "work_on",
]

ADVANCES_MAX = 32
"""Rounds of sagas' next steps in one handling; more is a saga that never rests."""

CONFLICT_INDEX = 1_000_000
"""Index of the first event about a body that came under a known id: far past those of the handling that took it."""

CONFLICTS_MAX = 100
"""Different bodies under one id that leave a trace; those after them change nothing."""

HEADERS_BYTES_MAX = 512 * 1024
"""Headers that a message may bring along, in bytes. What it causes takes over some of them, so a record has this room."""

RECORD_OVERHEAD_BYTES = 64 * 1024
"""Room left in a record for headers of ours, deadlines aside, and the broker's framing."""

DEADLINE_BYTES, ESCAPED_BYTES_MAX = 40, 6
"""What a deadline takes in its header at most: itself, and a character of its name."""

Fetch = Callable[[Sequence[str]], Mapping[str, Any]]


class FetchFailed(Exception):
    """What a decider needs could not be fetched, for the `cause`: says nothing of the message, which is tried again."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Unparkable(Exception):
    """A message that its stream cannot take and that is too large to be kept in an event: a dead letter."""


class Unacceptable(Exception):
    """A message that this stream cannot take; `fault` as in MessageParked."""

    def __init__(self, fault: str, detail: str) -> None:
        super().__init__(detail)
        self.fault, self.detail = fault, detail


@dataclass(frozen=True, slots=True)
class Incoming:
    """An inbox record with its envelope read."""

    record: Record
    envelope: Envelope

    @property
    def from_door(self) -> bool:
        return of_door(self.envelope)

    @property
    def may_come_again(self) -> bool:
        """Whether it may be there twice: who sends by a door does so when no answer comes, and a dead letter is sent again
        where it was not recorded that it had been. All else lies in the inbox once, by the transactions that wrote it; what
        was parked is remembered all the same, since that costs nothing where nothing is parked."""
        return self.from_door or REDRIVEN_FROM in dict(self.record.headers)


@dataclass(frozen=True, slots=True)
class Emitted:
    """An event, how it will be written, and whom it answers; `intent`: a copy goes to the workers."""

    event: Event
    envelope: Envelope
    value: bytes
    answers: tuple[str, ...] = ()
    intent: bool = False


@dataclass(frozen=True, slots=True)
class StreamSend:
    """A message to a stream of a service, as it will be written."""

    service: str
    stream: str
    envelope: Envelope
    value: bytes


@dataclass(frozen=True, slots=True)
class Handling:
    """What came of a message: the stream after it, and everything to write."""

    stream: Stream
    events: tuple[Emitted, ...] = ()
    sends: tuple[StreamSend, ...] = ()


@dataclass(slots=True)
class Work:
    """A handling in progress: one cause, its events numbered first, then what it sends. `view` is what deciders see of the
    stream as it is now."""

    service: str
    kind: StreamKind
    stream: Stream
    view: Any
    cause: Envelope
    correlation_id: str
    now: datetime
    inbox_offset: int
    first_index: int = 0
    events: list[Emitted] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    _waiting: Waiting = field(init=False)

    def __post_init__(self) -> None:
        if self.stream.waiting is None:
            self.stream = replace(self.stream, waiting=Waiting(self.kind))
        assert self.stream.waiting is not None
        self._waiting = self.stream.waiting

    def emit(self, event: Event) -> None:
        """Let one event happen: evolve, react, and keep it with its headers; raises Unacceptable when it is too large."""
        before = self._waiting.of(self.stream)
        self.stream = evolve(self.kind, self.stream, event, self.cause.id, self.now)
        self.view = self.stream.view(self.kind)
        outgoing = [] if isinstance(event, CHASSIS_EVENTS) else self._react(event)
        envelope = self._envelope(
            event,
            self.first_index + len(self.events),
            self.stream.name,
            sequence=self.stream.version,
            inbox_offset=self.inbox_offset,
            actor=self.cause.actor,
            reason=self.cause.reason,
            deadlines=_changed(before, self._waiting.of(self.stream)),
        )
        value = _bounded(event, envelope)
        answers = tuple(dict.fromkeys(out.to for out in outgoing if isinstance(out, Answer)))
        self.events.append(Emitted(event, envelope, value, answers, isinstance(event, Intent)))
        self.sends.extend(out for out in outgoing if isinstance(out, Send))

    def _react(self, event: Event) -> list[Send | Answer]:
        return [out for fold in self.kind.reacting for out in fold.react(self.view, event)]

    def _envelope(
        self,
        message: Message,
        index: int,
        subject: str,
        *,
        reply_to: str | None = None,
        actor: Actor | None = None,
        reason: str | None = None,
        sequence: int | None = None,
        inbox_offset: int | None = None,
        deadlines: Deadlines | None = None,
    ) -> Envelope:
        identifier = emitted_id(self.cause.id, self.stream.name, index)
        return Envelope(
            id=identifier,
            type=message.TYPE,
            source=f"/{self.service}",
            time=self.now,
            subject=subject,
            tenant=self.cause.tenant,
            correlation_id=self.correlation_id,
            causation_id=self.cause.id,
            traceparent=child_traceparent(self.cause.traceparent, identifier),
            reply_to=reply_to,
            actor=actor,
            reason=reason,
            sequence=sequence,
            inbox_offset=inbox_offset,
            deadlines=deadlines,
        )

    def finished(self) -> Handling:
        index = self.first_index + len(self.events)
        sends = tuple(self._sent(send, index + n) for n, send in enumerate(self.sends))
        return Handling(self.stream, tuple(self.events), sends)

    def _sent(self, send: Send, index: int) -> StreamSend:
        wanted = f"{self.service}:{self.stream.name}" if send.wants_answer else None
        envelope = self._envelope(send.message, index, send.stream, reply_to=wanted)
        return StreamSend(send.service, send.stream, envelope, _bounded(send.message, envelope))


def of_door(envelope: Envelope) -> bool:
    """Whether a message came in by a door, whose caller may say it again."""
    return envelope.source.startswith("/door/")


def taken_before(stream: Stream, incoming: Incoming) -> bool:
    """Whether this stream took what comes again: that is known or a conflict, whatever else is parked."""
    return incoming.envelope.id in stream.doors


def work_on(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, first_index: int = 0) -> Work:
    """Begin what a message does to a stream. Its time is the latest of the record's, the message's and the stream's own, so
    that no stream goes back in time; `first_index` counts its events from elsewhere, where index 0 is taken."""
    times = [incoming.record.timestamp, incoming.envelope.time]
    if stream.time is not None:
        times.append(stream.time)
    offset, envelope, view = incoming.record.offset, incoming.envelope, stream.view(kind)
    correlation = kind.story(view) or envelope.correlation_id
    return Work(service, kind, stream, view, envelope, correlation, max(times), offset, first_index)


def take(
    service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch, first_index: int = 0
) -> Handling:
    """What comes of a message that its stream can take. Raises Unacceptable where it cannot, and FetchFailed."""
    message = decode(kind, incoming)
    work = work_on(service, kind, stream, incoming, first_index)
    if isinstance(message, DeadlinePassed) and message.due > work.now:
        return Handling(stream)
    remembered = incoming.may_come_again or bool(first_index) or taken_before(stream, incoming)
    digest = digest_of(incoming, message) if remembered else None
    if digest is not None and (known := stream.doors.get(incoming.envelope.id)) is not None:
        if digest not in (known.digest, *known.conflicting) and len(known.conflicting) < CONFLICTS_MAX:
            work.first_index = CONFLICT_INDEX + len(known.conflicting)
            work.emit(MessageConflicted(message_id=work.cause.id, known_digest=known.digest, digest=digest))
        return work.finished()
    if (outdated := _outdated(stream, message, digest)) is not None:
        work.emit(outdated)
        return work.finished()
    try:
        _decide(work, message, digest, fetch)
        return work.finished()
    except (Unacceptable, FetchFailed):
        raise
    except Exception as error:
        raise Unacceptable("crashed", f"{type(error).__name__}: {error}") from error


def _outdated(stream: Stream, message: Message, digest: str | None) -> CommandOutdated | None:
    """Says that a command expected another version of the stream, where it did."""
    if not isinstance(message, Command) or message.expected_version in (None, stream.version):
        return None
    return CommandOutdated(
        message_type=message.TYPE,
        expected_version=message.expected_version,
        version=stream.version,
        door_digest=digest,
    )


def decode(kind: StreamKind, incoming: Incoming) -> Message:
    """The message of a record, of a type that its stream takes; raises Unacceptable."""
    name = incoming.envelope.type
    model = CATALOGUE.get(name)
    if model is None:
        raise Unacceptable("undecodable", f"{name} is not a type that this release knows")
    if model not in kind.decide:
        raise Unacceptable("undecodable", f"a stream of kind {kind.kind} takes no {name}")
    value = incoming.record.value or b""
    if holds_nul(value):
        raise Unacceptable("undecodable", f"a text of the {name} holds the character U+0000, which no table can keep")
    try:
        return model.decode(value)
    except ValidationError as error:
        raise Unacceptable("undecodable", f"the value is not a {name}: {error}") from error


def digest_of(incoming: Incoming, message: Message) -> str | None:
    """What tells this message from another under its id; None for a deadline, which is told as long as it is waited for.
    A message of ours is written once, and so the same bytes however often it is sent."""
    if isinstance(message, DeadlinePassed):
        return None
    if not incoming.from_door:
        return sha256(incoming.record.value or b"").hexdigest()
    try:
        return message.digest() if isinstance(message, Command) else None
    except ValueError as error:
        raise Unacceptable("undecodable", f"the value has no canonical form: {error}") from error


def _decide(work: Work, message: Message, digest: str | None, fetch: Fetch) -> None:
    faultpoint("handling.decide", work.stream.name)
    view = work.view
    context = Context(
        now=work.now,
        tenant=work.cause.tenant,
        stream=work.stream.name,
        message_id=work.cause.id,
        subject=work.cause.subject,
        correlation_id=work.correlation_id,
        reply_to=work.cause.reply_to,
        actor=work.cause.actor,
        reason=work.cause.reason,
        needed=fetch(work.kind.needs(message, view)),
    )
    events = work.kind.decide[type(message)](message, view, context)
    if digest is not None and not events and of_door(work.cause):
        raise ValueError(f"deciding {type(message).__name__} left no event, so its door message would be forgotten")
    if digest is not None and events:
        events = (events[0].model_copy(update={"door_digest": digest}), *events[1:])
    for _ in range(ADVANCES_MAX):
        if not events:
            return
        for event in events:
            work.emit(event)
        events = work.kind.advance(work.view, context)
    raise ValueError(f"the sagas of {work.kind.kind} did not rest after {ADVANCES_MAX} steps")


def _bounded(message: Message, envelope: Envelope) -> bytes:
    """The value; raises Unacceptable, or Unparkable of an event of the chassis, when its record would be too large."""
    value, named = message.encode(), envelope.deadlines or {}
    deadlines = DEADLINE_BYTES * len(named) + ESCAPED_BYTES_MAX * len("".join(named))
    if len(value) + deadlines <= RECORD_BYTES_MAX - HEADERS_BYTES_MAX - RECORD_OVERHEAD_BYTES:
        return value
    what = f"{type(message).__name__} would be {len(value)} bytes, with {len(named)} deadlines"
    raise Unparkable(what) if isinstance(message, CHASSIS_EVENTS) else Unacceptable("too_large", what)


def _changed(before: Mapping[str, datetime], after: Mapping[str, datetime]) -> dict[str, datetime | None] | None:
    if before is after:
        return None
    changed: dict[str, datetime | None] = {
        name: after.get(name) for name in {**before, **after} if before.get(name) != after.get(name)
    }
    return changed or None
