"""Money that comes to an account: each entry counts once, pays what it names, and what is left waits for a person."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.decider import Context
from chassis.testing import DAWN, Outcome
from contracts.ids import aggregate_id, stream
from contracts.message import Event
from contracts.money import Money
from contracts.payments.invoices import MoveOnAccount, OnAccountMoved
from contracts.payments.receivables import (
    EntryAssigned,
    EntryMatched,
    EntryRefusal,
    EntryRefused,
    EntryRepeated,
    EntrySettled,
    EntryUnmatched,
    InvoicePaid,
    InvoiceWrittenOff,
    PaymentNotTaken,
    RecordBankEntry,
    SettleEntry,
    SettleEntryRefusal,
    SettleEntryRefused,
    UnmatchedReason,
    WriteOffInvoice,
    WriteOffRefusal,
    WriteOffRefused,
)
from services.payments.bank_account import BANK_ACCOUNT, KNOWN_MAX, BankAccount, bank_stream
from services.payments.invoice import Invoice
from services.payments.receivables import FINANCE
from services.payments.tests.documents import Books, credit_note, document, eur, invoice

IBAN = "DE02120300000000202051"
ACCOUNT = bank_stream("default", IBAN)
S1, S2 = (stream("invoice", document(name)) for name in ("s1", "s2"))
CREDIT = stream("invoice", aggregate_id("default", "credit_note", "o1", "r1"))


def entry(cents: int, name: str = "e1", to: str | None = "s1", **more: Any) -> RecordBankEntry:
    """Money came for the invoice of what left."""
    fields: dict[str, Any] = {"account": IBAN, "entry": name, "amount": eur(cents), "booked_on": date(2026, 1, 20)}
    return RecordBankEntry(**fields | {"invoice": None if to is None else document(to)} | more)


def billed(*names: str) -> Books:
    """Invoices of 11.90 on account."""
    books = Books().described()
    for name in names or ("s1",):
        books.issue(invoice(name))
    return books


def comes(books: Books, wish: RecordBankEntry) -> Outcome:
    return books.tell(ACCOUNT, wish, door="http")


def settles(books: Books, **more: Any) -> Outcome:
    return books.tell(ACCOUNT, SettleEntry(**{"entry": "e1", "detail": "looked at", **more}), door="http")


def happened(books: Books, name: str, kind: type[Any]) -> list[Any]:
    return [event for event, _, _ in books.spec(name).log if isinstance(event, kind)]


def unmatched(books: Books) -> dict[str, tuple[int, str]]:
    state: BankAccount = books.spec(ACCOUNT).state
    return {name: (left.amount.amount, left.reason.value) for name, left in state.unmatched.items()}


def left_open(books: Books, name: str = "s1") -> int:
    state: Invoice = books.invoice(name)
    return state.open


def test_an_entry_that_names_an_invoice_pays_it() -> None:
    books = billed()
    outcome = comes(books, entry(1_190))
    assert [type(event) for event in outcome.events] == [EntryMatched]
    [paid] = happened(books, S1, InvoicePaid)
    assert (paid.amount, paid.open, paid.over) == (eur(1_190), eur(0), None)
    assert (left_open(books), unmatched(books)) == (0, {})


def test_less_than_is_open_leaves_the_rest_and_more_waits_for_a_person() -> None:
    books = billed()
    comes(books, entry(1_000))
    assert left_open(books) == 190
    comes(books, entry(200, "e2"))
    assert (left_open(books), unmatched(books)) == (0, {"e2": (10, "overpaid")})
    comes(books, entry(50, "e3"))
    assert unmatched(books)["e3"] == (50, "nothing_open")


def test_an_entry_that_comes_again_changes_nothing_whatever_it_says() -> None:
    books = billed()
    comes(books, entry(500))
    comes(books, entry(500)).then(EntryRepeated(account=IBAN, entry="e1"))
    comes(books, entry(900, to=None)).then(EntryRepeated(account=IBAN, entry="e1"))
    assert left_open(books) == 690


def test_what_was_booked_under_a_placeholder_is_known_again_by_its_day_and_amount() -> None:
    # given two entries that the bank gave no name, which were booked as it wrote them
    books = billed()
    comes(books, entry(500, "NONREF"))
    comes(books, entry(500, "nonref/2"))
    # when their statement is read again, and names them apart
    for name, before in (("sha256:a", "NONREF"), ("sha256:b", "nonref/2")):
        comes(books, entry(500, name, unnamed=True)).then(EntryRepeated(account=IBAN, entry=name, before=before))
    # then both are known by those names, and a third of that day and amount is another
    comes(books, entry(500, "sha256:a", unnamed=True)).then(EntryRepeated(account=IBAN, entry="sha256:a"))
    assert [type(event) for event in comes(books, entry(190, "sha256:c", unnamed=True)).events] == [EntryMatched]
    assert left_open(books) == 0


def test_another_day_or_amount_or_a_name_of_the_bank_s_is_another_entry() -> None:
    books = billed()
    comes(books, entry(100, "NOTPROVIDED"))
    for other in (
        entry(100, "sha256:a", unnamed=True, booked_on=date(2026, 1, 21)),
        entry(101, "sha256:b", unnamed=True),
        entry(100, "e9"),
    ):
        assert [type(event) for event in comes(books, other).events] == [EntryMatched]
    # and what a placeholder stood for once stands for nothing else
    comes(books, entry(100, "sha256:c", unnamed=True)).then(
        EntryRepeated(account=IBAN, entry="sha256:c", before="NOTPROVIDED")
    )
    assert [type(event) for event in comes(books, entry(100, "sha256:d", unnamed=True)).events] == [EntryMatched]


def test_what_names_no_invoice_waits_and_a_person_says_whose_it_is() -> None:
    books = billed()
    comes(books, entry(1_190, to=None, unmatched=UnmatchedReason.UNKNOWN_NUMBER))
    [waiting] = happened(books, ACCOUNT, EntryUnmatched)
    assert (waiting.reason, waiting.owner) == (UnmatchedReason.UNKNOWN_NUMBER, FINANCE)
    [assigned] = settles(books, invoice=document("s1")).events
    assert isinstance(assigned, EntryAssigned)
    assert (left_open(books), unmatched(books)) == (0, {})
    settles(books).then(SettleEntryRefused(entry="e1", reason=SettleEntryRefusal.NOT_UNMATCHED))


def test_something_else_may_be_done_about_it() -> None:
    books = billed()
    comes(books, entry(5, to=None))
    done = EntrySettled(account=IBAN, entry="e1", amount=eur(5), detail="looked at")
    settles(books).then(done)
    # and the same statement again does not bring it back
    comes(books, entry(5, to=None)).then(EntryRepeated(account=IBAN, entry="e1"))


def test_what_is_no_issued_invoice_or_has_another_currency_takes_nothing() -> None:
    books = Books()
    books.issue(invoice())  # its seller is not described
    comes(books, entry(100))
    books.described()
    books.issue(invoice("s2"))
    comes(books, entry(0, "e2", "s2", amount=Money(amount=100, currency="USD")))
    assert unmatched(books) == {"e1": (100, "not_issued"), "e2": (100, "other_currency")}
    assert len(happened(books, S2, PaymentNotTaken)) == 1
    assert left_open(books, "s2") == 1_190


def test_a_credit_note_leaves_less_to_pay_and_takes_no_payment() -> None:
    books = billed()
    books.tell(CREDIT, credit_note("s1"))
    assert left_open(books) == 595
    comes(books, entry(595, invoice=CREDIT.partition("/")[2]))
    assert unmatched(books) == {"e1": (595, "not_issued")}


def test_what_an_exchange_takes_off_or_adds_counts_once_for_each_capture_and_refund() -> None:
    # given an invoice of 11.90 on account, of which 3.00 are owed no more
    books = billed()
    less = MoveOnAccount(reference="r1", amount=eur(-300))
    books.tell(S1, less).then(OnAccountMoved(reference="r1", amount=eur(-300)))
    books.tell(S1, less).then_nothing()
    assert left_open(books) == 890
    # when a charge adds 2.00, then as much comes as was stated at first
    books.tell(S1, MoveOnAccount(reference="c1", amount=eur(200)))
    comes(books, entry(1_190))
    assert (left_open(books), unmatched(books)) == (0, {"e1": (100, "overpaid")})


def test_of_a_document_that_was_never_asked_for_nothing_is_owed() -> None:
    Books().tell(S1, MoveOnAccount(reference="r1", amount=eur(300))).then_nothing()


def test_finance_gives_up_what_is_open_once() -> None:
    books = billed()
    comes(books, entry(1_000))
    wish = WriteOffInvoice(reason="insolvent")
    books.tell(S1, wish, door="http").then(InvoiceWrittenOff(amount=eur(190), reason="insolvent"))
    books.tell(S1, wish, door="http").then(WriteOffRefused(reason=WriteOffRefusal.NOTHING_OPEN))
    books.tell(S2, wish, door="http").then(WriteOffRefused(reason=WriteOffRefusal.NOT_ISSUED))
    assert left_open(books) == 0


def matched(name: str, day: date) -> EntryMatched:
    return EntryMatched(account=IBAN, entry=name, amount=eur(1), booked_on=day, invoice="i")


def test_of_entries_that_were_booked_too_long_ago_to_be_known_none_is_taken() -> None:
    # given an account that got 5,000 credits a day, and one more
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(5)]
    state, fold = BankAccount(), BANK_ACCOUNT.folds[0]
    for day in days[:4]:
        for number in range(KNOWN_MAX // 4):
            state = fold.evolve(state, matched(f"{day}/{number}", day))
    assert (len(state.known), state.forgotten) == (KNOWN_MAX, None)
    state = fold.evolve(state, matched("last", days[4]))
    # then the first day is forgotten as a whole
    assert (len(state.known), state.forgotten) == (KNOWN_MAX * 3 // 4 + 1, days[0].isoformat())
    # and an entry of it is refused whether it is known or new, and one of the day after known again or taken
    told = Context(DAWN, "default", ACCOUNT, "m", ACCOUNT, ACCOUNT)

    def told_of(name: str, day: date) -> Event:
        [event] = BANK_ACCOUNT.decide[RecordBankEntry](entry(1, name, booked_on=day), state, told)
        return event

    first = told_of(f"{days[0]}/0", days[0])
    assert isinstance(first, EntryRefused)
    assert (first.reason, first.forgotten) == (EntryRefusal.FORGOTTEN_DAY, days[0])
    assert isinstance(told_of("new", days[0]), EntryRefused)
    assert isinstance(told_of(f"{days[1]}/0", days[1]), EntryRepeated)
    assert isinstance(told_of("new", days[1]), EntryMatched)


@given(
    st.lists(st.tuples(st.integers(1, 700), st.sampled_from(["s1", "s2", None]), st.integers(0, 5)), max_size=12),
    st.booleans(),
)
def test_no_cent_that_came_is_lost_or_counted_twice(told: list[tuple[int, str | None, int]], gives_up: bool) -> None:
    """Whatever comes, in parts, too much and again: what invoices took and what waits is what came, each entry once."""
    books = billed("s1", "s2")
    came: dict[int, int] = {}
    for cents, to, name in told:
        comes(books, entry(cents, f"e{name}", to))
        came.setdefault(name, cents)
    if gives_up:
        books.tell(S1, WriteOffInvoice(reason="small"), door="http")
    taken = sum(paid.amount.amount for name in (S1, S2) for paid in happened(books, name, InvoicePaid))
    assert taken + sum(left for left, _ in unmatched(books).values()) == sum(came.values())
    given_up = sum(event.amount.amount for event in happened(books, S1, InvoiceWrittenOff))
    assert left_open(books) + left_open(books, "s2") + taken + given_up == 2 * 1_190
