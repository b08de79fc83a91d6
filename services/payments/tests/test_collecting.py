"""Invoices that are charged to a card on file: on the due date, for what is open then, and never twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contracts.ids import stream
from contracts.payments import (
    CallResult,
    CallStep,
    CapturePayment,
    CardAuthorizationRequested,
    CardAuthorized,
    CardCaptured,
    CardCaptureRequested,
    CardDecline,
    CardDeclined,
    CardRefunded,
    CardRefundRequested,
    CardVoidRequested,
    PaymentCaptured,
    PaymentVoided,
    ProviderOutcomeResolved,
    ProviderOutcomeUnresolved,
    ResolveProviderOutcome,
    VoidPayment,
)
from contracts.payments.collecting import (
    ChargeMatched,
    ChargeUnneeded,
    CollectInvoice,
    CollectionAsked,
    CollectionDelayed,
    CollectionFailed,
    CollectionFailure,
    CollectionGivenUp,
    CollectionStarted,
    CollectionTaken,
    InvoiceOverpaid,
    ReturnCollected,
)
from contracts.payments.invoices import (
    InvoiceCredited,
    MoveOnAccount,
    OnAccountMoved,
    RetryInvoice,
    RetryRefusal,
    RetryRefused,
)
from contracts.payments.receivables import InvoicePaid, PaymentNotTaken, WriteOffInvoice
from services.payments.api import _view
from services.payments.collecting import COLLECT, COLLECT_AGAIN_AFTER, deadlines_of
from services.payments.methods import PAYMENTS_DESK
from services.payments.prepaid import held
from services.payments.receivables import FINANCE
from services.payments.tests.collected import INVOICE, PAYMENT, TENDER, Collecting, kinds
from services.payments.tests.documents import ORDER_ID, credit_note, document, eur
from services.payments.tests.test_bank import ACCOUNT, CREDIT, entry

DUE = datetime(2026, 1, 18, 23, tzinfo=UTC)
"""As the 19th begins in Berlin: 14 days after the day of issue."""


def names(*types: type) -> list[str]:
    return [each.__name__ for each in types]


def test_what_is_open_is_charged_as_the_due_date_begins_where_the_seller_is() -> None:
    # given an invoice of 11.90, issued on January 5th and due after 14 days
    course = Collecting()
    assert deadlines_of(course.invoice) == {f"{COLLECT}1": DUE}
    # when that day begins, then the payment asks to secure the amount on the card on file
    assert course.since(course.due) == names(CollectionAsked, CollectionStarted, CardAuthorizationRequested)
    assert deadlines_of(course.invoice) == {}
    call = course.call(CallStep.AUTHORIZE)
    assert (call.amount, call.token, call.provider, call.collection) == (eur(1_190), "pm_1", "sandbox", True)
    # and to take it
    assert course.since(course.says, CallStep.AUTHORIZE) == names(CardAuthorized, CardCaptureRequested)
    taken = course.since(course.says, CallStep.CAPTURE)
    # and the invoice is paid
    assert taken == names(CardCaptured, CollectionTaken, InvoicePaid, ChargeMatched)
    assert (course.invoice.open, held(course.payment.prepaid), deadlines_of(course.invoice)) == (0, 0, {})
    # and what was captured of the order is what it was
    assert (course.payment.captured, course.moved) == (1_190, 1_190)


def test_an_invoice_of_a_tender_that_names_no_card_is_charged_to_nobody() -> None:
    course = Collecting(collected_from=None)
    assert deadlines_of(course.invoice) == {}
    assert course.since(course.passes, INVOICE, f"{COLLECT}1", DUE) == []


def test_a_deadline_that_nobody_waits_for_charges_nothing() -> None:
    course = Collecting().collected()
    assert course.since(course.passes, INVOICE, f"{COLLECT}1", DUE) == []


def test_what_was_paid_credited_or_moved_before_is_not_charged() -> None:
    course = Collecting()
    course.books.tell(ACCOUNT, entry(200), door="http")
    course.books.tell(CREDIT, credit_note("s1"))
    course.books.tell(INVOICE, MoveOnAccount(reference="r9", amount=eur(-100)))
    course.due()
    assert course.call(CallStep.AUTHORIZE).amount == eur(1_190 - 200 - 595 - 100)


@pytest.mark.parametrize("settled", ["by bank", "given up"])
def test_where_nothing_is_open_nothing_is_charged(settled: str) -> None:
    course = Collecting()
    if settled == "by bank":
        course.books.tell(ACCOUNT, entry(1_190), door="http")
    else:
        course.books.tell(INVOICE, WriteOffInvoice(reason="insolvent"), door="http")
    assert deadlines_of(course.invoice) == {}
    assert course.since(course.passes, INVOICE, f"{COLLECT}1", DUE) == []


def test_each_invoice_of_an_order_is_charged_by_itself() -> None:
    course = Collecting("s1", "s2").collected()
    other = stream("invoice", document("s2"))
    assert course.since(course.due, other) == names(CollectionAsked, CollectionStarted, CardAuthorizationRequested)
    course.says(CallStep.AUTHORIZE)
    course.says(CallStep.CAPTURE)
    assert (course.invoice.open, course.books.invoice("s2").open, course.moved) == (0, 0, 2_380)


def test_an_order_that_ended_is_charged_all_the_same() -> None:
    # given a payment of which the rest was let go of, while the charge is secured
    course = Collecting()
    course.due()
    assert course.since(course.books.tell, PAYMENT, VoidPayment(order_id=ORDER_ID, cause="x")) == names(PaymentVoided)
    course.says(CallStep.AUTHORIZE)
    # then what is secured for it is not let go of
    assert course.since(course.books.tell, PAYMENT, VoidPayment(order_id=ORDER_ID, cause="x")) == names(PaymentVoided)
    course.says(CallStep.CAPTURE)
    assert (course.invoice.open, course.moved) == (0, 1_190)


def test_people_see_what_became_of_each_attempt() -> None:
    course = Collecting()
    course.due()
    seen = {"invoice": document("s1"), "attempt": 1, "amount": 1_190}
    assert _view(course.payment)["collections"] == [{**seen, "stage": "under_way"}]
    course.says(CallStep.AUTHORIZE, CallResult.DECLINED)
    assert _view(course.payment)["collections"] == [{**seen, "stage": "declined"}]
    course.books.tell(INVOICE, RetryInvoice(), door="http")
    course.says(CallStep.AUTHORIZE)
    course.says(CallStep.CAPTURE)
    stages = [(each["attempt"], each["stage"]) for each in _view(course.payment)["collections"]]
    assert sorted(stages) == [(1, "declined"), (2, "charged")]


# Too much


def test_what_the_bank_brings_while_the_card_is_charged_goes_back_to_the_card() -> None:
    course = Collecting()
    course.due()
    course.books.tell(ACCOUNT, entry(1_000), door="http")
    course.says(CallStep.AUTHORIZE)
    came = course.since(course.says, CallStep.CAPTURE)
    assert came == names(CardCaptured, CollectionTaken, InvoicePaid, ChargeMatched, CardRefundRequested)
    back = course.call(CallStep.REFUND)
    assert (back.amount, back.reference, back.prepaid) == (
        eur(1_000),
        f"capture-{course.call(CallStep.CAPTURE).key[:6]}",
        True,
    )
    assert course.since(course.says, CallStep.REFUND) == names(CardRefunded)
    assert (course.invoice.open, course.moved, held(course.payment.prepaid)) == (0, 190, 0)


def test_a_charge_of_an_invoice_that_was_paid_meanwhile_goes_back_whole() -> None:
    course = Collecting()
    course.due()
    course.books.tell(ACCOUNT, entry(1_190), door="http")
    course.says(CallStep.AUTHORIZE)
    came = course.since(course.says, CallStep.CAPTURE)
    assert came == names(CardCaptured, CollectionTaken, PaymentNotTaken, ChargeMatched, CardRefundRequested)
    course.says(CallStep.REFUND)
    assert (course.invoice.open, course.moved) == (0, 0)


def test_what_is_credited_after_it_was_charged_goes_back_to_the_card() -> None:
    course = Collecting().collected()
    credited = course.since(course.books.tell, CREDIT, credit_note("s1"))
    for kind in names(InvoiceCredited, InvoiceOverpaid, ChargeUnneeded, CardRefundRequested):
        assert kind in credited
    assert course.call(CallStep.REFUND).amount == eur(595)
    course.says(CallStep.REFUND)
    assert (course.invoice.open, course.moved) == (0, 595)


def test_what_an_exchange_takes_off_goes_back_and_what_it_adds_is_charged() -> None:
    course = Collecting().collected()
    moved = course.since(course.books.tell, INVOICE, MoveOnAccount(reference="r1", amount=eur(-300)))
    assert moved == names(OnAccountMoved, InvoiceOverpaid, ChargeUnneeded, CardRefundRequested)
    course.says(CallStep.REFUND)
    # when as much is owed again, then it is charged at once, as another attempt
    course.books.tell(INVOICE, MoveOnAccount(reference="c1", amount=eur(500)))
    assert deadlines_of(course.invoice) == {f"{COLLECT}2": DUE}
    course.collected()
    assert (course.invoice.open, course.moved) == (0, 1_390)
    # and of two charges the last goes back first, in parts of its own
    course.books.tell(INVOICE, MoveOnAccount(reference="r2", amount=eur(-600)))
    calls = [e.call for e in course.events if isinstance(e, CardRefundRequested)][-2:]
    assert [call.amount for call in calls] == [eur(500), eur(100)]
    for call in calls:
        course.says_of(call)
    assert (course.invoice.open, course.moved) == (0, 790)


def test_what_was_given_up_and_is_credited_then_gives_nothing_back() -> None:
    # given an invoice that was charged, of which more was owed afterwards and given up
    course = Collecting().collected()
    course.books.tell(INVOICE, MoveOnAccount(reference="c1", amount=eur(595)))
    course.books.tell(INVOICE, WriteOffInvoice(reason="small"), door="http")
    credited = course.since(course.books.tell, CREDIT, credit_note("s1"))
    assert CardRefundRequested.__name__ not in credited
    assert course.moved == 1_190


def test_what_the_provider_refuses_to_give_back_is_the_payments_desks() -> None:
    course = Collecting().collected()
    course.books.tell(CREDIT, credit_note("s1"))
    call = course.call(CallStep.REFUND)
    [said] = course.says(CallStep.REFUND, CallResult.DECLINED).events
    assert isinstance(said, ProviderOutcomeUnresolved) and said.owner == PAYMENTS_DESK
    never = ResolveProviderOutcome(order_id=ORDER_ID, key=call.key, happened=False)
    again = course.since(course.books.tell, PAYMENT, never)
    assert again == names(ProviderOutcomeResolved, CardDeclined, CardRefundRequested)
    course.says(CallStep.REFUND)
    assert course.moved == 595


def test_told_again_what_an_invoice_needs_less_goes_back_once() -> None:
    course = Collecting().collected()
    course.books.tell(CREDIT, credit_note("s1"))
    [less] = [event for event in course.events if isinstance(event, InvoiceOverpaid)]
    said = {name: getattr(less, name) for name in ReturnCollected.model_fields if hasattr(less, name)}
    assert course.since(course.books.tell, PAYMENT, ReturnCollected(**said)) == []


# Declined


def test_a_card_that_is_declined_softly_is_charged_again_on_another_day_for_what_is_open_then() -> None:
    course = Collecting()
    course.due()
    said = course.since(course.says, CallStep.AUTHORIZE, CallResult.DECLINED, soft=True)
    assert said == names(CardDeclined, CollectionFailed, CollectionDelayed)
    assert deadlines_of(course.invoice) == {f"{COLLECT}2": course.books.spec(INVOICE)._now + COLLECT_AGAIN_AFTER[0]}
    course.books.tell(ACCOUNT, entry(190), door="http")
    first = course.call(CallStep.AUTHORIZE).key
    course.due()
    second = course.call(CallStep.AUTHORIZE)
    assert (second.key != first, second.amount) == (True, eur(1_000))


def test_a_card_that_is_declined_softly_each_time_is_finances_to_look_after() -> None:
    course = Collecting()
    for number in range(len(COLLECT_AGAIN_AFTER) + 1):
        course.due()
        last = course.since(
            course.says, CallStep.AUTHORIZE, CallResult.DECLINED, soft=True, reason=CardDecline.INSUFFICIENT_FUNDS
        )
        assert (last[-1] == CollectionGivenUp.__name__) == (number == len(COLLECT_AGAIN_AFTER))
    [given_up] = [event for event in course.events if isinstance(event, CollectionGivenUp)]
    assert (given_up.owner, given_up.reason, given_up.card) == (
        FINANCE,
        CollectionFailure.CARD_DECLINED,
        CardDecline.INSUFFICIENT_FUNDS,
    )
    assert (deadlines_of(course.invoice), course.invoice.open) == ({}, 1_190)


def test_a_card_that_is_declined_for_good_is_charged_no_more_until_finance_says_so() -> None:
    course = Collecting()
    course.due()
    said = course.since(course.says, CallStep.AUTHORIZE, CallResult.DECLINED)
    assert said == names(CardDeclined, CollectionFailed, CollectionGivenUp)
    # when finance has it charged again, then it is another attempt
    again = course.since(course.books.tell, INVOICE, RetryInvoice(), door="http")
    assert again == names(CollectionAsked, CollectionStarted, CardAuthorizationRequested)
    refused = RetryRefused(reason=RetryRefusal.NOT_WAITING)
    course.books.tell(INVOICE, RetryInvoice(), door="http").then(refused)
    course.says(CallStep.AUTHORIZE)
    course.says(CallStep.CAPTURE)
    assert (course.invoice.open, course.moved) == (0, 1_190)
    course.books.tell(INVOICE, RetryInvoice(), door="http").then(refused)


def test_a_charge_that_is_declined_after_it_was_secured_is_let_go_of() -> None:
    course = Collecting()
    course.due()
    course.says(CallStep.AUTHORIZE)
    said = course.since(course.says, CallStep.CAPTURE, CallResult.DECLINED)
    assert said == names(CardDeclined, CollectionFailed, CardVoidRequested, CollectionGivenUp)
    assert (course.moved, held(course.payment.prepaid)) == (0, 0)


def test_what_is_secured_after_it_was_declined_is_let_go_of() -> None:
    course = Collecting()
    course.due()
    call = course.call(CallStep.AUTHORIZE)
    course.says_of(call, CallResult.DECLINED)
    assert course.since(course.says_of, call) == names(CardAuthorized, CardVoidRequested)


def test_a_buyer_who_has_to_confirm_and_does_not_is_declined() -> None:
    course = Collecting()
    course.due()
    course.says(CallStep.AUTHORIZE, CallResult.ACTION_REQUIRED, action_url="https://example.org/3ds")
    [(name, due)] = course.books.spec(PAYMENT).kind.folds[0].deadlines(course.payment).items()
    came = course.since(course.passes, PAYMENT, name, due)
    assert came == names(CardDeclined, CollectionFailed, CardVoidRequested, CollectionGivenUp)


def test_a_charge_that_happened_after_all_pays_what_is_open_and_the_rest_goes_back() -> None:
    # given a charge that was declined, and charged again by finance
    course = Collecting()
    course.due()
    course.says(CallStep.AUTHORIZE)
    first = course.call(CallStep.CAPTURE)
    course.says(CallStep.CAPTURE, CallResult.DECLINED)
    course.books.tell(INVOICE, RetryInvoice(), door="http")
    # when the provider says that the first happened, then a person finds out
    [said] = course.says_of(first).events
    assert isinstance(said, ProviderOutcomeUnresolved)
    happened = ResolveProviderOutcome(order_id=ORDER_ID, key=first.key, happened=True, reference="ch_1")
    assert course.since(course.books.tell, PAYMENT, happened) == names(
        ProviderOutcomeResolved, CardCaptured, CollectionTaken, InvoicePaid, ChargeMatched
    )
    assert course.invoice.open == 0
    # and the second goes back whole
    course.says(CallStep.AUTHORIZE)
    course.says(CallStep.CAPTURE)
    assert course.call(CallStep.REFUND).amount == eur(1_190)
    course.says(CallStep.REFUND)
    assert (course.moved, course.invoice.collecting) == (1_190, None)


def test_a_payment_that_names_no_card_says_so() -> None:
    course = Collecting(tender=TENDER.model_copy(update={"card_on_file": None}))
    assert course.since(course.due) == names(CollectionAsked, CollectionFailed, CollectionGivenUp)
    [failed] = [event for event in course.events if isinstance(event, CollectionFailed)]
    assert failed.reason is CollectionFailure.NO_CARD


def test_asked_for_again_a_charge_is_the_same() -> None:
    course = Collecting()
    course.due()
    wish = CollectInvoice(order_id=ORDER_ID, invoice=document("s1"), attempt=1, tender=0, amount=eur(1_190))
    assert course.since(course.books.tell, PAYMENT, wish) == []


def test_an_answer_to_an_attempt_that_is_over_changes_nothing() -> None:
    course = Collecting().collected()
    late = CollectionFailed(
        order_id=ORDER_ID,
        invoice=document("s1"),
        attempt=1,
        amount=eur(1_190),
        reason=CollectionFailure.CARD_DECLINED,
    )
    assert kinds(course.books.spec(INVOICE).when(late, subject=PAYMENT).events) == []


def test_a_later_capture_draws_nothing_of_what_was_charged_for_an_invoice() -> None:
    # given an invoice of which the charge is secured, and one that is charged
    course = Collecting()
    course.due()
    for step in (CallStep.AUTHORIZE, CallStep.CAPTURE):
        course.says(step)
        # when something else is captured on account, then it is on account
        amount, known = eur(100), len(course.events)
        capture = CapturePayment(order_id=ORDER_ID, fulfillment=f"after {step}", amount=amount, lines=())
        course.books.tell(PAYMENT, capture)
        [captured] = [event for event in course.events[known:] if isinstance(event, PaymentCaptured)]
        assert [part.prepaid for part in captured.captures] == [False]
