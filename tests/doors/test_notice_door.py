"""The door for what providers tell by themselves: it counts by its signature, and is told once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chassis.doors import Door
from contracts.envelope import Envelope
from contracts.payments import CallResult, CallStep, RecordProviderOutcome
from services.payments.notice_door import NOTICE_BYTES_MAX, NoticeDoor
from services.payments.provider import Notice, NoticeLater, NoticeRefused, Outcome, Result
from tests.doors.fakes import NOON, KeptWriter


class Reader:
    """Takes notices that are signed `ours`."""

    name = "sandbox"

    async def read(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice | None:
        if headers.get("signature") != "ours":
            raise NoticeRefused("it is not signed")
        if body == b"later":
            raise NoticeLater("the provider is away")
        if body == b"nothing":
            return None
        outcome = Outcome(Result.DONE, "sandbox", reference="pi_1")
        tenant = "another" if body == b"another" else "default"
        return Notice("n-1", "sandbox", CallStep.AUTHORIZE, "o1", "a-1", body.decode(), outcome, tenant=tenant)


@pytest.fixture
def writer() -> KeptWriter:
    return KeptWriter()


@pytest.fixture
def client(writer: KeptWriter) -> TestClient:
    app = FastAPI()

    @app.get("/payments/o1")
    def other() -> str:
        return "guarded"

    return TestClient(NoticeDoor(app, Door("notices", writer, 4), {"sandbox": Reader()}, lambda: NOON))


def post(client: TestClient, body: bytes, signature: str = "ours", name: str = "sandbox") -> Any:
    return client.post(f"/payments/webhooks/{name}", content=body, headers={"Signature": signature})


def test_a_notice_is_put_into_the_inbox_of_its_payment_under_its_own_id(client: TestClient, writer: KeptWriter) -> None:
    assert post(client, b"key-1").status_code == post(client, b"key-1").status_code == 200
    one, two = writer.records
    assert Envelope.parse(one.headers).id == Envelope.parse(two.headers).id
    assert Envelope.parse(one.headers).subject == "payment/o1"
    outcome = RecordProviderOutcome.decode(one.value or b"")
    assert (outcome.key, outcome.result, outcome.notice) == ("key-1", CallResult.DONE, "n-1")


def test_what_is_not_signed_too_large_or_of_nobody_is_refused(client: TestClient, writer: KeptWriter) -> None:
    assert post(client, b"key-1", signature="theirs").status_code == 400
    assert post(client, b"x" * (NOTICE_BYTES_MAX + 1)).status_code == 413
    assert post(client, b"key-1", name="other").status_code == 404
    assert client.get("/payments/webhooks/sandbox").status_code == 405
    assert writer.records == []


@pytest.mark.parametrize("body", [b"nothing", b"another"])
def test_what_says_nothing_that_we_follow_or_is_another_tenant_s_is_taken_and_left(
    client: TestClient, writer: KeptWriter, body: bytes
) -> None:
    assert post(client, body).status_code == 200
    assert writer.records == []


def test_while_the_broker_is_away_the_provider_is_to_tell_it_again(client: TestClient, writer: KeptWriter) -> None:
    writer.away = 1
    assert post(client, b"key-1").status_code == 503
    assert post(client, b"key-1").status_code == 200


def test_what_cannot_be_looked_up_now_is_to_be_told_again(client: TestClient, writer: KeptWriter) -> None:
    assert post(client, b"later").status_code == 503
    assert writer.records == []


def test_all_other_paths_go_on(client: TestClient) -> None:
    assert client.get("/payments/o1").json() == "guarded"
