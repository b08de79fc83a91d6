"""The postbox: where a message to a customer is put in, and what it may say to that.

A port with two implementations: a folder, here, and a mail server (smtp.py). Putting a message in again under the same
key is putting the same message in: a folder keeps one, a mail server may pass on two with one Message-ID.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Mail", "MailRefused", "MailServerAway", "OutboxFolder", "Postbox"]


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it travels: `content` is the whole of it (RFC 5322), `sender` and `recipient` are the addresses on
    the envelope. `key` names it, the same however often it is put in, and so does `message_id`, its header. `customer` is
    the subject of whom it is about, None where that is nobody's."""

    key: str
    message_id: str
    sender: str
    recipient: str
    content: bytes
    customer: str | None = None


class MailRefused(Exception):
    """This message is not taken: `for_now`, or ever. The text is the server's own words, personal data included."""

    def __init__(self, said: str, *, for_now: bool) -> None:
        super().__init__(said)
        self.for_now = for_now


class MailServerAway(OSError):
    """No message is taken at all until somebody mends something or a server comes back. The text names no person."""


class Postbox(Protocol):
    """Takes messages."""

    async def put(self, mail: Mail) -> str:
        """Put a message in; what it is called from here on. It is safe there when this returns.

        Raises MailRefused, and OSError (MailServerAway is one) while nothing is taken.
        """

    async def take_back(self, key: str) -> bool:
        """Have the message of this key not be inside: its reader was forgotten. False where it is on its way already, or
        never was here. Raises OSError."""


LINE_BYTES_MAX = 200
"""What is read of a message in the folder to see whose it is."""

CUSTOMER_LINE = b"X-Orderlog-Customer: "
"""How a message in the folder begins that is about somebody: by it what is theirs is found."""


class OutboxFolder:
    """A folder in which each message is a file, named by its key. Whatever delivers them takes them from there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, mail: Mail) -> str:
        """See Postbox.put."""
        return await asyncio.to_thread(self._write, mail)

    async def take_back(self, key: str) -> bool:
        """See Postbox.take_back."""
        return await asyncio.to_thread(self._delete, key)

    def _delete(self, key: str) -> bool:
        name = f"{key}.eml"
        (self._folder / f".{name}.part").unlink(missing_ok=True)
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def _write(self, mail: Mail) -> str:
        """Whole or not at all: written beside, then renamed. One that is there was put in before."""
        name = f"{mail.key}.eml"
        target = self._folder / name
        if target.exists():
            return name
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / f".{name}.part"
        with beside.open("wb") as file:
            if mail.customer:
                file.write(b"%s%s\r\n" % (CUSTOMER_LINE, mail.customer.encode()))
            file.write(mail.content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
        return name

    def forget(self, customers: Collection[str]) -> int:
        """Delete the messages about these subjects; how many there were."""
        lines = {b"%s%s\r\n" % (CUSTOMER_LINE, subject.encode()) for subject in customers}
        deleted = 0
        for path in (*self._folder.glob("*.eml"), *self._folder.glob(".*.part")):
            # Whatever delivers them may take one away meanwhile.
            with suppress(FileNotFoundError):
                with path.open("rb") as file:
                    theirs = file.readline(LINE_BYTES_MAX) in lines
                if theirs:
                    path.unlink()
                    deleted += 1
        return deleted
