"""Chosen records of inboxes through the deciders of this release, and what the log says came of them.

Each is handled as it came: at its time, in its order, with what was seen then. What services say to each other is not
sent, since it is among the records. So what a service writes depends on its own inbox alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chassis.handling import handle
from chassis.log import Log
from chassis.parking import ParkingFull
from chassis.service import Service
from chassis.stream import Stream, fresh
from chassis.taking import Emitted, Incoming, Unparkable
from contracts.envelope import Envelope
from contracts.ids import split_stream
from contracts.message import CATALOGUE, Event, Message
from oms.declared import declared
from oms.past import records
from oms.replay.selecting import Chosen
from oms.what_if.history import RECORDS_MAX, Happened, Key, TooMuch
from oms.what_if.policies import Policies
from oms.what_if.sight import Sight

__all__ = ["Before", "Handled", "Play", "before"]

SEEN_BY = {"order": ("inventory", "order")}
"""Of which services' events a service's deciders see something, beside their messages and streams."""


@dataclass
class Before:
    """What the log says of chosen records: the events that they caused (`then`), the streams that another message began
    (`cut`), and what could be seen, with its time."""

    then: list[Happened] = field(default_factory=list)
    cut: set[Key] = field(default_factory=set)
    seen: list[tuple[datetime, Message]] = field(default_factory=list)


def before(log: Log, services: Sequence[Service], chosen: Sequence[Chosen]) -> Before:
    """Read it. Raises LogError, of it TooMuch."""
    found = Before()
    causes = {(one.envelope.id, one.stream) for one in chosen}
    names = {service.name for service in services}
    needed = {seen for name in names for seen in SEEN_BY.get(name, ())}
    for name in sorted(names | needed):
        service = next((each for each in services if each.name == name), None) or declared(name, services[0].namespace)
        for record in records(log, service.events):
            _note(found, service.name, record.key or b"", record.value or b"", Envelope.parse(record.headers), causes)
            if len(found.then) + len(found.seen) > RECORDS_MAX:
                raise TooMuch(f"more than {RECORDS_MAX:,} events belong to what is chosen: choose a shorter span")
    found.cut = {key for key in found.cut if key[0] in names}
    found.then = [each for each in found.then if each.service in names and (each.service, each.stream) not in found.cut]
    found.seen.sort(key=lambda each: each[0])
    return found


def _note(
    found: Before, service: str, key: bytes, value: bytes, envelope: Envelope, causes: set[tuple[str, str]]
) -> None:
    name = key.decode()
    caused = (envelope.causation_id, name) in causes
    if envelope.sequence == 1 and not caused:
        found.cut.add((service, name))
    if not caused and not Sight.sees(envelope.type):
        return
    event = CATALOGUE[envelope.type].decode(value)
    assert isinstance(event, Event), f"{envelope.type} is no event"
    if caused:
        found.then.append(Happened(service, name, envelope, event))
    if Sight.sees(envelope.type):
        found.seen.append((envelope.time, event))


@dataclass(frozen=True, slots=True)
class Handled:
    """A record that was handled, and the events that were written."""

    chosen: Chosen
    events: tuple[Emitted, ...]


class Play:
    """Handles records one after the other. `left_out` counts those that were not, by the reason."""

    def __init__(self, services: Iterable[Service], known: Before) -> None:
        self.now: list[Happened] = []
        self.left_out: Counter[str] = Counter()
        self._kinds = {(service.name, kind.kind): kind for service in services for kind in service.kinds}
        self._known, self._next_seen, self._sight = known, 0, Sight()
        self._streams: dict[Key, Stream] = {}

    def handled(self, chosen: Sequence[Chosen]) -> Iterator[Handled]:
        """Each record that is handled, in their order."""
        for one in chosen:
            if (one.service, one.stream) in self._known.cut:
                self.left_out["their stream began with a record that is not chosen"] += 1
                continue
            self._see(one.record.timestamp)
            try:
                yield Handled(one, self._events(one))
            except (ParkingFull, Unparkable):
                self.left_out["a message could not be taken nor put aside"] += 1

    def _see(self, moment: datetime) -> None:
        """What was recorded before this moment is seen."""
        seen = self._known.seen
        while self._next_seen < len(seen) and seen[self._next_seen][0] < moment:
            self._sight.note(*seen[self._next_seen])
            self._next_seen += 1

    def _events(self, one: Chosen) -> tuple[Emitted, ...]:
        key = (one.service, one.stream)
        kind = self._kinds[one.service, split_stream(one.stream)[0]]
        stream = self._streams.get(key) or fresh(kind, one.stream)
        handling = handle(one.service, kind, stream, Incoming(one.record, one.envelope), self._fetch)
        self._streams[key] = handling.stream
        for emitted in handling.events:
            event = CATALOGUE[emitted.envelope.type].decode(emitted.value)
            assert isinstance(event, Event)
            self.now.append(Happened(*key, emitted.envelope, event))
        return handling.events

    def _fetch(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return self._sight.fetch(keys, Policies())
