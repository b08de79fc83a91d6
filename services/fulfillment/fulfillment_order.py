"""A fulfillment order: the work of one node for one order, from its list to the carrier's hands.

Fulfillment owns the facts picked, put back and gone, and sends them on to the stock items. A step that the present
state does not allow is refused by name; a document of the node that comes again changes nothing and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from chassis.decider import Answer, Context, Fold, Outgoing, Send, StreamKind
from chassis.maps import HashTrieMap
from contracts.fulfillment import (
    CancelFulfillment,
    CreateFulfillmentOrder,
    FulfillmentAccepted,
    FulfillmentCancelled,
    FulfillmentCancelRefused,
    FulfillmentLine,
    FulfillmentOrderCreated,
    FulfillmentRefused,
    FulfillmentRejected,
    HandedOver,
    NodeDocumentRepeated,
    Package,
    PackageContent,
    Packed,
    PackedContent,
    PackedPackage,
    Picked,
    PickedLine,
    PickLine,
    RecordAcceptance,
    RecordHandOver,
    RecordPack,
    RecordPick,
    RefusalReason,
)
from contracts.ids import aggregate_id, split_stream, stream
from contracts.inventory import Demand, RecordGone, RecordPicked, RecordPutBack
from contracts.message import Event, Message

__all__ = ["FULFILLMENT_ORDER", "KINDS"]


class Stage(StrEnum):
    """Where the work stands. `closed`: everything was short, so nothing follows."""

    UNKNOWN = "unknown"
    OPEN = "open"
    ACCEPTED = "accepted"
    PICKED = "picked"
    PACKED = "packed"
    HANDED_OVER = "handed_over"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class FulfillmentOrder:
    """What was asked for and how far it is; `documents` are those of the node, by step, with the step's name."""

    stage: Stage = Stage.UNKNOWN
    created: FulfillmentOrderCreated | None = None
    picked: tuple[PickedLine, ...] = ()
    packages: tuple[Package, ...] = ()
    documents: HashTrieMap[str, str] = field(default_factory=HashTrieMap)

    @property
    def asked(self) -> FulfillmentOrderCreated:
        """What was asked for; only of one that was created."""
        assert self.created is not None, "a fulfillment order has no contents before it is created"
        return self.created


# Evolve


def _evolve(state: FulfillmentOrder, event: Event) -> FulfillmentOrder:
    match event:
        case FulfillmentOrderCreated():
            return replace(state, stage=Stage.OPEN, created=event)
        case FulfillmentAccepted():
            return _documented(state, Stage.ACCEPTED, RecordAcceptance, event.document)
        case FulfillmentRejected():
            return _documented(state, Stage.REJECTED, RecordAcceptance, event.document)
        case Picked():
            stage = Stage.PICKED if any(line.quantity for line in event.lines) else Stage.CLOSED
            return replace(
                _documented(state, stage, RecordPick, event.document),
                picked=event.lines,
            )
        case Packed():
            return replace(
                _documented(state, Stage.PACKED, RecordPack, event.document),
                packages=event.packages,
            )
        case HandedOver():
            return _documented(state, Stage.HANDED_OVER, RecordHandOver, event.document)
        case FulfillmentCancelled():
            return replace(state, stage=Stage.CANCELLED)
    return state


def _documented(state: FulfillmentOrder, stage: Stage, step: type[Message], document: str) -> FulfillmentOrder:
    name = step.__name__
    return replace(
        state,
        stage=stage,
        documents=state.documents.insert(f"{name}\x1f{document}", name),
    )


# Decide

NodeFact = RecordAcceptance | RecordPick | RecordPack | RecordHandOver

_NEEDED: Mapping[type[Message], tuple[Stage, RefusalReason]] = {
    RecordAcceptance: (Stage.OPEN, RefusalReason.NOT_OPEN),
    RecordPick: (Stage.ACCEPTED, RefusalReason.NOT_ACCEPTED),
    RecordPack: (Stage.PICKED, RefusalReason.NOT_PICKED),
    RecordHandOver: (Stage.PACKED, RefusalReason.NOT_PACKED),
}
"""The stage that each of the node's facts needs, and the refusal while it has not been reached."""

_PROGRESS = (Stage.OPEN, Stage.ACCEPTED, Stage.PICKED, Stage.PACKED, Stage.HANDED_OVER)

_ENDED: Mapping[Stage, RefusalReason] = {
    Stage.UNKNOWN: RefusalReason.UNKNOWN,
    Stage.CANCELLED: RefusalReason.CANCELLED,
    Stage.REJECTED: RefusalReason.CLOSED,
    Stage.CLOSED: RefusalReason.CLOSED,
}


def _create(command: CreateFulfillmentOrder, state: FulfillmentOrder, context: Context) -> Sequence[Event]:
    created = FulfillmentOrderCreated(
        tenant=context.tenant,
        reply_to=context.reply_to,
        **{name: getattr(command, name) for name in _CREATED_FIELDS},
    )
    if state.stage is Stage.UNKNOWN:
        return [created]
    if state.created is None:
        return [_refused(command, state, context, RefusalReason.CANCELLED)]
    same = all(getattr(state.created, name) == getattr(command, name) for name in _CREATED_FIELDS)
    return [] if same else [_refused(command, state, context, RefusalReason.EXISTS)]


_CREATED_FIELDS = tuple(CreateFulfillmentOrder.model_fields)


def _refused(
    command: Message,
    state: FulfillmentOrder,
    context: Context,
    reason: RefusalReason,
    detail: str | None = None,
) -> FulfillmentRefused:
    return FulfillmentRefused(
        step=type(command).__name__,
        reason=reason,
        detail=detail,
        document=getattr(command, "document", None),
        order_id=None if state.created is None else state.created.order_id,
        location=None if state.created is None else state.created.location,
        reply_to=context.reply_to,
    )


def _fact(
    take: Callable[[Any, FulfillmentOrder, Context], Event],
) -> Callable[[Any, FulfillmentOrder, Context], Sequence[Event]]:
    """The decider of a node's fact: known documents and wrong stages first, then `take`."""

    def decide(command: NodeFact, state: FulfillmentOrder, context: Context) -> Sequence[Event]:
        step = type(command).__name__
        if f"{step}\x1f{command.document}" in state.documents:
            return [NodeDocumentRepeated(document=command.document, step=step)]
        if (reason := _stage_refusal(command, state)) is not None:
            return [_refused(command, state, context, reason, f"it is {state.stage}")]
        return [take(command, state, context)]

    return decide


def _stage_refusal(command: NodeFact, state: FulfillmentOrder) -> RefusalReason | None:
    """Why this fact does not fit the stage, if it does not."""
    needed, too_early = _NEEDED[type(command)]
    if state.stage in _ENDED:
        return _ENDED[state.stage]
    if state.stage is needed:
        return None
    late = _PROGRESS.index(state.stage) > _PROGRESS.index(needed)
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
    asked = {(line.line, line.sequence): line for line in state.asked.lines}
    taken = {(line.line, line.sequence): line for line in command.lines}
    if unknown := [key for key in taken if key not in asked]:
        return _refused(
            command,
            state,
            context,
            RefusalReason.UNKNOWN_LINE,
            f"nobody asked for line {unknown[0][0]}",
        )
    if len(taken) < len(asked) or len(taken) < len(command.lines):
        detail = "name every line once; a line of which nothing was taken has quantity 0"
        return _refused(command, state, context, RefusalReason.LINE_MISSING, detail)
    lines = tuple(_picked_line(line, taken[key]) for key, line in asked.items())
    return Picked(**_common(command, state), lines=lines)


def _picked_line(asked: FulfillmentLine, taken: PickLine) -> PickedLine:
    other = taken.sku is not None and taken.sku != asked.sku
    return PickedLine(
        line=asked.line,
        sequence=asked.sequence,
        sku=taken.sku or asked.sku,
        expected=asked.quantity,
        quantity=taken.quantity,
        short=max(0, asked.quantity - taken.quantity),
        unit=asked.unit,
        short_reason=taken.short_reason,
        asked_sku=asked.sku if other else None,
        traced=taken.traced,
    )


def _pack(command: RecordPack, state: FulfillmentOrder, context: Context) -> Event:
    numbers = [package.number for package in command.packages]
    if len(set(numbers)) < len(numbers):
        return _refused(command, state, context, RefusalReason.DUPLICATE_PACKAGE)
    packed: Counter[tuple[str, int]] = Counter()
    for package in command.packages:
        for content in package.contents:
            packed[content.line, content.sequence] += content.quantity
    picked = {(line.line, line.sequence): line for line in state.picked if line.quantity}
    if packed != {key: line.quantity for key, line in picked.items()}:
        detail = "the packages must hold exactly what was picked"
        return _refused(command, state, context, RefusalReason.DIFFERS_FROM_PICKED, detail)
    packages = tuple(_package(package, picked, context) for package in command.packages)
    return Packed(**_common(command, state), packages=packages)


def _package(
    packed: PackedPackage,
    picked: Mapping[tuple[str, int], PickedLine],
    context: Context,
) -> Package:
    _, fulfillment_order = split_stream(context.stream)
    return Package(
        package=aggregate_id(context.tenant, "package", fulfillment_order, str(packed.number)),
        number=packed.number,
        contents=tuple(
            _content(content, picked[content.line, content.sequence], fulfillment_order) for content in packed.contents
        ),
        weight_grams=packed.weight_grams,
    )


def _content(packed: PackedContent, picked: PickedLine, fulfillment_order: str) -> PackageContent:
    return PackageContent(
        fulfillment_order=fulfillment_order,
        line=picked.line,
        sequence=picked.sequence,
        sku=picked.sku,
        quantity=packed.quantity,
        unit=picked.unit,
        traced=packed.traced,
    )


def _hand_over(command: RecordHandOver, state: FulfillmentOrder, context: Context) -> Event:
    return HandedOver(**_common(command, state), packages=state.packages, handed_to=command.handed_to)


def _cancel(command: CancelFulfillment, state: FulfillmentOrder, context: Context) -> Sequence[Event]:
    if state.created is None:
        return [FulfillmentCancelled(lines=(), seen=False, cause=command.cause, reply_to=context.reply_to)]
    asked, reply_to = state.created, context.reply_to or state.created.reply_to
    if state.stage is Stage.HANDED_OVER:
        return [
            FulfillmentCancelRefused(
                order_id=asked.order_id,
                location=asked.location,
                lines=asked.lines,
                reason=RefusalReason.ALREADY_DONE,
                reply_to=reply_to,
            )
        ]
    on_the_way = state.stage in (Stage.PICKED, Stage.PACKED)
    return [
        FulfillmentCancelled(
            order_id=asked.order_id,
            location=asked.location,
            lines=asked.lines if state.stage in _PROGRESS else (),
            put_back=tuple(line for line in state.picked if line.quantity) if on_the_way else (),
            seen=True,
            cause=command.cause,
            reply_to=reply_to,
        )
    ]


# React


def _react(state: FulfillmentOrder, event: Event) -> Sequence[Outgoing]:
    reply_to = getattr(event, "reply_to", None)
    answers: list[Outgoing] = [] if reply_to is None else [Answer(reply_to)]
    return [*answers, *_facts_for_stock(state, event)]


def _facts_for_stock(state: FulfillmentOrder, event: Event) -> list[Send]:
    match event:
        case Picked():
            return [_to_stock(state, fact) for line in event.lines for fact in _picks(state, line, event)]
        case HandedOver():
            gone = [line for line in state.picked if line.quantity]
            return [
                _to_stock(
                    state,
                    RecordGone(
                        **_of_line(state, line, event.document),
                        occurred_at=event.occurred_at,
                    ),
                )
                for line in gone
            ]
        case FulfillmentCancelled(put_back=lines) if lines:
            return [_to_stock(state, RecordPutBack(**_of_line(state, line, "cancelled"))) for line in lines]
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


FULFILLMENT_ORDER = StreamKind(
    kind="fulfillment_order",
    folds=(Fold("fulfillment_order", 1, FulfillmentOrder(), _evolve, _react),),
    decide={
        CreateFulfillmentOrder: _create,
        CancelFulfillment: _cancel,
        RecordAcceptance: _fact(_accept),
        RecordPick: _fact(_pick),
        RecordPack: _fact(_pack),
        RecordHandOver: _fact(_hand_over),
    },
)

KINDS = (FULFILLMENT_ORDER,)
