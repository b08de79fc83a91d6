"""One run of the demonstration: opening stock, the orders in their order in time, people on the floor, late goods.

Everything goes through the public doors and topics. What came of it is `summary.py`.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer

from contracts import topics
from contracts.channel import ChannelOrder
from contracts.ids import aggregate_id
from oms.demo.badges import Badges
from oms.demo.baskets import CHANNEL_ACCOUNT, Tally, home_location, next_orders
from oms.demo.door import Door
from oms.demo.floor import Floor
from oms.demo.progress import LateGoods, Progress
from oms.demo.site import TENANT, Site
from oms.demo.stock import LineDemand, Receipt, StockPlan, plan_stock
from oms.demo.tail import Seen, follow
from oms.demo.till import Till

__all__ = ["Board", "Run", "Standstill", "perform", "prepare"]

WAVE_ORDERS = 100
"""Orders after whose sourcing the late goods of these orders arrive."""
OPEN_MAX = 300
"""Published orders that may be neither completed nor cancelled before the channel waits, so that people on the floor
keep up. More than a wave: late goods come only when their wave is sourced."""
BY_HTTP_EVERY = 20
"""The channel publishes orders to its topic, and calls the HTTP door with one in so many: both are one door."""
LINES_A_LOAD = 250
"""Articles that one call to the door brings."""
LOOK_SECONDS = 0.1
SETTLE_SECONDS = 3.0
"""Between the last opening receipt and the first order: orders are sourced from a table that follows the stock."""
STANDSTILL_SECONDS = 90.0
"""How long nothing at all may happen while something is still expected."""
DELIVERY_SECONDS = 30.0
"""How long the carrier may still be on the road once every order is closed."""

FOLLOWED = ("order", "inventory", "fulfillment", "shipping")


class Standstill(RuntimeError):
    """Nothing happened any more although something was expected; the text says what."""


class Board(Protocol):
    """Where progress is shown: `done` of the stage's whole."""

    def show(self, stage: str, done: int, whole: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Run:
    """What one run takes from the year: its orders by their id, the stock for them, and where the next run starts."""

    name: str
    start: int
    next_start: int
    orders: dict[str, ChannelOrder]
    plan: StockPlan
    tally: Tally


def prepare(till: Till, start: int, count: int) -> Run:
    """The run of the next `count` orders from basket `start`. The same call gives the same run, so that one which was
    interrupted can be taken up again."""
    name = f"demo-{start}x{count}"
    tally = Tally()
    orders: dict[str, ChannelOrder] = {}
    demands: list[LineDemand] = []
    for basket, order in next_orders(till, start, count, tally):
        order_id = aggregate_id(TENANT, "order", CHANNEL_ACCOUNT, order.external_id)
        wave = len(orders) // WAVE_ORDERS
        orders[order_id] = order
        for line in order.lines:
            location = home_location(basket.store_id, line.unit)
            demands.append(LineDemand(order_id, wave, line.sku, line.quantity, line.unit, location))
    return Run(name, start, start + tally.baskets, orders, plan_stock(name, demands), tally)


async def perform(site: Site, badges: Badges, run: Run, rate: float | None, board: Board) -> None:
    """Play the run to its end: every order closed, or nothing moving any more.

    `rate` is the orders a second that the channel publishes at most. Raises DoorRefused (in a group) when a door
    refuses a deed, Standstill when the installation does not take what it was sent.
    """
    async with AsyncExitStack() as doors, asyncio.TaskGroup() as tasks:
        till, staff, carrier = [
            await doors.enter_async_context(Door(site.doors, token))
            for token in (badges.till, badges.staff, badges.carrier)
        ]
        stage = _Stage(site, run, till, staff, Floor(staff, carrier), board)
        outside = [tasks.create_task(stage.watch()), tasks.create_task(stage.floor.work())]
        await stage.stock_up()
        await stage.publish(rate)
        await stage.wait_for_the_end()
        for task in outside:
            task.cancel()


class _Stage:
    """The parts of a run, playing together in one event loop."""

    def __init__(self, site: Site, run: Run, till: Door, staff: Door, floor: Floor, board: Board) -> None:
        self.floor = floor
        self._site, self._run, self._till, self._staff, self._board = site, run, till, staff, board
        self._progress = Progress(run.orders)
        self._late = LateGoods(run.plan.late)
        self._opening = {(receipt.document, receipt.sku) for receipt in run.plan.opening}
        self._received: set[tuple[str, str]] = set()
        self._published = 0
        self._live = False
        self._moved_at = 0.0

    async def watch(self) -> None:
        """Follow the public topics, and let the floor, the late goods and the board know."""
        async for batch in follow(self._site, FOLLOWED):
            for event in batch.events:
                await self._note(event)
            if batch.live and not self._live:
                self._live = True
                await self.floor.start()
            if batch.events:
                self._moved_at = asyncio.get_running_loop().time()
                self._show()

    async def _note(self, event: Seen) -> None:
        if event.name == "StockReceived":
            self._received.add((event.value.get("document", ""), event.value["sku"]))
        elif newly_sourced := self._progress.note(event):
            await self._deliver(self._late.sourced(newly_sourced))
        else:
            await self.floor.note(event)

    def _show(self) -> None:
        show, whole = self._board.show, len(self._run.orders)
        show("stock received", len(self._received & self._opening), len(self._opening))
        show("orders placed", len(self._progress.placed), whole)
        show("confirmed", len(self._progress.confirmed), whole)
        show("completed or cancelled", len(self._progress.closed), whole)

    async def _deliver(self, receipts: Iterable[Receipt]) -> None:
        """Have goods brought to their locations, each delivery in loads of a limited size. How a delivery is cut into
        loads does not matter: its document is the key, and each article of it is received once."""
        deliveries: dict[str, list[Receipt]] = defaultdict(list)
        for receipt in receipts:
            deliveries[receipt.document].append(receipt)
        for delivery in deliveries.values():
            for first in range(0, len(delivery), LINES_A_LOAD):
                await self.floor.do(self._load(delivery[first : first + LINES_A_LOAD]))

    def _load(self, receipts: Sequence[Receipt]) -> Callable[[], Awaitable[None]]:
        body = {
            "location": receipts[0].location,
            "document": receipts[0].document,
            "lines": [{"sku": r.sku, "quantity": r.quantity, "unit": r.unit} for r in receipts],
        }
        return lambda: self._staff.post("/stock-items/receipts", body, receipts[0].document)

    async def stock_up(self) -> None:
        """Deliver the opening stock, and wait until it is on the shelves."""
        await self._until(lambda: self._live, "the events topics can be read to their end")
        await self._deliver(self._run.plan.opening)
        await self._until(lambda: self._opening <= self._received, "the opening stock is received")
        await asyncio.sleep(SETTLE_SECONDS)

    async def publish(self, rate: float | None) -> None:
        """Publish the orders as their channel would, no faster than they are taken."""
        producer = AIOKafkaProducer(bootstrap_servers=self._site.bootstrap, acks="all", enable_idempotence=True)
        try:
            await producer.start()
            started = asyncio.get_running_loop().time()
            for order in self._run.orders.values():
                await self._until(self._may_publish, f"any of {OPEN_MAX} open orders was closed")
                if rate:
                    due = started + self._published / rate
                    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                await self._send(producer, order)
            await producer.flush()
        finally:
            await producer.stop()

    def _may_publish(self) -> bool:
        return self._published - len(self._progress.closed) < OPEN_MAX

    async def _send(self, producer: Any, order: ChannelOrder) -> None:
        """By HTTP every so often, else queue the record; the producer itself waits when its buffer is full."""
        key = f"{order.channel_account}/{order.external_id}"
        if self._published % BY_HTTP_EVERY == 0:
            await self._till.post("/orders", json.loads(order.encode()), key)
        else:
            topic = topics.named(topics.CHANNEL_ORDERS, self._site.namespace)
            await producer.send(topic, order.encode(), key.encode())
        self._published += 1

    async def wait_for_the_end(self) -> None:
        """Every order closed and delivered, or nothing moving any more: then the summary says what is open."""
        await self._until(lambda: self._progress.done, None)
        until = asyncio.get_running_loop().time() + DELIVERY_SECONDS
        while self.floor.on_the_road and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(LOOK_SECONDS)

    async def _until(self, true: Callable[[], bool], what: str | None) -> None:
        """Wait for a condition as long as anything moves. Then raises Standstill naming `what`, if there is one."""
        self._moved_at = asyncio.get_running_loop().time()
        while not true():
            if asyncio.get_running_loop().time() - self._moved_at > STANDSTILL_SECONDS:
                if what is None:
                    return
                raise Standstill(f"nothing moved for {STANDSTILL_SECONDS:.0f} s before {what}; see `oms status`")
            await asyncio.sleep(LOOK_SECONDS)
