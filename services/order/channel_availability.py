"""What channels may sell: from `inventory.events` to `channel.availability`, per SKU and channel account.

A projection keeps what is available of each SKU, over all its locations; a teller says what changed to each account
that ever sent an order, the latest alone and no more often than `AVAILABILITY_EVERY_SECONDS`. Each account is told all
SKUs. Nothing is said before the tables have caught up with the events, so that no old number is taken for a new one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from chassis.faultpoints import faultpoint
from chassis.log import Log, LogError, NewRecord, Record
from chassis.projection import TRACKING
from chassis.states import replace
from chassis.store import StoreAway, connect, making_tables
from contracts import topics
from contracts.channel import ChannelAvailability
from contracts.envelope import Envelope, type_named
from contracts.inventory import Level
from contracts.message import CATALOGUE
from services.order.channel_follower import CHANNEL_ACCOUNTS
from services.order.channel_out import ChannelOut, Publish

__all__ = ["AvailabilityTeller", "StockToSell"]

AVAILABILITY_EVERY_SECONDS = 5.0
"""How often an account is told what changed, at most. In between only the latest of a SKU is kept."""

TOLD_MAX = 2_000
"""SKUs said to one account in one load; the rest follows at once, load by load."""

_WITH_LEVELS = {name: model for name, model in CATALOGUE.items() if "levels" in model.model_fields}
"""The events that say what is available."""


@dataclass(frozen=True, slots=True)
class _Stock:
    """A stock item: available by location, and the event that last changed what is available in all."""

    tenant: str
    sku: str
    unit: str
    cause: Envelope
    version: int
    levels: Mapping[str, int] = field(default_factory=dict)

    @property
    def available(self) -> int:
        return max(0, sum(self.levels.values()))


class StockToSell:
    """The projection: one row a stock item. `change` counts up whenever what is available of it changes."""

    name = "stock_to_sell"
    topics = ("inventory.events",)
    tables: LiteralString = """
    create sequence if not exists stock_changes;
    create table if not exists stock_to_sell (
        stream text primary key, tenant text not null, sku text not null, unit text not null, levels json not null,
        available bigint not null, version bigint not null, changed_at timestamptz not null, cause text not null,
        correlation text not null, trace text not null, change bigint not null);
    create index if not exists stock_to_sell_change on stock_to_sell (tenant, change);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        stated = [record for record in records if type_named(record.headers) in _WITH_LEVELS]
        events = [(Envelope.parse(record.headers), record) for record in stated]
        stock = _load(connection, sorted({envelope.subject for envelope, _ in events}))
        touched: dict[str, _Stock] = {}
        for envelope, record in events:
            known = stock.get(envelope.subject)
            evolved = _evolve(known, envelope, record.value or b"")
            if evolved is not None and evolved is not known:
                stock[envelope.subject] = touched[envelope.subject] = evolved
        _store(connection, touched)


def _evolve(known: _Stock | None, envelope: Envelope, value: bytes) -> _Stock | None:
    """The stock item after an event. The cause moves only when what is available does."""
    event: Any = _WITH_LEVELS[envelope.type].decode(value)
    stated: Sequence[Level] = event.levels
    levels = {level.location: level.available for level in stated}
    if not levels:
        return known
    if known is None:
        return _Stock(envelope.tenant, event.sku, event.unit, envelope, envelope.sequence or 0, levels)
    evolved = replace(known, levels={**known.levels, **levels})
    if evolved.available == known.available:
        return evolved
    return replace(evolved, cause=envelope, version=envelope.sequence or 0)


_COLUMNS: LiteralString = (
    "stream, tenant, sku, unit, levels, available, version, changed_at, cause, correlation, trace, change"
)


def _load(connection: psycopg.Connection[Any], streams: Sequence[str]) -> dict[str, _Stock]:
    rows = connection.execute(f"select {_COLUMNS} from stock_to_sell where stream = any(%s)", [list(streams)])
    return {row[0]: _stock(row) for row in rows}


def _stock(row: Sequence[Any]) -> _Stock:
    stream, tenant, sku, unit, levels, _, version, changed_at, cause, correlation, trace, _ = row
    return _Stock(tenant, sku, unit, _cause(cause, stream, tenant, changed_at, correlation, trace), version, levels)


def _cause(identifier: str, stream: str, tenant: str, time_: datetime, correlation: str, trace: str) -> Envelope:
    """As much of an event's envelope as what is said because of it needs."""
    return Envelope(
        id=identifier,
        type="",
        source="/inventory",
        time=time_,
        subject=stream,
        tenant=tenant,
        correlation_id=correlation,
        causation_id=identifier,
        traceparent=trace,
    )


def _store(connection: psycopg.Connection[Any], touched: Mapping[str, _Stock]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into stock_to_sell ({_COLUMNS})"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, nextval('stock_changes'))"
            " on conflict (stream) do update set levels = excluded.levels, available = excluded.available,"
            " version = excluded.version, changed_at = excluded.changed_at, cause = excluded.cause,"
            " correlation = excluded.correlation, trace = excluded.trace,"
            " change = case when stock_to_sell.cause = excluded.cause then stock_to_sell.change"
            " else excluded.change end",
            [_row(stream, stock) for stream, stock in sorted(touched.items())],
        )


def _row(stream: str, stock: _Stock) -> tuple[Any, ...]:
    cause = stock.cause
    return (
        stream,
        stock.tenant,
        stock.sku,
        stock.unit,
        json.dumps(stock.levels),
        stock.available,
        stock.version,
        cause.time,
        cause.id,
        cause.correlation_id,
        cause.traceparent,
    )


class AvailabilityTeller:
    """Says to each account what changed since it was last told, in rounds: one load a step, then a pause. `waiting` says
    why it did not at the last attempt, if so."""

    def __init__(self, log: Log, url: str, schema: str, publish: Publish, out: ChannelOut) -> None:
        self._log, self._url, self._schema = log, url, schema
        self._publish, self._out = publish, out
        self._topic = topics.events("inventory", out.namespace)
        self._connection: psycopg.Connection[Any] | None = None
        self._awaited: dict[int, int] = {}
        self._round: int | None = None
        self._next_at = 0.0
        self.waiting: str | None = None

    def step(self) -> int:
        """Tell one load of what is due; the number of messages. Raises StoreAway and LogError."""
        if self._round is None and time.monotonic() < self._next_at:
            return 0
        self._next_at = time.monotonic() + AVAILABILITY_EVERY_SECONDS
        try:
            told = self._tell(self._connect())
        except LogError as error:
            self.waiting = str(error)
            raise
        except psycopg.OperationalError as error:
            self.close()
            self.waiting = f"the database is away: {error}"
            raise StoreAway(self.waiting) from error
        self.waiting = None
        return told

    def _connect(self) -> psycopg.Connection[Any]:
        """A connection; with a new one it is asked again how far the tables have to come before anything is said."""
        if self._connection is None:
            partitions = range(self._log.partitions(self._topic))
            self._awaited = {number: self._log.bounds(self._topic, number)[1] for number in partitions}
            connection = self._connection = connect(self._url, self._schema)
            with making_tables(connection, self._schema):
                for tables in (TRACKING, StockToSell.tables, CHANNEL_ACCOUNTS):
                    connection.execute(tables)
        return self._connection

    def _tell(self, connection: psycopg.Connection[Any]) -> int:
        if not self._caught_up(connection):
            return 0
        if self._round is None:
            # What changes during a round is said in the next: so each SKU is said once a round, the latest of it.
            row = connection.execute("select coalesce(max(change), 0) from stock_to_sell").fetchone()
            self._round = row[0] if row else 0
        told = self._load(connection, self._round)
        if not told:
            self._round = None
        return told

    def _caught_up(self, connection: psycopg.Connection[Any]) -> bool:
        if self._awaited:
            rows = connection.execute(
                "select partition, position from projection_tracking where projection = %s and topic = %s",
                [StockToSell.name, self._topic],
            )
            followed = dict(rows.fetchall())
            self._awaited = {number: end for number, end in self._awaited.items() if followed.get(number, 0) < end}
        return not self._awaited

    def _load(self, connection: psycopg.Connection[Any], until: int) -> int:
        """Say one load to the account that has heard least, then note how far that goes: so that none is lost."""
        with connection.transaction():
            behind = connection.execute(
                "select tenant, account, availability_said from channel_accounts where exists"
                " (select from stock_to_sell as stock where stock.tenant = channel_accounts.tenant"
                " and change > availability_said and change <= %s)"
                " order by availability_said, tenant, account limit 1 for update skip locked",
                [until],
            ).fetchone()
            if behind is None:
                return 0
            tenant, account, said = behind
            rows = connection.execute(
                f"select {_COLUMNS} from stock_to_sell where tenant = %s and change > %s and change <= %s"
                " order by change limit %s",
                [tenant, said, until, TOLD_MAX],
            ).fetchall()
            faultpoint("availability.before_write")
            self._publish([self._record(account, _stock(row)) for row in rows])
            faultpoint("availability.after_write")
            connection.execute(
                "update channel_accounts set availability_said = %s where tenant = %s and account = %s",
                [rows[-1][-1], tenant, account],
            )
        return len(rows)

    def _record(self, account: str, stock: _Stock) -> NewRecord:
        message = ChannelAvailability(
            channel_account=account,
            sku=stock.sku,
            available=stock.available,
            unit=stock.unit,
            version=stock.version,
            occurred_at=stock.cause.time,
        )
        return self._out.record(message, account, stock.sku, stock.cause)

    def close(self) -> None:
        """Let the connection go."""
        self._round = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
