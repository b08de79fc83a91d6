"""All services' deciders in one process, played through a span of history: what came in from outside comes in when it did,
and what follows from it follows by the code of this release.

A message that was sent then too is handled at the moment and in the place at which it was handled then; any other at
once, after what caused it. So the same history and the same policies give the same outcome, to the byte, and unchanged
policies give what happened. Workers do not run, and nobody outside is called.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

from chassis.handling import handle
from chassis.log import Record
from chassis.parking import ParkingFull
from chassis.service import Service
from chassis.stream import Stream, fresh, open_deadlines
from chassis.taking import Emitted, Incoming, Unparkable
from contracts import topics
from contracts.chassis import DeadlinePassed
from contracts.envelope import Envelope, root_traceparent
from contracts.ids import deadline_id, door_message_id, split_stream
from contracts.message import CATALOGUE, Command, Event, format_instant
from oms.what_if.history import Happened, History, Key
from oms.what_if.nodes import Nodes, Said
from oms.what_if.policies import Policies
from services.order.sourcing_rules import compared_by

__all__ = ["World"]

DOOR = "what-if"
"""The door by which the modelled nodes and carriers report."""

STEPS_MAX = 50_000_000
"""Messages of one run; more is a loop between services."""

Place = tuple[datetime, int, int]
"""When a message is handled, after which rank of history, and in the order in which it was put there."""


@dataclass(frozen=True, slots=True)
class _Letter:
    service: str
    stream: str
    envelope: Envelope
    value: bytes


class World:
    """A run of a history by policies. `events` are what was written in it; `left_out` counts what came in from outside
    and had nobody to go to, by the reason."""

    def __init__(self, past: History, services: Sequence[Service], policies: Policies) -> None:
        self.events: list[Happened] = []
        self.left_out: Counter[str] = Counter()
        self._past, self._policies = past, policies
        self._kinds = {(service.name, kind.kind): kind for service in services for kind in service.kinds}
        self._streams: dict[Key, Stream] = dict(past.before)
        self._last: dict[Key, Envelope] = dict(past.last)
        self._sight = past.sight.copied()
        self._nodes = Nodes(past)
        self._numbers = count(1)
        self._queue: list[tuple[Place, _Letter | Said]] = []
        self._behind: dict[tuple[str, str, str], Place] = {}
        self._now: tuple[datetime, int] = (past.since, 0)

    def play(self) -> World:
        """From the beginning of the span to its end."""
        self._begin()
        with compared_by(self._policies.criteria()):
            for _ in range(STEPS_MAX):
                if not self._queue or self._queue[0][0][0] > self._past.until:
                    break
                place, item = heapq.heappop(self._queue)
                self._now = place[:2]
                if isinstance(item, Said):
                    self._report(item)
                else:
                    self._deliver(item)
        return self

    def _begin(self) -> None:
        for came in (*self._past.outside, *self._past.under_way):
            self._put((came.time, came.rank), _Letter(came.service, came.stream, came.envelope, came.value))
        for key, stream in sorted(self._streams.items()):
            kind = self._kinds[key[0], split_stream(key[1])[0]]
            self._wait(key, dict(sorted(open_deadlines(kind, stream).items())))

    @property
    def modelled(self) -> int:
        """How many fulfillment orders had other work than then."""
        return self._nodes.modelled

    def works_otherwise(self, service: str, stream: str) -> bool:
        """Whether this work was not the same then, and is modelled."""
        return self._nodes.models((service, stream))

    # -- what is on its way

    def _put(self, when: tuple[datetime, int], letter: _Letter | Said) -> None:
        heapq.heappush(self._queue, ((*when, next(self._numbers)), letter))

    def _send(self, letter: _Letter) -> None:
        """As in the log: never before what the same service told that stream before."""
        came = self._past.came.get((letter.envelope.id, letter.stream))
        when = max(self._now, came or self._now)
        way = (letter.envelope.source, letter.service, letter.stream)
        before = self._behind.get(way)
        if before is not None and before[:2] > when:
            when = before[:2]
        self._behind[way] = (*when, 0)
        self._put(when, letter)

    def _wait(self, key: Key, deadlines: Mapping[str, datetime | None]) -> None:
        for name, due in deadlines.items():
            if due is not None:
                letter = self._passed(key, name, due)
                self._put(self._past.came.get((letter.envelope.id, key[1]), (max(due, self._now[0]), 0)), letter)

    def _passed(self, key: Key, name: str, due: datetime) -> _Letter:
        last = self._last[key]
        envelope = Envelope(
            id=deadline_id(key[1], name, format_instant(due)),
            type=DeadlinePassed.TYPE,
            source=f"/{key[0]}",
            time=due,
            subject=key[1],
            tenant=last.tenant,
            correlation_id=last.correlation_id,
            causation_id=last.id,
            traceparent=root_traceparent(last.id),
        )
        return _Letter(*key, envelope, DeadlinePassed(name=name, due=due).encode())

    # -- what happens

    def _deliver(self, letter: _Letter) -> None:
        key = (letter.service, letter.stream)
        if letter.envelope.source.removeprefix("/") not in topics.SERVICES:
            changed = self._from_outside(letter)
            if changed is None:
                return
            letter = changed
        kind = self._kinds[letter.service, split_stream(letter.stream)[0]]
        before = self._streams.get(key) or fresh(kind, letter.stream)
        record = Record(f"{letter.service}.inbox", 0, 0, self._now[0], letter.stream.encode(), letter.value, ())
        try:
            handling = handle(letter.service, kind, before, Incoming(record, letter.envelope), self._fetch)
        except (ParkingFull, Unparkable):
            self.left_out["a message could not be taken nor put aside"] += 1
            return
        self._streams[key] = handling.stream
        for emitted in handling.events:
            self._happened(key, emitted)
        for sent in handling.sends:
            self._send(_Letter(sent.service, sent.stream, sent.envelope, sent.value))

    def _from_outside(self, letter: _Letter) -> _Letter | None:
        """A message from outside as it comes in here; None where it has nobody to go to."""
        key = (letter.service, letter.stream)
        if key in self._past.begun_inside and key not in self._streams:
            self.left_out["their stream never began here"] += 1
            return None
        if letter.envelope.source != f"/door/{DOOR}" and self._nodes.models(key):
            self.left_out["the node or carrier had other work, and is modelled"] += 1
            return None
        model = CATALOGUE.get(letter.envelope.type)
        if model is None:
            return letter
        try:
            message = model.decode(letter.value)
        except ValueError:
            return letter  # its stream parks it, as the loop did
        changed = self._policies.incoming(message)
        return letter if changed is message else replace(letter, value=changed.encode())

    def _fetch(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return self._sight.fetch(keys, self._policies)

    def _happened(self, key: Key, emitted: Emitted) -> None:
        event = CATALOGUE[emitted.envelope.type].decode(emitted.value)
        assert isinstance(event, Event)
        self.events.append(Happened(*key, emitted.envelope, event))
        self._last[key] = emitted.envelope
        self._sight.note(emitted.envelope.time, event)
        self._wait(key, emitted.envelope.deadlines or {})
        if emitted.intent:
            self._ask_outside(key, emitted)
        for answer in emitted.answers:
            service, _, name = answer.partition(":")
            self._send(_Letter(service, name, emitted.envelope, emitted.value))
        for said in self._nodes.answers(key, event, self._now[0]):
            self._put((said.at, self._now[1]), said)

    def _ask_outside(self, key: Key, emitted: Emitted) -> None:
        """Whoever was asked the same then says the same, after as long. Nobody answers what was not asked then."""
        told = self._past.answers.get((*key, emitted.envelope.type, emitted.value))
        if told is None:
            if key[0] == "payments":
                self.left_out["a provider was asked something else, and does not answer"] += 1
            return
        same = told.asked.id == emitted.envelope.id
        later = (self._now[0] + (told.came.time - told.asked.time), self._now[1])
        came = told.came
        self._put((came.time, came.rank) if same else later, _Letter(*key, came.envelope, came.value))

    def _report(self, said: Said) -> None:
        """A modelled node or carrier does what its model says, with its work as it stands then."""
        stream = self._streams.get((said.service, said.stream))
        command = None if stream is None else said.command(stream.states[0])
        if command is not None:
            self._deliver(self._reported(said, command))

    def _reported(self, said: Said, command: Command) -> _Letter:
        last = self._last[said.service, said.stream]
        identifier = door_message_id(last.tenant, DOOR, said.stream, said.step)
        envelope = Envelope(
            id=identifier,
            type=command.TYPE,
            source=f"/door/{DOOR}",
            time=self._now[0],
            subject=said.stream,
            tenant=last.tenant,
            correlation_id=last.correlation_id,
            causation_id=identifier,
            traceparent=root_traceparent(identifier),
        )
        return _Letter(said.service, said.stream, envelope, command.encode())
