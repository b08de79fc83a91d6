"""Finding orders by whatever somebody has in their hand: any name of the order, its goods, its parcels, its papers.

A read model over the events of orders, nodes, shipping and payments. Names are kept as they are written, and in small
letters to be found by their beginning. Nothing personal: a customer is found by the id that their channel gives them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.changes import by_column
from chassis.log import Record
from chassis.projection import events_among
from contracts.envelope import Envelope
from contracts.fulfillment import FulfillmentOrderCreated
from contracts.ids import split_stream
from contracts.message import Event
from contracts.order import LinesAdded, OrderAssigned, OrderImported, OrderLine, OrderPlaced, ReturnRequested
from contracts.payments.invoices import InvoiceIssued
from contracts.shipping import LabelIssued, ShipmentCreated

__all__ = ["NameKind", "SearchProjection"]

_FOLDED = (
    OrderPlaced,
    OrderImported,
    LinesAdded,
    OrderAssigned,
    ReturnRequested,
    FulfillmentOrderCreated,
    ShipmentCreated,
    LabelIssued,
    InvoiceIssued,
)


class NameKind(StrEnum):
    """What a name of an order is."""

    ORDER = "order"
    NUMBER = "number"
    EXTERNAL = "external id"
    CHANNEL_NUMBER = "channel's number"
    CUSTOMER = "customer"
    REFERENCE = "reference"
    SKU = "SKU"
    RETURN = "return"
    WORK = "fulfillment order"
    SHIPMENT = "shipment"
    TRACKING = "tracking number"
    SSCC = "SSCC"
    INVOICE = "invoice"


_Name = tuple[str, NameKind, str]
"""An order, and what it is called."""

_Card = tuple[str, str, str, str, str, str, str, int, Any, Any, str]


class SearchProjection:
    """`cards`: one row an order, as a list shows it, with the words of its goods; `names`: one row a name of an order.
    `owners`: who looks after an order, where somebody does. `placed_at` is the channel's own time, `recorded_at` ours;
    `total` in minor units."""

    name = "search"
    topics = ("order.events", "fulfillment.events", "shipping.events", "payments.events")
    tables: LiteralString = """
    create table if not exists cards (
        order_id text primary key, number text not null, external_id text not null, channel text not null,
        channel_account text not null, seller text not null, currency text not null, total bigint not null,
        placed_at timestamptz not null, recorded_at timestamptz not null, words tsvector not null);
    create index if not exists cards_recorded on cards (recorded_at desc, order_id desc);
    create index if not exists cards_channel on cards (channel_account);
    create index if not exists cards_words on cards using gin (words);
    create table if not exists names (
        order_id text not null, kind text not null, name text not null, folded text not null,
        primary key (order_id, kind, name) include (folded));
    create index if not exists names_folded on names (folded text_pattern_ops);
    create table if not exists owners (order_id text primary key, owner text not null);
    create index if not exists owners_owner on owners (owner);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        cards, names, owners = dict[str, _Card](), dict[_Name, None](), dict[str, str | None]()
        for envelope, event in events_among(records, _FOLDED):
            if isinstance(event, OrderPlaced | OrderImported):
                cards.setdefault(event.order_id, _card(envelope, event))
            if isinstance(event, OrderAssigned):
                owners[split_stream(envelope.subject)[1]] = event.owner
            names.update(dict.fromkeys(_names(envelope, event)))
        if cards:
            connection.execute(
                "insert into cards select order_id, number, external_id, channel, channel_account, seller, currency,"
                " total, placed_at, recorded_at, to_tsvector('simple', words)"
                " from unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],"
                " %b::bigint[], %b::timestamptz[], %b::timestamptz[], %b::text[]) as given (order_id, number,"
                " external_id, channel, channel_account, seller, currency, total, placed_at, recorded_at, words)"
                " on conflict do nothing",
                by_column(cards.values()),
            )
        if names:
            connection.execute(
                "insert into names select * from unnest(%b::text[], %b::text[], %b::text[], %b::text[])"
                " on conflict do nothing",
                by_column((order, kind.value, name, name.lower()) for order, kind, name in names),
            )
        if owners:
            _assign(connection, owners)


def _assign(connection: psycopg.Connection[Any], owners: Mapping[str, str | None]) -> None:
    left = [order for order, owner in owners.items() if owner is None]
    taken = [(order, owner) for order, owner in owners.items() if owner is not None]
    if left:
        connection.execute("delete from owners where order_id = any(%s)", [left])
    if taken:
        connection.execute(
            "insert into owners select * from unnest(%b::text[], %b::text[]) on conflict (order_id)"
            " do update set owner = excluded.owner",
            by_column(taken),
        )


def _card(envelope: Envelope, placed: OrderPlaced | OrderImported) -> _Card:
    words = " ".join(part for line in placed.lines for part in (line.sku, line.description or ""))
    return (
        placed.order_id,
        placed.number,
        placed.external_id,
        placed.channel,
        placed.channel_account,
        placed.seller,
        placed.currency,
        placed.totals.total.amount,
        placed.placed_at,
        envelope.time,
        words,
    )


def _names(envelope: Envelope, event: Event) -> list[_Name]:
    _, own = split_stream(envelope.subject)
    match event:
        case OrderPlaced() | OrderImported():
            return [(event.order_id, kind, name) for kind, name in _of_order(event)]
        case LinesAdded():
            return [(own, NameKind.SKU, line.sku) for line in event.lines]
        case ReturnRequested():
            return [(own, NameKind.RETURN, event.return_id)]
        case FulfillmentOrderCreated():
            return [(event.order_id, NameKind.WORK, own)]
        case ShipmentCreated():
            return [(event.order_id, NameKind.SHIPMENT, own)]
        case LabelIssued():
            numbers = [(event.order_id, NameKind.TRACKING, label.tracking_number) for label in event.labels]
            return [*numbers, *((event.order_id, NameKind.SSCC, label.sscc) for label in event.labels)]
        case InvoiceIssued():
            return [(event.order_id, NameKind.INVOICE, event.number)]
    return []


def _of_order(placed: OrderPlaced | OrderImported) -> list[tuple[NameKind, str]]:
    found = [
        (NameKind.ORDER, placed.order_id),
        (NameKind.NUMBER, placed.number),
        (NameKind.NUMBER, placed.number.replace("-", "")),
        (NameKind.EXTERNAL, placed.external_id),
    ]
    if placed.channel_number is not None:
        found.append((NameKind.CHANNEL_NUMBER, placed.channel_number))
    if placed.customer is not None:
        found.append((NameKind.CUSTOMER, placed.customer.id))
    found += [(NameKind.REFERENCE, reference.id) for reference in placed.references]
    return [*found, *((NameKind.SKU, sku) for sku in _skus(placed.lines))]


def _skus(lines: Sequence[OrderLine]) -> list[str]:
    return list(dict.fromkeys(line.sku for line in lines))
