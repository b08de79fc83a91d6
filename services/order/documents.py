"""Invoices and credit notes: payments are told what to state of each fulfilment and of each refund.

A fold of the order's stream beside the sagas, with no state and no step: a document is payments' from then on, and
nothing in the order waits for it. What an invoice says is in invoicing.py, a credit note in crediting.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.decider import Fold, Send
from contracts.message import Event
from contracts.order import CaptureRequested, Refunded
from services.order.crediting import credit_note
from services.order.invoicing import invoice

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FOLD", "DocumentsState"]


@dataclass(frozen=True, slots=True)
class DocumentsState:
    """Nothing: a document follows from the order's terms, what left and what was paid back."""


def evolve(state: DocumentsState, event: Event) -> DocumentsState:
    """Nothing is remembered."""
    return state


def react(state: OrderStream, event: Event) -> Sequence[Send]:
    """One invoice for each fulfilment that is worth something, one credit note for each refund of what was invoiced."""
    match event:
        case CaptureRequested():
            return (invoice(state, event),)
        case Refunded():
            return credit_note(state, event)
    return ()


FOLD = Fold("documents", 1, DocumentsState(), evolve, react)
