"""What the order service does outside: notices to customers, put into a postbox.

A message is named by the key of its notice, so that putting it in twice is one message to whoever counts keys. What
came of it goes back into the inbox through a door, each as soon as it is known; an intent whose outcome is known there
is not acted on again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import idna

from chassis.acting import Acting, Asked
from chassis.doors import Door
from chassis.sealing import PersonalDataForgotten, PersonalDataUnreadable
from chassis.streaming import Records, keep_trying
from contracts.message import Command
from contracts.order import (
    SAID_CHARS_MAX,
    NoticeRequested,
    NotSentReason,
    RecordNoticeNotSent,
    RecordNoticeRefused,
    RecordNoticeSent,
)
from contracts.personal import Personal, PersonalContent
from services.order.notice_mail import NoticeMail, one_line
from services.order.postbox import Mail, MailRefused, Postbox

__all__ = ["AT_ONCE_MAX", "NoticeWorker", "address_of", "without_the_person"]

log = logging.getLogger("orderlog")

ADDRESS = re.compile(
    r"(?!.*=\?)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-][A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]*"
    r"@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
"""What a mail can be sent to: letters that mean nothing more in a header, and the name of a host. Two dots in a row are
in addresses that exist. No encoded word (`=?`), which is never part of an address."""

ADDRESS_CHARS_MAX = 254
"""RFC 5321: what fits into a path, without its angle brackets."""

AT_ONCE_MAX = 16
"""Orders whose notices are acted on at once; those of one order go out one after the other."""

LEFT_OUT = "…"

RETRY_SECONDS_MAX = 60.0
"""The longest pause between attempts at a postbox that takes nothing, and so at a mail server that refuses us."""


class NoticeWorker:
    """Takes records of `order.intents`. `taken` says which of some door messages were taken already; `waits` hears what
    is waited for, and None when it goes on."""

    def __init__(
        self,
        door: Door,
        opened: Callable[[Personal], PersonalContent],
        taken: Callable[[Sequence[str]], Collection[str]],
        mail: NoticeMail,
        postbox: Postbox,
        waits: Callable[[str | None], None],
    ) -> None:
        self._opened, self._waits, self._mail, self._postbox = opened, waits, mail, postbox
        self._acting = Acting("order", (NoticeRequested,), self._act, "notices", door, taken, waits, AT_ONCE_MAX)

    async def take(self, records: Records) -> None:
        """Returns when every intent was acted on and its outcome is in the inbox."""
        await self._acting.take(records)

    async def _act(self, asked: Asked) -> Command:
        notice = asked.intent
        assert isinstance(notice, NoticeRequested), "only notices come here"
        try:
            return await self._tell(notice, asked.envelope.time)
        except PersonalDataForgotten:
            # One that was put in before, by a worker that died or while they were being forgotten, is not to stay.
            await keep_trying(lambda: self._postbox.take_back(notice.key), self._waits)
            return RecordNoticeNotSent(notice=notice.notice, reason=NotSentReason.FORGOTTEN)
        except PersonalDataUnreadable as error:
            log.error("the notice %s of %s is not sent: %s", notice.kind, notice.order_id, error)
            return RecordNoticeNotSent(notice=notice.notice, reason=NotSentReason.UNREADABLE)

    async def _tell(self, notice: NoticeRequested, time: datetime) -> Command:
        """Write to who bought, and what came of it; raises PersonalDataForgotten and PersonalDataUnreadable."""
        buyer = await keep_trying(lambda: asyncio.to_thread(self._buyer, notice), self._waits)
        recipient = address_of(buyer.email)
        if recipient is None:
            return RecordNoticeNotSent(notice=notice.notice, reason=NotSentReason.NO_ADDRESS)
        mail = await asyncio.to_thread(self._mail.write, notice, buyer, recipient, time)
        try:
            name = await keep_trying(lambda: self._put(notice, mail), self._waits, RETRY_SECONDS_MAX)
        except MailRefused as refused:
            said = without_the_person(str(refused), recipient, buyer)
            return RecordNoticeRefused(notice=notice.notice, for_now=refused.for_now, said=said)
        if await keep_trying(lambda: self._forgotten_since(notice), self._waits) and await keep_trying(
            lambda: self._postbox.take_back(mail.key), self._waits
        ):
            return RecordNoticeNotSent(notice=notice.notice, reason=NotSentReason.FORGOTTEN)
        return RecordNoticeSent(notice=notice.notice, name=name)

    async def _put(self, notice: NoticeRequested, mail: Mail) -> str:
        """Put a message in. A postbox may take nothing for days, so each attempt asks whether there still is somebody to
        write to; raises PersonalDataForgotten and PersonalDataUnreadable where there is not."""
        await asyncio.to_thread(self._buyer, notice)
        return await self._postbox.put(mail)

    async def _forgotten_since(self, notice: NoticeRequested) -> bool:
        """Whether they were forgotten while the message was put in: what deletes their messages may have been there
        before it."""
        try:
            await asyncio.to_thread(self._buyer, notice)
        except PersonalDataForgotten:
            return True
        except PersonalDataUnreadable:
            return False  # a lost key is nobody's wish
        return False

    def _buyer(self, notice: NoticeRequested) -> PersonalContent:
        """Who bought; nobody in particular where the channel did not say. Raises PersonalDataForgotten and
        PersonalDataUnreadable."""
        return PersonalContent() if notice.buyer is None else self._opened(notice.buyer)


def address_of(typed: str | None) -> str | None:
    """The address in what somebody typed, as every mail server takes it: a domain in other letters than ASCII in its
    own spelling (RFC 5891). None where there is none."""
    local, _, domain = one_line(typed or "").rpartition("<")[2].removesuffix(">").rpartition("@")
    try:
        domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return None
    address = f"{local}@{domain}"
    return address if ADDRESS.fullmatch(address) and len(address) <= ADDRESS_CHARS_MAX else None


def without_the_person(said: str, address: str, buyer: PersonalContent) -> str:
    """What a mail server said, in one line of limited length, without what tells whom it was about: it is kept for
    ever, in the clear."""
    local, _, domain = address.rpartition("@")
    names = one_line(f"{buyer.name or ''} {buyer.company or ''}").split()
    said = re.sub(r"\S*@\S*", LEFT_OUT, one_line(said))
    for part in sorted({local, domain, *names}, key=len, reverse=True):
        said = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", LEFT_OUT, said, flags=re.IGNORECASE)
    return said[:SAID_CHARS_MAX]
