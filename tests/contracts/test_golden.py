"""The bytes that are stored for ever, against files that nobody may edit: a failure here is a broken format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chassis.chain import event_hash
from chassis.sealing import open_sealed, seal_under
from contracts import ids
from contracts.envelope import Envelope, type_named
from contracts.money import share, share_by_weight
from contracts.personal import PersonalContent
from tests.contracts.independent_reader import Record
from tests.contracts.log import KEY, SUBJECT, content, door_envelope, log, personal

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


@pytest.mark.parametrize("case", golden("ids.json"), ids=lambda case: case["what"])
def test_ids(case: dict[str, Any]) -> None:
    made = getattr(ids, case["function"])(*case["arguments"])
    assert made == case["id"]


def test_the_namespace_of_all_ids() -> None:
    assert str(ids.NAMESPACE) == "fc65480c-0580-5d22-944f-b92685d886f8"


def _lines(headers: tuple[tuple[str, bytes], ...]) -> list[str]:
    return [f"{name}: {value.decode()}" for name, value in headers]


def test_headers_of_a_message_from_a_door() -> None:
    assert _lines(door_envelope().headers()) == (GOLDEN / "door-headers.txt").read_text().splitlines()


def _record(topic: str, offset: int) -> Record:
    return next(record for record in log() if (record.topic, record.offset) == (topic, offset))


@pytest.mark.parametrize(
    ("topic", "offset", "file"),
    [
        ("order.events", 0, "event-headers.txt"),
        ("order.events", 1, "second-event-headers.txt"),
        ("inventory.inbox", 0, "command-headers.txt"),
        ("order.inbox", 1, "answer-headers.txt"),
        ("order.inbox", 2, "deadline-headers.txt"),
    ],
)
def test_headers_of_what_a_loop_writes(topic: str, offset: int, file: str) -> None:
    headers = _record(topic, offset).headers
    assert _lines(headers) == (GOLDEN / file).read_text().splitlines()
    assert Envelope.parse(headers).headers() == headers
    assert type_named(headers) == Envelope.parse(headers).type


def test_headers_that_name_no_type() -> None:
    assert type_named((("ce_id", b"1"),)) == ""


def test_the_hash_that_the_next_event_carries() -> None:
    first, second = _record("order.events", 0), _record("order.events", 1)
    assert first["ce_prev"] == "0" * 64
    assert second["ce_prev"] == event_hash(first.key, first.value, first.headers) == golden("chain.json")["first"]


def test_sealed_personal_data() -> None:
    case = golden("personal.json")
    assert (case["key"], case["subject"]) == (KEY.hex(), SUBJECT)
    clear = PersonalContent.model_validate(case["content"])
    assert clear == content()
    assert seal_under(KEY, SUBJECT, clear).ciphertext == case["ciphertext"]
    assert open_sealed(KEY, personal()) == clear


@pytest.mark.parametrize("case", golden("shares.json")["by_units"])
def test_shares_of_units(case: dict[str, Any]) -> None:
    assert share(case["total"], case["units"], *case["range"]) == case["share"]


@pytest.mark.parametrize("case", golden("shares.json")["by_weight"])
def test_shares_of_lines(case: dict[str, Any]) -> None:
    assert list(share_by_weight(case["total"], case["weights"])) == case["shares"]
