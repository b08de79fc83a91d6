"""Notices as customers read them: in their language, from their shop, and with nothing in them that nobody wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.numbers import get_decimal_symbol
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts.money import Money, minor_digits
from contracts.order import CancelReason, HoldKind, NoticeKind, NoticeLine, NoticeRequested
from contracts.personal import PersonalContent
from services.order.checks import CURRENCIES
from services.order.fulfillment_saga import CARRIER
from services.order.notice_language import ENGLISH, LANGUAGES, Language, language_of
from services.order.notice_mail import ANYBODY, CARRIERS, NEEDS, WHY, NoticeMail, Sender
from services.order.notice_rehearsal import EXAMPLES, failures
from services.order.notices import TOLD_HOLDS

AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ADA = PersonalContent(name="Ada Lindqvist")
OURS = NoticeMail({})
TEAPOT = NoticeLine(line="1", sku="SKU-1", description="Teapot", quantity=2, unit="each")
FLOUR = NoticeLine(line="2", sku="SKU-2", quantity=1500, unit="g")


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def notice(kind: NoticeKind, **more: Any) -> NoticeRequested:
    fields: dict[str, Any] = {
        "notice": "1",
        "kind": kind,
        "key": "9dc2e61c-e5bd-500c-b216-154c1ae34111",
        "order_id": "o",
        "number": "QQNX5-E2MGN-U",
        "placed_at": datetime(2026, 1, 4, 23, 30, tzinfo=UTC),
        "seller": "acme",
        "lines": (TEAPOT, FLOUR),
    }
    return NoticeRequested(**{**fields, **more})


CONFIRMED = notice(
    NoticeKind.CONFIRMED,
    lines=(TEAPOT.model_copy(update={"amount": eur(123450)}),),
    other=eur(-450),
    total=eur(123000),
)
SHIPPED = notice(
    NoticeKind.SHIPPED, lines=(TEAPOT,), following=(FLOUR,), carrier="DHL", tracking_numbers=("T1", "T2", "T3")
)


def written(
    asked: NoticeRequested, buyer: PersonalContent = ADA, senders: Mapping[str, Sender] | None = None
) -> EmailMessage:
    """The message as whoever receives it reads it."""
    mail = (NoticeMail(senders) if senders else OURS).write(asked, buyer, "ada@example.org", AT)
    message = message_from_bytes(mail.content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


class _Read(HTMLParser):
    """What a page shows, and the tags that it is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


# What is told


def test_a_confirmation_says_what_was_ordered_and_what_it_costs() -> None:
    message = written(CONFIRMED.model_copy(update={"locale": "en-GB"}))
    assert message["Subject"] == "Your order QQNX5-E2MGN-U is confirmed"
    assert part(message, "plain").replace("\r\n", "\n") == (
        "Hello Ada Lindqvist,\n\n"
        "Thank you for your order of 4 January 2026. It is confirmed.\n\n"
        "- 2 × Teapot: €1,234.50\n\n"
        "Shipping, taxes and discounts: -€4.50\n"
        "Total: €1,230.00\n\n"
        "If you have a question, please mention the order number QQNX5-E2MGN-U.\n\n"
        "acme\n"
    )


def test_a_shipment_says_how_it_comes_and_what_follows() -> None:
    message = written(SHIPPED)
    text = part(message, "plain")
    assert message["Subject"] == "Part of your order QQNX5-E2MGN-U is on its way"
    assert re.search(r"^- 2 × Teapot\s*$", text, re.MULTILINE)
    assert "Carrier: DHL" in text
    assert "Tracking number: T1, T2 and T3" in text
    assert re.search(r"Still to come:\s+- 1,500 g SKU-2\s", text)


def test_the_last_shipment_is_the_order() -> None:
    message = written(notice(NoticeKind.SHIPPED, carrier=CARRIER))
    assert message["Subject"] == "Your order QQNX5-E2MGN-U is on its way"
    assert "Carrier: our own delivery" in part(message, "plain")
    assert "Still to come" not in part(message, "plain")


@pytest.mark.parametrize(
    ("difference", "says"),
    [
        (eur(4500), "That is €45.00 more than before."),
        (eur(-4500), "That is €45.00 less than before."),
        (eur(0), None),
    ],
)
def test_a_change_says_what_the_order_is_now_and_the_difference(difference: Money, says: str | None) -> None:
    changed = CONFIRMED.model_copy(update={"kind": NoticeKind.CHANGED, "locale": "en-GB", "difference": difference})
    message = written(changed)
    assert message["Subject"] == "Your order QQNX5-E2MGN-U was changed"
    text = part(message, "plain").replace("\r\n", "\n")
    assert "Your order of 4 January 2026 was changed. This is what it is now:\n\n- 2 × Teapot: €1,234.50\n" in text
    assert ("Total: €1,230.00\n" + (says + "\n" if says else "")) in text
    assert ("than before" in text) == (says is not None)


@pytest.mark.parametrize(
    ("hold", "says"),
    [
        (HoldKind.MISSING_ADDRESS, "We need your full address"),
        (HoldKind.PAYMENT_DECLINED, "Your payment did not go through"),
        (HoldKind.AUTHORIZATION_EXPIRED, "Your payment did not go through"),
    ],
)
def test_a_hold_says_what_the_customer_can_do(hold: HoldKind, says: str) -> None:
    assert says in part(written(notice(NoticeKind.HELD, lines=(), hold=hold)), "plain")


def test_what_is_ready_says_where() -> None:
    message = written(notice(NoticeKind.READY_FOR_PICKUP, location="Berlin, Hauptstr. 1"))
    assert message["Subject"] == "Your order QQNX5-E2MGN-U is ready for pickup"
    assert "Where: Berlin, Hauptstr. 1" in part(message, "plain")


def test_a_cancelled_part_says_which_and_why() -> None:
    asked = notice(NoticeKind.CANCELLED, lines=(TEAPOT,), following=(FLOUR,), cancel_reason=CancelReason.OUT_OF_STOCK)
    message = written(asked)
    assert message["Subject"] == "Part of your order QQNX5-E2MGN-U is cancelled"
    assert "Reason: out of stock" in part(message, "plain")
    whole = written(notice(NoticeKind.CANCELLED, whole=True, cancel_reason=CancelReason.FRAUD))
    assert whole["Subject"] == "Your order QQNX5-E2MGN-U is cancelled"
    assert "Reason" not in part(whole, "plain")


def test_a_refund_says_how_much_and_for_what() -> None:
    asked = notice(NoticeKind.REFUNDED, lines=(TEAPOT,), total=Money(amount=1299, currency="EUR"))
    message = written(asked)
    assert message["Subject"] == "A refund for your order QQNX5-E2MGN-U"
    assert "You get €12.99 back for these items of your order of" in part(message, "plain")
    goodwill = written(notice(NoticeKind.REFUNDED, lines=(), total=Money(amount=500, currency="EUR")))
    assert "You get €5.00 back for your order of" in part(goodwill, "plain")
    assert "back the way you paid" in part(goodwill, "html")
    credit = written(notice(NoticeKind.REFUNDED, lines=(), total=Money(amount=500, currency="EUR"), credit=True))
    assert "It is store credit" in part(credit, "plain")
    assert "the way you paid" not in part(credit, "plain")


def test_the_lines_that_are_left_out_are_counted() -> None:
    assert "- Further lines: 17\n" in part(written(notice(NoticeKind.SHIPPED, lines_more=17)), "plain").replace(
        "\r", ""
    )


def test_whoever_gave_no_name_is_greeted_all_the_same() -> None:
    assert part(written(SHIPPED, PersonalContent()), "plain").startswith("Hello,")
    assert part(written(SHIPPED, PersonalContent(company="Acme Ltd")), "plain").startswith("Hello Acme Ltd,")


@pytest.mark.parametrize("asked", EXAMPLES, ids=lambda asked: asked.kind)
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_both_parts_of_every_notice_say_the_same(asked: NoticeRequested, language: str) -> None:
    message = written(asked.model_copy(update={"locale": language}))
    shown = _words(_Read(part(message, "html")).text)
    assert [word for word in _words(part(message, "plain")) if word not in shown] == ["-"] * len(
        re.findall("^\u200f?- ", part(message, "plain"), re.MULTILINE)
    )


def _words(text: str) -> list[str]:
    """Without marks that turn it, and without what only sets apart."""
    return re.sub(r"[\u2066-\u2069\u200f:]", "", text).split()


def test_everything_that_may_have_to_be_said_has_words() -> None:
    assert WHY.keys() == set(CancelReason)
    assert NEEDS.keys() == TOLD_HOLDS
    assert CARRIER in CARRIERS
    assert {asked.kind for asked in EXAMPLES} == set(NoticeKind)


def test_made_again_it_is_the_same_message() -> None:
    one, two = (NoticeMail({}).write(CONFIRMED, ADA, "ada@example.org", AT) for _ in range(2))
    assert one == two


# In which language


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("de-AT", "de_AT"),
        ("de_DE.UTF-8", "de_DE"),
        ("DE", "de"),
        ("de-XX", "de"),
        (" fr-CA ", "fr_CA"),
        ("ja-JP", "ja_JP"),
        ("ar-EG", "ar_EG"),
        ("en-US", "en_US"),
        ("nl-NL", "en_001"),
        ("tlh", "en_001"),
        ("", "en_001"),
        (None, "en_001"),
        ("\u202e-,;" * 30, "en_001"),
    ],
)
def test_an_order_is_told_in_its_locale_then_its_language_then_english(wanted: str | None, found: str) -> None:
    assert str(language_of(wanted)) == found


@given(st.text(max_size=128))
def test_whatever_a_channel_calls_a_locale_a_language_is_found(wanted: str) -> None:
    assert language_of(wanted).language in LANGUAGES


@pytest.mark.parametrize(
    ("locale", "subject", "says"),
    [
        ("de-DE", "Ein Teil Ihrer Bestellung QQNX5-E2MGN-U ist unterwegs", ["T1, T2 und T3", "1.500 g SKU-2"]),
        ("fr-FR", "Une partie de votre commande QQNX5-E2MGN-U est en route", ["T1, T2 et T3", "Transporteur\xa0: DHL"]),
        ("ja-JP", "ご注文 QQNX5-E2MGN-U の一部を発送しました", ["T1、T2、T3", "配送業者：DHL"]),
    ],
)
def test_the_words_the_numbers_and_the_lists_are_of_the_language(locale: str, subject: str, says: list[str]) -> None:
    message = written(SHIPPED.model_copy(update={"locale": locale}))
    assert message["Subject"] == subject
    assert message["Content-Language"] == locale
    assert [words for words in says if words not in part(message, "plain")] == []
    assert f'<html lang="{locale}" dir="ltr">' in part(message, "html")


def test_arabic_runs_from_right_to_left_and_numbers_in_it_do_not() -> None:
    message = written(SHIPPED.model_copy(update={"locale": "ar-EG"}))
    text = part(message, "plain")
    assert message["Subject"] == "جزء من طلبك \u2068QQNX5-E2MGN-U\u2069 في الطريق إليك"
    assert '<html lang="ar-EG" dir="rtl">' in part(message, "html")
    assert "<bdi>QQNX5-E2MGN-U</bdi>" in part(message, "html")
    assert all(line.startswith("\u200f") for line in text.splitlines() if line)
    assert "\u2068T1 وT2 وT3\u2069" in text


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"ar"}))
def test_other_languages_hold_no_mark_that_nobody_sees(language: str) -> None:
    message = written(SHIPPED.model_copy(update={"locale": language}))
    assert re.search(r"[\u200e\u200f\u2066-\u2069]", part(message, "plain") + message["Subject"]) is None


@pytest.mark.parametrize("locale", ["en", "en_001", "de", "de_CH", "fr", "ja", "ar", "ar_EG", "ar_MA"])
@pytest.mark.parametrize("amount", [0, 7, -123456789])
def test_an_amount_has_the_decimals_of_its_currency_in_every_language(locale: str, amount: int) -> None:
    language = Language(Locale.parse(locale), ZoneInfo("UTC"))
    point = get_decimal_symbol(locale)
    wrong = {}
    for currency in sorted(CURRENCIES):
        shown = language.money(Money(amount=amount, currency=currency))
        digits = minor_digits(currency)
        number = re.search("[0-9][0-9.,’\u202f\xa0]*[0-9]|[0-9]", shown)
        assert number, shown
        whole, _, decimals = number.group().partition(point)
        read = Decimal(re.sub(r"\D", "", whole) + (f".{decimals}" if decimals else ""))
        if len(decimals) != digits or read != abs(Decimal(amount).scaleb(-digits)) or ("-" in shown) != (amount < 0):
            wrong[currency] = shown
    assert wrong == {}


def test_a_unit_is_called_as_in_the_language_and_an_unknown_one_as_it_is() -> None:
    units = [(3, "each"), (500, "g"), (2, "kg"), (330, "ml"), (1, "l"), (20, "mm"), (2, "case")]
    english, arabic = Language(ENGLISH, ZoneInfo("UTC")), Language(Locale.parse("ar"), ZoneInfo("UTC"))
    assert [english.quantity(*one) for one in units] == ["3 ×", "500 g", "2 kg", "330 ml", "1 l", "20 mm", "2 case"]
    assert [arabic.quantity(*one) for one in units][1] == "500 غرام"


# From whom


def test_a_brand_has_its_own_sender_and_a_seller_where_no_brand_is_named() -> None:
    senders = {
        "acme-tea": Sender(address="tea@acme.example", name="Acme Tea, Ltd.", reply_to="help@acme.example"),
        "acme": Sender(address="shop@acme.example"),
        ANYBODY: Sender(address="orders@example.com"),
    }
    tea = written(SHIPPED.model_copy(update={"brand": "acme-tea"}), senders=senders)
    (sender,) = tea["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Acme Tea, Ltd.", "tea@acme.example")
    assert (tea["Reply-To"], tea["Message-ID"]) == ("help@acme.example", f"<{SHIPPED.key}@acme.example>")
    assert part(tea, "plain").rstrip().endswith("Acme Tea, Ltd.")
    shop = written(SHIPPED, senders=senders)
    assert (shop["From"], shop["Reply-To"]) == ("acme <shop@acme.example>", None)
    assert (
        written(SHIPPED.model_copy(update={"seller": "other"}), senders=senders)["From"] == "other <orders@example.com>"
    )
    assert written(SHIPPED)["From"] == "acme <orders@localhost>"


def test_dates_are_told_in_the_zone_of_the_brand() -> None:
    assert "4 January 2026" in part(written(CONFIRMED), "plain")
    assert "5 January 2026" in part(written(CONFIRMED, senders={"acme": Sender(zone="Europe/Berlin")}), "plain")


def test_a_brands_templates_go_before_ours_and_may_build_on_them(tmp_path: Path) -> None:
    (tmp_path / "layout.html").write_text(
        '{% extends "orderlog/layout.html" %}{% block head %}<img alt="{{ sender }}" src="cid:x">{% endblock %}'
    )
    (tmp_path / "shipped.txt").write_text(
        '{% extends "layout.txt" %}{% block subject %}Hooray, {{ number }}!{% endblock %}'
        '{% block news %}{{ _("These items are on their way to you:") }}{% endblock %}'
    )
    theirs = {"acme": Sender(templates=tmp_path)}
    shipped = written(SHIPPED.model_copy(update={"locale": "de"}), senders=theirs)
    assert shipped["Subject"] == "Hooray, QQNX5-E2MGN-U!"
    assert "diese Artikel sind auf dem Weg zu Ihnen" in part(shipped, "plain")
    assert '<img alt="acme" src="cid:x">' in part(shipped, "html")
    confirmed = written(CONFIRMED, senders=theirs)
    assert confirmed["Subject"] == "Your order QQNX5-E2MGN-U is confirmed"
    assert '<img alt="acme" src="cid:x">' in part(confirmed, "html")
    assert list(failures([tmp_path])) == []


@pytest.mark.parametrize("bad", ["{{ no_such_thing }}", "{% if %}", "{{ lines[7].name }}", "{{ 1 // 0 }}"])
def test_templates_that_fail_are_named_before_and_ours_are_used_in_their_place(
    tmp_path: Path, bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shipped.html").write_text(bad)
    (why,) = failures([tmp_path])
    assert str(tmp_path) in why and "shipped" in why
    message = written(SHIPPED, senders={"acme": Sender(templates=tmp_path)})
    assert "on their way" in part(message, "html")
    assert str(tmp_path) in caplog.text and "Ada" not in caplog.text


def test_a_folder_of_templates_that_is_none_is_named(tmp_path: Path) -> None:
    (why,) = failures([tmp_path / "nowhere"])
    assert "nowhere is no folder" in why


# What people typed stays what it is


HEADERS = {
    "Message-ID",
    "Date",
    "From",
    "To",
    "Subject",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
}
ODD = [
    "x\r\nBcc: z@example.org",
    "x\nBcc: z@example.org\n\nbody",
    "A\u2028Bcc: x@y",
    "A\x85B",
    "\x00\x1b[31m",
    "x:y;",
    "A, B",
    '"',
    "A <b@c>",
    "=?utf-8?q?=0D=0ABcc:_x@y?=",
    "é" * 128,
    "\u202eabc",
    "--=_9dc2e61c-e5bd-500c-b216-154c1ae34111--",
    "{{ 7777 * 7777 }}{% raw %}",
    "<script>alert(1)</script>",
    "%(number)s %s %",
    "&amp;</bdi></td></table>",
    "",
]
typed = st.one_of(st.sampled_from(ODD), st.text(max_size=120))


@given(*[typed] * 7)
@example(*[ODD[0]] * 7)
@example(*["{{ 7777 * 7777 }}{% raw %}"] * 7)
@example(*["=?utf-8?q?=0D=0ABcc:_x@y?="] * 7)
@example(*["--=_9dc2e61c-e5bd-500c-b216-154c1ae34111--"] * 7)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_was_typed_makes_no_header_no_part_and_no_tag(
    name: str, brand: str, number: str, description: str, unit: str, carrier: str, tracking: str
) -> None:
    line = TEAPOT.model_copy(update={"description": description, "unit": unit, "sku": description})
    changes = {"brand": brand, "number": number, "seller": brand, "lines": (line,), "following": (line,)}
    more = {"carrier": carrier, "tracking_numbers": (tracking,), "locale": number, "location": carrier}
    message = written(SHIPPED.model_copy(update={**changes, **more}), PersonalContent(name=name))
    assert set(message.keys()) == HEADERS and len(message.keys()) == len(HEADERS)
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert [(one.addr_spec, message["To"]) for one in message["From"].addresses] == [
        ("orders@localhost", "ada@example.org")
    ]
    assert "\n" not in message["Subject"]
    expected = written(SHIPPED.model_copy(update={"following": (TEAPOT,)}))
    tags, usual = _Read(part(message, "html")).tags, _Read(part(expected, "html")).tags
    assert {tag for tag in tags if tag[0] != "html"} <= {tag for tag in usual if tag[0] != "html"}
    assert str(7777 * 7777) not in part(message, "plain")
