"""Changing an order: what somebody proposes, what it comes to, and what came of it.

A change is proposed, shown with what it makes of the money, and confirmed or declined. Confirmed it is done whole, or
refused and everything stays as it was. Units that are added are lines of their own, so that no share of what has left
ever moves; units that are taken away are cancelled.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.address import ShipTo
from contracts.fulfillment import Postage
from contracts.message import Command, Event, Instant, Value
from contracts.money import Charge, Money, Tender
from contracts.order.cancelling import CancelLine
from contracts.order.exchanging import ExchangeSend, ExchangeWish
from contracts.order.returns import ReturnLine, ReturnTerms
from contracts.order.terms import OrderLine, ShipGroup, ShipMethod
from contracts.order.units import QuantityMoved

__all__ = [
    "ChangeDeclined",
    "ChangeEnd",
    "ChangeProposed",
    "ChangeRefusal",
    "ChangeRefused",
    "ChangeSource",
    "ConfirmChange",
    "DeclineChange",
    "GroupChange",
    "IncreaseRecorded",
    "IncreaseRequested",
    "LineQuantity",
    "LinesAdded",
    "OrderChanged",
    "ProposeChange",
    "ShipGroupChanged",
]

NotNegative = Annotated[int, Field(ge=0)]


class ChangeSource(StrEnum):
    """Who wishes for a change: somebody at a door, or the channel by a higher revision."""

    DOOR = "door"
    CHANNEL = "channel"


class LineQuantity(Value):
    """How many units of a line there are to be, of those that are not cancelled. What is added costs `amount` together,
    or in proportion to what the line costs. Of a kit's line its kits."""

    line: str
    quantity: NotNegative
    amount: Money | None = None


class GroupChange(Value):
    """How the goods of a ship group are to go instead; what is absent stays. `charges` replace those of the group."""

    group: str
    ship_to: ShipTo | None = None
    address_missing: tuple[str, ...] = ()
    service_level: str | None = None
    method: ShipMethod | None = None
    location: str | None = None
    charges: tuple[Charge, ...] | None = None


class ProposeChange(Command):
    """Show what a change comes to: other quantities, lines that are `added` (they get ids of ours), other ways for ship
    groups. `returns` are units that are to come back for lines that go out: an exchange, also of an order that is
    complete; `send` and `label` as the customer wishes. `exception` is why somebody lets units come back that the rules
    leave to a person; `terms` what the seller's settings say of returns. `tenders` pay what more it costs; without them the last tender does, if it is one of ours. Takes the place of a
    proposal that is still open."""

    lines: tuple[LineQuantity, ...] = ()
    added: tuple[OrderLine, ...] = ()
    groups: tuple[GroupChange, ...] = ()
    tenders: tuple[Tender, ...] = ()
    detail: str | None = None
    returns: tuple[ExchangeWish, ...] | None = None
    send: ExchangeSend | None = None
    label: bool | None = None
    exception: str | None = None
    terms: ReturnTerms | None = None


class ConfirmChange(Command):
    """Do what was proposed, if it is still what it was."""

    change: str


class DeclineChange(Command):
    """Leave all as it is; what is being secured for it is let go of."""

    change: str
    detail: str | None = None


class ChangeProposed(Event):
    """A change (`change` is its number in the order) as it would be done: units that would be `cancelled`, `lines` added
    (of kits with their components), ship groups as they would be, and `tenders` added. `before` and `after` are what is
    owed, `difference` what that is more, less the `credit` for `returns`: the units that are to come back in an exchange,
    of which the lines leave as `send` says; `label_fee` is what our label costs, where a seller set it; `exception` is why those come back that the rules leave to a person. Nothing is done; after `expires` it cannot be confirmed. `hold` is the one that
    asks about it, should there be one."""

    change: str
    source: ChangeSource
    cancelled: tuple[CancelLine, ...] = ()
    lines: tuple[OrderLine, ...] = ()
    groups: tuple[ShipGroup, ...] = ()
    tenders: tuple[Tender, ...] = ()
    before: Money
    after: Money
    difference: Money
    expires: Instant
    hold: str | None = None
    detail: str | None = None
    returns: tuple[ReturnLine, ...] | None = None
    postage: Postage | None = None
    label: bool | None = None
    send: ExchangeSend | None = None
    credit: Money | None = None
    exception: str | None = None
    label_fee: Money | None = None


class IncreaseRequested(Event):
    """A change was confirmed that costs more than is secured: payments is asked to secure `amount` beside it, over the
    tenders of the order with those of the change (of a tender that does not pay for it 0). The change waits for its money
    until `until`."""

    change: str
    amount: Money
    tenders: tuple[Tender, ...]
    answer_by: Instant
    until: Instant | None = None


class IncreaseRecorded(Event):
    """So much more is secured for a change. `tenders` are all that pay for the order from now on, where the change itself
    does not come with them: it was given up or cannot be done, or an exchange costs more than was agreed."""

    change: str
    amount: Money
    tenders: tuple[Tender, ...] | None = None


class LinesAdded(Event):
    """Lines became a part of the order, by a change or for what comes back (then `change` is absent): nothing has been
    decided about their units. Each names in `added_by` what added it. `tenders` pay for them, after those of the order."""

    change: str | None = None
    lines: tuple[OrderLine, ...]
    tenders: tuple[Tender, ...] = ()


class ShipGroupChanged(QuantityMoved, Event):
    """The goods of a ship group go as `group` says from now on. Where they go another way, or are collected elsewhere, its
    units are sourced again, and `released_claims` are given back."""

    change: str
    group: ShipGroup
    released_claims: tuple[int, ...] = ()


class OrderChanged(Event):
    """A change is done. `version` counts those of the order, `total` is what is owed now. `tenders` pay for it, after those
    of the order, where no lines came that they could have come with."""

    change: str
    version: int
    total: Money
    difference: Money
    tenders: tuple[Tender, ...] | None = None


class ChangeEnd(StrEnum):
    """Why a proposal came to nothing: somebody declined it; nobody confirmed it, or paid what it costs more, in time;
    another took its place."""

    DECLINED = "declined"
    EXPIRED = "expired"
    REPLACED = "replaced"


class ChangeDeclined(Event):
    """Nothing comes of a proposal; all stays as it is."""

    change: str
    end: ChangeEnd
    detail: str | None = None


class ChangeRefusal(StrEnum):
    """Why a change was refused: units may not come back, or their money is not taken; the rules do not let the goods leave
    at once; no such order, or it is closed or being cancelled; nothing would change; no such line,
    ship group or open proposal; units are with a node or have left already; nobody has what is added, where it may not
    wait; another is being paid for; the order is not what it was when this was proposed; the money is in another currency,
    does not pay the difference, or was not secured; an address lacks something; a way that is not offered."""

    UNKNOWN_ORDER = "unknown_order"
    CLOSED = "closed"
    NOTHING_CHANGES = "nothing_changes"
    UNKNOWN_LINE = "unknown_line"
    UNKNOWN_GROUP = "unknown_group"
    UNKNOWN_CHANGE = "unknown_change"
    RELEASED = "released"
    OUT_OF_STOCK = "out_of_stock"
    UNDER_WAY = "under_way"
    OUTDATED = "outdated"
    WRONG_CURRENCY = "wrong_currency"
    NOT_PAID = "not_paid"
    PAYMENT_DECLINED = "payment_declined"
    INCOMPLETE = "incomplete"
    NOT_RETURNABLE = "not_returnable"
    NOT_CAPTURED = "not_captured"
    NOT_AT_ONCE = "not_at_once"
    UNSUPPORTED_METHOD = "unsupported_method"


class ChangeRefused(Event):
    """Nothing was changed; the proposal, if it was one, has ended."""

    change: str | None = None
    reason: ChangeRefusal
    detail: str | None = None
