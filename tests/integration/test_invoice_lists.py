"""The list of documents over its tables: states that are derived, numbers that several sellers share, and papers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import psycopg
import pytest
from fastapi.testclient import TestClient

from chassis.doors import Door
from chassis.reading import Followed, Known, Reads, Seen
from chassis.store import Recorded
from chassis.testing import DAWN, Outcome
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.ids import aggregate_id, stream
from contracts.message import to_milliseconds
from contracts.money import Tender, TenderMethod
from contracts.payments import AuthorizePayment, CallResult, CallStep, CaptureLine, CapturePayment
from contracts.payments.invoices import DescribeSeller, MoveOnAccount, RetryInvoice
from contracts.payments.receivables import RecordBankEntry, SettleEntry, WriteOffInvoice
from contracts.personal import Personal, PersonalContent
from services.payments import app as payments
from services.payments import bank_api, invoice_api, seller_api
from services.payments.bank_account import bank_stream
from services.payments.bank_list import BankEntriesProjection
from services.payments.invoice_list import InvoicesProjection
from services.payments.invoice_series import series_stream
from services.payments.payment import PAYMENT
from services.payments.tests.collected import Collecting
from services.payments.tests.documents import ORDER_ID, SELLER, Books, credit_note, document, eur, invoice
from tests.doors.fakes import KeptWriter, guarded_client, seal
from tests.integration.lists import Tables, records_of

S1 = stream("invoice", document("s1"))
UNTIL_NOW = to_milliseconds(datetime.now(UTC)) - DAWN
CREDIT = stream("invoice", aggregate_id("default", "credit_note", ORDER_ID, "r1"))


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


class Ledger(Tables):
    """The tables, and beside them the streams of the books that they follow."""

    books: Books

    def known(self, message_id: str) -> Known | None:
        return None

    def stream(self, name: str) -> Seen:
        return Seen(self.books.spec(name).stream, Followed("payments.events", {0: 1}, 0.0))

    def events(self, name: str, until: datetime | None = None) -> Iterator[Recorded]:
        for version, (event, _, _) in enumerate(self.books.spec(name).log, start=1):
            yield Recorded(name, version, event.TYPE, {}, event.encode(), 0, version)


class Site:
    """Books whose every event reaches the list, and a client of its doors. Today is when the books begin."""

    def __init__(self, connection: psycopg.Connection[Any], namespace: str) -> None:
        self.books = Books()
        self.tables = Ledger(connection, namespace, InvoicesProjection(), BankEntriesProjection())
        self.tables.books = self.books
        self.books.told = self.follow
        self.writer = KeptWriter()
        gate = Gate(payments.declare(), Door("http", self.writer, 4), cast(Reads, self.tables), Waiters(1))
        self.client: TestClient = guarded_client(
            bank_api.router(gate, seal, opened), invoice_api.router(gate, opened), seller_api.router(gate)
        )[0]

    def follow(self, outcome: Outcome) -> None:
        self.tables.follow(records_of("payments.events", outcome))

    def rows(self, **asked: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get("/invoices", params=asked).json()["invoices"]
        return found

    def state(self, name: str = "INV-2026-000001") -> tuple[str, int]:
        row = self.client.get(f"/invoices/{name}").json()
        return row["state"], row["open"]

    def captured(self, fulfillment: str, amount: int) -> None:
        """Payments took the money for what left."""
        spec = self.books.spec(stream(PAYMENT.kind, ORDER_ID))
        if spec.stream.version == 0:
            tender = Tender(method=TenderMethod.INVOICE, amount=eur(100_000))
            spec.when(AuthorizePayment(order_id=ORDER_ID, amount=eur(100_000), tenders=(tender,)))
        line = CaptureLine(line="1", from_unit=0, to_unit=1, amount=eur(amount))
        command = CapturePayment(order_id=ORDER_ID, fulfillment=fulfillment, amount=eur(amount), lines=(line,))
        self.follow(spec.when(command))


def opened(sealed: Personal) -> PersonalContent:
    return PersonalContent(name="Ada Example", notes="hello")


@pytest.fixture
def site(connection: psycopg.Connection[Any], namespace: str) -> Site:
    return Site(connection, namespace)


def test_what_is_on_account_is_open_and_later_overdue(site: Site) -> None:
    # given an invoice of a day long past, and one of today
    site.books.described()
    site.books.issue(invoice())
    site.captured("s1", 1_190)
    assert site.state() == ("overdue", 1_190)
    site.books.later(UNTIL_NOW)
    site.books.issue(invoice("s2"))
    site.captured("s2", 1_190)
    assert [(row["state"], row["open"]) for row in site.rows()] == [("open", 1_190), ("overdue", 1_190)]
    assert [row["fulfillment"] for row in site.rows(state="overdue")] == ["s1"]


def test_what_is_due_on_one_day_is_overdue_first_where_the_day_ends_first(site: Site) -> None:
    # given two sellers, with whom it is never the same day
    zones = {"east": "Pacific/Kiritimati", "west": "Etc/GMT+12"}
    for seller, zone in zones.items():
        wish = DescribeSeller(seller=seller, particulars=SELLER.model_copy(update={"time_zone": zone}))
        site.books.tell(series_stream("default", seller), wish, door="http")
    today = {seller: datetime.now(ZoneInfo(zone)).date() for seller, zone in zones.items()}
    ahead = today["east"] - today["west"]
    # and an invoice of each that is due on the day that it is in the west
    site.books.later(UNTIL_NOW - timedelta(days=SELLER.payment_days) - ahead)
    site.books.issue(invoice("s1", seller="east"))
    site.books.later(ahead)
    site.books.issue(invoice("s2", seller="west"))
    for name in ("s1", "s2"):
        site.captured(name, 1_190)
    # then it is overdue in the east alone
    assert {row["due_on"] for row in site.rows()} == {today["west"].isoformat()}
    assert {row["seller"]: row["state"] for row in site.rows()} == {"east": "overdue", "west": "open"}
    assert [row["seller"] for row in site.rows(state="overdue")] == ["east"]


def test_what_was_paid_otherwise_is_paid_once_it_is_captured_whichever_is_told_first(site: Site) -> None:
    site.books.described()
    site.captured("s2", 1_190)
    for name in ("s1", "s2"):
        site.books.issue(invoice(name, on_account=0))
    assert site.state("INV-2026-000002") == ("paid", 0)
    assert site.state() == ("overdue", 1_190)
    site.captured("s1", 1_190)
    assert site.state() == ("paid", 0)


def test_what_credit_of_an_exchange_pays_is_paid_until_it_is_charged_after_all(site: Site) -> None:
    site.books.described()
    site.books.later(UNTIL_NOW)
    site.books.issue(invoice(on_account=0, credit=eur(1_190)))
    assert site.state() == ("paid", 0)
    # when the goods that were to come back do not, it is to be paid, and once they do it is not
    site.books.tell(S1, MoveOnAccount(reference="c1", amount=eur(1_190)))
    assert site.state() == ("open", 1_190)
    site.books.tell(S1, MoveOnAccount(reference="r1", amount=eur(-1_190)))
    assert site.state() == ("paid", 0)


def test_a_credit_note_is_listed_and_makes_its_invoice_owe_less_once(site: Site) -> None:
    site.books.described()
    site.books.later(UNTIL_NOW)
    site.books.issue(invoice())
    site.captured("s1", 1_190)
    site.books.tell(CREDIT, credit_note("s1"))
    number = site.books.issued(S1).number
    assert site.state(number) == ("partly_paid", 595)
    [note] = site.rows(kind="credit_note")
    assert (note["state"], note["open"], note["gross"]) == ("issued", 0, 595)
    assert site.rows(order=ORDER_ID)[0]["id"] == note["id"]


def test_an_invoice_whose_card_was_declined_waits_for_that_until_it_is_charged(site: Site) -> None:
    course = Collecting(books=site.books)
    site.captured("s1", 1_190)

    def shown() -> tuple[str, int, str | None]:
        [row] = site.rows(kind="invoice")
        return row["state"], row["open"], row.get("waits_for")

    # when its card is declined for good
    course.due()
    course.says(CallStep.AUTHORIZE, CallResult.DECLINED)
    assert shown() == ("overdue", 1_190, "card_declined")
    # and charged once more
    site.books.tell(S1, RetryInvoice(), door="http")
    assert shown() == ("overdue", 1_190, None)
    course.says(CallStep.AUTHORIZE)
    course.says(CallStep.CAPTURE)
    assert shown() == ("paid", 0, None)
    # then what is credited goes back, and is not credited twice
    site.books.tell(CREDIT, credit_note("s1"))
    assert shown() == ("paid", 0, None)
    # and when as much is owed again, it is open again
    site.books.tell(S1, MoveOnAccount(reference="c1", amount=eur(100)))
    assert shown() == ("overdue", 100, None)


def test_what_waits_is_listed_with_what_for_and_has_no_paper_yet(site: Site) -> None:
    site.books.issue(invoice())
    [row] = site.rows(state="waiting")
    assert (row["waits_for"], "number" in row) == ("seller_not_described", False)
    answer = site.client.get(f"/invoices/{row['id']}/pdf")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:orderlog:problem:not-ready")
    site.books.described()
    site.books.tell(S1, RetryInvoice(), door="http")
    assert site.client.get(f"/invoices/{row['id']}").json()["number"] == "INV-2026-000001"


def test_a_document_is_shown_and_printed_by_its_number_and_its_buyer_on_paper_alone(site: Site) -> None:
    site.books.described()
    site.books.issue(invoice(buyer=Personal(subject="s", ciphertext="c2VhbGVk")))
    shown = site.client.get("/invoices/INV-2026-000001")
    assert "ciphertext" not in shown.text
    assert shown.json()["document"]["particulars"]["name"] == "Acme GmbH"
    xml, pdf = (site.client.get(f"/invoices/INV-2026-000001/{kind}") for kind in ("xml", "pdf"))
    assert xml.headers["content-type"] == "application/xml"
    assert "Ada Example" in xml.text
    assert (pdf.content[:5], pdf.headers["cache-control"]) == (b"%PDF-", "no-store")


def test_a_number_that_two_sellers_have_asks_whose_it_is(site: Site) -> None:
    site.books.described()
    site.books.described("bcme")
    site.books.issue(invoice())
    site.books.issue(invoice("s2", seller="bcme"))
    answer = site.client.get("/invoices/INV-2026-000001")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:orderlog:problem:ambiguous")
    found = site.client.get("/invoices/INV-2026-000001?seller=bcme").json()
    assert (found["fulfillment"], found["seller"]) == ("s2", "bcme")
    assert site.client.get("/invoices/INV-2026-000009").status_code == 404


def test_a_seller_is_described_in_a_zone_that_there_is(site: Site) -> None:
    assert site.client.get("/sellers/acme").status_code == 404
    site.books.described()
    site.books.issue(invoice())
    shown = site.client.get("/sellers/acme").json()
    assert shown["last_numbers"]["invoice"] == {"year": 2026, "sequence": 1, "issued_on": "2026-01-05"}
    body = {"seller": "acme", "particulars": shown["particulars"]}
    assert site.client.post("/sellers", json=body, headers={"Idempotency-Key": "k"}).status_code == 202
    body["particulars"]["time_zone"] = "Europe/Atlantis"
    refused = site.client.post("/sellers", json=body, headers={"Idempotency-Key": "k2"})
    assert (refused.status_code, refused.json()["title"]) == (422, "No time zone is called Europe/Atlantis")


def test_money_that_comes_is_matched_by_the_number_that_it_names(site: Site) -> None:
    site.books.described()
    site.books.issue(invoice())
    site.captured("s1", 1_190)
    # when the first entry names it as a bank writes it, and the second nothing
    body = {"account": "DE1", "amount": 1_000, "currency": "EUR", "booked_on": "2026-01-20"}
    for name, text in (("e1", "inv 2026 000001 thanks"), ("e2", "hello"), ("e3", "INV-2026-000009")):
        answer = site.client.post(
            "/bank-entries", json={**body, "entry": name, "reference": text}, headers={"Idempotency-Key": name}
        )
        assert answer.status_code == 202
    wishes = [RecordBankEntry.decode(record.value) for record in site.writer.records]
    assert [(wish.invoice, wish.unmatched, wish.reference is None) for wish in wishes] == [
        (document("s1"), None, True),
        (None, "no_number", False),
        (None, "unknown_number", False),
    ]
    # and the account takes them
    for wish in wishes:
        site.books.tell(bank_stream("default", "DE1"), wish, door="http")
    assert site.state() == ("overdue", 190)
    entries = site.client.get("/bank-entries?state=unmatched").json()["bank_entries"]
    assert [(row["entry"], row["reason"], row["owner"]) for row in entries] == [
        ("e3", "unknown_number", "finance"),
        ("e2", "no_number", "finance"),
    ]
    assert site.client.get("/bank-entries/reference?account=DE1&entry=e2").json()["reference"] == "hello"
    assert site.client.get("/bank-entries/reference?account=DE1&entry=e1").status_code == 404
    # and a person says whose the second is, which is more than is open
    settled = SettleEntry(entry="e2", invoice=document("s1"), detail="asked")
    site.books.tell(bank_stream("default", "DE1"), settled, door="http")
    assert site.state() == ("paid", 0)
    [left] = site.client.get("/bank-entries?state=unmatched&account=DE1").json()["bank_entries"][1:]
    assert (left["entry"], left["amount"], left["reason"]) == ("e2", 810, "overpaid")


def test_what_finance_gives_up_is_written_off(site: Site) -> None:
    site.books.described()
    site.books.issue(invoice())
    site.captured("s1", 1_190)
    path = f"/invoices/{document('s1')}/write-off"
    answer = site.client.post(path, json={"reason": "insolvent"}, headers={"Idempotency-Key": "w"})
    assert answer.status_code == 202
    site.books.tell(S1, WriteOffInvoice.decode(site.writer.records[-1].value), door="http")
    assert site.state() == ("written_off", 0)
