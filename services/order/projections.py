"""What the order service reads beside its streams: availability and the work of locations, for sourcing, and the list
of orders, for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.changes import by_column
from chassis.log import Log, LogError, Record
from chassis.projection import TRACKING, events_among
from chassis.store import StoreAway, StoreBehind, connect, making_tables
from contracts.envelope import Envelope, type_named
from contracts.ids import split_stream
from contracts.inventory import ItemDescribed, KitComponent, LocationDescribed
from contracts.message import CATALOGUE
from contracts.order import (
    HoldPlaced,
    HoldReleased,
    LinesDelivered,
    NoticeFailed,
    NoticeRequested,
    OrderCancelled,
    OrderCompleted,
    OrderConfirmed,
    OrderImported,
    OrderPlaced,
    OrderReopened,
    PackageSettled,
    PackageWentAstray,
    ReleasedToFulfillment,
    ShipGroupChanged,
)
from contracts.personal import sealed_in
from services.order.kits import Kit, is_kit_key, kit_key
from services.order.sourcing import Availability
from services.order.sourcing_rules import Place

__all__ = [
    "AvailabilityLoader",
    "AvailabilityProjection",
    "OrderStage",
    "OrdersChanged",
    "OrdersProjection",
    "WorkProjection",
]


UNKNOWN_MAX = 10_000
"""SKUs remembered as asked for while nothing was known of them."""


class AvailabilityProjection:
    """Available to sell by SKU and location, what kits are made of, and what locations are, as inventory's events say, each with the offset
    that says so."""

    name = "availability"
    topics = ("inventory.events",)
    tables: LiteralString = """
    create table if not exists availability (
        sku text, location text, available bigint not null, source_offset bigint not null, primary key (sku, location));
    create table if not exists places (
        location text primary key, priority bigint not null, daily_capacity bigint, country text, region text,
        postcode text, source_offset bigint not null);
    create table if not exists kits (sku text primary key, components json not null);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        latest: dict[tuple[str, str], tuple[int, int]] = {}
        for record in records:
            message = CATALOGUE[type_named(record.headers)].decode(record.value or b"")
            if isinstance(message, LocationDescribed):
                self._describe(connection, message, record.offset)
            if isinstance(message, ItemDescribed):
                self._compose(connection, message)
            sku = getattr(message, "sku", None)
            for level in getattr(message, "levels", ()):
                latest[(str(sku), level.location)] = (level.available, record.offset)
        rows = sorted((sku, location, *numbers) for (sku, location), numbers in latest.items())
        if rows:
            connection.execute(
                "insert into availability select * from unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])"
                " on conflict (sku, location) do update"
                " set available = excluded.available, source_offset = excluded.source_offset",
                [list(column) for column in zip(*rows, strict=True)],
            )

    def _compose(self, connection: psycopg.Connection[Any], item: ItemDescribed) -> None:
        """An item described without components is no kit any more."""
        if not item.components:
            connection.execute("delete from kits where sku = %s", [item.sku])
            return
        components = json.dumps([component.model_dump(mode="json") for component in item.components])
        connection.execute(
            "insert into kits values (%s, %s) on conflict (sku) do update set components = excluded.components",
            [item.sku, components],
        )

    def _describe(self, connection: psycopg.Connection[Any], place: LocationDescribed, offset: int) -> None:
        """Each location has one stream, so its descriptions come in order."""
        where = place.address
        connection.execute(
            "insert into places values (%s, %s, %s, %s, %s, %s, %s) on conflict (location) do update set"
            " (priority, daily_capacity, country, region, postcode, source_offset) = (excluded.priority,"
            " excluded.daily_capacity, excluded.country, excluded.region, excluded.postcode, excluded.source_offset)",
            [
                place.location,
                place.priority,
                place.daily_capacity,
                where and where.country,
                where and where.region,
                where and where.postcode,
                offset,
            ],
        )


class WorkProjection:
    """Fulfillment orders that each location was given, on the last day (UTC) that it was given any."""

    name = "work"
    topics = ("order.events",)
    tables: LiteralString = """
    create table if not exists work (location text primary key, day date not null, released bigint not null)
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        given: Counter[tuple[date, str]] = Counter()
        for envelope, event in events_among(records, (ReleasedToFulfillment,)):
            given[envelope.time.date(), event.location] += 1
        for (day, location), released in sorted(given.items()):
            connection.execute(
                "insert into work values (%s, %s, %s) on conflict (location) do update set"
                " released = case when work.day = excluded.day then work.released else 0 end + excluded.released,"
                " day = excluded.day where work.day <= excluded.day",
                [location, day, released],
            )


class AvailabilityLoader:
    """Fetches availability for sourcing: by SKU, then by location, each with what is known of the place. A SKU that nobody ever had is empty.

    That a SKU is unknown is only believed once the table has followed inventory's events to where they ended when it
    was first asked for: an order right after the first receipt of its goods must not be held for it.
    """

    def __init__(self, url: str, schema: str, log: Log, topic: str) -> None:
        self._url, self._schema, self._log, self._topic = url, schema, log, topic
        self._connection: psycopg.Connection[Any] | None = None
        self._unknown: dict[str, dict[int, int]] = {}

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """Availability by SKU, and by `kit_key` an article that is a kit, with that of its components."""
        if not keys:
            return {}
        try:
            kits = self._kits(keys)
            parts = {component.sku for components in kits.values() for component in components}
            asked = [key for key in keys if not is_kit_key(key)]
            skus = sorted(parts.union(sku for sku in asked if kit_key(sku) not in kits))
            found = self._available(skus)
            unknown = [sku for sku in skus if not found[sku]]
            self._believe(unknown)
            if unknown and self._kits(keys) != kits:
                raise StoreBehind("an article became a kit while it was looked for")
        except psycopg.OperationalError as error:
            self._connection = None
            raise StoreAway(f"availability cannot be read: {error}") from error
        except LogError as error:
            raise StoreAway(f"where inventory's events end is not known: {error}") from error
        for sku in skus:
            self._unknown.pop(sku, None)
        made = {key: Kit(parts, {part.sku: found[part.sku] for part in parts}) for key, parts in kits.items()}
        return {**{sku: found.get(sku, {}) for sku in asked}, **made}

    def _kits(self, keys: Sequence[str]) -> dict[str, Sequence[KitComponent]]:
        """The components of what is a kit of these."""
        asked = [key.removeprefix(kit_key("")) for key in keys if is_kit_key(key)]
        if not asked:
            return {}
        rows = self._connect().execute("select sku, components from kits where sku = any(%s)", [asked])
        return {kit_key(sku): tuple(KitComponent(**one) for one in components) for sku, components in rows}

    def _available(self, skus: Sequence[str]) -> dict[str, dict[str, Availability]]:
        found: dict[str, dict[str, Availability]] = {sku: {} for sku in skus}
        rows = self._connect().execute(
            "select sku, location, available, availability.source_offset,"
            " coalesce(priority, 0), daily_capacity, country, region, postcode, day, coalesce(released, 0)"
            " from availability left join places using (location) left join work using (location)"
            " where sku = any(%s) order by sku, location",
            [list(skus)],
        )
        for sku, location, available, offset, *place in rows:
            found[sku][location] = Availability(available, offset, Place(*place))
        return found

    def _believe(self, unknown: Sequence[str]) -> None:
        """Raise StoreBehind while the table may not yet hold what was written of these SKUs before they were asked for."""
        if not unknown:
            return
        new = [sku for sku in unknown if sku not in self._unknown]
        if new:
            if len(self._unknown) > UNKNOWN_MAX:
                self._unknown.clear()
            count = self._log.partitions(self._topic)
            ends = {number: self._log.bounds(self._topic, number)[1] for number in range(count)}
            self._unknown.update(dict.fromkeys(new, ends))
        rows = self._connect().execute(
            "select partition, position from projection_tracking where projection = %s and topic = %s",
            [AvailabilityProjection.name, self._topic],
        )
        followed = dict(rows.fetchall())
        if any(followed.get(number, 0) < end for sku in unknown for number, end in self._unknown[sku].items()):
            raise StoreBehind(
                "availability has not followed inventory's events far enough to say that a SKU is unknown"
            )

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, self._schema)
            with making_tables(self._connection, self._schema):
                self._connection.execute(TRACKING)
                self._connection.execute(AvailabilityProjection.tables)
                self._connection.execute(WorkProjection.tables)
        return self._connection


class OrderStage(StrEnum):
    """How far an order is, as the list of orders has it."""

    PLACED = "placed"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class OrdersProjection:
    """One row an order, for lists and for finding an order by any of its names; one a notice that failed and was not sent again, and one a
    package that went astray, for the order desk; one a person whose data it holds, by their subject: `receives` those who
    get goods or collect them. `placed_at` is the channel's own time, `changed_at` ours."""

    name = "orders"
    topics = ("order.events",)
    tables: LiteralString = """
    create table if not exists orders (
        id text primary key, tenant text not null, number text not null, channel_account text not null,
        external_id text not null, placed_at timestamptz not null, changed_at timestamptz not null,
        holds int not null default 0, stage text not null);
    create index if not exists orders_placed on orders (placed_at desc, id desc);
    create index if not exists orders_number on orders (number);
    create index if not exists orders_external on orders (external_id);
    create index if not exists orders_held on orders (changed_at, id) where holds > 0;
    create table if not exists failed_notices (
        id text, notice text, kind text not null, said text not null, failed_at timestamptz not null,
        primary key (id, notice));
    create table if not exists astray_packages (id text, package text, primary key (id, package));
    create table if not exists order_customers (
        subject text, id text, receives bool not null, primary key (subject, id));
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        changes = OrdersChanged()
        for envelope, event in events_among(records, _FOLDED):
            changes.fold(envelope, event)
        with connection.cursor() as cursor:
            changes.write(cursor)


@dataclass(slots=True)
class _Order:
    """What a batch changes of one order's row: holds are those more, or those there are, once it `ended`."""

    changed_at: datetime
    holds: int = 0
    ended: bool = False
    stage: OrderStage | None = None


@dataclass(slots=True)
class OrdersChanged:
    """What the events of a batch change, in their order, to be written by a statement a table: each statement is a way to
    the database and back. Of an order that comes into being and of what nobody may say twice the first counts, of all else
    the last."""

    placed: dict[str, Sequence[Any]] = field(default_factory=dict)
    orders: dict[str, _Order] = field(default_factory=dict)
    customers: dict[tuple[str, str], bool] = field(default_factory=dict)
    failed: dict[tuple[str, str], Sequence[Any]] = field(default_factory=dict)
    told_again: list[tuple[str, str]] = field(default_factory=list)
    astray: dict[tuple[str, str], bool] = field(default_factory=dict)

    def fold(self, envelope: Envelope, event: object) -> None:
        _, order = split_stream(envelope.subject)
        match event:
            case OrderPlaced():
                said = (event.number, event.channel_account, event.external_id, event.placed_at)
                self.placed.setdefault(order, (order, envelope.tenant, *said, envelope.time, OrderStage.PLACED))
                self._customers(order, event.ship_groups, receives=True)
                self._customers(order, event, receives=False)
            case ShipGroupChanged():
                self._customers(order, event.group, receives=True)
            case HoldPlaced():
                self._order(order, envelope).holds += 1
            case HoldReleased():
                self._order(order, envelope).holds -= 1
            case OrderConfirmed() | OrderReopened():
                self._order(order, envelope).stage = OrderStage.CONFIRMED
            case OrderCompleted():
                self._end(order, envelope, OrderStage.COMPLETED)
            case OrderCancelled():
                self._end(order, envelope, OrderStage.CANCELLED)
            case NoticeRequested(again_of=str() as notice):
                # The one that failed needs nobody any more: whoever looked at it had it sent again.
                self.failed.pop((order, notice), None)
                self.told_again.append((order, notice))
                self._order(order, envelope)
            case NoticeFailed():
                row = (order, event.notice, event.kind, event.said, envelope.time)
                self.failed.setdefault((order, event.notice), row)
                self._order(order, envelope)
            case PackageWentAstray() | PackageSettled() | LinesDelivered():
                # Rows stand for packages that somebody has to look after.
                self.astray[order, event.package] = isinstance(event, PackageWentAstray)
                self._order(order, envelope)

    def _customers(self, order: str, said: object, *, receives: bool) -> None:
        for sealed in sealed_in(said):
            self.customers.setdefault((sealed.subject, order), receives)

    def _order(self, order: str, envelope: Envelope) -> _Order:
        change = self.orders.setdefault(order, _Order(envelope.time))
        change.changed_at = envelope.time
        return change

    def _end(self, order: str, envelope: Envelope, stage: OrderStage) -> None:
        """Nobody looks after the holds of an order that has ended."""
        change = self._order(order, envelope)
        change.holds, change.ended, change.stage = 0, True, stage

    def write(self, cursor: psycopg.Cursor[Any]) -> None:
        if self.placed:
            cursor.execute(
                "insert into orders (id, tenant, number, channel_account, external_id, placed_at, changed_at, stage)"
                " select * from unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[],"
                " %b::timestamptz[], %b::text[]) on conflict do nothing",
                by_column(self.placed.values()),
            )
        if self.orders:
            cursor.execute(
                "update orders o set changed_at = w.changed_at, stage = coalesce(w.stage, o.stage),"
                " holds = case when w.ended then w.holds else o.holds + w.holds end from"
                " unnest(%b::text[], %b::timestamptz[], %b::int[], %b::bool[], %b::text[])"
                " w(id, changed_at, holds, ended, stage) where o.id = w.id",
                by_column((id_, o.changed_at, o.holds, o.ended, o.stage) for id_, o in self.orders.items()),
            )
        if self.customers:
            cursor.execute(
                "insert into order_customers select * from unnest(%b::text[], %b::text[], %b::bool[])"
                " on conflict do nothing",
                by_column((*named, receives) for named, receives in self.customers.items()),
            )
        if self.failed:
            cursor.execute(
                "insert into failed_notices"
                " select * from unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[])"
                " on conflict do nothing",
                by_column(self.failed.values()),
            )
        if self.told_again:
            cursor.execute(
                "delete from failed_notices f using unnest(%b::text[], %b::text[]) w(id, notice)"
                " where f.id = w.id and f.notice = w.notice",
                by_column(self.told_again),
            )
        self._packages(cursor)

    def _packages(self, cursor: psycopg.Cursor[Any]) -> None:
        there = [package for package, astray in self.astray.items() if astray]
        gone = [package for package, astray in self.astray.items() if not astray]
        if there:
            cursor.execute(
                "insert into astray_packages select * from unnest(%b::text[], %b::text[]) on conflict do nothing",
                by_column(there),
            )
        if gone:
            cursor.execute(
                "delete from astray_packages a using unnest(%b::text[], %b::text[]) w(id, package)"
                " where a.id = w.id and a.package = w.package",
                by_column(gone),
            )


_FOLDED = (
    OrderPlaced,
    OrderImported,
    HoldPlaced,
    HoldReleased,
    OrderConfirmed,
    OrderCompleted,
    OrderReopened,
    OrderCancelled,
    NoticeFailed,
    NoticeRequested,
    PackageWentAstray,
    PackageSettled,
    LinesDelivered,
    ShipGroupChanged,
)
