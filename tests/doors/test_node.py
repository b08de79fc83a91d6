"""The door of a node: what it may say, and what is refused before it reaches the work."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Followed, Reads, Seen
from chassis.sealing import PersonalDataForgotten, PersonalDataUnreadable, open_sealed
from chassis.stream import fresh
from chassis.tokens import Role
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.fulfillment import RecordCancelDecision, RecordCollection, RecordPick, RecordReady
from contracts.personal import Personal, PersonalContent
from services.fulfillment import api
from services.fulfillment.app import declare
from services.fulfillment.fulfillment_order import FULFILLMENT_ORDER
from services.fulfillment.tests.test_fulfillment_order import ACCEPT, CANCEL, CREATE_PICKUP, PICK_ALL, READY, after
from tests.doors.fakes import KEY, KeptWriter, ToldReads, guarded_client, seal

WORK = "/fulfillment-orders/bdebd2b8-5485-59e2-b9dd-65081be601f6"
ADA = PersonalContent(name="Ada Lindqvist", email="ada@example.org", city="Bonn", phone="+49 228 1")


class Works(ToldReads):
    """A store that knows one fulfillment order, ready to be collected by somebody (or by nobody known)."""

    def __init__(self, person: Personal | None, cancel: bool) -> None:
        super().__init__()
        asked = CREATE_PICKUP.model_copy(update={"pickup_person": person})
        self._known = after(asked, ACCEPT, PICK_ALL, READY, *((CANCEL,) if cancel else ())).stream

    def stream(self, name: str) -> Seen:
        known = WORK.endswith(name.partition("/")[2])
        return Seen(self._known if known else fresh(FULFILLMENT_ORDER, name), Followed("t.events", {0: 0}, 0.0))


class Node:
    """The routes of fulfillment, and the inbox behind them. `fails` is why nothing sealed can be opened; `cancel` whether
    the order asks to let go of it."""

    def __init__(self, person: Personal | None = None, fails: Exception | None = None, cancel: bool = False) -> None:
        def opened(sealed: Personal) -> PersonalContent:
            if fails is not None:
                raise fails
            return open_sealed(KEY, sealed)

        self.writer = KeptWriter()
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, Works(person, cancel)), Waiters(1))
        self.client, self.tokens = guarded_client(api.router(gate, seal, opened))

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
        ("cancel-decision", {"document": "d1", "lines": []}, "body.lines"),
        ("cancel-decision", {"document": "d1", "lines": [{"line": "1", "sequence": 1, "granted": -1}]}, "granted"),
        ("ready", {"document": "r1", "shelf": "rack\n7"}, "body.shelf"),
        ("collection", {"document": "c1", "collected_by": ""}, "body.collected_by"),
    ],
)
def test_what_would_stop_the_work_is_refused_by_name(step: str, body: Any, said: str) -> None:
    node = Node()
    answer = node.reports(step, body)
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text
    assert node.writer.records == []


def test_a_node_says_where_goods_lie_ready_and_who_took_them_is_sealed_at_the_door() -> None:
    node = Node()
    assert node.reports("ready", {"document": "r1", "shelf": "rack 7"}).status_code == 202
    assert RecordReady.decode(node.writer.records[0].value).shelf == "rack 7"
    for _ in range(2):
        assert node.reports("collection", {"document": "c1", "collected_by": "Ben Ada"}).status_code == 202
    first, again = (RecordCollection.decode(record.value) for record in node.writer.records[1:])
    assert first == again  # sealed alike, so that the same report twice is one
    assert first.collected_by is not None
    assert open_sealed(KEY, first.collected_by) == PersonalContent(name="Ben Ada")
    assert not any(b"Ben" in record.value for record in node.writer.records)


def test_a_node_is_shown_what_it_is_asked_to_let_go_of_and_answers_line_by_line() -> None:
    node = Node(cancel=True)
    shown = node.client.get(WORK).json()["cancel_asked"]
    assert [(line["line"], line["quantity"]) for line in shown["lines"]] == [("1", 3), ("2", 1)]
    assert shown["answer_by"] == "2026-01-05T13:00:00.000Z"
    lines = [
        {"line": "1", "sequence": 1, "granted": 2, "reason": "one is sold at the counter"},
        {"line": "2", "sequence": 1, "granted": 1},
    ]
    assert node.reports("cancel-decision", {"document": "d1", "lines": lines}).status_code == 202
    first, second = RecordCancelDecision.decode(node.writer.records[0].value).lines
    assert (first.granted, first.reason, second.granted) == (2, "one is sold at the counter", 1)


def test_a_collection_by_whom_nobody_asked_names_nobody() -> None:
    node = Node()
    assert node.reports("collection", {"document": "c1"}).status_code == 202
    assert RecordCollection.decode(node.writer.records[0].value).collected_by is None


def test_those_who_hand_it_over_see_who_may_collect_it_and_no_more_of_them() -> None:
    node = Node(seal("ada", ADA))
    answer = node.client.get(f"{WORK}/pickup-person")
    assert answer.json().keys() == {"name", "phone", "followed"}
    assert (answer.json()["name"], answer.json()["phone"]) == ("Ada Lindqvist", "+49 228 1")
    assert answer.headers["cache-control"] == "no-store"
    shown = node.client.get(WORK)
    assert (shown.json()["stage"], shown.json()["shelf"]) == ("ready", "rack 7")
    assert "pickup_person" not in shown.json()
    node.tokens.tell("see", "vera", Role.VIEWER)
    headers = {"Authorization": "Bearer see"}
    assert node.client.get(WORK, headers=headers).status_code == 200
    assert node.client.get(f"{WORK}/pickup-person", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("person", "fails", "status"),
    [
        (None, None, 404),
        (seal("ada", ADA), PersonalDataForgotten("gone"), 410),
        (seal("ada", ADA), PersonalDataUnreadable("another key"), 500),
    ],
)
def test_who_may_collect_it_and_cannot_be_named_is_a_problem(
    person: Personal | None, fails: Exception | None, status: int
) -> None:
    answer = Node(person, fails).client.get(f"{WORK}/pickup-person")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]


def test_what_is_seen_has_its_version_as_a_tag() -> None:
    answer = Node().client.get(WORK)
    assert (answer.status_code, answer.headers["etag"]) == (200, f'"{answer.json()["version"]}"')
    assert answer.json()["followed"] == {"topic": "t.events", "offsets": {"0": 0}, "age_seconds": 0.0}
