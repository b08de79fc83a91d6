"""A stream in memory: the folds' states, and what the chassis itself folds from the same events.

Pure. The chassis's own fold is the version, the time of the last event, the memory of door messages and the parked
messages. Everything here is a function of the stream's events in order, so the loop, the follower's snapshots and a
rebuild come to the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chassis.decider import StreamKind
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.chassis import (
    CHASSIS_EVENTS,
    MessageConflicted,
    MessageDiscarded,
    MessageEdited,
    MessageParked,
    MessageRedriven,
)
from contracts.message import Event
from contracts.topics import RETENTION_MS

__all__ = ["DOOR_MEMORY", "PARKED_MAX", "DoorMemory", "Stream", "Waiting", "evolve", "fresh", "open_deadlines"]

DOOR_MEMORY = timedelta(milliseconds=RETENTION_MS)
"""How long a stream remembers door messages: as long as the inbox could deliver them again."""

PARKED_MAX = 10_000
"""Messages a stream may have parked; past that its partition stops and says so."""


@dataclass(frozen=True, slots=True)
class DoorMemory:
    """A message that may come again and that this stream took, a door's mostly: its body's digest, and other bodies that
    came under its id."""

    digest: str
    conflicting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream after its first `version` events; `states` are its folds' in the kind's order. `waiting` remembers what it was
    last found to wait for, and is handed on from event to event."""

    name: str
    version: int
    time: datetime | None
    states: tuple[Any, ...]
    doors: HashTrieMap[str, DoorMemory] = field(default_factory=lambda: HashTrieMap())
    door_times: tuple[tuple[datetime, str], ...] = ()
    parked: tuple[MessageParked, ...] = ()
    waiting: Waiting | None = field(default=None, repr=False, compare=False)

    def view(self, kind: StreamKind) -> Any:
        """What deciders and reactions of `kind` see."""
        return kind.state(*self.states)


def fresh(kind: StreamKind, name: str) -> Stream:
    """The stream before its first event."""
    return Stream(name, 0, None, tuple(fold.initial for fold in kind.folds))


def open_deadlines(kind: StreamKind, stream: Stream) -> Mapping[str, datetime]:
    """The deadlines that the stream waits for, by name.

    Raises ValueError when two folds use one name: neither could tell which of the two had passed.
    """
    return Waiting(kind).of(stream)


class Waiting:
    """What a stream waits for, after one event and after the next: a fold is asked anew only where its state is another."""

    __slots__ = ("_by_fold", "_found", "_kind", "_states")

    def __init__(self, kind: StreamKind) -> None:
        self._kind = kind
        self._states: tuple[Any, ...] = ()
        self._by_fold: dict[int, Mapping[str, datetime]] = {}
        self._found: Mapping[str, datetime] = {}

    def of(self, stream: Stream) -> Mapping[str, datetime]:
        """See `open_deadlines`. The very mapping of the last time where nothing changed."""
        before, self._states = self._states, stream.states
        if not before:
            folds = self._kind.folds
            self._by_fold = {place: folds[place].deadlines(stream.states[place]) for place in self._kind.waiting}
            self._found = self._merged()
        elif before is not stream.states:
            self._ask_again(before)
        return self._found

    def _ask_again(self, before: tuple[Any, ...]) -> None:
        other = False
        for place in self._kind.waiting:
            state = self._states[place]
            if state is not before[place]:
                due = self._kind.folds[place].deadlines(state)
                if due != self._by_fold[place]:
                    self._by_fold[place], other = due, True
        if other:
            self._found = self._merged()

    def _merged(self) -> Mapping[str, datetime]:
        found: dict[str, datetime] = {}
        for deadlines in self._by_fold.values():
            if not found.keys().isdisjoint(deadlines):
                raise ValueError(f"two folds of {self._kind.kind} share a deadline's name: {sorted(deadlines)}")
            found.update(deadlines)
        return found


def evolve(kind: StreamKind, stream: Stream, event: Event, cause: str, time: datetime) -> Stream:
    """The stream after one more event, caused by the message `cause` and recorded at `time`."""
    states = stream.states
    if not isinstance(event, CHASSIS_EVENTS):
        # What the chassis says of a stream is no fact of its domain, and parking must work where a fold crashes.
        states = tuple(
            [
                evolve_fold(state if as_of is None else as_of(state, time), event)
                for (as_of, evolve_fold), state in zip(kind.evolving, states, strict=True)
            ]
        )
    version, doors, door_times = stream.version + 1, stream.doors, stream.door_times
    evolved = Stream(stream.name, version, time, states, doors, door_times, stream.parked, stream.waiting)
    if event.door_digest is not None:
        evolved = _remember(evolved, cause, event.door_digest, time)
    match event:
        case MessageParked():
            return replace(evolved, parked=(*evolved.parked, event))
        case MessageRedriven():
            return replace(evolved, parked=evolved.parked[1:])
        case MessageDiscarded():
            parked = tuple(one for one in evolved.parked if one.offset != event.offset)
            return replace(_settled(evolved, event, time), parked=parked)
        case MessageEdited():
            parked = tuple(_edited(one, event) for one in evolved.parked)
            return replace(_settled(evolved, event, time), parked=parked)
        case MessageConflicted():
            return _conflicted(evolved, event)
    return evolved


def _settled(stream: Stream, event: MessageDiscarded | MessageEdited, time: datetime) -> Stream:
    """Remember a message that is not to be taken, so that it is not when it comes again."""
    return stream if event.digest is None else _remember(stream, event.message_id, event.digest, time)


def _edited(parked: MessageParked, event: MessageEdited) -> MessageParked:
    """What is parked after an edit: the new message, in the place of the one that it was made of."""
    if parked.offset != event.offset:
        return parked
    new = {"message_type": event.message_type, "headers": event.headers, "value": event.value}
    return parked.model_copy(update={**new, "message_id": event.edited_id})


def _remember(stream: Stream, cause: str, digest: str, time: datetime) -> Stream:
    doors, times = stream.doors.insert(cause, DoorMemory(digest)), (*stream.door_times, (time, cause))
    while times[0][0] < time - DOOR_MEMORY:
        doors, times = doors.discard(times[0][1]), times[1:]
    return replace(stream, doors=doors, door_times=times)


def _conflicted(stream: Stream, event: MessageConflicted) -> Stream:
    known = stream.doors.get(event.message_id)
    if known is None:
        return stream
    both = DoorMemory(known.digest, (*known.conflicting, event.digest))
    return replace(stream, doors=stream.doors.insert(event.message_id, both))
