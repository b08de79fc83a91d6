"""What a stock item makes of goods that came back."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import Outcome
from contracts.inventory import (
    Bucket,
    CountRequested,
    Disposition,
    RecordReturned,
    ReservationBroken,
    StockChangeRefused,
    StockReserved,
    StockReturned,
)
from services.inventory.tests.test_stock_item import claim, kinds, north, only, receive, stock_item

RESTOCK, SCRAP, MISSING = Disposition.RESTOCK, Disposition.SCRAP, Disposition.MISSING


def returned(quantity: int = 1, disposition: Disposition = RESTOCK, **more: Any) -> RecordReturned:
    fields = {"sku": "SKU-1", "location": "north", "unit": "each", "return_id": "r", "document": "i1", **more}
    return RecordReturned(quantity=quantity, disposition=disposition, **fields)


def moved(outcome: Outcome) -> list[tuple[Bucket, Bucket, int]]:
    return [(each.source, each.target, each.quantity) for each in only(outcome, StockReturned).movements]


@pytest.mark.parametrize(
    ("disposition", "bucket"),
    [
        (RESTOCK, Bucket.SELLABLE),
        (Disposition.QUARANTINE, Bucket.ON_HOLD),
        (Disposition.REFURBISH, Bucket.ON_HOLD),
        (Disposition.RETURN_TO_VENDOR, Bucket.ON_HOLD),
        (SCRAP, Bucket.SCRAPPED),
        (Disposition.SENT_BACK, Bucket.FULFILLED),
    ],
)
def test_what_came_back_goes_where_its_disposition_says(disposition: Disposition, bucket: Bucket) -> None:
    assert moved(stock_item().when(returned(2, disposition))) == [(Bucket.RESTOCKED, bucket, 2)]


def test_what_can_be_sold_again_serves_who_waits() -> None:
    spec = stock_item()
    spec.when(claim(quantity=1), reply_to="order:order/o1")
    assert kinds(spec.when(returned(1))) == [StockReturned, StockReserved]


def test_a_changed_disposition_takes_the_goods_from_where_they_were_put() -> None:
    spec = stock_item()
    spec.when(returned(2))
    outcome = spec.when(returned(1, SCRAP, instead_of=RESTOCK))
    assert moved(outcome) == [(Bucket.SELLABLE, Bucket.SCRAPPED, 1)]
    # thrown away, it has left the book: it is found again
    assert moved(spec.when(returned(1, RESTOCK, instead_of=SCRAP))) == [(Bucket.FOUND, Bucket.SELLABLE, 1)]
    # missing, it never was in it
    assert moved(spec.when(returned(1, RESTOCK, instead_of=MISSING))) == [(Bucket.RESTOCKED, Bucket.SELLABLE, 1)]
    # what waited for its vendor leaves once that has it
    spec.when(returned(1, Disposition.RETURN_TO_VENDOR))
    gone = returned(1, Disposition.RETURNED_TO_VENDOR, instead_of=Disposition.RETURN_TO_VENDOR)
    assert moved(spec.when(gone)) == [(Bucket.ON_HOLD, Bucket.FULFILLED, 1)]
    # from hold to hold nothing moves
    spec.when(returned(1, Disposition.QUARANTINE))
    assert moved(spec.when(returned(1, Disposition.REFURBISH, instead_of=Disposition.QUARANTINE))) == []


def test_what_is_claimed_meanwhile_is_broken_and_what_is_gone_is_found_first() -> None:
    spec = stock_item()
    spec.when(returned(1))
    spec.when(claim(quantity=1), reply_to="order:order/o1")
    outcome = spec.when(returned(1, SCRAP, instead_of=RESTOCK))
    assert kinds(outcome) == [ReservationBroken, StockReturned]
    outcome = spec.when(returned(1, MISSING, instead_of=RESTOCK))
    assert kinds(outcome) == [StockReturned, CountRequested]
    assert only(outcome, StockReturned).found == 1
    assert north(spec).sellable == 0


def test_another_unit_than_the_items_cannot_be_booked() -> None:
    spec = stock_item()
    spec.when(receive(1))
    assert kinds(spec.when(returned(1, unit="g"))) == [StockChangeRefused, CountRequested]
