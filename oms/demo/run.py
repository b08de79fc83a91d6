"""What one run takes from the year: its orders and the turns that some of them take, the kits offered, the stock.

Everything is decided here before anything is sent, by the baskets alone: the same call gives the same run, so that one
that was interrupted can be taken up again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.channel import ChannelLine, ChannelOrder
from contracts.ids import aggregate_id
from contracts.order import ShipMethod
from oms.demo.baskets import CHANNEL_ACCOUNT, Tally, home_location, next_orders
from oms.demo.kits import Kit, kit_sku, often_together, with_kits
from oms.demo.people import person
from oms.demo.prices import priced, tariff_of
from oms.demo.site import TENANT
from oms.demo.stock import LineDemand, StockPlan, Supplied, plan_stock
from oms.demo.till import Till, TillBasket
from oms.demo.turns import EXCHANGES, Candidate, Part, Turn, cast, counter_of, other_size, played

__all__ = ["Run", "prepare"]

WAVE_ORDERS = 100
"""Orders after whose confirmation the late goods of these orders arrive."""

SUPPLIED_AFTER = timedelta(days=7)
"""How long after the run's last order, in the time of the data, late goods are expected."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run: its orders by their id, the turns that some of them take, the kits, the stock for them, when late goods are
    expected (in the time of the data), and where the next run starts."""

    name: str
    start: int
    next_start: int
    orders: dict[str, ChannelOrder]
    parts: dict[str, Part]
    kits: tuple[Kit, ...]
    plan: StockPlan
    expected_at: datetime
    tally: Tally

    def taking(self, turn: Turn) -> dict[str, Part]:
        """The orders that take a turn, by id."""
        return {order: part for order, part in self.parts.items() if part.turn is turn}

    def skus_of(self, *turns: Turn) -> frozenset[str]:
        """The articles that these turns are about."""
        return frozenset(sku for part in self.parts.values() if part.turn in turns for sku in part.skus)


def prepare(till: Till, start: int, count: int) -> Run | None:
    """The run of the next `count` orders from basket `start`; None when no basket is left that can be ordered."""
    name, tally = f"demo-{start}x{count}", Tally()
    found = list(next_orders(till, start, count, tally))
    if not found:
        return None
    kits = often_together(order for _, order in found)
    candidates = [_candidate(basket, order, kits) for basket, order in found]
    wanted = Counter(sku for each in candidates for line in each.order.lines for sku in _articles(line, kits))
    parts = cast(candidates, wanted)
    orders = [played(each, parts.get(each.order.external_id)) for each in candidates]
    ids = [aggregate_id(TENANT, "order", CHANNEL_ACCOUNT, order.external_id) for order in orders]
    stores = [basket.store_id for basket, _ in found]
    demands = [
        demand
        for place, (identifier, order, store) in enumerate(zip(ids, orders, stores, strict=True))
        for demand in _demands(identifier, place // WAVE_ORDERS, order, store, parts.get(order.external_id), kits)
    ]
    return Run(
        name=name,
        start=start,
        next_start=start + tally.baskets,
        orders=dict(zip(ids, orders, strict=True)),
        parts={
            identifier: parts[order.external_id]
            for identifier, order in zip(ids, orders, strict=True)
            if order.external_id in parts
        },
        kits=kits,
        plan=plan_stock(name, demands),
        expected_at=orders[-1].placed_at + SUPPLIED_AFTER,
        tally=tally,
    )


def _candidate(basket: TillBasket, order: ChannelOrder, kits: tuple[Kit, ...]) -> Candidate:
    tariff = tariff_of(basket.household_id, person(basket.household_id).region)
    return Candidate(priced(with_kits(order, kits), tariff), home_location(basket.store_id, "each"))


def _articles(line: ChannelLine, kits: Iterable[Kit]) -> tuple[str, ...]:
    """What leaves the stock for a line: of a kit its components."""
    return next((kit for kit in kits if kit_sku(kit) == line.sku), (line.sku,))


def _demands(
    order_id: str, wave: int, order: ChannelOrder, store_id: int, part: Part | None, kits: tuple[Kit, ...]
) -> Iterable[LineDemand]:
    for line in order.lines:
        location = home_location(store_id, line.unit)
        if any(group.group == line.ship_group and group.method is ShipMethod.PICKUP for group in order.ship_groups):
            location = counter_of(order)
        for sku in _articles(line, kits):
            yield LineDemand(order_id, wave, sku, line.quantity, line.unit, location, _supplied(sku, part))
        if part is not None and part.turn in EXCHANGES and line.sku in part.skus:
            yield LineDemand(order_id, wave, other_size(line.sku), 1, line.unit, location)


_SUPPLIED = {
    Turn.IN_PARTS: (Supplied.LATE,),
    Turn.CHARGED_ONCE: (Supplied.LATE,),
    Turn.CHARGED_IN_PARTS: (Supplied.LATE,),
    Turn.NEVER_SUPPLIED: (Supplied.NEVER,),
    Turn.LAPSED: (Supplied.NEVER,),
    Turn.PARTLY_CANCELLED: (Supplied.NEVER,),
    Turn.RETURNED: (Supplied.TWICE,),
    Turn.EXCHANGED: (Supplied.TWICE,),
    Turn.EXCHANGED_FOR_LESS: (Supplied.TWICE,),
    Turn.REPLACED: (Supplied.TWICE,),
    Turn.ALL_OR_NOTHING: (Supplied.NEVER,),
    Turn.BROKEN: (Supplied.LATE, Supplied.TWICE),
    Turn.SPLIT: (Supplied.SPLIT,),
    Turn.SHORT_PICK: (Supplied.TWICE,),
}
"""How the articles of a turn are supplied, in the order of its `skus`."""


def _supplied(sku: str, part: Part | None) -> Supplied:
    if part is None or sku not in part.skus or part.turn not in _SUPPLIED:
        return Supplied.AS_ASKED
    return _SUPPLIED[part.turn][part.skus.index(sku)]
