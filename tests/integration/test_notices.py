"""Notices by a real mail server, with every service running: killed workers, refusals, and a server that is away."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from deploy.local.process import free_port
from tests.integration.test_doors import Site
from tests.integration.test_doors import site as site
from tests.mailserver import HOST, MailHost, mail_host
from tests.waiting import eventually

WORKERS = "oms.workers"
BRAND = {"from": "tea@acme.example", "name": "Acme Tea"}


class MailSite:
    """An installation whose notices leave by a mail server, which may go away and come back."""

    def __init__(self, site: Site, host: MailHost, port: int, runs: ExitStack) -> None:
        self.site, self.host, self._port, self._runs = site, host, port, runs
        self.start_server()

    def start_server(self) -> None:
        self._runs.enter_context(mail_host(self._port, self.host))

    def stop_server(self) -> None:
        self._runs.close()

    def stop_worker(self) -> None:
        self.site.processes[WORKERS].send_signal(signal.SIGTERM)
        assert self.site.processes[WORKERS].wait(30) == 0

    def start_worker(self) -> None:
        self.site.start(WORKERS)
        eventually(lambda: self.site.running(WORKERS), 60, "the worker running")

    def confirmed(self, name: str, **changes: Any) -> None:
        """An order that is confirmed, so that its customer is to be told."""
        self.site.receive("SKU-1", 2)
        self.site.placed(name, **changes)
        eventually(lambda: self.site.get(f"/orders/{name}").get("confirmed"), 60, "the order confirmed")

    def happened(self, name: str, what: str) -> list[dict[str, Any]]:
        """The events of an order by this name."""
        return [event for event in self.site.get(f"/orders/{name}/timeline")["events"] if event["what"] == what]

    def notices(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.site.get(f"/orders/{name}").get("notices", [])
        return found

    def message_ids(self, name: str) -> list[str]:
        """Of what arrived about an order."""
        number = self.site.get(f"/orders/{name}")["number"]
        return [str(one["Message-ID"]) for one in self.host.messages if number in one["Subject"]]

    def health(self) -> dict[str, Any]:
        place = json.loads((self.site.settings.run_folder / "workers.json").read_text())
        document: dict[str, Any] = httpx.get(place["address"], trust_env=False).json()
        return document


@pytest.fixture(scope="module")
def mail_site(site: Site) -> Iterator[MailSite]:
    port = free_port()
    chosen = {"OMS_MAIL_BY": "smtp", "OMS_SMTP_HOST": HOST, "OMS_SMTP_PORT": str(port), "OMS_SMTP_SECURITY": "none"}
    site.environment.update({**chosen, "OMS_SENDERS": json.dumps({"acme-tea": BRAND})})
    with ExitStack() as runs:
        made = MailSite(site, MailHost(), port, runs)
        made.stop_worker()
        made.start_worker()
        yield made


def test_a_notice_arrives_in_the_language_of_the_order_from_its_brand(mail_site: MailSite) -> None:
    mail_site.confirmed("de-1", locale="de-DE", brand="acme-tea", number="W-77")
    eventually(lambda: mail_site.happened("de-1", "NoticeSent"), because="the notice recorded")
    (message,) = [one for one in mail_site.host.messages if "W-77" in one["Subject"]]
    assert (message["From"], message["To"]) == ("Acme Tea <tea@acme.example>", "ada@example.org")
    assert message["Subject"] == "Ihre Bestellung W-77 ist bestätigt"
    text = message.get_body(("plain",))
    assert text is not None and "Summe: 20,00\xa0€" in text.get_content()


@pytest.mark.parametrize(
    ("point", "copies"), [("notices.before_act", {1}), ("notices.after_act", {2}), ("notices.after_record", {1, 2})]
)
def test_a_worker_killed_at_any_point_sends_one_message_id_and_one_notice_is_recorded(
    mail_site: MailSite, point: str, copies: set[int]
) -> None:
    mail_site.stop_worker()
    name = f"mail-{point}"
    mail_site.confirmed(name)
    mail_site.site.start(WORKERS, f"{point}:1:kill9")
    assert mail_site.site.processes[WORKERS].wait(60) == -signal.SIGKILL
    mail_site.start_worker()
    eventually(lambda: mail_site.happened(name, "NoticeSent"), 60, "the notice recorded")
    # a later one is told only when all before it are
    mail_site.confirmed(f"{name}-after")
    eventually(lambda: mail_site.happened(f"{name}-after", "NoticeSent"), 60, "the notice after it recorded")
    assert len(mail_site.happened(name, "NoticeSent")) == 1
    found = mail_site.message_ids(name)
    assert len(set(found)) == 1
    assert len(found) in copies


def test_what_the_order_knows_as_told_is_not_told_again_after_a_kill(mail_site: MailSite) -> None:
    mail_site.stop_worker()
    mail_site.confirmed("told-1")
    mail_site.site.start(WORKERS, "notices.after_record:1:kill9")
    assert mail_site.site.processes[WORKERS].wait(60) == -signal.SIGKILL
    eventually(lambda: mail_site.happened("told-1", "NoticeSent"), 60, "the notice recorded")
    mail_site.start_worker()
    mail_site.confirmed("told-2")
    eventually(lambda: mail_site.happened("told-2", "NoticeSent"), 60, "the notice after it recorded")
    assert len(mail_site.message_ids("told-1")) == 1


def test_one_that_is_refused_for_good_is_shown_to_the_order_desk_without_the_customer(mail_site: MailSite) -> None:
    mail_site.host.on_recipient = ["550 5.1.1 <ada@example.org> is unknown here"]
    mail_site.confirmed("refused-1")
    eventually(lambda: mail_site.happened("refused-1", "NoticeFailed"), 60, "the failure recorded")
    eventually(lambda: mail_site.notices("refused-1") == [{"notice": "1", "kind": "confirmed", "status": "failed"}])

    def listed() -> list[str]:
        page = mail_site.site.http.get("/orders", params={"notice_failed": "true"}).json()
        return [order["external_id"] for order in page["orders"]]

    eventually(lambda: listed() == ["refused-1"], because="the order in the list of the order desk")
    told = json.dumps(mail_site.happened("refused-1", "NoticeFailed"))
    assert "550 5.1.1" in told and "order_desk" in told
    assert "ada" not in told and "example.org" not in told


def test_one_that_is_refused_for_now_waits_for_its_next_try_and_keeps_no_other_waiting(mail_site: MailSite) -> None:
    mail_site.host.on_recipient = ["451 4.7.1 greylisted, try again later"]
    mail_site.confirmed("later-1")
    delayed = eventually(lambda: mail_site.happened("later-1", "NoticeDelayed"), 60, "the delay recorded")
    assert "451 4.7.1" in json.dumps(delayed)
    mail_site.confirmed("later-2")
    eventually(lambda: mail_site.happened("later-2", "NoticeSent"), 60, "the other notice recorded")
    assert mail_site.notices("later-1") == [{"notice": "1", "kind": "confirmed", "status": "delayed"}]


def test_while_the_server_is_away_notices_wait_and_say_so_and_leave_when_it_is_back(mail_site: MailSite) -> None:
    mail_site.stop_server()
    mail_site.confirmed("away-1")
    waiting = eventually(lambda: (found := mail_site.health())["state"] == "waiting" and found, 60, "the worker waits")
    assert "the mail server at" in waiting["last_error"]
    # asked to stop while it waits it stops, and its successor goes on from there
    mail_site.stop_worker()
    mail_site.start_server()
    mail_site.start_worker()
    eventually(lambda: mail_site.happened("away-1", "NoticeSent"), 60, "the notice recorded")
    assert len(mail_site.message_ids("away-1")) == 1


def test_nothing_personal_is_in_the_log_of_the_worker(mail_site: MailSite) -> None:
    log = (mail_site.site.settings.home / "workers.log").read_text()
    assert log
    # whole words: Kafka's client says "metadata"
    assert re.findall(r"\b(?:ada|Ada|Lindqvist|example\.org)\b", log) == []
