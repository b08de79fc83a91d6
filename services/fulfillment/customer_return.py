"""A return: goods of a customer that come back, from the announcement to the disposition of the last unit.

An order announces it, or it just arrives (a blind return) and is matched to an order later, or never. Fulfillment owns
what came back and what becomes of it, and tells the stock items.
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Answer, Context, Fold, Outgoing, Send, StreamKind
from contracts.fulfillment import (
    CancelReturn,
    CloseReturn,
    Disposition,
    InspectedItem,
    MatchedUnits,
    OpenReturn,
    ReopenReturn,
    ReturnCancelled,
    ReturnClosed,
    ReturnInspected,
    ReturnMatched,
    ReturnOpened,
    ReturnRefusal,
    ReturnReopened,
)
from contracts.ids import aggregate_id, split_stream, stream
from contracts.inventory import RecordReturned
from contracts.message import Event
from services.fulfillment import return_facts
from services.fulfillment.return_facts import closed_by_itself, common, refused
from services.fulfillment.return_state import CAME, Return, ReturnStage, evolve, inspected, piles, unseen

__all__ = ["RETURN"]


# Decide


def _open(command: OpenReturn, state: Return, context: Context) -> Sequence[Event]:
    """The same again changes nothing; a return that came without an order is matched to this one."""
    if state.opened is None:
        if state.stage is not ReturnStage.UNKNOWN:
            return [refused(command, state, context, ReturnRefusal.CANCELLED)]
        asked = {name: getattr(command, name) for name in _ASKED}
        _, identifier = split_stream(context.stream)
        return [ReturnOpened(tenant=context.tenant, return_id=identifier, reply_to=context.reply_to, **asked)]
    if state.order_id is None:
        return _match(command, state, context)
    same = (command.order_id, command.number, command.lines)
    if same == (state.order_id, _number(state), state.lines):
        return []
    return [refused(command, state, context, ReturnRefusal.EXISTS)]


_ASKED = ("order_id", "number", "lines", "postage", "label", "expires_at")


def _number(state: Return) -> int | None:
    known = state.matched or state.opened
    return None if known is None else known.number


def _match(command: OpenReturn, state: Return, context: Context) -> Sequence[Event]:
    matched = ReturnMatched(
        order_id=command.order_id,
        number=command.number,
        lines=command.lines,
        postage=command.postage,
        units=_units_of(command, state),
        reply_to=context.reply_to,
    )
    return [matched, *closed_by_itself(evolve(state, matched))]


def _units_of(command: OpenReturn, state: Return) -> tuple[MatchedUnits, ...]:
    """The units here that are of the order's lines: those that were looked at first, no more than are announced."""
    left = {line.line: line.quantity for line in command.lines}
    here = sorted(piles(state), key=lambda each: each[0].disposition is None)
    found = []
    for pile, quantity in here:
        rest = quantity
        for line in command.lines:
            taken = min(rest, left[line.line]) if (line.sku, line.unit) == (pile.sku, pile.unit) else 0
            if taken:
                left[line.line] -= taken
                rest -= taken
                found.append(
                    MatchedUnits(
                        line=line.line,
                        sku=pile.sku,
                        quantity=taken,
                        unit=pile.unit,
                        location=pile.location,
                        disposition=pile.disposition,
                    )
                )
    return tuple(found)


def _cancel(command: CancelReturn, state: Return, context: Context) -> Sequence[Event]:
    """Nothing more is expected. Goods that have come are here whatever anybody wished, and go their way."""
    if state.stage not in _STILL_TO_COME:
        return []
    cancelled = ReturnCancelled(**common(state), cause=command.cause, seen=state.opened is not None)
    return [cancelled, *closed_by_itself(evolve(state, cancelled))]


_STILL_TO_COME = (ReturnStage.UNKNOWN, ReturnStage.OPEN, ReturnStage.IN_TRANSIT, ReturnStage.PARTLY_RECEIVED)


def _close(command: CloseReturn, state: Return, context: Context) -> Sequence[Event]:
    if (reason := _not_to_close(state)) is not None:
        return [refused(command, state, context, reason, f"it is {state.stage}")]
    return [ReturnClosed(**common(state), inspected=inspected(state), detail=command.detail)]


def _not_to_close(state: Return) -> ReturnRefusal | None:
    if state.stage is ReturnStage.UNKNOWN:
        return ReturnRefusal.UNKNOWN
    if state.stage is ReturnStage.CLOSED:
        return ReturnRefusal.CLOSED
    if state.stage not in CAME:
        return ReturnRefusal.NOT_RECEIVED
    return ReturnRefusal.NOT_INSPECTED if unseen(state) else None


def _reopen(command: ReopenReturn, state: Return, context: Context) -> Sequence[Event]:
    if state.stage is ReturnStage.CLOSED:
        return [ReturnReopened(**common(state), detail=command.detail)]
    unknown = state.stage is ReturnStage.UNKNOWN
    reason = ReturnRefusal.UNKNOWN if unknown else ReturnRefusal.NOT_CLOSED
    return [refused(command, state, context, reason, f"it is {state.stage}")]


# React


def _react(state: Return, event: Event) -> Sequence[Outgoing]:
    reply_to = getattr(event, "reply_to", None)
    answers: list[Outgoing] = [] if reply_to is None else [Answer(reply_to)]
    if isinstance(event, ReturnInspected) and state.opened is not None:
        answers += [_to_stock(state.opened, item, event) for item in event.items if _in_the_book(item)]
    return answers


def _in_the_book(item: InspectedItem) -> bool:
    """What was missing all along never came into stock, and what is said again is there already."""
    return item.disposition is not item.instead_of and (
        item.disposition is not Disposition.MISSING or item.instead_of is not None
    )


def _to_stock(opened: ReturnOpened, item: InspectedItem, event: ReturnInspected) -> Send:
    fact = RecordReturned(
        sku=item.sku,
        return_id=opened.return_id,
        location=event.location,
        quantity=item.quantity,
        unit=item.unit,
        disposition=item.disposition,
        instead_of=item.instead_of,
        document=event.document,
        occurred_at=event.occurred_at,
    )
    return Send("inventory", stream("stock_item", aggregate_id(opened.tenant, "stock_item", item.sku)), fact)


def _story(state: Return) -> str | None:
    return None if state.order_id is None else stream("order", state.order_id)


RETURN = StreamKind(
    kind="return",
    folds=(Fold("return", 2, Return(), evolve, _react),),
    decide={
        OpenReturn: _open,
        CancelReturn: _cancel,
        CloseReturn: _close,
        ReopenReturn: _reopen,
        **return_facts.decide,
    },
    story=_story,
)
