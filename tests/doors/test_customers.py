"""The door of forgetting: it destroys the key first and records it then, once for each request, whatever breaks off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from chassis.doors import Door, digest_of
from chassis.reading import Known, Reads
from chassis.sealing import FileMasterKey, PersonalDataForgotten, Sealer, create_master_key
from chassis.tokens import Role
from chassis.vault import MemoryVault
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.envelope import Envelope
from contracts.finding import finding_subject
from contracts.ids import stream
from contracts.order import CUSTOMER, CustomerForgotten, ForgetCustomer, ForgetReason, HoldKind, PlaceHold
from contracts.payments.gift_codes import gift_card_id
from contracts.personal import PersonalContent
from services.order import customers_api
from services.order.app import declare
from services.order.customers_api import ORDERS_READ_MAX
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client

SUBJECT, OTHER = "05862dfe-9882-5e28-b47e-3a452e2a5783", "6f0a7c2e-5e4f-5a51-9f55-0a1b2c3d4e5f"
ADA = PersonalContent(name="Ada", email="ada@shop.example")
ASKED = {"reason": "asked"}


@dataclass
class Orders(ToldReads):
    """Knows which open orders somebody was to receive, too."""

    received_by: dict[str, list[str]] = field(default_factory=dict)

    def rows(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        subject, _, after, limit = parameters
        return [(order,) for order in self.received_by.get(subject, ()) if order > after][:limit]


class Doors:
    """The route, the vault behind it, and what was written."""

    def __init__(self, folder: Path) -> None:
        create_master_key(folder / "master.key")
        self.vault = MemoryVault()
        self.sealer = Sealer(self.vault, FileMasterKey(folder / "master.key"))
        self.writer, self.reads = KeptWriter(), Orders()
        self.door = Door("http", self.writer, 4)
        gate = Gate(declare(), self.door, cast(Reads, self.reads), Waiters(10))
        self.client, self.tokens = guarded_client(customers_api.router(gate, self.sealer.forget))

    def forget(self, subject: str = SUBJECT, key: str = "k1", **headers: str) -> Any:
        return self.client.post(f"/customers/{subject}/forget", json=ASKED, headers={"Idempotency-Key": key, **headers})

    def commands(self) -> list[ForgetCustomer]:
        found = [record for record in self.writer.records if record.key.decode().startswith(CUSTOMER)]
        return [ForgetCustomer.decode(record.value) for record in found]

    def holds(self) -> list[tuple[str, PlaceHold, str]]:
        """The stream, the command and the id of each hold that was asked for."""
        found = [(record, Envelope.parse(record.headers)) for record in self.writer.records]
        return [
            (record.key.decode(), PlaceHold.decode(record.value), envelope.id)
            for record, envelope in found
            if envelope.type == PlaceHold.TYPE
        ]

    def takes(self) -> None:
        """The order service takes what was written."""
        for record in self.writer.records:
            command, target = ForgetCustomer.decode(record.value), record.key.decode()
            event = CustomerForgotten(**dict(command))
            message = Envelope.parse(record.headers).id
            self.reads.messages[message] = Known(digest_of(command), target, [event])


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path)


def test_the_key_is_destroyed_and_the_fact_goes_to_the_stream_of_the_person(doors: Doors) -> None:
    ada, ben = doors.sealer.seal(SUBJECT, ADA), doors.sealer.seal(OTHER, ADA)

    answer = doors.forget()

    assert answer.status_code == 202
    with pytest.raises(PersonalDataForgotten):
        doors.sealer.open(ada)
    assert doors.sealer.open(ben) == ADA
    [record], [command] = doors.writer.records, doors.commands()
    assert record.key.decode() == stream(CUSTOMER, SUBJECT)
    assert (command.subject, command.reason) == (SUBJECT, ForgetReason.ASKED)
    actor = Envelope.parse(record.headers).actor
    assert actor is not None and actor.subject == "anna"
    assert b"Ada" not in record.value


def test_broken_off_before_it_was_recorded_it_is_finished_when_it_is_asked_again(doors: Doors) -> None:
    doors.sealer.seal(SUBJECT, ADA)
    doors.writer.away = 1
    assert doors.forget().status_code == 503
    assert doors.vault.get(SUBJECT) is None

    assert doors.forget().status_code == 202
    assert doors.forget(key="k2").status_code == 202

    first, second = doors.commands()
    assert first.keys_until == second.keys_until


def test_a_request_that_was_answered_destroys_nothing_of_who_came_back(doors: Doors) -> None:
    doors.sealer.seal(SUBJECT, ADA)
    doors.forget()
    doors.takes()
    again = doors.sealer.seal(SUBJECT, ADA)

    answer = doors.forget()

    assert (answer.status_code, answer.json()["events"][0]["type"]) == (200, "CustomerForgotten")
    assert doors.sealer.open(again) == ADA


def test_nobody_is_forgotten_who_was_never_known(doors: Doors) -> None:
    answer = doors.forget()

    assert answer.status_code == 404
    assert "oms customer list" in answer.json()["detail"]
    assert doors.writer.records == []


def test_the_key_of_gift_card_codes_is_nobodys_to_destroy(doors: Doors) -> None:
    subjects: list[str] = []

    def seal(subject: str, content: PersonalContent) -> Any:
        subjects.append(subject)
        return doors.sealer.seal(subject, content)

    card = gift_card_id("default", seal, "ABCD-1234")

    assert doors.forget(subjects[0]).status_code == 409
    assert gift_card_id("default", seal, "ABCD-1234") == card


def test_neither_is_the_key_by_which_people_are_found(doors: Doors) -> None:
    before = doors.sealer.seal(finding_subject("default"), ADA)
    answer = doors.forget(finding_subject("default"))
    assert answer.status_code == 409 and "nobody is" in answer.json()["detail"]
    assert doors.sealer.open(before) == ADA


def test_only_an_admin_forgets(doors: Doors) -> None:
    doors.sealer.seal(SUBJECT, ADA)
    for role in Role:
        doors.tokens.tell(role, f"the-{role}", role)
        allowed = role is Role.ADMIN
        assert doors.forget(Authorization=f"Bearer {role}").status_code == (202 if allowed else 403)


def test_all_open_orders_of_somebody_are_held_however_many(doors: Doors) -> None:
    doors.sealer.seal(SUBJECT, ADA)
    orders = [f"order-{number:03}" for number in range(2 * ORDERS_READ_MAX + 1)]
    doors.reads.received_by[SUBJECT] = orders
    assert doors.forget().status_code == 202
    assert [target for target, _, _ in doors.holds()] == [f"order/{order}" for order in orders]


def test_an_open_order_of_who_was_to_receive_it_is_held_once(doors: Doors) -> None:
    doors.sealer.seal(SUBJECT, ADA)
    doors.reads.received_by[SUBJECT] = ["bdebd2b8-5485-59e2-b9dd-65081be601f6"]

    doors.forget()
    doors.forget(key="asked again")

    (target, hold, first), (_, _, again) = doors.holds()
    assert (target, hold.kind) == ("order/bdebd2b8-5485-59e2-b9dd-65081be601f6", HoldKind.MISSING_ADDRESS)
    assert "forgotten" in hold.detail and SUBJECT not in hold.detail
    assert first == again, "the same message, which is done once"
    assert len(doors.commands()) == 2
