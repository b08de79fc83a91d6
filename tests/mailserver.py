"""A real mail server for tests, in a thread of its own: it keeps what arrives, and refuses as it is told."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
USER, PASSWORD = "orderlog", "correct horse"


@dataclass
class MailHost:
    """What a mail server got, and what it answers: to MAIL, RCPT and DATA in this order, each once; then it takes all."""

    arrived: list[Envelope] = field(default_factory=list)
    on_mail: list[str] = field(default_factory=list)
    on_recipient: list[str] = field(default_factory=list)
    on_data: list[str] = field(default_factory=list)

    @property
    def messages(self) -> list[EmailMessage]:
        """What arrived, as mail programs read it."""
        found = [message_from_bytes(envelope.original_content or b"", policy=default) for envelope in self.arrived]
        return [message for message in found if isinstance(message, EmailMessage)]

    async def handle_MAIL(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        envelope.mail_from = address
        return self.on_mail.pop(0) if self.on_mail else "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if self.on_recipient:
            return self.on_recipient.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.on_data:
            answer = self.on_data.pop(0)
            if answer == CUT:
                self.arrived.append(envelope)
                server.transport.abort()
            return answer
        self.arrived.append(envelope)
        return "250 OK"


CUT = "cut"
"""As an answer to DATA: the message is kept, and the connection breaks before anybody hears so."""


@contextmanager
def mail_host(port: int, host: MailHost | None = None, **options: Any) -> Iterator[MailHost]:
    """A mail server that listens on 127.0.0.1; `options` as aiosmtpd's controller takes them."""
    kept = host or MailHost()
    controller = Controller(kept, hostname=HOST, port=port, **options)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()


def knows_the_user(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """An authenticator of aiosmtpd."""
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


def certificate(folder: Path, address: str = HOST) -> tuple[Path, ssl.SSLContext]:
    """A certificate that nobody vouches for, for a server at this address: its file, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    return public, context
