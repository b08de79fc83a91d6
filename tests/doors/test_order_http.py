"""Orders by HTTP, without servers: what is no order is refused by name, and the Idempotency-Key names one without an id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, cast

import pytest

from chassis.doors import Door
from chassis.log import NewRecord
from chassis.reading import Followed, Reads, Seen
from chassis.stream import fresh
from chassis.testing import Outcome
from chassis.waiters import Waiters
from chassis.web import UNDECIDED, Gate
from contracts.envelope import Envelope
from contracts.order import CancelOrder, PlaceOrder, SettlePackage
from services.order import api, astray_api
from services.order.app import declare
from services.order.seller_terms import SellerTerms
from services.order.stream import ORDER
from services.order.tests.story import AT_NORTH, Story
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client, seal
from tests.doors.test_channel import CHANNEL_ORDER

FIRST_ORDER = Path(__file__).parents[2] / "docs" / "first-order.json"


def post_order(body: bytes) -> tuple[Any, KeptWriter]:
    writer = KeptWriter()
    gate = Gate(declare(), Door("http", writer, 4), cast(Reads, ToldReads()), Waiters(10))
    client, _ = guarded_client(api.router(gate, Door("channel.orders", writer, 4), seal))
    return client.post("/orders", content=body, headers={"Idempotency-Key": "k1"}), writer


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"{}", b'{"channel": ' + b"[" * 300 + b"]" * 300 + b"}", b"[" * 2_000 + b"]" * 2_000]
)
def test_what_is_no_order_is_refused_by_name(body: bytes) -> None:
    answer, writer = post_order(body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"]
    assert writer.records == []


def test_an_order_without_an_id_takes_the_idempotency_key_for_it() -> None:
    without = {name: value for name, value in CHANNEL_ORDER.items() if name != "external_id"}
    answer, writer = post_order(json.dumps(without).encode())
    assert answer.status_code == 202
    assert PlaceOrder.decode(writer.records[0].value).external_id == "k1"


class Unlisted(ToldReads):
    """A list of orders that has none yet: an id is taken at its word."""

    def rows(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        return []


def _settle(body: dict[str, Any]) -> tuple[Any, KeptWriter]:
    writer = KeptWriter()
    gate = Gate(declare(), Door("http", writer, 4), cast(Reads, Unlisted()), Waiters(10))
    client, _ = guarded_client(astray_api.router(gate, SellerTerms()))
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


def test_what_becomes_of_goods_that_nobody_has_is_asked_only_where_some_are_sent_again() -> None:
    answer, writer = _settle({"detail": "the carrier pays", "if_short": "wait"})
    assert (answer.status_code, "if_short" in answer.json()["detail"]) == (422, True)
    assert writer.records == []


# Who waits until the order stands firm


class Written(NamedTuple):
    """A record as the events are followed."""

    headers: tuple[tuple[str, bytes], ...]
    value: bytes


class Desk:
    """The door of orders, and behind it the order's own stream. What is sent is handled at once; each time that the
    store is asked, one more of `then` happens. `stored`: whether the store knows, or the events alone tell."""

    def __init__(self, *then: Callable[[Story], Outcome], stored: bool = True) -> None:
        self.story, self.waiters, self.writer = Story(stock={"SKU-1": AT_NORTH["A"]}), Waiters(10), KeptWriter()
        self._then, self._stored = list(then), stored
        self._loop: asyncio.AbstractEventLoop | None = None
        self.writer.then = self._sent
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, self), self.waiters)
        self.client, _ = guarded_client(api.router(gate, Door("channel.orders", self.writer, 4), seal))

    def known(self, message_id: str) -> None:
        """The store never has the message: its events are heard."""

    def stream(self, name: str) -> Seen:
        if self._then:
            self._tell(self._then.pop(0)(self.story))
        return Seen(self.story.stream if self._stored else fresh(ORDER, name), Followed("order.events", {0: 0}, 0.0))

    def _sent(self, records: Sequence[NewRecord]) -> None:
        self._loop = asyncio.get_running_loop()
        (record,) = records
        identifier = Envelope.parse(record.headers).id
        self._tell(self.story.when(PlaceOrder.decode(record.value), message_id=identifier, needed=self.story.stock))

    def _tell(self, outcome: Outcome) -> None:
        told = [cast(Any, Written(event.envelope.headers(), event.value)) for event in outcome.handling.events]
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.waiters.happened, told)

    def place(self, wait: int = 20, **changes: Any) -> Any:
        named = {"channel_account": "webshop-eu", "external_id": "1001"}
        body = {**json.loads(FIRST_ORDER.read_text()), **named, **changes}
        headers = {"Idempotency-Key": "k1", "Prefer": f"wait={wait}"}
        return self.client.post("/orders", json=body, headers=headers)


@pytest.mark.parametrize("stored", [True, False])
def test_who_waits_is_answered_when_the_order_is_confirmed(stored: bool) -> None:
    started = monotonic()
    answer = Desk(lambda story: story.reserved(), lambda story: story.authorized(), stored=stored).place()
    assert (answer.status_code, answer.json()["outcome"]) == (201, "confirmed")
    assert [event["type"] for event in answer.json()["events"]][:2] == ["OrderPlaced", "SourcingDecided"]
    assert monotonic() - started < 15


@pytest.mark.parametrize("stored", [True, False])
def test_who_waits_is_answered_when_the_order_is_held(stored: bool) -> None:
    answer = Desk(stored=stored).place(total=1)
    assert (answer.status_code, answer.json()["outcome"]) == (201, "held")


def test_who_waits_is_answered_when_the_order_is_off() -> None:
    answer = Desk(lambda story: story.tell(CancelOrder()), stored=False).place()
    assert (answer.status_code, answer.json()["outcome"]) == (201, "cancelled")


def test_who_waits_in_vain_has_an_order_all_the_same() -> None:
    answer = Desk().place(wait=1)
    assert (answer.status_code, answer.json()["outcome"]) == (201, UNDECIDED)
    assert answer.json()["events"][0]["type"] == "OrderPlaced"


def test_who_does_not_wait_is_told_where_to_look() -> None:
    desk = Desk()
    answer = desk.place(wait=0)
    assert (answer.status_code, answer.json()["outcome"], len(desk.writer.records)) == (202, "pending", 1)
