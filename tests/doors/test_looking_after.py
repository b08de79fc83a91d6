"""Notes and owners of an order by HTTP: a note is sealed before it is written, and read by those who serve customers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.sealing import FileMasterKey, Sealer, create_master_key
from chassis.store import Recorded
from chassis.stream import Stream
from chassis.tokens import Role
from chassis.vault import MemoryVault
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.ids import guest_subject_id
from contracts.order import AddNote, AssignOrder, NoteAdded
from contracts.personal import Personal, PersonalContent
from services.order import looking_after_api
from services.order.app import declare
from services.order.tests.story import ORDER_ID, Story
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client

CARD = "4111 1111 1111 1111"


class Seen(NamedTuple):
    stream: Stream


@dataclass
class Orders(ToldReads):
    """One order, without a known buyer, and its notes."""

    notes: list[Personal] = field(default_factory=list)

    def rows(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        return [(ORDER_ID,)] if parameters[0] == ORDER_ID else []

    def stream(self, name: str) -> Seen:
        return Seen(Story().placed(("A", 2, 1000)).stream)

    def events(self, name: str) -> Iterator[Recorded]:
        for number, text in enumerate(self.notes, start=1):
            event = NoteAdded(note=str(number), text=text)
            headers = {
                "ce_time": f"2026-01-05T09:0{number}:00.000Z",
                "ce_actor": '{"kind":"person","subject":"anna"}',
                "ce_causationid": "c",
                "ce_id": f"e{number}",
            }
            yield Recorded(name, number + 1, NoteAdded.TYPE, headers, event.encode(), 0, number)


class Doors:
    def __init__(self, folder: Path) -> None:
        create_master_key(folder / "master.key")
        self.sealer = Sealer(MemoryVault(), FileMasterKey(folder / "master.key"))
        self.writer, self.reads = KeptWriter(), Orders()
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, self.reads), Waiters(10))
        self.client, self.tokens = guarded_client(looking_after_api.router(gate, self.sealer.seal, self.sealer.open))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(f"/orders/{ORDER_ID}/{path}", json=body, headers={"Idempotency-Key": "k1"})


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path)


def test_what_is_noted_is_sealed_for_the_buyer_and_no_card_number_is_in_it(doors: Doors) -> None:
    answer = doors.post("notes", {"text": f"  Ada paid with {CARD}\nring twice "})
    assert answer.status_code == 202
    [record] = doors.writer.records
    assert b"Ada" not in record.value
    text = AddNote.decode(record.value).text
    assert text.subject == guest_subject_id("default", ORDER_ID, "buyer")
    assert doors.sealer.open(text).notes == "Ada paid with **** **** **** 1111\nring twice"


def test_notes_are_shown_with_who_and_when_until_the_buyer_is_forgotten(doors: Doors) -> None:
    subject = guest_subject_id("default", ORDER_ID, "buyer")
    doors.reads.notes = [doors.sealer.seal(subject, PersonalContent(notes="ring twice"))]
    answer = doors.client.get(f"/orders/{ORDER_ID}/notes")
    assert answer.headers["cache-control"] == "no-store"
    [note] = answer.json()["notes"]
    who = {"kind": "person", "subject": "anna"}
    assert note == {"note": "1", "when": "2026-01-05T09:01:00.000Z", "who": who, "text": "ring twice"}
    # once they are forgotten nobody reads it, and it is still said that there was one
    doors.sealer.forget(subject)
    [note] = doors.client.get(f"/orders/{ORDER_ID}/notes").json()["notes"]
    assert "text" not in note and note["forgotten"] is True


@pytest.mark.parametrize("text", ["", "   ", "x" * 4_001])
def test_a_note_says_something_and_not_too_much(doors: Doors, text: str) -> None:
    assert doors.post("notes", {"text": text}).status_code == 422
    assert doors.writer.records == []


@pytest.mark.parametrize("owner", ["ada", None])
def test_an_order_is_given_to_an_account_or_to_nobody(doors: Doors, owner: str | None) -> None:
    assert doors.post("owner", {"owner": owner}).status_code == 202
    [record] = doors.writer.records
    assert AssignOrder.decode(record.value) == AssignOrder(owner=owner)


def test_an_owner_is_an_account_and_no_name(doors: Doors) -> None:
    assert doors.post("owner", {"owner": "Ada Example"}).status_code == 422


def test_who_only_looks_at_orders_reads_no_notes(doors: Doors) -> None:
    doors.tokens.tell("seen", "vera", Role.VIEWER)
    doors.client.headers["Authorization"] = "Bearer seen"
    assert doors.client.get(f"/orders/{ORDER_ID}/notes").status_code == 403
    assert doors.post("notes", {"text": "x"}).status_code == 403
