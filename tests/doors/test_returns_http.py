"""The doors of returns: what customer service and nodes may say, and what is refused before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Followed, Reads, Seen
from chassis.stream import fresh
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.fulfillment import (
    CloseReturn,
    Disposition,
    RecordInspection,
    RecordReturnReceipt,
    RecordReturnSent,
    ReopenReturn,
)
from contracts.ids import aggregate_id
from contracts.message import Message
from contracts.money import Money
from contracts.order import ApproveReturn, DeclineReturn, RequestReturn, ReturnTerms, WithdrawReturn
from services.fulfillment import returns_api as node_api
from services.fulfillment.app import declare as declare_fulfillment
from services.fulfillment.customer_return import RETURN
from services.fulfillment.tests.test_returns import OPEN, SENT, back, came, looked
from services.order import returns_api as order_api
from services.order.app import declare as declare_order
from services.order.seller_terms import SellerTerms
from services.order.stream import ORDER as ORDER_STREAM
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client

RETURN_ID = "bdebd2b8-5485-59e2-b9dd-65081be601f6"
ORDER = "/orders/bdebd2b8-5485-59e2-b9dd-65081be601f6/returns"
KEY = {"Idempotency-Key": "k1"}


class Returns(ToldReads):
    """A store that knows one return, of which one unit was looked at."""

    def rows(self, query: str, values: Sequence[Any]) -> list[Any]:
        """No order is in the list yet: its id is taken at its word."""
        return []

    def stream(self, name: str) -> Seen:
        known = back(OPEN, SENT, came(1), looked(1)).stream
        other = fresh(ORDER_STREAM if name.startswith("order/") else RETURN, name)
        return Seen(
            known if name.startswith("return/") and name.endswith(RETURN_ID) else other,
            Followed("t.events", {0: 0}, 0.0),
        )


NOTHING_SET = SellerTerms()


class Doors:
    """The routes of both services, and the inboxes behind them."""

    def __init__(self, sellers: SellerTerms = NOTHING_SET) -> None:
        self.writer = KeptWriter()
        door = Door("http", self.writer, 4)
        reads = cast(Reads, Returns())
        self.node, _ = guarded_client(node_api.router(Gate(declare_fulfillment(), door, reads, Waiters(1))))
        self.desk, _ = guarded_client(order_api.router(Gate(declare_order(), door, reads, Waiters(1)), sellers))

    @property
    def value(self) -> bytes:
        [record] = self.writer.records
        assert record.value is not None
        return record.value


def test_what_the_seller_set_goes_with_the_wish() -> None:
    fees = (Money(amount=200, currency="EUR"),)
    doors = Doors(SellerTerms(label_fees={"*": fees}))
    answer = doors.desk.post(ORDER, json={"lines": [{"line": "1", "quantity": 1}]}, headers=KEY)
    assert answer.status_code == 202
    assert RequestReturn.decode(doors.value).terms == ReturnTerms(label_fees=fees)


def test_a_wish_names_lines_and_reasons() -> None:
    doors = Doors()
    lines = [{"line": "1", "quantity": 2, "reason": "defective"}, {"line": "2", "quantity": 1}]
    answer = doors.desk.post(ORDER, json={"lines": lines, "label": True, "matches": RETURN_ID}, headers=KEY)
    assert answer.status_code == 202
    asked = RequestReturn.decode(doors.value)
    assert [(line.line, line.quantity, line.reason) for line in asked.lines] == [
        ("1", 2, "defective"),
        ("2", 1, "changed_mind"),
    ]
    assert (asked.label, asked.matches) == (True, RETURN_ID)


@pytest.mark.parametrize(
    ("step", "body", "command"),
    [
        ("approve", None, ApproveReturn(number=3)),
        ("approve", {"detail": "fine"}, ApproveReturn(number=3, detail="fine")),
        ("decline", {"detail": "worn"}, DeclineReturn(number=3, detail="worn")),
        ("withdraw", None, WithdrawReturn(number=3)),
    ],
)
def test_people_decide_about_a_return_by_its_number(step: str, body: Any, command: Any) -> None:
    doors = Doors()
    assert doors.desk.post(f"{ORDER}/3/{step}", json=body, headers=KEY).status_code == 202
    assert type(command).decode(doors.value) == command


@pytest.mark.parametrize(
    "body",
    [
        {"lines": []},
        {"lines": [{"line": "1", "quantity": 0}]},
        {"lines": [{"line": "1", "quantity": 1}], "matches": "x"},
    ],
)
def test_a_wish_for_nothing_or_of_no_return_is_unreadable(body: Any) -> None:
    doors = Doors()
    assert doors.desk.post(ORDER, json=body, headers=KEY).status_code == 422
    assert doors.writer.records == []


def test_what_nobody_announced_is_named_by_its_node_s_paper() -> None:
    doors = Doors()
    body = {"document": "b1", "location": "north", "items": [{"sku": "A", "quantity": 2}]}
    answer = doors.node.post("/returns", json=body, headers=KEY)
    expected = aggregate_id("default", "return", "unannounced", "north", "b1")
    assert (answer.status_code, answer.json()["location"]) == (202, f"/returns/{expected}")
    assert RecordReturnReceipt.decode(doors.value).items[0].quantity == 2


def test_what_a_node_says_of_a_return_reaches_it() -> None:
    told: list[tuple[str, Any, type[Message]]] = [
        ("sent", {"document": "s1", "tracking_number": "T1"}, RecordReturnSent),
        ("receipts", {"document": "b", "location": "n", "items": [{"sku": "A", "quantity": 1}]}, RecordReturnReceipt),
        ("close", None, CloseReturn),
        ("reopen", {"detail": "more"}, ReopenReturn),
    ]
    for step, body, command in told:
        doors = Doors()
        assert doors.node.post(f"/returns/{RETURN_ID}/{step}", json=body, headers=KEY).status_code == 202
        command.decode(doors.value)
    doors = Doors()
    item = {"sku": "A", "quantity": 1, "disposition": "scrap", "instead_of": "restock", "reason": "a crack"}
    body = {"document": "i", "location": "n", "items": [item]}
    assert doors.node.post(f"/returns/{RETURN_ID}/inspections", json=body, headers=KEY).status_code == 202
    [said] = RecordInspection.decode(doors.value).items
    assert (said.disposition, said.instead_of) == (Disposition.SCRAP, Disposition.RESTOCK)


def test_a_return_is_shown_with_what_came_and_what_became_of_it() -> None:
    doors = Doors()
    shown = doors.node.get(f"/returns/{RETURN_ID}").json()
    assert (shown["stage"], shown["expected"], shown["not_inspected"]) == ("partly_received", 1, 0)
    assert shown["units"] == [
        {"location": "north", "line": "1", "sku": "A", "unit": "each", "quantity": 1, "disposition": "restock"}
    ]
    assert shown["sent"]["tracking_number"] == "T1"
    unknown = doors.node.get("/returns/05862dfe-9882-5e28-b47e-3a452e2a5783")
    assert unknown.status_code == 404
