"""Specifications of deciders: given these events, when this message, then these events and these messages.

Runs the same code as the loop (chassis/handling.py), so ids, parking and encoding are part of what is specified. Every
outcome also rebuilds the stream from its stored events, and from its snapshot, and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.decider import Answer, Send, StreamKind
from chassis.handling import handle
from chassis.log import Record
from chassis.snapshots import decode_stream, encode_stream
from chassis.stream import Stream, evolve, fresh, open_deadlines
from chassis.taking import Handling, Incoming
from contracts.chassis import MessageParked
from contracts.envelope import Actor, Envelope, root_traceparent
from contracts.ids import aggregate_id, stream
from contracts.message import CATALOGUE, Event, Message

__all__ = ["DAWN", "WATCHERS", "Happening", "Outcome", "Spec", "Step"]

DAWN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When specifications happen, unless they say otherwise."""


@dataclass(frozen=True)
class Step:
    """One event of a stream, and what deciders saw before and after it."""

    before: Any
    event: Event
    after: Any


@dataclass(frozen=True)
class Happening:
    """What a specification did to a stream of `kind`: the message that came (None: the events were given), what stood
    before it, each event, and what was sent."""

    kind: StreamKind
    service: str
    message: Message | None
    before: Any
    steps: tuple[Step, ...]
    sent: tuple[Send, ...]


WATCHERS: list[Callable[[Happening], None]] = []
"""Who is told of everything that happens in specifications, such as who draws what they reached. None, most of the time."""


class Spec:
    """A stream of `kind` to which things happen, in order. `now` moves on with `at`; messages are numbered."""

    def __init__(self, kind: StreamKind, service: str, name: str | None = None, tenant: str = "default") -> None:
        self.kind, self.service, self.tenant = kind, service, tenant
        self.name = name or stream(kind.kind, aggregate_id(tenant, kind.kind, "spec"))
        self.stream = fresh(kind, self.name)
        self.log: list[tuple[Event, str, datetime]] = []
        self._rebuilt, self._rebuilt_from = self.stream, 0
        self._messages = 0
        self._now = DAWN

    @property
    def state(self) -> Any:
        """What deciders see now."""
        return self.stream.view(self.kind)

    def given(self, *events: Event) -> Spec:
        """These events happened, one message each."""
        for event in events:
            self._messages += 1
            cause = f"given-{self._messages}"
            before, known = self.stream, len(self.log)
            self.stream = evolve(self.kind, self.stream, event, cause, self._now)
            self.log.append((event, cause, self._now))
            self._tell(None, before, known, ())
        return self

    def at(self, moment: datetime | timedelta) -> Spec:
        """What follows happens then, or so much later."""
        self._now = self._now + moment if isinstance(moment, timedelta) else moment
        return self

    def when(
        self,
        message: Message,
        *,
        reply_to: str | None = None,
        subject: str | None = None,
        actor: Actor | None = None,
        reason: str | None = None,
        door: str | None = None,
        message_id: str | None = None,
        needed: Mapping[str, Any] | None = None,
        correlation: str | None = None,
    ) -> Outcome:
        """This message comes: from the door named, or from a service of ours. `needed`: what the loader knows;
        `correlation`: the stream whose story it belongs to, unless that is this one."""
        self._messages += 1
        envelope = Envelope(
            id=message_id or aggregate_id(self.tenant, "message", str(self._messages)),
            type=message.TYPE,
            source=f"/door/{door}" if door else "/spec",
            time=self._now,
            subject=subject or self.name,
            tenant=self.tenant,
            correlation_id=correlation or self.name,
            causation_id=f"cause-of-{self._messages}",
            traceparent=root_traceparent(aggregate_id(self.tenant, "trace", str(self._messages))),
            reply_to=reply_to,
            actor=actor,
            reason=reason,
        )
        record = Record("inbox", 0, self._messages, self._now, self.name.encode(), message.encode(), envelope.headers())
        known = needed or {}
        handling = handle(
            self.service,
            self.kind,
            self.stream,
            Incoming(record, envelope),
            lambda keys: {key: known[key] for key in keys if key in known},
        )
        return self._outcome(message, handling)

    def _outcome(self, message: Message, handling: Handling) -> Outcome:
        before, known, events = self.stream, len(self.log), []
        for emitted in handling.events:
            event = CATALOGUE[emitted.envelope.type].decode(emitted.value)
            assert isinstance(event, Event), f"{type(event).__name__} was emitted as an event and is none"
            events.append(event)
            self.log.append((event, emitted.envelope.causation_id, emitted.envelope.time))
        self.stream = handling.stream
        self._rebuilds()
        outcome = Outcome(self, handling, tuple(events))
        self._tell(message, before, known, outcome.sent)
        return outcome

    def _tell(self, message: Message | None, before: Stream, known: int, sent: tuple[Send, ...]) -> None:
        """Those who watch hear what came of a message, from the `known`-th event on."""
        if not WATCHERS:
            return
        steps, stream = [], before
        for event, cause, time in self.log[known:]:
            evolved = evolve(self.kind, stream, event, cause, time)
            steps.append(Step(stream.view(self.kind), event, evolved.view(self.kind)))
            stream = evolved
        happening = Happening(self.kind, self.service, message, before.view(self.kind), tuple(steps), sent)
        for watch in WATCHERS:
            watch(happening)

    def _rebuilds(self) -> None:
        """Folds are pure, so the stream rebuilt up to the last message goes on with what came since."""
        for event, cause, time in self.log[self._rebuilt_from :]:
            self._rebuilt = evolve(self.kind, self._rebuilt, type(event).decode(event.encode()), cause, time)
        self._rebuilt_from = len(self.log)
        assert self._rebuilt == self.stream, "the stream rebuilt from its events is not the live one"
        restored: Stream = decode_stream(self.kind, self.name, self.stream.version, encode_stream(self.stream))
        assert restored == self.stream, "the stream restored from its snapshot is not the live one"
        if self.stream.waiting is not None:
            remembered, found = self.stream.waiting.of(self.stream), open_deadlines(self.kind, self.stream)
            assert remembered == found, "what the live stream remembers to wait for is not what its folds wait for"


@dataclass(frozen=True)
class Outcome:
    """What came of a message."""

    spec: Spec
    handling: Handling
    events: tuple[Event, ...]

    @property
    def sent(self) -> tuple[Send, ...]:
        """The messages sent, in order."""
        return tuple(
            Send(out.service, out.stream, CATALOGUE[out.envelope.type].decode(out.value), bool(out.envelope.reply_to))
            for out in self.handling.sends
        )

    @property
    def stories(self) -> set[str]:
        """Whose stories (correlation) the events and messages belong to."""
        return {envelope.correlation_id for envelope in self._envelopes()}

    def _envelopes(self) -> Iterator[Envelope]:
        yield from (event.envelope for event in self.handling.events)
        yield from (send.envelope for send in self.handling.sends)

    @property
    def answers(self) -> tuple[tuple[Event, Answer], ...]:
        """Which event was copied to whom."""
        return tuple(
            (event, Answer(to))
            for event, emitted in zip(self.events, self.handling.events, strict=True)
            for to in emitted.answers
        )

    def then(self, *expected: Event) -> Outcome:
        """Exactly these events happened (the digest of a door message aside)."""
        parked = [event for event in self.events if isinstance(event, MessageParked)]
        if parked and not any(isinstance(event, MessageParked) for event in expected):
            raise AssertionError(f"the message was parked: {parked[0].fault}: {parked[0].detail}")
        found = tuple(event.model_copy(update={"door_digest": None}) for event in self.events)
        assert found == expected, _difference(found, expected)
        return self

    def then_nothing(self) -> Outcome:
        """No event happened and nothing was sent."""
        return self.then().sends()

    def sends(self, *expected: Send) -> Outcome:
        """Exactly these messages were sent, in this order."""
        assert self.sent == expected, _difference(self.sent, expected)
        return self

    def answered(self, *to: str) -> Outcome:
        """Exactly these askers were answered, in this order."""
        found = tuple(answer.to for _, answer in self.answers)
        assert found == to, _difference(found, to)
        return self


def _difference(found: tuple[Any, ...], expected: tuple[Any, ...]) -> str:
    lines = ["expected:", *(f"  {item!r}" for item in expected), "found:", *(f"  {item!r}" for item in found)]
    return "\n".join(lines)
