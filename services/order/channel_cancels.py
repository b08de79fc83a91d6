"""A channel takes back what it sent: by its own ids of lines, and also before its order is there.

A fold of the order's stream for what came ahead of the order. How units are cancelled is in cancelling.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chassis.decider import Context, Fold
from chassis.states import replace
from contracts.message import Event, Message
from contracts.order import (
    CancelByChannel,
    CancelLine,
    CancelOrder,
    CancelRecalled,
    CancelRefusal,
    CancelRefused,
    CancelRemembered,
    ChannelUnits,
)
from services.order.cancelling import cancel, left_to_cancel
from services.order.reservation_answers import SENT_LATER

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FOLD", "REMEMBERED_MAX", "CancelsAhead", "advance", "decide"]

REMEMBERED_MAX = 20
"""Cancels that are kept of an order that has not come."""


# State


@dataclass(frozen=True, slots=True)
class CancelsAhead:
    """The cancels that came before the order and have not been looked at since, the first first."""

    remembered: tuple[CancelRemembered, ...] = ()


def evolve(state: CancelsAhead, event: Event) -> CancelsAhead:
    """What is remembered after one more event of the order's stream."""
    match event:
        case CancelRemembered():
            return replace(state, remembered=(*state.remembered, event))
        case CancelRecalled():
            left = tuple(each for each in state.remembered if each.cancel != event.cancel)
            return replace(state, remembered=left)
    return state


# Decide


def _cancel(message: CancelByChannel, state: OrderStream, context: Context) -> Sequence[Event]:
    if state.order.placed is not None:
        return _cancelled(message, state, context)
    if len(state.ahead.remembered) >= REMEMBERED_MAX:
        detail = f"{REMEMBERED_MAX} cancels wait for this order already"
        return (CancelRefused(reason=CancelRefusal.UNKNOWN_ORDER, cancel=message.cancel, detail=detail),)
    return (CancelRemembered(cancel=message.cancel, cause=message.cause, lines=message.lines),)


def advance(state: OrderStream, context: Context) -> Sequence[Event]:
    """The next of the cancels that were there before the order; nothing once all were looked at."""
    if state.order.placed is None or not state.ahead.remembered:
        return ()
    first = state.ahead.remembered[0]
    return CancelRecalled(cancel=first.cancel), *_cancelled(first, state, context)


def _cancelled(wish: CancelByChannel | CancelRemembered, state: OrderStream, context: Context) -> Sequence[Event]:
    """As anybody's cancel, of our lines."""
    lines: list[CancelLine] = []
    for units in wish.lines:
        ours = _ours(units, state)
        if not ours:
            detail = f"the order has no line {units.channel_line} of the channel's"
            return (CancelRefused(reason=CancelRefusal.UNKNOWN_LINE, cancel=wish.cancel, detail=detail),)
        lines += ours
    events = cancel(CancelOrder(cause=wish.cause, lines=tuple(lines) or None), state, context)
    return [_named(event, wish.cancel) for event in events]


def _named(event: Event, name: str) -> Event:
    return event.model_copy(update={"cancel": name}) if isinstance(event, CancelRefused) else event


def _ours(units: ChannelUnits, state: OrderStream) -> list[CancelLine]:
    """Our lines of a line of the channel's, with how many of each: those that were added to it give first; what is sent
    for units that had left the channel never ordered. Who names more than is left names it of the first, and so is
    refused."""
    named = (line for line in state.order.terms.lines if line.channel_line == units.channel_line)
    ours = [line.line for line in named if line.relates_to is None or line.relates_to.kind not in SENT_LATER]
    if len(ours) == 1:
        return [CancelLine(line=ours[0], quantity=units.quantity)]
    if units.quantity is None:
        return [CancelLine(line=line) for line in ours if left_to_cancel(line, state)] or [
            CancelLine(line=line) for line in ours[:1]
        ]
    left, found = units.quantity, []
    for line in reversed(ours):
        taken = left if line == ours[0] else min(left, left_to_cancel(line, state))
        if taken:
            found.append(CancelLine(line=line, quantity=taken))
        left -= taken
    return found


decide: Mapping[type[Message], Any] = {CancelByChannel: _cancel}

FOLD = Fold("cancels_ahead", 1, CancelsAhead(), evolve)
