"""What the door of inventory takes for a change of stock, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chassis.testing import DAWN
from services.inventory.api import Adjustment, Receipt, _view
from services.inventory.stock_book import StockBook, Supply
from services.inventory.tests.test_stock_item import claim, receive, stock_item


def receipt(**more: Any) -> Receipt:
    return Receipt.model_validate({"location": "north", "quantity": 3, **more})


def test_a_part_of_a_receipt_may_have_a_lot_and_the_rest_none() -> None:
    assert receipt(traced=[{"quantity": 2, "lot": "L7"}]).quantity == 3


def test_parts_that_add_up_to_more_than_came_are_refused() -> None:
    with pytest.raises(ValidationError, match="add up to 4, which is more than 3"):
        receipt(traced=[{"quantity": 2, "lot": "L7"}, {"quantity": 2, "lot": "L8"}])


@pytest.mark.parametrize(("reason", "status"), [("cleared", "sellable"), ("damaged", "damaged")])
def test_an_adjustment_that_would_move_nothing_is_refused(reason: str, status: str) -> None:
    with pytest.raises(ValidationError, match=f"are {status} already cannot be {reason}"):
        Adjustment.model_validate({"location": "north", "quantity": 3, "reason": reason, "status": status})


def test_an_item_is_shown_with_its_claims_and_the_supply_that_it_expects() -> None:
    spec = stock_item()
    for command in (receive(1), claim("o2", 2), claim("o1", 1)):
        spec.when(command)
    shown = _view(spec.state)
    assert (shown["unit"], shown["claims_count"], shown["claims_waiting"]) == ("each", 2, 2)
    assert [(row["demand"]["id"], row["reserved"], row["waiting"]) for row in shown["claims"]] == [
        ("o1", 0, 1),
        ("o2", 1, 1),
    ]
    book = StockBook(supplies=StockBook().supplies.insert("po-1", Supply("north", 5, DAWN)))
    (supply,) = _view(book)["supplies"]
    assert shown["claims"][0]["soft_until"] is None
    assert supply == {"supply": "po-1", "location": "north", "quantity": 5, "expected_at": "2026-01-05T09:00:00.000Z"}
