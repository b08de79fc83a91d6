"""What a fulfillment order makes of its node's facts: accepted, picked, packed, handed over, or ready and collected.

Each needs a stage of the work, and one that does not fit is refused by name. A document that comes again changes
nothing and says so; one that says something else than before is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chassis.decider import Context
from contracts.fulfillment import (
    Collected,
    FulfillmentAccepted,
    FulfillmentLine,
    FulfillmentRejected,
    HandedOver,
    NodeDocumentRepeated,
    Packed,
    Picked,
    PickedLine,
    PickLine,
    ReadyForPickup,
    RecordAcceptance,
    RecordCollection,
    RecordHandOver,
    RecordPack,
    RecordPick,
    RecordReady,
    RefusalReason,
)
from contracts.message import Event, Message
from services.fulfillment.cancelling import ended_by
from services.fulfillment.fulfillment_order_state import PROGRESS, FulfillmentOrder, Stage, content_of, key_of
from services.fulfillment.packages import numbered_twice, packages_of
from services.fulfillment.refusals import ENDED, refused

__all__ = ["decide"]

NodeFact = RecordAcceptance | RecordPick | RecordPack | RecordHandOver | RecordReady | RecordCollection

_NEEDED: Mapping[type[Message], tuple[tuple[Stage, ...], RefusalReason]] = {
    RecordAcceptance: ((Stage.OPEN,), RefusalReason.NOT_OPEN),
    RecordPick: ((Stage.ACCEPTED,), RefusalReason.NOT_ACCEPTED),
    RecordPack: ((Stage.PICKED,), RefusalReason.NOT_PICKED),
    RecordHandOver: ((Stage.PACKED,), RefusalReason.NOT_PACKED),
    RecordReady: ((Stage.PICKED, Stage.PACKED), RefusalReason.NOT_PICKED),
    RecordCollection: ((Stage.READY,), RefusalReason.NOT_READY),
}
"""The stages that each of the node's facts fits, and the refusal while none of them has been reached."""

_OF_PICKUP: Mapping[type[Message], bool] = {RecordHandOver: False, RecordReady: True, RecordCollection: True}
"""The facts of one way alone: whether of what is collected, or of what is shipped."""

Reported = FulfillmentAccepted | FulfillmentRejected | Picked | Packed | HandedOver | ReadyForPickup | Collected


def _reported(command: NodeFact, state: FulfillmentOrder) -> Reported | None:
    """What the node has reported of this step before."""
    match command:
        case RecordAcceptance():
            return state.accepted or state.rejected
        case RecordPick():
            return state.picked
        case RecordPack():
            return state.packed
        case RecordHandOver():
            return state.handed_over
        case RecordReady():
            return state.ready
        case RecordCollection():
            return state.collected


def _fact(
    take: Callable[[Any, FulfillmentOrder, Context], Event],
) -> Callable[[Any, FulfillmentOrder, Context], Sequence[Event]]:
    """The decider of a node's fact: known documents and wrong stages first, then `take`."""

    def decide(command: NodeFact, state: FulfillmentOrder, context: Context) -> Sequence[Event]:
        before = _reported(command, state)
        if before is not None and before.document == command.document:
            if _content(take(command, state, context)) == _content(before):
                return [NodeDocumentRepeated(document=command.document, step=type(command).__name__)]
            detail = "this document said something else before; what it said stands"
            return [refused(command, state, context, RefusalReason.ALREADY_DONE, detail)]
        if (reason := _stage_refusal(command, state)) is not None:
            wrong_way = reason is RefusalReason.WRONG_METHOD
            detail = f"its method is {state.asked.method}" if wrong_way else f"it is {state.stage}"
            return [refused(command, state, context, reason, detail)]
        taken = take(command, state, context)
        return [taken, *ended_by(taken, state)]

    return decide


def _content(event: Event) -> Event:
    """An event without what may differ when the same document is sent again: when and by which message it came."""
    return event.model_copy(update={"door_digest": None, "occurred_at": None})


def _stage_refusal(command: NodeFact, state: FulfillmentOrder) -> RefusalReason | None:
    """Why this fact does not fit the stage, if it does not."""
    needed, too_early = _NEEDED[type(command)]
    if state.stage in ENDED:
        return ENDED[state.stage]
    if _OF_PICKUP.get(type(command), state.for_pickup) is not state.for_pickup:
        return RefusalReason.WRONG_METHOD
    if state.stage in needed:
        return None
    late = PROGRESS.index(state.stage) > PROGRESS.index(needed[-1])
    return RefusalReason.ALREADY_DONE if late else too_early


def _common(command: NodeFact, state: FulfillmentOrder) -> dict[str, Any]:
    """The fields that every event about a node's fact has."""
    asked = state.asked
    return {
        "order_id": asked.order_id,
        "location": asked.location,
        "document": command.document,
        "occurred_at": command.occurred_at,
        "reply_to": asked.reply_to,
    }


def _accept(command: RecordAcceptance, state: FulfillmentOrder, context: Context) -> Event:
    if command.accepted:
        return FulfillmentAccepted(**_common(command, state))
    return FulfillmentRejected(
        **_common(command, state),
        reject_reason=command.reject_reason,
        lines=state.asked.lines,
    )


def _pick(command: RecordPick, state: FulfillmentOrder, context: Context) -> Event:
    asked = {key_of(line): line for line in state.to_pick}
    taken = {(line.line, line.sequence): line for line in command.lines}
    if unknown := [key for key in taken if key not in asked]:
        return refused(
            command,
            state,
            context,
            RefusalReason.UNKNOWN_LINE,
            f"nobody asked for line {unknown[0][0]}",
        )
    if len(taken) < len(asked) or len(taken) < len(command.lines):
        detail = "name every line once; a line of which nothing was taken has quantity 0"
        return refused(command, state, context, RefusalReason.LINE_MISSING, detail)
    lines = tuple(_picked_line(line, taken[key]) for key, line in asked.items())
    return Picked(**_common(command, state), lines=lines)


def _picked_line(asked: FulfillmentLine, taken: PickLine) -> PickedLine:
    sku = taken.sku or asked.sku
    return PickedLine(
        line=asked.line,
        sequence=asked.sequence,
        sku=sku,
        expected=asked.quantity,
        quantity=taken.quantity,
        short=max(0, asked.quantity - taken.quantity),
        unit=asked.unit,
        short_reason=taken.short_reason,
        asked_sku=asked.sku if sku != asked.sku else None,
        traced=taken.traced,
    )


def _pack(command: RecordPack, state: FulfillmentOrder, context: Context) -> Event:
    if numbered_twice(command.packages):
        return refused(command, state, context, RefusalReason.DUPLICATE_PACKAGE)
    if content_of(command.packages) != {key_of(line): min(line.quantity, line.expected) for line in state.taken}:
        detail = "the packages must hold exactly what was picked, and no more than was asked for"
        return refused(command, state, context, RefusalReason.DIFFERS_FROM_PICKED, detail)
    packages = packages_of(command.packages, state.taken, context)
    return Packed(**_common(command, state), packages=packages)


def _hand_over(command: RecordHandOver, state: FulfillmentOrder, context: Context) -> Event:
    return HandedOver(**_common(command, state), packages=state.packages, handed_to=command.handed_to)


def _ready(command: RecordReady, state: FulfillmentOrder, context: Context) -> Event:
    here = state.inside if state.ready is None else state.ready.lines
    lines = (line.model_copy(update={"quantity": min(line.quantity, line.expected)}) for line in here)
    return ReadyForPickup(**_common(command, state), lines=tuple(lines), shelf=command.shelf)


def _collect(command: RecordCollection, state: FulfillmentOrder, context: Context) -> Event:
    return Collected(**_common(command, state), lines=state.inside, collected_by=command.collected_by)


decide: Mapping[type[Message], Callable[[Any, FulfillmentOrder, Context], Sequence[Event]]] = {
    RecordAcceptance: _fact(_accept),
    RecordPick: _fact(_pick),
    RecordPack: _fact(_pack),
    RecordHandOver: _fact(_hand_over),
    RecordReady: _fact(_ready),
    RecordCollection: _fact(_collect),
}
