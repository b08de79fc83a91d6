"""Who looks after an order, and how much they noted: a fold of the order's stream that moves nothing.

What a note says is sealed and not kept here: whoever may read it reads the events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chassis.decider import Context, Fold
from chassis.states import replace
from contracts.message import Event, Message
from contracts.order import (
    AddNote,
    AssignOrder,
    LookingAfterRefusal,
    LookingAfterRefused,
    NoteAdded,
    OrderAssigned,
)

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FOLD", "NOTES_MAX", "LookedAfter", "decide"]

NOTES_MAX = 500
"""Notes of one order."""


@dataclass(frozen=True, slots=True)
class LookedAfter:
    """The account that looks after an order, None where nobody does, and the number of its notes."""

    owner: str | None = None
    notes: int = 0


def evolve(state: LookedAfter, event: Event) -> LookedAfter:
    """Notes are counted; the last who was assigned is the owner."""
    match event:
        case NoteAdded():
            return replace(state, notes=state.notes + 1)
        case OrderAssigned():
            return replace(state, owner=event.owner)
    return state


def _note(message: AddNote, state: OrderStream, context: Context) -> Sequence[Event]:
    if state.order.placed is None:
        return (LookingAfterRefused(reason=LookingAfterRefusal.UNKNOWN_ORDER),)
    if state.looked_after.notes >= NOTES_MAX:
        return (LookingAfterRefused(reason=LookingAfterRefusal.TOO_MANY_NOTES),)
    return (NoteAdded(note=str(state.looked_after.notes + 1), text=message.text),)


def _assign(message: AssignOrder, state: OrderStream, context: Context) -> Sequence[Event]:
    """Also to who has it already: that somebody said so is recorded."""
    if state.order.placed is None:
        return (LookingAfterRefused(reason=LookingAfterRefusal.UNKNOWN_ORDER),)
    return (OrderAssigned(owner=message.owner, before=state.looked_after.owner),)


decide: Mapping[type[Message], Any] = {AddNote: _note, AssignOrder: _assign}

FOLD = Fold("looked_after", 1, LookedAfter(), evolve)
