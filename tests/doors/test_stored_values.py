"""The door of gift cards and store credit: a code is answered once and stands in nothing that is stored."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.tokens import Role
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.envelope import Envelope
from contracts.ids import stream
from contracts.message import CATALOGUE
from contracts.money import Money
from contracts.payments import BlockValue, IssueCause, IssueValue, ValueKind
from contracts.payments.gift_codes import gift_card_id, normal_code, store_credit_id
from services.payments import stored_value_api
from services.payments.app import declare
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client, seal

CARDS = "/stored-values/gift-cards"
CARD = {"amount": 5_000, "currency": "EUR"}


class Doors:
    """The routes, and what they wrote."""

    def __init__(self) -> None:
        self.writer = KeptWriter()
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, ToldReads()), Waiters(10))
        self.client, self.tokens = guarded_client(stored_value_api.router(gate, seal))

    def post(self, path: str, body: Any, key: str = "k1", **headers: str) -> Any:
        return self.client.post(path, json=body, headers={"Idempotency-Key": key, **headers})

    def said(self) -> tuple[str, Any]:
        """The stream and the command of the last record."""
        record = self.writer.records[-1]
        return (record.key or b"").decode(), CATALOGUE[Envelope.parse(record.headers).type].decode(record.value or b"")


@pytest.fixture
def doors() -> Doors:
    return Doors()


def test_a_card_gets_a_code_that_is_answered_and_stored_nowhere(doors: Doors) -> None:
    answer = doors.post(CARDS, CARD)
    assert answer.status_code == 202
    code = answer.json()["code"]
    target, command = doors.said()
    assert target == stream("stored_value", gift_card_id("default", seal, code))
    assert (command.amount, command.kind) == (Money(amount=5_000, currency="EUR"), ValueKind.GIFT_CARD)
    assert command.ending == normal_code(code)[-4:]
    (record,) = doors.writer.records
    stored = (record.key or b"") + (record.value or b"") + b"".join(value for _, value in record.headers)
    assert not any(part in stored for part in (code.encode(), normal_code(code).encode(), code[:5].encode()))


def test_the_same_request_again_is_answered_with_the_same_code_and_nobody_else_s_is(doors: Doors) -> None:
    first = doors.post(CARDS, CARD).json()
    assert doors.post(CARDS, CARD).json()["code"] == first["code"]
    assert doors.post(CARDS, CARD, key="k2").json()["code"] != first["code"]
    doors.tokens.tell("other", "berta", Role.FINANCE)
    assert doors.post(CARDS, CARD, Authorization="Bearer other").json()["code"] != first["code"]


def test_a_code_is_the_same_however_it_is_typed(doors: Doors) -> None:
    typed = ("ab0d-1efg h1jk", "ABOD-LEFG-HIJK", "abodiefghijk")
    assert len({doors.post(CARDS, {**CARD, "code": code}).json()["stored_value"] for code in typed}) == 1


def test_a_code_of_too_few_letters_is_none(doors: Doors) -> None:
    assert doors.post(CARDS, {**CARD, "code": "a-b-c-d-"}).status_code == 422
    assert not doors.writer.records


def test_credit_goes_to_the_customer_s_ledger_of_that_currency(doors: Doors) -> None:
    body = {"issuer": "webshop", "customer": "4711", "amount": 1_500, "currency": "EUR"}
    assert doors.post("/stored-values/store-credits", body).status_code == 202
    target, command = doors.said()
    assert target == stream("stored_value", store_credit_id("default", "webshop", "4711", "EUR"))
    assert isinstance(command, IssueValue)
    assert (command.customer, command.cause) == ("4711", IssueCause.GOODWILL)


def test_a_ledger_is_blocked_by_its_id(doors: Doors) -> None:
    identifier = doors.post(CARDS, CARD).json()["stored_value"]
    assert doors.post(f"/stored-values/{identifier}/block", {"detail": "stolen"}).status_code == 202
    assert doors.said() == (stream("stored_value", identifier), BlockValue(detail="stolen"))


@pytest.mark.parametrize("role", [Role.CSR, Role.WAREHOUSE, Role.VIEWER, Role.CHANNEL_BOT])
def test_only_finance_issues_money(doors: Doors, role: Role) -> None:
    doors.tokens.tell("t", "carl", role)
    assert doors.post(CARDS, CARD, Authorization="Bearer t").status_code == 403
