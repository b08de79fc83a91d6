"""So many orders as nobody can wait for: some that were lived by the services' own deciders, again and again under new
names.

What each time is another is what belongs to an order alone: ids, its number, its channel's id, its customer, its parcels
and invoices, and the day. The events are chained anew, so that followers take them as they take any others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from bench.in_memory import Services
from bench.orders import PLACED_AT, synthetic
from chassis.chain import GENESIS, event_hash
from chassis.kafka import partition_of
from chassis.log import NewRecord
from contracts.ids import order_number, split_stream
from contracts.message import format_instant

__all__ = ["FOLLOWED", "Known", "Many"]

FOLLOWED = ("order", "fulfillment", "shipping", "payments")
"""Services whose events are told again; stock is there in plenty and of no order alone."""

OPEN_EVERY = 10
"""One order in so many has not come to its end, where some are wanted that have not."""

OF_AN_ORDER = frozenset({"order", "payment", "fulfillment_order", "shipment"})
"""Streams that belong to one order."""

_UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MOMENT = format_instant(PLACED_AT).encode()
_SPREAD = 0x9E3779B1
"""An odd number, by whose multiples the beginnings of ids are spread over all that there are."""

_NAMED = ("external_id", "channel_number", "tracking_number", "sscc")
_UNTIL_NUL = b"\x00"
"""Stands between the parts of a record while names are replaced: no text of a record holds it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What somebody may have in their hand of an order."""

    order_id: str
    number: str
    external_id: str
    customer: str
    sku: str
    tracking: str | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A record, cut where names stand: every other part is one. The last header is the hash of the event before."""

    topic: str
    headers: Sequence[str]
    parts: Sequence[bytes]


class Many:
    """`count` orders, the last of them recorded at `until`, an order every `apart`, told of `lived` lives. `ended`: all of
    them, so that no deadline of theirs is left."""

    def __init__(
        self, count: int, lived: int, partitions: int, until: datetime, apart: timedelta, *, ended: bool = False
    ) -> None:
        self._partitions, self._ended = partitions, ended
        self._begins, self._apart = until - apart * (count - 1), apart
        self._lives = _lived(lived)
        self._heads = {(service, number): GENESIS for service in FOLLOWED for number in range(partitions)}

    def records(self, first: int, last: int) -> Iterator[NewRecord]:
        """Those of the orders from `first` to before `last`; asked for once and in this order, since each names the
        hash of the one before."""
        for number in range(first, last):
            life = self._lives[number % len(self._lives)]
            yield from self._told(life, number)

    def known(self, number: int) -> Known:
        """What somebody may know of the order of this number."""
        life = self._lives[number % len(self._lives)]
        return life.known(self._names(life, number))

    def _names(self, life: _Life, number: int) -> dict[bytes, bytes]:
        moment = format_instant(self._begins + self._apart * number).encode()
        return life.called(number // len(self._lives), moment)

    def _told(self, life: _Life, number: int) -> Iterator[NewRecord]:
        turn, names = number // len(self._lives), self._names(life, number)
        is_open = number % OPEN_EVERY == 0 and not self._ended
        kept = life.pieces[: 1 + turn % len(life.pieces)] if is_open else life.pieces
        for piece in kept:
            parts = list(piece.parts)
            parts[1::2] = [names[part] for part in parts[1::2]]
            key, value, *texts = b"".join(parts).split(_UNTIL_NUL)
            service, partition = piece.topic.partition(".")[0], partition_of(key, self._partitions)
            head = self._heads[service, partition].encode()
            headers = (*zip(piece.headers, texts, strict=True), ("ce_prev", head))
            self._heads[service, partition] = event_hash(key, value, headers)
            yield NewRecord(piece.topic, partition, key, value, headers)


class _Life:
    """The events of one order in all services, in the order in which they were decided."""

    def __init__(self, events: Sequence[NewRecord]) -> None:
        placed: Any = orjson.loads(events[0].value)
        self._order, self._number = placed["order_id"].encode(), placed["number"].encode()
        self._known = Known(
            placed["order_id"],
            placed["number"],
            placed["external_id"],
            placed["customer"]["id"],
            placed["lines"][0]["sku"],
            next((found.decode() for found in _found(events, "tracking_number")), None),
        )
        customer = placed["customer"]["id"].encode()
        self._own = {self._number, customer, *(name for field in _NAMED for name in _found(events, field))}
        self._own |= {name for name in _found(events, "number") if name != self._number and not name.isdigit()}
        marks = b"|".join(re.escape(name) for name in sorted(self._own, key=len, reverse=True))
        cut = re.compile(rb"(" + _UUID + rb"|" + re.escape(_MOMENT) + rb'|(?<=")(?:' + marks + rb')(?="))')
        self.pieces = [_cut(cut, event) for event in events]
        self._names = {part for piece in self.pieces for part in piece.parts[1::2]}

    def called(self, turn: int, moment: bytes) -> dict[bytes, bytes]:
        """What each name is called the turn-th time, at that moment."""
        names = {name: _again(name, turn) if len(name) == 36 else _suffixed(name, turn) for name in self._names}
        names[_MOMENT] = moment
        names[self._number] = order_number(names[self._order].decode()).encode()
        return names

    def known(self, names: dict[bytes, bytes]) -> Known:
        """What somebody may know of it then."""

        def called(name: str) -> str:
            return names.get(name.encode(), name.encode()).decode()

        own = self._known
        return Known(
            called(own.order_id),
            called(own.number),
            called(own.external_id),
            called(own.customer),
            own.sku,
            None if own.tracking is None else called(own.tracking),
        )


def _lived(count: int) -> list[_Life]:
    services, shop = Services(PLACED_AT), synthetic(count, "many")
    services.bring(shop)
    services.order(shop)
    by_order: dict[bytes, list[NewRecord]] = {}
    for event in services.events:
        head = dict(event.headers)
        kind, _ = split_stream(event.key.decode())
        if kind in OF_AN_ORDER:
            by_order.setdefault(head["ce_correlationid"], []).append(event)
    return [_Life(events) for events in by_order.values()]


def _found(events: Sequence[NewRecord], field: str) -> set[bytes]:
    """What a field of this name holds anywhere in these events, where it is text."""
    return {text for event in events for text in re.findall(rb'"%s":"([^"]+)"' % field.encode(), event.value)}


def _cut(cut: re.Pattern[bytes], event: NewRecord) -> _Piece:
    kept = [(name, text) for name, text in event.headers if name != "ce_prev"]
    whole = _UNTIL_NUL.join((event.key, event.value, *(text for _, text in kept)))
    return _Piece(event.topic, tuple(name for name, _ in kept), tuple(cut.split(whole)))


def _again(name: bytes, turn: int) -> bytes:
    return b"%08x" % ((int(name[:8], 16) + turn * _SPREAD) & 0xFFFFFFFF) + name[8:]


def _suffixed(name: bytes, turn: int) -> bytes:
    return name + b"-%d" % turn
