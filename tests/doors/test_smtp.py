"""What a mail server may answer, and what is made of it; how the connection is kept from others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from deploy.local.process import free_port
from services.order import smtp
from services.order.postbox import Mail, MailRefused, MailServerAway
from services.order.smtp import MailServer, Security, SmtpPostbox
from tests.mailserver import CUT, HOST, PASSWORD, USER, MailHost, certificate, knows_the_user, mail_host

MAIL = Mail(
    "k1", "<k1@acme.example>", "tea@acme.example", "ada@example.org", b"Message-ID: <k1@acme.example>\r\n\r\nHi\r\n"
)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def host(port: int) -> Iterator[MailHost]:
    with mail_host(port) as running:
        yield running


def put(port: int, security: Security = Security.NONE, **more: Any) -> str:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the workers run
        return runner.run(SmtpPostbox(MailServer(HOST, port, security, **more)).put(MAIL))


def test_the_envelope_names_the_brand_and_the_customer(host: MailHost, port: int) -> None:
    assert put(port) == "<k1@acme.example>"
    (envelope,) = host.arrived
    assert (envelope.mail_from, envelope.rcpt_tos) == ("tea@acme.example", ["ada@example.org"])


@pytest.mark.parametrize("step", ["on_mail", "on_recipient", "on_data"])
@pytest.mark.parametrize(
    ("answer", "for_now"),
    [("450 4.2.0 greylisted", True), ("452 4.2.2 full", True), ("550 5.1.1 no such user", False), ("554 no", False)],
)
def test_a_message_is_refused_for_now_or_for_good(
    host: MailHost, port: int, step: str, answer: str, for_now: bool
) -> None:
    setattr(host, step, [answer])
    with pytest.raises(MailRefused) as refused:
        put(port)
    assert (str(refused.value), refused.value.for_now) == (answer, for_now)
    assert host.arrived == []
    put(port)
    assert len(host.arrived) == 1


@pytest.mark.parametrize("answer", ["421 closing, says ada", "530 log in first, ada", "535 wrong"])
def test_what_is_about_us_is_no_refusal_of_the_message(host: MailHost, port: int, answer: str) -> None:
    host.on_mail = [answer]
    with pytest.raises(MailServerAway) as away:
        put(port)
    assert f"{HOST}:{port}" in str(away.value) and answer[:3] in str(away.value)
    assert "ada" not in str(away.value)


def test_where_the_connection_breaks_nobody_knows_and_the_same_message_is_handed_over_again(
    host: MailHost, port: int
) -> None:
    host.on_data = [CUT]
    with pytest.raises(MailServerAway):
        put(port)
    put(port)
    assert [message["Message-ID"] for message in host.messages] == ["<k1@acme.example>"] * 2


def test_nobody_there_is_waited_for(port: int) -> None:
    with pytest.raises(MailServerAway, match=f"{HOST}:{port}"):
        put(port)


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "ANSWER_SECONDS", 0.2)
    with socket.create_server((HOST, 0)) as silent, pytest.raises(MailServerAway, match="Timeout"):
        put(silent.getsockname()[1])


def test_a_message_that_takes_too_long_in_all_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "MESSAGE_SECONDS", 0.2)
    with socket.create_server((HOST, 0)) as silent, pytest.raises(MailServerAway, match="Timeout"):
        put(silent.getsockname()[1])


# Kept from others


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_an_encrypted_connection_logs_in_and_hands_over(tmp_path: Path, port: int, security: Security) -> None:
    ca_file, context = certificate(tmp_path)
    options: dict[str, Any] = {"authenticator": knows_the_user, "auth_required": True}
    if security is Security.TLS:
        options |= {"ssl_context": context, "auth_require_tls": False}
    else:
        options |= {"tls_context": context, "require_starttls": True}
    with mail_host(port, **options) as host:
        put(port, security, user=USER, password=PASSWORD, ca_file=ca_file)
        assert len(host.arrived) == 1
        with pytest.raises(MailServerAway, match="535"):
            put(port, security, user=USER, password="wrong", ca_file=ca_file)
        with pytest.raises(MailServerAway, match="530"):
            put(port, security, ca_file=ca_file)
        assert len(host.arrived) == 1


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path, port: int, security: Security) -> None:
    _, context = certificate(tmp_path)
    options: dict[str, Any] = {"ssl_context" if security is Security.TLS else "tls_context": context}
    with mail_host(port, **options) as host, pytest.raises(MailServerAway, match="CERTIFICATE_VERIFY_FAILED"):
        put(port, security)
    assert host.arrived == []


def test_a_server_with_the_certificate_of_another_gets_nothing(tmp_path: Path, port: int) -> None:
    ca_file, context = certificate(tmp_path, "127.0.0.9")
    with mail_host(port, tls_context=context) as host, pytest.raises(MailServerAway, match="not valid for"):
        put(port, Security.STARTTLS, ca_file=ca_file)
    assert host.arrived == []


def test_a_server_without_encryption_gets_nothing_where_it_is_wanted(host: MailHost, port: int) -> None:
    with pytest.raises(MailServerAway):
        put(port, Security.STARTTLS)
    assert host.arrived == []
