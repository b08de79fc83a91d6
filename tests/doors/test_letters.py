"""Trying again what could not be taken: who at the console may, and whom the log names for it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.settings import Settings
from chassis.tokens import Kind, Role, Tokens, TokensRefused, write_secret
from contracts.chassis import RedriveStream
from contracts.envelope import Actor, Envelope
from oms.letters import PARKED, Letter, redrive
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
