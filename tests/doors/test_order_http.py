"""Orders by HTTP, without servers: what is no order is refused by name, and the Idempotency-Key names one without an id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.order import PlaceOrder, SettlePackage
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


class Unlisted(ToldReads):
    """A list of orders that has none yet: an id is taken at its word."""

    def rows(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        return []


def _settle(body: dict[str, Any]) -> tuple[Any, KeptWriter]:
    writer = KeptWriter()
    gate = Gate(declare(), Door("http", writer, 4), cast(Reads, Unlisted()), Waiters(10))
    client, _ = guarded_client(api.router(gate, Door("channel.orders", writer, 4), seal))
    path = "/orders/bdebd2b8-5485-59e2-b9dd-65081be601f6/packages/package-0/settle"
    return client.post(path, json=body, headers={"Idempotency-Key": "k1"}), writer


def test_a_person_settles_a_package_and_says_what_was_done() -> None:
    answer, writer = _settle({"detail": "the carrier pays"})
    assert answer.status_code == 202, answer.text
    settled = SettlePackage.decode(writer.records[0].value)
    assert (settled.package, settled.detail) == ("package-0", "the carrier pays")


def test_to_settle_without_a_word_is_refused() -> None:
    answer, writer = _settle({"detail": ""})
    assert (answer.status_code, "body.detail" in answer.json()["detail"]) == (422, True)
    assert writer.records == []
