"""When an order stands firm for whoever placed it and waits at the door."""

from __future__ import annotations

from enum import StrEnum

from chassis.stream import Stream
from contracts.message import Event
from contracts.order import HoldPlaced, OrderCancelled, OrderConfirmed
from services.order.order import OrderState, OrderStatus, status
from services.order.stream import ORDER

__all__ = ["Outcome", "stands", "stands_by"]


class Outcome(StrEnum):
    """How an order stands firm for whoever placed it: it goes its way, a person has to look, or it is cancelled."""

    CONFIRMED = "confirmed"
    HELD = "held"
    CANCELLED = "cancelled"


def stands_by(event: Event) -> Outcome | None:
    """How an order stands by an event of it; not by a hold of some lines alone, as the others go on."""
    match event:
        case OrderConfirmed():
            return Outcome.CONFIRMED
        case OrderCancelled():
            return Outcome.CANCELLED
        case HoldPlaced() if not event.held_lines:
            return Outcome.HELD
    return None


def stands(stored: Stream) -> Outcome | None:
    """How an order stands as it is stored."""
    order: OrderState = stored.view(ORDER).order
    match status(order):
        case OrderStatus.CANCELLED:
            return Outcome.CANCELLED
        case OrderStatus.HELD:
            return Outcome.HELD
    return Outcome.CONFIRMED if order.confirmed else None
