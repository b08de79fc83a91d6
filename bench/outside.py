"""Everybody outside in one process, whose CPU is counted apart: it sends orders, and reports what staff and the carrier
do as soon as it sees the event that they wait for.

Orders are made and sealed before the clock starts. It times each from the moment at which it was to be sent, so that an
installation that falls behind is not spared: to the moment at which its event could be read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from bench.orders import Shop, baskets, hot, long, synthetic
from bench.people import CHANNEL, HTTP, Floor, door, goods_entry, order_entry, order_name, seller_entry
from bench.sending import make_producer, send
from chassis.kafka import KafkaLog
from chassis.sealing import FileMasterKey, Sealer
from chassis.vault import PostgresVault
from contracts import topics
from contracts.order import HoldPlaced, OrderCancelled, OrderCompleted, OrderConfirmed
from oms.demo.till import Till

__all__ = ["Course", "Load", "Place", "be_outside"]

READ_AT_ONCE = 2_000
WAIT_SECONDS = 0.005
DRAIN_SECONDS = 90.0
FOLLOWED = ("order", "fulfillment", "shipping")
UNWANTED = frozenset({HoldPlaced.TYPE, OrderCancelled.TYPE})


SHOPS: Mapping[str, Callable[[int], Shop]] = {
    "synthetic": lambda orders: synthetic(orders, "bench"),
    "baskets": lambda orders: baskets(orders, Till()),
    "hot": lambda orders: hot(orders, "bench"),
    "long": lambda lines: long(lines, "bench"),
}
"""What can be ordered, by name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the installation stands, what is ordered there (a name of `SHOPS`) and how many orders are made; of `long`, how
    many lines the one order has."""

    bootstrap: str
    partitions: int
    vault: str
    master_key: Path
    what: str
    orders: int


@dataclass(frozen=True, slots=True)
class Load:
    """How orders are sent: as many a second as `rate` says, or (None) so that `open_max` are always under way; `orders` at
    most. The window of `window` seconds begins after `warm` seconds, and where orders are always under way not before
    `open_max` of them are completed: the first of them all come at once."""

    rate: float | None
    orders: int
    open_max: int
    warm: float
    window: float


@dataclass(slots=True)
class Course:
    """What came of a load: orders `sent` in all, those `completed` in the window, its length, and the seconds from when
    each order sent in it was due until it was confirmed, and completed."""

    sent: int = 0
    completed: int = 0
    seconds: float = 0.0
    confirmed_after: list[float] = field(default_factory=list)
    completed_after: list[float] = field(default_factory=list)


class NotDone(RuntimeError):
    """Orders did not come to their end; the text says what became of them."""


def be_outside(place: Place, line: Connection) -> None:
    """Make the orders, then do what the line asks for: a Load each time, answered by its Course; None ends it.

    While a load runs, the line says `begins` and `ends` of its window.
    """
    shop = SHOPS[place.what](place.orders)
    vault = PostgresVault(place.vault)
    outside = _Outside(place, shop, Sealer(vault, FileMasterKey(place.master_key)))
    vault.close()
    outside.bring_goods()
    line.send("ready")
    while (load := line.recv()) is not None:
        line.send(outside.run(load, line.send))
    outside.close()


class _Outside:
    def __init__(self, place: Place, shop: Shop, sealer: Sealer) -> None:
        self._door = door(HTTP, place.partitions)
        self._goods = [self._door.record(entry) for entry in (seller_entry(), *map(goods_entry, shop.goods))]
        channel = door(CHANNEL, place.partitions)
        self._orders = [
            (order_name(order).encode(), channel.record(order_entry(order, sealer.seal))) for order in shop.orders
        ]
        self._next = 0
        self._floor = Floor()
        self._due: dict[bytes, float] = {}
        self._counted: set[bytes] = set()
        self._course, self._in_window = Course(), False
        self._producer = make_producer(place.bootstrap)
        log = KafkaLog(place.bootstrap)
        self._consumer = Consumer(
            {
                "bootstrap.servers": place.bootstrap,
                "group.id": "bench-outside",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
            }
        )
        names = [(topics.events(service), number) for service in FOLLOWED for number in range(place.partitions)]
        self._consumer.assign([TopicPartition(*where, log.bounds(*where)[1]) for where in names])

    def bring_goods(self) -> None:
        """Say who sells, and have all goods received."""
        for record in self._goods:
            send(self._producer, record)
        self._producer.flush()

    def run(self, load: Load, say: Callable[[str], None]) -> Course:
        """Send orders by `load`, and go on until each is completed. Raises NotDone."""
        began = time.monotonic()
        begins = ends = math.inf
        course = self._course = Course()
        self._counted = set()
        while (now := time.monotonic()) < ends and course.sent < load.orders:
            if begins == math.inf and self._is_warm(load, now - began):
                self._in_window, begins, ends = True, now, now + load.window
                say("begins")
            self._feed(load, began)
            self._turn()
        if begins == math.inf:
            raise NotDone(f"{load.orders} orders are too few: all were sent before the window began")
        self._in_window = False
        course.seconds = time.monotonic() - begins
        say("ends")
        self._drain()
        return course

    def _is_warm(self, load: Load, seconds: float) -> bool:
        done = self._course.sent - len(self._due)
        return seconds >= load.warm and (load.rate is not None or done >= load.open_max)

    def _feed(self, load: Load, began: float) -> None:
        """Send what is due now."""
        while self._course.sent < load.orders:
            now = time.monotonic()
            due = now if load.rate is None else began + self._course.sent / load.rate
            if due > now or (load.rate is None and len(self._due) >= load.open_max):
                return
            name, record = self._orders[self._next]
            self._due[name] = due
            if self._in_window:
                self._counted.add(name)
            send(self._producer, record)
            self._next += 1
            self._course.sent += 1

    def _turn(self) -> None:
        """Read what happened, and do what follows from it."""
        self._producer.poll(0)
        for message in self._consumer.consume(READ_AT_ONCE, WAIT_SECONDS):
            error = message.error()
            if error is not None:
                raise NotDone(f"the events cannot be read: {error.str()}")
            headers: dict[str, Any] = dict(message.headers() or ())
            self._see(headers["ce_type"].decode(), message.key() or b"", message.value() or b"", headers)

    def _see(self, kind: str, key: bytes, value: bytes, headers: dict[str, Any]) -> None:
        if kind in UNWANTED:
            raise NotDone(f"{key.decode()}: {kind}: {value[:500].decode(errors='replace')}")
        if kind == OrderConfirmed.TYPE:
            self._note(self._course.confirmed_after, key)
        elif kind == OrderCompleted.TYPE:
            self._note(self._course.completed_after, key)
            self._due.pop(key, None)
            self._course.completed += self._in_window
        else:
            for entry in self._floor.reports(kind, key.decode(), value, headers["ce_time"].decode()):
                send(self._producer, self._door.record(entry))

    def _note(self, after: list[float], key: bytes) -> None:
        if key in self._counted and key in self._due:
            after.append(time.monotonic() - self._due[key])

    def _drain(self) -> None:
        until = time.monotonic() + DRAIN_SECONDS
        while self._due:
            self._turn()
            if time.monotonic() > until:
                raise NotDone(f"{len(self._due)} orders are not completed after {DRAIN_SECONDS:.0f} s")
        self._producer.flush()

    def close(self) -> None:
        self._consumer.close()
