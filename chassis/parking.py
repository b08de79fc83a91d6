"""What a stream cannot take is parked with it, in order, until it can: by a redrive, an edit or a discard.

Pure, as the taking (chassis/taking.py) that it tries again. Messages behind a parked one are parked too: chassis/handling.py.
"""

from __future__ import annotations

import base64

from pydantic import ValidationError

from chassis.decider import Send, StreamKind
from chassis.log import Record
from chassis.states import replace
from chassis.stream import PARKED_MAX, Stream
from chassis.taking import (
    Fetch,
    Handling,
    Incoming,
    StreamSend,
    Unacceptable,
    Work,
    decode,
    digest_of,
    take,
    taken_before,
    work_on,
)
from contracts.chassis import (
    DiscardParked,
    EditParked,
    Header,
    MessageDiscarded,
    MessageEdited,
    MessageParked,
    MessageRedriven,
    NotParked,
    RedriveFailed,
    RedriveStream,
    RedriveUnneeded,
)
from contracts.envelope import Envelope, Headers, child_traceparent
from contracts.ids import emitted_id
from contracts.message import CATALOGUE

__all__ = [
    "REDRIVEN_MAX",
    "ParkingFull",
    "has_room",
    "make_room",
    "park",
    "parked_already",
    "redrive",
    "settle",
    "take_or_park",
]

REDRIVEN_MAX = 100
"""Parked messages tried in one handling; the rest follow by a message of the stream to itself."""

DETAIL_CHARS_MAX = 2_000
"""Characters of an error's text kept in an event."""

REPEATED_INDEX = 2_000_000
"""Index, less the event's version, of a `MessageParked` whose cause is known already: its index 0 is taken."""

ROOM_INDEX = 3_000_000
"""Index of the first event that makes room in a full parking, for the message that found it full."""

EDITED_INDEX = 4_000_000
"""Index of the message that an operator puts in the place of a parked one, among what their command makes."""


class ParkingFull(Exception):
    """A stream has as many messages parked as it may, and cannot take the first of them: its partition stops."""


def take_or_park(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    """Take a message, or park it where its stream cannot. Raises FetchFailed and Unparkable."""
    try:
        return take(service, kind, stream, incoming, fetch)
    except Unacceptable as refusal:
        return park(service, kind, stream, incoming, refusal)


def park(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, refusal: Unacceptable) -> Handling:
    """Keep a message with its stream, for the reason that it was refused for."""
    record, envelope = incoming.record, incoming.envelope
    known = envelope.id in stream.doors or any(parked.message_id == envelope.id for parked in stream.parked)
    work = work_on(service, kind, stream, incoming, REPEATED_INDEX + stream.version + 1 if known else 0)
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


def has_room(stream: Stream) -> bool:
    """Whether one more may be parked with this stream."""
    return len(stream.parked) < PARKED_MAX


def parked_already(stream: Stream, incoming: Incoming) -> bool:
    """Whether what comes again is parked here: who repeats himself may not fill the parking."""
    value = base64.b64encode(incoming.record.value or b"").decode()
    return any(parked.message_id == incoming.envelope.id and parked.value == value for parked in stream.parked)


def redrive(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    """Take what is parked, as far as it can be taken now."""
    work = work_on(service, kind, stream, incoming)
    if taken_before(stream, incoming):
        return work.finished()
    digest = RedriveStream().digest() if incoming.from_door else None
    if not stream.parked:
        work.emit(RedriveUnneeded(door_digest=digest))
        return work.finished()
    return _try_parked(work, incoming, fetch, digest)


def settle(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    """Discard or edit one parked message, and where it was the first take what can be taken then."""
    work = work_on(service, kind, stream, incoming)
    if taken_before(stream, incoming):
        return work.finished()
    try:
        command = CATALOGUE[incoming.envelope.type].decode(incoming.record.value or b"")
        digest = digest_of(incoming, command) if incoming.may_come_again else None
    except (ValidationError, Unacceptable):
        return take_or_park(service, kind, stream, incoming, fetch)  # which no stream decides: it is parked
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


def _edit(parked: MessageParked, command: EditParked, work: Work, record: Record, digest: str | None) -> MessageEdited:
    """The new message has the way of the one that it is made of: whom it answers, and whether a door let it in."""
    original = _unparked(parked, record).envelope
    identifier = emitted_id(work.cause.id, work.stream.name, EDITED_INDEX)
    envelope = original._replace(
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
        return digest_of(original, decode(kind, original)) or ""
    except Unacceptable:
        return ""


def _kept(headers: Headers) -> tuple[Header, ...]:
    return tuple(Header(name=name, value=base64.b64encode(value).decode()) for name, value in headers)


def make_room(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    """What a redrive does, for a message that found the parking full: a redrive would wait behind it for ever.

    Raises ParkingFull when not even the first of the parked can be taken.
    """
    work = work_on(service, kind, stream, incoming, ROOM_INDEX)
    made = _try_parked(work, incoming, fetch, None)
    if len(made.stream.parked) == len(stream.parked):
        failed = RedriveFailed.decode(made.events[0].value)
        raise ParkingFull(
            f"{stream.name} has {PARKED_MAX} messages parked and cannot take the first of them, {failed.message_id} "
            f"({failed.fault}: {failed.detail}); its partition goes on as soon as a release can"
        )
    return made


def _try_parked(work: Work, incoming: Incoming, fetch: Fetch, digest: str | None) -> Handling:
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
            taken = take(work.service, work.kind, work.stream, original, fetch, first_index=1)
        except Unacceptable as refusal:
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


def _redrive_failed(parked: MessageParked, refusal: Unacceptable, digest: str | None) -> RedriveFailed:
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
