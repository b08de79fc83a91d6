"""The worker of notices, without servers: what is put into the postbox, what the order hears of it, and what nobody
else does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiosmtplib.email import parse_address
from hypothesis import example, given
from hypothesis import strategies as st

from chassis import streaming
from chassis.doors import Door
from chassis.sealing import MasterKeyMisfit, PersonalDataForgotten, PersonKeyLost, open_sealed
from contracts.envelope import Envelope, root_traceparent
from contracts.ids import aggregate_id, provider_key
from contracts.message import CATALOGUE, Command
from contracts.money import Money
from contracts.order import (
    SAID_CHARS_MAX,
    NoticeKind,
    NoticeLine,
    NoticeRequested,
    NotSentReason,
    OrderCompleted,
    RecordNoticeNotSent,
    RecordNoticeRefused,
    RecordNoticeSent,
)
from contracts.personal import Personal, PersonalContent
from services.order.notice_mail import NoticeMail
from services.order.postbox import Mail, MailRefused
from services.order.workers import AT_ONCE_MAX, NoticeWorker, address_of, without_the_person
from tests.doors.fakes import KEY, NOON, KeptPostbox, KeptWriter, seal

ADA = PersonalContent(name="Ada Lindqvist", email="ada@example.org")
SEALED = seal("someone", ADA)


def notice(buyer: Personal | None = SEALED, order: str = "1001", number: str = "1", **more: Any) -> NoticeRequested:
    """That an order of one line is confirmed."""
    order_id = aggregate_id("default", "order", "webshop-eu", order)
    fields: dict[str, Any] = {
        "notice": number,
        "kind": NoticeKind.CONFIRMED,
        "key": provider_key(f"order/{order_id}", "notice", number),
        "order_id": order_id,
        "number": "QQNX5-E2MGN-U",
        "placed_at": NOON,
        "seller": "acme",
        "buyer": buyer,
        "lines": (
            NoticeLine(line="1", sku="SKU-1", quantity=2, unit="each", amount=Money(amount=1050, currency="EUR")),
        ),
        "total": Money(amount=1050, currency="EUR"),
        "other": Money(amount=0, currency="EUR"),
    }
    return NoticeRequested(**{**fields, **more})


def intent(event: Any, target: str = "") -> Any:
    """The event as the intents topic has it."""
    target = target or f"order/{event.order_id}"
    identifier = aggregate_id("default", "event", event.encode().decode())
    trace = root_traceparent(identifier)
    envelope = Envelope(identifier, event.TYPE, "/order", NOON, target, "default", target, "cause", trace)
    return ConsumerRecord("order.intents", 0, 7, 0, 0, target.encode(), event.encode(), None, 1, 1, envelope.headers())


class Work:
    """A worker with all that it stands on. `known` are outcomes that the order has already."""

    def __init__(self, opened: Callable[[Personal], PersonalContent] | None = None) -> None:
        self.writer, self.postbox, self.said = KeptWriter(), KeptPostbox(), list[str | None]()
        self.known: set[str] = set()
        self.heard: Callable[[str | None], object] = lambda said: None
        self._opened = opened or (lambda sealed: open_sealed(KEY, sealed))

    def take(self, *records: Any) -> None:
        door = Door("worker", self.writer, 4, clock=lambda: NOON)
        worker = NoticeWorker(door, self._opened, self._taken, NoticeMail({}), self.postbox, self._say)
        asyncio.run(worker.take(records))

    def _say(self, said: str | None) -> None:
        self.said.append(said)
        self.heard(said)

    def _taken(self, messages: Sequence[str]) -> Collection[str]:
        return self.known & set(messages)

    @property
    def outcomes(self) -> list[Command]:
        """What the order was told."""
        found = [CATALOGUE[Envelope.parse(record.headers).type].decode(record.value) for record in self.writer.records]
        return [outcome for outcome in found if isinstance(outcome, Command)]

    @property
    def mail(self) -> EmailMessage:
        """The one message that was put in."""
        (mail,) = self.postbox.mails.values()
        message = message_from_bytes(mail.content, policy=default)
        assert isinstance(message, EmailMessage)
        return message


def test_a_notice_is_put_in_under_its_key_and_reported_once() -> None:
    work = Work()
    work.take(intent(notice()))
    work.take(intent(notice()))
    (mail,) = work.postbox.mails.values()
    assert (mail.key, mail.recipient) == (notice().key, "ada@example.org")
    assert work.mail["To"] == "ada@example.org"
    one, two = (Envelope.parse(record.headers) for record in work.writer.records)
    assert one.id == two.id
    assert one.causation_id == aggregate_id("default", "event", notice().encode().decode())
    assert work.outcomes[0] == RecordNoticeSent(notice="1", name=mail.key)


def test_a_notice_whose_outcome_the_order_knows_is_not_told_again() -> None:
    work = Work()
    work.take(intent(notice()))
    work.known = {Envelope.parse(record.headers).id for record in work.writer.records}
    work.postbox.mails.clear()
    work.take(intent(notice()), intent(notice(order="1002")))
    assert list(work.postbox.mails) == [notice(order="1002").key]
    assert len(work.outcomes) == 2


def test_a_guest_without_an_address_is_told_nothing_and_the_order_knows() -> None:
    work = Work()
    work.take(intent(notice(buyer=None)), intent(notice(seal("someone", PersonalContent(name="Ada")), order="1002")))
    assert work.postbox.mails == {}
    nobody = RecordNoticeNotSent(notice="1", reason=NotSentReason.NO_ADDRESS)
    assert work.outcomes == [nobody, nobody]


class Forgettable:
    """Opens what is sealed until its person is `forgotten`."""

    def __init__(self) -> None:
        self.forgotten = False

    def __call__(self, sealed: Personal) -> PersonalContent:
        if self.forgotten:
            raise PersonalDataForgotten("forgotten")
        return open_sealed(KEY, sealed)


def test_who_is_forgotten_while_the_postbox_takes_nothing_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a message that waits for its postbox
    monkeypatch.setattr(streaming, "RETRY_SECONDS", 0.001)
    opened = Forgettable()
    work = Work(opened)
    work.postbox.away = 1
    work.heard = lambda said: setattr(opened, "forgotten", True)
    # when its reader is forgotten meanwhile, then it is not put in when the postbox is back
    work.take(intent(notice()))
    assert work.postbox.mails == {}
    assert work.outcomes == [RecordNoticeNotSent(notice="1", reason=NotSentReason.FORGOTTEN)]
    assert work.said[-1] is None


def test_what_is_put_in_while_its_reader_is_forgotten_does_not_stay() -> None:
    opened = Forgettable()
    work = Work(opened)

    class Late(KeptPostbox):
        async def put(self, mail: Mail) -> str:
            opened.forgotten = True  # and what deletes their messages was there
            return await super().put(mail)

    work.postbox = Late()
    work.take(intent(notice()))
    assert work.postbox.mails == {}
    assert work.outcomes == [RecordNoticeNotSent(notice="1", reason=NotSentReason.FORGOTTEN)]


def test_what_a_worker_put_in_before_it_died_does_not_stay_when_its_reader_was_forgotten() -> None:
    opened = Forgettable()
    work = Work(opened)
    work.take(intent(notice()))
    assert list(work.postbox.mails) == [notice().key]
    opened.forgotten = True
    work.take(intent(notice()))
    assert work.postbox.mails == {}


def test_a_buyer_who_was_forgotten_is_told_nothing_and_the_order_knows() -> None:
    def forgotten(sealed: Personal) -> PersonalContent:
        raise PersonalDataForgotten("forgotten")

    work = Work(forgotten)
    work.take(intent(notice()))
    assert work.postbox.mails == {}
    assert work.outcomes == [RecordNoticeNotSent(notice="1", reason=NotSentReason.FORGOTTEN)]


def test_a_buyer_whose_key_was_lost_keeps_no_other_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    def lost(sealed: Personal) -> PersonalContent:
        if sealed.subject == "lost":
            raise PersonKeyLost("the vault has no key of the subject lost")
        return open_sealed(KEY, sealed)

    work = Work(lost)
    work.take(intent(notice(seal("lost", PersonalContent(email="eve@example.org")))), intent(notice(order="1002")))
    assert list(work.postbox.mails) == [notice(order="1002").key]
    assert RecordNoticeNotSent(notice="1", reason=NotSentReason.UNREADABLE) in work.outcomes
    assert "no key of the subject lost" in caplog.text


def test_without_the_right_master_key_the_worker_waits_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.streaming.RETRY_SECONDS", 0.01)
    tries = iter([MasterKeyMisfit("bring back the master key"), None])

    def misfit_once(sealed: Personal) -> PersonalContent:
        if error := next(tries, None):
            raise error
        return open_sealed(KEY, sealed)

    work = Work(misfit_once)
    work.take(intent(notice()))
    assert work.said == ["bring back the master key", None]
    assert len(work.postbox.mails) == 1


@pytest.mark.parametrize("for_now", [True, False])
def test_what_the_server_refuses_is_reported_without_the_person(for_now: bool) -> None:
    work = Work()
    work.postbox.refused = MailRefused("550 5.1.1 <Ada@Example.org>: no mailbox ada here", for_now=for_now)
    work.take(intent(notice()))
    said = "550 5.1.1 … no mailbox … here"
    assert work.outcomes == [RecordNoticeRefused(notice="1", for_now=for_now, said=said)]


def test_one_that_is_refused_keeps_no_other_from_being_sent() -> None:
    work = Work()
    work.take(*[intent(notice(None if number % 2 else SEALED, order=str(number))) for number in range(50)])
    assert (len(work.postbox.mails), len(work.outcomes)) == (25, 50)


def test_a_notice_is_kept_while_the_postbox_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.streaming.RETRY_SECONDS", 0)
    work = Work()
    work.postbox.away = 2
    work.take(intent(notice()))
    assert work.said == ["the postbox is away", "the postbox is away", None]
    assert isinstance(work.outcomes[0], RecordNoticeSent)


def test_the_notices_of_one_order_leave_in_order_and_of_many_at_once() -> None:
    begun: list[str] = []
    at_once = 0

    class Slow(KeptPostbox):
        async def put(self, mail: Any) -> str:
            nonlocal at_once
            begun.append(mail.key)
            at_once = max(at_once, len(begun) - len(self.mails))
            await asyncio.sleep(0.001)
            return await super().put(mail)

    work = Work()
    work.postbox = Slow()
    asked = [notice(order=str(order), number=str(number)) for number in (1, 2, 3) for order in range(40)]
    work.take(*(intent(each) for each in asked))
    assert 1 < at_once <= AT_ONCE_MAX
    for order in range(40):
        mine = [notice(order=str(order), number=str(number)).key for number in (1, 2, 3)]
        assert [key for key in begun if key in mine] == mine


def test_what_is_no_notice_is_passed_over() -> None:
    work = Work()
    other = OrderCompleted(captured=Money(amount=1, currency="EUR"))
    work.take(intent(other, target="order/1"))
    assert (work.postbox.mails, work.outcomes) == ({}, [])


def test_nothing_personal_is_logged_or_said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.streaming.RETRY_SECONDS", 0)
    caplog.set_level(logging.DEBUG)
    work = Work()
    work.postbox.away = 1
    work.take(intent(notice()))
    work.postbox.refused = MailRefused("550 ada@example.org", for_now=False)
    work.take(intent(notice(order="1002")))
    heard = caplog.text + repr(work.said) + repr([record.value for record in work.writer.records])
    assert not [part for part in ("ada", "Ada", "Lindqvist", "example.org") if part in heard]


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada Lindqvist <ada@example.org> ", "ada@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        *[
            (odd, None)
            for odd in (
                "",
                "<",
                '"',
                "a@[",
                "<@",
                "ada",
                "a@b c",
                "=?utf-8?q??=@b",
                "ädä@example.org",
                "a@" + "b" * 300,
            )
        ],
        ("x@y\r\nBcc: z@y", None),
    ],
)
def test_an_address_is_found_in_what_was_typed_or_none_is(typed: str, address: str | None) -> None:
    assert address_of(typed) == address


@given(st.text(max_size=40) | st.from_regex(r"[ -~]{1,10}@[ -~]{1,10}", fullmatch=True))
@example("a..b@c.example")
@example("a@-")
@example("a@.")
def test_whatever_was_typed_an_address_is_one_that_mail_can_be_sent_to(typed: str) -> None:
    address = address_of(typed)
    if address is None:
        return
    assert parse_address(address) == address
    message = EmailMessage()
    message["To"] = address
    read = message_from_bytes(bytes(message), policy=default)
    assert [one.addr_spec for one in read["To"].addresses] == [address]
    assert read.keys() == ["To"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("550 5.1.1 <ada@example.org>: user unknown", "550 5.1.1 … user unknown"),
        ("550 No such user ADA here", "550 No such user … here"),
        ("554 mail for Lindqvist at example.org refused", "554 mail for … at … refused"),
        ("452 adapter full", "452 adapter full"),
        ("550 first\r\nsecond\x1b[31m", "550 first second[31m"),
        ("5" * 1_000, "5" * SAID_CHARS_MAX),
    ],
)
def test_of_what_a_server_says_all_is_kept_but_the_person(said: str, kept: str) -> None:
    assert without_the_person(said, "ada@example.org", ADA) == kept
