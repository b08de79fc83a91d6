"""Notices to the customer: which event of an order leads to which, and what became of each.

A fold of the order's stream beside the sagas. Here are the table, the state and evolve; what a notice tells is in
notice_content.py, what is made of its outcome in notice_outcomes.py. Who sends them is workers.py, in which words
notice_mail.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from chassis.decider import Fold
from chassis.maps import HashTrieMap
from chassis.saga import name_of
from chassis.states import replace
from contracts.message import Event
from contracts.money import Money
from contracts.order import (
    Bucket,
    CancelReason,
    FulfilledKind,
    FulfillmentReady,
    FulfillmentWithdrawn,
    HoldKind,
    HoldPlaced,
    LinesCancelled,
    LinesFulfilled,
    LinesWithdrawn,
    NoticeDelayed,
    NoticeFailed,
    NoticeKind,
    NoticeNotSent,
    NoticeRequested,
    NoticeSent,
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderImported,
    QuantityMoved,
    Refunded,
    RefundTo,
    ReplacementGranted,
    ReturnApproved,
    ReturnUnitsReceived,
)

__all__ = [
    "AGAIN_MAX",
    "FOLD",
    "LEADS_TO",
    "LINES_TOLD_MAX",
    "NOTICE",
    "TOLD_HOLDS",
    "TRY_AGAIN_AFTER",
    "News",
    "Notice",
    "NoticeStatus",
    "NoticesState",
    "notice_of_deadline",
    "table",
]

NOTICE = "notice"
"""Part of the key of every message to a customer, and of the name of its deadline."""

TOLD_HOLDS = frozenset({HoldKind.MISSING_ADDRESS, HoldKind.PAYMENT_DECLINED, HoldKind.AUTHORIZATION_EXPIRED})
"""Holds that the customer can help with: the address and the payment are theirs. Of any other the order desk tells
them, if it has to."""

LINES_TOLD_MAX = 100
"""Lines, and tracking numbers, that one notice names."""

AGAIN_MAX = 20
"""Notices of one order that are sent again because somebody asked for it."""

TRY_AGAIN_AFTER = tuple(timedelta(minutes=minutes) for minutes in (5, 30, 120, 360, 720))
"""How long a notice waits that a mail server refused for now, try by try: some 20 hours in all, then it has failed."""


# The table


@dataclass(frozen=True, slots=True)
class News:
    """What the customer is to hear, as far as the event says it. `units` are those concerned, by line; `number` is the
    return's."""

    kind: NoticeKind
    units: HashTrieMap[str, int] = HashTrieMap()
    hold: HoldKind | None = None
    reason: CancelReason | None = None
    whole: bool = False
    carrier: str | None = None
    tracking_numbers: tuple[str, ...] = ()
    location: str | None = None
    amount: Money | None = None
    number: int | None = None
    credit: bool = False


class Row(NamedTuple):
    """An event that leads to a notice, `when` it does in words; `news(event)` is None where it does not."""

    after: type[Event]
    kind: NoticeKind
    when: str
    news: Callable[[Any], News | None]


def _confirmed(event: OrderConfirmed) -> News | None:
    """Who took everything along at a till has its receipt."""
    return None if event.all_left else News(NoticeKind.CONFIRMED)


def _held(event: HoldPlaced) -> News | None:
    return News(NoticeKind.HELD, hold=event.kind) if event.kind in TOLD_HOLDS else None


def _shipped(event: LinesFulfilled) -> News | None:
    """Whoever stood at a counter or till knows."""
    if event.kind is not FulfilledKind.SHIPPED:
        return None
    numbers = (package.tracking_number for package in event.packages)
    return News(
        NoticeKind.SHIPPED,
        units=_moved_to(event, Bucket.FULFILLED),
        carrier=event.carrier,
        tracking_numbers=tuple(number for number in numbers if number)[:LINES_TOLD_MAX],
    )


def _ready(event: FulfillmentReady) -> News:
    units = HashTrieMap({each.line: each.quantity for each in event.lines})
    return News(NoticeKind.READY_FOR_PICKUP, units=units, location=event.location)


def _units_cancelled(event: LinesCancelled) -> News | None:
    """What goes by a change is told with it."""
    if event.change is not None:
        return None
    units = _moved_to(event, Bucket.CANCELLED)
    return News(NoticeKind.CANCELLED, units=units, reason=event.reason) if units else None


def _withdrawn(event: FulfillmentWithdrawn | LinesWithdrawn) -> News | None:
    units = _moved_to(event, Bucket.CANCELLED)
    return News(NoticeKind.CANCELLED, units=units) if units else None


def _order_cancelled(event: OrderCancelled) -> News:
    return News(NoticeKind.CANCELLED, units=_moved_to(event, Bucket.CANCELLED), reason=event.cause, whole=True)


def _refunded(event: Refunded) -> News | None:
    if event.again:
        return None
    units: Counter[str] = Counter()
    for line in event.lines:
        units[line.line] += line.to_unit - line.from_unit
    credit = event.to is RefundTo.STORE_CREDIT
    return News(NoticeKind.REFUNDED, units=HashTrieMap(units), amount=event.amount, credit=credit)


def _replaced(event: ReplacementGranted) -> News:
    """By the lines that the goods are sent again as."""
    units: Counter[str] = Counter()
    for part in event.replaced:
        units[part.by] += part.to_unit - part.from_unit
    return News(NoticeKind.REPLACED, units=HashTrieMap(units))


def _return_approved(event: ReturnApproved) -> News:
    return News(NoticeKind.RETURN_APPROVED, number=event.number)


def _return_received(event: ReturnUnitsReceived) -> News | None:
    units = _moved_to(event, Bucket.RETURNED)
    return News(NoticeKind.RETURN_RECEIVED, units=units, number=event.number) if units else None


def _changed_order(event: OrderChanged) -> News:
    return News(NoticeKind.CHANGED, amount=event.difference)


def _moved_to(event: QuantityMoved, target: Bucket) -> HashTrieMap[str, int]:
    moved: Counter[str] = Counter()
    for move in event.moves:
        if move.target is target:
            moved[move.line] += move.quantity
    return HashTrieMap(moved)


_HELD = ", ".join(sorted(TOLD_HOLDS))

LEADS_TO: Mapping[type[Event], Row] = {
    row.after: row
    for row in (
        Row(
            OrderConfirmed,
            NoticeKind.CONFIRMED,
            "something of it has still to leave us, and no other system confirmed it before",
            _confirmed,
        ),
        Row(HoldPlaced, NoticeKind.HELD, f"the customer can help: {_HELD}", _held),
        Row(FulfillmentReady, NoticeKind.READY_FOR_PICKUP, "always: one a fulfillment order", _ready),
        Row(LinesFulfilled, NoticeKind.SHIPPED, "it was shipped: one a shipment", _shipped),
        Row(LinesCancelled, NoticeKind.CANCELLED, "units are cancelled by it, and not by a change", _units_cancelled),
        Row(FulfillmentWithdrawn, NoticeKind.CANCELLED, "units are cancelled by it", _withdrawn),
        Row(LinesWithdrawn, NoticeKind.CANCELLED, "always: what a node let go of", _withdrawn),
        Row(OrderCancelled, NoticeKind.CANCELLED, "always", _order_cancelled),
        Row(Refunded, NoticeKind.REFUNDED, "always: one a refund, once the money is on its way", _refunded),
        Row(ReplacementGranted, NoticeKind.REPLACED, "always: the goods are sent again", _replaced),
        Row(ReturnApproved, NoticeKind.RETURN_APPROVED, "always: the goods may come", _return_approved),
        Row(OrderChanged, NoticeKind.CHANGED, "always: what the order is now, and the difference", _changed_order),
        Row(ReturnUnitsReceived, NoticeKind.RETURN_RECEIVED, "units of the order are back by it", _return_received),
    )
}


def table() -> str:
    """The notices as a table in Markdown."""
    rows = ["| event | notice | when |", "|---|---|---|"]
    rows += [f"| `{row.after.__name__}` | {row.kind} | {row.when} |" for row in LEADS_TO.values()]
    return "\n".join(rows)


# State


class NoticeStatus(StrEnum):
    """Where a notice stands: asked for, refused for now, or one of its ends."""

    ASKED = "asked"
    DELAYED = "delayed"
    SENT = "sent"
    NOT_SENT = "not_sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that was asked for, and the news that it is about. `asked` is what was asked last, until there is an
    outcome; `again_at` is when it is asked for again, of one that was refused for now. `again_of` is the notice that
    somebody had sent again by it."""

    kind: NoticeKind
    status: NoticeStatus
    news: News
    asked: NoticeRequested | None = None
    again_at: datetime | None = None
    again_of: str | None = None


@dataclass(frozen=True, slots=True)
class NoticesState:
    """What the customer is told. `due` is what they are still to hear; `notices` what was asked for, by number, of which
    so many were sent `again`. Of an order that was `taken_over` another system confirmed it to them."""

    due: tuple[News, ...] = ()
    notices: HashTrieMap[str, Notice] = HashTrieMap()
    taken_over: bool = False
    again: int = 0


# Evolve


def evolve(state: NoticesState, event: Event) -> NoticesState:
    """What the customer is told after one more event of the order's stream."""
    match event:
        case OrderImported():
            return replace(state, taken_over=True)
        case OrderConfirmed() if state.taken_over:
            return state
        case NoticeRequested():
            return _requested(state, event)
        case NoticeDelayed():
            return _changed(state, event.notice, status=NoticeStatus.DELAYED, again_at=event.again_at)
        case NoticeSent():
            return _settled(state, event.notice, NoticeStatus.SENT)
        case NoticeNotSent():
            return _settled(state, event.notice, NoticeStatus.NOT_SENT)
        case NoticeFailed():
            return _settled(state, event.notice, NoticeStatus.FAILED)
    row = LEADS_TO.get(type(event))
    news = row.news(event) if row else None
    return state if news is None else replace(state, due=_added(state.due, news))


def _added(due: tuple[News, ...], news: News) -> tuple[News, ...]:
    """Units that are cancelled one after the other are one piece of news, and so are holds of one kind; of an order
    that is cancelled nobody needs to hear what a change made of it."""
    if news.kind is NoticeKind.HELD and news in due:
        return due
    if news.whole:
        due = tuple(other for other in due if other.kind is not NoticeKind.CHANGED)
    known = next((other for other in due if other.kind is news.kind is NoticeKind.CANCELLED), None)
    if known is None:
        return (*due, news)
    units = Counter(dict(known.units)) + Counter(dict(news.units))
    both = replace(known, units=HashTrieMap(units), reason=news.reason or known.reason, whole=known.whole or news.whole)
    return tuple(both if other is known else other for other in due)


def _requested(state: NoticesState, event: NoticeRequested) -> NoticesState:
    if event.notice in state.notices:
        return _changed(state, event.notice, status=NoticeStatus.ASKED, asked=event, again_at=None)
    of = event.again_of
    if of is not None:
        return replace(_with(state, event, state.notices[of].news), again=state.again + 1)
    told = next((news for news in state.due if news.kind is event.kind), None)
    left = tuple(news for news in state.due if news is not told)
    return replace(_with(state, event, told or News(event.kind)), due=left)


def _with(state: NoticesState, event: NoticeRequested, news: News) -> NoticesState:
    notice = Notice(event.kind, NoticeStatus.ASKED, news, asked=event, again_of=event.again_of)
    return replace(state, notices=state.notices.insert(event.notice, notice))


def _changed(state: NoticesState, number: str, **changes: Any) -> NoticesState:
    notice = replace(state.notices[number], **changes)
    return replace(state, notices=state.notices.insert(number, notice))


def _settled(state: NoticesState, number: str, status: NoticeStatus) -> NoticesState:
    return _changed(state, number, status=status, asked=None, again_at=None)


def deadlines_of(state: NoticesState) -> Mapping[str, datetime]:
    """When notices that were refused for now are asked for again."""
    return {
        name_of(NOTICE, number): notice.again_at for number, notice in sorted(state.notices.items()) if notice.again_at
    }


def notice_of_deadline(name: str) -> str | None:
    """The notice that waits until this deadline; None for the deadline of another fold."""
    step, _, number = name.partition("/")
    return number if step == NOTICE else None


FOLD = Fold("notices", 7, NoticesState(), evolve, deadlines=deadlines_of)
