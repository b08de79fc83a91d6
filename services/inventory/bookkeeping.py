"""What each event of a stock item means to its book."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.inventory import (
    ClaimExpired,
    ClaimHardened,
    ClaimReduced,
    ClaimReleased,
    DemandQueued,
    Movement,
    ReservationBroken,
    StockAdjusted,
    StockCounted,
    StockFulfilled,
    StockHandedOut,
    StockPicked,
    StockPutBack,
    StockReceived,
    StockReserved,
    StockReturned,
    SupplyExpected,
)
from contracts.message import Event, format_instant
from services.inventory.closed_claims import NEVER_SEEN
from services.inventory.stock_book import Claim, ClaimTerms, Shelf, StockBook, Supply, claim_key

__all__ = ["SOFT_CLAIMS", "as_of", "deadlines_of", "evolve"]

SOFT_CLAIMS = "soft_claims"
"""The deadline of an item: the end of the soft claim that ends next."""

NO_NEED_BY = "~"
"""Sorts after every date: demand without a need-by date is served last among equals."""


def evolve(book: StockBook, event: Event) -> StockBook:
    apply = _EVOLVE.get(type(event))
    return book if apply is None else apply(book, event)


def as_of(book: StockBook, moment: datetime) -> StockBook:
    """The book at this moment: claims that closed long ago are forgotten."""
    closed = book.closed.at(moment)
    return book if closed is book.closed else replace(book, closed=closed)


def deadlines_of(book: StockBook) -> Mapping[str, datetime]:
    """One for all soft claims, so that what an event costs does not grow with them."""
    first = book.first_expiring()
    return {} if first is None or first.terms.soft_until is None else {SOFT_CLAIMS: first.terms.soft_until}


# Claims


def _reserved(book: StockBook, event: StockReserved) -> StockBook:
    claim = _claim_of(book, event).holding(event.location, event.quantity, waiting=event.waiting)
    return book.with_claim(claim, _held(book, claim, event.location, event.quantity))


def _held(book: StockBook, claim: Claim, location: str, change: int) -> HashTrieMap[str, Shelf]:
    """The shelves once a claim holds `change` more (or less) at `location`."""
    return book.shelves.insert(location, book.shelf(location).holding(claim, change))


def _queued(book: StockBook, event: DemandQueued) -> StockBook:
    return book.with_claim(replace(_claim_of(book, event), waiting=event.quantity))


def _claim_of(book: StockBook, event: StockReserved | DemandQueued) -> Claim:
    """The claim that an event is about, as it was before: its first event has all that is known of it."""
    if (known := book.claims.get(claim_key(event.demand, event.sequence))) is not None:
        return known
    terms = ClaimTerms(
        sku=event.sku,
        demand=event.demand,
        sequence=event.sequence,
        location=event.location,
        quantity=event.claimed,
        unit=event.unit,
        eligible_locations=event.eligible_locations,
        need_by=event.need_by,
        priority=event.priority,
        reply_to=event.reply_to,
        soft_until=event.soft_until if isinstance(event, StockReserved) else None,
    )
    need_by = NO_NEED_BY if event.need_by is None else format_instant(event.need_by)
    return Claim(terms, (-event.priority, need_by, book.claims_seen, terms.key))


def _released(book: StockBook, event: ClaimReleased) -> StockBook:
    key = claim_key(event.demand, event.sequence)
    claim = book.claims.get(key)
    if claim is None:
        return book if event.seen else replace(book, closed=book.closed.remember(key, NEVER_SEEN))
    return _closed(book, claim)


def _reduced(book: StockBook, event: ClaimReduced) -> StockBook:
    key = claim_key(event.demand, event.sequence)
    if event.withdrawn:
        claim = book.claims[key]
        return book.with_claim(replace(claim, waiting=claim.waiting - event.withdrawn))
    return book if event.location is None else _let_go(book, key, event.location, event.quantity)


def _closed(book: StockBook, claim: Claim) -> StockBook:
    """The claim holds nothing and waits for nothing more."""
    shelves = book.shelves
    for location, quantity in claim.held:
        shelves = shelves.insert(location, shelves[location].holding(claim, -quantity))
    return book.with_claim(replace(claim, held=(), waiting=0), shelves)


def _expired(book: StockBook, event: ClaimExpired) -> StockBook:
    return _closed(book, book.claims[claim_key(event.demand, event.sequence)])


def _hardened(book: StockBook, event: ClaimHardened) -> StockBook:
    claim, shelves = book.claims[claim_key(event.demand, event.sequence)], book.shelves
    if not claim.terms.soft:
        return book
    for location, quantity in claim.held:
        shelves = shelves.insert(location, shelves[location].hardened(quantity))
    return book.with_claim(replace(claim, terms=replace(claim.terms, soft_until=None)), shelves)


def _broken(book: StockBook, event: ReservationBroken) -> StockBook:
    return _let_go(book, claim_key(event.demand, event.sequence), event.location, event.quantity)


def _let_go(book: StockBook, key: str, location: str, quantity: int, picked: int = 0) -> StockBook:
    """The claim holds `quantity` less at `location`, of which so many were picked."""
    if not quantity:
        return book
    claim = book.claims[key].holding(location, -quantity, picked=picked)
    return book.with_claim(claim, _held(book, claim, location, -quantity))


# Goods


def _moved(book: StockBook, movements: tuple[Movement, ...], unit: str) -> StockBook:
    for movement in movements:
        book = book.with_shelf(movement.location, book.shelf(movement.location).moved(movement))
    return replace(book, unit=book.unit or unit)


def _physical(
    book: StockBook,
    event: StockReceived
    | StockAdjusted
    | StockCounted
    | StockPutBack
    | StockFulfilled
    | StockHandedOut
    | StockReturned,
) -> StockBook:
    return _moved(book, event.movements, event.unit)


def _picked(book: StockBook, event: StockPicked) -> StockBook:
    key = claim_key(event.demand, event.sequence)
    book = _let_go(book, key, event.location, event.from_claim, picked=event.from_claim)
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


_EVOLVE: Mapping[type[Event], Callable[[StockBook, Any], StockBook]] = {
    StockReserved: _reserved,
    DemandQueued: _queued,
    ClaimReduced: _reduced,
    ClaimReleased: _released,
    ClaimExpired: _expired,
    ClaimHardened: _hardened,
    ReservationBroken: _broken,
    StockReceived: _received,
    SupplyExpected: _expected,
    StockAdjusted: _physical,
    StockCounted: _physical,
    StockPicked: _picked,
    StockPutBack: _physical,
    StockFulfilled: _physical,
    StockHandedOut: _physical,
    StockReturned: _physical,
}
