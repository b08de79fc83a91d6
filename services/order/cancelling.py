"""Cancelling an order, or units of some of its lines: what comes free at once, and which nodes are asked to let go.

Of a line those units go first that have come least far: nobody claimed for them, a claim is unanswered, they wait, they
are reserved; then those that a node has still to pick, has picked, has packed. What nodes answer is in cancel_answers.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chassis.decider import Context
from contracts.message import Event
from contracts.order import (
    AskedBack,
    Bucket,
    CancelOrder,
    CancelReason,
    CancelRefusal,
    CancelRefused,
    GivenBack,
    LinesCancelled,
    Move,
    OrderCancelled,
    OrderCancelRequested,
)
from services.order.fulfillment_saga import STEPS
from services.order.fulfillment_state import WITHDRAW, Work, count, works_in_order
from services.order.order import (
    IN_FULFILLMENT,
    NOT_RELEASED,
    WITH_CUSTOMER,
    line_units,
    move,
    moves_to_cancelled,
    units,
)
from services.order.reservation_answers import cancel_rest, held_by
from services.order.reservation_state import Claim, claims_in_order
from services.order.value import parts_of_kits

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["cancel", "cancel_units", "cancellable", "left_to_cancel"]


def cancel(message: CancelOrder, state: OrderStream, context: Context) -> Sequence[Event]:
    """Before release at once; afterwards each node that has work is asked."""
    if message.lines:
        return _cancel_lines(message, state, context)
    if refusal := _no_cancel(state):
        return (CancelRefused(reason=refusal),)
    working = [key for key, work in sorted(state.fulfillment.works.items()) if work.open]
    if working:
        answer_by = context.now + STEPS[WITHDRAW].answer_within
        asked = OrderCancelRequested(
            cause=message.cause, detail=message.detail, fulfillment_orders=tuple(working), answer_by=answer_by
        )
        return (asked,)
    if units(state.order, *WITH_CUSTOMER):
        return (cancel_rest(state, message.cause),)
    moves = moves_to_cancelled(state.order)
    return (OrderCancelled(cause=message.cause, detail=message.detail, moves=moves),)


def _no_cancel(state: OrderStream) -> CancelRefusal | None:
    """Why nothing can be cancelled, if so."""
    if closed := _closed(state):
        return closed
    if state.fulfillment.withdrawing:
        return CancelRefusal.UNDER_WAY
    if any(work.open for work in state.fulfillment.works.values()):
        return None
    left = units(state.order, *WITH_CUSTOMER) and not units(state.order, *NOT_RELEASED)
    return CancelRefusal.FULFILLED if left else None


def _closed(state: OrderStream) -> CancelRefusal | None:
    if state.order.placed is None:
        return CancelRefusal.UNKNOWN_ORDER
    if state.order.ended is not None:
        cancelled = state.order.ended == OrderCancelled.__name__
        return CancelRefusal.ALREADY_CANCELLED if cancelled else CancelRefusal.COMPLETED
    return None


# Of some lines


def _cancel_lines(message: CancelOrder, state: OrderStream, context: Context) -> Sequence[Event]:
    """All that is named, or nothing: who names more than is left has an older picture of the order."""
    if closed := _closed(state):
        return (CancelRefused(reason=closed),)
    wanted, refused = _wanted(message, state)
    if refused is not None:
        return (refused,)
    left = units(state.order, *NOT_RELEASED, *IN_FULFILLMENT, *WITH_CUSTOMER)
    if left == wanted.total() and not units(state.order, *IN_FULFILLMENT):
        moves = moves_to_cancelled(state.order)
        return (OrderCancelled(cause=message.cause, detail=message.detail, moves=moves),)
    return cancel_units(state, wanted, message.cause, message.detail, context)


def _wanted(message: CancelOrder, state: OrderStream) -> tuple[Counter[str], CancelRefused | None]:
    """The units to cancel by the lines that goods leave by, or why that cannot be."""
    wanted: Counter[str] = Counter()
    for line, quantity in _named(message).items():
        refused = _no_such_line(line, state)
        parts = refused or _parts(line, state)
        if isinstance(parts, CancelRefused):
            return wanted, parts
        kits = left_to_cancel(line, state)
        asked = kits if quantity is None else quantity
        if asked > kits or not asked:
            return wanted, _too_many(line, kits, tuple(parts), state)
        wanted.update({part: per * asked for part, per in parts.items()})
    return wanted, None


def left_to_cancel(line: str, state: OrderStream) -> int:
    """Units of a line, of a kit's its whole kits, that can be cancelled now."""
    return min((cancellable(state, part) // per for part, per in _parts(line, state).items()), default=0)


def _named(message: CancelOrder) -> dict[str, int | None]:
    """What is named, each line once."""
    found: dict[str, int | None] = {}
    for line in message.lines or ():
        before = found.get(line.line, 0)
        found[line.line] = None if line.quantity is None or before is None else before + line.quantity
    return found


def _no_such_line(line: str, state: OrderStream) -> CancelRefused | None:
    if all(line != placed.line for placed in state.order.terms.lines):
        return CancelRefused(reason=CancelRefusal.UNKNOWN_LINE, detail=f"the order has no line {line}")
    kit = next((part.kit for part in parts_of_kits(state.order.terms) if part.line == line), None)
    if kit is not None:
        return CancelRefused(
            reason=CancelRefusal.PART_OF_KIT, detail=f"line {line} is a part of line {kit}: cancel kits by that line"
        )
    return None


def _parts(line: str, state: OrderStream) -> dict[str, int]:
    """The lines that the goods of a line leave by, with how many of each one unit of it has."""
    kit = {part.line: part.per for part in parts_of_kits(state.order.terms) if part.kit == line}
    return kit or ({line: 1} if line in state.order.lines else {})


def _too_many(line: str, left: int, parts: Sequence[str], state: OrderStream) -> CancelRefused:
    """Why so many cannot be cancelled, in a sentence."""
    lines = [state.order.lines[part] for part in parts]
    gone = any(line_units(part, *WITH_CUSTOMER) for part in lines)
    if any(count(work, bucket, part) for work in _deciding(state) for bucket in IN_FULFILLMENT for part in parts):
        detail = f"of line {line} {left} are left to cancel; a node still decides about others"
        return CancelRefused(reason=CancelRefusal.UNDER_WAY, detail=detail)
    back = "; what has left can come back as a return" if gone else ""
    detail = f"of line {line} {left} are left to cancel{back}"
    if left or not lines:
        return CancelRefused(reason=CancelRefusal.MORE_THAN_LEFT, detail=detail)
    return CancelRefused(reason=CancelRefusal.FULFILLED if gone else CancelRefusal.ALREADY_CANCELLED, detail=detail)


def _deciding(state: OrderStream) -> Iterator[Work]:
    """The work of nodes that were asked to let go of some, and have not answered."""
    return (state.fulfillment.works[key] for key in state.fulfillment.withdrawing)


def _askable(state: OrderStream) -> list[tuple[str, Work]]:
    """The work of nodes that can be asked to let go of some, the youngest first."""
    works = reversed(works_in_order(state.fulfillment.works))
    return [(key, work) for key, work in works if work.open and key not in state.fulfillment.withdrawing]


def cancellable(state: OrderStream, line: str) -> int:
    """Units of a line that have not left, and that no node is deciding about."""
    at_nodes = sum(count(work, bucket, line) for _, work in _askable(state) for bucket in IN_FULFILLMENT)
    return line_units(state.order.lines[line], *NOT_RELEASED) + at_nodes


# Which units


@dataclass(slots=True)
class _Taken:
    """What is taken of an order, as it is decided: units moved, claims given back whole or in part, nodes asked."""

    moves: list[Move] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    given_back: list[GivenBack] = field(default_factory=list)
    parts: list[AskedBack] = field(default_factory=list)


def cancel_units(
    state: OrderStream,
    wanted: Mapping[str, int],
    cause: CancelReason,
    detail: str | None,
    context: Context,
    change: str | None = None,
) -> Sequence[Event]:
    """Cancel so many units of lines, each at most what is left to cancel of it: at once what no node has heard of, and
    the nodes are asked for the rest. `change` is the change of the order that they go by."""
    taken = _Taken()
    for line, quantity in wanted.items():
        _take(taken, state, line, quantity)
    events: list[Event] = []
    if taken.moves:
        events.append(
            LinesCancelled(
                reason=cause,
                change=change,
                released_claims=tuple(sorted(taken.released)),
                given_back=tuple(taken.given_back),
                moves=tuple(taken.moves),
            )
        )
    if taken.parts:
        events.append(
            OrderCancelRequested(
                cause=cause,
                detail=detail,
                fulfillment_orders=tuple(sorted({part.fulfillment_order for part in taken.parts})),
                parts=tuple(taken.parts),
                answer_by=context.now + STEPS[WITHDRAW].answer_within,
            )
        )
    return events


def _take(taken: _Taken, state: OrderStream, line: str, left: int) -> None:
    claims = [claim for claim in reversed(claims_in_order(state.reservation.claims)) if claim.live]
    claims = [claim for claim in claims if claim.line == line]
    unanswered = sum(claim.unanswered for claim in claims)
    left -= _take_ordered(taken, line, left, line_units(state.order.lines[line], Bucket.ORDERED) - unanswered)
    for claim in (each for each in claims if each.unanswered):
        if left:
            left -= _take_unanswered(taken, state, claim, left)
    answered = [claim for claim in claims if claim.sequence not in taken.released]
    for claim in answered:
        quantity = min(left, claim.waiting)
        taken.moves += move(line, quantity, Bucket.BACKORDERED, Bucket.CANCELLED)
        _give_back(taken, claim.sequence, quantity, None)
        left -= quantity
    for claim in answered:
        left -= _take_held(taken, state, claim, left)
    for bucket in IN_FULFILLMENT:
        for key, work in _askable(state):
            quantity = min(left, count(work, bucket, line))
            _ask(taken, key, line, quantity)
            left -= quantity


def _take_ordered(taken: _Taken, line: str, left: int, there: int) -> int:
    quantity = min(left, there)
    taken.moves += move(line, quantity, Bucket.ORDERED, Bucket.CANCELLED)
    return quantity


def _take_unanswered(taken: _Taken, state: OrderStream, claim: Claim, left: int) -> int:
    """Nobody knows yet what inventory makes of such a claim, so it is given back whole, and what is left of it sourced
    again."""
    held = held_by(state, claim)
    taken.released.append(claim.sequence)
    taken.moves += move(claim.line, claim.waiting, Bucket.BACKORDERED, Bucket.ORDERED)
    taken.moves += move(claim.line, held, Bucket.RESERVED, Bucket.ORDERED)
    return _take_ordered(taken, claim.line, left, claim.unanswered + claim.waiting + held)


def _take_held(taken: _Taken, state: OrderStream, claim: Claim, left: int) -> int:
    held = (part for part in state.reservation.held.values() if part.sequence == claim.sequence)
    before = left
    for part in sorted(held, key=lambda part: part.location):
        quantity = min(left, part.quantity)
        taken.moves += move(claim.line, quantity, Bucket.RESERVED, Bucket.CANCELLED)
        _give_back(taken, claim.sequence, quantity, part.location)
        left -= quantity
    return before - left


def _give_back(taken: _Taken, sequence: int, quantity: int, location: str | None) -> None:
    if quantity:
        taken.given_back.append(GivenBack(sequence=sequence, quantity=quantity, location=location))


def _ask(taken: _Taken, key: str, line: str, quantity: int) -> None:
    """Ask a node for so many more units of a line."""
    if not quantity:
        return
    same = next((part for part in taken.parts if (part.fulfillment_order, part.line) == (key, line)), None)
    before = 0 if same is None else same.quantity
    taken.parts = [part for part in taken.parts if part is not same]
    taken.parts.append(AskedBack(fulfillment_order=key, line=line, quantity=before + quantity))
