"""What the inventory service lists for people: stock by location, open claims, items and locations.

Every row is a function of its streams' events in order, whatever batches they came in: made again, it is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from chassis.changes import Changes, by_column
from chassis.log import Record
from chassis.projection import events_among
from contracts.inventory import (
    ClaimExpired,
    ClaimHardened,
    ClaimReduced,
    ClaimReleased,
    DemandQueued,
    ItemDescribed,
    LocationDescribed,
    ReservationBroken,
    StockAdjusted,
    StockCounted,
    StockFulfilled,
    StockHandedOut,
    StockPicked,
    StockPutBack,
    StockReceived,
    StockRejected,
    StockReserved,
    StockReturned,
    SupplyExpected,
)

__all__ = ["CatalogueProjection", "StockProjection"]

_BOOKED = (
    StockReceived,
    SupplyExpected,
    StockAdjusted,
    StockCounted,
    StockPicked,
    StockPutBack,
    StockFulfilled,
    StockReturned,
)
_STOCK = (
    *_BOOKED,
    StockHandedOut,
    StockReserved,
    StockRejected,
    DemandQueued,
    ClaimReduced,
    ClaimReleased,
    ClaimHardened,
    ClaimExpired,
    ReservationBroken,
)


class StockProjection:
    """The numbers of each SKU at each location, the SKU's base unit once goods were seen or expected, and its open
    claims with what each holds where."""

    name = "stock"
    topics = ("inventory.events",)
    tables: LiteralString = """
    create table if not exists stock_items (sku text primary key, unit text);
    create table if not exists stock_levels (
        sku text, location text, on_hand bigint not null, sellable bigint not null, suspect bigint not null,
        damaged bigint not null, on_hold bigint not null, picked bigint not null, reserved bigint not null,
        soft bigint not null, available bigint not null, primary key (sku, location));
    create index if not exists stock_levels_location on stock_levels (location, sku);
    create table if not exists claims (
        sku text, kind text, id text, line text, sequence bigint, location text not null, quantity bigint not null,
        unit text not null, waiting bigint not null, priority bigint not null, need_by timestamptz,
        soft_until timestamptz, claimed_at timestamptz not null, primary key (sku, kind, id, line, sequence));
    create index if not exists claims_demand on claims (id);
    create index if not exists claims_waiting on claims (claimed_at) where waiting > 0;
    create table if not exists claim_holds (
        sku text, kind text, id text, line text, sequence bigint, location text, quantity bigint not null,
        primary key (sku, kind, id, line, sequence, location));
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        events = list(events_among(records, _STOCK))
        changes = Changes()
        for envelope, event in events:
            match event:
                case StockReserved() | DemandQueued():
                    _claimed(changes, event, envelope.time)
                case ReservationBroken():
                    _let_go(changes, event, event.quantity)
                case StockPicked() if event.from_claim:
                    _let_go(changes, event, event.from_claim)
                case ClaimHardened():
                    claim = _claim_of(event)
                    changes.add(claim, f"update claims c set soft_until = null from {_CLAIM} where {_IS_CLAIM}", *claim)
                case ClaimReduced():
                    claim = _claim_of(event)
                    changes.add(claim, _REDUCED, *claim, event.withdrawn)
                    _let_go(changes, event, event.quantity)
                case ClaimReleased() | ClaimExpired():
                    claim = _claim_of(event)
                    changes.add(claim, f"delete from claim_holds c using {_CLAIM} where {_IS_CLAIM}", *claim)
                    changes.add(claim, f"delete from claims c using {_CLAIM} where {_IS_CLAIM}", *claim)
        with connection.cursor() as cursor:
            self._book(cursor, [event for _, event in events])
        changes.write(connection)

    def _book(self, cursor: psycopg.Cursor[Any], events: Sequence[Any]) -> None:
        """The items, the unit of each (of the first goods: a demand may have asked in any), and the levels that were said
        last: one statement each, however many events there are, since each is a way to the database and back."""
        units: dict[str, str | None] = {}
        levels: dict[tuple[str, str], list[Any]] = {}
        for event in events:
            unit = event.unit if isinstance(event, (*_BOOKED, StockHandedOut)) else None
            units[event.sku] = unit if units.get(event.sku) is None else units[event.sku]
            for level in getattr(event, "levels", ()):
                levels[event.sku, level.location] = [event.sku, *dict(level).values()]
        if units:
            cursor.execute(
                "insert into stock_items select * from unnest(%b::text[], %b::text[]) on conflict (sku) do update"
                " set unit = coalesce(stock_items.unit, excluded.unit)",
                by_column(sorted(units.items())),
            )
        if levels:
            cursor.execute(
                "insert into stock_levels select * from unnest(%b::text[], %b::text[], %b::bigint[], %b::bigint[],"
                " %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])"
                " on conflict (sku, location) do update set (on_hand, sellable, suspect, damaged, on_hold, picked,"
                " reserved, soft, available) = (excluded.on_hand, excluded.sellable, excluded.suspect,"
                " excluded.damaged, excluded.on_hold, excluded.picked, excluded.reserved, excluded.soft,"
                " excluded.available)",
                by_column(row for _, row in sorted(levels.items())),
            )


def _claimed(changes: Changes, event: StockReserved | DemandQueued, at: datetime) -> None:
    """Its first event has all that is known of a claim; each later one what it waits for now."""
    claim = _claim_of(event)
    changes.add(
        claim,
        _CLAIMED,
        *claim,
        event.location,
        event.claimed,
        event.unit,
        event.waiting if isinstance(event, StockReserved) else event.quantity,
        event.priority,
        event.need_by,
        event.soft_until if isinstance(event, StockReserved) else None,
        at,
    )
    if isinstance(event, StockReserved):
        changes.add(claim, _HELD, *claim, event.location, event.quantity)


def _let_go(changes: Changes, event: ReservationBroken | StockPicked | ClaimReduced, quantity: int) -> None:
    """The claim holds so much less; one that neither holds nor waits any more is closed."""
    claim = _claim_of(event)
    changes.add(claim, _HOLDS_LESS, *claim, event.location, quantity)
    changes.add(claim, _HOLDS_NOTHING, *claim, event.location)
    changes.add(claim, _CLOSED, *claim)


def _claim_of(event: Any) -> tuple[str, str, str, str, int]:
    return (event.sku, event.demand.kind, event.demand.id, event.demand.line, event.sequence)


_NAMED: LiteralString = "%b::text[], %b::text[], %b::text[], %b::text[], %b::bigint[]"
_CLAIM: LiteralString = f"unnest({_NAMED}) w(sku, kind, id, line, sequence)"
_IS_CLAIM: LiteralString = "(c.sku, c.kind, c.id, c.line, c.sequence) = (w.sku, w.kind, w.id, w.line, w.sequence)"
_CLAIMED: LiteralString = (
    f"insert into claims select * from unnest({_NAMED}, %b::text[], %b::bigint[], %b::text[], %b::bigint[], %b::bigint[],"
    " %b::timestamptz[], %b::timestamptz[], %b::timestamptz[])"
    " on conflict (sku, kind, id, line, sequence) do update set waiting = excluded.waiting"
)
_HELD: LiteralString = (
    f"insert into claim_holds select * from unnest({_NAMED}, %b::text[], %b::bigint[])"
    " on conflict (sku, kind, id, line, sequence, location) do update"
    " set quantity = claim_holds.quantity + excluded.quantity"
)
_REDUCED: LiteralString = (
    "update claims c set waiting = c.waiting - w.withdrawn from"
    f" unnest({_NAMED}, %b::bigint[]) w(sku, kind, id, line, sequence, withdrawn) where {_IS_CLAIM}"
)
_HOLDS_LESS: LiteralString = (
    "update claim_holds c set quantity = c.quantity - w.quantity from"
    f" unnest({_NAMED}, %b::text[], %b::bigint[]) w(sku, kind, id, line, sequence, location, quantity)"
    f" where {_IS_CLAIM} and c.location = w.location"
)
_HOLDS_NOTHING: LiteralString = (
    f"delete from claim_holds c using unnest({_NAMED}, %b::text[]) w(sku, kind, id, line, sequence, location)"
    f" where {_IS_CLAIM} and c.location = w.location and c.quantity <= 0"
)
_CLOSED: LiteralString = (
    f"delete from claims c using {_CLAIM} where {_IS_CLAIM} and c.waiting = 0 and not exists"
    " (select from claim_holds h where (h.sku, h.kind, h.id, h.line, h.sequence)"
    " = (c.sku, c.kind, c.id, c.line, c.sequence))"
)


class CatalogueProjection:
    """What items and locations are, as was said of each last."""

    name = "catalogue"
    topics = ("inventory.events",)
    tables: LiteralString = """
    create table if not exists items (
        sku text primary key, unit text not null, description text, gtin text, category text, tax_class text,
        kit boolean not null, described_at timestamptz not null);
    create table if not exists locations (
        location text primary key, kind text not null, name text, legal_entity text, country text, region text,
        postcode text, time_zone text, priority bigint not null, daily_capacity bigint,
        described_at timestamptz not null);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        with connection.cursor() as cursor:
            for envelope, event in events_among(records, (ItemDescribed, LocationDescribed)):
                if isinstance(event, ItemDescribed):
                    self._item(cursor, event, envelope.time)
                else:
                    self._location(cursor, event, envelope.time)

    def _item(self, cursor: psycopg.Cursor[Any], event: ItemDescribed, at: Any) -> None:
        cursor.execute(
            "insert into items values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (sku) do update set"
            " (description, gtin, category, tax_class, kit, described_at) = (excluded.description, excluded.gtin,"
            " excluded.category, excluded.tax_class, excluded.kit, excluded.described_at)",
            [
                event.sku,
                event.unit,
                event.description,
                event.gtin,
                event.category,
                event.tax_class,
                bool(event.components),
                at,
            ],
        )

    def _location(self, cursor: psycopg.Cursor[Any], event: LocationDescribed, at: Any) -> None:
        where = event.address
        cursor.execute(
            "insert into locations values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (location) do update"
            " set (kind, name, legal_entity, country, region, postcode, time_zone, priority, daily_capacity,"
            " described_at) = (excluded.kind, excluded.name, excluded.legal_entity, excluded.country, excluded.region,"
            " excluded.postcode, excluded.time_zone, excluded.priority, excluded.daily_capacity,"
            " excluded.described_at)",
            [
                event.location,
                event.kind,
                event.name,
                event.legal_entity,
                where and where.country,
                where and where.region,
                where and where.postcode,
                event.time_zone,
                event.priority,
                event.daily_capacity,
                at,
            ],
        )
