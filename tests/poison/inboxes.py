"""What an inbox cannot take: of the corpus and beyond it, for the streams of each service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from chassis.kafka import partition_of
from contracts.envelope import Envelope, root_traceparent
from contracts.fulfillment import RecordAcceptance
from contracts.ids import aggregate_id, door_message_id, stream
from contracts.inventory import ReceiveStock
from contracts.message import Command
from contracts.money import Money
from contracts.order import PlaceHold
from contracts.payments import RecordTransferReceived
from contracts.shipping import DispatchShipment
from contracts.topics import DOOR_BODY_BYTES_MAX
from tests.poison import MIB, POISON

__all__ = ["TAKEN", "InboxPoison", "envelope_of", "inbox_poison"]

TAKEN: Mapping[str, tuple[str, Command]] = {
    "order": ("order", PlaceHold(detail="asked to wait")),
    "inventory": (
        "stock_item",
        ReceiveStock(sku="SKU-1", location="berlin", quantity=3, unit="each", document="goods-in-1"),
    ),
    "fulfillment": ("fulfillment_order", RecordAcceptance(document="a1")),
    "shipping": ("shipment", DispatchShipment(document="h1")),
    "payments": (
        "payment",
        RecordTransferReceived(order_id="1001", transfer="t1", amount=Money(amount=1, currency="EUR")),
    ),
}
"""For each service a kind of its streams, and a command that they take."""


@dataclass(frozen=True)
class InboxPoison:
    """A record of an inbox that its service cannot take; `partition` may be another than its key's. `becomes`: a dead
    letter (`dead`), or an event that parks its stream (`parked`)."""

    name: str
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None
    partition: int
    becomes: str


def inbox_poison(service: str, partitions: int) -> tuple[InboxPoison, ...]:
    """The corpus of the inbox of a service. Each that parks is of a stream of its own."""
    kind, command = TAKEN[service]
    return tuple(_of_inbox(kind, command.TYPE, command.encode(), partitions))


def _of_inbox(kind: str, command: str, value: bytes, partitions: int) -> Iterator[InboxPoison]:
    def record(name: str, becomes: str, body: bytes | None = value, **odd: Any) -> InboxPoison:
        target = stream(kind, aggregate_id("poison", kind, name))
        key = odd.get("key", target.encode())
        envelope = envelope_of(target, odd.get("type", command), name)
        headers = {**dict(envelope.headers()), **odd.get("headers", {})}
        kept = tuple((header, content) for header, content in headers.items() if content is not None)
        number = partition_of(key or b"", partitions)
        return InboxPoison(name, key, kept, body, (number + odd.get("moved", 0)) % partitions, becomes)

    for poison in POISON:
        if len(poison.value or b"") < DOOR_BODY_BYTES_MAX and not poison.headers:
            yield record(poison.name, "parked", poison.value)
    yield record("5 MiB of one text", "dead", b'{"text": "' + b"x" * (6 * MIB) + b'"}')
    bare = record("no headers", "dead")
    yield replace(bare, headers=())
    yield record("an unknown type", "parked", type="orderlog.order.MakeTea.v1")
    yield record("an unknown version", "parked", type=command[:-1] + "99")
    yield record("in the wrong partition", "dead", moved=1)
    yield record("a key of no kind", "dead", key=b"teapot/1")
    yield record("a key that is no text", "dead", key=b"\xff\xfe")
    yield record("a key with a zero", "dead", key=kind.encode() + b"/a\0b")
    yield record("no key", "dead", key=None)
    for header, content in {
        "ce_id": None,
        "ce_time": b"yesterday",
        "ce_tenant": b"\xff",
        "ce_actor": b"[]",
        "ce_deadlines": b'{"answer": 1}',
        "ce_replyto": b"nobody:at all",
        "ce_reason": b"a\0b",
        "ce_sequence": b"many",
        "large": b"x" * (600 * 1024),
    }.items():
        yield record(f"{header} that cannot be", "dead", headers={header: content})


def envelope_of(target: str, command: str, key: str) -> Envelope:
    """The envelope of a message that a door lets in."""
    identifier = door_message_id("default", "poison", target, key)
    return Envelope(
        id=identifier,
        type=command,
        source="/door/poison",
        time=datetime(2026, 1, 5, 9, tzinfo=UTC),
        subject=target,
        tenant="default",
        correlation_id=target,
        causation_id=identifier,
        traceparent=root_traceparent(identifier),
    )
