"""Taking over an order that lived in another system, in the state that it has there."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.message import Command, Event, Value
from contracts.money import Money
from contracts.order.taking import OrderPlaced
from contracts.order.terms import OrderTerms
from contracts.order.units import QuantityMoved
from contracts.payments import CaptureLine

__all__ = ["ImportOrder", "ImportRefusal", "ImportRefused", "LineProgress", "OrderImported"]

Units = Annotated[int, Field(ge=0)]


class LineProgress(Value):
    """How far a line had come in the other system, as it was sent (of a kit in kits): units that left from there, and
    units that were given up. The rest is open."""

    line: str
    fulfilled: Units = 0
    cancelled: Units = 0


class ImportOrder(OrderTerms, Command):
    """Take over an order from another `system`. The terms are those that it was placed with, all that was ordered and
    all that was to be paid included. `captured` was taken there and stays taken; `authorized` is secured and not taken
    yet, where that is known."""

    system: str
    progress: tuple[LineProgress, ...] = ()
    captured: Money
    authorized: Money | None = None


class OrderImported(QuantityMoved, OrderPlaced):
    """An order was taken over from another `system`, with what became of it there; what is open goes on here.

    `moves` bring the units that had left to `fulfilled` and those given up to `cancelled`. `fulfilled` are the former
    by their ranges, counted from the bottom, with their share of the line's amount, and `fulfilled_amount` all that
    they are worth, their share of the charges included. `captured` was taken there. `settled` is what of the order is
    never asked for here: what was captured, and what had left in any case.
    """

    system: str
    progress: tuple[LineProgress, ...]
    captured: Money
    authorized: Money | None = None
    fulfilled: tuple[CaptureLine, ...]
    fulfilled_amount: Money
    settled: Money


class ImportRefusal(StrEnum):
    """Why an order was not taken over: its progress names a line that it does not have, or more units than were
    ordered; nothing of it is open; goods that a till handed out count as open, and they had left; a currency is not
    the order's; or the order's is none of ISO 4217."""

    UNKNOWN_LINE = "unknown_line"
    MORE_THAN_ORDERED = "more_than_ordered"
    NOTHING_OPEN = "nothing_open"
    HANDED_OUT = "handed_out"
    OTHER_CURRENCY = "other_currency"
    UNKNOWN_CURRENCY = "unknown_currency"


class ImportRefused(Event):
    """The order was not taken over and stays where it was; `lines` are those concerned (the first hundred)."""

    reason: ImportRefusal
    lines: tuple[str, ...] = ()
