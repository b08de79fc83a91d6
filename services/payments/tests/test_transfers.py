"""Orders that are paid by bank transfer: what is waited for, and what becomes of too little, too much and too late."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import DAWN, Outcome, Spec
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.message import Command, Event
from contracts.money import Money, Tender, TenderMethod
from contracts.payments import (
    AuthorizeMore,
    CallResult,
    CancelIncrease,
    CardAuthorizationRequested,
    CardDecline,
    DeclineReason,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentIncreased,
    PaymentRefunded,
    PaymentStarted,
    PaymentVoided,
    RecordTransferReceived,
    RecordTransferReturned,
    TransferAwaited,
    TransferIgnored,
    TransferReceived,
    TransferReturned,
    TransferUnmatched,
)
from services.payments.api import _view
from services.payments.methods import TRANSFER_WITHIN
from services.payments.payment_state import deadlines_of
from services.payments.tests.test_cards import CARD, Payment, kinds
from services.payments.tests.test_payment import COUPON, ORDER, VOID, after, authorize, capture, eur, refund
from services.payments.transfers import AWAITS

TRANSFER = Tender(method=TenderMethod.BANK_TRANSFER, amount=eur(1_000))
STARTED = authorize(TRANSFER)


def came(amount: int, transfer: str = "t1", currency: str = "EUR") -> RecordTransferReceived:
    return RecordTransferReceived(order_id="o1", transfer=transfer, amount=Money(amount=amount, currency=currency))


def went(amount: int, transfer: str = "b1") -> RecordTransferReturned:
    return RecordTransferReturned(order_id="o1", transfer=transfer, amount=eur(amount))


def say(*commands: Command) -> Outcome:
    """What comes of the last, after the others."""
    return after(*commands[:-1]).when(commands[-1], reply_to=ORDER)


def test_the_payer_is_told_what_to_send_and_the_order_hears_when_it_is_there() -> None:
    started, awaited = say(STARTED).answered().events
    assert isinstance(started, PaymentStarted) and isinstance(awaited, TransferAwaited)
    assert (awaited.amount, awaited.until) == (eur(1_000), DAWN + TRANSFER_WITHIN)
    received, answer = say(STARTED, came(1_000)).answered(ORDER).events
    assert isinstance(received, TransferReceived) and received.missing == eur(0)
    assert isinstance(answer, PaymentAuthorized)


def test_nobody_waits_for_a_transfer_of_nothing() -> None:
    # given a transfer beside an invoice that pays all
    nothing = TRANSFER.model_copy(update={"amount": eur(0)})
    rest = Tender(method=TenderMethod.INVOICE, amount=eur(1_000))
    outcome = say(authorize(nothing, rest)).answered(ORDER)
    # then all is secured at once, and nothing is left to wait for
    assert kinds(outcome)[-1] == PaymentAuthorized.__name__
    assert TransferAwaited.__name__ not in kinds(outcome)


def test_too_little_is_waited_for_and_in_the_end_sent_back() -> None:
    [part] = say(STARTED, came(400)).events
    assert isinstance(part, TransferReceived) and part.missing == eur(600)
    assert kinds(say(STARTED, came(400), came(600, "t2"))) == [TransferReceived.__name__, PaymentAuthorized.__name__]
    # when the rest does not come in time
    spec = after(STARTED, came(400))
    assert _view(spec.state)["transfers"]["awaited"][0]["received"] == 400
    due = DAWN + TRANSFER_WITHIN
    declined, unmatched = spec.at(due).when(DeadlinePassed(name=f"{AWAITS}0", due=due)).answered(ORDER).events
    assert isinstance(declined, PaymentDeclined) and declined.reason is DeclineReason.NOT_RECEIVED
    assert isinstance(unmatched, TransferUnmatched) and unmatched.amount == eur(400)
    assert kinds(spec.when(DeadlinePassed(name=f"{AWAITS}0", due=due))) == []


def test_too_much_is_somebodys_to_send_back() -> None:
    outcome = say(STARTED, came(1_200))
    assert kinds(outcome) == [TransferReceived.__name__, PaymentAuthorized.__name__, TransferUnmatched.__name__]
    unmatched: Any = outcome.events[-1]
    assert (unmatched.amount, unmatched.owner) == (eur(200), "payments_desk")
    spec = outcome.spec
    assert spec.state.left == 1_000
    [back] = spec.when(went(150)).events
    assert isinstance(back, TransferReturned) and back.unmatched == eur(50)
    assert kinds(spec.when(went(150))) == kinds(spec.when(went(51, "b2"))) == [TransferIgnored.__name__]


@pytest.mark.parametrize("before", [(), (STARTED, VOID), (STARTED, came(1_000, "t0"))])
def test_what_nobody_waits_for_is_somebodys_to_send_back(before: tuple[Command, ...]) -> None:
    assert kinds(say(*before, came(300))) == [TransferReceived.__name__, TransferUnmatched.__name__]


@pytest.mark.parametrize("again", [came(400), came(1, "t2", "USD"), came(0, "t3")])
def test_a_transfer_that_is_known_or_does_not_fit_changes_nothing(again: Command) -> None:
    assert kinds(say(STARTED, came(400), again)) == [TransferIgnored.__name__]


@pytest.mark.parametrize(
    ("before", "amount"),
    [
        ((STARTED, came(400)), 400),
        ((STARTED, came(1_000)), 1_000),
        ((STARTED, came(1_000), capture(300)), 700),
    ],
)
def test_what_came_and_was_not_taken_is_sent_back_after_a_void(before: tuple[Command, ...], amount: int) -> None:
    voided, unmatched = say(*before, VOID).events
    assert isinstance(voided, PaymentVoided) and isinstance(unmatched, TransferUnmatched)
    assert unmatched.amount == eur(amount)


def test_what_came_is_taken_and_given_back_as_any_other_money() -> None:
    spec = after(STARTED, came(1_000))
    assert kinds(spec.when(capture(400))) == [PaymentCaptured.__name__]
    assert kinds(spec.when(refund(400))) == [PaymentRefunded.__name__]


def test_a_card_beside_it_that_is_declined_has_the_money_sent_back() -> None:
    payment = Payment(CARD, TRANSFER)
    payment.when(came(1_000))
    call = payment.asked(CardAuthorizationRequested)
    outcome = payment.said(call, CallResult.DECLINED, reason=CardDecline.FRAUD)
    assert kinds(outcome)[1:] == [PaymentDeclined.__name__, TransferUnmatched.__name__]


def test_a_card_beside_it_is_secured_first_or_last() -> None:
    payment = Payment(CARD, TRANSFER)
    payment.when(came(1_000))
    assert kinds(payment.said(payment.asked(CardAuthorizationRequested)))[-1] == PaymentAuthorized.__name__


acts = st.one_of(
    st.tuples(st.just("came"), st.integers(0, 9), st.sampled_from([50, 100, 400, 1_000])),
    st.tuples(st.just("came"), st.integers(0, 9), st.sampled_from([50, 100, 400, 1_000])),
    st.tuples(st.just("went"), st.integers(0, 9), st.sampled_from([50, 100, 400])),
    st.tuples(st.just("more"), st.sampled_from(["1", "2", "3"]), st.tuples(*[st.sampled_from([0, 100, 300])] * 3)),
    st.tuples(st.just("give_up"), st.sampled_from(["1", "2", "3"])),
    st.tuples(st.just("capture"), st.sampled_from(["s1", "s2", "s3"]), st.integers(1, 900)),
    st.tuples(st.sampled_from(["authorize", "authorize", "due", "due", "void"])),
)
THREE = (TRANSFER, TRANSFER.model_copy(update={"amount": eur(200)}), COUPON)


def act(spec: Spec, what: Any) -> Outcome:
    match what:
        case ("came", number, amount):
            return spec.when(came(amount, f"t{number}"))
        case ("went", number, amount):
            return spec.when(went(amount, f"b{number}"))
        case ("more", name, amounts):
            rows = zip(THREE, amounts, strict=True)
            tenders = tuple(tender.model_copy(update={"amount": eur(amount)}) for tender, amount in rows)
            more = AuthorizeMore(order_id="o1", increase=name, amount=eur(sum(amounts)), tenders=tenders)
            return spec.when(more, reply_to=ORDER)
        case ("give_up", name):
            return spec.when(CancelIncrease(order_id="o1", increase=name, amount=eur(1)), reply_to=ORDER)
        case ("capture", name, amount):
            return spec.when(capture(amount, name), reply_to=ORDER)
        case ("due",):
            name, due = next(iter(sorted(deadlines_of(spec.state).items())), (f"{AWAITS}0", DAWN))
            spec.at(max(due, spec._now))
            return spec.when(DeadlinePassed(name=name, due=due))
        case ("void",):
            return spec.when(VOID, reply_to=ORDER)
    return spec.when(authorize(*THREE), reply_to=ORDER)


@settings(max_examples=250)
@given(st.lists(acts, min_size=3, max_size=40))
def test_all_that_comes_is_secured_taken_or_somebodys_to_send_back(course: list[Any]) -> None:
    spec, events = after(), list[Event]()
    for what in course:
        outcome = act(spec, what)
        assert not any(isinstance(event, MessageParked) for event in outcome.events), outcome.events
        events += outcome.events
        state = spec.state
        came_in = sum(event.amount.amount for event in events if isinstance(event, TransferReceived))
        gone = sum(event.amount.amount for event in events if isinstance(event, TransferReturned))
        taken = sum(row.amount for row in state.taken if row.tender < 2)
        left = sum(state.remaining.get(str(place), 0) for place in range(2))
        # what is waited for and partly there is secured by nobody yet; once all is there it is what is left
        first = state.transfers.received if state.authorized is None else {}
        waits = sum(n for key, n in state.transfers.received.items() if "/" in key or key in first)
        assert came_in == gone + taken + left + waits + state.transfers.unmatched
        assert state.transfers.idle == 0
    answers = Counter(event.increase for event in events if isinstance(event, PaymentIncreased) and not event.repeated)
    assert all(count == 1 for count in answers.values())
