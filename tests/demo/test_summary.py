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
RESERVED = seen(
    "StockReserved",
    "s-1",
    sku="P1",
    demand=DEMAND,
    sequence=0,
    location="WH",
    quantity=2,
    levels=[level(2, reserved=2)],
)
PICKED = seen(
    "StockPicked",
    "s-1",
    sku="P1",
    demand=DEMAND,
    sequence=0,
    location="WH",
    quantity=2,
    from_claim=2,
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
PLACED = seen(
    "OrderPlaced",
    "o-1",
    currency="USD",
    ship_groups=[{"group": "home", "complete": False}],
    lines=[{"line": "1", "channel_line": "1", "quantity": 2, "ship_group": "home"}],
)
CONFIRMED = seen("OrderConfirmed", "o-1", 1)
FULFILLED = seen(
    "LinesFulfilled",
    "o-1",
    2,
    kind="shipped",
    ranges=[{"line": "1"}],
    moves=[moved("1", 2, "ordered", "fulfilled")],
    amount=usd(500),
)
COMPLETED = seen("OrderCompleted", "o-1", 4)
TOLD = [seen("NoticeSent", "o-1", 5, kind=kind) for kind in ("confirmed", "shipped")]
NUMBERED = seen("NumberAssigned", "seller", series="INV-2026", sequence=1, number="INV-2026-000001")
HISTORY: dict[str, list[Seen]] = {
    "order": [PLACED, CONFIRMED, FULFILLED, COMPLETED, *TOLD],
    "inventory": [RECEIVED, RESERVED, PICKED, GONE],
    "payments": [
        seen("PaymentAuthorized", "o-1", amount=usd(500)),
        seen("PaymentCaptured", "o-1", amount=usd(500)),
        NUMBERED,
        seen("InvoiceIssued", "i-1", order_id="o-1", gross=usd(500)),
    ],
    "channel.updates": [
        seen("ChannelUpdate", "o-1", kind="accepted", closed=False),
        seen("ChannelUpdate", "o-1", kind="completed", closed=True),
    ],
}


def summary(changed: dict[str, list[Seen]]) -> Summary:
    def history(source: str) -> Iterable[Seen]:
        return (HISTORY | changed).get(source, [])

    return summarise(["o-1"], history)


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


BACKORDERED = seen("LineBackordered", "o-1", moves=[moved("1", 2, "ordered", "backordered")])
EXPECTED = seen("SupplyExpected", "s-1", sku="P1", supply="late-1", location="WH", quantity=2)
AWAITING = QUEUED._replace(value={**QUEUED.value, "awaits": "late-1"})
STILL_WAITS = "every order is final, or waits for a named supply alone"


def waiting(inventory: list[Seen], *more: Seen) -> set[str]:
    """What fails of an order that waits for goods (all of a run's lines: too many, whatever else is right)."""
    told = summary({"order": [PLACED, *more], "inventory": inventory, "payments": []})
    return failed(told) - {"under 2 % of the lines still wait"}


def test_an_order_that_waits_for_a_named_supply_is_fine_and_for_none_is_not() -> None:
    assert not waiting([EXPECTED, AWAITING], BACKORDERED)
    assert waiting([EXPECTED, QUEUED], BACKORDERED) == {STILL_WAITS}
    assert waiting([AWAITING], BACKORDERED) == {STILL_WAITS}


def test_what_is_kept_to_leave_together_with_what_waits_is_fine_and_anything_else_is_not() -> None:
    parts = [moved("1", 1, "ordered", "backordered"), moved("1", 1, "ordered", "reserved")]
    in_part = BACKORDERED._replace(value={**BACKORDERED.value, "moves": parts})
    whole = PLACED._replace(value={**PLACED.value, "ship_groups": [{"group": "home", "complete": True}]})

    def drifts(placed: Seen) -> bool:
        return STILL_WAITS in failed(summary({"order": [placed, in_part], "inventory": [EXPECTED, AWAITING]}))

    assert not drifts(whole)
    assert drifts(PLACED)


def test_an_order_that_waits_for_goods_that_came_is_found() -> None:
    came = RECEIVED._replace(value={**RECEIVED.value, "supply": "late-1", "supply_open": 0})

    assert waiting([EXPECTED, AWAITING, came], BACKORDERED) == {STILL_WAITS}


def test_an_order_of_which_something_else_does_not_move_is_found() -> None:
    assert waiting([EXPECTED, AWAITING]) == {STILL_WAITS}


def test_more_than_two_lines_in_a_hundred_may_not_wait() -> None:
    told = summary({"order": [PLACED, BACKORDERED], "inventory": [EXPECTED, AWAITING], "payments": []})

    assert failed(told) == {"under 2 % of the lines still wait"}
    assert told.states == {"queued": 1}


def test_a_held_order_is_neither_final_nor_queued() -> None:
    hold = seen("HoldPlaced", "o-1", hold="h", kind="total_differs")

    told = summary({"order": [PLACED, hold], "inventory": [], "payments": []})

    assert told.states == {"held": 1}
    assert told.holds == {"total_differs": 1}
    assert not told.clean


@pytest.mark.parametrize("heard", [[], HISTORY["channel.updates"][:1], HISTORY["channel.updates"][1:]])
def test_a_channel_that_was_not_told_all_is_found(heard: list[Seen]) -> None:
    assert failed(summary({"channel.updates": heard})) == {"the channel heard of every order: accepted, or held"}


def test_a_queued_line_counts_as_short_and_later_as_reserved() -> None:
    told = summary({"inventory": [QUEUED, RECEIVED, RESERVED, PICKED, GONE]})

    assert (told.lines_short, told.lines_queued, told.lines_reserved) == (1, 1, 1)
