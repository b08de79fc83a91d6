"""Personal data: what travels instead of it, and the shape of what is sealed.

Only doors seal and only what needs to read opens (chassis/sealing.py); everything between carries `Personal` unread.
What sourcing and tax need of an address stays in the clear (contracts/address.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from contracts.message import Value

__all__ = ["Personal", "PersonalContent", "sealed_in"]


class Personal(Value):
    """Sealed personal data of one subject (a person). Equal data of a subject has equal ciphertext.

    `subject` is the subject's id, which names the key; `ciphertext` is AES-SIV over the canonical JSON (RFC 8785) of a
    `PersonalContent` with the subject id as associated data, in base64. When the key is destroyed it is unreadable
    for ever.
    """

    subject: str
    ciphertext: str


class PersonalContent(Value):
    """What may be sealed; nothing of it stands in any message in the clear.

    Every field is absent by default and absent fields are not sealed: so a field added later leaves the ciphertext of
    what was sealed before as it was, and equal stays equal.
    """

    name: str | None = None
    company: str | None = None
    address_lines: tuple[str, ...] | None = None
    city: str | None = None
    postcode: str | None = None
    email: str | None = None
    phone: str | None = None
    gift_message: str | None = None
    notes: str | None = None


def sealed_in(value: Any) -> Iterator[Personal]:
    """Everything personal in a message, or in a part of one."""
    if isinstance(value, Personal):
        yield value
    elif isinstance(value, BaseModel):
        yield from _within(value.__dict__.values())
    elif isinstance(value, tuple):
        yield from _within(value)


def _within(parts: Iterable[Any]) -> Iterator[Personal]:
    """Most of what a message holds is text and numbers, which are not looked at."""
    for part in parts:
        if isinstance(part, BaseModel | tuple):
            yield from sealed_in(part)
