"""When a line is promised: what the channel told the customer, moved by the supply that the line waits for.

Functions of the order's terms and of its claims alone; nothing is decided here, so nothing is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from contracts.order import OrderLine, OrderPlaced
from services.order.order import line_of
from services.order.reservation_state import claims_in_order

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["Promise", "PromiseReason", "needed_by", "promise"]


class PromiseReason(StrEnum):
    """Why a promise is what it is: `channel` told the customer so; a `supply` is expected that comes later; there is
    `no_supply` that anybody announced."""

    CHANNEL = "channel"
    SUPPLY = "supply"
    NO_SUPPLY = "no_supply"


@dataclass(frozen=True, slots=True)
class Promise:
    """`first` is what the customer heard first, and never changes; `until` is what holds now, None where nobody knows.
    `awaits` names the supply that it depends on."""

    first: datetime | None
    until: datetime | None
    reason: PromiseReason
    awaits: str | None = None


def promise(state: OrderStream, line: str) -> Promise | None:
    """What is promised of a line; None where nobody has said anything and it waits for no supply."""
    stated = _stated(state.order.terms, line_of(state.order, line))
    first = stated or state.reservation.first_expected.get(line)
    waiting = [
        claim
        for claim in claims_in_order(state.reservation.claims)
        if claim.line == line and claim.live and claim.waiting
    ]
    if any(claim.expected_at is None for claim in waiting):
        return Promise(first, None, PromiseReason.NO_SUPPLY)
    expected = max(((claim.expected_at, claim.awaits) for claim in waiting if claim.expected_at), default=None)
    if expected is not None and (stated is None or expected[0] > stated):
        return Promise(first, expected[0], PromiseReason.SUPPLY, expected[1])
    if stated is not None:
        return Promise(first, stated, PromiseReason.CHANNEL)
    return None if first is None else Promise(first, first, PromiseReason.SUPPLY)


def needed_by(terms: OrderPlaced, line: OrderLine) -> datetime | None:
    """By when goods are needed: as the customer wants it, else as the channel promised. Waiting demand is served by it."""
    requested = line.requested or terms.requested
    return requested.latest if requested and requested.latest else _stated(terms, line)


def _stated(terms: OrderPlaced, line: OrderLine) -> datetime | None:
    stated = line.promised or terms.promised
    return stated.latest if stated else None
