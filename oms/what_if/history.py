"""What happened in a span of time, as the topics say it: where every stream stood at its beginning, what came in from
outside, when each message was handled, and which events were written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chassis.log import Log, LogError, Record
from chassis.service import Service
from chassis.snapshots import evolve_recorded
from chassis.stream import Stream, fresh
from contracts import topics
from contracts.chassis import DeadlinePassed
from contracts.envelope import Envelope
from contracts.ids import split_stream
from contracts.message import CATALOGUE, Event, Intent, format_instant
from oms.past import STREAMS_MAX, TooManyStreams, event_of, message_of, records, routes_of
from oms.what_if.sight import Sight

__all__ = ["RECORDS_MAX", "Came", "Happened", "History", "Key", "Told", "TooMuch", "by_stream", "history"]

Key = tuple[str, str]
"""A service and a stream of it."""

RECORDS_MAX = 2_000_000
"""Messages and events of a span that are held in memory, at most."""


class TooMuch(LogError):
    """The span cannot be played: it holds more than memory is meant for, or its messages are gone."""


@dataclass(frozen=True, slots=True)
class Came:
    """A message as it lay in an inbox: when it was handled, and in which order (`rank`)."""

    time: datetime
    rank: int
    service: str
    stream: str
    envelope: Envelope
    value: bytes


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, and whose; which of its stream's it is says `envelope.sequence`."""

    service: str
    stream: str
    envelope: Envelope
    event: Event


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker said of what it was asked, and the envelope of the intent that asked it."""

    asked: Envelope
    came: Came


@dataclass
class History:
    """A span after `since`, up to `until` (UTC). `before`: streams at its beginning, `last` the envelope of the last event
    of each, and `sight` what sourcing saw then. `outside` came from outside, `under_way` was sent before the span and
    handled in it. `came`: when each message was handled, by its id and stream, with its rank. `begun_inside`: streams
    that a message of ours began. `answers`: what workers said in the span, by service, stream, type and value of the
    intent of the span that asked it; they are not in `outside`."""

    since: datetime
    until: datetime
    sight: Sight = field(default_factory=Sight)
    before: dict[Key, Stream] = field(default_factory=dict)
    last: dict[Key, Envelope] = field(default_factory=dict)
    outside: list[Came] = field(default_factory=list)
    under_way: list[Came] = field(default_factory=list)
    came: dict[tuple[str, str], tuple[datetime, int]] = field(default_factory=dict)
    events: list[Happened] = field(default_factory=list)
    begun_inside: frozenset[Key] = frozenset()
    answers: dict[tuple[str, str, str, bytes], Told] = field(default_factory=dict)


def by_stream(events: Sequence[Happened]) -> Mapping[Key, Sequence[Happened]]:
    """Events by their streams, in order."""
    found: dict[Key, list[Happened]] = defaultdict(list)
    for each in events:
        found[each.service, each.stream].append(each)
    return found


def history(log: Log, services: Sequence[Service], since: datetime, until: datetime) -> History:
    """Read it from the topics of these services.

    Raises LogError, of it TooMuch and TooManyStreams; and LookupError for an event that this release cannot read.
    """
    found = History(since, until)
    incoming: list[tuple[Record, str, Envelope]] = []
    for service in services:
        _check_kept(log, service, since)
        routes = routes_of(log, service.namespace)
        for record in records(log, service.events):
            _event(found, service, record)
        for record in records(log, service.inbox):
            envelope = message_of(record, service, routes)
            if since < record.timestamp <= until and envelope is not None:
                incoming.append((record, service.name, envelope))
                if len(incoming) + len(found.events) > RECORDS_MAX:
                    raise TooMuch(f"the span holds more than {RECORDS_MAX:,} records: choose a shorter one")
    order = {service.name: place for place, service in enumerate(services)}
    incoming.sort(key=lambda each: (each[0].timestamp, order[each[1]], each[0].partition, each[0].offset))
    for rank, (record, name, envelope) in enumerate(incoming, start=1):
        _message(found, record, name, envelope, rank)
    _match_answers(found)
    from_outside = {each.envelope.id for each in found.outside}
    found.begun_inside = frozenset(
        (each.service, each.stream)
        for each in found.events
        if each.envelope.sequence == 1 and each.envelope.causation_id not in from_outside
    )
    return found


def _match_answers(found: History) -> None:
    """Set apart what answers an intent of the span."""
    asked = {each.envelope.id: each for each in found.events if isinstance(each.event, Intent)}
    others = []
    for came in found.outside:
        intent = asked.get(came.envelope.causation_id)
        if intent is None:
            others.append(came)
        else:
            key = (intent.service, intent.stream, intent.envelope.type, intent.event.encode())
            found.answers.setdefault(key, Told(intent.envelope, came))
    found.outside = others


def _check_kept(log: Log, service: Service, since: datetime) -> None:
    """Inboxes are kept for a time: what was thrown away cannot be played again."""
    for number in range(log.partitions(service.inbox)):
        if log.bounds(service.inbox, number)[0] == 0:
            continue
        first = next(records(log, service.inbox, [number]), None)
        if first is None or first.timestamp > since:
            kept = "nothing" if first is None else f"what came after {format_instant(first.timestamp)}"
            raise TooMuch(
                f"of {service.inbox}/{number} {kept} is kept, and the span begins at {format_instant(since)}: "
                "choose a later --since"
            )


def _event(found: History, service: Service, record: Record) -> None:
    envelope = Envelope.parse(record.headers)
    if envelope.time > found.until:
        return
    stored = event_of(record, envelope)
    if envelope.time > found.since:
        event = CATALOGUE[envelope.type].decode(stored.value)
        assert isinstance(event, Event), f"{envelope.type} is no event"
        found.events.append(Happened(service.name, stored.stream, envelope, event))
        return
    key, kind = (service.name, stored.stream), service.by_kind[split_stream(stored.stream)[0]]
    found.before[key] = evolve_recorded(kind, found.before.get(key) or fresh(kind, stored.stream), stored)
    if len(found.before) > STREAMS_MAX:
        raise TooManyStreams(found.since)
    found.last[key] = envelope
    if found.sight.sees(envelope.type):
        found.sight.note(envelope.time, CATALOGUE[envelope.type].decode(stored.value))


def _message(found: History, record: Record, service: str, envelope: Envelope, rank: int) -> None:
    name = (record.key or b"").decode()
    found.came.setdefault((envelope.id, name), (record.timestamp, rank))
    if envelope.type == DeadlinePassed.TYPE:
        return
    came = Came(record.timestamp, rank, service, name, envelope, record.value or b"")
    if envelope.source.removeprefix("/") not in topics.SERVICES:
        found.outside.append(came)
    elif envelope.time <= found.since:
        found.under_way.append(came)
