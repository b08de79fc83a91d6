"""From a notice to the message that tells it: sentences and layout by templates, in the language of the order.

A function of the event, the buyer and the settings, so that made again it is the same message. A brand has a sender of
its own, and may have templates that go before ours.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize
from zoneinfo import ZoneInfo

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    select_autoescape,
)

from contracts.money import Money
from contracts.order import CancelReason, HoldKind, NoticeLine, NoticeRequested
from contracts.personal import PersonalContent
from services.order.notice_language import Language, language_of, marked
from services.order.postbox import Mail

__all__ = [
    "ANYBODY",
    "CARRIERS",
    "NEEDS",
    "TEMPLATES",
    "WHY",
    "NoticeMail",
    "Sender",
    "Words",
    "environment_of",
    "filled",
    "one_line",
    "values_of",
]

log = logging.getLogger("orderlog")

TEMPLATES = Path(__file__).parent / "notice_templates"

ANYBODY = "*"
"""Stands for every brand and seller that has no sender of its own."""

ENCODING = "quoted-printable"
BOUNDARY = "=_"
"""Of each part, and before the line between parts: `=_` is never in what is encoded so, whatever was typed (RFC 2045,
6.7). The line follows from the key, so that a message made again is the same."""

RIGHT_TO_LEFT_MARK = "\u200f"
"""At the start of a line, makes it run from right to left even where it begins with Latin letters."""

WHY: Mapping[CancelReason, str | None] = {
    CancelReason.CUSTOMER: marked("as you asked"),
    CancelReason.OUT_OF_STOCK: marked("out of stock"),
    CancelReason.TOO_LATE: marked("not available in time"),
    CancelReason.PAYMENT: marked("the payment failed"),
    CancelReason.NOT_RETURNED: marked("what was to come back for it did not come"),
    CancelReason.FRAUD: None,
    CancelReason.NOTHING_TO_FULFILL: None,
    CancelReason.OTHER: None,
}
"""Why units were cancelled, in words for the customer; a suspicion is not told, nor what tells nothing."""

NEEDS: Mapping[HoldKind, str] = {
    HoldKind.MISSING_ADDRESS: "address",
    HoldKind.PAYMENT_DECLINED: "payment",
    HoldKind.AUTHORIZATION_EXPIRED: "payment",
}
"""What a hold needs from the customer, as templates know it."""

CARRIERS: Mapping[str, str] = {"own-fleet": marked("our own delivery")}
"""What carriers are called towards customers, where that is not their name."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the notices of a brand are from. `name` is shown with the address, the brand's or seller's own where there
    is none; `templates` is a folder whose files go before ours; `zone` is where the dates in them are."""

    address: str = "orders@localhost"
    name: str | None = None
    reply_to: str | None = None
    templates: Path | None = None
    zone: str = "UTC"


class Words(NamedTuple):
    """A message as people read it."""

    subject: str
    text: str
    html: str


class NoticeMail:
    """Writes notices as messages. `senders` has the sender of each brand, or of a seller whose orders name no brand,
    and under ANYBODY that of all others."""

    def __init__(self, senders: Mapping[str, Sender]) -> None:
        self._senders = senders
        self._ours = environment_of(None)
        folders = {sender.templates for sender in senders.values() if sender.templates}
        self._theirs = {folder: environment_of(folder) for folder in folders}

    def write(self, asked: NoticeRequested, buyer: PersonalContent, recipient: str, at: datetime) -> Mail:
        """The message to `recipient`, asked for `at` this time."""
        sender = self._sender(asked)
        name = one_line(sender.name or "") or one_line(asked.brand or "") or one_line(asked.seller)
        language = Language(language_of(asked.locale), ZoneInfo(sender.zone))
        words = self._words(asked, sender.templates, values_of(asked, buyer, name, language))
        message_id = f"<{asked.key}@{sender.address.rpartition('@')[2]}>"
        message = EmailMessage(policy=SMTP)
        message["Message-ID"] = message_id
        message["Date"] = format_datetime(at)
        message["From"] = Address(_in_header(name), addr_spec=sender.address)
        if sender.reply_to:
            message["Reply-To"] = sender.reply_to
        message["To"] = recipient
        message["Subject"] = _in_header(words.subject)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(words.text, cte=ENCODING)
        message.add_alternative(words.html, subtype="html", cte=ENCODING)
        message.set_boundary(f"{BOUNDARY}{asked.key}")
        message["Content-Language"] = language.tag
        customer = None if asked.buyer is None else asked.buyer.subject
        return Mail(asked.key, message_id, sender.address, recipient, message.as_bytes(), customer)

    def _sender(self, asked: NoticeRequested) -> Sender:
        named = (self._senders.get(name) for name in (asked.brand, asked.seller, ANYBODY) if name)
        return next((sender for sender in named if sender), Sender())

    def _words(self, asked: NoticeRequested, folder: Path | None, values: Mapping[str, Any]) -> Words:
        """In the brand's own templates; in ours where those cannot be filled in, since the customer waits to hear."""
        if folder is not None:
            try:
                return filled(self._theirs[folder], asked.kind, values)
            except Exception as error:  # noqa: BLE001 - a template may raise anything; its text may name a person
                what = type(error).__name__
                log.error("the templates in %s fail to tell %s (%s): ours are used", folder, asked.kind, what)
        return filled(self._ours, asked.kind, values)


def environment_of(folder: Path | None) -> Environment:
    """Templates of a folder before ours, which are there as `orderlog/…` too, to be built on."""
    ours = FileSystemLoader(TEMPLATES)
    theirs = [FileSystemLoader(folder)] if folder else []
    return Environment(
        loader=ChoiceLoader([*theirs, ours, PrefixLoader({"orderlog": ours})]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def filled(environment: Environment, kind: str, values: Mapping[str, Any]) -> Words:
    """What the templates of a kind of notice make of the values."""
    plain, html = environment.get_template(f"{kind}.txt"), environment.get_template(f"{kind}.html")
    subject = " ".join("".join(plain.blocks["subject"](plain.new_context(dict(values)))).split())
    text = re.sub(r"\n{3,}", "\n\n", plain.render(values)).strip() + "\n"
    if values["direction"] == "rtl":
        text = re.sub(r"^(?=.)", RIGHT_TO_LEFT_MARK, text, flags=re.MULTILINE)
    return Words(subject, text, html.render(values, subject=subject))


def values_of(asked: NoticeRequested, buyer: PersonalContent, sender: str, language: Language) -> Mapping[str, Any]:
    """All that a template may show, as text; docs/operating.md lists it."""
    why = WHY[asked.cancel_reason] if asked.cancel_reason else None
    carrier = one_line(asked.carrier or "")
    return {
        "_": language.translator(),
        "language": language.tag,
        "direction": "rtl" if language.right_to_left else "ltr",
        "sender": sender,
        "name": one_line(buyer.name or buyer.company or ""),
        "number": one_line(asked.number),
        "date": language.date(asked.placed_at),
        "lines": _lines(asked.lines, language),
        "lines_more": asked.lines_more,
        "following": _lines(asked.following, language),
        "following_more": asked.following_more,
        "total": language.money(asked.total) if asked.total else "",
        "other": language.money(asked.other) if asked.other and asked.other.amount else "",
        **_difference(asked, language),
        "needs": NEEDS[asked.hold] if asked.hold else "",
        "why": language.sentence(why) if why else "",
        "whole": asked.whole,
        "credit": asked.credit,
        "carrier": language.sentence(CARRIERS[carrier]) if carrier in CARRIERS else carrier,
        "tracking": language.list([one_line(number) for number in asked.tracking_numbers]),
        "location": one_line(asked.location or ""),
        "postage": asked.postage or "",
    }


def _difference(asked: NoticeRequested, language: Language) -> Mapping[str, str]:
    """What a changed order comes to more or less than before: one of both, or none."""
    by = asked.difference
    if by is None or not by.amount:
        return {"more_by": "", "less_by": ""}
    size = language.money(by.model_copy(update={"amount": abs(by.amount)}))
    return {"more_by": size if by.amount > 0 else "", "less_by": "" if by.amount > 0 else size}


def _lines(lines: Sequence[NoticeLine], language: Language) -> list[Mapping[str, str]]:
    return [
        {
            "name": one_line(line.description or "") or one_line(line.sku),
            "quantity": language.quantity(line.quantity, one_line(line.unit)),
            "amount": _amount(line.amount, language),
        }
        for line in lines
    ]


def _amount(amount: Money | None, language: Language) -> str:
    return "" if amount is None else language.money(amount)


def one_line(text: str) -> str:
    """What somebody typed, as one line of what can be seen: no line break, control, or mark that turns the text."""
    seen = "".join(letter for letter in normalize("NFC", text) if letter.isprintable() or letter.isspace())
    return " ".join(seen.split())


def _in_header(text: str) -> str:
    """A text that means itself in a header: `=?` begins an encoded word, which may hold a line break, and with it
    another header."""
    return text.replace("=?", "= ?")
