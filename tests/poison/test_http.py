"""The corpus at the HTTP door: each is refused with a problem that says why, and nothing of it comes in."""

from __future__ import annotations

import pytest

from chassis.problems import MEDIA_TYPE
from contracts.order import PlaceOrder
from services.order.checks import findings
from tests.doors.test_order_http import post_order
from tests.poison import ODD_ORDERS, POISON, OddOrder, Poison


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison.name)
def test_what_nobody_can_decode_is_refused_by_name(poison: Poison) -> None:
    answer, writer = post_order(poison.value or b"")
    assert (answer.status_code in {413, 422}, answer.headers["content-type"]) == (True, MEDIA_TYPE)
    assert answer.json()["detail"]
    assert writer.records == []


@pytest.mark.parametrize("odd", ODD_ORDERS, ids=lambda odd: odd.name)
def test_an_order_with_odd_values_comes_in_and_is_held(odd: OddOrder) -> None:
    answer, writer = post_order(odd.value)
    assert answer.status_code == 202, answer.text
    command = PlaceOrder.decode(writer.records[0].value)
    assert {finding.kind.value for finding in findings(command)} == odd.holds
