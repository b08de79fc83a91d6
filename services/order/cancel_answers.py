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
    KeptLine,
    LinesWithdrawn,
    Move,
)
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
    moves = all_of(found[1], Bucket.CANCELLED) if found else ()
    return (FulfillmentWithdrawn(fulfillment_order=key, moves=tuple(moves)),)


def _on_cancel_requested(message: CancelRequested, state: OrderStream, context: Context) -> Sequence[Event]:
    key = split_stream(context.subject)[1]
    if key not in state.fulfillment.withdrawing:
        return ()
    answer_by = message.answer_by + STEPS[DECIDE].answer_within
    return (CancelLeftToNode(fulfillment_order=key, decide_by=message.answer_by, answer_by=answer_by),)


def _on_cancel_decided(message: CancelDecided, state: OrderStream, context: Context) -> Sequence[Event]:
    """What the node let go of is cancelled, whether or not anybody still asks; what it keeps goes on."""
    found, key = of_node(state, context), split_stream(context.subject)[1]
    asked = key in state.fulfillment.withdrawing
    kept = tuple(
        KeptLine(line=line.line, quantity=line.refused, reason=line.reason) for line in message.lines if line.refused
    )
    events: list[Event] = []
    if not kept and (found or asked):
        moves = all_of(found[1], Bucket.CANCELLED) if found else ()
        events.append(FulfillmentWithdrawn(fulfillment_order=key, moves=tuple(moves)))
    elif found and (moves := _let_go(found[1], message.lines)):
        shipment = found[1].shipment
        events.append(
            LinesWithdrawn(fulfillment_order=key, packages=message.packages, shipment=shipment, moves=tuple(moves))
        )
    if kept and asked:
        reason, why = CancelRefusal.REFUSED_BY_NODE, _why_kept(message)
        events.append(CancelRefused(reason=reason, fulfillment_order=key, detail=why, lines=kept))
    return events


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
    reason = CancelRefusal.REFUSED_BY_NODE
    return (CancelRefused(reason=reason, fulfillment_order=key, detail=message.reason),)


decide: Mapping[type[Message], Any] = {
    FulfillmentCancelled: _on_withdrawn,
    CancelRequested: _on_cancel_requested,
    CancelDecided: _on_cancel_decided,
    FulfillmentCancelRefused: _on_cancel_refused,
}
