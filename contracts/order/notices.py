"""Notices: what the customer is told about an order, and what became of each message to them."""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.canonical import canonical_json
from contracts.fulfillment import Postage
from contracts.message import Command, Event, Instant, Intent, Value
from contracts.money import Money
from contracts.order.cancelling import CancelReason
from contracts.order.holds import HoldKind
from contracts.personal import Personal

__all__ = [
    "SAID_CHARS_MAX",
    "NotSentReason",
    "NoticeAgainRefusal",
    "NoticeAgainRefused",
    "NoticeDelayed",
    "NoticeFailed",
    "NoticeFailure",
    "NoticeKind",
    "NoticeLine",
    "NoticeNotSent",
    "NoticeOutcomeIgnored",
    "NoticeRequested",
    "NoticeSent",
    "RecordNoticeNotSent",
    "RecordNoticeRefused",
    "RecordNoticeSent",
    "SendNoticeAgain",
]

SAID_CHARS_MAX = 300
"""Characters that are kept of what a mail server said."""

Said = Annotated[str, StringConstraints(max_length=SAID_CHARS_MAX)]
"""What a mail server said, without the customer's address: `550 5.1.1 no such user`."""


class NoticeKind(StrEnum):
    """What the customer is told: the order is confirmed, waits for them, left us in part or whole, lies ready to be
    collected, is cancelled in part or whole, or was paid back in part or whole; goods of it may come back, or are back, or
    are sent again; it was changed."""

    CONFIRMED = "confirmed"
    HELD = "held"
    SHIPPED = "shipped"
    READY_FOR_PICKUP = "ready_for_pickup"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    RETURN_APPROVED = "return_approved"
    RETURN_RECEIVED = "return_received"
    CHANGED = "changed"
    REPLACED = "replaced"


class NoticeLine(Value):
    """Units of a line as the customer is told about them; `amount` is their share of the line's, where money is told."""

    line: str
    sku: str
    description: str | None = None
    quantity: Annotated[int, Field(gt=0)]
    unit: str
    amount: Money | None = None


class NoticeRequested(Intent):
    """The customer is to be told what happened to the order, by notice `notice` of it, in a message that `key` names
    (uuid5 of the stream and the notice): the same however often it is tried. This is the `tries`-th try.

    `lines` are the units concerned and `following` those that are still to come, the first hundred lines of each;
    `lines_more` and `following_more` count the lines left out. `total` is what is owed, or was paid back, `other` what
    of what is owed is not in the lines: charges, discounts, taxes. `whole`: nothing of a cancelled order is left. `number` is what people call
    the order, `placed_at` the channel's own time; `postage` who pays for the way back; `credit`: what goes back
    is store credit; `difference` what a changed order comes to more than before, or less where it is below zero.
    `again_of` is the notice that somebody had sent again by this one, and `detail` why, in their words.
    """

    notice: str
    kind: NoticeKind
    key: str
    tries: int = 1
    order_id: str
    number: str
    placed_at: Instant
    brand: str | None = None
    seller: str
    locale: str | None = None
    buyer: Personal | None = None
    lines: tuple[NoticeLine, ...] = ()
    lines_more: int = 0
    following: tuple[NoticeLine, ...] = ()
    following_more: int = 0
    total: Money | None = None
    other: Money | None = None
    hold: HoldKind | None = None
    cancel_reason: CancelReason | None = None
    whole: bool = False
    carrier: str | None = None
    tracking_numbers: tuple[str, ...] = ()
    location: str | None = None
    postage: Postage | None = None
    credit: bool = False
    difference: Money | None = None
    again_of: str | None = None
    detail: str | None = None


class NotSentReason(StrEnum):
    """Why a notice goes to nobody: the order has no e-mail address that mail can be sent to; the buyer was forgotten; or
    who they are cannot be read, since their key was lost or what is sealed was altered."""

    NO_ADDRESS = "no_address"
    FORGOTTEN = "forgotten"
    UNREADABLE = "unreadable"


class NoticeFailure(StrEnum):
    """Why a notice will not arrive: the mail server refused it for good, or for now too often."""

    REFUSED = "refused"
    GAVE_UP = "gave_up"


class RecordNoticeSent(Command):
    """The notice left as the message `name`."""

    notice: str
    name: str


class RecordNoticeNotSent(Command):
    """There is nobody to send the notice to."""

    notice: str
    reason: NotSentReason


class RecordNoticeRefused(Command):
    """The mail server did not take the notice: `for_now`, so that another try is worth it, or for good. Who reports it
    twice may have heard it in other words (`said`)."""

    notice: str
    for_now: bool
    said: Said

    def digest(self) -> str:
        """Of the body without the server's words."""
        same = self.model_dump(mode="json", exclude={"said"}, exclude_none=True)
        return sha256(canonical_json(same)).hexdigest()


class NoticeSent(Event):
    """The notice left as the message `name`."""

    notice: str
    kind: NoticeKind
    name: str


class NoticeNotSent(Event):
    """The notice goes to nobody."""

    notice: str
    kind: NoticeKind
    reason: NotSentReason


class NoticeDelayed(Event):
    """The mail server refused the notice for now, at the `tries`-th try; the next one is at `again_at`."""

    notice: str
    kind: NoticeKind
    tries: int
    said: Said
    again_at: Instant


class NoticeFailed(Event):
    """The notice will not arrive: `owner` has to reach the customer in another way."""

    notice: str
    kind: NoticeKind
    failure: NoticeFailure
    said: Said
    owner: str


class NoticeOutcomeIgnored(Event):
    """What became of a notice was reported again, or of one that was never asked for; nothing changed."""

    notice: str


class SendNoticeAgain(Command):
    """A person has the customer told again what notice `notice` was about, as the order stands now; `detail` is why, in
    their words."""

    notice: str
    detail: str


class NoticeAgainRefusal(StrEnum):
    """Why a notice is not sent again: no such order or notice, it is still on its way, or of the order as many were sent
    again as may be."""

    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_NOTICE = "unknown_notice"
    ON_ITS_WAY = "on_its_way"
    TOO_MANY = "too_many"


class NoticeAgainRefused(Event):
    """The notice is not sent again."""

    notice: str
    reason: NoticeAgainRefusal
