"""The page about the service says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.saga import table
from services.order import fulfillment_saga, reservation_saga
from services.order.stream import ORDER

PAGE = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("saga", [reservation_saga, fulfillment_saga], ids=["reservation", "fulfillment"])
def test_the_table_of_a_saga_is_the_one_in_the_code(saga: object) -> None:
    assert table(saga.STEPS) in PAGE  # type: ignore[attr-defined]


@pytest.mark.parametrize("message", ORDER.decide, ids=lambda message: message.__name__)
def test_every_message_has_its_row(message: type) -> None:
    assert f"`{message.__name__}`" in PAGE
