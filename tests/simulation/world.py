"""All services' deciders in one process: messages go from stream to stream, in the order that a choice gives.

Delivery is exactly once and in order for each pair of sender and receiver's stream, as by Kafka; which stream is
served next is free, so that answers cross. What comes from outside may come again. A service may stand still, lose what
it had not committed, and start again from its log. Runs the same handling as the loop, so nothing here knows a service's
rules; small_world.py has the loop itself.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, TypeVar

from chassis.decider import StreamKind
from chassis.handling import handle
from chassis.log import Record
from chassis.stream import DOOR_MEMORY, Stream, evolve, fresh, open_deadlines
from chassis.taking import Emitted, Handling, Incoming, StreamSend
from chassis.testing import DAWN
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.envelope import Actor, Envelope, root_traceparent
from contracts.ids import aggregate_id, deadline_id, door_message_id, split_stream, stream
from contracts.inventory import ItemDescribed, KitComponent
from contracts.message import CATALOGUE, Event, Intent, Message, format_instant
from contracts.shipping import ManifestPackage
from services.fulfillment import fulfillment_order
from services.inventory import stock_item
from services.order.kits import Kit, is_kit_key, kit_key
from services.order.sourcing import Availability
from services.order.stream import KINDS as ORDER_KINDS
from services.payments.streams import KINDS as PAYMENTS_KINDS
from services.shipping import shipment
from services.shipping.manifest import carrier_and_location

__all__ = ["KINDS", "TENANT", "Broken", "Handled", "Key", "Kinds", "Letter", "World", "stock_stream"]

E = TypeVar("E", bound=Event)
Key = tuple[str, str]
"""A service and a stream of it."""

TENANT = "default"
STEPS_MAX = 200_000
"""Messages that one run may take: more is a loop between services."""

MARGIN = timedelta(days=5)
"""How long a message may lie before it is handled, at most, as far as doors are concerned."""

BATCH_LOST_MAX = 8
"""Messages that a service which dies had handled and not committed."""

Kinds = Mapping[str, Sequence[StreamKind]]

KINDS: Kinds = {
    "order": ORDER_KINDS,
    "inventory": stock_item.KINDS,
    "fulfillment": fulfillment_order.KINDS,
    "shipping": shipment.KINDS,
    "payments": PAYMENTS_KINDS,
}


class Broken(AssertionError):
    """Something that must hold does not; `what` names it in a word or two, the same whichever stream it is about."""

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what}: {detail}")
        self.what, self.detail = what, detail


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way to a stream; `sender` is a service, `door` or `worker`, `number` counts all that were sent."""

    service: str
    stream: str
    envelope: Envelope
    value: bytes
    number: int = 0

    @property
    def sender(self) -> str:
        return self.envelope.source.split("/")[1]


@dataclass(frozen=True)
class Handled:
    """A message that a stream handled: what stood before and stands after it, the events that were written, and the
    messages that were sent."""

    letter: Letter
    kind: StreamKind
    before: Stream
    after: Stream
    events: tuple[Event, ...]
    sends: tuple[StreamSend, ...]

    @property
    def service(self) -> str:
        return self.letter.service

    @property
    def stream(self) -> str:
        return self.letter.stream

    @property
    def sender(self) -> str:
        return self.letter.sender

    @cached_property
    def message(self) -> Message:
        return CATALOGUE[self.letter.envelope.type].decode(self.letter.value)

    @cached_property
    def sent(self) -> tuple[tuple[str, Message], ...]:
        """The messages, each with the service that it went to."""
        return tuple((send.service, CATALOGUE[send.envelope.type].decode(send.value)) for send in self.sends)


@dataclass(slots=True)
class _Log:
    """What a stream wrote: name of the type, value, cause and time of each event."""

    events: list[tuple[str, bytes, str, datetime]] = field(default_factory=list)


class World:
    """Streams of every service, and the messages on their way. `watch` is told of everything that is handled."""

    def __init__(self, seed: int = 0, kinds: Kinds = KINDS) -> None:
        self.streams: dict[Key, Stream] = {}
        self.events: list[tuple[str, Event]] = []
        self.handled: list[Handled] = []
        self.written: list[tuple[str, Sequence[Emitted]]] = []
        self.intents: list[tuple[str, Envelope, Intent]] = []
        """What was to be done outside, in the order in which it was written, by service."""
        self.now = DAWN
        self.skew: dict[str, timedelta] = {}
        """How much a service's clock, and that of its doors, is ahead."""
        self.stopped: set[str] = set()
        self.from_doors: list[Letter] = []
        self.watch: list[Callable[[Handled], None]] = []
        self.available: dict[str, dict[str, Availability]] = {}
        self.kits: dict[str, Sequence[KitComponent]] = {}
        self._kinds = {(service, kind.kind): kind for service, several in kinds.items() for kind in several}
        self._choice = random.Random(seed)
        self._queues: dict[Key, deque[Letter]] = {}
        self._logs: dict[Key, _Log] = {}
        self._posted = self._sent = 0
        self._ids: set[str] = set()
        self._digest = sha256()

    # -- from outside

    def post(
        self,
        service: str,
        name: str,
        message: Message,
        door: str | None = "spec",
        actor: Actor | None = None,
        key: Sequence[str] = (),
        cause: Envelope | None = None,
    ) -> None:
        """A message from outside comes in by a door (or is the service's own: no door), and who caused it. `key` is what
        its caller knows it by; without one it is another message each time."""
        self._posted += 1
        number = str(self._posted)
        identifier = door_message_id(TENANT, door or "", *key) if key else aggregate_id(TENANT, "posted", number)
        envelope = Envelope(
            id=identifier,
            type=message.TYPE,
            source=f"/door/{door}" if door else "/worker",
            time=self.clock(service),
            subject=name,
            tenant=TENANT,
            correlation_id=cause.correlation_id if cause else name,
            causation_id=cause.id if cause else f"posted-{number}",
            traceparent=root_traceparent(aggregate_id(TENANT, "trace", number)),
            actor=actor,
        )
        letter = Letter(service, name, envelope, message.encode())
        if door:
            self.from_doors.append(letter)
        self._enqueue(letter)

    def tell(self, service: str, name: str, message: Message, actor: Actor | None = None) -> World:
        """A message from outside comes in, and everything that follows from it happens."""
        self.post(service, name, message, actor=actor)
        return self.run()

    def again(self, letter: Letter) -> None:
        """Whoever sent this by a door heard no answer, and sends it again: the same message, now."""
        self._enqueue(letter)

    def remembers_key(self, service: str, name: str, door: str, key: Sequence[str]) -> bool:
        """Whether what a caller knows by this key is new, or would be known again."""
        identifier = door_message_id(TENANT, door, *key)
        return all(
            self.remembers(letter)
            for letter in self.from_doors
            if (letter.service, letter.stream, letter.envelope.id) == (service, name, identifier)
        )

    def remembers(self, letter: Letter) -> bool:
        """Whether a door message is not so old, by the time of its stream, that it would be taken for a new one."""
        found = self.streams.get((letter.service, letter.stream))
        latest = max(self.now, found.time) if found is not None and found.time is not None else self.now
        return latest + MARGIN < letter.envelope.time + DOOR_MEMORY

    def _enqueue(self, letter: Letter) -> None:
        self._sent += 1
        self._queues.setdefault((letter.service, letter.stream), deque()).append(replace(letter, number=self._sent))

    # -- time

    def clock(self, service: str) -> datetime:
        """The time that a service's processes see."""
        return self.now + self.skew.get(service, timedelta(0))

    def wait(self, span: timedelta) -> World:
        """Time passes; every deadline that is due by then fires, twice."""
        self.now += span
        self.fire()
        return self.run()

    def fire(self, times: int = 2) -> int:
        """What is due by the clock of each running service is told to its stream; how many deadlines."""
        found = [each for each in self.deadlines() if each[0] <= self.clock(each[1])]
        for due, service, name, deadline in found:
            message = DeadlinePassed(name=deadline, due=due)
            envelope = Envelope(
                id=deadline_id(name, deadline, format_instant(due)),
                type=message.TYPE,
                source="/worker",
                time=max(due, self.clock(service)),
                subject=name,
                tenant=TENANT,
                correlation_id=name,
                causation_id=name,
                traceparent=root_traceparent(aggregate_id(TENANT, "trace", name)),
            )
            for _ in range(times):
                self._enqueue(Letter(service, name, envelope, message.encode()))
        return len(found)

    def deadlines(self) -> list[tuple[datetime, str, str, str]]:
        """Those that are open: when, of which service's stream, and their names; of services that stand still none."""
        return sorted(
            (due, service, name, deadline)
            for (service, name), found in self.streams.items()
            if service not in self.stopped
            for deadline, due in open_deadlines(self.kind(service, name), found).items()
        )

    # -- what happens

    def run(self) -> World:
        """Deliver until nothing is on its way."""
        for _ in range(STEPS_MAX):
            if not self.step():
                return self
        raise Broken("rest", "the services never rest")

    def step(self) -> bool:
        """Deliver one message; False when there is none."""
        waiting = self.waiting()
        if not waiting:
            return False
        self._deliver(self._queues[self.next_key(waiting)].popleft())
        return True

    def serve(self, number: int) -> bool:
        """Deliver the first message of one of the waiting streams, counted in the order in which they were sent."""
        waiting = self.waiting()
        if not waiting:
            return False
        key = sorted(waiting, key=self.sent_at)[number % len(waiting)]
        self._deliver(self._queues[key].popleft())
        return True

    def waiting(self) -> list[Key]:
        """The streams of running services that messages wait for."""
        return sorted(key for key, queue in self._queues.items() if queue and key[0] not in self.stopped)

    def next_key(self, waiting: Sequence[Key]) -> Key:
        """Whose turn it is, of the streams that messages wait for."""
        return self._choice.choice(waiting)

    def sent_at(self, key: Key) -> int:
        """When the first message that waits for a stream was sent, counted from 1."""
        return self._queues[key][0].number

    def _deliver(self, letter: Letter) -> None:
        kind, before, handling = self._met(letter, self.streams)
        key = (letter.service, letter.stream)
        self.streams[key] = handling.stream
        self._digest.update(letter.value)
        if handling.events:
            self.written.append((letter.service, handling.events))
        log, events = self._logs.setdefault(key, _Log()).events, []
        for emitted in handling.events:
            event = CATALOGUE[emitted.envelope.type].decode(emitted.value)
            assert isinstance(event, Event)
            if isinstance(event, MessageParked):
                raise Broken(f"parked {event.message_type}", event.detail)
            if emitted.envelope.id in self._ids:
                raise Broken("id twice", f"two events have the id {emitted.envelope.id}")
            self._ids.add(emitted.envelope.id)
            log.append((emitted.envelope.type, emitted.value, letter.envelope.id, emitted.envelope.time))
            self._digest.update(emitted.envelope.id.encode() + emitted.value)
            self._happened(letter.service, letter.stream, emitted.envelope, event)
            events.append(event)
            for answer in emitted.answers:
                service, _, name = answer.partition(":")
                self._enqueue(Letter(service, name, emitted.envelope, emitted.value))
        for sent in handling.sends:
            self._enqueue(Letter(sent.service, sent.stream, sent.envelope, sent.value))
        found = Handled(letter, kind, before, handling.stream, tuple(events), handling.sends)
        self.handled.append(found)
        for watcher in self.watch:
            watcher(found)

    def _met(self, letter: Letter, streams: Mapping[Key, Stream]) -> tuple[StreamKind, Stream, Handling]:
        """What comes of a message, given the streams; changes nothing."""
        kind = self.kind(letter.service, letter.stream)
        before = streams.get((letter.service, letter.stream)) or fresh(kind, letter.stream)
        record = Record(f"{letter.service}.inbox", 0, 0, self.now, letter.stream.encode(), letter.value, ())
        return kind, before, handle(letter.service, kind, before, Incoming(record, letter.envelope), self._known)

    def _known(self, keys: Sequence[str]) -> dict[str, Any]:
        """What the order service's loader would find now."""
        found: dict[str, Any] = {key: dict(self.available.get(key, {})) for key in keys if not is_kit_key(key)}
        for key in self.kits.keys() & keys:
            parts = self.kits[key]
            found[key] = Kit(parts, {part.sku: dict(self.available.get(part.sku, {})) for part in parts})
        found.update({key: self._waiting_for_carrier(key) for key in keys if "\x1f" in key and not is_kit_key(key)})
        return found

    def _waiting_for_carrier(self, key: str) -> list[ManifestPackage]:
        """What the shipping service's loader would find now."""
        carrier, location = carrier_and_location(key)
        return [
            ManifestPackage(
                shipment=split_stream(name)[1],
                package=package.package,
                sscc=package.sscc or "",
                tracking_number=package.tracking_number or "",
                weight_grams=package.weight_grams,
            )
            for name, view in sorted(self.views("shipping", "shipment").items())
            if view.stage == "labelled" and (view.asked.carrier, view.asked.location) == (carrier, location)
            for package in view.packages
        ]

    def _happened(self, service: str, name: str, envelope: Envelope, event: Event) -> None:
        self.events.append((name, event))
        if isinstance(event, Intent):
            self.intents.append((service, envelope, event))
        if isinstance(event, ItemDescribed) and event.components:
            self.kits[kit_key(event.sku)] = event.components
        for level in getattr(event, "levels", ()):
            sku = getattr(event, "sku", "")
            self.available.setdefault(sku, {})[level.location] = Availability(level.available, len(self.events))

    # -- faults

    def die(self, service: str, handled: int = 0) -> None:
        """A process dies with so many messages handled and not committed: they are as if never handled, and come again.
        What starts in its place knows what the log says, which is what the dead one knew."""
        overlay = {key: found for key, found in self.streams.items() if key[0] == service}
        waiting = [letter for key in self.waiting() if key[0] == service for letter in self._queues[key]]
        for letter in sorted(waiting, key=lambda each: each.number)[: min(handled, BATCH_LOST_MAX)]:
            _, _, handling = self._met(letter, overlay)
            overlay[letter.service, letter.stream] = handling.stream
        for key, live in list(self.streams.items()):
            if key[0] == service:
                self.streams[key] = self._rebuilt(key, live)

    def _rebuilt(self, key: Key, live: Stream) -> Stream:
        kind = self.kind(*key)
        found = fresh(kind, key[1])
        for name, value, cause, time in self._logs[key].events if key in self._logs else ():
            event = CATALOGUE[name].decode(value)
            assert isinstance(event, Event)
            found = evolve(kind, found, event, cause, time)
        if found != live:
            raise Broken("rebuilt", f"{key[1]} rebuilt from its log is not what was in memory")
        return found

    # -- eyes

    def kind(self, service: str, name: str) -> StreamKind:
        """The kind of a stream."""
        return self._kinds[service, split_stream(name)[0]]

    def state(self, service: str, name: str) -> Any:
        """What deciders of a stream see."""
        return self.streams[service, name].view(self.kind(service, name))

    def views(self, service: str, kind: str) -> dict[str, Any]:
        """What deciders see of each stream of a kind, by name."""
        return {
            name: found.view(self._kinds[service, kind])
            for (of, name), found in self.streams.items()
            if of == service and name.startswith(f"{kind}/")
        }

    def of(self, kind: type[E]) -> list[E]:
        """Events of a type, in the order in which they happened."""
        return [event for _, event in self.events if isinstance(event, kind)]

    def history(self, service: str, name: str) -> list[tuple[Event, str, datetime]]:
        """The events of a stream, each with the id of its cause and when it was recorded."""
        found = []
        for kind, value, cause, time in self._logs[service, name].events:
            event = CATALOGUE[kind].decode(value)
            assert isinstance(event, Event)
            found.append((event, cause, time))
        return found

    def digest(self) -> str:
        """SHA-256 (hex) over every message that was handled and every event that was written, in order."""
        return self._digest.hexdigest()


def stock_stream(sku: str) -> str:
    """The stream of a SKU's stock."""
    return stream("stock_item", aggregate_id(TENANT, "stock_item", sku))
