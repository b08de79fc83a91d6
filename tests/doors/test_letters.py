"""Trying again what could not be taken: who at the console may, and whom the log names for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.log import NewRecord
from chassis.memory import MemoryLog
from chassis.settings import Settings
from chassis.tokens import Kind, Role, Tokens, TokensRefused, write_secret
from contracts import topics
from contracts.chassis import MessageParked, MessageRedriven, RedriveStream
from contracts.envelope import Actor, Envelope
from contracts.message import Event
from contracts.topics import TopicSpec
from oms.letters import DEAD, PARKED, Letter, find_letters, redrive
from oms.tokens import create_console_token
from tests.doors.fakes import NOON, KeptWriter

STREAM = "order/bdebd2b8-5485-59e2-b9dd-65081be601f6"
LETTERS = [
    Letter(f"order/0/{offset}", PARKED, "order", STREAM, "orderlog.order.CancelOrder.v1", "TypeError", NOON + late)
    for offset, late in ((7, timedelta(0)), (9, timedelta(hours=1)))
]


class Writer(KeptWriter):
    """A writer that is started and stopped as the one of a broker is."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Topics:
    """The events and the dead letters of the order service, in memory."""

    def __init__(self) -> None:
        self.log = MemoryLog(lambda: NOON)
        self.log.create_topics([TopicSpec(name("order"), 1, {}) for name in (topics.events, topics.dead_letters)])
        self._producer = self.log.producer("p")

    def record(self, *events: Event) -> None:
        """Events of one stream."""
        self._write([NewRecord(topics.events("order"), 0, b"", event.encode(), _headers(event)) for event in events])

    def bury(self, headers: Mapping[str, str]) -> None:
        """A dead letter."""
        written = tuple((name, value.encode()) for name, value in headers.items())
        self._write([NewRecord(topics.dead_letters("order"), 0, b"", b"", written)])

    def _write(self, records: list[NewRecord]) -> None:
        self._producer.begin()
        self._producer.send(records)
        self._producer.commit()


def _headers(event: Event) -> tuple[tuple[str, bytes], ...]:
    return Envelope("1", event.TYPE, "order", NOON, STREAM, "t", STREAM, "0", "00-0-0-00").headers()


def parked(message_id: str, offset: int) -> MessageParked:
    return MessageParked(
        message_id=message_id,
        message_type="orderlog.order.CancelOrder.v1",
        fault="undecodable",
        detail="not JSON",
        offset=offset,
        timestamp=NOON,
        headers=(),
        value="",
    )


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Topics:
    made = Topics()
    monkeypatch.setattr("oms.letters.reach_log", lambda settings: made.log)
    return made


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Writer:
    kept = Writer()
    monkeypatch.setattr("oms.letters.KafkaWriter", lambda address: kept)
    return kept


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("OMS_")]:
        monkeypatch.delenv(name)
    return Settings(home=tmp_path)


def test_a_parked_stream_is_asked_once_in_the_name_of_who_is_at_the_console(settings: Settings, writer: Writer) -> None:
    create_console_token(settings)
    (grant,) = Tokens(settings.tokens).grants()
    assert redrive(settings, LETTERS) == 1
    (record,) = writer.records
    envelope = Envelope.parse(record.headers)
    assert (envelope.type, envelope.subject) == (RedriveStream.TYPE, STREAM)
    assert envelope.actor == Actor(kind="person", subject=grant.subject)


def test_who_is_no_admin_redrives_nothing(settings: Settings, writer: Writer) -> None:
    token = Tokens(settings.tokens).issue("anna", Kind.PERSON, frozenset({Role.CSR}))
    write_secret(settings.console_token, token)
    with pytest.raises(TokensRefused, match="anna may not do this"):
        redrive(settings, LETTERS)
    assert writer.records == []


def test_who_is_unknown_redrives_nothing(settings: Settings, writer: Writer) -> None:
    with pytest.raises(TokensRefused, match="oms up"):
        redrive(settings, LETTERS)
    assert writer.records == []


def test_two_bodies_parked_under_one_id_are_two_letters_until_each_is_taken(
    settings: Settings, written: Topics
) -> None:
    # given two bodies under one id, both parked, then both are listed
    written.record(parked("a", 7), parked("a", 9))
    assert [letter.name for letter in find_letters(settings, "order")] == ["order/0/7", "order/0/9"]
    # when the first was taken after all, then the other still waits
    written.record(MessageRedriven(message_id="a", offset=7))
    assert [letter.name for letter in find_letters(settings, "order")] == ["order/0/9"]


def test_a_dead_letter_is_named_after_where_it_came_in_and_never_as_a_parked_one(
    settings: Settings, written: Topics
) -> None:
    # given dead letters, one of which does not say where it came in, and a message parked from such a place
    written.bury({"reason": "not JSON", "place": "order.inbox/0/7"})
    written.bury({})
    written.record(parked("a", 7))
    # then no two have one name, and the one that does not say is named after where it lies
    said, unsaid, waiting = find_letters(settings, "order")
    assert (said.state, said.name) == (DEAD, "order/order.inbox/0/7")
    assert (unsaid.state, unsaid.name.rpartition("/")[0]) == (DEAD, "order/order.dead-letters/0")
    assert (waiting.state, waiting.name) == (PARKED, "order/0/7")
