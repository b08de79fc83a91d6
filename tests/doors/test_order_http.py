"""Orders by HTTP, without servers: what is no order is refused by name, and the Idempotency-Key names one without an id."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.order import PlaceOrder
from services.order import api
from services.order.app import declare
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client, seal
from tests.doors.test_channel import CHANNEL_ORDER


def _post(body: bytes) -> tuple[Any, KeptWriter]:
    writer = KeptWriter()
    gate = Gate(declare(), Door("http", writer, 4), cast(Reads, ToldReads()), Waiters(10))
    client, _ = guarded_client(api.router(gate, Door("channel.orders", writer, 4), seal))
    return client.post("/orders", content=body, headers={"Idempotency-Key": "k1"}), writer


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"{}", b'{"channel": ' + b"[" * 300 + b"]" * 300 + b"}", b"[" * 2_000 + b"]" * 2_000]
)
def test_what_is_no_order_is_refused_by_name(body: bytes) -> None:
    answer, writer = _post(body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"]
    assert writer.records == []


def test_an_order_without_an_id_takes_the_idempotency_key_for_it() -> None:
    without = {name: value for name, value in CHANNEL_ORDER.items() if name != "external_id"}
    answer, writer = _post(json.dumps(without).encode())
    assert answer.status_code == 202
    assert PlaceOrder.decode(writer.records[0].value).external_id == "k1"
