"""What became of notices: the worker reports it, and what a mail server refused for now is asked for again later."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Context
from contracts.chassis import DeadlinePassed
from contracts.message import Event
from contracts.order import (
    NoticeDelayed,
    NoticeFailed,
    NoticeFailure,
    NoticeNotSent,
    NoticeOutcomeIgnored,
    NoticeSent,
    RecordNoticeNotSent,
    RecordNoticeRefused,
    RecordNoticeSent,
)
from services.order.notices import TRY_AGAIN_AFTER, Notice, NoticesState, notice_of_deadline
from services.order.order import ORDER_DESK

__all__ = ["again", "record_not_sent", "record_refused", "record_sent"]


def record_sent(message: RecordNoticeSent, state: NoticesState, context: Context) -> Sequence[Event]:
    """A notice left. One that has its outcome keeps it."""
    notice = _open(state, message.notice)
    if notice is None:
        return (NoticeOutcomeIgnored(notice=message.notice),)
    return (NoticeSent(notice=message.notice, kind=notice.kind, name=message.name),)


def record_not_sent(message: RecordNoticeNotSent, state: NoticesState, context: Context) -> Sequence[Event]:
    """There is nobody to tell."""
    notice = _open(state, message.notice)
    if notice is None:
        return (NoticeOutcomeIgnored(notice=message.notice),)
    return (NoticeNotSent(notice=message.notice, kind=notice.kind, reason=message.reason),)


def record_refused(message: RecordNoticeRefused, state: NoticesState, context: Context) -> Sequence[Event]:
    """Refused for now: asked for again later, as often as TRY_AGAIN_AFTER says. For good: the order desk has to look."""
    notice = _open(state, message.notice)
    if notice is None or notice.asked is None or notice.again_at is not None:
        return (NoticeOutcomeIgnored(notice=message.notice),)
    number, kind, said, tries = message.notice, notice.kind, message.said, notice.asked.tries
    if message.for_now and tries <= len(TRY_AGAIN_AFTER):
        again_at = context.now + TRY_AGAIN_AFTER[tries - 1]
        return (NoticeDelayed(notice=number, kind=kind, tries=tries, said=said, again_at=again_at),)
    failure = NoticeFailure.GAVE_UP if message.for_now else NoticeFailure.REFUSED
    return (NoticeFailed(notice=number, kind=kind, failure=failure, said=said, owner=ORDER_DESK),)


def _open(state: NoticesState, number: str) -> Notice | None:
    """A notice that has no outcome yet."""
    notice = state.notices.get(number)
    return notice if notice is not None and notice.asked is not None else None


def again(message: DeadlinePassed, state: NoticesState) -> Sequence[Event]:
    """Ask for a notice again that was refused for now; also of an order that has ended."""
    notice = state.notices.get(notice_of_deadline(message.name) or "")
    if notice is None or notice.asked is None or notice.again_at != message.due:
        return ()
    return (notice.asked.model_copy(update={"tries": notice.asked.tries + 1}),)
