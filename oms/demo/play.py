"""One run of the demonstration: opening stock, the orders in their order in time, people on the floor, late goods.

Everything goes through the public doors and topics. What came of it is `summary.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from aiokafka import AIOKafkaProducer

from contracts import topics
from oms.demo.badges import Badges
from oms.demo.board import Board
from oms.demo.channel import Channel
from oms.demo.desk import Desk
from oms.demo.door import Door
from oms.demo.floor import Floor
from oms.demo.goods import Goods
from oms.demo.goods_back import GoodsBack
from oms.demo.progress import LateGoods, Progress
from oms.demo.run import Run
from oms.demo.seller import describe_seller
from oms.demo.shelves import Shelves
from oms.demo.site import Site
from oms.demo.tail import Seen, follow
from oms.demo.turns import Turn
from oms.demo.values import issue_values
from oms.demo.wishes import Wishes

__all__ = ["Standstill", "perform"]

OPEN_MAX = 300
"""Published orders that may be neither completed nor cancelled before the channel waits, so that people on the floor
keep up. More than a wave: late goods come only when their wave is sourced."""
LOOK_SECONDS = 0.1
SETTLE_SECONDS = 3.0
"""Between the last opening receipt and the first order: orders are sourced from a table that follows the stock."""
STANDSTILL_SECONDS = 150.0
"""How long nothing at all may happen while something is still expected: a card that was declined softly is tried again
after two minutes."""
DELIVERY_SECONDS = 90.0
"""How long people may still work, the carrier be on the road, money be given back and other goods be sent, once every
order is closed that will be."""

FOLLOWED = ("order", "inventory", "fulfillment", "shipping")


class Standstill(RuntimeError):
    """Nothing happened any more although something was expected; the text says what."""


async def perform(site: Site, badges: Badges, run: Run, rate: float | None, board: Board) -> None:
    """Play the run to its end: every order closed, or nothing moving any more.

    `rate` is the orders a second that the channel publishes at most. Raises DoorRefused (in a group) when a door
    refuses a deed, Standstill when the installation does not take what it was sent.
    """
    async with AsyncExitStack() as doors, asyncio.TaskGroup() as tasks:
        till, staff, carrier, desk, finance = [
            await doors.enter_async_context(Door(site.doors, token))
            for token in (badges.till, badges.staff, badges.carrier, badges.desk, badges.finance)
        ]
        mislaid = {order: part.skus[0] for order, part in run.taking(Turn.SHORT_PICK).items()}
        fragile = {order: part.skus[1] for order, part in run.taking(Turn.BROKEN).items()}
        floor = Floor(staff, carrier, mislaid)
        goods = Goods(run, staff, floor.do)
        people = (
            floor,
            goods,
            Desk(desk, floor.do, run.orders, run.taking(Turn.TOO_LATE)),
            Wishes(desk, floor.do, run.parts),
            Shelves(staff, floor.do, run.orders, fragile),
            GoodsBack(staff, floor.do, run.orders),
        )
        stage = _Stage(site, run, till, floor, goods, board)
        outside = [tasks.create_task(stage.watch(people)), tasks.create_task(floor.work())]
        await describe_seller(finance)
        await issue_values(finance, run.orders.values())
        await stage.stock_up()
        await stage.publish(rate)
        await stage.wait_for_the_end()
        for task in outside:
            task.cancel()


class Person(Protocol):
    """Somebody outside who acts on what the public topics say."""

    async def note(self, event: Seen) -> None: ...


class _Stage:
    """The parts of a run, playing together in one event loop."""

    def __init__(self, site: Site, run: Run, till: Door, floor: Floor, goods: Goods, board: Board) -> None:
        self._site, self._run, self._till, self._floor, self._goods = site, run, till, floor, goods
        self._board = board
        for_less = run.taking(Turn.EXCHANGED_FOR_LESS)
        repaid = (*run.taking(Turn.APPEASED), *run.taking(Turn.RETURNED), *for_less)
        reopened = (*run.taking(Turn.EXCHANGED), *run.taking(Turn.REPLACED), *for_less)
        self._progress = Progress(run.orders, run.taking(Turn.NEVER_SUPPLIED), repaid, reopened)
        self._late = LateGoods(run.plan.late)
        self._published = 0
        self._live = False
        self._moved_at = 0.0

    async def watch(self, people: Sequence[Person]) -> None:
        """Follow the public topics, and let the people, the late goods and the board know."""
        async for batch in follow(self._site, FOLLOWED):
            for event in batch.events:
                await self._note(event, people)
            if batch.live and not self._live:
                self._live = True
                await self._floor.start()
            if batch.events:
                self._moved_at = asyncio.get_running_loop().time()
                self._show()

    async def _note(self, event: Seen, people: Sequence[Person]) -> None:
        if newly_sourced := self._progress.note(event):
            await self._goods.deliver(self._late.sourced(newly_sourced))
        for person in people:
            await person.note(event)

    def _show(self) -> None:
        show, whole, goods = self._board.show, len(self._run.orders), self._goods
        show("stock received", len(goods.received & goods.opening), len(goods.opening))
        show("late goods announced", len(goods.announced & goods.expected), len(goods.expected))
        show("orders placed", len(self._progress.placed), whole)
        show("confirmed", len(self._progress.confirmed), whole)
        show("completed or cancelled", len(self._progress.closed), whole - len(self._progress.staying))

    async def stock_up(self) -> None:
        """Wait until the stock for the run is there, and all that is to be known of it."""
        await self._until(lambda: self._live, "the events topics can be read to their end")
        await self._goods.open()
        await self._until(lambda: self._goods.are_there, "the opening stock is there and the late goods are announced")
        await asyncio.sleep(SETTLE_SECONDS)

    async def publish(self, rate: float | None) -> None:
        """Have the channel send what was not placed before, no faster than it is taken."""
        producer = AIOKafkaProducer(bootstrap_servers=self._site.bootstrap, acks="all", enable_idempotence=True)
        shelves = {receipt.sku: receipt.location for receipt in self._run.plan.opening}
        topic = topics.named(topics.CHANNEL_ORDERS, self._site.namespace)
        channel = Channel(producer, topic, self._till, shelves)
        left = {order: sent for order, sent in self._run.orders.items() if order not in self._progress.placed}
        self._published = len(self._run.orders) - len(left)
        try:
            await producer.start()
            started = asyncio.get_running_loop().time()
            for number, (order, sent) in enumerate(left.items()):
                await self._until(self._may_publish, f"any of {OPEN_MAX} open orders was closed")
                if rate:
                    await asyncio.sleep(max(0.0, started + number / rate - asyncio.get_running_loop().time()))
                await channel.send(sent, self._run.parts.get(order))
                self._published += 1
            await channel.flush()
        finally:
            await producer.stop()

    def _may_publish(self) -> bool:
        return self._published - len(self._progress.closed) < OPEN_MAX

    async def wait_for_the_end(self) -> None:
        """Every order closed and delivered that will be, money given back and other goods sent, or nothing moving
        any more: then the summary says what is open."""
        await self._until(lambda: self._progress.done, None)
        until = asyncio.get_running_loop().time() + DELIVERY_SECONDS
        while self._something_follows and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(LOOK_SECONDS)

    @property
    def _something_follows(self) -> bool:
        return bool(self._floor.on_the_road or self._floor.at_work or self._progress.unsettled)

    async def _until(self, true: Callable[[], bool], what: str | None) -> None:
        """Wait for a condition as long as anything moves. Then raises Standstill naming `what`, if there is one."""
        self._moved_at = asyncio.get_running_loop().time()
        while not true():
            if asyncio.get_running_loop().time() - self._moved_at > STANDSTILL_SECONDS:
                if what is None:
                    return
                raise Standstill(f"nothing moved for {STANDSTILL_SECONDS:.0f} s before {what}; see `oms status`")
            await asyncio.sleep(LOOK_SECONDS)
