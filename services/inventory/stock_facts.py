"""What a stock item makes of goods that come, change or are counted; nodes' facts stand in node_facts.py.

A physical fact is never refused for lack of stock: it breaks reservations first, and what the book lacks is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.decider import Context
from contracts.inventory import (
    AdjustmentReason,
    AdjustStock,
    BreakReason,
    Bucket,
    CountStock,
    ExpectSupply,
    Movement,
    ReceiveStock,
    StockAdjusted,
    StockCounted,
    StockReceived,
    StockStatus,
    SupplyExpected,
)
from contracts.message import Event
from services.inventory.course import Course, movements_at, wrong_unit
from services.inventory.stock_book import Shelf, StockBook

__all__ = ["adjust", "count", "expect", "moves_nothing", "receive"]


def receive(command: ReceiveStock, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := wrong_unit(command, book, command.quantity):
        return refused
    course = Course(command.sku, book)
    movements = movements_at(command.location, (Bucket.RECEIVED, Bucket(command.status.value), command.quantity))
    supply = book.supplies.get(command.supply or "")
    course.emit(
        StockReceived(
            **_booked(course, command, movements),
            quantity=command.quantity,
            status=command.status,
            supply=command.supply,
            supply_open=None if supply is None else max(0, supply.quantity - command.quantity),
        )
    )
    course.serve(command.location)
    return course.events


def _booked(
    course: Course, command: ReceiveStock | AdjustStock | CountStock, movements: tuple[Movement, ...]
) -> dict[str, Any]:
    """The fields that every change of the book has: what its command says of it, the movements, where that leaves it."""
    return {
        "sku": command.sku,
        "location": command.location,
        "unit": command.unit,
        "traced": command.traced,
        "document": command.document,
        "occurred_at": command.occurred_at,
        "movements": movements,
        "levels": course.level_after(command.location, movements),
    }


def expect(command: ExpectSupply, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := wrong_unit(command, book, command.quantity):
        return refused
    return [
        SupplyExpected(
            sku=command.sku,
            supply=command.supply,
            location=command.location,
            quantity=command.quantity,
            unit=command.unit,
            expected_at=command.expected_at,
        )
    ]


_STATUS = None
"""Stands, in the table below, for the bucket of the stock status that the command names."""

_ADJUSTMENTS: dict[AdjustmentReason, tuple[Bucket | None, Bucket | None]] = {
    AdjustmentReason.FOUND: (Bucket.FOUND, _STATUS),
    AdjustmentReason.RESTOCKED: (Bucket.RESTOCKED, _STATUS),
    AdjustmentReason.CLEARED: (_STATUS, Bucket.SELLABLE),
    AdjustmentReason.DAMAGED: (_STATUS, Bucket.DAMAGED),
    AdjustmentReason.QUARANTINED: (_STATUS, Bucket.ON_HOLD),
    AdjustmentReason.SUSPECTED: (_STATUS, Bucket.SUSPECT),
    AdjustmentReason.LOST: (_STATUS, Bucket.LOST),
    AdjustmentReason.STOLEN: (_STATUS, Bucket.LOST),
    AdjustmentReason.SCRAPPED: (_STATUS, Bucket.SCRAPPED),
    AdjustmentReason.EXPIRED: (_STATUS, Bucket.SCRAPPED),
    AdjustmentReason.SAMPLE: (_STATUS, Bucket.SCRAPPED),
    AdjustmentReason.SOLD_AT_TILL: (_STATUS, Bucket.FULFILLED),
}


def moves_nothing(reason: AdjustmentReason, status: StockStatus) -> bool:
    """Whether such an adjustment would bring goods to where they are: sellable ones cleared, damaged ones damaged."""
    source, target = _ADJUSTMENTS[reason]
    return Bucket(status.value) in (source, target)


def adjust(command: AdjustStock, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := wrong_unit(command, book, command.quantity):
        return refused
    status, shelf = Bucket(command.status.value), book.shelf(command.location)
    named_source, named_target = _ADJUSTMENTS[command.reason]
    source, target = named_source or status, named_target or status
    leaves_status = named_source is _STATUS and target is not source
    lacking = max(0, command.quantity - getattr(shelf, status.value)) if leaves_status else 0
    movements = movements_at(command.location, (Bucket.FOUND, source, lacking), (source, target, command.quantity))
    course = Course(command.sku, book)
    course.make_room(command.location, movements, BreakReason.ADJUSTMENT)
    course.emit(
        StockAdjusted(
            **_booked(course, command, movements),
            quantity=command.quantity,
            reason=command.reason,
            status=command.status,
            found=lacking,
        )
    )
    course.ask_for_count(command.location, found=lacking)
    course.serve(command.location)
    return course.events


def count(command: CountStock, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := wrong_unit(command, book, command.counted):
        return refused
    shelf, course = book.shelf(command.location), Course(command.sku, book)
    movements = _settled(command.location, shelf, command.counted)
    course.make_room(command.location, movements, BreakReason.COUNT)
    course.emit(
        StockCounted(
            **_booked(course, command, movements),
            counted=command.counted,
            expected=shelf.sellable + shelf.suspect,
        )
    )
    course.serve(command.location)
    return course.events


def _settled(location: str, shelf: Shelf, counted: int) -> tuple[Movement, ...]:
    """What a count moves: suspects are the first to be lost, what remains of them is sellable again."""
    missing = max(0, shelf.sellable + shelf.suspect - counted)
    suspect_lost = min(shelf.suspect, missing)
    return movements_at(
        location,
        (Bucket.FOUND, Bucket.SELLABLE, max(0, counted - shelf.sellable - shelf.suspect)),
        (Bucket.SUSPECT, Bucket.LOST, suspect_lost),
        (Bucket.SUSPECT, Bucket.SELLABLE, shelf.suspect - suspect_lost),
        (Bucket.SELLABLE, Bucket.LOST, missing - suspect_lost),
    )
