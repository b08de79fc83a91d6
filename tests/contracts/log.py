"""A small log as the loop writes it: an order that claims stock, is answered, and waits for a deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.chain import GENESIS, Draft, finish
from chassis.sealing import seal_under
from contracts.envelope import Actor, Envelope, child_traceparent, replace_reply, root_traceparent
from contracts.ids import aggregate_id, deadline_id, door_message_id, emitted_id, guest_subject_id, stream
from contracts.message import format_instant
from contracts.personal import Personal, PersonalContent
from tests.contracts.independent_reader import Record

KEY = bytes(range(64))
"""A key for tests alone."""

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DUE = START + timedelta(minutes=15)
ORDER_ID = aggregate_id("default", "order", "webshop-eu", "1001")
ORDER = stream("order", ORDER_ID)
ITEM = stream("stock_item", aggregate_id("default", "stock_item", "SKU-1"))
SUBJECT = guest_subject_id("default", ORDER_ID, "ship_to:1")
DOOR_MESSAGE = door_message_id("default", "channel.orders", "webshop-eu", "1001", "1")
INCARNATION = "0198c0de"


def content() -> PersonalContent:
    """Whom the parcel goes to."""
    return PersonalContent(
        name="Zoë Müller", address_lines=("Fährstraße 7",), city="Hamburg", postcode="20457", email="zoe@shop.example"
    )


def personal() -> Personal:
    """The same, sealed."""
    return seal_under(KEY, SUBJECT, content())


def door_envelope() -> Envelope:
    """The order as the door put it into the inbox: no transaction, a person behind it."""
    return Envelope(
        id=DOOR_MESSAGE,
        type="orderlog.order.PlaceOrder.v1",
        source="/door/channel.orders",
        time=START,
        subject=ORDER,
        tenant="default",
        correlation_id=ORDER,
        causation_id=DOOR_MESSAGE,
        traceparent=root_traceparent(DOOR_MESSAGE),
        actor=Actor(kind="system", subject="webshop-eu"),
        reason="imported",
    )


def _emitted(cause: Envelope, service: str, source: str, index: int, name: str, after: timedelta) -> Envelope:
    identifier = emitted_id(cause.id, source, index)
    return Envelope(
        id=identifier,
        type=f"orderlog.{service}.{name}.v1",
        source=f"/{service}",
        time=START + after,
        subject=source,
        tenant="default",
        correlation_id=ORDER,
        causation_id=cause.id,
        traceparent=child_traceparent(cause.traceparent, identifier),
    )


def _of(envelope: Envelope, **changes: Any) -> Envelope:
    return envelope._replace(**changes)


def order_events() -> tuple[Envelope, Envelope]:
    """The first two events of the order; the first sets a deadline and clears another."""
    placed = _emitted(door_envelope(), "order", ORDER, 0, "OrderPlaced", timedelta(seconds=1))
    sourced = _emitted(door_envelope(), "order", ORDER, 1, "SourcingDecided", timedelta(seconds=1))
    return (
        _of(placed, sequence=1, inbox_offset=0, deadlines={"payment": DUE, "held": None}, actor=door_envelope().actor),
        _of(sourced, sequence=2, inbox_offset=0),
    )


def log() -> list[Record]:
    """Every record of the small log, each partition in order."""
    heads: dict[int, str] = {3: GENESIS}
    item_heads: dict[int, str] = {1: GENESIS}
    placed, sourced = order_events()
    sealed = personal().model_dump_json()
    claim = _of(
        _emitted(door_envelope(), "order", ORDER, 2, "ClaimStock", timedelta(seconds=1)),
        type="orderlog.inventory.ClaimStock.v1",
        subject=ITEM,
        reply_to=f"order:{ORDER}",
    )
    first = [
        Draft("order.events", 3, ORDER.encode(), f'{{"ship_to":{sealed}}}'.encode(), placed, chained=True),
        Draft("order.events", 3, ORDER.encode(), b'{"rounds":1}', sourced, chained=True),
        Draft("inventory.inbox", 1, ITEM.encode(), b'{"sku":"SKU-1"}', claim),
    ]
    reserved = _of(
        _emitted(claim, "inventory", ITEM, 0, "StockReserved", timedelta(seconds=2)), sequence=1, inbox_offset=0
    )
    event = Draft("inventory.events", 1, ITEM.encode(), b'{"quantity":2}', reserved, chained=True)
    answer = replace_reply(reserved, f"order:{ORDER}")
    second = [event, Draft("order.inbox", 3, ORDER.encode(), event.value, answer, original=event)]
    due = format_instant(DUE)
    passed = _of(
        door_envelope(),
        id=deadline_id(ORDER, "payment", due),
        type="orderlog.chassis.DeadlinePassed.v1",
        source="/order",
        time=DUE,
        actor=None,
        reason=None,
        causation_id=placed.id,
    )
    third = [Draft("order.inbox", 3, ORDER.encode(), f'{{"name":"payment","due":"{due}"}}'.encode(), passed)]
    fourth = [
        Draft("order.events", 3, ORDER.encode(), b'{"name":"payment"}', _late(passed), chained=True),
    ]
    written = [
        *finish(first, f"{INCARNATION}.1", heads),
        *finish(second, "inventory-incarnation.1", item_heads),
        *finish(third, f"{INCARNATION}.2", heads),
        *finish(fourth, f"{INCARNATION}.3", heads),
    ]
    door = Record("order.inbox", 3, 0, ORDER.encode(), b"{}", door_envelope().headers())
    offsets = {("order.inbox", 3): 1}
    records = [door]
    for new in written:
        offset = offsets.get((new.topic, new.partition), 0)
        offsets[new.topic, new.partition] = offset + 1
        records.append(Record(new.topic, new.partition, offset, new.key, new.value or b"", tuple(new.headers)))
    return records


def _late(passed: Envelope) -> Envelope:
    event = _emitted(passed, "order", ORDER, 0, "OrderCancelled", DUE - START)
    return _of(event, sequence=3, inbox_offset=2, deadlines={"payment": None})
