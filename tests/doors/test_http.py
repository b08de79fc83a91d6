"""The HTTP doors in one process, on a writer and a store that tests can look into."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.log import NewRecord
from chassis.reading import Known, Reads
from chassis.tokens import Kind, Role
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.chassis import CommandOutdated
from contracts.envelope import Actor, Envelope
from contracts.inventory import AdjustStock, CountStock, ExpectSupply, ReceiveStock, StockChangeRefused
from contracts.message import CATALOGUE
from services.inventory import api
from services.inventory.app import declare
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client

PATH = "/stock-items/SKU-1/receipts"
BODY = {"location": "dc-1", "quantity": 3}


class Doors:
    """The routes of inventory, and what lies behind them."""

    def __init__(self, waiters: int = 10) -> None:
        self.writer, self.reads, self.waiters = KeptWriter(), ToldReads(), Waiters(waiters)
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, self.reads), self.waiters)
        self.client, self.tokens = guarded_client(api.router(gate))

    def post(self, body: Any = None, path: str = PATH, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, json=body or BODY, headers={"Idempotency-Key": "k1", **named})

    def answers(self, event: Any) -> None:
        """From now on every message causes this event at once."""

        def happened(records: Sequence[NewRecord]) -> None:
            for record in records:
                cause = Envelope.parse(record.headers).id
                headers = (("ce_causationid", cause.encode()), ("ce_type", event.TYPE.encode()))
                self.waiters.happened([cast(Any, _Followed(headers, event.encode()))])

        self.writer.then = happened


class _Followed:
    def __init__(self, headers: Any, value: bytes) -> None:
        self.headers, self.value = headers, value


@pytest.fixture
def doors() -> Doors:
    return Doors()


def _refused() -> StockChangeRefused:
    return StockChangeRefused(sku="SKU-1", location="dc-1", quantity=3, unit="each", expected_unit="g")


def test_a_command_is_accepted_with_the_place_to_look(doors: Doors) -> None:
    answer = doors.post(X_Reason="delivery 7")
    assert answer.status_code == 202
    assert answer.headers["location"] == "/stock-items/SKU-1"
    (record,) = doors.writer.records
    envelope = Envelope.parse(record.headers)
    assert envelope.id == answer.json()["message_id"]
    assert (envelope.actor, envelope.reason) == (Actor(kind="person", subject="anna"), "delivery 7")
    assert CATALOGUE[envelope.type].decode(record.value) == ReceiveStock(
        sku="SKU-1", location="dc-1", quantity=3, unit="each"
    )


def test_a_reason_in_any_script_is_kept_as_it_was_written(doors: Doors) -> None:
    headers = {"Idempotency-Key": b"k1", "X-Reason": "für 5 €".encode()}
    assert doors.client.post(PATH, json=BODY, headers=headers).status_code == 202
    headers = {"Idempotency-Key": b"k2", "X-Reason": "für alle".encode("latin-1")}
    assert doors.client.post(PATH, json=BODY, headers=headers).status_code == 202
    assert [Envelope.parse(each.headers).reason for each in doors.writer.records] == ["für 5 €", "für alle"]


def test_who_asks_is_whom_the_token_stands_for_and_the_one_that_they_name(doors: Doors) -> None:
    doors.tokens.tell("scanner", "scanner-3", Role.WAREHOUSE, kind=Kind.SYSTEM)
    answer = doors.post(Authorization="Bearer scanner", X_On_Behalf_Of="picker-17", X_Actor="person:ben")
    assert answer.status_code == 202
    envelope = Envelope.parse(doors.writer.records[0].headers)
    assert envelope.actor == Actor(kind="system", subject="scanner-3", on_behalf_of="picker-17")


def test_who_waits_gets_what_came_of_it_and_a_refusal_is_a_problem(doors: Doors) -> None:
    doors.answers(_refused())
    answer = doors.post(Prefer="wait=5")
    assert answer.status_code == 409
    assert "expected_unit g" in answer.json()["detail"]


def test_who_waits_in_vain_is_told_that_it_is_pending(doors: Doors) -> None:
    answer = doors.post(Prefer="wait=0")
    assert (answer.status_code, answer.json()["outcome"]) == (202, "pending")


def test_who_repeats_what_the_store_does_not_know_yet_is_answered_once_it_does(doors: Doors) -> None:
    def handled_before(records: Sequence[NewRecord]) -> None:
        command = ReceiveStock.decode(records[0].value)
        identifier = Envelope.parse(records[0].headers).id
        doors.reads.messages[identifier] = Known(command.digest(), "stock_item/x", [_refused()])

    doors.writer.then = handled_before
    started = monotonic()
    assert doors.post(Prefer="wait=20").status_code == 409
    assert monotonic() - started < 15


def test_a_known_key_is_answered_without_sending_and_with_another_body_is_a_conflict(doors: Doors) -> None:
    first = doors.post()
    command = ReceiveStock(sku="SKU-1", location="dc-1", quantity=3, unit="each")
    stored = ReceiveStock.decode(doors.writer.records[0].value)
    assert stored == command
    doors.reads.messages[first.json()["message_id"]] = Known(command.digest(), "stock_item/x", [_refused()])
    assert doors.post().status_code == 409
    assert "expected_unit g" in doors.post().json()["detail"]
    conflict = doors.post({"location": "dc-1", "quantity": 4})
    assert conflict.status_code == 409
    assert "another body" in conflict.json()["title"]
    assert len(doors.writer.records) == 1


def test_who_says_which_version_they_saw_has_it_kept_in_the_command(doors: Doors) -> None:
    assert doors.post(If_Match='"7"').status_code == 202
    assert ReceiveStock.decode(doors.writer.records[0].value).expected_version == 7


def test_what_has_changed_meanwhile_is_said_with_the_version_that_it_has_now(doors: Doors) -> None:
    doors.answers(CommandOutdated(message_type=ReceiveStock.TYPE, expected_version=7, version=9))
    answer = doors.post(If_Match='"7"', Prefer="wait=5")
    assert (answer.status_code, answer.headers["etag"], answer.json()["version"]) == (412, '"10"', 10)
    assert "new Idempotency-Key" in answer.json()["detail"]


@pytest.mark.parametrize("tag", ["*", "7", 'W/"7"', '"7", "8"', '"-1"', '"x"', ""])
def test_what_is_no_version_of_ours_is_refused_by_name(doors: Doors, tag: str) -> None:
    answer = doors.post(If_Match=tag)
    assert (answer.status_code, "ETag" in answer.json()["detail"]) == (400, True)
    assert doors.writer.records == []


def test_a_delivery_to_many_items_has_no_one_version(doors: Doors) -> None:
    delivery = {"location": "dc-1", "document": "d", "lines": [{"sku": "A", "quantity": 1}]}
    answer = doors.post(delivery, path="/stock-items/receipts", If_Match='"7"')
    assert (answer.status_code, doors.writer.records) == (400, [])


def test_the_same_key_for_another_item_is_another_message(doors: Doors) -> None:
    other = doors.post(path="/stock-items/SKU-2/receipts")
    assert other.json()["message_id"] != doors.post().json()["message_id"]


def test_problems_are_named_with_how_to_mend_them(doors: Doors) -> None:
    doors.writer.away = 1
    cases = [
        (doors.post(), 503, "away"),
        (doors.client.post(PATH, json=BODY), 400, "Idempotency-Key"),
        (doors.post(X_On_Behalf_Of="ada@example.org"), 422, "header.x-on-behalf-of"),
        (doors.post({"location": "dc-1"}), 422, "body.quantity"),
        (doors.post({"location": "dc-1", "quantity": 1, "document": "x" * 5_000_000}), 413, "bytes"),
        (doors.client.get("/nowhere"), 404, "/docs"),
    ]
    for answer, status, said in cases:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"] + answer.json()["title"]
    assert doors.writer.records == []


def test_parts_that_are_more_than_the_whole_are_refused_before_they_reach_the_inbox(doors: Doors) -> None:
    answer = doors.post({**BODY, "traced": [{"quantity": 2**53}]})
    assert (answer.status_code, "more than 3" in answer.json()["detail"]) == (422, True)
    assert doors.writer.records == []


def test_an_instant_outside_the_calendar_is_refused_by_name(doors: Doors) -> None:
    answer = doors.post({**BODY, "occurred_at": "0001-01-01T00:00:00+23:00"})
    assert (answer.status_code, "body.occurred_at" in answer.json()["detail"]) == (422, True)


def test_a_body_of_unannounced_length_is_limited_too(doors: Doors) -> None:
    def chunks() -> Any:
        for _ in range(5):
            yield b" " * 1_000_000

    answer = doors.client.post(PATH, content=chunks(), headers={"Idempotency-Key": "k"})
    assert answer.status_code == 413


def test_more_waiters_than_may_wait_are_told_to_come_again() -> None:
    doors = Doors(waiters=0)
    answer = doors.post(Prefer="wait=5")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert doors.writer.records == []


def test_an_adjustment_names_its_reason(doors: Doors) -> None:
    body = {"location": "dc-1", "quantity": 1, "reason": "lost"}
    assert doors.post(body, path="/stock-items/SKU-1/adjustments").status_code == 202
    assert AdjustStock.decode(doors.writer.records[0].value).reason == "lost"


def test_an_item_may_have_any_name_that_is_printed(doors: Doors) -> None:
    answer = doors.post(path="/stock-items/A%2FB%20%231/receipts")
    assert (answer.status_code, answer.headers["location"]) == (202, "/stock-items/A%2FB%20%231")
    assert ReceiveStock.decode(doors.writer.records[0].value).sku == "A/B #1"


def test_supply_is_expected_under_its_name_and_withdrawn_by_none(doors: Doors) -> None:
    body = {"supply": "po-7/1", "location": "dc-1", "quantity": 0, "expected_at": "2026-02-01T00:00:00Z"}
    assert doors.post(body, path="/stock-items/SKU-1/supplies").status_code == 202
    expected = ExpectSupply.decode(doors.writer.records[0].value)
    assert (expected.supply, expected.quantity, expected.unit) == ("po-7/1", 0, "each")


def test_a_count_says_what_is_on_the_shelf(doors: Doors) -> None:
    assert doors.post({"location": "dc-1", "counted": 0}, path="/stock-items/SKU-1/counts").status_code == 202
    assert CountStock.decode(doors.writer.records[0].value).counted == 0


def test_a_receipt_keeps_the_lots_that_came(doors: Doors) -> None:
    doors.post({**BODY, "traced": [{"quantity": 2, "lot": "L7", "expires_on": "2026-12-31"}]})
    (traced,) = ReceiveStock.decode(doors.writer.records[0].value).traced
    assert (traced.quantity, traced.lot) == (2, "L7")


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (PATH, {**BODY, "quantity": 10**15 + 1}, "body.quantity"),
        (PATH, {**BODY, "location": "dc\x1f1"}, "body.location"),
        ("/stock-items/SKU%1F1/receipts", BODY, "path.sku"),
        ("/stock-items/SKU-1/adjustments", {**BODY, "reason": "cleared"}, "sellable already"),
        ("/stock-items/receipts", {"location": "dc-1", "document": "d", "lines": [{"sku": "", "quantity": 1}]}, "sku"),
    ],
)
def test_what_no_item_could_be_told_is_refused_by_name(doors: Doors, path: str, body: Any, said: str) -> None:
    answer = doors.post(body, path=path)
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text
    assert doors.writer.records == []
