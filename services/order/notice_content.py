"""What a notice tells: from the news that is due and the order as it stands now to what the worker is asked to send.

Asked whenever the order's state has changed, and by a person who has it told again. Which event makes news is the table
in notices.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.ids import provider_key
from contracts.message import Event, Message
from contracts.money import Money, share
from contracts.order import (
    Bucket,
    NoticeAgainRefusal,
    NoticeAgainRefused,
    NoticeKind,
    NoticeLine,
    NoticeRequested,
    OrderLine,
    SendNoticeAgain,
)
from services.order.leaving import kept_back
from services.order.notices import AGAIN_MAX, LINES_TOLD_MAX, NOTICE, News
from services.order.order import IN_FULFILLMENT, NOT_RELEASED, OrderState, due, line_units
from services.order.value import rated_lines

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["advance", "decide"]


def advance(state: OrderStream, context: Context) -> Sequence[Event]:
    """Ask for every notice that is due. Asked last, once the sagas rest, so that what they do at once is told at once;
    and while nodes still say whether they let go of their work, what is cancelled waits for the last of them."""
    answering = bool(state.fulfillment.withdrawing)
    told = [news for news in state.notices.due if not (answering and news.kind is NoticeKind.CANCELLED)]
    first = len(state.notices.notices) + 1
    return [_request(state, news, str(number), context) for number, news in enumerate(told, start=first)]


def _send_again(message: SendNoticeAgain, state: OrderStream, context: Context) -> Sequence[Event]:
    """Tell the customer again what a notice was about, by one of its own, as the order stands now; also of an order that
    has ended. One that is still on its way is not overtaken."""
    notices, known = state.notices, state.notices.notices.get(message.notice)
    refused = partial(NoticeAgainRefused, notice=message.notice)
    if state.order.placed is None:
        return (refused(reason=NoticeAgainRefusal.UNKNOWN_ORDER),)
    if known is None:
        return (refused(reason=NoticeAgainRefusal.UNKNOWN_NOTICE),)
    if known.asked is not None:
        return (refused(reason=NoticeAgainRefusal.ON_ITS_WAY),)
    if notices.again >= AGAIN_MAX:
        return (refused(reason=NoticeAgainRefusal.TOO_MANY),)
    asked = _request(state, known.news, str(len(notices.notices) + 1), context)
    return (asked.model_copy(update={"again_of": message.notice, "detail": message.detail}),)


decide: Mapping[type[Message], Any] = {SendNoticeAgain: _send_again}


def _request(state: OrderStream, news: News, number: str, context: Context) -> NoticeRequested:
    order, terms = state.order, state.order.terms
    following, following_more = _lines(order, _following(state, news))
    return NoticeRequested(
        notice=number,
        kind=news.kind,
        key=provider_key(context.stream, NOTICE, number),
        order_id=terms.order_id,
        number=terms.channel_number or terms.number,
        placed_at=terms.placed_at,
        brand=terms.brand,
        seller=terms.seller,
        locale=terms.locale,
        buyer=terms.buyer,
        following=following,
        following_more=following_more,
        carrier=news.carrier,
        tracking_numbers=news.tracking_numbers,
        location=news.location,
        **_concerned(state, news),
    )


def _concerned(state: OrderStream, news: News) -> Mapping[str, Any]:
    """The units that the notice is about, and what is special to its kind."""
    if news.kind is NoticeKind.CONFIRMED:
        return _owed(state.order)
    if news.kind is NoticeKind.CHANGED:
        return {**_owed(state.order), "difference": news.amount}
    if news.kind is NoticeKind.RETURN_APPROVED:
        return _to_send(state, news)
    lines, more = _lines(state.order, news.units)
    told = {"lines": lines, "lines_more": more}
    match news.kind:
        case NoticeKind.HELD:
            return {**told, "hold": news.hold}
        case NoticeKind.CANCELLED:
            return {**told, "cancel_reason": news.reason or state.fulfillment.cancel_cause, "whole": news.whole}
        case NoticeKind.REFUNDED:
            return {**told, "total": news.amount, "credit": news.credit}
    return told


def _owed(order: OrderState) -> Mapping[str, Any]:
    """All that is not cancelled, the share of each line's amount, and what is owed beside the lines."""
    currency, kept, amounts = order.terms.currency, {}, {}
    for line in rated_lines(order.terms):
        kept[line.line] = line.quantity - line_units(order.lines[line.line], Bucket.CANCELLED)
        amounts[line.line] = share(line.amount.amount, line.quantity, 0, kept[line.line])
    total = due(order)
    lines, more = _lines(order, kept, amounts)
    return {
        "lines": lines,
        "lines_more": more,
        "total": Money(amount=total, currency=currency),
        "other": Money(amount=total - sum(amounts.values()), currency=currency),
    }


def _to_send(state: OrderStream, news: News) -> Mapping[str, Any]:
    """The units that may come back, and who pays for the way."""
    asked = state.returns.returns[str(news.number)].requested
    lines, more = _lines(state.order, {line.line: line.quantity for line in asked.lines})
    return {"lines": lines, "lines_more": more, "postage": asked.postage}


def _following(state: OrderStream, news: News) -> Mapping[str, int]:
    """Units that come later: at the confirmation those that wait for supply, for such, or
    for their first moment; otherwise all that are still on
    their way to the customer and not in this very notice."""
    order = state.order
    match news.kind:
        case NoticeKind.HELD | NoticeKind.REFUNDED | NoticeKind.RETURN_APPROVED | NoticeKind.RETURN_RECEIVED:
            return {}
        case NoticeKind.CHANGED | NoticeKind.REPLACED:
            return {}
        case NoticeKind.CONFIRMED:
            return _waiting(state)
        case NoticeKind.READY_FOR_PICKUP:
            return Counter(_units(order, *NOT_RELEASED, *IN_FULFILLMENT)) - Counter(dict(news.units))
    return _units(order, *NOT_RELEASED, *IN_FULFILLMENT)


def _waiting(state: OrderStream) -> dict[str, int]:
    """Units by line that nobody has yet, and reserved ones that may not leave without them."""
    order, kept = state.order, kept_back(state.order, state.fulfillment)
    return {
        name: line_units(line, Bucket.ORDERED, Bucket.BACKORDERED, *((Bucket.RESERVED,) if name in kept else ()))
        for name, line in order.lines.items()
    }


def _units(order: OrderState, *buckets: Bucket) -> dict[str, int]:
    return {name: line_units(line, *buckets) for name, line in order.lines.items()}


def _lines(
    order: OrderState, units: Mapping[str, int], amounts: Mapping[str, int] | None = None
) -> tuple[tuple[NoticeLine, ...], int]:
    """Units of lines in the order's own order, as far as a notice names them, and how many lines it does not name."""
    found = [line for line in order.terms.lines if units.get(line.line)]
    told = [_line(line, units[line.line], amounts) for line in found[:LINES_TOLD_MAX]]
    return tuple(told), len(found) - len(told)


def _line(line: OrderLine, quantity: int, amounts: Mapping[str, int] | None) -> NoticeLine:
    return NoticeLine(
        line=line.line,
        sku=line.sku,
        description=line.description,
        quantity=quantity,
        unit=line.unit,
        amount=None if amounts is None else Money(amount=amounts[line.line], currency=line.amount.currency),
    )
