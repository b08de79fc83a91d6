"""The hop: one service alone, a command in, its event and its answer out. Stock is claimed, and nobody does anything else.

The commands wait in the inbox while the clock runs, so that batches are as large as they get.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from bench.installation import Installation, installed
from bench.machine import Meter, describe
from bench.orders import ARTICLES, PLENTY
from bench.people import HTTP, door, goods_entry
from bench.sending import send_all
from chassis.kafka import partition_of
from chassis.log import NewRecord
from contracts import topics
from contracts.envelope import Envelope, root_traceparent
from contracts.ids import aggregate_id, stream
from contracts.inventory import ClaimStock, Demand, ReceiveStock
from contracts.message import to_milliseconds
from oms.demo.baskets import WAREHOUSES
from oms.demo.site import TENANT
from oms.stack import PROCESSES

__all__ = ["claim", "hop"]

SERVICE = "inventory"
WARM_PART = 0.2
"""Of the commands, those that are handled before the clock starts."""
LOOK_SECONDS = 0.1
DONE_SECONDS = 150.0


def hop(commands: int) -> dict[str, Any]:
    """One run of so many commands. Raises TimeoutError when they are not handled in time."""
    machine = describe()
    with installed([process for process in PROCESSES if process.service == SERVICE]) as here:
        goods = door(HTTP, here.settings.partitions)
        send_all(here.settings.bootstrap, [goods.record(goods_entry(each)) for each in _goods()])
        here.caught_up((SERVICE,))
        claims = [claim(here.settings.partitions, number) for number in range(commands)]
        before = _handled(here)
        send_all(here.settings.bootstrap, claims)
        begun = _until(here, before + round(WARM_PART * commands))
        meter = Meter(here.pids())
        done = _until(here, before + commands)
        reading = meter.read()
    counted = done - begun
    return {
        "machine": machine,
        "commands": commands,
        "commands_per_second": round(counted / reading.seconds, 1),
        "cpu_us_per_command": {name: round(1e6 * cpu / counted, 1) for name, cpu in reading.cpu.items()},
    }


def _goods() -> list[ReceiveStock]:
    return [
        ReceiveStock(sku=f"B{number}", location=WAREHOUSES[0], quantity=PLENTY, unit="each", document="bench-hop")
        for number in range(ARTICLES)
    ]


def claim(partitions: int, number: int, inbox: str = topics.inbox(SERVICE)) -> NewRecord:
    """A claim of one unit, as the order service asks for it."""
    order, sku = aggregate_id(TENANT, "order", "bench-hop", str(number)), f"B{number % ARTICLES}"
    identifier, target = (
        aggregate_id(TENANT, "claim", order),
        stream("stock_item", aggregate_id(TENANT, "stock_item", sku)),
    )
    demand = Demand(kind="order", id=order, line="1")
    command = ClaimStock(sku=sku, demand=demand, sequence=0, quantity=1, unit="each", location=WAREHOUSES[0])
    asks = stream("order", order)
    envelope = Envelope(
        id=identifier,
        type=command.TYPE,
        source="/order",
        time=to_milliseconds(datetime.now(UTC)),
        subject=target,
        tenant=TENANT,
        correlation_id=asks,
        causation_id=identifier,
        traceparent=root_traceparent(identifier),
        reply_to=f"order:{asks}",
    )
    key = target.encode()
    return NewRecord(inbox, partition_of(key, partitions), key, command.encode(), envelope.headers())


def _handled(here: Installation) -> int:
    """Messages that the service has taken from its inbox: offsets, since nobody writes that in transactions here."""
    return sum(here.log().positions(SERVICE, topics.inbox(SERVICE)).values())


def _until(here: Installation, wanted: int) -> int:
    """Wait until so many messages are handled; how many there are then. Raises TimeoutError."""
    until = time.monotonic() + DONE_SECONDS
    while (handled := _handled(here)) < wanted:
        if time.monotonic() > until:
            raise TimeoutError(f"{handled} of {wanted} messages are handled after {DONE_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
    return handled
