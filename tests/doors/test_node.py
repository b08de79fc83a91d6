"""The door of a node: what it may say, and what is refused before it reaches the work."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.fulfillment import RecordPick
from services.fulfillment import api
from services.fulfillment.app import declare
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client

WORK = "/fulfillment-orders/bdebd2b8-5485-59e2-b9dd-65081be601f6"


class Node:
    """The routes of fulfillment, and the inbox behind them."""

    def __init__(self) -> None:
        self.writer = KeptWriter()
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, ToldReads()), Waiters(1))
        self.client, _ = guarded_client(api.router(gate))

    def reports(self, step: str, body: Any) -> Any:
        return self.client.post(f"{WORK}/{step}", json=body, headers={"Idempotency-Key": "d1"})


def test_a_pick_names_another_item_where_one_was_taken() -> None:
    node = Node()
    lines = [{"line": "1", "sequence": 1, "quantity": 2, "sku": "SKU-9"}, {"line": "2", "sequence": 1, "quantity": 0}]
    assert node.reports("pick", {"document": "p1", "lines": lines}).status_code == 202
    first, second = RecordPick.decode(node.writer.records[0].value).lines
    assert (first.sku, first.quantity, second.sku, second.quantity) == ("SKU-9", 2, None, 0)


@pytest.mark.parametrize(
    ("step", "body", "said"),
    [
        ("acceptance", {"document": ""}, "body.document"),
        ("pick", {"document": "p1", "lines": []}, "body.lines"),
        ("pick", {"document": "p1", "lines": [{"line": "1", "sequence": 1, "quantity": 1, "sku": "A\x1fB"}]}, "sku"),
        ("pick", {"document": "p1", "lines": [{"line": "1", "sequence": 1, "quantity": 10**20}]}, "smaller number"),
        ("pack", {"document": "k1", "packages": [{"number": 1, "contents": [], "weight_grams": 5}]}, "contents"),
    ],
)
def test_what_would_stop_the_work_is_refused_by_name(step: str, body: Any, said: str) -> None:
    node = Node()
    answer = node.reports(step, body)
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text
    assert node.writer.records == []
