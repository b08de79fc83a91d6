"""What a stock item makes of the facts of nodes and tills: goods picked, put back, gone, handed out.

Never refused for lack of stock; one in another unit than the item's cannot be booked, so a count has to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.decider import Context
from contracts.inventory import (
    BreakReason,
    Bucket,
    CountRequested,
    RecordGone,
    RecordHandedOut,
    RecordPicked,
    RecordPutBack,
    StockFulfilled,
    StockHandedOut,
    StockPicked,
    StockPutBack,
)
from contracts.message import Event
from services.inventory.course import Course, movements_at, wrong_unit
from services.inventory.stock_book import StockBook, claim_key

__all__ = ["gone", "handed_out", "pick", "put_back"]


def pick(command: RecordPicked, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _not_booked(command, book):
        return refused
    key, location = claim_key(command.demand, command.sequence), command.location
    claim, shelf, course = book.claims.get(key), book.shelf(location), Course(command.sku, book)
    held = 0 if claim is None else claim.held_at(location)
    soft = claim is not None and claim.terms.soft
    from_claim, short = min(held, command.quantity), max(0, command.expected - command.quantity)
    found = max(0, command.quantity - shelf.sellable)
    suspect = min(short, shelf.sellable + found - command.quantity)
    movements = movements_at(
        location,
        (Bucket.FOUND, Bucket.SELLABLE, found),
        (Bucket.SELLABLE, Bucket.PICKED, command.quantity),
        (Bucket.SELLABLE, Bucket.SUSPECT, suspect),
    )
    if claim is not None and (own := min(short, held - from_claim)):
        course.break_claim(claim, location, own, BreakReason.SHORT_PICK)
    (after,) = course.level_after(location, movements, claimed=-from_claim, soft=soft)
    reason = BreakReason.SHORT_PICK if short else BreakReason.PICKED_BY_ANOTHER
    course.break_claims(location, -after.available, reason, key, from_claim)
    course.emit(
        StockPicked(
            **_of_claim(command),
            short=short,
            found=found,
            from_claim=from_claim,
            short_reason=command.short_reason,
            substitute_for=command.substitute_for,
            traced=command.traced,
            movements=movements,
            levels=course.level_after(location, movements, claimed=-from_claim, soft=soft),
        )
    )
    course.ask_for_count(location, short, found)
    course.serve(location)
    return course.events


def put_back(command: RecordPutBack, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _not_booked(command, book):
        return refused
    course, fields = _taken_from_picked(command, book, Bucket.SELLABLE)
    course.emit(StockPutBack(**fields))
    course.ask_for_count(command.location, found=fields["found"])
    course.serve(command.location)
    return course.events


def gone(command: RecordGone, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _not_booked(command, book):
        return refused
    course, fields = _taken_from_picked(command, book, Bucket.FULFILLED)
    course.emit(StockFulfilled(**fields))
    course.ask_for_count(command.location, found=fields["found"])
    return course.events


def handed_out(command: RecordHandedOut, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _not_booked(command, book):
        return refused
    course, location = Course(command.sku, book), command.location
    found = max(0, command.quantity - book.shelf(location).sellable)
    movements = movements_at(
        location,
        (Bucket.FOUND, Bucket.SELLABLE, found),
        (Bucket.SELLABLE, Bucket.FULFILLED, command.quantity),
    )
    course.make_room(location, movements, BreakReason.HANDED_OUT)
    course.emit(
        StockHandedOut(
            sku=command.sku,
            demand=command.demand,
            location=location,
            quantity=command.quantity,
            found=found,
            unit=command.unit,
            fulfillment=command.fulfillment,
            occurred_at=command.occurred_at,
            movements=movements,
            levels=course.level_after(location, movements),
        )
    )
    course.ask_for_count(location, found=found)
    return course.events


NodeFact = RecordPicked | RecordPutBack | RecordGone


def _not_booked(command: NodeFact | RecordHandedOut, book: StockBook) -> list[Event]:
    refused = wrong_unit(command, book, command.quantity)
    count = CountRequested(sku=command.sku, location=command.location, reason="wrong_unit")
    return [*refused, count] if refused else []


def _taken_from_picked(
    command: RecordPutBack | RecordGone, book: StockBook, target: Bucket
) -> tuple[Course, dict[str, Any]]:
    """The fields of the event that picked goods went to `target`; what nobody had reported picked is found first."""
    course, location = Course(command.sku, book), command.location
    found = max(0, command.quantity - book.shelf(location).picked)
    movements = movements_at(location, (Bucket.FOUND, Bucket.PICKED, found), (Bucket.PICKED, target, command.quantity))
    levels = course.level_after(location, movements)
    return course, {**_of_claim(command), "found": found, "movements": movements, "levels": levels}


def _of_claim(command: NodeFact) -> dict[str, Any]:
    """The fields that a node's fact and the event of it share."""
    return {
        "sku": command.sku,
        "demand": command.demand,
        "sequence": command.sequence,
        "location": command.location,
        "quantity": command.quantity,
        "unit": command.unit,
        "fulfillment_order": command.fulfillment_order,
        "document": command.document,
        "occurred_at": command.occurred_at,
    }
