"""Open orders of another system: what a file says of them, what the door is sent, and what is kept in the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from contracts.channel import ChannelOrder, OpenOrder
from oms import patience
from oms.importing.form import Form
from oms.importing.running import OpenDocument, Summary, Taken, import_open_orders
from oms.importing.taking_over import body_of, take_over
from oms.patience import DoorsAway
from tests.importing.test_importing import csv_text, problem_of, report_rows, row

OF_OLD = {"system": "old-oms", "fulfilled": "1", "captured": "12.99", "tender_method": "invoice"}
PAID = {
    "tender_amount": "25.98",
    "ship_name": "Ada",
    "ship_address_1": "Weg 1",
    "ship_city": "Ulm",
    "ship_country": "DE",
}


def run(
    folder: Path, rows: Sequence[dict[str, str]], taken: Sequence[Taken] = ()
) -> tuple[list[OpenDocument], Summary]:
    """What is sent of a file, and its summary, where the door answers so."""
    (folder / "orders.csv").write_text(csv_text(rows))
    sent: list[OpenDocument] = []

    def answer(orders: Sequence[OpenDocument]) -> Sequence[Taken]:
        sent.extend(orders)
        return taken or [Taken()] * len(orders)

    return sent, import_open_orders(folder / "orders.csv", Form(), answer, folder / "rejected.csv", "default")


def test_an_order_is_sent_as_it_was_placed_with_what_became_of_it(tmp_path: Path) -> None:
    rows = [row(**OF_OLD, **PAID), row(line_id="2", amount="5.00", cancelled="1", authorized="17.99")]
    [document], summary = run(tmp_path, rows)
    assert [line.quantity for line in document.order.lines] == [2, 2]
    state = document.state
    assert (state.system, state.captured, state.authorized) == ("old-oms", 1299, 1799)
    assert [(line.line_id, line.fulfilled, line.cancelled) for line in state.lines] == [("1", 1, 0), ("2", 0, 1)]
    assert (summary.sent_orders, summary.sent_rows) == (1, 2)


def test_the_body_is_both_a_channels_order_and_its_state() -> None:
    order = ChannelOrder.model_validate(
        {
            **dict.fromkeys(("channel_account", "external_id", "channel", "seller"), "x"),
            "placed_at": "2026-01-31T09:30:00Z",
            "currency": "EUR",
            "lines": [{"line_id": "1", "sku": "A", "quantity": 2, "amount": 100}],
        }
    )
    state = OpenOrder.model_validate(
        {"system": "old", "captured": 50, "lines": [{"line_id": "1", "quantity": 2, "fulfilled": 1}]}
    )
    body = orjson.dumps(body_of(OpenDocument(order, state)))
    assert (ChannelOrder.model_validate_json(body), OpenOrder.model_validate_json(body)) == (order, state)


def test_holds_are_told_beforehand(tmp_path: Path) -> None:
    _, summary = run(tmp_path, [row(**{**OF_OLD, "captured": "10.00"}, **PAID)])
    assert dict(summary.holds) == {"secured_differs": 1}
    assert dict(run(tmp_path, [row(**OF_OLD, **PAID)])[1].holds) == {}


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"fulfilled": "2", "cancelled": "1"}, "2 fulfilled and 1 cancelled are more than the 2 ordered"),
        ({"fulfilled": "2"}, "nothing of the order is open: it stays where it is"),
        ({"fulfilled": "-1"}, "greater than or equal to 0"),
        ({"system": ""}, "no row of the order says it, and every order needs it"),
    ],
)
def test_what_cannot_be_taken_over_is_told_by_its_row(tmp_path: Path, said: dict[str, str], problem: str) -> None:
    sent, summary = run(tmp_path, [row(**{**OF_OLD, **said}, **PAID)])
    assert sent == []
    number, _, text = problem_of(summary)
    assert number == 2 and problem in text
    assert len(report_rows(summary)) == 1


def test_what_the_door_refuses_is_kept_in_the_report_and_the_others_are_taken_over(tmp_path: Path) -> None:
    rows = [row(**OF_OLD, **PAID, external_id=name) for name in ("1", "2", "3")]
    _, summary = run(tmp_path, rows, [Taken(), Taken(refused="It is known with another body."), Taken(there=True)])
    assert (summary.sent_orders, summary.there_orders, summary.rejected_orders) == (2, 1, 1)
    [kept] = report_rows(summary)
    assert (kept["external_id"], kept["import_problem"]) == ("2", "It is known with another body.")


def answers(status: int, document: Any) -> httpx.Client:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, json=document))
    return httpx.Client(base_url="http://doors", transport=transport)


@pytest.mark.parametrize(
    ("status", "document", "taken"),
    [
        (201, {"events": [{"type": "OrderImported"}, {"type": "HoldPlaced"}]}, Taken()),
        (202, {"outcome": "pending"}, Taken()),
        (200, {"events": [{"type": "OrderRevisionIgnored"}]}, Taken(there=True)),
        (409, {"title": "The request was refused", "detail": "No."}, Taken(refused="The request was refused. No.")),
    ],
)
def test_what_the_door_answers_is_what_became_of_an_order(
    tmp_path: Path, status: int, document: Any, taken: Taken
) -> None:
    [open_order], _ = run(tmp_path, [row(**OF_OLD, **PAID)])
    assert take_over(answers(status, document), [open_order]) == [taken]


def test_doors_that_stay_away_end_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.0)
    [open_order], _ = run(tmp_path, [row(**OF_OLD, **PAID)])
    with pytest.raises(DoorsAway, match="nothing is done twice"):
        take_over(answers(503, {"title": "Not now", "detail": "Later."}), [open_order])
