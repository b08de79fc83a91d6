"""The follower that lets channels hear what became of their orders: from `order.events` to `channel.updates`.

At least once, each update under an id of its own. A projection keeps what is known of orders; updates are written
before its position moves, so that none is lost. How far they were written is kept apart, as the position of a
consumer group: made again from the start, the tables say nothing twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, LiteralString, Protocol

import psycopg

from chassis.faultpoints import faultpoint
from chassis.log import LogError, NewRecord, Record
from contracts.envelope import Envelope, type_named
from contracts.ids import split_stream
from contracts.message import CATALOGUE, Message
from contracts.order import CancelReason, LinesAdded, OrderCancelRequested, OrderPlaced
from services.order.channel_out import ChannelOut, Publish
from services.order.channel_updates import (
    FOLLOWED,
    KnownLine,
    KnownOrder,
    KnownPart,
    counted,
    known_order,
    update_of,
    with_lines,
)

__all__ = ["CHANNEL_ACCOUNTS", "ChannelUpdates", "Positions", "Written"]

WRITTEN_EVERY_SECONDS = 5.0
"""How often the position of what was written is committed at most: what tables made again may say twice."""

CHANNEL_ACCOUNTS: LiteralString = """
create table if not exists channel_accounts (
    tenant text, account text, availability_said bigint not null default 0, primary key (tenant, account));
"""
"""The accounts that ever sent an order, and how far each was told what is available."""


class Positions(Protocol):
    """Positions of consumer groups, as a log keeps them. Both raise chassis.log.LogError."""

    def positions(self, group: str, topic: str) -> dict[int, int]: ...

    def commit_positions(self, group: str, topic: str, positions: Mapping[int, int]) -> None: ...


class Written:
    """How far updates were written, by partition of the events: everything before that was said to the channels.
    `waiting` says why that could not be noted at the last attempt, if so."""

    def __init__(self, positions: Positions, group: str, topic: str) -> None:
        self._positions, self._group, self._topic = positions, group, topic
        self._reached: dict[int, int] | None = None
        self._uncommitted = False
        self._commit_at = 0.0
        self.waiting: str | None = None

    def contains(self, record: Record) -> bool:
        """Whether what this event leads to was written before. Raises LogError."""
        return record.offset < self._known().get(record.partition, 0)

    def reached(self, records: Iterable[Record]) -> None:
        """All that these events lead to is written now. Raises LogError."""
        known = self._known()
        for record in records:
            if not self.contains(record):
                known[record.partition] = record.offset + 1
                self._uncommitted = True

    def commit_when_due(self) -> None:
        """Note how far it is, unless that was done a moment ago. Raises LogError."""
        if time.monotonic() >= self._commit_at:
            self.commit()

    def commit(self) -> None:
        """Note how far it is. Raises LogError."""
        if self._uncommitted:
            try:
                self._positions.commit_positions(self._group, self._topic, self._known())
            except LogError as error:
                self.waiting = str(error)
                raise
            self._uncommitted, self.waiting = False, None
            self._commit_at = time.monotonic() + WRITTEN_EVERY_SECONDS

    def _known(self) -> dict[int, int]:
        if self._reached is None:
            self._reached = self._positions.positions(self._group, self._topic)
        return self._reached


class ChannelUpdates:
    """The projection: what is known of orders, and beside it the updates, through `publish`."""

    name = "channel_updates"
    topics = ("order.events",)
    tables: LiteralString = (
        """
    create table if not exists channel_orders (
        id text primary key, tenant text not null, channel_account text not null, external_id text not null,
        number text not null, lines json not null, cancelling text, parts json not null);
    """
        + CHANNEL_ACCOUNTS
    )

    def __init__(self, publish: Publish, written: Written, out: ChannelOut) -> None:
        self._publish, self._written, self._out = publish, written, out

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        wanted = [record for record in records if type_named(record.headers) in FOLLOWED]
        heard = [(record, Envelope.parse(record.headers)) for record in wanted]
        orders = _load(connection, {envelope.subject for _, envelope in heard})
        before = dict(orders)
        updates: list[NewRecord] = []
        for record, envelope in heard:
            event = CATALOGUE[envelope.type].decode(record.value or b"")
            order = _evolve(orders.get(envelope.subject), event)
            if order is None:
                continue  # somebody named an order that was never placed: no channel waits for an answer
            orders[envelope.subject] = order
            if not self._written.contains(record):
                updates += self._update(event, envelope, order)
        _store(connection, {stream: order for stream, order in orders.items() if before.get(stream) is not order})
        faultpoint("updates.before_write")
        if updates:
            self._publish(updates)
        faultpoint("updates.after_write")
        self._written.reached(records)

    def _update(self, event: Message, envelope: Envelope, order: KnownOrder) -> Sequence[NewRecord]:
        update = update_of(event, envelope, order)
        if update is None:
            return ()
        return (self._out.record(update, order.channel_account, order.external_id, envelope),)


def _evolve(order: KnownOrder | None, event: Message) -> KnownOrder | None:
    if isinstance(event, OrderPlaced):
        return counted(known_order(event), event)
    if order is not None and isinstance(event, OrderCancelRequested):
        return replace(order, cancelling=event.cause)
    if order is not None and isinstance(event, LinesAdded):
        return with_lines(order, event)
    return None if order is None else counted(order, event)


def _load(connection: psycopg.Connection[Any], streams: set[str]) -> dict[str, KnownOrder]:
    rows = connection.execute(
        "select id, tenant, channel_account, external_id, number, lines, cancelling, parts from channel_orders"
        " where id = any(%s)",
        [[split_stream(stream)[1] for stream in sorted(streams)]],
    )
    return {
        f"order/{order}": KnownOrder(
            tenant,
            account,
            external_id,
            number,
            {ours: KnownLine(**line) for ours, line in lines.items()},
            CancelReason(cancelling) if cancelling else None,
            {ours: KnownPart(**part) for ours, part in parts.items()},
        )
        for order, tenant, account, external_id, number, lines, cancelling, parts in rows
    }


def _store(connection: psycopg.Connection[Any], orders: Mapping[str, KnownOrder]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into channel_orders values (%s, %s, %s, %s, %s, %s, %s, %s)"
            " on conflict (id) do update set cancelling = excluded.cancelling, parts = excluded.parts, lines = excluded.lines",
            [_row(split_stream(stream)[1], order) for stream, order in sorted(orders.items())],
        )
        cursor.executemany(
            "insert into channel_accounts (tenant, account) values (%s, %s) on conflict do nothing",
            sorted({(order.tenant, order.channel_account) for order in orders.values()}),
        )


def _row(identifier: str, order: KnownOrder) -> tuple[str | None, ...]:
    lines = json.dumps({ours: asdict(line) for ours, line in order.lines.items()})
    return (
        identifier,
        order.tenant,
        order.channel_account,
        order.external_id,
        order.number,
        lines,
        order.cancelling.value if order.cancelling else None,
        json.dumps({ours: asdict(part) for ours, part in order.parts.items()}),
    )
