"""What the fulfillment of an order makes of the answers to a cancel: work let go of at once, or as its node decides.

Facts too: what a node lets go of is cancelled, whether or not anybody still asks. Who asks is stream.py, what is
finished afterwards fulfillment_advance.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.fulfillment import (
    CancelDecided,
    CancelDecision,
    CancelRequested,
    DecidedLine,
    FulfillmentCancelled,
    FulfillmentCancelRefused,
)
from contracts.ids import split_stream
from contracts.message import Event, Message
from contracts.order import (
    Bucket,
    CancelLeftToNode,
    CancelRefusal,
    CancelRefused,
    FulfillmentWithdrawn,
    GivenBack,
    KeptLine,
    LinesWithdrawn,
    Move,
)
from services.order.cancelling import cancel_units, cancellable
from services.order.fulfillment_answers import all_of, of_node
from services.order.fulfillment_saga import STEPS
from services.order.fulfillment_state import DECIDE, Work, count
from services.order.order import IN_FULFILLMENT, move

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["decide"]

KEPT_TOLD_MAX = 5
"""Lines that the sentence about a refused cancel names; the event has all."""


def _on_withdrawn(message: FulfillmentCancelled, state: OrderStream, context: Context) -> Sequence[Event]:
    found, key = of_node(state, context), split_stream(context.subject)[1]
    if found is None and key not in state.fulfillment.withdrawing:
        return ()
    moves = all_of(found[1], Bucket.CANCELLED) if found else []
    given_back: tuple[GivenBack, ...] = ()
    if found and not state.fulfillment.cancelling:
        given_back = _given_back(found[1], {(line.line, line.sequence): line.quantity for line in message.lines})
    withdrawn = FulfillmentWithdrawn(fulfillment_order=key, given_back=given_back, moves=tuple(moves))
    return withdrawn, *_not_there(state, key, _units(moves), context)


def _on_cancel_requested(message: CancelRequested, state: OrderStream, context: Context) -> Sequence[Event]:
    key = split_stream(context.subject)[1]
    if key not in state.fulfillment.withdrawing:
        return ()
    answer_by = message.answer_by + STEPS[DECIDE].answer_within
    return (CancelLeftToNode(fulfillment_order=key, decide_by=message.answer_by, answer_by=answer_by),)


def _on_cancel_decided(message: CancelDecided, state: OrderStream, context: Context) -> Sequence[Event]:
    """What the node let go of is cancelled, whether or not anybody still asks; what it keeps goes on."""
    if message.part:
        return _on_part_decided(message, state, context)
    found, key = of_node(state, context), split_stream(context.subject)[1]
    asked = key in state.fulfillment.withdrawing
    kept = tuple(
        KeptLine(line=line.line, quantity=line.refused, reason=line.reason) for line in message.lines if line.refused
    )
    events: list[Event] = []
    if found and (moves := all_of(found[1], Bucket.CANCELLED) if not kept else _let_go(found[1], message.lines)):
        events.append(_withdrawn(key, found[1], message, moves, state))
    elif not kept and (found or asked):
        events.append(FulfillmentWithdrawn(fulfillment_order=key, moves=()))
    if kept and asked:
        reason, why = CancelRefusal.REFUSED_BY_NODE, _why_kept(message)
        events.append(CancelRefused(reason=reason, fulfillment_order=key, detail=why, lines=kept))
    return events


def _on_part_decided(message: CancelDecided, state: OrderStream, context: Context) -> Sequence[Event]:
    """Only some units were asked for: the rest goes on in any case, and what was asked for and is no longer there is
    cancelled where it is now."""
    found, key = of_node(state, context), split_stream(context.subject)[1]
    asked = key in state.fulfillment.withdrawing
    kept = tuple(
        KeptLine(line=line.line, quantity=line.refused, reason=line.reason) for line in message.lines if line.refused
    )
    events: list[Event] = []
    moves = _let_go(found[1], message.lines) if found else []
    if found and moves:
        events.append(_withdrawn(key, found[1], message, moves, state))
    if kept and asked:
        reason, why = CancelRefusal.REFUSED_BY_NODE, _why_kept(message)
        events.append(CancelRefused(reason=reason, fulfillment_order=key, detail=why, lines=kept))
    elif asked and not moves:
        events.append(LinesWithdrawn(fulfillment_order=key, packages=message.packages))
    answered = _units(moves) + Counter({line.line: line.quantity for line in kept})
    return [*events, *_not_there(state, key, answered, context)]


def _withdrawn(
    key: str, work: Work, message: CancelDecided, moves: Sequence[Move], state: OrderStream
) -> FulfillmentWithdrawn | LinesWithdrawn:
    """The units that a node let go of; their claims are given back now, unless the whole order's are."""
    given_back: tuple[GivenBack, ...] = ()
    if not state.fulfillment.cancelling:
        given_back = _given_back(work, {(line.line, line.sequence): line.granted for line in message.lines})
    if sum(each.quantity for each in moves) == sum(work.counts.values()):
        return FulfillmentWithdrawn(fulfillment_order=key, given_back=given_back, moves=tuple(moves))
    return LinesWithdrawn(
        fulfillment_order=key,
        packages=message.packages,
        shipment=work.shipment,
        given_back=given_back,
        moves=tuple(moves),
    )


def _given_back(work: Work, granted: Mapping[tuple[str, int], int]) -> tuple[GivenBack, ...]:
    """What claims still hold of units that a node let go of: what it had not picked."""
    found, unpicked = [], Counter({line.line: count(work, Bucket.RELEASED, line.line) for line in work.lines})
    for (line, sequence), quantity in granted.items():
        if held := min(quantity, unpicked[line]):
            unpicked[line] -= held
            found.append(GivenBack(sequence=sequence, quantity=held, location=work.location))
    return tuple(found)


def _units(moves: Iterable[Move]) -> Counter[str]:
    """The units that move, by line."""
    found: Counter[str] = Counter()
    for each in moves:
        found[each.line] += each.quantity
    return found


def _not_there(state: OrderStream, key: str, answered: Counter[str], context: Context) -> Sequence[Event]:
    """Units that a node was asked for and had no more: they were short, and are cancelled where they are now, as far as
    they have not left."""
    asked = state.fulfillment.asked_back.get(key)
    if asked is None or not asked.parts or state.fulfillment.cancelling or not state.order.open:
        return ()
    missing = Counter(dict(asked.parts)) - answered
    left = {line: min(units, cancellable(state, line)) for line, units in missing.items()}
    return cancel_units(state, left, state.fulfillment.cancel_cause, None, context)


def _let_go(work: Work, lines: Iterable[DecidedLine]) -> list[Move]:
    """The units that a node let go of, from where most of the work is still to be done."""
    granted: Counter[str] = Counter()
    for decided in lines:
        granted[decided.line] += decided.granted
    moves: list[Move] = []
    for line, left in granted.items():
        for bucket in IN_FULFILLMENT:
            taken = min(left, count(work, bucket, line))
            moves += move(line, taken, bucket, Bucket.CANCELLED)
            left -= taken
    return moves


def _why_kept(message: CancelDecided) -> str:
    """In a sentence, with the words of the node for the first few lines."""
    match message.decision:
        case CancelDecision.SILENCE:
            return f"{message.location} has not answered in time"
        case CancelDecision.LEFT:
            return f"it left {message.location} before an answer came"
    kept = [line for line in message.lines if line.refused]
    told = [f"{line.refused} of line {line.line}: {line.reason}" for line in kept[:KEPT_TOLD_MAX]]
    more = f"; and of {len(kept) - len(told)} lines more" if len(kept) > len(told) else ""
    return f"{message.location} keeps {'; '.join(told)}{more}"


def _on_cancel_refused(message: FulfillmentCancelRefused, state: OrderStream, context: Context) -> Sequence[Event]:
    key = split_stream(context.subject)[1]
    if key not in state.fulfillment.withdrawing:
        return ()
    reason, asked = CancelRefusal.REFUSED_BY_NODE, state.fulfillment.asked_back.get(key)
    if asked is None or not asked.parts:
        return (CancelRefused(reason=reason, fulfillment_order=key, detail=message.reason),)
    kept = tuple(KeptLine(line=line.line, quantity=line.quantity) for line in message.lines)
    detail = f"it has left {message.location}: what has left can come back as a return"
    refused = CancelRefused(reason=reason, fulfillment_order=key, detail=detail, lines=kept)
    return refused, *_not_there(state, key, Counter({line.line: line.quantity for line in kept}), context)


decide: Mapping[type[Message], Any] = {
    FulfillmentCancelled: _on_withdrawn,
    CancelRequested: _on_cancel_requested,
    CancelDecided: _on_cancel_decided,
    FulfillmentCancelRefused: _on_cancel_refused,
}
