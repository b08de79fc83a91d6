"""What the settings say about messages to customers, as what the worker stands on: senders, templates, a postbox."""

from __future__ import annotations

import ssl

from chassis.settings import Settings, SettingsRefused
from oms.secrets import first_line
from services.order.notice_mail import NoticeMail, Sender
from services.order.notice_rehearsal import failures
from services.order.postbox import OutboxFolder, Postbox
from services.order.smtp import MailServer, Security, SmtpPostbox

__all__ = ["make_mail", "make_postbox"]


def make_mail(settings: Settings) -> NoticeMail:
    """Who writes the messages; raises SettingsRefused when the templates of a brand cannot be used."""
    senders = {name: Sender(**dict(sender)) for name, sender in settings.senders.items()}
    folders = sorted({sender.templates for sender in senders.values() if sender.templates})
    if failed := list(failures(folders)):
        raise SettingsRefused(f"settings refused: senders: {'; '.join(failed)}")
    return NoticeMail(senders)


def make_postbox(settings: Settings) -> Postbox:
    """Where messages are put in; raises SettingsRefused when a file that the mail server needs cannot be used."""
    if settings.mail_by == "outbox":
        return OutboxFolder(settings.outbox)
    server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=Security(settings.smtp_security),
        user=settings.smtp_user,
        password=first_line("smtp_password_file", settings.smtp_password_file) if settings.smtp_password_file else None,
        ca_file=settings.smtp_ca_file,
    )
    try:
        return SmtpPostbox(server)
    except (OSError, ssl.SSLError) as error:
        raise SettingsRefused(f"smtp_ca_file: {settings.smtp_ca_file} holds no certificates: {error}") from error
