"""What a stock item decides about claims: held at once, queued, refused, known again, made hard, released, expired.

A command never takes available below zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Context
from contracts.chassis import DeadlinePassed
from contracts.inventory import (
    ClaimExpired,
    ClaimHardened,
    ClaimReduced,
    ClaimReleased,
    ClaimRepeated,
    ClaimStock,
    DemandQueued,
    HardenClaim,
    HardeningRefused,
    Level,
    OnShortage,
    RejectReason,
    ReleaseClaim,
    StockRejected,
)
from contracts.message import Event
from services.inventory.bookkeeping import SOFT_CLAIMS
from services.inventory.closed_claims import NEVER_SEEN
from services.inventory.course import Course
from services.inventory.stock_book import Claim, ClaimTerms, StockBook, claim_key

__all__ = ["EXPIRED_MAX", "WAITING_MAX", "claim", "expire", "harden", "release"]

WAITING_MAX = 20_000
"""Claims of one item that may wait for supply; those after them are rejected as short. One receipt may serve them all,
in one handling and one transaction, which has 10 s."""

EXPIRED_MAX = 5_000
"""Soft claims that end in one handling; the deadline stands for those that are left, and passes again."""


def claim(command: ClaimStock, book: StockBook, context: Context) -> Sequence[Event]:
    if (known := _known(command, book, context)) is not None:
        return [known]
    if book.unit not in (None, command.unit):
        return [_rejected(command, book, context, RejectReason.WRONG_UNIT)]
    if command.soft_until is not None and command.soft_until <= context.now:
        return [_rejected(command, book, context, RejectReason.EXPIRED)]
    short = book.shelf(command.location).available < command.quantity
    may_wait = command.on_shortage is OnShortage.QUEUE and command.soft_until is None
    if short and (not may_wait or book.waiting_count >= WAITING_MAX):
        return [_rejected(command, book, context, RejectReason.SHORT)]
    return _what_there_is(command, book, context)


def _known(command: ClaimStock, book: StockBook, context: Context) -> Event | None:
    """What a claim gets whose demand and sequence were seen before; nothing for a new one."""
    key = claim_key(command.demand, command.sequence)
    if (open_claim := book.claims.get(key)) is not None:
        same = (open_claim.terms.quantity, open_claim.terms.location) == (command.quantity, command.location)
        reserved, waiting = open_claim.reserved + open_claim.picked, open_claim.waiting
    elif (end := book.closed.find(key)) is not None:
        if end == NEVER_SEEN:
            return _rejected(command, book, context, RejectReason.RELEASED)
        same, reserved, waiting = end.claimed == command.quantity, end.picked, 0
    else:
        return None
    if not same:
        return _rejected(command, book, context, RejectReason.CONFLICT)
    return _repeated(command, context, reserved, waiting)


def _repeated(command: ClaimStock, context: Context, reserved: int, waiting: int) -> ClaimRepeated:
    return ClaimRepeated(
        sku=command.sku,
        demand=command.demand,
        sequence=command.sequence,
        location=command.location,
        quantity=command.quantity,
        unit=command.unit,
        reserved=reserved,
        waiting=waiting,
        reply_to=context.reply_to,
    )


def _rejected(command: ClaimStock, book: StockBook, context: Context, reason: RejectReason) -> StockRejected:
    return StockRejected(
        sku=command.sku,
        demand=command.demand,
        sequence=command.sequence,
        location=command.location,
        quantity=command.quantity,
        unit=command.unit,
        reason=reason,
        levels=(book.shelf(command.location).level(command.location),),
        reply_to=context.reply_to,
    )


def _what_there_is(command: ClaimStock, book: StockBook, context: Context) -> Sequence[Event]:
    course, terms, missing = Course(command.sku, book), _terms(command, context), command.quantity
    for location in terms.eligible_locations:
        if taken := min(missing, book.shelf(location).available):
            missing -= taken
            course.reserve(terms, location, taken, missing)
    if missing:
        course.emit(_queued(course, terms, missing))
    return course.events


def _terms(command: ClaimStock, context: Context) -> ClaimTerms:
    return ClaimTerms(
        sku=command.sku,
        demand=command.demand,
        sequence=command.sequence,
        location=command.location,
        quantity=command.quantity,
        unit=command.unit,
        eligible_locations=tuple(dict.fromkeys((command.location, *command.eligible_locations))),
        need_by=command.need_by,
        priority=command.priority,
        reply_to=context.reply_to,
        soft_until=command.soft_until,
    )


def _queued(course: Course, terms: ClaimTerms, missing: int) -> DemandQueued:
    open_supplies = course.book.supplies.items()
    useful = [
        (supply.expected_at, name) for name, supply in open_supplies if supply.location in terms.eligible_locations
    ]
    expected_at, awaits = min(useful, default=(None, None))
    return DemandQueued(
        sku=course.sku,
        demand=terms.demand,
        sequence=terms.sequence,
        location=terms.location,
        quantity=missing,
        unit=terms.unit,
        claimed=terms.quantity,
        eligible_locations=terms.eligible_locations,
        need_by=terms.need_by,
        priority=terms.priority,
        awaits=awaits,
        expected_at=expected_at,
        levels=course.level_after(terms.location),
        reply_to=terms.reply_to,
    )


def release(command: ReleaseClaim, book: StockBook, context: Context) -> Sequence[Event]:
    """All of a claim, or a part of it; who waits for what comes free is served at once."""
    if command.quantity is not None:
        return _reduce(command, book, context, command.quantity)
    key = claim_key(command.demand, command.sequence)
    open_claim, course = book.claims.get(key), Course(command.sku, book)
    held = () if open_claim is None else open_claim.held
    course.emit(
        ClaimReleased(
            sku=command.sku,
            demand=command.demand,
            sequence=command.sequence,
            quantity=0 if open_claim is None else open_claim.reserved,
            withdrawn=0 if open_claim is None else open_claim.waiting,
            seen=open_claim is not None or book.closed.find(key) not in (None, NEVER_SEEN),
            levels=() if open_claim is None else _levels_without(course, open_claim),
            reply_to=context.reply_to,
        )
    )
    for location, _ in held:
        course.serve(location)
    return course.events


def _reduce(command: ReleaseClaim, book: StockBook, context: Context, quantity: int) -> Sequence[Event]:
    """A part of a claim, as far as it has so much there: never from elsewhere, since whoever gives it back counts on the
    rest being where it was told."""
    claim, course = book.claims.get(claim_key(command.demand, command.sequence)), Course(command.sku, book)
    place, held, withdrawn = command.location, 0, 0
    if claim is not None and place is not None:
        held = min(quantity, claim.held_at(place))
    elif claim is not None:
        withdrawn = min(quantity, claim.waiting)
    soft = claim is not None and claim.terms.soft
    course.emit(
        ClaimReduced(
            sku=command.sku,
            demand=command.demand,
            sequence=command.sequence,
            location=place,
            quantity=held,
            withdrawn=withdrawn,
            levels=course.level_after(place, claimed=-held, soft=soft) if place is not None and held else (),
            reply_to=context.reply_to,
        )
    )
    if place is not None and held:
        course.serve(place)
    return course.events


def _levels_without(course: Course, claim: Claim) -> tuple[Level, ...]:
    """The levels once a claim gives back all that it holds."""
    soft = claim.terms.soft
    return tuple(level for place, count in claim.held for level in course.level_after(place, claimed=-count, soft=soft))


def harden(command: HardenClaim, book: StockBook, context: Context) -> Sequence[Event]:
    """As long as the claim holds: one whose end has passed may not have been told of it yet, and is still there."""
    claim = book.claims.get(claim_key(command.demand, command.sequence))
    if claim is None:
        return [HardeningRefused(sku=command.sku, demand=command.demand, sequence=command.sequence)]
    moved = {place: count if claim.terms.soft else 0 for place, count in claim.held}
    return [
        ClaimHardened(
            sku=command.sku,
            demand=command.demand,
            sequence=command.sequence,
            quantity=claim.reserved,
            unit=claim.terms.unit,
            levels=tuple(book.shelf(place).hardened(count).level(place) for place, count in moved.items()),
        )
    ]


def expire(message: DeadlinePassed, book: StockBook, context: Context) -> Sequence[Event]:
    """End the soft claims whose time has come, at most EXPIRED_MAX; then serve those who wait for what came free."""
    first = book.first_expiring()
    if message.name != SOFT_CLAIMS or first is None:
        return []
    course, places = Course(first.terms.sku, book), dict[str, None]()
    while (claim := course.book.first_expiring()) is not None and len(course.events) < EXPIRED_MAX:
        if claim.terms.soft_until is None or claim.terms.soft_until > context.now:
            break
        places.update(dict.fromkeys(place for place, _ in claim.held))
        course.emit(_expired(course, claim))
    for location in places:
        course.serve(location)
    return course.events


def _expired(course: Course, claim: Claim) -> ClaimExpired:
    return ClaimExpired(
        sku=course.sku,
        demand=claim.terms.demand,
        sequence=claim.terms.sequence,
        quantity=claim.reserved,
        unit=claim.terms.unit,
        levels=_levels_without(course, claim),
    )
