"""The bytes that channels read, against files that nobody may edit: a failure here is a broken format."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from chassis.log import NewRecord
from contracts.channel import ChannelAvailability, ChannelLineUpdate, ChannelPackage, ChannelUpdate, UpdateKind
from contracts.ids import order_number
from contracts.money import Money
from contracts.order import CancelReason, FulfilledKind, HoldKind
from services.order.channel_out import ChannelOut
from tests.contracts.log import ITEM, ORDER_ID, START, order_events

GOLDEN = Path(__file__).parent / "golden"
CAUSE = order_events()[0]


def update() -> ChannelUpdate:
    """One with every field there is but those of a counter, which no event fills all of."""
    lines = (ChannelLineUpdate(line_id="tea", quantity=3, unit="each"),)
    package = ChannelPackage(
        package="c4fe5b36-5f21-5f0c-8f3b-6d2f6f0c5d11",
        lines=lines,
        weight_grams=900,
        sscc="340123450000000017",
        tracking_number="OF-17",
    )
    return ChannelUpdate(
        kind=UpdateKind.FULFILLED,
        channel_account="webshop-eu",
        external_id="1001",
        number=order_number(ORDER_ID),
        version=1,
        occurred_at=START,
        lines=lines,
        packages=(package,),
        carrier="own-fleet",
        service="standard",
        hold=HoldKind.MANUAL,
        cancel_reason=CancelReason.CUSTOMER,
        amount=Money(amount=1050, currency="EUR"),
        detail="für Zoë",
    )


def at_counter() -> ChannelUpdate:
    """One with the fields of a counter too."""
    more = {"fulfilled_kind": FulfilledKind.COLLECTED, "location": "berlin", "collect_by": START + timedelta(days=7)}
    return update().model_copy(update=more)


def availability() -> ChannelAvailability:
    return ChannelAvailability(
        channel_account="webshop-eu", sku="SKU-1", available=7, unit="each", version=1, occurred_at=START
    )


RECORDS = {
    "channel-update": ChannelOut("channel.updates", 4).record(update(), "webshop-eu", "1001", CAUSE),
    "channel-update-at-counter": ChannelOut("channel.updates", 4).record(at_counter(), "webshop-eu", "1001", CAUSE),
    "channel-availability": ChannelOut("channel.availability", 4).record(
        availability(), "webshop-eu", "SKU-1", CAUSE._replace(subject=ITEM)
    ),
}


def shown(record: NewRecord) -> str:
    """A record as text: topic and partition, key, headers, value."""
    headers = [f"{name}: {value.decode()}" for name, value in record.headers]
    return "\n".join([f"{record.topic}/{record.partition}", record.key.decode(), *headers, record.value.decode(), ""])


@pytest.mark.parametrize("name", RECORDS)
def test_what_a_channel_reads(name: str) -> None:
    assert shown(RECORDS[name]) == (GOLDEN / f"{name}.txt").read_text()


def test_what_is_stored_is_read_back() -> None:
    assert ChannelUpdate.decode(RECORDS["channel-update"].value) == update()
    assert ChannelUpdate.decode(RECORDS["channel-update-at-counter"].value) == at_counter()
    assert ChannelAvailability.decode(RECORDS["channel-availability"].value) == availability()
