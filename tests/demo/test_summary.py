"""The summary believes the topics only, and says which sum does not check."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oms.demo.summary import Summary, summarise
from oms.demo.tail import Seen

START = datetime(2026, 1, 31, 9, tzinfo=UTC)


def seen(name: str, id: str, second: int = 0, **value: Any) -> Seen:
    return Seen(name, id, START + timedelta(seconds=second), value)


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


def moved(line: str, quantity: int, source: str, target: str) -> dict[str, Any]:
    return {"line": line, "quantity": quantity, "source": source, "target": target}


def level(sellable: int, picked: int = 0, reserved: int = 0) -> dict[str, Any]:
    return {
        "location": "WH", "on_hand": sellable, "sellable": sellable, "suspect": 0, "damaged": 0, "on_hold": 0,
        "picked": picked, "reserved": reserved, "soft": 0, "available": sellable - reserved,
    }  # fmt: skip


DEMAND = {"kind": "order", "id": "o-1", "line": "1"}
RECEIVED = seen(
    "StockReceived",
    "s-1",
    sku="P1",
    movements=[{"location": "WH", "source": "received", "target": "sellable", "quantity": 2}],
    levels=[level(2)],
)
QUEUED = seen("DemandQueued", "s-1", sku="P1", demand=DEMAND, sequence=0, quantity=2, levels=[])
RESERVED = seen("StockReserved", "s-1", sku="P1", demand=DEMAND, sequence=0, quantity=2, levels=[level(2, reserved=2)])
PICKED = seen(
    "StockPicked",
    "s-1",
    sku="P1",
    demand=DEMAND,
    sequence=0,
    quantity=2,
    movements=[{"location": "WH", "source": "sellable", "target": "picked", "quantity": 2}],
    levels=[level(0, picked=2)],
)
GONE = seen(
    "StockFulfilled",
    "s-1",
    sku="P1",
    demand=DEMAND,
    sequence=0,
    quantity=2,
    movements=[{"location": "WH", "source": "picked", "target": "fulfilled", "quantity": 2}],
    levels=[level(0)],
)
PLACED = seen("OrderPlaced", "o-1", currency="USD", lines=[{"line": "1", "quantity": 2}])
CONFIRMED = seen("OrderConfirmed", "o-1", 1)
FULFILLED = seen("LinesFulfilled", "o-1", 2, moves=[moved("1", 2, "ordered", "fulfilled")], amount=usd(500))
COMPLETED = seen("OrderCompleted", "o-1", 4)
TOLD = [seen("NoticeSent", "o-1", 5, kind=kind) for kind in ("confirmed", "shipped")]
HISTORY: dict[str, list[Seen]] = {
    "order": [PLACED, CONFIRMED, FULFILLED, COMPLETED, *TOLD],
    "inventory": [RECEIVED, RESERVED, PICKED, GONE],
    "payments": [
        seen("PaymentAuthorized", "o-1", amount=usd(500)),
        seen("PaymentCaptured", "o-1", amount=usd(500)),
    ],
    "channel.updates": [
        seen("ChannelUpdate", "o-1", kind="accepted", closed=False),
        seen("ChannelUpdate", "o-1", kind="completed", closed=True),
    ],
}


def summary(changed: dict[str, list[Seen]], late: dict[str, str] | None = None) -> Summary:
    def history(service: str) -> Iterable[Seen]:
        return (HISTORY | changed)[service]

    return summarise(["o-1"], late or {}, history)


def failed(of: Summary) -> set[str]:
    return {check.says for check in of.checks if not check.holds}


def test_an_order_that_went_its_way_checks() -> None:
    told = summary({})

    assert told.clean
    assert told.states == {"completed": 1}
    assert (told.authorised["USD"], told.captured["USD"]) == (500, 500)
    assert (told.confirmed_ms[50], told.completed_ms[99]) == (1_000, 4_000)
    assert told.orders_per_second == 0.25
    assert told.updates == {"accepted": 1, "completed": 1}
    assert told.notices == {"confirmed": 1, "shipped": 1}


def test_an_order_that_nobody_placed_is_missed() -> None:
    told = summary({"order": [], "inventory": [], "payments": []})

    assert told.states == {"missing": 1}
    assert "every published order was placed" in failed(told)


def test_an_order_that_waits_for_a_named_supply_is_fine_and_for_none_is_not() -> None:
    waiting: dict[str, list[Seen]] = {"order": [PLACED], "inventory": [QUEUED], "payments": []}

    assert summary(waiting, {"P1": "late-1"}).clean
    told = summary(waiting)
    assert told.states == {"queued": 1}
    assert failed(told) == {"every order is final, or queued for a named supply"}


def test_a_held_order_is_neither_final_nor_queued() -> None:
    hold = seen("HoldPlaced", "o-1", hold="h", kind="total_differs")

    told = summary({"order": [PLACED, hold], "inventory": [], "payments": []})

    assert told.states == {"held": 1}
    assert told.holds == {"total_differs": 1}
    assert not told.clean


@pytest.mark.parametrize("heard", [[], HISTORY["channel.updates"][:1], HISTORY["channel.updates"][1:]])
def test_a_channel_that_was_not_told_all_is_found(heard: list[Seen]) -> None:
    assert failed(summary({"channel.updates": heard})) == {"the channel heard of every order: accepted, or held"}


def test_stock_that_appears_from_nowhere_is_found() -> None:
    told = summary({"inventory": [RESERVED, PICKED, GONE]})

    assert failed(told) == {"stock is conserved at every prefix (I-02)"}


def test_goods_that_left_without_the_order_knowing_are_found() -> None:
    told = summary({"inventory": [RECEIVED, RESERVED, PICKED, GONE, GONE]})

    assert "what the orders call fulfilled is what left the stock" in failed(told)


def test_goods_handed_out_at_a_till_left_the_stock_too() -> None:
    handed_out = seen(
        "StockHandedOut",
        "s-1",
        sku="P1",
        demand=DEMAND,
        quantity=2,
        movements=[{"location": "WH", "source": "sellable", "target": "fulfilled", "quantity": 2}],
        levels=[level(0)],
    )

    assert summary({"inventory": [RECEIVED, handed_out]}).clean
    assert not summary({"inventory": [RECEIVED]}).clean


def test_money_taken_for_nothing_is_found() -> None:
    twice = [*HISTORY["payments"], seen("PaymentCaptured", "o-1", amount=usd(500))]

    told = summary({"payments": twice})

    assert failed(told) == {
        "captured is the value that was fulfilled",
        "captured and voided are never more than authorised",
    }


def test_units_that_vanish_from_a_line_are_found() -> None:
    lost = seen("LinesFulfilled", "o-1", moves=[moved("1", 3, "ordered", "fulfilled")], amount=usd(500))

    told = summary({"order": [PLACED, lost, COMPLETED]})

    assert "the buckets of every line sum to what was ordered" in failed(told)


def test_a_queued_line_counts_as_short_and_later_as_reserved() -> None:
    told = summary({"inventory": [QUEUED, RECEIVED, RESERVED, PICKED, GONE]})

    assert (told.lines_short, told.lines_queued, told.lines_reserved) == (1, 1, 1)
