"""The state of a stock item: shelves by location, claims on them, demand that waits, supply that is expected.

What its events mean stands in bookkeeping.py; what may happen is decided in claiming.py,
stock_facts.py and node_facts.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.inventory import Bucket, Demand, Level, Movement
from contracts.message import format_instant
from services.inventory.closed_claims import Closed, ClosedClaims
from services.inventory.waiting_queue import Rank, WaitingQueue

__all__ = ["ON_SHELF", "Claim", "ClaimTerms", "Shelf", "StockBook", "Supply", "claim_key"]

ON_SHELF = frozenset({Bucket.SELLABLE, Bucket.SUSPECT, Bucket.DAMAGED, Bucket.ON_HOLD, Bucket.PICKED})
"""The buckets that a shelf counts; the others (received, gone) lie outside the location."""


def claim_key(demand: Demand, sequence: int) -> str:
    """The name of a claim within its item."""
    return "\x1f".join((demand.kind, demand.id, demand.line, str(sequence)))


@dataclass(frozen=True, slots=True)
class Shelf:
    """The stock of one location; `held` are the quantities that claims hold there, by claim; `reserved` and `soft` their
    sums, of hard and of soft ones."""

    sellable: int = 0
    suspect: int = 0
    damaged: int = 0
    on_hold: int = 0
    picked: int = 0
    reserved: int = 0
    soft: int = 0
    held: HashTrieMap[str, int] = field(default_factory=HashTrieMap)

    @property
    def available(self) -> int:
        return self.sellable - self.reserved - self.soft

    def moved(self, movement: Movement) -> Shelf:
        """The shelf after a movement."""
        changes = {}
        for bucket, change in ((movement.source, -movement.quantity), (movement.target, movement.quantity)):
            if bucket in ON_SHELF:
                changes[bucket.value] = getattr(self, bucket.value) + change
        return replace(self, **changes)

    def claimed(self, change: int, *, soft: bool) -> Shelf:
        """The shelf, as far as sums go, after claims of a kind hold `change` more (or less) of it."""
        if soft:
            return replace(self, soft=self.soft + change)
        return replace(self, reserved=self.reserved + change)

    def holding(self, claim: Claim, change: int) -> Shelf:
        """The shelf after a claim holds `change` more (or less) of it."""
        held = self.held.get(claim.key, 0) + change
        rest = self.held.insert(claim.key, held) if held else self.held.discard(claim.key)
        return replace(self.claimed(change, soft=claim.terms.soft), held=rest)

    def hardened(self, quantity: int) -> Shelf:
        """The shelf after so much that was claimed softly is claimed hard."""
        return self.claimed(-quantity, soft=True).claimed(quantity, soft=False)

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
            soft=self.soft,
            available=self.available,
        )


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """What a claim asked for, and who wants to hear of it; `soft_until` is when a soft one ends."""

    sku: str
    demand: Demand
    sequence: int
    location: str
    quantity: int
    unit: str
    eligible_locations: tuple[str, ...]
    need_by: datetime | None
    priority: int
    reply_to: str | None
    soft_until: datetime | None = None

    @property
    def key(self) -> str:
        return claim_key(self.demand, self.sequence)

    @property
    def soft(self) -> bool:
        return self.soft_until is not None


@dataclass(frozen=True, slots=True)
class Claim:
    """An open claim: what it holds (by location, in the order it was served), what was picked for it, what waits."""

    terms: ClaimTerms
    rank: Rank
    held: tuple[tuple[str, int], ...] = ()
    picked: int = 0
    waiting: int = 0

    @property
    def key(self) -> str:
        return self.rank[3]

    @property
    def breaks_first(self) -> tuple[bool, Rank]:
        """Sorts claims by who loses goods to a physical fact, from the last to the first."""
        return self.terms.soft, self.rank

    @property
    def reserved(self) -> int:
        return sum(quantity for _, quantity in self.held)

    def held_at(self, location: str) -> int:
        return dict(self.held).get(location, 0)

    def holding(self, location: str, change: int, *, picked: int = 0, waiting: int | None = None) -> Claim:
        """The claim after it holds `change` more (or less) at `location`, of which so many were picked; `waiting` is
        what it waits for now, where that changed."""
        held = dict(self.held)
        held[location] = held.get(location, 0) + change
        return replace(
            self,
            held=tuple((place, quantity) for place, quantity in held.items() if quantity),
            picked=self.picked + picked,
            waiting=self.waiting if waiting is None else waiting,
        )


@dataclass(frozen=True, slots=True)
class Supply:
    """What is still expected of a named supply, where and when."""

    location: str
    quantity: int
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class StockBook:
    """A stock item. `unit` is that of the first goods seen or expected; who asked before that, asked in whatever unit
    they thought of. `waiting` has the claims that may be served, by their unit and a location; `expiring` the soft ones,
    by their end; `claims_seen` counts claims, which is their age."""

    unit: str | None = None
    shelves: HashTrieMap[str, Shelf] = field(default_factory=HashTrieMap)
    claims: HashTrieMap[str, Claim] = field(default_factory=HashTrieMap)
    waiting: HashTrieMap[str, WaitingQueue] = field(default_factory=HashTrieMap)
    waiting_count: int = 0
    expiring: WaitingQueue = field(default_factory=WaitingQueue)
    supplies: HashTrieMap[str, Supply] = field(default_factory=HashTrieMap)
    claims_seen: int = 0
    closed: ClosedClaims = field(default_factory=ClosedClaims)

    def shelf(self, location: str) -> Shelf:
        return self.shelves.get(location, Shelf())

    def first_waiting(self, location: str) -> Claim | None:
        """The claim that the next goods at `location` go to: none in another unit than the item's."""
        queue = self.waiting.get(_queue_name(self.unit or "", location))
        return self.claims[queue.first[3]] if queue else None

    def first_expiring(self) -> Claim | None:
        """The soft claim that ends next."""
        return self.claims[self.expiring.first[3]] if self.expiring else None

    def with_shelf(self, location: str, shelf: Shelf) -> StockBook:
        return replace(self, shelves=self.shelves.insert(location, shelf))

    def with_claim(self, claim: Claim, shelves: HashTrieMap[str, Shelf] | None = None) -> StockBook:
        """The book with this claim as it is now, and the shelves that this changed: queued while it waits, closed when
        it neither holds nor waits."""
        before, is_open = self.claims.get(claim.key), bool(claim.held or claim.waiting)
        was, now = before is not None and before.waiting > 0, claim.waiting > 0
        end = Closed(claim.terms.quantity, claim.picked)
        return replace(
            self,
            shelves=self.shelves if shelves is None else shelves,
            claims=self.claims.insert(claim.key, claim) if is_open else self.claims.discard(claim.key),
            waiting=self.waiting if was == now else self._queued(claim, now),
            waiting_count=self.waiting_count + now - was,
            expiring=self._expiring(before, claim if is_open else None),
            claims_seen=self.claims_seen + (before is None),
            closed=self.closed if is_open else self.closed.remember(claim.key, end),
        )

    def _expiring(self, before: Claim | None, after: Claim | None) -> WaitingQueue:
        """The soft claims by their end, once one claim has become another: it opened, was made hard, or closed."""
        was, now = _end_of(before), _end_of(after)
        if was == now:
            return self.expiring
        rest = self.expiring if was is None else self.expiring.left(was)
        return rest if now is None else rest.joined(now)

    def _queued(self, claim: Claim, joins: bool) -> HashTrieMap[str, WaitingQueue]:
        """Who waits where, once this claim has joined or left."""
        waiting = self.waiting
        for location in claim.terms.eligible_locations:
            name = _queue_name(claim.terms.unit, location)
            queue = waiting.get(name, WaitingQueue())
            queue = queue.joined(claim.rank) if joins else queue.left(claim.rank)
            waiting = waiting.insert(name, queue) if queue else waiting.discard(name)
        return waiting


def _end_of(claim: Claim | None) -> Rank | None:
    """The place of a soft claim among those that will end; none for a hard one."""
    if claim is None or claim.terms.soft_until is None:
        return None
    return 0, format_instant(claim.terms.soft_until), claim.rank[2], claim.key


def _queue_name(unit: str, location: str) -> str:
    return f"{unit}\x1f{location}"
