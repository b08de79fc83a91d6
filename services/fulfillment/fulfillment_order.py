"""A fulfillment order: the work of one node for one order, from its list to the carrier's hands, or its customer's.

Fulfillment owns the facts picked, put back and gone, and sends them on to the stock items. The state stands in
fulfillment_order_state.py; what becomes of the node's facts is decided in node_facts.py, what of a cancel in
cancelling.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.decider import Answer, Context, Fold, Outgoing, Send, StreamKind
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import (
    CancelDecided,
    CancelFulfillment,
    Collected,
    CreateFulfillmentOrder,
    FulfillmentOrderCreated,
    HandedOver,
    Packed,
    Picked,
    PickedLine,
    ReadyForPickup,
    RecordCancelDecision,
    RefusalReason,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import Demand, RecordGone, RecordPicked, RecordPutBack
from contracts.message import Command, Event
from services.fulfillment import cancelling, node_facts
from services.fulfillment.customer_return import RETURN
from services.fulfillment.fulfillment_order_state import (
    FulfillmentOrder,
    Stage,
    deadlines_of,
    evolve,
    key_of,
)
from services.fulfillment.refusals import refused

__all__ = ["FULFILLMENT_ORDER", "KINDS"]

# Decide


def _create(command: CreateFulfillmentOrder, state: FulfillmentOrder, context: Context) -> Sequence[Event]:
    created = FulfillmentOrderCreated(
        tenant=context.tenant,
        reply_to=context.reply_to,
        **{name: getattr(command, name) for name in _CREATED_FIELDS},
    )
    if state.stage is Stage.UNKNOWN:
        return [created]
    if state.created is None:
        return [refused(command, state, context, RefusalReason.CANCELLED)]
    same = all(getattr(state.created, name) == getattr(command, name) for name in _CREATED_FIELDS)
    return [] if same else [refused(command, state, context, RefusalReason.EXISTS)]


_CREATED_FIELDS = tuple(name for name in CreateFulfillmentOrder.model_fields if name not in Command.model_fields)


# React


def _react(state: FulfillmentOrder, event: Event) -> Sequence[Outgoing]:
    reply_to = getattr(event, "reply_to", None)
    answers: list[Outgoing] = [] if reply_to is None else [Answer(reply_to)]
    return [*answers, *_facts_for_stock(state, event)]


def _facts_for_stock(state: FulfillmentOrder, event: Event) -> list[Send]:
    match event:
        case Picked():
            return [_to_stock(state, fact) for line in event.lines for fact in _picks(state, line, event)]
        case Packed():
            return [_to_stock(state, back) for back in _left_over(state, event)]
        case ReadyForPickup() if state.packed is None:
            return [_to_stock(state, back) for back in _left_over(state, event)]
        case HandedOver() | Collected():
            return [
                _to_stock(state, RecordGone(**_of_line(state, line, event.document), occurred_at=event.occurred_at))
                for line in state.inside
            ]
        case CancelDecided(document=str(document)):
            return [
                _to_stock(state, RecordPutBack(**_of_line(state, line, document), occurred_at=event.occurred_at))
                for line in event.put_back
            ]
    return []


def _picks(state: FulfillmentOrder, line: PickedLine, event: Picked) -> list[RecordPicked]:
    """The pick as each SKU sees it: another item taken leaves the one asked for short altogether."""
    facts = {**_of_line(state, line, event.document), "occurred_at": event.occurred_at}
    own = RecordPicked(
        **facts,
        expected=line.expected if line.asked_sku is None else 0,
        short_reason=line.short_reason,
        substitute_for=line.asked_sku,
        traced=line.traced,
    )
    if line.asked_sku is None:
        return [own]
    facts |= {"sku": line.asked_sku, "quantity": 0}
    return [
        RecordPicked(
            **facts,
            expected=line.expected,
            short_reason=line.short_reason or "substituted",
        ),
        own,
    ]


def _left_over(state: FulfillmentOrder, event: Packed | ReadyForPickup) -> list[RecordPutBack]:
    """What was picked beyond what was asked for goes back on the shelf when the rest is packed, or set aside unpacked."""
    kept = {key_of(line): line.quantity for line in state.inside}
    left = ((line, line.quantity - kept.get(key_of(line), 0)) for line in state.taken)
    return [
        RecordPutBack(**{**_of_line(state, line, event.document), "quantity": quantity}, occurred_at=event.occurred_at)
        for line, quantity in left
        if quantity
    ]


def _of_line(state: FulfillmentOrder, line: PickedLine, document: str) -> dict[str, Any]:
    asked = state.asked
    fulfillment_order = aggregate_id(
        asked.tenant,
        "fulfillment_order",
        asked.order_id,
        asked.location,
        str(asked.sequence),
    )
    return {
        "sku": line.sku,
        "demand": Demand(kind="order", id=asked.order_id, line=line.line),
        "sequence": line.sequence,
        "location": asked.location,
        "quantity": line.quantity,
        "unit": line.unit,
        "fulfillment_order": fulfillment_order,
        "document": document,
    }


def _to_stock(state: FulfillmentOrder, fact: RecordPicked | RecordGone | RecordPutBack) -> Send:
    return Send(
        "inventory",
        stream("stock_item", aggregate_id(state.asked.tenant, "stock_item", fact.sku)),
        fact,
    )


def _story(state: FulfillmentOrder) -> str | None:
    return None if state.created is None else stream("order", state.created.order_id)


FULFILLMENT_ORDER = StreamKind(
    kind="fulfillment_order",
    folds=(Fold("fulfillment_order", 6, FulfillmentOrder(), evolve, _react, deadlines_of),),
    decide={
        CreateFulfillmentOrder: _create,
        CancelFulfillment: cancelling.cancel,
        RecordCancelDecision: cancelling.record_decision,
        DeadlinePassed: cancelling.answer_late,
        **node_facts.decide,
    },
    story=_story,
)

KINDS = (FULFILLMENT_ORDER, RETURN)
