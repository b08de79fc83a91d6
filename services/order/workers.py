"""What the order service does outside: notices to customers, put into a postbox.

A message is named by the key of its notice, so that putting it in twice is one message to whoever counts keys. What
came of it goes back into the inbox through a door, each as soon as it is known; an intent whose outcome is known there
is not acted on again.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import idna

from chassis.doors import Door, Entry
from chassis.faultpoints import faultpoint
from chassis.sealing import PersonalDataForgotten
from chassis.streaming import Records, keep_trying
from contracts.envelope import Actor, Envelope
from contracts.ids import stream
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
from services.order.postbox import MailRefused, Postbox

__all__ = ["AT_ONCE_MAX", "NoticeWorker", "address_of", "without_the_person"]

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


@dataclass(frozen=True, slots=True)
class _Asked:
    """An intent, and its envelope."""

    envelope: Envelope
    notice: NoticeRequested


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
        self._door, self._opened, self._taken, self._waits = door, opened, taken, waits
        self._mail, self._postbox = mail, postbox

    async def take(self, records: Records) -> None:
        """Returns when every intent was acted on and its outcome is in the inbox."""
        asked = []
        for record in records:
            envelope = Envelope.parse(record.headers)
            if envelope.type == NoticeRequested.TYPE:
                asked.append(_Asked(envelope, NoticeRequested.decode(record.value or b"")))
        known = await self._known([self._outcome_of(each) for each in asked])
        orders: dict[str, list[_Asked]] = defaultdict(list)
        for each in asked:
            if self._outcome_of(each) not in known:
                orders[each.envelope.subject].append(each)
        places = asyncio.Semaphore(AT_ONCE_MAX)
        await asyncio.gather(*(self._tell_in_order(several, places) for several in orders.values()))

    def _outcome_of(self, asked: _Asked) -> str:
        """The id of the message that says what came of an intent, whatever that is: one outcome an intent."""
        return self._door.message_id((asked.envelope.id,))

    async def _known(self, outcomes: Sequence[str]) -> Collection[str]:
        """The outcomes that the order knows: of intents that come again after a restart, or from the beginning."""
        if not outcomes:
            return ()
        return await keep_trying(lambda: asyncio.to_thread(self._taken, outcomes), self._waits)

    async def _tell_in_order(self, several: Sequence[_Asked], places: asyncio.Semaphore) -> None:
        async with places:
            for asked in several:
                await self._tell(asked)

    async def _tell(self, asked: _Asked) -> None:
        """Act, and say what came of it at once: what was put in is not put in again for the sake of another."""
        envelope = asked.envelope
        faultpoint("worker.before_act")
        outcome = await self._acted(asked)
        faultpoint("worker.after_act")
        record = self._door.record(
            Entry(
                "order",
                stream("order", asked.notice.order_id),
                outcome,
                (envelope.id,),
                actor=Actor(kind="worker", subject="notices"),
                correlation=envelope.correlation_id,
                cause=envelope,
            )
        )
        await keep_trying(lambda: self._door.writer.write([record]), self._waits)
        faultpoint("worker.after_record")

    async def _acted(self, asked: _Asked) -> Command:
        notice = asked.notice
        try:
            buyer = await keep_trying(lambda: asyncio.to_thread(self._buyer, notice), self._waits)
        except PersonalDataForgotten:
            return RecordNoticeNotSent(notice=notice.notice, reason=NotSentReason.FORGOTTEN)
        recipient = address_of(buyer.email)
        if recipient is None:
            return RecordNoticeNotSent(notice=notice.notice, reason=NotSentReason.NO_ADDRESS)
        mail = await asyncio.to_thread(self._mail.write, notice, buyer, recipient, asked.envelope.time)
        try:
            name = await keep_trying(lambda: self._postbox.put(mail), self._waits, RETRY_SECONDS_MAX)
        except MailRefused as refused:
            said = without_the_person(str(refused), recipient, buyer)
            return RecordNoticeRefused(notice=notice.notice, for_now=refused.for_now, said=said)
        return RecordNoticeSent(notice=notice.notice, name=name)

    def _buyer(self, notice: NoticeRequested) -> PersonalContent:
        """Who bought; nobody in particular where the channel did not say. Raises PersonalDataForgotten."""
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
