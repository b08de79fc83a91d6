"""All services' deciders in one process: messages go from stream to stream, in the order that a choice gives.

Delivery is exactly once and in order for each pair of sender and receiver's stream, as by Kafka; which stream is
served next is free, so that answers cross. Runs the same handling as the loop, so nothing here knows a service's rules.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from chassis.decider import StreamKind
from chassis.handling import Emitted, Handling, Incoming, handle
from chassis.log import Record
from chassis.stream import Stream, fresh, open_deadlines
from chassis.testing import DAWN
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.envelope import Actor, Envelope, root_traceparent
from contracts.ids import aggregate_id, split_stream, stream
from contracts.inventory import ItemDescribed, KitComponent
from contracts.message import CATALOGUE, Event, Message
from services.fulfillment import fulfillment_order
from services.inventory import stock_item
from services.order.kits import Kit, is_kit_key, kit_key
from services.order.sourcing import Availability
from services.order.stream import KINDS as ORDER_KINDS
from services.payments.streams import KINDS as PAYMENTS_KINDS
from services.shipping import shipment

__all__ = ["TENANT", "Handled", "World", "stock_stream"]

E = TypeVar("E", bound=Event)
TENANT = "default"
STEPS_MAX = 200_000
"""Messages that one run may take: more is a loop between services."""

KINDS: Mapping[str, Sequence[StreamKind]] = {
    "order": ORDER_KINDS,
    "inventory": stock_item.KINDS,
    "fulfillment": fulfillment_order.KINDS,
    "shipping": shipment.KINDS,
    "payments": PAYMENTS_KINDS,
}


@dataclass(frozen=True, slots=True)
class _Letter:
    service: str
    stream: str
    envelope: Envelope
    value: bytes
    number: int = 0


@dataclass(frozen=True, slots=True)
class Handled:
    """A message that a stream handled: who sent it (a service, `door` or `worker`), the events that were written, and
    the messages that were sent, each with the service that they went to."""

    service: str
    stream: str
    sender: str
    message: Message
    events: tuple[Event, ...]
    sent: tuple[tuple[str, Message], ...]


class World:
    """Streams of every service, and the messages on their way. `choice` picks which stream is served next."""

    def __init__(self, seed: int = 0) -> None:
        self.streams: dict[tuple[str, str], Stream] = {}
        self.events: list[tuple[str, Event]] = []
        self.handled: list[Handled] = []
        self.written: list[tuple[str, Sequence[Emitted]]] = []
        self.now = DAWN
        self._choice = random.Random(seed)
        self._queues: dict[tuple[str, str], deque[_Letter]] = {}
        self.available: dict[str, dict[str, Availability]] = {}
        self.kits: dict[str, Sequence[KitComponent]] = {}
        self._posted = self._sent = 0

    def post(
        self, service: str, name: str, message: Message, door: str | None = "spec", actor: Actor | None = None
    ) -> None:
        """A message from outside comes in by a door (or from a worker: no door), and who caused it."""
        self._posted += 1
        number = str(self._posted)
        envelope = Envelope(
            id=aggregate_id(TENANT, "posted", number),
            type=message.TYPE,
            source=f"/door/{door}" if door else "/worker",
            time=self.now,
            subject=name,
            tenant=TENANT,
            correlation_id=name,
            causation_id=f"posted-{number}",
            traceparent=root_traceparent(aggregate_id(TENANT, "trace", number)),
            actor=actor,
        )
        self._enqueue(_Letter(service, name, envelope, message.encode()))

    def tell(self, service: str, name: str, message: Message, actor: Actor | None = None) -> World:
        """A message from outside comes in, and everything that follows from it happens."""
        self.post(service, name, message, actor=actor)
        return self.run()

    def _enqueue(self, letter: _Letter) -> None:
        self._sent += 1
        self._queues.setdefault((letter.service, letter.stream), deque()).append(replace(letter, number=self._sent))

    def run(self) -> World:
        """Deliver until nothing is on its way."""
        for _ in range(STEPS_MAX):
            if not self.step():
                return self
        raise AssertionError("the services never rest")

    def step(self) -> bool:
        """Deliver one message; False when there is none."""
        waiting = sorted(key for key, queue in self._queues.items() if queue)
        if not waiting:
            return False
        key = self.next_key(waiting)
        self._deliver(self._queues[key].popleft())
        return True

    def next_key(self, waiting: Sequence[tuple[str, str]]) -> tuple[str, str]:
        """Whose turn it is, of the streams that messages wait for."""
        return self._choice.choice(waiting)

    def sent_at(self, key: tuple[str, str]) -> int:
        """When the first message that waits for a stream was sent, counted from 1."""
        return self._queues[key][0].number

    def _deliver(self, letter: _Letter) -> None:
        kind = self._kind(letter.service, letter.stream)
        key = (letter.service, letter.stream)
        before = self.streams.get(key) or fresh(kind, letter.stream)
        headers = letter.envelope.headers()
        record = Record(f"{letter.service}.inbox", 0, 0, self.now, letter.stream.encode(), letter.value, headers)
        handling = handle(
            letter.service,
            kind,
            before,
            Incoming(record, letter.envelope),
            self._known,
        )
        self.streams[key] = handling.stream
        if handling.events:
            self.written.append((letter.service, handling.events))
        events: list[Event] = []
        for emitted in handling.events:
            event = CATALOGUE[emitted.envelope.type].decode(emitted.value)
            assert isinstance(event, Event)
            assert not isinstance(event, MessageParked), f"{event.message_type} was parked: {event.detail}"
            self._happened(letter, event)
            events.append(event)
            for answer in emitted.answers:
                service, _, name = answer.partition(":")
                self._enqueue(_Letter(service, name, emitted.envelope, emitted.value))
        for sent in handling.sends:
            self._enqueue(_Letter(sent.service, sent.stream, sent.envelope, sent.value))
        self.handled.append(_handled(letter, events, handling))

    def _known(self, keys: Sequence[str]) -> dict[str, Any]:
        """What the order service's loader would find now."""
        found: dict[str, Any] = {key: dict(self.available.get(key, {})) for key in keys if not is_kit_key(key)}
        for key in self.kits.keys() & keys:
            parts = self.kits[key]
            found[key] = Kit(parts, {part.sku: dict(self.available.get(part.sku, {})) for part in parts})
        return found

    def _happened(self, letter: _Letter, event: Event) -> None:
        self.events.append((letter.stream, event))
        if isinstance(event, ItemDescribed) and event.components:
            self.kits[kit_key(event.sku)] = event.components
        for level in getattr(event, "levels", ()):
            sku = getattr(event, "sku", "")
            self.available.setdefault(sku, {})[level.location] = Availability(level.available, len(self.events))

    def _kind(self, service: str, name: str) -> StreamKind:
        return next(kind for kind in KINDS[service] if kind.kind == split_stream(name)[0])

    def wait(self, span: timedelta) -> World:
        """Time passes; every deadline that is due by then fires, twice."""
        self.now += span
        for (service, name), found in sorted(self.streams.items()):
            for deadline, due in sorted(open_deadlines(self._kind(service, name), found).items()):
                if due <= self.now:
                    for _ in range(2):
                        self.post(service, name, DeadlinePassed(name=deadline, due=due), door=None)
        return self.run()

    def state(self, service: str, name: str) -> Any:
        """What deciders of a stream see."""
        return self.streams[service, name].view(self._kind(service, name))

    def of(self, kind: type[E]) -> list[E]:
        """Events of a type, in the order in which they happened."""
        return [event for _, event in self.events if isinstance(event, kind)]


def _handled(letter: _Letter, events: Sequence[Event], handling: Handling) -> Handled:
    return Handled(
        letter.service,
        letter.stream,
        letter.envelope.source.split("/")[1],
        CATALOGUE[letter.envelope.type].decode(letter.value),
        tuple(events),
        tuple((sent.service, CATALOGUE[sent.envelope.type].decode(sent.value)) for sent in handling.sends),
    )


def stock_stream(sku: str) -> str:
    """The stream of a SKU's stock."""
    return stream("stock_item", aggregate_id(TENANT, "stock_item", sku))
