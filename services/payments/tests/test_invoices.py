"""Documents: numbered without a gap by their seller's series, issued once, and what waits and for what."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import Spec
from contracts.ids import aggregate_id, stream
from contracts.payments.invoices import (
    AssignNumber,
    CorrectionNumbered,
    CreditNoteIssued,
    DescribeSeller,
    DocumentKind,
    InvoiceCredited,
    InvoiceDrafted,
    InvoiceIssued,
    InvoiceRetried,
    InvoiceWaits,
    NumberAssigned,
    NumberRefusal,
    NumberRefused,
    RetryInvoice,
    RetryRefusal,
    RetryRefused,
    SellerDescribed,
    WaitReason,
)
from services.payments.invoice import Stage
from services.payments.receivables import FINANCE
from services.payments.tests.documents import (
    DESCRIBED,
    SELLER,
    Books,
    credit_note,
    document,
    eur,
    invoice,
    sent,
)

S1 = stream("invoice", document("s1"))
CREDIT = stream("invoice", aggregate_id("default", "credit_note", "o1", "r1"))


def test_an_invoice_is_drafted_numbered_and_issued() -> None:
    books = Books().described()
    outcome = books.issue(invoice())
    assert [type(event) for event in outcome.events] == [InvoiceDrafted]
    assert sent(outcome) == [AssignNumber]
    issued = books.issued(S1)
    assert isinstance(issued, InvoiceIssued)
    assert (issued.number, issued.series, issued.sequence) == ("INV-2026-000001", "INV-2026", 1)
    assert (issued.issued_on, issued.due_on) == (date(2026, 1, 5), date(2026, 1, 19))
    assert (issued.gross, issued.on_account, issued.particulars) == (eur(1_190), eur(1_190), SELLER)


def test_what_was_paid_otherwise_is_due_at_once() -> None:
    books = Books().described()
    books.issue(invoice(on_account=0))
    issued = books.issued(S1)
    assert issued.due_on == issued.issued_on


def test_the_same_wish_again_issues_nothing() -> None:
    books = Books().described()
    books.issue(invoice())
    books.issue(invoice()).then_nothing()


def test_an_issued_invoice_says_for_ever_what_its_seller_was_then() -> None:
    books = Books().described()
    books.issue(invoice())
    moved = SELLER.model_copy(update={"city": "Bonn"})
    books.series.when(DescribeSeller(seller="acme", particulars=moved), door="http").then(
        SellerDescribed(seller="acme", particulars=moved)
    )
    books.issue(invoice("s2"))
    cities = [books.issued(stream("invoice", document(each))).particulars.city for each in ("s1", "s2")]
    assert cities == ["Berlin", "Bonn"]


# Numbers


def wants(kind: DocumentKind = DocumentKind.INVOICE, name: str = "d1") -> AssignNumber:
    return AssignNumber(seller="acme", document=name, kind=kind)


def numbers(spec: Spec) -> list[str]:
    return [event.number for event, _, _ in spec.log if isinstance(event, NumberAssigned)]


def test_each_kind_counts_for_itself() -> None:
    series = Books().described().series
    for kind in (DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE, DocumentKind.INVOICE):
        series.when(wants(kind), reply_to="payments:invoice/d1").answered("payments:invoice/d1")
    assert numbers(series) == ["INV-2026-000001", "CN-2026-000001", "INV-2026-000002"]


def test_the_year_is_that_of_the_seller_s_zone_and_counts_from_one() -> None:
    series = Books().described().series
    series.when(wants())
    series.at(datetime(2026, 12, 31, 22, 59, tzinfo=UTC)).when(wants())
    series.at(timedelta(minutes=1)).when(wants())  # midnight in Berlin
    assert numbers(series) == ["INV-2026-000001", "INV-2026-000002", "INV-2027-000001"]


def test_no_move_of_the_zone_takes_a_year_or_a_day_back() -> None:
    series = Books().described().series
    series.at(datetime(2026, 12, 31, 23, 30, tzinfo=UTC)).when(wants())
    west = SELLER.model_copy(update={"time_zone": "America/New_York"})
    series.when(DescribeSeller(seller="acme", particulars=west), door="http")
    series.when(wants())
    given_out = [event for event, _, _ in series.log if isinstance(event, NumberAssigned)]
    assert [event.number for event in given_out] == ["INV-2027-000001", "INV-2027-000002"]
    assert {event.issued_on for event in given_out} == {date(2027, 1, 1)}


def test_a_seller_whom_nobody_described_uses_no_number() -> None:
    series = Books().series
    refused = NumberRefused(seller="acme", document="d1", reason=NumberRefusal.SELLER_NOT_DESCRIBED)
    series.when(wants()).then(refused)
    series.when(DESCRIBED, door="http")
    series.when(wants())
    assert numbers(series) == ["INV-2026-000001"]


@given(st.data())
def test_numbers_have_no_gap_and_none_is_given_twice_in_whatever_order_documents_come(data: st.DataObject) -> None:
    """Messages of many documents meet the one series in any order: each is a step of the stream it is for, and these
    interleave. Some come before the seller is described, and are tried again."""
    books = Books()
    names = [f"s{number}" for number in range(data.draw(st.integers(1, 12)))]
    waiting = [(stream("invoice", document(name)), invoice(name), None) for name in names]
    queue: list[tuple[str, Any, str | None]] = list(waiting)
    described = False
    while queue:
        if not described and data.draw(st.booleans()):
            books.described()
            described = True
        name, message, reply_to = queue.pop(data.draw(st.integers(0, len(queue) - 1)))
        subject, answered = (
            (reply_to, None) if isinstance(message, NumberAssigned | NumberRefused) else (None, reply_to)
        )
        outcome = books.spec(name).when(message, subject=subject, reply_to=answered)
        queue += [(answer.to.removeprefix("payments:"), event, name) for event, answer in outcome.answers]
        queue += [(send.stream, send.message, f"payments:{name}") for send in outcome.sent]
    if not described:
        books.described()
    for name in names:
        if books.invoice(name).stage is Stage.WAITING:
            books.tell(stream("invoice", document(name)), RetryInvoice(), door="http")
    issued = [books.issued(stream("invoice", document(name))) for name in names]
    assert sorted(each.sequence for each in issued) == list(range(1, len(names) + 1))


# What waits


def test_a_document_waits_until_its_seller_is_described() -> None:
    books = Books()
    books.issue(invoice())
    assert books.invoice().stage is Stage.WAITING
    [waits] = [event for event, _, _ in books.spec(S1).log if isinstance(event, InvoiceWaits)]
    assert waits == InvoiceWaits(reason=WaitReason.SELLER_NOT_DESCRIBED, owner=FINANCE)
    books.described()
    books.tell(S1, RetryInvoice(), door="http").then(InvoiceRetried())
    assert books.invoice().stage is Stage.ISSUED


def test_there_is_nothing_to_try_again_of_what_is_issued_or_unknown() -> None:
    books = Books().described()
    books.tell(S1, RetryInvoice(), door="http").then(RetryRefused(reason=RetryRefusal.UNKNOWN_DOCUMENT))
    books.issue(invoice())
    books.tell(S1, RetryInvoice(), door="http").then(RetryRefused(reason=RetryRefusal.NOT_WAITING))


# Credit notes


def test_a_credit_note_names_the_invoices_that_it_corrects_which_owe_less() -> None:
    books = Books().described()
    books.issue(invoice())
    books.issue(invoice("s2"))
    books.tell(CREDIT, credit_note("s1", "s2", net=1_000, tax=190))
    issued = books.issued(CREDIT)
    assert isinstance(issued, CreditNoteIssued)
    assert issued.number == "CN-2026-000001"
    assert [(part.number, part.gross) for part in issued.corrects] == [
        ("INV-2026-000001", eur(595)),
        ("INV-2026-000002", eur(595)),
    ]
    named = [event for event, _, _ in books.spec(CREDIT).log if isinstance(event, CorrectionNumbered)]
    assert len(named) == 2
    assert [event.on_account for event, _, _ in books.spec(S1).log if isinstance(event, InvoiceCredited)] == [eur(595)]


def test_a_credit_note_waits_for_an_invoice_that_is_not_issued() -> None:
    books = Books()
    books.issue(invoice())
    books.tell(CREDIT, credit_note("s1"))
    assert books.spec(CREDIT).state.stage is Stage.WAITING
    books.described()
    books.tell(S1, RetryInvoice(), door="http")
    books.tell(CREDIT, RetryInvoice(), door="http")
    issued = books.issued(CREDIT)
    assert isinstance(issued, CreditNoteIssued)
    assert [part.number for part in issued.corrects] == ["INV-2026-000001"]
    # and the invoice took it off once
    assert dict(books.invoice().credits) == {CREDIT.partition("/")[2]: 595}


def test_the_answer_of_an_invoice_that_nobody_asked_changes_nothing() -> None:
    books = Books().described()
    books.issue(invoice())
    stray = InvoiceCredited(credit_note="c9", gross=eur(1), on_account=eur(1))
    books.spec(S1).when(stray, subject=S1).then_nothing()
