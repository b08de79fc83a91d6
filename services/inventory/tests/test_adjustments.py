"""Every reason of an adjustment moves goods between its two buckets, from any status that they may have."""

from __future__ import annotations

import pytest

from contracts.inventory import AdjustmentReason, Bucket, Movement, StockAdjusted, StockStatus
from services.inventory.tests.test_stock_item import adjust, only, receive, stock_item

COMES = {AdjustmentReason.FOUND: Bucket.FOUND, AdjustmentReason.RESTOCKED: Bucket.RESTOCKED}
"""Where goods come from that the book did not have."""

GOES = {
    AdjustmentReason.CLEARED: Bucket.SELLABLE,
    AdjustmentReason.DAMAGED: Bucket.DAMAGED,
    AdjustmentReason.QUARANTINED: Bucket.ON_HOLD,
    AdjustmentReason.SUSPECTED: Bucket.SUSPECT,
    AdjustmentReason.LOST: Bucket.LOST,
    AdjustmentReason.STOLEN: Bucket.LOST,
    AdjustmentReason.SCRAPPED: Bucket.SCRAPPED,
    AdjustmentReason.EXPIRED: Bucket.SCRAPPED,
    AdjustmentReason.SAMPLE: Bucket.SCRAPPED,
    AdjustmentReason.SOLD_AT_TILL: Bucket.FULFILLED,
}
"""Where goods go that the book had."""


def test_every_reason_is_specified_here() -> None:
    assert {*COMES, *GOES} == set(AdjustmentReason)


@pytest.mark.parametrize("status", StockStatus)
@pytest.mark.parametrize("reason", COMES)
def test_goods_that_come_stand_under_their_status(reason: AdjustmentReason, status: StockStatus) -> None:
    # given nothing; when three turn up
    adjusted = only(stock_item().when(adjust(3, reason, status=status)), StockAdjusted)
    # then they come from where the reason says, and are on hand
    bucket = Bucket(status.value)
    assert adjusted.movements == (Movement(location="north", source=COMES[reason], target=bucket, quantity=3),)
    assert adjusted.levels[0].on_hand == 3


@pytest.mark.parametrize("status", StockStatus)
@pytest.mark.parametrize("reason", GOES)
def test_goods_go_where_the_reason_says(reason: AdjustmentReason, status: StockStatus) -> None:
    # given three of a status; when two of them are adjusted
    spec = stock_item()
    spec.when(receive(3, status=status))
    adjusted = only(spec.when(adjust(2, reason, status=status)), StockAdjusted)
    # then they went there, unless they are there already
    source, target = Bucket(status.value), GOES[reason]
    moved = (Movement(location="north", source=source, target=target, quantity=2),)
    assert adjusted.movements == (moved if source is not target else ())
    gone = target in (Bucket.LOST, Bucket.SCRAPPED, Bucket.FULFILLED)
    assert adjusted.levels[0].on_hand == (1 if gone else 3)
