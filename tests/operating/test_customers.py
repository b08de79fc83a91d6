"""Whose personal data an order's events hold."""

from __future__ import annotations

from typing import Any

import orjson

from chassis.store import Recorded
from oms.customers import Held, held_in

ADA, BEN = {"subject": "ada", "ciphertext": "c2VhbGVk"}, {"subject": "ben", "ciphertext": "c2VhbGVkIHRvbw=="}


def event(name: str, value: dict[str, Any]) -> Recorded:
    return Recorded("order/1", 1, f"orderlog.order.{name}.v1", {}, orjson.dumps(value), 0, 0)


def test_each_person_is_named_with_the_first_place_of_what_is_sealed() -> None:
    placed = event("OrderPlaced", {"buyer": ADA, "ship_groups": [{"ship_to": {"personal": BEN, "country": "DE"}}]})
    asked = event("NoticeRequested", {"buyer": ADA})

    assert held_in([placed, asked]) == [
        Held("ada", "OrderPlaced", "buyer"),
        Held("ben", "OrderPlaced", "ship_groups.0.ship_to.personal"),
    ]


def test_what_only_looks_like_it_is_nobody() -> None:
    assert held_in([event("TagAdded", {"subject": "ada", "tag": None, "lines": ["subject", 1]})]) == []
