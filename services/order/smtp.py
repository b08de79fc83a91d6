"""A mail server as a postbox: SMTP with STARTTLS or TLS, a user where it wants one, and a limit on every wait.

At least once: where the connection breaks after the message was handed over, nobody knows whether it was taken, and it
is handed over again under the same Message-ID.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import aiosmtplib

from services.order.postbox import Mail, MailRefused, MailServerAway

__all__ = ["CONNECTIONS_MAX", "MailServer", "Security", "SmtpPostbox"]

CONNECTIONS_MAX = 8
"""Connections to the mail server at once, each for one message."""

ANSWER_SECONDS = 30.0
"""How long the server may take to answer one command."""

MESSAGE_SECONDS = 120.0
"""How long a message may take from the connection to the server's word that it has it."""

WHY_CHARS_MAX = 300
"""Characters of what is said of a server that takes nothing."""

CLOSING = 421
"""The server's word that it takes nothing more over this connection, in answer to whatever was asked."""

WANTS_OTHER_CREDENTIALS = frozenset({530, 534, 535, 538})
"""The server wants a user, another password or encryption: no fault of the message."""

BEFORE_THE_MESSAGE = (
    aiosmtplib.SMTPConnectError,
    aiosmtplib.SMTPHeloError,
    aiosmtplib.SMTPAuthenticationError,
    aiosmtplib.SMTPNotSupported,
    ssl.SSLError,
)
"""What goes wrong before the server hears whom a message is for."""


class Security(StrEnum):
    """How the connection is kept from others: encrypted after a greeting, from the first byte, or not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where a mail server is and how it wants to be spoken to. `ca_file`: the certificates that its own is checked by,
    instead of those of the system."""

    host: str
    port: int
    security: Security = Security.STARTTLS
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None


class SmtpPostbox:
    """Hands messages to a mail server, CONNECTIONS_MAX at once."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._tls = None
        if server.security is not Security.NONE:
            self._tls = ssl.create_default_context(cafile=server.ca_file)
        self._places = asyncio.Semaphore(CONNECTIONS_MAX)

    async def put(self, mail: Mail) -> str:
        """See Postbox.put."""
        async with self._places:
            try:
                async with asyncio.timeout(MESSAGE_SECONDS):
                    await self._hand_over(mail)
            except aiosmtplib.SMTPRecipientsRefused as refused:
                raise self._refusal(refused.recipients[0]) from refused
            except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as refused:
                raise self._refusal(refused) from refused
            except (aiosmtplib.SMTPException, OSError) as error:
                raise self._away(error) from error
        return mail.message_id

    async def take_back(self, key: str) -> bool:
        """See Postbox.take_back: what a mail server took is on its way."""
        return False

    async def _hand_over(self, mail: Mail) -> None:
        server = self._server
        connection = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.security is Security.TLS,
            start_tls=server.security is Security.STARTTLS,
            tls_context=self._tls,
            username=server.user,
            password=server.password,
            timeout=ANSWER_SECONDS,
        )
        async with connection:
            await connection.sendmail(mail.sender, [mail.recipient], mail.content)

    def _refusal(self, answer: aiosmtplib.SMTPResponseException) -> Exception:
        """What the server's answer to a message means: 4xx is for now, 5xx for good, unless it is about us."""
        if answer.code == CLOSING or answer.code in WANTS_OTHER_CREDENTIALS:
            return self._away(answer)
        return MailRefused(f"{answer.code} {answer.message}", for_now=answer.code < 500)

    def _away(self, error: Exception) -> MailServerAway:
        """In the server's own words as long as it was told of nobody; afterwards they may name a person."""
        code = f" {error.code}" if isinstance(error, aiosmtplib.SMTPResponseException) else ""
        why = " ".join(str(error.args[-1]).split()) if isinstance(error, BEFORE_THE_MESSAGE) else ""
        said = f"{type(error).__name__}{code} {why}".strip()[:WHY_CHARS_MAX]
        return MailServerAway(f"the mail server at {self._server.host}:{self._server.port} takes no messages: {said}")
