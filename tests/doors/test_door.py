"""What a door writes: ids that its caller can repeat, the envelope, and the partition."""

from __future__ import annotations

import pytest

from chassis.doors import BodyRefused, Door, Entry, NotCanonical
from chassis.kafka import partition_of
from chassis.testing import Spec
from contracts.chassis import MessageParked
from contracts.envelope import Actor, Envelope
from contracts.ids import stream
from contracts.inventory import ReceiveStock
from contracts.order import CancelOrder
from contracts.topics import COMMAND_BYTES_MAX
from services.inventory.stock_item import STOCK_ITEM
from tests.doors.fakes import NOON, KeptWriter

ORDER = stream("order", "bdebd2b8-5485-59e2-b9dd-65081be601f6")


def _door(name: str = "http") -> Door:
    return Door(name, KeptWriter(), 24, "shop", clock=lambda: NOON)


def test_the_first_revision_of_an_order_of_a_channel_has_its_published_id() -> None:
    assert _door("channel.orders").message_id(("webshop-eu", "1001", "1")) == "3e732df6-1c75-5b40-b28b-bc565ef8f1ad"


def test_an_entry_becomes_a_record_of_the_inbox_in_the_partition_of_its_stream() -> None:
    anna = Actor(kind="person", subject="anna")
    record = _door().record(Entry("order", ORDER, CancelOrder(), (ORDER, "k1"), anna, "asked by phone"))
    assert (record.topic, record.key) == ("shop-order.inbox", ORDER.encode())
    assert record.partition == partition_of(ORDER.encode(), 24)
    envelope = Envelope.parse(record.headers)
    assert envelope.id == envelope.causation_id == _door().message_id((ORDER, "k1"))
    assert (envelope.source, envelope.subject, envelope.correlation_id) == ("/door/http", ORDER, ORDER)
    assert (envelope.time, envelope.actor, envelope.reason) == (NOON, anna, "asked by phone")
    assert envelope.sequence is None
    assert CancelOrder.decode(record.value) == CancelOrder()


def test_what_has_no_canonical_form_is_not_let_in() -> None:
    receipt = ReceiveStock(sku="SKU-1", location="dc-1", quantity=2**53, unit="each")
    with pytest.raises(NotCanonical, match="safe integer"):
        _door().record(Entry("inventory", "stock_item/x", receipt, ("k1",)))


def test_what_no_table_can_keep_is_not_let_in_and_a_backslash_is_no_such_thing() -> None:
    def receipt(location: str) -> Entry:
        return Entry(
            "inventory", "stock_item/x", ReceiveStock(sku="SKU-1", location=location, quantity=1, unit="each"), ("k1",)
        )

    with pytest.raises(BodyRefused, match="U\\+0000"):
        _door().record(receipt("dc-1\0"))
    with pytest.raises(BodyRefused, match="U\\+0000"):
        _door().record(receipt("\\\0"))
    for harmless in ("dc-1", r"\u0000", r"\\u0000", "\\"):
        assert ReceiveStock.decode(_door().record(receipt(harmless)).value).location == harmless


def test_what_could_not_be_put_aside_is_not_let_in() -> None:
    entry = Entry("order", ORDER, CancelOrder(detail="x" * COMMAND_BYTES_MAX), ("k1",))
    with pytest.raises(BodyRefused, match="less at a time"):
        _door().record(entry)


def test_a_text_that_no_table_can_keep_parks_its_stream_where_it_stands_in_an_inbox_all_the_same() -> None:
    receipt = ReceiveStock(sku="SKU-1", location="dc-1\0", quantity=1, unit="each")
    (parked,) = Spec(STOCK_ITEM, "inventory").when(receipt, door="http").events
    assert isinstance(parked, MessageParked)
    assert (parked.fault, "U+0000" in parked.detail) == ("undecodable", True)


def test_one_that_stands_in_an_inbox_all_the_same_parks_its_stream_and_stops_no_partition() -> None:
    receipt = ReceiveStock(sku="SKU-1", location="dc-1", quantity=2**53, unit="each")
    (parked,) = Spec(STOCK_ITEM, "inventory").when(receipt, door="http").events
    assert isinstance(parked, MessageParked)
    assert (parked.fault, "canonical" in parked.detail) == ("undecodable", True)


def test_what_a_worker_reports_names_the_event_it_acted_on_and_stays_in_its_trace() -> None:
    first = Envelope.parse(_door().record(Entry("order", ORDER, CancelOrder(), ("k1",))).headers)
    second = Envelope.parse(_door("worker").record(Entry("order", ORDER, CancelOrder(), ("k2",), cause=first)).headers)
    assert second.causation_id == first.id
    assert second.traceparent[:36] == first.traceparent[:36]
    assert second.traceparent != first.traceparent
