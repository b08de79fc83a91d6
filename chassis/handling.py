"""One message meets one stream: decide, evolve, react, and what the chassis does around them.

Pure: from the stream before and a message it makes the stream after, the events and what goes out, with their ids and
headers. What may not be decided is parked here, and a message that may come again (a door's, or one that was a dead
letter) is known here when it does. Writing it all to the log is the loop's business (chassis/loop.py).
"""

from __future__ import annotations

import base64
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
from chassis.stream import PARKED_MAX, Stream, Waiting, evolve
from contracts.chassis import (
    CHASSIS_EVENTS,
    CommandOutdated,
    DeadlinePassed,
    DiscardParked,
    EditParked,
    Header,
    MessageConflicted,
    MessageDiscarded,
    MessageEdited,
    MessageParked,
    MessageRedriven,
    NotParked,
    RedriveFailed,
    RedriveStream,
    RedriveUnneeded,
)
from contracts.envelope import Actor, Deadlines, Envelope, Headers, child_traceparent
from contracts.ids import emitted_id
from contracts.message import CATALOGUE, Command, Event, Intent, Message, holds_nul
from contracts.topics import RECORD_BYTES_MAX

__all__ = [
    "ADVANCES_MAX",
    "HEADERS_BYTES_MAX",
    "REDRIVEN_MAX",
    "Emitted",
    "Fetch",
    "FetchFailed",
    "Handling",
    "Incoming",
    "ParkingFull",
    "StreamSend",
    "Unparkable",
    "handle",
]

ADVANCES_MAX = 32
"""Rounds of sagas' next steps in one handling; more is a saga that never rests."""

REDRIVEN_MAX = 100
"""Parked messages tried in one handling; the rest follow by a message of the stream to itself."""

CONFLICT_INDEX = 1_000_000
"""Index of the first event about a body that came under a known id: far past those of the handling that took it."""

CONFLICTS_MAX = 100
"""Different bodies under one id that leave a trace; those after them change nothing."""

DETAIL_CHARS_MAX = 2_000
"""Characters of an error's text kept in an event."""

REPEATED_INDEX = 2_000_000
"""Index, less the event's version, of a `MessageParked` whose cause is known already: its index 0 is taken."""

ROOM_INDEX = 3_000_000
"""Index of the first event that makes room in a full parking, for the message that found it full."""

EDITED_INDEX = 4_000_000
"""Index of the message that an operator puts in the place of a parked one, among what their command makes."""

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


class ParkingFull(Exception):
    """A stream has as many messages parked as it may, and cannot take the first of them: its partition stops."""


class Unparkable(Exception):
    """A message that its stream cannot take and that is too large to be kept in an event: a dead letter."""


class _Unacceptable(Exception):
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
        return _of_door(self.envelope)

    @property
    def may_come_again(self) -> bool:
        """Whether it may be there twice: who sends by a door does so when no answer comes, and a dead letter is sent again
        where it was not recorded that it had been. All else lies in the inbox once, by the transactions that wrote it; what
        was parked is remembered all the same, since that costs nothing where nothing is parked."""
        return self.from_door or any(name == REDRIVEN_FROM for name, _ in self.record.headers)


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
class _Work:
    """A handling in progress: one cause, its events numbered first, then what it sends."""

    service: str
    kind: StreamKind
    stream: Stream
    cause: Envelope
    correlation_id: str
    now: datetime
    inbox_offset: int
    first_index: int = 0
    events: list[Emitted] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    waiting: Waiting = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = Waiting(self.kind)

    def emit(self, event: Event) -> None:
        """Let one event happen: evolve, react, and keep it with its headers; raises _Unacceptable when it is too large."""
        before = self.waiting.of(self.stream)
        self.stream = evolve(self.kind, self.stream, event, self.cause.id, self.now)
        outgoing = [] if isinstance(event, CHASSIS_EVENTS) else self._react(event)
        envelope = self._envelope(
            event,
            self.first_index + len(self.events),
            self.stream.name,
            sequence=self.stream.version,
            inbox_offset=self.inbox_offset,
            actor=self.cause.actor,
            reason=self.cause.reason,
            deadlines=_changed(before, self.waiting.of(self.stream)),
        )
        value = _bounded(event, envelope)
        answers = tuple(dict.fromkeys(out.to for out in outgoing if isinstance(out, Answer)))
        self.events.append(Emitted(event, envelope, value, answers, isinstance(event, Intent)))
        self.sends.extend(out for out in outgoing if isinstance(out, Send))

    def _react(self, event: Event) -> list[Send | Answer]:
        view = self.stream.view(self.kind)
        return [out for fold in self.kind.folds for out in fold.react(view, event)]

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


def handle(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    """What `incoming` does to `stream`. Whatever a message says, nothing but these is raised.

    Raises FetchFailed, ParkingFull and Unparkable.
    """
    if incoming.envelope.type == RedriveStream.TYPE:
        return _redrive(service, kind, stream, incoming, fetch)
    if incoming.envelope.type in (DiscardParked.TYPE, EditParked.TYPE):
        return _settle(service, kind, stream, incoming, fetch)
    if not stream.parked:
        return _take_or_park(service, kind, stream, incoming, fetch)
    if incoming.envelope.type == DeadlinePassed.TYPE or _parked_already(stream, incoming):
        return Handling(stream)
    if _taken_before(stream, incoming):
        return _take_or_park(service, kind, stream, incoming, fetch)
    if len(stream.parked) < PARKED_MAX:
        return _park(service, kind, stream, incoming, _Unacceptable("behind_parked", "an earlier message is parked"))
    room = _make_room(service, kind, stream, incoming, fetch)
    then = handle(service, kind, room.stream, incoming, fetch)
    return Handling(then.stream, (*room.events, *then.events), (*room.sends, *then.sends))


def _of_door(envelope: Envelope) -> bool:
    return envelope.source.startswith("/door/")


def _taken_before(stream: Stream, incoming: Incoming) -> bool:
    """Whether this stream took what comes again: that is known or a conflict, whatever else is parked."""
    return incoming.envelope.id in stream.doors


def _parked_already(stream: Stream, incoming: Incoming) -> bool:
    """Whether what comes again is parked here: who repeats himself may not fill the parking."""
    value = base64.b64encode(incoming.record.value or b"").decode()
    return any(parked.message_id == incoming.envelope.id and parked.value == value for parked in stream.parked)


def _take_or_park(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    try:
        return _take(service, kind, stream, incoming, fetch)
    except _Unacceptable as refusal:
        return _park(service, kind, stream, incoming, refusal)


def _work(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, first_index: int = 0) -> _Work:
    times = [incoming.record.timestamp, incoming.envelope.time]
    if stream.time is not None:
        times.append(stream.time)
    offset, envelope = incoming.record.offset, incoming.envelope
    correlation = kind.story(stream.view(kind)) or envelope.correlation_id
    return _Work(service, kind, stream, envelope, correlation, max(times), offset, first_index)


def _take(
    service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch, first_index: int = 0
) -> Handling:
    message = _decode(kind, incoming)
    work = _work(service, kind, stream, incoming, first_index)
    if isinstance(message, DeadlinePassed) and message.due > work.now:
        return Handling(stream)
    remembered = incoming.may_come_again or bool(first_index) or _taken_before(stream, incoming)
    digest = _digest(incoming, message) if remembered else None
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
    except (_Unacceptable, FetchFailed):
        raise
    except Exception as error:
        raise _Unacceptable("crashed", f"{type(error).__name__}: {error}") from error


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


def _decode(kind: StreamKind, incoming: Incoming) -> Message:
    name = incoming.envelope.type
    model = CATALOGUE.get(name)
    if model is None:
        raise _Unacceptable("undecodable", f"{name} is not a type that this release knows")
    if model not in kind.decide:
        raise _Unacceptable("undecodable", f"a stream of kind {kind.kind} takes no {name}")
    value = incoming.record.value or b""
    if holds_nul(value):
        raise _Unacceptable("undecodable", f"a text of the {name} holds the character U+0000, which no table can keep")
    try:
        return model.decode(value)
    except ValidationError as error:
        raise _Unacceptable("undecodable", f"the value is not a {name}: {error}") from error


def _digest(incoming: Incoming, message: Message) -> str | None:
    """What tells this message from another under its id; None for a deadline, which is told as long as it is waited for.
    A message of ours is written once, and so the same bytes however often it is sent."""
    if isinstance(message, DeadlinePassed):
        return None
    if not incoming.from_door:
        return sha256(incoming.record.value or b"").hexdigest()
    try:
        return message.digest() if isinstance(message, Command) else None
    except ValueError as error:
        raise _Unacceptable("undecodable", f"the value has no canonical form: {error}") from error


def _decide(work: _Work, message: Message, digest: str | None, fetch: Fetch) -> None:
    faultpoint("handling.decide", work.stream.name)
    view = work.stream.view(work.kind)
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
    if digest is not None and not events and _of_door(work.cause):
        raise ValueError(f"deciding {type(message).__name__} left no event, so its door message would be forgotten")
    if digest is not None and events:
        events = (events[0].model_copy(update={"door_digest": digest}), *events[1:])
    for _ in range(ADVANCES_MAX):
        if not events:
            return
        for event in events:
            work.emit(event)
        events = work.kind.advance(work.stream.view(work.kind), context)
    raise ValueError(f"the sagas of {work.kind.kind} did not rest after {ADVANCES_MAX} steps")


def _park(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, refusal: _Unacceptable) -> Handling:
    record, envelope = incoming.record, incoming.envelope
    known = envelope.id in stream.doors or any(parked.message_id == envelope.id for parked in stream.parked)
    work = _work(service, kind, stream, incoming, REPEATED_INDEX + stream.version + 1 if known else 0)
    work.emit(
        MessageParked(
            message_id=envelope.id,
            message_type=envelope.type,
            fault=refusal.fault,
            detail=refusal.detail[:DETAIL_CHARS_MAX],
            offset=record.offset,
            timestamp=record.timestamp,
            headers=_kept(record.headers),
            value=base64.b64encode(record.value or b"").decode(),
        )
    )
    return work.finished()


def _redrive(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    work = _work(service, kind, stream, incoming)
    if _taken_before(stream, incoming):
        return work.finished()
    digest = RedriveStream().digest() if incoming.from_door else None
    if not stream.parked:
        work.emit(RedriveUnneeded(door_digest=digest))
        return work.finished()
    return _try_parked(work, incoming, fetch, digest)


def _settle(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    """Discard or edit one parked message, and where it was the first take what can be taken then."""
    work = _work(service, kind, stream, incoming)
    if _taken_before(stream, incoming):
        return work.finished()
    try:
        command = CATALOGUE[incoming.envelope.type].decode(incoming.record.value or b"")
        digest = _digest(incoming, command) if incoming.may_come_again else None
    except (ValidationError, _Unacceptable):
        return _take_or_park(service, kind, stream, incoming, fetch)  # which no stream decides: it is parked
    assert isinstance(command, DiscardParked | EditParked)
    parked = next((one for one in stream.parked if one.offset == command.offset), None)
    if parked is None:
        work.emit(NotParked(offset=command.offset, door_digest=digest))
        return work.finished()
    if isinstance(command, EditParked):
        work.emit(_edit(parked, command, work, incoming.record, digest))
    else:
        known = _known_by(kind, parked, incoming.record)
        event = MessageDiscarded(message_id=parked.message_id, offset=parked.offset, digest=known, door_digest=digest)
        work.emit(event)
    if parked is stream.parked[0] and work.stream.parked:
        return _try_parked(work, incoming, fetch, None)
    return work.finished()


def _edit(parked: MessageParked, command: EditParked, work: _Work, record: Record, digest: str | None) -> MessageEdited:
    """The new message has the way of the one that it is made of: whom it answers, and whether a door let it in."""
    original = _unparked(parked, record).envelope
    identifier = emitted_id(work.cause.id, work.stream.name, EDITED_INDEX)
    envelope = replace(
        original,
        id=identifier,
        type=command.message_type or original.type,
        time=work.now,
        causation_id=work.cause.id,
        traceparent=child_traceparent(work.cause.traceparent, identifier),
        actor=work.cause.actor,
        reason=work.cause.reason,
        txn=None,
        prev=None,
    )
    return MessageEdited(
        message_id=parked.message_id,
        offset=parked.offset,
        edited_id=identifier,
        message_type=envelope.type,
        headers=_kept(envelope.headers()),
        value=base64.b64encode(command.value.encode()).decode(),
        digest=_known_by(work.kind, parked, record),
        door_digest=digest,
    )


def _known_by(kind: StreamKind, parked: MessageParked, record: Record) -> str | None:
    """The digest by which a parked message is known when it comes again; empty where it cannot be read."""
    original = _unparked(parked, record)
    try:
        return _digest(original, _decode(kind, original)) or ""
    except _Unacceptable:
        return ""


def _kept(headers: Headers) -> tuple[Header, ...]:
    return tuple(Header(name=name, value=base64.b64encode(value).decode()) for name, value in headers)


def _make_room(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    """What a redrive does, for a message that found the parking full: a redrive would wait behind it for ever.

    Raises ParkingFull when not even the first of the parked can be taken.
    """
    work = _work(service, kind, stream, incoming, ROOM_INDEX)
    made = _try_parked(work, incoming, fetch, None)
    if len(made.stream.parked) == len(stream.parked):
        failed = RedriveFailed.decode(made.events[0].value)
        raise ParkingFull(
            f"{stream.name} has {PARKED_MAX} messages parked and cannot take the first of them, {failed.message_id} "
            f"({failed.fault}: {failed.detail}); its partition goes on as soon as a release can"
        )
    return made


def _try_parked(work: _Work, incoming: Incoming, fetch: Fetch, digest: str | None) -> Handling:
    """Take what is parked, in order, as far as it can be taken; `digest` goes on the first event."""
    sends: list[StreamSend] = []
    for _ in range(REDRIVEN_MAX):
        if not work.stream.parked:
            break
        parked = work.stream.parked[0]
        original = _unparked(parked, incoming.record)
        before, written = work.stream, len(work.events)
        work.emit(MessageRedriven(message_id=parked.message_id, offset=parked.offset, door_digest=digest))
        try:
            taken = _take(work.service, work.kind, work.stream, original, fetch, first_index=1)
        except _Unacceptable as refusal:
            work.stream = before
            del work.events[written:]
            work.emit(_redrive_failed(parked, refusal, digest))
            break
        digest = None
        work.stream = taken.stream
        work.events.extend(taken.events)
        sends.extend(taken.sends)
    else:
        if work.stream.parked:
            work.sends.append(Send(work.service, work.stream.name, RedriveStream()))
    own = work.finished()
    return Handling(own.stream, own.events, (*sends, *own.sends))


def _redrive_failed(parked: MessageParked, refusal: _Unacceptable, digest: str | None) -> RedriveFailed:
    return RedriveFailed(
        message_id=parked.message_id,
        offset=parked.offset,
        fault=refusal.fault,
        detail=refusal.detail[:DETAIL_CHARS_MAX],
        door_digest=digest,
    )


def _unparked(parked: MessageParked, redrive: Record) -> Incoming:
    """The parked record as it came, at the place of the message that redrives it."""
    headers = tuple((header.name, base64.b64decode(header.value)) for header in parked.headers)
    record = replace(redrive, timestamp=parked.timestamp, value=base64.b64decode(parked.value), headers=headers)
    return Incoming(record, Envelope.parse(headers))


def _bounded(message: Message, envelope: Envelope) -> bytes:
    """The value; raises _Unacceptable, or Unparkable of an event of the chassis, when its record would be too large."""
    value = message.encode()
    deadlines = sum(DEADLINE_BYTES + ESCAPED_BYTES_MAX * len(name) for name in envelope.deadlines or ())
    if len(value) + deadlines <= RECORD_BYTES_MAX - HEADERS_BYTES_MAX - RECORD_OVERHEAD_BYTES:
        return value
    what = f"{type(message).__name__} would be {len(value)} bytes, with {len(envelope.deadlines or ())} deadlines"
    raise Unparkable(what) if isinstance(message, CHASSIS_EVENTS) else _Unacceptable("too_large", what)


def _changed(before: Mapping[str, datetime], after: Mapping[str, datetime]) -> dict[str, datetime | None] | None:
    if before is after:
        return None
    changed: dict[str, datetime | None] = {
        name: after.get(name) for name in {**before, **after} if before.get(name) != after.get(name)
    }
    return changed or None
