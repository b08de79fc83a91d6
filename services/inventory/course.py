"""A decision under way: the item's book as the events decided so far leave it, and the steps that many decisions share.

Goods that come free are given to those who wait in the same handling, and reservations that no longer fit are broken
before the fact that breaks them is written down: so every prefix of the stream shows claims inside sellable stock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from contracts.inventory import (
    BreakReason,
    Bucket,
    CountRequested,
    Level,
    Movement,
    ReservationBroken,
    StockChangeRefused,
    StockReserved,
)
from contracts.message import Event
from services.inventory.bookkeeping import evolve
from services.inventory.stock_book import Claim, ClaimTerms, StockBook

__all__ = ["Course", "movements_at", "wrong_unit"]


@dataclass(slots=True)
class Course:
    """What is decided about the item `sku`, event by event."""

    sku: str
    book: StockBook
    events: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self.book = evolve(self.book, event)

    def level_after(
        self, location: str, movements: tuple[Movement, ...] = (), claimed: int = 0, *, soft: bool = False
    ) -> tuple[Level, ...]:
        """The level of `location` once these movements are made and a claim, hard or soft, holds `claimed` more."""
        shelf = self.book.shelf(location)
        for movement in movements:
            shelf = shelf.moved(movement)
        return (shelf.claimed(claimed, soft=soft).level(location),)

    def reserve(self, terms: ClaimTerms, location: str, quantity: int, waiting: int) -> None:
        """Give `quantity` at `location` to a claim, which then still waits for `waiting`."""
        self.emit(
            StockReserved(
                sku=self.sku,
                demand=terms.demand,
                sequence=terms.sequence,
                location=location,
                quantity=quantity,
                unit=terms.unit,
                claimed=terms.quantity,
                waiting=waiting,
                eligible_locations=terms.eligible_locations,
                need_by=terms.need_by,
                priority=terms.priority,
                soft_until=terms.soft_until,
                levels=self.level_after(location, claimed=quantity, soft=terms.soft),
                reply_to=terms.reply_to,
            )
        )

    def serve(self, location: str) -> None:
        """Give what is available at `location` to those who wait for it, best rank first."""
        while (free := self.book.shelf(location).available) > 0:
            claim = self.book.first_waiting(location)
            if claim is None:
                return
            taken = min(free, claim.waiting)
            self.reserve(claim.terms, location, taken, claim.waiting - taken)

    def break_claim(self, claim: Claim, location: str, quantity: int, reason: BreakReason) -> None:
        """Take `quantity` at `location` from a claim."""
        self.emit(
            ReservationBroken(
                sku=self.sku,
                demand=claim.terms.demand,
                sequence=claim.terms.sequence,
                location=location,
                quantity=quantity,
                unit=claim.terms.unit,
                reason=reason,
                levels=self.level_after(location, claimed=-quantity, soft=claim.terms.soft),
                reply_to=claim.terms.reply_to,
            )
        )

    def make_room(self, location: str, movements: tuple[Movement, ...], reason: BreakReason) -> None:
        """Break what will be claimed beyond the sellable stock that these movements leave."""
        (after,) = self.level_after(location, movements)
        self.break_claims(location, -after.available, reason)

    def break_claims(
        self, location: str, quantity: int, reason: BreakReason, spared: str = "", spared_quantity: int = 0
    ) -> None:
        """Break `quantity` of what claims hold at `location`: soft ones first, then lowest priority, then latest need,
        then youngest.

        `spared_quantity` of the claim `spared` is being picked just now and stays.
        """
        if quantity <= 0:
            return
        claims = (self.book.claims[key] for key in self.book.shelf(location).held)
        for claim in sorted(claims, key=lambda claim: claim.breaks_first, reverse=True):
            held = claim.held_at(location) - (spared_quantity if claim.key == spared else 0)
            if broken := min(quantity, held):
                self.break_claim(claim, location, broken, reason)
                quantity -= broken
            if not quantity:
                return

    def ask_for_count(self, location: str, short: int = 0, found: int = 0) -> None:
        """Have somebody look where the book and the shelf disagree."""
        if short or found:
            reason = "short_pick" if short else "found_stock"
            self.emit(CountRequested(sku=self.sku, location=location, reason=reason))


def movements_at(location: str, *moves: tuple[Bucket, Bucket, int]) -> tuple[Movement, ...]:
    """The movements of these quantities between buckets of a location, without those that move nothing."""
    return tuple(
        Movement(location=location, source=source, target=target, quantity=quantity)
        for source, target, quantity in moves
        if quantity and source is not target
    )


def wrong_unit(command: Any, book: StockBook, quantity: int) -> list[Event]:
    """The refusal of a change in another unit than the item's; nothing when the unit is right."""
    if book.unit in (None, command.unit):
        return []
    return [
        StockChangeRefused(
            sku=command.sku,
            location=command.location,
            quantity=quantity,
            unit=command.unit,
            expected_unit=book.unit or command.unit,
            document=getattr(command, "document", None),
        )
    ]
