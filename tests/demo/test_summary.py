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


def test_stock_that_appears_from_nowhere_is_found() -> None:
    told = summary({"inventory": [RESERVED, PICKED, GONE]})

    assert failed(told) == {"stock is conserved at every prefix (I-02)"}


def test_stock_that_is_reserved_for_nobody_is_found() -> None:
    nobodys = RECEIVED._replace(value={**RECEIVED.value, "levels": [level(2, reserved=1)]})

    told = summary({"inventory": [nobodys, RESERVED, PICKED, GONE]})

    assert failed(told) == {"what is reserved is the sum of the claims, at every prefix (I-02)"}


def test_stock_that_is_sold_twice_is_found() -> None:
    again = RESERVED._replace(value={**RESERVED.value, "sequence": 1, "levels": [level(2, reserved=4)]})

    told = summary({"inventory": [RECEIVED, RESERVED, again]})

    assert "nothing is available below zero, at any prefix (I-01)" in failed(told)


@pytest.mark.parametrize("end", ["ClaimReleased", "ClaimExpired"])
def test_a_claim_that_ends_holds_nothing(end: str) -> None:
    soft = level(2) | {"soft": 2, "available": 0}
    kept = RESERVED._replace(value={**RESERVED.value, "soft_until": "2026-01-31T10:00:00.000Z", "levels": [soft]})
    ended = seen(end, "s-1", sku="P1", demand=DEMAND, sequence=0, quantity=2, levels=[level(2)])

    assert not failed(summary({"inventory": [RECEIVED, kept, ended, RESERVED, PICKED, GONE]}))


def test_goods_that_are_kept_for_an_order_that_does_not_know_are_found() -> None:
    told = summary({"inventory": [RECEIVED, RESERVED, PICKED, GONE, RECEIVED, RESERVED]})

    assert "what the orders call reserved is what inventory keeps" in failed(told)


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
        "captured, with the credit of exchanges, is the value that was fulfilled",
        "captured and voided are never more than authorised",
        "what was captured, with the credit of exchanges, is invoiced",
    }


def test_a_number_that_is_left_out_or_given_twice_is_found() -> None:
    for sequence in (1, 3):
        odd = NUMBERED._replace(value={**NUMBERED.value, "sequence": sequence})
        told = summary({"payments": [*HISTORY["payments"], odd]})
        assert failed(told) == {"documents are numbered without a gap"}
    others = NUMBERED._replace(id="another seller")
    assert summary({"payments": [*HISTORY["payments"], others]}).clean


CAPTURED = seen("CaptureRecorded", "o-1", fulfillment="f-1", amount=usd(500))
GRANTED = seen("RefundGranted", "o-1", refund="r-1", amount=usd(200))
REFUNDED = seen("Refunded", "o-1", refund="r-1", cause="returned", amount=usd(200), to="original")
GIVEN_BACK = seen("PaymentRefunded", "o-1", refund="r-1", amount=usd(200), refunded=usd(200), captured=usd(500))


def with_money(*events: Seen, paid_back: bool = True) -> Summary:
    back = [GIVEN_BACK] if paid_back else []
    orders = [*HISTORY["order"], CAPTURED, *events]
    return summary({"order": orders, "payments": [*HISTORY["payments"], *back]})


def test_a_refund_that_was_granted_and_paid_checks() -> None:
    failing = seen("RefundFailed", "o-1", refund="r-1", amount=usd(200), refunded_part=usd(50))
    told = with_money(GRANTED, failing, REFUNDED)
    assert told.clean
    assert told.refunded["USD"] == 200


def test_a_refund_that_failed_in_part_and_was_withdrawn_owes_nothing() -> None:
    failing = seen("RefundFailed", "o-1", refund="r-1", amount=usd(300), refunded_part=usd(200))
    withdrawn = seen("RefundWithdrawn", "o-1", refund="r-1", amount=usd(100))
    granted = GRANTED._replace(value={**GRANTED.value, "amount": usd(300)})
    assert with_money(granted, failing, withdrawn).clean


def test_a_refund_that_nobody_paid_is_found() -> None:
    assert failed(with_money(GRANTED, paid_back=False)) == {"nobody is still owed a refund"}
    assert failed(with_money(GRANTED, REFUNDED, paid_back=False)) == {
        "what the orders call refunded is what payments gave back"
    }
    assert failed(with_money()) == {"what the orders call refunded is what payments gave back"}


def test_more_granted_than_was_captured_is_found() -> None:
    more = GRANTED._replace(value={"refund": "r-2", "amount": usd(400)})
    told = with_money(GRANTED, REFUNDED, more)
    assert "captured less refunded is what is kept and what is owed, at every prefix (I-04)" in failed(told)


REOPENED = seen("OrderReopened", "o-1", 6, cause="exchange", reference="1")
ADDED = seen("LinesAdded", "o-1", 6, lines=[{"line": "2", "quantity": 1, "ship_group": "home"}])
CREDITED = seen("RefundGranted", "o-1", refund="r-1", amount=usd(250), to="exchange")
ANOTHER = seen(
    "LinesFulfilled",
    "o-1",
    8,
    kind="shipped",
    ranges=[{"line": "2"}],
    moves=[moved("2", 1, "ordered", "fulfilled")],
    amount=usd(300),
)
APPLIED = seen("CreditApplied", "o-1", change="1", fulfillment="f-2", amount=usd(250))
DIFFERENCE = seen("CaptureRecorded", "o-1", fulfillment="f-2", amount=usd(50))
EXCHANGED = [REOPENED, ADDED, CREDITED, ANOTHER, APPLIED, DIFFERENCE, COMPLETED]


def exchanged(*events: Seen, taken: int = 50) -> Summary:
    """An order of two units for 5.00, of which one comes back for another article at 3.00."""
    another = {**DEMAND, "line": "2"}
    received = RECEIVED._replace(
        value={
            **RECEIVED.value,
            "movements": [{**RECEIVED.value["movements"][0], "quantity": 1}],
            "levels": [level(1)],
        }
    )
    gone = [
        seen(
            "StockHandedOut",
            "s-1",
            sku="P1",
            demand=another,
            quantity=1,
            movements=[{"location": "WH", "source": "sellable", "target": "fulfilled", "quantity": 1}],
            levels=[level(0)],
        )
    ]
    payments = [
        *HISTORY["payments"],
        seen("PaymentIncreased", "o-1", amount=usd(50)),
        seen("PaymentIncreased", "o-1", amount=usd(50), repeated=True),
        seen("PaymentCaptured", "o-1", amount=usd(taken)),
        seen("InvoiceIssued", "i-2", order_id="o-1", gross=usd(300)),
    ]
    inventory = [*HISTORY["inventory"], received, *gone]
    return summary({"order": [*HISTORY["order"], CAPTURED, *events], "inventory": inventory, "payments": payments})


def test_an_exchange_of_which_the_difference_was_taken_checks() -> None:
    told = exchanged(*EXCHANGED)

    assert failed(told) == set()
    assert (told.states, told.authorised["USD"]) == ({"completed": 1}, 550)
    assert told.completed_ms[99] == 4_000


def test_an_exchange_that_took_more_than_the_difference_or_is_not_over_is_found() -> None:
    assert "captured, with the credit of exchanges, is the value that was fulfilled" in failed(
        exchanged(*EXCHANGED, taken=51)
    )
    assert "every order is final, or waits for a named supply alone" in failed(exchanged(*EXCHANGED[:-1]))


def test_units_that_vanish_from_a_line_are_found() -> None:
    lost = FULFILLED._replace(value={**FULFILLED.value, "moves": [moved("1", 3, "ordered", "fulfilled")]})

    told = summary({"order": [PLACED, lost, COMPLETED]})

    assert "the buckets of every line sum to what was ordered" in failed(told)


def test_a_queued_line_counts_as_short_and_later_as_reserved() -> None:
    told = summary({"inventory": [QUEUED, RECEIVED, RESERVED, PICKED, GONE]})

    assert (told.lines_short, told.lines_queued, told.lines_reserved) == (1, 1, 1)
