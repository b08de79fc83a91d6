"""The doors: how many orders a second come in by HTTP and by `channel.orders`, and how long people wait for what they look
at while orders come in."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bench.installation import Installation, installed
from bench.machine import Meter, describe, percentiles
from bench.orders import synthetic
from bench.people import HTTP, door, goods_entry, order_name, seller_entry
from bench.sending import send_all
from chassis.kafka import partition_of
from chassis.log import NewRecord
from contracts import topics
from contracts.channel import ChannelOrder
from contracts.ids import split_stream
from oms.stack import PROCESSES

__all__ = ["Visits", "doors", "published_orders_taken"]

AT_ONCE = 16
"""Callers who each wait for their answer before they call again."""

LOOK_SECONDS = 0.05
DONE_SECONDS = 120.0
CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Visits:
    """How much is measured: orders by each door, and looks at each of three addresses while as many orders come in."""

    orders: int
    looks: int


def doors(visits: Visits) -> dict[str, Any]:
    """One run. Raises TimeoutError, and httpx.HTTPError when a door refuses."""
    machine, shop = describe(), synthetic(3 * visits.orders, "doors")
    by_http, by_channel, meanwhile = (shop.orders[part::3] for part in range(3))
    with installed(PROCESSES) as here:
        way_in = door(HTTP, here.settings.partitions)
        goods = [way_in.record(entry) for entry in (seller_entry(), *map(goods_entry, shop.goods))]
        send_all(here.settings.bootstrap, goods)
        here.caught_up()
        meter = Meter({**here.pids(), "callers": os.getpid()})
        posted = asyncio.run(_post_all(here, by_http))
        cpu = meter.read().cpu
        here.caught_up()
        published = _publish_all(here, by_channel)
        here.caught_up()
        waits = asyncio.run(_look_while_writing(here, by_http, meanwhile, visits.looks))
    return {
        "machine": machine,
        "orders": visits.orders,
        "http_orders_per_second": round(len(by_http) / posted, 1),
        "http_cpu_ms_per_order": {name: round(1_000 * each / len(by_http), 2) for name, each in cpu.items()},
        "channel_orders_per_second": round(len(by_channel) / published, 1),
        "reads_ms": waits,
    }


def _client(here: Installation) -> httpx.AsyncClient:
    token = here.settings.console_token.read_text().strip()
    return httpx.AsyncClient(
        base_url=here.stack.door_address,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        timeout=CALL_SECONDS,
        trust_env=False,
    )


async def _post_all(here: Installation, orders: Sequence[ChannelOrder]) -> float:
    """Seconds until each order was answered, by so many callers at once."""
    async with _client(here) as client:
        left = iter([(order.external_id, order.model_dump_json(exclude_none=True)) for order in orders])
        began = time.monotonic()

        async def call() -> None:
            for key, body in left:
                answer = await client.post("/orders", content=body, headers={"Idempotency-Key": key})
                answer.raise_for_status()

        await asyncio.gather(*(call() for _ in range(AT_ONCE)))
        return time.monotonic() - began


def _publish_all(here: Installation, orders: Sequence[ChannelOrder]) -> float:
    """Seconds until the door has put each published order into the inbox, and committed that."""
    records = [_published(here.settings.partitions, order) for order in orders]
    began = time.monotonic()
    with published_orders_taken(here, len(records)):
        send_all(here.settings.bootstrap, records)
    return time.monotonic() - began


@contextmanager
def published_orders_taken(here: Installation, orders: int) -> Iterator[None]:
    """Ends when the door has put so many orders, which are published meanwhile, into the inbox. Raises TimeoutError."""
    group, topic = "doors", topics.CHANNEL_ORDERS
    before = _taken(here, group, topic)
    yield
    began = time.monotonic()
    while _taken(here, group, topic) < before + orders:
        if time.monotonic() - began > DONE_SECONDS:
            raise TimeoutError(f"the door did not take {orders} orders within {DONE_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def _published(partitions: int, order: ChannelOrder) -> NewRecord:
    key = f"{order.channel_account}/{order.external_id}".encode()
    return NewRecord(topics.CHANNEL_ORDERS, partition_of(key, partitions), key, order.encode(), ())


def _taken(here: Installation, group: str, topic: str) -> int:
    return sum(here.log().positions(group, topic).values())


async def _look_while_writing(
    here: Installation, known: Sequence[ChannelOrder], coming: Sequence[ChannelOrder], looks: int
) -> Mapping[str, Mapping[str, int]]:
    """Look at orders, their timelines and stock, one after the other, while others order."""
    names = [split_stream(order_name(order))[1] for order in known]
    addresses = {
        "order": [f"/orders/{name}" for name in names],
        "timeline": [f"/orders/{name}/timeline" for name in names],
        "stock": [f"/stock-items/{order.lines[0].sku}" for order in known],
    }
    writing = asyncio.create_task(_post_all(here, coming))
    waits: dict[str, list[float]] = {what: [] for what in addresses}
    async with _client(here) as client:
        for number in range(looks):
            for what, several in addresses.items():
                began = time.monotonic()
                (await client.get(several[number % len(several)])).raise_for_status()
                waits[what].append(time.monotonic() - began)
    await writing
    return {what: percentiles(each) for what, each in waits.items()}
