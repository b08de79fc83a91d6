"""The console over many orders: how long a search and an order's page take, and how soon a page shows what happened while
everything is read again.

The orders are real records in the topics (bench/many.py), of which the real followers make tables. The services
themselves do not run: nothing is decided, so that what is measured is following and looking.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from confluent_kafka import Producer

from bench.history import have
from bench.installation import Installation, NotCaughtUp, installed
from bench.machine import Meter, describe, percentiles
from bench.many import Known, Many
from bench.sending import make_producer, send
from chassis.store import connect
from oms.declared import declared
from oms.stack import DOORS, PROCESSES
from services.console.changes import SCRIPT_WAITS_SECONDS
from services.console.people import PeopleProjection
from services.order.projections import OrdersProjection

__all__ = ["LIMITS_MS", "Looks", "beside_limits", "looking"]

LIMITS_MS = {"search": 150, "order": 200, "live": 1_000}
"""What 95 in a hundred are to stay below: a page of found orders, an order's page, and what happened on a page."""

CONSOLE = next(process for process in PROCESSES if process.name == "console")
ASKED = {"order": (OrdersProjection.name,)}
"""The one read model of a service that these pages ask: which order a name means."""

DAYS = 90
"""Over which the orders are spread, the last of them now."""

STEPS = ("held", "reserving", "at_nodes", "completed")
FOLLOW_SECONDS = 3_600.0
CALL_SECONDS = 60.0
SHOWN_SECONDS = 60.0
PAUSE_SECONDS = 0.2
MOVED = "data: moved"


@dataclass(frozen=True, slots=True)
class Looks:
    """How much is measured: orders in the tables, how many of them are lived before they are told again, looks at each kind
    of page, and orders that a page is to show while everything is read again."""

    orders: int
    lived: int
    looks: int
    live: int


def looking(looks: Looks) -> dict[str, Any]:
    """One run. Raises NotCaughtUp, TimeoutError, and httpx.HTTPError when a page is refused."""
    machine = describe()
    with installed((DOORS, CONSOLE)) as here:
        apart = timedelta(days=DAYS) / looks.orders
        many = Many(looks.orders + looks.live, looks.lived, here.settings.partitions, datetime.now(UTC), apart)
        began = time.monotonic()
        # The stores and the list of orders by followers here, the console's tables by its own process meanwhile.
        history = have(here, many, looks.orders, ASKED)
        _followed(here)
        filled = time.monotonic() - began
        memory = Meter(here.pids()).read().memory
        waits = asyncio.run(_look(here, many, looks))
    return {
        "machine": machine,
        "orders": looks.orders,
        "days": DAYS,
        "records": history.records,
        "filled_seconds": round(filled),
        "memory_mib": {name: round(each / 2**20) for name, each in memory.items()},
        "waits_ms": {what: percentiles(each) for what, each in waits.items()},
        "limits_ms": LIMITS_MS,
    }


def beside_limits(found: dict[str, Any]) -> list[str]:
    """What 95 in a hundred stayed below, a line each, beside what they are to stay below."""
    return [
        f"{what}: p95 {found['waits_ms'][what]['p95']} ms, limit {limit} ms"
        + ("" if found["waits_ms"][what]["p95"] <= limit else ": TOO SLOW")
        for what, limit in found["limits_ms"].items()
    ]


def _followed(here: Installation) -> None:
    """Wait until the console's process has followed all there is."""
    until = time.monotonic() + FOLLOW_SECONDS
    while behind := _behind(here):
        if time.monotonic() > until:
            raise NotCaughtUp(f"the console's tables are {behind} offsets behind after {FOLLOW_SECONDS:.0f} s")
        time.sleep(PAUSE_SECONDS)


def _behind(here: Installation) -> int:
    """How many offsets the console's tables are behind their topics."""
    service, ends = declared("console", here.settings.namespace), here.ends()
    followed = [*(projection.topics for projection in service.projections), PeopleProjection.topics]
    wanted = sum(end for topics_ in followed for (topic, _), end in ends.items() if topic in topics_)
    with connect(here.settings.database, service.schema) as live:
        row = live.execute("select coalesce(sum(position), 0) from projection_tracking").fetchone()
    assert row is not None
    return wanted - int(row[0])


async def _look(here: Installation, many: Many, looks: Looks) -> dict[str, list[float]]:
    """Seconds of each look."""
    chosen = [many.known(place * looks.orders // looks.looks) for place in range(looks.looks)]
    async with _signed_in(here) as client:
        waits = {
            "search": [await _timed(client, address) for address in _searches(chosen)],
            "order": [await _timed(client, f"/console/orders/{each.order_id}") for each in chosen],
            "now": [await _timed(client, "/console/") for _ in range(max(2, looks.looks // 10))],
        }
        producer, coming = make_producer(here.settings.bootstrap), range(looks.orders, looks.orders + looks.live)
        with _read_again():
            waits["live"] = [await _shown(producer, client, many, number) for number in coming]
    return waits


def _searches(chosen: Sequence[Known]) -> list[str]:
    """Searches as people do them, one after the other of each kind: by a whole name, by its beginning (of one letter even), by
    words of goods, and lists by step."""
    asked = [_kinds(each)[place % len(_kinds(each))] for place, each in enumerate(chosen)]
    return [str(httpx.URL("/console/orders", params={name: value})) for name, value in asked]


def _kinds(each: Known) -> Sequence[tuple[str, str]]:
    return (
        ("q", each.number),
        ("q", each.number[:4]),
        ("q", each.external_id),
        ("q", each.external_id[: len(each.external_id) // 2]),
        ("q", each.customer),
        ("q", each.tracking or each.order_id),
        ("q", each.sku),
        ("q", each.sku[0]),
        ("q", f"article {each.sku[1:]}"),
        ("q", "made up"),
        ("q", ""),
        *(("step", step) for step in STEPS),
    )


async def _timed(client: httpx.AsyncClient, address: str) -> float:
    began = time.monotonic()
    (await client.get(address)).raise_for_status()
    return time.monotonic() - began


@asynccontextmanager
async def _signed_in(here: Installation) -> AsyncIterator[httpx.AsyncClient]:
    token = here.settings.console_token.read_text().strip()
    async with httpx.AsyncClient(base_url=here.stack.door_address, timeout=CALL_SECONDS, trust_env=False) as client:
        answer = await client.post("/console/sign-in", data={"token": token})
        if "set-cookie" not in answer.headers:
            raise httpx.HTTPStatusError("the console did not let us in", request=answer.request, response=answer)
        yield client


@contextmanager
def _read_again() -> Iterator[None]:
    """While all topics are read again from their beginning into tables beside the live ones, as fast as it goes."""
    command = [sys.executable, "-m", "oms", "rebuild", "console", "--json"]
    with ExitStack() as ends:
        again = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        ends.callback(again.wait)
        ends.callback(again.terminate)
        yield


async def _shown(producer: Producer, client: httpx.AsyncClient, many: Many, number: int) -> float:
    """Seconds from the events of an order until a page that stands open shows it: it hears that something moved, waits as
    its script does, and asks for itself again."""
    async with client.stream("GET", "/console/changes") as said:
        lines = said.aiter_lines()
        await anext(lines)
        records = list(many.records(number, number + 1))
        known = many.known(number)
        address = str(httpx.URL("/console/orders", params={"q": known.external_id}))
        await asyncio.sleep(PAUSE_SECONDS)
        began = time.monotonic()
        for record in records:
            send(producer, record)
        await asyncio.to_thread(producer.flush, CALL_SECONDS)
        async with asyncio.timeout(SHOWN_SECONDS):
            async for line in lines:
                if line == MOVED:
                    await asyncio.sleep(SCRIPT_WAITS_SECONDS)
                    page = await client.get(address)
                    if known.order_id in page.raise_for_status().text:
                        return time.monotonic() - began
    raise TimeoutError("the page was not told any more")
