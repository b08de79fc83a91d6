"""What the inventory service lists for people: stock by location, open claims, items and locations.

Every row is a function of its streams' events in order, whatever batches they came in: made again, it is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

import psycopg

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
_CLAIM: LiteralString = "(sku, kind, id, line, sequence) = (%s, %s, %s, %s, %s)"


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
    create table if not exists claim_holds (
        sku text, kind text, id text, line text, sequence bigint, location text, quantity bigint not null,
        primary key (sku, kind, id, line, sequence, location));
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        events = list(events_among(records, _STOCK))
        with connection.cursor() as cursor:
            self._book(cursor, [event for _, event in events])
            for envelope, event in events:
                match event:
                    case StockReserved() | DemandQueued():
                        self._claimed(cursor, event, envelope.time)
                    case ReservationBroken():
                        self._let_go(cursor, event, event.quantity)
                    case StockPicked() if event.from_claim:
                        self._let_go(cursor, event, event.from_claim)
                    case ClaimHardened():
                        cursor.execute(f"update claims set soft_until = null where {_CLAIM}", _claim_of(event))
                    case ClaimReduced():
                        self._reduced(cursor, event)
                    case ClaimReleased() | ClaimExpired():
                        cursor.execute(f"delete from claim_holds where {_CLAIM}", _claim_of(event))
                        cursor.execute(f"delete from claims where {_CLAIM}", _claim_of(event))

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
                "insert into stock_items select * from unnest(%s::text[], %s::text[]) on conflict (sku) do update"
                " set unit = coalesce(stock_items.unit, excluded.unit)",
                _columns(sorted(units.items())),
            )
        if levels:
            cursor.execute(
                "insert into stock_levels select * from unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[],"
                " %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
                " on conflict (sku, location) do update set (on_hand, sellable, suspect, damaged, on_hold, picked,"
                " reserved, soft, available) = (excluded.on_hand, excluded.sellable, excluded.suspect,"
                " excluded.damaged, excluded.on_hold, excluded.picked, excluded.reserved, excluded.soft,"
                " excluded.available)",
                _columns(row for _, row in sorted(levels.items())),
            )

    def _claimed(self, cursor: psycopg.Cursor[Any], event: StockReserved | DemandQueued, at: Any) -> None:
        """Its first event has all that is known of a claim; each later one what it waits for now."""
        reserved = isinstance(event, StockReserved)
        cursor.execute(
            "insert into claims values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " on conflict (sku, kind, id, line, sequence) do update set waiting = excluded.waiting",
            [
                *_claim_of(event),
                event.location,
                event.claimed,
                event.unit,
                event.waiting if isinstance(event, StockReserved) else event.quantity,
                event.priority,
                event.need_by,
                event.soft_until if isinstance(event, StockReserved) else None,
                at,
            ],
        )
        if reserved:
            cursor.execute(
                "insert into claim_holds values (%s, %s, %s, %s, %s, %s, %s)"
                " on conflict (sku, kind, id, line, sequence, location) do update"
                " set quantity = claim_holds.quantity + excluded.quantity",
                [*_claim_of(event), event.location, event.quantity],
            )

    def _reduced(self, cursor: psycopg.Cursor[Any], event: ClaimReduced) -> None:
        cursor.execute(f"update claims set waiting = waiting - %s where {_CLAIM}", [event.withdrawn, *_claim_of(event)])
        self._let_go(cursor, event, event.quantity)

    def _let_go(
        self, cursor: psycopg.Cursor[Any], event: ReservationBroken | StockPicked | ClaimReduced, quantity: int
    ) -> None:
        """The claim holds so much less; one that neither holds nor waits any more is closed."""
        named = [*_claim_of(event), event.location]
        cursor.execute(
            f"update claim_holds set quantity = quantity - %s where {_CLAIM} and location = %s", [quantity, *named]
        )
        cursor.execute(f"delete from claim_holds where {_CLAIM} and location = %s and quantity <= 0", named)
        cursor.execute(
            f"delete from claims where {_CLAIM} and waiting = 0 and not exists"
            " (select from claim_holds h where (h.sku, h.kind, h.id, h.line, h.sequence)"
            " = (claims.sku, claims.kind, claims.id, claims.line, claims.sequence))",
            _claim_of(event),
        )


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _claim_of(event: Any) -> list[Any]:
    return [event.sku, event.demand.kind, event.demand.id, event.demand.line, event.sequence]


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
