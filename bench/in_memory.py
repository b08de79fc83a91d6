"""Whole order lives in one process, without broker and database: what deciding and encoding cost alone.

All services' deciders by the same handling as the loop, with the same envelopes and bytes; messages go first in, first
out. Nothing is waited for, so the CPU time is that of the work. Who is outside reports at once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bench.orders import Shop
from bench.people import HTTP, Floor, door, goods_entry, order_entry, seller_entry
from chassis.chain import GENESIS, Draft, finish
from chassis.decider import StreamKind
from chassis.doors import Entry
from chassis.handling import handle
from chassis.log import NewRecord, Record
from chassis.stream import Stream, fresh
from chassis.taking import Incoming
from contracts import topics
from contracts.envelope import Envelope, replace_reply
from contracts.ids import split_stream
from contracts.message import CATALOGUE, format_instant
from contracts.personal import Personal, PersonalContent
from services.fulfillment import fulfillment_order
from services.inventory import stock_item
from services.order.sourcing import Availability
from services.order.stream import KINDS as ORDER_KINDS
from services.payments.streams import KINDS as PAYMENTS_KINDS
from services.shipping import shipment

__all__ = ["Services"]

KINDS: Mapping[str, Sequence[StreamKind]] = {
    "order": ORDER_KINDS,
    "inventory": stock_item.KINDS,
    "fulfillment": fulfillment_order.KINDS,
    "shipping": shipment.KINDS,
    "payments": PAYMENTS_KINDS,
}

MESSAGES_MAX = 1_000_000
"""Messages that one course may take: more is a loop between services."""


@dataclass
class Services:
    """All streams of all services, at one moment in time. `written` counts events by their type; `events` are they."""

    now: datetime
    written: Counter[str] = field(default_factory=Counter)
    events: list[NewRecord] = field(default_factory=list)
    handled: int = 0

    def __post_init__(self) -> None:
        self._kinds = {(service, kind.kind): kind for service, several in KINDS.items() for kind in several}
        self._streams: dict[str, Stream] = {}
        self._available: dict[str, dict[str, Availability]] = {}
        self._heads = {service: {0: GENESIS} for service in KINDS}
        self._waiting: deque[NewRecord] = deque()
        self._floor = Floor()
        self._door = replace(door(HTTP, partitions=1), clock=lambda: self.now)

    def bring(self, shop: Shop) -> None:
        """Say who sells, and have the goods received."""
        self._put_in([seller_entry(), *map(goods_entry, shop.goods)])

    def order(self, shop: Shop) -> None:
        """Send every order, and go on until nothing is on its way."""
        self._put_in([order_entry(order, _sealed) for order in shop.orders])

    def _put_in(self, entries: Sequence[Entry]) -> None:
        """Messages come in by doors, and everything that follows from them happens."""
        self._waiting.extend(map(self._door.record, entries))
        for _ in range(MESSAGES_MAX):
            if not self._waiting:
                return
            self._take(self._waiting.popleft())
        raise RuntimeError(f"after {MESSAGES_MAX} messages the services still do not rest")

    def _take(self, sent: NewRecord) -> None:
        self.handled += 1
        service, name = sent.topic.partition(".")[0], sent.key.decode()
        kind = self._kinds[service, split_stream(name)[0]]
        record = Record(sent.topic, 0, self.handled, self.now, sent.key, sent.value, sent.headers)
        before = self._streams.get(name) or fresh(kind, name)
        incoming = Incoming(record, Envelope.parse(sent.headers))
        handling = handle(service, kind, before, incoming, self._known)
        self._streams[name] = handling.stream
        drafts: list[Draft] = []
        for event in handling.events:
            written = Draft(topics.events(service), 0, sent.key, event.value, event.envelope, chained=True)
            drafts.append(written)
            drafts += [_answer(to, written, event.envelope) for to in event.answers]
        drafts += [
            Draft(topics.inbox(send.service), 0, send.stream.encode(), send.value, send.envelope)
            for send in handling.sends
        ]
        for out in finish(drafts, f"bench.{self.handled}", self._heads[service]):
            (self._waiting if out.topic.endswith(".inbox") else self.events).append(out)
        for event in handling.events:
            self._happened(name, event.envelope, event.value)

    def _happened(self, name: str, envelope: Envelope, value: bytes) -> None:
        self.written[envelope.type] += 1
        if name.startswith("stock_item/"):
            event: Any = CATALOGUE[envelope.type].decode(value)
            for level in getattr(event, "levels", ()):
                shelf = self._available.setdefault(event.sku, {})
                shelf[level.location] = Availability(level.available, self.handled)
        for entry in self._floor.reports(envelope.type, name, value, format_instant(envelope.time)):
            self._waiting.append(self._door.record(entry))

    def _known(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return {key: dict(self._available[key]) for key in keys if key in self._available}


def _answer(to: str, written: Draft, envelope: Envelope) -> Draft:
    service, _, stream = to.partition(":")
    return Draft(
        topics.inbox(service), 0, stream.encode(), written.value, replace_reply(envelope, to), original=written
    )


def _sealed(subject: str, content: PersonalContent) -> Personal:
    """Stands in for the vault, at about the size of what it seals."""
    return Personal(subject=subject, ciphertext="x" * (len(content.model_dump_json()) * 4 // 3))
