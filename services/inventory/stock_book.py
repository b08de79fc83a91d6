"""The state of a stock item: shelves by location, claims on them, demand that waits, supply that is expected.

Here stands what the events of a stock item mean; what may happen is decided in stock_item.py. Nothing here scans all
claims: a command touches the claims it names and those it serves or breaks.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chassis.maps import HashTrieMap
from contracts.inventory import (
    Bucket,
    ClaimReleased,
    Demand,
    DemandQueued,
    Level,
    Movement,
    ReservationBroken,
    StockAdjusted,
    StockCounted,
    StockFulfilled,
    StockPicked,
    StockPutBack,
    StockReceived,
    StockReserved,
    SupplyExpected,
)
from contracts.message import Event, format_instant

__all__ = [
    "REMEMBERED_MAX",
    "Claim",
    "Rank",
    "Recent",
    "Shelf",
    "StockBook",
    "Supply",
    "claim_key",
    "evolve",
]

REMEMBERED_MAX = 10_000
"""Closed claims, and releases of claims never seen, that an item remembers (each); the oldest is forgotten first."""

NO_NEED_BY = "~"
"""Sorts after every date: demand without a need-by date is served last among equals."""

Rank = tuple[int, str, int, str]
"""Order of service: priority (highest first, so negated), need-by date, age, and the claim's key."""


def claim_key(demand: Demand, sequence: int) -> str:
    """The name of a claim within its item."""
    return "\x1f".join((demand.kind, demand.id, demand.line, str(sequence)))


@dataclass(frozen=True, slots=True)
class Shelf:
    """The stock of one location; `held` are the quantities that claims hold there, by claim; `reserved` their sum."""

    sellable: int = 0
    suspect: int = 0
    damaged: int = 0
    on_hold: int = 0
    picked: int = 0
    reserved: int = 0
    held: HashTrieMap[str, int] = field(default_factory=HashTrieMap)

    @property
    def available(self) -> int:
        return self.sellable - self.reserved

    def moved(self, movement: Movement) -> Shelf:
        """The shelf after a movement; buckets outside the location (received, gone) are not kept here."""
        changes = {}
        for bucket, change in (
            (movement.source, -movement.quantity),
            (movement.target, movement.quantity),
        ):
            if bucket.value in _SHELF_BUCKETS:
                changes[bucket.value] = getattr(self, bucket.value) + change
        return replace(self, **changes)

    def holding(self, key: str, change: int) -> Shelf:
        """The shelf after a claim holds `change` more (or less) of it."""
        held = self.held.get(key, 0) + change
        rest = self.held.insert(key, held) if held else self.held.discard(key)
        return replace(self, reserved=self.reserved + change, held=rest)

    def level(self, location: str) -> Level:
        return Level(
            location=location,
            on_hand=self.sellable + self.suspect + self.damaged + self.on_hold,
            sellable=self.sellable,
            suspect=self.suspect,
            damaged=self.damaged,
            on_hold=self.on_hold,
            picked=self.picked,
            reserved=self.reserved,
            soft=0,
            available=self.available,
        )


_SHELF_BUCKETS = frozenset(
    bucket.value
    for bucket in (
        Bucket.SELLABLE,
        Bucket.SUSPECT,
        Bucket.DAMAGED,
        Bucket.ON_HOLD,
        Bucket.PICKED,
    )
)


@dataclass(frozen=True, slots=True)
class Claim:
    """An open claim: what it asked for, what it holds (by location, in the order it was served), what is missing."""

    demand: Demand
    sequence: int
    location: str
    quantity: int
    unit: str
    eligible_locations: tuple[str, ...]
    rank: Rank
    need_by: datetime | None
    priority: int
    reply_to: str | None
    held: tuple[tuple[str, int], ...] = ()
    waiting: int = 0

    @property
    def reserved(self) -> int:
        return sum(quantity for _, quantity in self.held)

    def held_at(self, location: str) -> int:
        return dict(self.held).get(location, 0)

    def holding(self, location: str, change: int) -> Claim:
        held = dict(self.held)
        held[location] = held.get(location, 0) + change
        return replace(
            self,
            held=tuple((place, quantity) for place, quantity in held.items() if quantity),
        )


@dataclass(frozen=True, slots=True)
class Supply:
    """What is still expected of a named supply, where and when."""

    location: str
    quantity: int
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class Recent:
    """The last REMEMBERED_MAX names, each with a number."""

    entries: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    order: HashTrieMap[str, str] = field(default_factory=HashTrieMap)
    count: int = 0

    def remember(self, name: str, number: int) -> Recent:
        if name in self.entries:
            return self
        entries, order = (
            self.entries.insert(name, number),
            self.order.insert(str(self.count), name),
        )
        oldest = str(self.count - REMEMBERED_MAX)
        if oldest in order:
            entries, order = entries.remove(order[oldest]), order.remove(oldest)
        return Recent(entries, order, self.count + 1)


@dataclass(frozen=True, slots=True)
class StockBook:
    """A stock item. `waiting` has, by location, the ranks of claims that may be served from it, best first;
    `closed` the claimed quantity of claims that neither hold nor wait any more; `released` claims never seen."""

    unit: str | None = None
    shelves: HashTrieMap[str, Shelf] = field(default_factory=HashTrieMap)
    claims: HashTrieMap[str, Claim] = field(default_factory=HashTrieMap)
    waiting: HashTrieMap[str, tuple[Rank, ...]] = field(default_factory=HashTrieMap)
    waiting_count: int = 0
    supplies: HashTrieMap[str, Supply] = field(default_factory=HashTrieMap)
    claims_seen: int = 0
    closed: Recent = field(default_factory=Recent)
    released: Recent = field(default_factory=Recent)

    def shelf(self, location: str) -> Shelf:
        return self.shelves.get(location, Shelf())

    def first_waiting(self, location: str) -> Claim | None:
        """The claim that the next goods at `location` go to."""
        ranks = self.waiting.get(location, ())
        return self.claims[ranks[0][3]] if ranks else None

    def with_shelf(self, location: str, shelf: Shelf) -> StockBook:
        return replace(self, shelves=self.shelves.insert(location, shelf))

    def with_claim(self, key: str, claim: Claim) -> StockBook:
        """The book with this claim as it is now: queued while it waits, closed when it neither holds nor waits."""
        before = self.claims.get(key)
        book = self._queued(before, claim)
        if claim.held or claim.waiting:
            return replace(book, claims=book.claims.insert(key, claim))
        closed = book.closed.remember(key, claim.quantity)
        return replace(book, claims=book.claims.discard(key), closed=closed)

    def _queued(self, before: Claim | None, after: Claim) -> StockBook:
        was, now = before is not None and before.waiting > 0, after.waiting > 0
        if was == now:
            return self
        change = _inserted if now else _removed
        waiting = self.waiting
        for location in after.eligible_locations:
            ranks = change(waiting.get(location, ()), after.rank)
            waiting = waiting.insert(location, ranks) if ranks else waiting.discard(location)
        return replace(self, waiting=waiting, waiting_count=self.waiting_count + (1 if now else -1))


def _inserted(ranks: tuple[Rank, ...], rank: Rank) -> tuple[Rank, ...]:
    ordered = list(ranks)
    insort(ordered, rank)
    return tuple(ordered)


def _removed(ranks: tuple[Rank, ...], rank: Rank) -> tuple[Rank, ...]:
    place = bisect_left(ranks, rank)
    return ranks[:place] + ranks[place + 1 :]


def evolve(book: StockBook, event: Event) -> StockBook:
    apply = _EVOLVE.get(type(event))
    return book if apply is None else apply(book, event)


def _claim_of(book: StockBook, event: StockReserved | DemandQueued) -> Claim:
    key = claim_key(event.demand, event.sequence)
    if (known := book.claims.get(key)) is not None:
        return known
    need_by = NO_NEED_BY if event.need_by is None else format_instant(event.need_by)
    return Claim(
        demand=event.demand,
        sequence=event.sequence,
        location=event.location,
        quantity=event.claimed,
        unit=event.unit,
        eligible_locations=event.eligible_locations,
        rank=(-event.priority, need_by, book.claims_seen, key),
        need_by=event.need_by,
        priority=event.priority,
        reply_to=event.reply_to,
    )


def _claimed(book: StockBook, event: StockReserved | DemandQueued, claim: Claim) -> StockBook:
    key = claim_key(event.demand, event.sequence)
    seen = book.claims_seen + (key not in book.claims)
    return replace(book.with_claim(key, claim), claims_seen=seen, unit=book.unit or event.unit)


def _reserved(book: StockBook, event: StockReserved) -> StockBook:
    key = claim_key(event.demand, event.sequence)
    claim = replace(
        _claim_of(book, event).holding(event.location, event.quantity),
        waiting=event.waiting,
    )
    shelf = book.shelf(event.location).holding(key, event.quantity)
    return _claimed(book, event, claim).with_shelf(event.location, shelf)


def _queued(book: StockBook, event: DemandQueued) -> StockBook:
    return _claimed(book, event, replace(_claim_of(book, event), waiting=event.quantity))


def _let_go(book: StockBook, key: str, location: str, quantity: int) -> StockBook:
    """The claim holds `quantity` less at `location`."""
    if not quantity:
        return book
    claim = book.claims[key].holding(location, -quantity)
    return book.with_claim(key, claim).with_shelf(location, book.shelf(location).holding(key, -quantity))


def _released(book: StockBook, event: ClaimReleased) -> StockBook:
    key = claim_key(event.demand, event.sequence)
    claim = book.claims.get(key)
    if claim is None:
        return book if event.seen else replace(book, released=book.released.remember(key, event.sequence))
    for location, quantity in claim.held:
        book = book.with_shelf(location, book.shelf(location).holding(key, -quantity))
    return book.with_claim(key, replace(claim, held=(), waiting=0))


def _broken(book: StockBook, event: ReservationBroken) -> StockBook:
    return _let_go(book, claim_key(event.demand, event.sequence), event.location, event.quantity)


def _moved(book: StockBook, movements: tuple[Movement, ...], unit: str) -> StockBook:
    for movement in movements:
        book = book.with_shelf(movement.location, book.shelf(movement.location).moved(movement))
    return replace(book, unit=book.unit or unit)


def _physical(
    book: StockBook,
    event: StockReceived | StockAdjusted | StockCounted | StockPutBack | StockFulfilled,
) -> StockBook:
    return _moved(book, event.movements, event.unit)


def _received(book: StockBook, event: StockReceived) -> StockBook:
    book = _physical(book, event)
    if event.supply is None or event.supply_open is None:
        return book
    supply = replace(book.supplies[event.supply], quantity=event.supply_open)
    return _with_supply(book, event.supply, supply)


def _expected(book: StockBook, event: SupplyExpected) -> StockBook:
    book = replace(book, unit=book.unit or event.unit)
    return _with_supply(book, event.supply, Supply(event.location, event.quantity, event.expected_at))


def _with_supply(book: StockBook, name: str, supply: Supply) -> StockBook:
    open_supplies = book.supplies.insert(name, supply) if supply.quantity else book.supplies.discard(name)
    return replace(book, supplies=open_supplies)


def _picked(book: StockBook, event: StockPicked) -> StockBook:
    key = claim_key(event.demand, event.sequence)
    return _moved(
        _let_go(book, key, event.location, event.from_claim),
        event.movements,
        event.unit,
    )


_EVOLVE: Mapping[type[Event], Callable[[StockBook, Any], StockBook]] = {
    StockReserved: _reserved,
    DemandQueued: _queued,
    ClaimReleased: _released,
    ReservationBroken: _broken,
    StockReceived: _received,
    SupplyExpected: _expected,
    StockAdjusted: _physical,
    StockCounted: _physical,
    StockPicked: _picked,
    StockPutBack: _physical,
    StockFulfilled: _physical,
}
