"""Customers: that one was forgotten, in a stream of their own. The orders of theirs are not touched: what is personal in
them is unreadable from then on, and everything else stays.

A customer here is anybody whose personal data an order holds: who bought, who receives, who collects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.decider import Context, Fold, StreamKind
from contracts.message import Event
from contracts.order import CUSTOMER, CustomerForgotten, ForgetCustomer

__all__ = ["CUSTOMERS", "Customer"]


@dataclass(frozen=True, slots=True)
class Customer:
    """A person by their subject: until when their keys are destroyed, None of one who was never forgotten."""

    keys_until: datetime | None = None


def evolve(state: Customer, event: Event) -> Customer:
    """One who came back has newer keys, and may be forgotten again."""
    match event:
        case CustomerForgotten():
            return Customer(max(event.keys_until, state.keys_until or event.keys_until))
    return state


def _forget(message: ForgetCustomer, state: Customer, context: Context) -> Sequence[Event]:
    """Whoever asks again is told again: their request is recorded, too."""
    return (CustomerForgotten(subject=message.subject, keys_until=message.keys_until, reason=message.reason),)


CUSTOMERS = StreamKind(
    kind=CUSTOMER, folds=(Fold("customer", 1, Customer(), evolve),), decide={ForgetCustomer: _forget}
)
