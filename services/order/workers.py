"""What the order service does outside: the confirmation to the customer, as one MIME message in the outbox folder.

The message is named by the event that asked for it, so doing it twice is doing it once. Its outcome goes back into the
inbox through a door.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from chassis.doors import Door, Entry
from chassis.faultpoints import faultpoint
from chassis.log import NewRecord
from chassis.sealing import PersonalDataForgotten
from chassis.streaming import Records, keep_trying
from contracts.envelope import Actor, Envelope
from contracts.ids import stream
from contracts.money import Money
from contracts.order import ConfirmationRequested, ConfirmedLine, RecordConfirmationSent
from contracts.personal import Personal, PersonalContent

__all__ = ["ConfirmationWorker", "confirmation"]

ADDRESS = re.compile(r"""(?!.*=\?)[^\s\x00-\x20\x7f@()<>\[\]:;,\\"]+@[^\s\x00-\x20\x7f@()<>\[\]:;,\\"]+""")
"""What a mail can be sent to: two parts of anything but space, controls and what means something in a header; no
encoded word (`=?`), which is never part of an address."""

NO_RECIPIENT = "undisclosed-recipients:;"

NOBODY = PersonalContent()
"""Stands for a buyer whom the channel did not name, or who was forgotten: the message has no address then."""


class ConfirmationWorker:
    """Takes records of `order.intents`. `waits` hears what it waits for, and None when it goes on."""

    def __init__(
        self,
        door: Door,
        opened: Callable[[Personal], PersonalContent],
        outbox: Path,
        waits: Callable[[str | None], None],
    ) -> None:
        self._door, self._opened, self._outbox, self._waits = door, opened, outbox, waits

    async def take(self, records: Records) -> None:
        """Returns when every intent was acted on and its outcome is in the inbox."""
        outcomes: list[NewRecord] = []
        for record in records:
            envelope = Envelope.parse(record.headers)
            if envelope.type == ConfirmationRequested.TYPE:
                asked = ConfirmationRequested.decode(record.value or b"")
                outcomes.append(await self._confirmed(envelope, asked))
        await keep_trying(lambda: self._door.writer.write(outcomes), self._waits)
        faultpoint("worker.after_record")

    async def _confirmed(self, envelope: Envelope, asked: ConfirmationRequested) -> NewRecord:
        name = f"{envelope.id}.eml"
        faultpoint("worker.before_act")
        await keep_trying(lambda: asyncio.to_thread(self._write, name, envelope, asked), self._waits)
        faultpoint("worker.after_act")
        return self._door.record(
            Entry(
                "order",
                stream("order", asked.order_id),
                RecordConfirmationSent(confirmation=envelope.id, name=name),
                (envelope.id,),
                actor=Actor(kind="worker", subject="confirmation"),
                correlation=envelope.correlation_id,
                cause=envelope,
            )
        )

    def _write(self, name: str, envelope: Envelope, asked: ConfirmationRequested) -> None:
        """Whole or not at all: written beside, then renamed. One that is there was sent."""
        target = self._outbox / name
        if target.exists():
            return
        self._outbox.mkdir(parents=True, exist_ok=True)
        beside = self._outbox / f".{name}.part"
        with beside.open("wb") as file:
            file.write(bytes(confirmation(envelope, asked, self._buyer(asked))))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)

    def _buyer(self, asked: ConfirmationRequested) -> PersonalContent:
        if asked.buyer is None:
            return NOBODY
        try:
            return self._opened(asked.buyer)
        except PersonalDataForgotten:
            return NOBODY


def confirmation(envelope: Envelope, asked: ConfirmationRequested, buyer: PersonalContent) -> EmailMessage:
    """The message: a function of the event and the buyer, so that made again it is the same."""
    message = EmailMessage()
    message["Message-ID"] = f"<{envelope.id}@orderlog>"
    message["Date"] = format_datetime(envelope.time)
    message["From"] = Address(_one_line(asked.brand or asked.seller), "orders", "localhost")
    message["To"] = _recipient(buyer.email)
    message["Subject"] = f"Your order {_one_line(asked.channel_number or asked.number)} is confirmed"
    lines = "\n".join(_text(line) for line in asked.lines)
    greeting = f"Dear {buyer.name}," if buyer.name else "Dear customer,"
    message.set_content(
        f"{greeting}\n\nwe confirm your order {asked.number}:\n\n{lines}\n\nTotal: {_money(asked.total)}\n"
    )
    return message


def _recipient(typed: str | None) -> str:
    """The address in what somebody typed. What is none stops no other message: the parser of headers would fail."""
    address = _one_line(typed or "").rpartition("<")[2].removesuffix(">")
    return address if ADDRESS.fullmatch(address) else NO_RECIPIENT


def _text(line: ConfirmedLine) -> str:
    return f"  {line.quantity} {line.unit}  {line.description or line.sku}  {_money(line.amount)}"


def _money(money: Money) -> str:
    return f"{money.to_decimal()} {money.currency}"


def _one_line(text: str) -> str:
    """A header holds one line; what people typed may hold more."""
    return " ".join(text.split())
