"""What people do about an order beside moving it on: who looks after it, and what they noted."""

from __future__ import annotations

from enum import StrEnum

from contracts.message import Command, Event
from contracts.personal import Personal

__all__ = ["AddNote", "AssignOrder", "LookingAfterRefusal", "LookingAfterRefused", "NoteAdded", "OrderAssigned"]


class AddNote(Command):
    """Somebody writes something down about an order. People write names into notes: `text` holds `notes` alone, sealed by
    the door under the key of the buyer, with whom it is forgotten."""

    text: Personal


class AssignOrder(Command):
    """The account `owner` looks after an order from now on; nobody where it is absent."""

    owner: str | None = None


class NoteAdded(Event):
    """The `note`-th note of an order, counted from 1. Who wrote it is the event's actor. It may come after the order has
    ended, and moves nothing."""

    note: str
    text: Personal


class OrderAssigned(Event):
    """The account `owner` looks after the order, whoever did `before`; absent where nobody does."""

    owner: str | None = None
    before: str | None = None


class LookingAfterRefusal(StrEnum):
    """Why nothing was noted or assigned: no such order, or it has as many notes as an order may have."""

    UNKNOWN_ORDER = "unknown_order"
    TOO_MANY_NOTES = "too_many_notes"


class LookingAfterRefused(Event):
    """Nothing was noted, or nobody assigned."""

    reason: LookingAfterRefusal
