"""Holds: what keeps an order from going on, and who lets it."""

from __future__ import annotations

from enum import StrEnum

from contracts.message import Command, Event
from contracts.money import Money

__all__ = [
    "ALL_STEPS",
    "HeldStep",
    "HoldChangeRefusal",
    "HoldChangeRefused",
    "HoldKind",
    "HoldPlaced",
    "HoldReleased",
    "PlaceHold",
    "ReleaseHold",
]


class HoldKind(StrEnum):
    """Why an order waits for somebody.

    Found when it was placed: `no_lines`, `not_positive` (a quantity at or below zero), `negative_amount`,
    `total_differs` (from what the channel stated), `tenders_differ` (from the total), `unknown_currency`,
    `missing_address`, `missing_location`, `missing_sku`, `unsupported_method`, `unknown_ship_group`. Found when it was
    taken over from another system: `secured_differs` (what was captured or authorised there from what is owed). Found later:
    `unknown_sku` (no location ever had it), `no_location` (every location is barred for a line), `claim_refused`,
    `payment_declined`, `authorization_expired`, `step_refused`, `no_answer`, `not_collected` (what lies ready at a
    counter), `change_requested` (by a revision), `exchange_short` (what came back is worth less than was agreed, and the rest
    was not secured). `manual`: a person.
    """

    NO_LINES = "no_lines"
    NOT_POSITIVE = "not_positive"
    NEGATIVE_AMOUNT = "negative_amount"
    TOTAL_DIFFERS = "total_differs"
    TENDERS_DIFFER = "tenders_differ"
    UNKNOWN_CURRENCY = "unknown_currency"
    MISSING_ADDRESS = "missing_address"
    MISSING_LOCATION = "missing_location"
    MISSING_SKU = "missing_sku"
    UNSUPPORTED_METHOD = "unsupported_method"
    UNKNOWN_SHIP_GROUP = "unknown_ship_group"
    SECURED_DIFFERS = "secured_differs"
    UNKNOWN_SKU = "unknown_sku"
    NO_LOCATION = "no_location"
    CLAIM_REFUSED = "claim_refused"
    PAYMENT_DECLINED = "payment_declined"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    STEP_REFUSED = "step_refused"
    NO_ANSWER = "no_answer"
    NOT_COLLECTED = "not_collected"
    CHANGE_REQUESTED = "change_requested"
    EXCHANGE_SHORT = "exchange_short"
    MANUAL = "manual"


class HeldStep(StrEnum):
    """A step that a hold keeps from being taken."""

    SOURCING = "sourcing"
    AUTHORIZATION = "authorization"
    RELEASE = "release"


ALL_STEPS = (HeldStep.SOURCING, HeldStep.AUTHORIZATION, HeldStep.RELEASE)
"""What a hold blocks unless it says otherwise."""


class PlaceHold(Command):
    """A person or a system keeps the order from going on, or of it these `lines` alone: a kit's line, or that of a
    component, means all components of the kit. The money is secured for the whole order, so a hold of lines never
    blocks that."""

    kind: HoldKind = HoldKind.MANUAL
    detail: str
    blocks: tuple[HeldStep, ...] = ALL_STEPS
    lines: tuple[str, ...] = ()


class ReleaseHold(Command):
    """A person accepts what a hold shows (an accepted difference in money becomes an adjustment of the order)."""

    hold: str
    detail: str | None = None


class HoldPlaced(Event):
    """The steps that it `blocks` wait until somebody releases `hold` or cancels the order; `owner` should act.

    `expected` and `found` show a difference in money; `lines` are those concerned (the first hundred); `step` and
    `key` name a step of a saga that is asked for again when the hold is released. `held_lines` are the lines that
    goods leave by whose steps alone wait; none: those of the whole order do, whatever `lines` shows.
    """

    hold: str
    kind: HoldKind
    detail: str
    blocks: tuple[HeldStep, ...]
    lines: tuple[str, ...] = ()
    expected: Money | None = None
    found: Money | None = None
    step: str | None = None
    key: str | None = None
    owner: str
    held_lines: tuple[str, ...] = ()


class HoldReleased(Event):
    """Somebody accepted what the hold showed, or the answer that it was placed for came; its steps may be taken, of
    the `held_lines` if it held some alone."""

    hold: str
    kind: HoldKind
    detail: str | None = None
    step: str | None = None
    key: str | None = None
    held_lines: tuple[str, ...] = ()


class HoldChangeRefusal(StrEnum):
    """Why a hold was not placed or released: no such order, hold or line; the order is closed; or what it shows cannot be
    accepted (an address or a currency is missing), so that the order can only be cancelled."""

    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_HOLD = "unknown_hold"
    UNKNOWN_LINE = "unknown_line"
    CLOSED = "closed"
    CANNOT_BE_ACCEPTED = "cannot_be_accepted"


class HoldChangeRefused(Event):
    """A hold was not placed or released; `lines` are those that the order does not have."""

    hold: str | None = None
    reason: HoldChangeRefusal
    lines: tuple[str, ...] = ()
