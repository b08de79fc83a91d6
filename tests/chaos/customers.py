"""Who orders beside the demonstration: small orders without end, so that every part always has something to do, and those by
which is seen whether all of it works again. What became of an order is read from the topics alone."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from confluent_kafka import KafkaException, Producer

from chassis.kafka.clients import reaching
from chassis.log import LogError
from contracts import topics
from contracts.envelope import Envelope
from contracts.ids import aggregate_id
from oms.demo.site import TENANT
from tests.chaos.site import LOOK_SECONDS, Site

__all__ = ["ENDS", "FIRM", "Customers", "Watch"]

ACCOUNT = "chaos"
SKU = "SKU-CHAOS"
STOCKED = 1_000_000
EVERY_SECONDS = 0.7
"""Between two small orders."""
RECORD_BYTES_MAX = 10_000_000
PATIENCE_SECONDS = 180.0
"""How long a caller tries again: longer than any row keeps the doors or the broker away. That all of it is well again in
time is seen by the order that is placed after the heal."""
AGAIN_SECONDS = 0.5
POLLED_MAX, POLLS_MAX, POLL_SECONDS = 5_000, 20, 0.2

STILL_SECONDS = 15.0
"""So long a reader may hand out nothing of a topic in which there is more."""

ASKED_SECONDS = 3.0
"""Between questions whether there is more."""

FIRM = frozenset({"OrderConfirmed", "HoldPlaced", "OrderCancelled"})
"""Events after which an order has its answer."""
ENDS = frozenset({"OrderCompleted", "OrderCancelled"})
TOKENS = ("tok_ok", "tok_ok", "tok_ok", "tok_webhook_twice", "tok_webhook_out_of_order", "tok_visa")
"""Cards without calls that fail: five of those in a row, and the worker leaves the provider alone for half a minute."""


class Watch:
    """What every order went through: names of its events, from `order.events`, and how often each."""

    def __init__(self, site: Site) -> None:
        topic = topics.events("order", site.settings.namespace)
        self._log = site.log
        self._positions = {(topic, number): 0 for number in range(site.settings.partitions)}
        self._seen: dict[str, Counter[str]] = {}
        self.stood_still = 0
        """How often Kafka's client handed out nothing, without a word, though there was more."""
        self._begin()

    def of(self, external_id: str) -> Counter[str]:
        """The events of an order of ours up to now, by name."""
        return self.of_stream(f"order/{self.id_of(external_id)}")

    def of_stream(self, stream: str) -> Counter[str]:
        """The events of a stream up to now, by name."""
        self._read()
        return self._seen.get(stream, Counter())

    @staticmethod
    def id_of(external_id: str) -> str:
        """The id of an order of ours, which follows from its name."""
        return aggregate_id(TENANT, "order", ACCOUNT, external_id)

    def _begin(self) -> None:
        self._reader, self._asked_at = self._log.reader(), time.monotonic()
        self._more_since: float | None = None
        self._reader.assign(self._positions)

    def _read(self) -> None:
        """Take in what there is now; while orders come all the time there is no last one to wait for."""
        with suppress(LogError):
            for _ in range(POLLS_MAX):
                records, moved = self._reader.poll(POLLED_MAX, POLL_SECONDS)
                self._positions |= moved
                if not records:
                    self._begin_again_if_still()
                    return
                self._more_since = None
                for record in records:
                    envelope = Envelope.parse(record.headers)
                    self._seen.setdefault(envelope.subject, Counter())[envelope.type.split(".")[-2]] += 1

    def _begin_again_if_still(self) -> None:
        """What a reader does not hand out is no fault of what was written: another reads on, and that is counted."""
        now = time.monotonic()
        if now - self._asked_at < ASKED_SECONDS:
            return
        self._asked_at = now
        if not any(self._log.bounds(*where)[1] > position for where, position in self._positions.items()):
            self._more_since = None
        elif self._more_since is None:
            self._more_since = now
        elif now - self._more_since > STILL_SECONDS:
            self.stood_still += 1
            self._reader.close()
            self._begin()

    def await_any(
        self, external_id: str, names: Collection[str], seconds: float, meanwhile: Callable[[], object] = lambda: None
    ) -> float | None:
        """How many seconds it took until one of these events was there; None when it was not. Does something each time
        it looks."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self.of(external_id).keys() & set(names):
                return time.monotonic() - began
            meanwhile()
            time.sleep(LOOK_SECONDS)
        return None

    def close(self) -> None:
        """Let the client go."""
        self._reader.close()


class Customers:
    """They order by topic and door in turn, each order under one name however often it has to be sent."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site, self._name = site, f"{seed}-{uuid4().hex[:6]}"
        self._producer = Producer(
            {
                **reaching(site.settings.bootstrap),
                "enable.idempotence": True,
                "message.max.bytes": RECORD_BYTES_MAX,
                "log_level": 2,
            }
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._order_on, name="customers")
        self.ordered = 0
        self.refused: list[str] = []

    def stock_up(self) -> None:
        """Goods for all of them."""
        body = {"location": "berlin", "quantity": STOCKED, "unit": "each", "document": "chaos-goods"}
        self.asked(f"/stock-items/{SKU}/receipts", body, "chaos-goods")

    def begin(self) -> None:
        """Order in the background until `end`."""
        self._thread.start()

    def end(self) -> None:
        """No more orders, but those that are on their way."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_SECONDS * 2)
        self._producer.flush(PATIENCE_SECONDS)

    def _order_on(self) -> None:
        """In a thread of its own; what ends that before its time is told with what was refused."""
        try:
            self._order_until_over()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody orders any more, and the run has to say so
            self.refused.append(f"nobody ordered any more after {self.ordered} orders: {error!r}")

    def _order_until_over(self) -> None:
        """With a client of its own."""
        token = self._site.http.headers["Authorization"]
        address = self._site.stack.door_address
        with httpx.Client(base_url=address, headers={"Authorization": token}, timeout=20, trust_env=False) as http:
            while not self._over.wait(EVERY_SECONDS):
                self.ordered += 1
                name = f"{self._name}-{self.ordered}"
                order = self.order(name, TOKENS[self.ordered % len(TOKENS)])
                if self.ordered % 2:
                    self.publish(order)
                else:
                    try:
                        self.asked("/orders", order, name, http)
                    except AssertionError as error:
                        self.refused.append(str(error))

    def order(self, external_id: str, token: str = "tok_ok", **changes: Any) -> dict[str, Any]:
        """An order of one unit by card."""
        return {
            "channel_account": ACCOUNT,
            "external_id": external_id,
            "channel": "web",
            "seller": "chaos",
            "placed_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "currency": "EUR",
            "buyer": {"name": "Ada Lindqvist", "email": "ada@example.org"},
            "ship_groups": [
                {
                    "group": "1",
                    "ship_to": {
                        "name": "Ada Lindqvist",
                        "address_lines": ["Hauptstr. 1"],
                        "city": "Berlin",
                        "postcode": "10115",
                        "country": "DE",
                    },
                }
            ],
            "lines": [{"line_id": "a", "sku": SKU, "quantity": 1, "amount": 1000}],
            "tenders": [{"method": "card", "amount": 1000, "reference": f"{token}:{external_id}"}],
            "total": 1000,
            **changes,
        }

    def publish(self, *orders: dict[str, Any]) -> None:
        """Send to the channel's topic what has a name there."""
        for order in orders:
            key = f"{order['channel_account']}/{order['external_id']}"
            self._producer.produce(topics.CHANNEL_ORDERS, key=key, value=json.dumps(order))
        self._producer.poll(0)

    def delivered(self, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]] = ()) -> bool:
        """Send bytes as they are; whether the broker took them: some records are too large for any topic."""
        refusals: list[Any] = []
        try:
            self._producer.produce(
                topics.CHANNEL_ORDERS,
                key=key,
                value=value,
                headers=list(headers),
                on_delivery=lambda error, _: refusals.append(error),
            )
        except (KafkaException, BufferError):
            return False
        self._producer.flush(PATIENCE_SECONDS)
        return refusals == [None]

    def asked(self, path: str, body: dict[str, Any], key: str, http: httpx.Client | None = None) -> httpx.Response:
        """Ask a door until it answers; fails when it refuses or stays away."""
        until, said = time.monotonic() + PATIENCE_SECONDS, ""
        while time.monotonic() < until:
            try:
                answer = (http or self._site.http).post(path, json=body, headers={"Idempotency-Key": key})
                if answer.is_success:
                    return answer
                said = f"{answer.status_code} {answer.text[:300]}"
                assert answer.status_code in {408, 425, 429, 500, 502, 503, 504}, f"POST {path} was refused: {said}"
            except httpx.TransportError as error:
                said = str(error) or type(error).__name__
            time.sleep(AGAIN_SECONDS)
        raise AssertionError(f"POST {path} got no answer for {PATIENCE_SECONDS:.0f} s: {said}")
