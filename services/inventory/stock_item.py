"""A stock item: one SKU at all its locations, so that reserving and the queue of waiting demand are atomic.

The state and what each event means to it stand in stock_book.py. Two rules shape every decision here. A command never
takes available below zero; a physical fact is never refused, so it breaks reservations first, and no prefix of the
stream shows claims outside sellable stock. And no stock is available where demand waits that may use it: whatever
comes free is given out in the same handling, best rank first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chassis.decider import Answer, Context, Fold, Outgoing, StreamKind
from contracts.inventory import (
    AdjustmentReason,
    AdjustStock,
    BreakReason,
    Bucket,
    ClaimReleased,
    ClaimRepeated,
    ClaimStock,
    CountRequested,
    CountStock,
    DemandQueued,
    ExpectSupply,
    Level,
    Movement,
    OnShortage,
    ReceiveStock,
    RecordGone,
    RecordPicked,
    RecordPutBack,
    RejectReason,
    ReleaseClaim,
    ReservationBroken,
    StockAdjusted,
    StockChangeRefused,
    StockCounted,
    StockFulfilled,
    StockPicked,
    StockPutBack,
    StockReceived,
    StockRejected,
    StockReserved,
    StockStatus,
    SupplyExpected,
)
from contracts.message import Event
from services.inventory.stock_book import Claim, Shelf, StockBook, claim_key, evolve

__all__ = ["KINDS", "STOCK_ITEM", "WAITING_MAX", "moves_nothing"]

WAITING_MAX = 100_000
"""Claims of one item that may wait for supply; those after them are rejected as short."""


@dataclass(slots=True)
class _Course:
    """A decision under way: the book as its events so far leave it."""

    book: StockBook
    events: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self.book = evolve(self.book, event)

    def level_after(self, location: str, movements: tuple[Movement, ...] = (), reserved: int = 0) -> tuple[Level, ...]:
        """The level of `location` once these movements are made and claims hold `reserved` more."""
        shelf = self.book.shelf(location)
        for movement in movements:
            shelf = shelf.moved(movement)
        return (replace(shelf, reserved=shelf.reserved + reserved).level(location),)


# Claims


def _claim(command: ClaimStock, book: StockBook, context: Context) -> Sequence[Event]:
    if (known := _known_claim(command, book, context)) is not None:
        return [known]
    if book.unit not in (None, command.unit):
        return [_rejected(command, book, context, RejectReason.WRONG_UNIT)]
    short = book.shelf(command.location).available < command.quantity
    queue_full = book.waiting_count >= WAITING_MAX
    if short and (command.on_shortage is OnShortage.REJECT or queue_full):
        return [_rejected(command, book, context, RejectReason.SHORT)]
    return _claim_what_there_is(command, book, context)


def _known_claim(command: ClaimStock, book: StockBook, context: Context) -> Event | None:
    """What a claim gets whose demand and sequence were seen before; nothing for a new one."""
    key = claim_key(command.demand, command.sequence)
    if key in book.released.entries:
        return _rejected(command, book, context, RejectReason.RELEASED)
    claim = book.claims.get(key)
    if claim is None and key not in book.closed.entries:
        return None
    claimed = book.closed.entries[key] if claim is None else claim.quantity
    if claimed != command.quantity or (claim is not None and claim.location != command.location):
        return _rejected(command, book, context, RejectReason.CONFLICT)
    return ClaimRepeated(
        sku=command.sku,
        demand=command.demand,
        sequence=command.sequence,
        location=command.location,
        quantity=command.quantity,
        unit=command.unit,
        reserved=0 if claim is None else claim.reserved,
        waiting=0 if claim is None else claim.waiting,
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


def _claim_what_there_is(command: ClaimStock, book: StockBook, context: Context) -> Sequence[Event]:
    course = _Course(book)
    eligible = tuple(dict.fromkeys((command.location, *command.eligible_locations)))
    missing = command.quantity
    for location in eligible:
        if taken := min(missing, book.shelf(location).available):
            missing -= taken
            course.emit(
                StockReserved(
                    sku=command.sku,
                    demand=command.demand,
                    sequence=command.sequence,
                    location=location,
                    quantity=taken,
                    unit=command.unit,
                    claimed=command.quantity,
                    waiting=missing,
                    eligible_locations=eligible,
                    need_by=command.need_by,
                    priority=command.priority,
                    levels=course.level_after(location, reserved=taken),
                    reply_to=context.reply_to,
                )
            )
    if missing:
        course.emit(_demand_queued(command, course.book, context, eligible, missing))
    return course.events


def _demand_queued(
    command: ClaimStock,
    book: StockBook,
    context: Context,
    eligible: tuple[str, ...],
    missing: int,
) -> DemandQueued:
    supplies = [(supply.expected_at, name) for name, supply in book.supplies.items() if supply.location in eligible]
    expected_at, awaits = min(supplies, default=(None, None))
    return DemandQueued(
        sku=command.sku,
        demand=command.demand,
        sequence=command.sequence,
        location=command.location,
        quantity=missing,
        unit=command.unit,
        claimed=command.quantity,
        eligible_locations=eligible,
        need_by=command.need_by,
        priority=command.priority,
        awaits=awaits,
        expected_at=expected_at,
        levels=(book.shelf(command.location).level(command.location),),
        reply_to=context.reply_to,
    )


def _release(command: ReleaseClaim, book: StockBook, context: Context) -> Sequence[Event]:
    key = claim_key(command.demand, command.sequence)
    claim = book.claims.get(key)
    course = _Course(book)
    held = () if claim is None else claim.held
    course.emit(
        ClaimReleased(
            sku=command.sku,
            demand=command.demand,
            sequence=command.sequence,
            quantity=0 if claim is None else claim.reserved,
            withdrawn=0 if claim is None else claim.waiting,
            seen=claim is not None or key in book.closed.entries,
            levels=tuple(level for place, count in held for level in course.level_after(place, reserved=-count)),
            reply_to=context.reply_to,
        )
    )
    for location, _ in held:
        _serve(course, command.sku, location)
    return course.events


def _serve(course: _Course, sku: str, location: str) -> None:
    """Give what is available at `location` to those who wait for it, best rank first."""
    while (free := course.book.shelf(location).available) > 0:
        claim = course.book.first_waiting(location)
        if claim is None:
            return
        taken = min(free, claim.waiting)
        course.emit(
            StockReserved(
                sku=sku,
                demand=claim.demand,
                sequence=claim.sequence,
                location=location,
                quantity=taken,
                unit=claim.unit,
                claimed=claim.quantity,
                waiting=claim.waiting - taken,
                eligible_locations=claim.eligible_locations,
                need_by=claim.need_by,
                priority=claim.priority,
                levels=course.level_after(location, reserved=taken),
                reply_to=claim.reply_to,
            )
        )


# Physical facts


def _break_claims(
    course: _Course,
    sku: str,
    location: str,
    quantity: int,
    reason: BreakReason,
    spared: str = "",
    spared_quantity: int = 0,
) -> None:
    """Break `quantity` of what is reserved at `location`: lowest priority first, then latest need, then youngest.

    `spared_quantity` of the claim `spared` is being picked just now and stays.
    """
    if quantity <= 0:
        return
    shelf = course.book.shelf(location)
    claims = sorted(
        (course.book.claims[key] for key in shelf.held),
        key=lambda claim: claim.rank,
        reverse=True,
    )
    for claim in claims:
        held = claim.held_at(location)
        if claim.rank[3] == spared:
            held -= spared_quantity
        if broken := min(quantity, held):
            course.emit(_reservation_broken(course, sku, claim, location, broken, reason))
            quantity -= broken
        if not quantity:
            return


def _reservation_broken(
    course: _Course,
    sku: str,
    claim: Claim,
    location: str,
    quantity: int,
    reason: BreakReason,
) -> ReservationBroken:
    return ReservationBroken(
        sku=sku,
        demand=claim.demand,
        sequence=claim.sequence,
        location=location,
        quantity=quantity,
        unit=claim.unit,
        reason=reason,
        levels=course.level_after(location, reserved=-quantity),
        reply_to=claim.reply_to,
    )


def _movements(location: str, *moves: tuple[Bucket, Bucket, int]) -> tuple[Movement, ...]:
    return tuple(
        Movement(location=location, source=source, target=target, quantity=quantity)
        for source, target, quantity in moves
        if quantity and source is not target
    )


def _wrong_unit(command: Any, book: StockBook, quantity: int) -> list[Event]:
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


def _receive(command: ReceiveStock, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _wrong_unit(command, book, command.quantity):
        return refused
    course = _Course(book)
    movements = _movements(
        command.location,
        (Bucket.RECEIVED, Bucket(command.status.value), command.quantity),
    )
    supply = book.supplies.get(command.supply or "")
    course.emit(
        StockReceived(
            sku=command.sku,
            location=command.location,
            quantity=command.quantity,
            unit=command.unit,
            status=command.status,
            traced=command.traced,
            supply=command.supply,
            supply_open=None if supply is None else max(0, supply.quantity - command.quantity),
            document=command.document,
            occurred_at=command.occurred_at,
            movements=movements,
            levels=course.level_after(command.location, movements),
        )
    )
    _serve(course, command.sku, command.location)
    return course.events


def _expect(command: ExpectSupply, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _wrong_unit(command, book, command.quantity):
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


def _adjust(command: AdjustStock, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _wrong_unit(command, book, command.quantity):
        return refused
    status, shelf = Bucket(command.status.value), book.shelf(command.location)
    named_source, named_target = _ADJUSTMENTS[command.reason]
    source, target = named_source or status, named_target or status
    leaves_status = named_source is _STATUS and target is not source
    lacking = max(0, command.quantity - getattr(shelf, status.value)) if leaves_status else 0
    movements = _movements(
        command.location,
        (Bucket.FOUND, source, lacking),
        (source, target, command.quantity),
    )
    course = _Course(book)
    _make_room(course, command.sku, command.location, movements, BreakReason.ADJUSTMENT)
    course.emit(
        StockAdjusted(
            sku=command.sku,
            location=command.location,
            quantity=command.quantity,
            unit=command.unit,
            reason=command.reason,
            status=command.status,
            found=lacking,
            traced=command.traced,
            document=command.document,
            occurred_at=command.occurred_at,
            movements=movements,
            levels=course.level_after(command.location, movements),
        )
    )
    _ask_for_count(course, command.sku, command.location, found=lacking)
    _serve(course, command.sku, command.location)
    return course.events


def _make_room(
    course: _Course,
    sku: str,
    location: str,
    movements: tuple[Movement, ...],
    reason: BreakReason,
) -> None:
    """Break what will be reserved beyond the sellable stock that these movements leave."""
    (after,) = course.level_after(location, movements)
    _break_claims(course, sku, location, -after.available, reason)


def _ask_for_count(course: _Course, sku: str, location: str, short: int = 0, found: int = 0) -> None:
    if short or found:
        reason = "short_pick" if short else "found_stock"
        course.emit(CountRequested(sku=sku, location=location, reason=reason))


def _count(command: CountStock, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _wrong_unit(command, book, command.counted):
        return refused
    shelf, course = book.shelf(command.location), _Course(book)
    movements = _settled(command.location, shelf, command.counted)
    _make_room(course, command.sku, command.location, movements, BreakReason.COUNT)
    course.emit(
        StockCounted(
            sku=command.sku,
            location=command.location,
            counted=command.counted,
            expected=shelf.sellable + shelf.suspect,
            unit=command.unit,
            traced=command.traced,
            document=command.document,
            occurred_at=command.occurred_at,
            movements=movements,
            levels=course.level_after(command.location, movements),
        )
    )
    _serve(course, command.sku, command.location)
    return course.events


def _settled(location: str, shelf: Shelf, counted: int) -> tuple[Movement, ...]:
    """What a count moves: suspects are the first to be lost, what remains of them is sellable again."""
    missing = max(0, shelf.sellable + shelf.suspect - counted)
    suspect_lost = min(shelf.suspect, missing)
    return _movements(
        location,
        (
            Bucket.FOUND,
            Bucket.SELLABLE,
            max(0, counted - shelf.sellable - shelf.suspect),
        ),
        (Bucket.SUSPECT, Bucket.LOST, suspect_lost),
        (Bucket.SUSPECT, Bucket.SELLABLE, shelf.suspect - suspect_lost),
        (Bucket.SELLABLE, Bucket.LOST, missing - suspect_lost),
    )


def _pick(command: RecordPicked, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _wrong_unit(command, book, command.quantity):
        return refused
    key, location = claim_key(command.demand, command.sequence), command.location
    claim, shelf, course = book.claims.get(key), book.shelf(location), _Course(book)
    held = 0 if claim is None else claim.held_at(location)
    from_claim, short = (
        min(held, command.quantity),
        max(0, command.expected - command.quantity),
    )
    found = max(0, command.quantity - shelf.sellable)
    suspect = min(short, shelf.sellable + found - command.quantity)
    movements = _movements(
        location,
        (Bucket.FOUND, Bucket.SELLABLE, found),
        (Bucket.SELLABLE, Bucket.PICKED, command.quantity),
        (Bucket.SELLABLE, Bucket.SUSPECT, suspect),
    )
    if claim is not None and (own := min(short, held - from_claim)):
        course.emit(_reservation_broken(course, command.sku, claim, location, own, BreakReason.SHORT_PICK))
    (after,) = course.level_after(location, movements, reserved=-from_claim)
    reason = BreakReason.SHORT_PICK if short else BreakReason.PICKED_BY_ANOTHER
    _break_claims(course, command.sku, location, -after.available, reason, key, from_claim)
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
            levels=course.level_after(location, movements, reserved=-from_claim),
        )
    )
    _ask_for_count(course, command.sku, location, short, found)
    _serve(course, command.sku, location)
    return course.events


def _of_claim(command: RecordPicked | RecordPutBack | RecordGone) -> dict[str, Any]:
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


def _put_back(command: RecordPutBack, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _wrong_unit(command, book, command.quantity):
        return refused
    course, location = _Course(book), command.location
    found = max(0, command.quantity - book.shelf(location).picked)
    movements = _movements(
        location,
        (Bucket.FOUND, Bucket.PICKED, found),
        (Bucket.PICKED, Bucket.SELLABLE, command.quantity),
    )
    levels = course.level_after(location, movements)
    course.emit(StockPutBack(**_of_claim(command), found=found, movements=movements, levels=levels))
    _serve(course, command.sku, location)
    return course.events


def _gone(command: RecordGone, book: StockBook, context: Context) -> Sequence[Event]:
    if refused := _wrong_unit(command, book, command.quantity):
        return refused
    course, location = _Course(book), command.location
    found = max(0, command.quantity - book.shelf(location).picked)
    movements = _movements(
        location,
        (Bucket.FOUND, Bucket.PICKED, found),
        (Bucket.PICKED, Bucket.FULFILLED, command.quantity),
    )
    levels = course.level_after(location, movements)
    course.emit(StockFulfilled(**_of_claim(command), found=found, movements=movements, levels=levels))
    _ask_for_count(course, command.sku, location, found=found)
    return course.events


# Reactions


def _react(book: StockBook, event: Event) -> Sequence[Outgoing]:
    match event:
        case (
            StockReserved() | DemandQueued() | StockRejected() | ClaimRepeated() | ClaimReleased() | ReservationBroken()
        ) if event.reply_to is not None:
            return (Answer(event.reply_to),)
    return ()


STOCK_ITEM = StreamKind(
    kind="stock_item",
    folds=(Fold("stock_item", 1, StockBook(), evolve, _react),),
    decide={
        ClaimStock: _claim,
        ReleaseClaim: _release,
        ReceiveStock: _receive,
        ExpectSupply: _expect,
        AdjustStock: _adjust,
        CountStock: _count,
        RecordPicked: _pick,
        RecordPutBack: _put_back,
        RecordGone: _gone,
    },
)

KINDS = (STOCK_ITEM,)
