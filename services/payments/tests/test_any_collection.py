"""What holds of invoices that are charged to a card on file, whatever else comes in, whatever the provider says, in any order."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.chassis import MessageParked
from contracts.ids import aggregate_id, stream
from contracts.message import Event
from contracts.payments import CallResult, CallStep, CardCaptured, CardRefunded, ResolveProviderOutcome, VoidPayment
from contracts.payments.collecting import CollectionAsked
from contracts.payments.invoices import MoveOnAccount, RetryInvoice
from contracts.payments.receivables import EntryUnmatched, InvoicePaid, WriteOffInvoice
from services.payments import collecting
from services.payments.card_calls import CallStage
from services.payments.payment_state import deadlines_of
from services.payments.prepaid import held
from services.payments.tests.collected import INVOICE, PAYMENT, Collecting
from services.payments.tests.documents import ORDER_ID, credit_note, document, eur
from services.payments.tests.test_any_card_course import RESULTS, Bank
from services.payments.tests.test_bank import ACCOUNT, entry

OTHER = stream("invoice", document("s2"))
INVOICES = {"s1": INVOICE, "s2": OTHER}
which = st.sampled_from(sorted(INVOICES))
acts = st.one_of(
    st.tuples(st.just("said"), st.integers(0, 30), st.sampled_from(RESULTS), st.booleans()),
    st.tuples(st.just("said"), st.integers(0, 30), st.sampled_from(RESULTS), st.booleans()),
    st.tuples(st.just("last"), st.sampled_from(RESULTS), st.booleans()),
    st.tuples(st.just("due"), which),
    st.tuples(st.just("charge"), which),
    st.tuples(st.just("charge"), which),
    st.tuples(st.just("call_due"), st.integers(0, 5)),
    st.tuples(st.just("bank"), which, st.integers(1, 1_500)),
    st.tuples(st.just("credit"), which, st.sampled_from([100, 595, 1_190])),
    st.tuples(st.just("move"), which, st.integers(-400, 400)),
    st.tuples(st.just("retry"), which),
    st.tuples(st.sampled_from(["write_off", "void", "void", "void"]), which),
)


class Course:
    """Two invoices of an order, and a provider that does each call at most once."""

    def __init__(self) -> None:
        self.of, self.bank, self._seen, self._names = Collecting("s1", "s2"), Bank(), 0, 0
        self._heard()

    def act(self, what: Any) -> None:
        """One thing happens."""
        tell = self.of.books.tell
        self._names += 1
        match what:
            case ("said", number, result, several):
                self._said(number, result, several)
            case ("last", result, several):
                self._said(len(self.bank.calls) - 1, result, several)
            case ("charge", name):
                self.act(("due", name))
                for _ in range(2):
                    self.act(("last", CallResult.DONE, False))
            case ("due", name):
                for waits in collecting.deadlines_of(self.of.books.spec(INVOICES[name]).state).items():
                    self.of.passes(INVOICES[name], *waits)
            case ("call_due", number):
                if open_ := sorted(deadlines_of(self.of.payment).items()):
                    self.of.passes(PAYMENT, *open_[number % len(open_)])
            case ("bank", name, cents):
                tell(ACCOUNT, entry(cents, f"e{self._names}", name), door="http")
            case ("credit", name, cents):
                note = credit_note(name, net=cents, tax=0)
                tell(stream("invoice", aggregate_id("default", "credit_note", ORDER_ID, f"r{self._names}")), note)
            case ("move", name, cents):
                tell(INVOICES[name], MoveOnAccount(reference=f"m{self._names}", amount=eur(cents)))
            case ("retry", name):
                tell(INVOICES[name], RetryInvoice(), door="http")
            case ("write_off", name):
                tell(INVOICES[name], WriteOffInvoice(reason="small"), door="http")
            case ("never", key):
                tell(PAYMENT, ResolveProviderOutcome(order_id=ORDER_ID, key=key, happened=False), door="http")
            case ("void", _):
                tell(PAYMENT, VoidPayment(order_id=ORDER_ID, cause="cancelled"))
        self._heard()

    def _said(self, number: int, result: CallResult, several: bool) -> None:
        outcome = self.bank.says(number, result, several)
        if outcome is not None:
            self.of.books.tell(PAYMENT, outcome.model_copy(update={"order_id": ORDER_ID}))

    def _heard(self) -> None:
        for event in self.of.events[self._seen :]:
            assert not isinstance(event, MessageParked), event
            self.bank.hear(event)
        self._seen = len(self.of.events)

    def total(self, kind: type[Any]) -> int:
        """What events of a kind come to, in minor units."""
        return sum(event.amount.amount for event in self.of.events if isinstance(event, kind))

    def settle(self) -> None:
        """The provider does each call that is open, and what is due happens, until nothing is."""
        for _ in range(60):
            for number, key in enumerate(list(self.bank.calls)):
                if self.of.payment.cards.calls[key].open:
                    self.act(("said", number, CallResult.DONE, True))
                if self.of.payment.cards.calls[key].open and self.bank.ends[key] is CallResult.DECLINED:
                    self.act(("never", key))
            for name in INVOICES:
                self.act(("due", name))


def _kept(course: Course) -> int:
    return sum(kept for name in INVOICES for _, kept in course.of.books.invoice(name).charged)


@settings(max_examples=200, deadline=None)
@given(st.lists(acts, min_size=5, max_size=50))
def test_what_the_provider_took_is_what_invoices_keep_what_is_held_and_what_goes_back(what: list[Any]) -> None:
    course = Course()
    for each in what:
        course.act(each)
        bank, payment = course.bank, course.of.payment
        assert bank.moved(CallStep.CAPTURE) == course.total(CardCaptured)
        assert bank.moved(CallStep.REFUND) == course.total(CardRefunded)
        calls = [one for one in payment.cards.calls.values() if one.call.step is CallStep.REFUND]
        back = sum(one.call.amount.amount for one in calls if one.stage is not CallStage.DECLINED)
        assert course.total(CardCaptured) == _kept(course) + held(payment.prepaid) + back
        assert all(row.left >= 0 for row in payment.prepaid.values())
        for name in INVOICES:
            invoice = course.of.books.invoice(name)
            assert invoice.open >= 0 and all(kept >= 0 for _, kept in invoice.charged)
            # nobody is charged twice for the same
            owed = 1_190 + sum(invoice.moved.values()) - sum(invoice.credits.values())
            kept, by_bank = sum(kept for _, kept in invoice.charged), sum(invoice.received.values())
            assert kept <= max(0, owed - by_bank) or not kept


@settings(max_examples=150, deadline=None)
@given(st.lists(acts, min_size=5, max_size=40))
def test_once_the_provider_does_everything_that_it_is_asked_each_invoice_is_paid_to_the_cent(what: list[Any]) -> None:
    course = Course()
    for each in what:
        course.act(each)
    course.settle()
    payment = course.of.payment
    assert not any(each.open for each in payment.cards.calls.values())
    assert not held(payment.prepaid)
    assert not any(row.open and (row.left or row.unwanted) for row in payment.cards.secured.values())
    assert course.bank.moved(CallStep.CAPTURE) - course.bank.moved(CallStep.REFUND) == _kept(course)
    for name in INVOICES:
        invoice = course.of.books.invoice(name)
        assert invoice.collecting is None
        assert not invoice.open or collecting.given_up(invoice)
    # what the bank brought pays invoices, or is somebody's to send back
    by_bank: list[Event] = [e for e in course.of.events if isinstance(e, InvoicePaid) and e.collected is None]
    brought = sum(cents for kind, *rest in what if kind == "bank" for cents in rest[1:])
    assert brought == sum(e.amount.amount for e in by_bank if isinstance(e, InvoicePaid)) + course.total(EntryUnmatched)
    # and no attempt was made while another was under way
    asked = [(event.invoice, event.attempt) for event in course.of.events if isinstance(event, CollectionAsked)]
    assert len(asked) == len(set(asked))
