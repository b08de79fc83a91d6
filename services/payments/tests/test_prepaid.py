"""Cards that are charged at the order: taken whole before anything leaves, drawn on as goods leave, and what is over goes back."""

from __future__ import annotations

from contracts.money import CaptureTime
from contracts.payments import (
    ORDER_COMPLETE,
    AuthorizeMore,
    CallResult,
    CancelIncrease,
    CardAuthorizationRequested,
    CardAuthorized,
    CardCaptured,
    CardCaptureRequested,
    CardDeclined,
    CardRefunded,
    CardRefundRequested,
    CardVoidRequested,
    IncreaseDeclined,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentIncreased,
    PaymentRefunded,
    PaymentVoided,
    ProviderOutcomeIgnored,
    ProviderOutcomeResolved,
    ProviderOutcomeUnresolved,
    RefundReversed,
    RefundStarted,
    ResolveProviderOutcome,
    StoredValueMoved,
    StoredValueRequested,
    TransferReceived,
    ValueHeld,
    VoidPayment,
)
from services.payments.methods import PAYMENTS_DESK
from services.payments.payment_state import authorization_status, charge_status
from services.payments.prepaid import held
from services.payments.tests.test_cards import CARD, SECOND, Payment
from services.payments.tests.test_payment import COUPON, ORDER, VOID, capture, eur, refund
from services.payments.tests.test_transfers import TRANSFER, came
from services.payments.tests.test_value_tenders import CARD_OF_GIFT, GIFT

AT_ORDER = {"capture": CaptureTime.AT_ORDER}
CHARGED = CARD.model_copy(update=AT_ORDER)


def kinds(outcome: object) -> list[str]:
    return [type(event).__name__ for event in outcome.events]  # type: ignore[attr-defined]


def paid(*tenders: object) -> Payment:
    """A payment by cards of which the first is charged, under the provider's name `ch_1`."""
    payment = Payment(*tenders)  # type: ignore[arg-type]
    for call in [event.call for event in payment.events if isinstance(event, CardAuthorizationRequested)]:
        payment.said(call)
    payment.said(payment.asked(CardCaptureRequested), reference="ch_1")
    return payment


def test_the_order_hears_that_it_is_paid_once_the_card_is_charged() -> None:
    payment = Payment(CHARGED)
    # when the card is secured, then all of it is taken
    assert kinds(payment.said(payment.asked(CardAuthorizationRequested))) == [
        CardAuthorized.__name__,
        CardCaptureRequested.__name__,
    ]
    call = payment.asked(CardCaptureRequested)
    assert (call.amount, call.final, call.prepaid) == (eur(1_000), True, True)
    assert charge_status(payment.spec.state) == "none"
    # and when that is done the order hears
    done, answer = payment.said(call).answered(ORDER).events
    assert isinstance(done, CardCaptured) and done.prepaid and isinstance(answer, PaymentAuthorized)
    state = payment.spec.state
    assert (held(state.prepaid), authorization_status(state), charge_status(state)) == (1_000, "full", "full")


def test_no_card_is_charged_while_another_is_not_secured() -> None:
    # given two cards, of which the first is charged at the order
    payment = Payment(CHARGED, SECOND)
    first, second = (e.call for e in payment.events if isinstance(e, CardAuthorizationRequested))
    # when the first is secured, then nothing is taken yet; and declined with the second it is let go of
    assert kinds(payment.said(first)) == [CardAuthorized.__name__]
    assert kinds(payment.said(second, CallResult.DECLINED)) == [
        CardDeclined.__name__,
        PaymentDeclined.__name__,
        CardVoidRequested.__name__,
    ]


def test_a_charge_that_is_declined_declines_the_order_and_lets_go_of_what_was_secured() -> None:
    payment = Payment(CHARGED)
    payment.said(payment.asked(CardAuthorizationRequested))
    outcome = payment.said(payment.asked(CardCaptureRequested), CallResult.DECLINED)
    assert kinds(outcome.answered(ORDER)) == [
        CardDeclined.__name__,
        PaymentDeclined.__name__,
        CardVoidRequested.__name__,
    ]


def test_what_leaves_draws_on_the_charge_without_asking_anybody() -> None:
    payment = paid(CHARGED)
    [first] = payment.when(capture(400, "s1")).answered(ORDER).events
    [second] = payment.when(capture(600, "s2")).answered(ORDER).events
    assert isinstance(first, PaymentCaptured) and isinstance(second, PaymentCaptured)
    assert [part.prepaid for event in (first, second) for part in event.captures] == [True, True]
    assert (second.captured, second.remaining) == (eur(1_000), eur(0))
    # and at the end nothing goes back
    assert kinds(payment.when(VOID)) == [PaymentVoided.__name__]


def test_of_several_tenders_only_the_others_are_asked_as_goods_leave() -> None:
    payment = paid(CHARGED, SECOND, COUPON)
    payment.when(capture(1_700, "s1"))
    call = payment.asked(CardCaptureRequested)
    assert (call.amount, call.prepaid) == (eur(500), False)
    done, answer = payment.said(call).answered(ORDER).events
    assert isinstance(done, CardCaptured) and isinstance(answer, PaymentCaptured)
    assert [(part.amount, part.prepaid) for part in answer.captures] == [
        (eur(200), False),
        (eur(1_000), True),
        (eur(500), False),
    ]


def test_a_cancelled_order_gets_back_all_that_was_charged() -> None:
    payment = paid(CHARGED)
    assert kinds(payment.when(VOID)) == [PaymentVoided.__name__, CardRefundRequested.__name__]
    call = payment.asked(CardRefundRequested)
    assert (call.amount, call.reference, call.prepaid) == (eur(1_000), "ch_1", True)
    [back] = payment.said(call).events
    assert isinstance(back, CardRefunded) and back.prepaid
    assert (held(payment.spec.state.prepaid), charge_status(payment.spec.state)) == (0, "none")
    assert kinds(payment.when(VOID)) == [PaymentVoided.__name__]


def test_what_was_cancelled_of_an_order_goes_back_when_it_ends() -> None:
    payment = paid(CHARGED)
    payment.when(capture(400, "s1"))
    payment.when(VOID)
    assert payment.asked(CardRefundRequested).amount == eur(600)


def test_a_charge_that_is_done_after_the_void_goes_back() -> None:
    payment = Payment(CHARGED)
    payment.said(payment.asked(CardAuthorizationRequested))
    call = payment.asked(CardCaptureRequested)
    payment.said(call, CallResult.UNKNOWN)
    assert kinds(payment.when(VOID)) == [PaymentVoided.__name__]
    assert kinds(payment.said(call)) == [CardCaptured.__name__, CardRefundRequested.__name__]


def test_what_came_back_of_what_left_is_refunded_out_of_the_charge() -> None:
    payment = paid(CHARGED)
    payment.when(capture(400, "s1"))
    assert kinds(payment.when(refund(300))) == [RefundStarted.__name__, CardRefundRequested.__name__]
    call = payment.asked(CardRefundRequested)
    assert (call.amount, call.reference, call.prepaid) == (eur(300), "ch_1", False)
    assert kinds(payment.said(call)) == [CardRefunded.__name__, PaymentRefunded.__name__]


def test_what_a_provider_refuses_to_give_back_is_somebodys_to_give_back() -> None:
    # given an order that was cancelled, and a provider that refuses
    payment = paid(CHARGED)
    payment.when(VOID)
    call = payment.asked(CardRefundRequested)
    [said] = payment.said(call, CallResult.DECLINED).events
    assert isinstance(said, ProviderOutcomeUnresolved) and said.owner == PAYMENTS_DESK
    assert kinds(payment.said(call, CallResult.DECLINED)) == [ProviderOutcomeIgnored.__name__]
    # when the desk says that it did not happen, then it is tried again by another call
    again = payment.when(ResolveProviderOutcome(order_id="o1", key=call.key, happened=False))
    assert kinds(again) == [ProviderOutcomeResolved.__name__, CardDeclined.__name__, CardRefundRequested.__name__]
    other = payment.asked(CardRefundRequested)
    assert (other.key != call.key, other.amount) == (True, eur(1_000))
    # and when that is refused too, and the desk paid it otherwise, nothing is left
    payment.said(other, CallResult.DECLINED)
    payment.when(ResolveProviderOutcome(order_id="o1", key=other.key, happened=True, reference="bank 17"))
    assert held(payment.spec.state.prepaid) == 0 and not payment.spec.state.cards.calls[other.key].open


def test_what_a_provider_takes_back_of_what_it_gave_back_is_somebodys_to_give_back() -> None:
    payment = paid(CHARGED)
    payment.when(VOID)
    call = payment.asked(CardRefundRequested)
    payment.said(call)
    outcome = payment.said(call, CallResult.DECLINED)
    reversed_, unresolved = outcome.events
    assert isinstance(reversed_, RefundReversed) and reversed_.prepaid and reversed_.reversed.amount == eur(1_000)
    assert isinstance(unresolved, ProviderOutcomeUnresolved)
    # an older word that it was given back changes nothing
    assert kinds(payment.said(call)) == [ProviderOutcomeIgnored.__name__]
    payment.when(ResolveProviderOutcome(order_id="o1", key=call.key, happened=False))
    assert payment.asked(CardRefundRequested).key != call.key


def test_more_for_a_change_is_charged_too_and_goes_back_when_the_change_is_given_up() -> None:
    payment = paid(CHARGED)
    more = CHARGED.model_copy(update={"amount": eur(200)})
    for name in ("1", "2"):
        payment.when(AuthorizeMore(order_id="o1", increase=name, amount=eur(200), tenders=(more,)))
        payment.said(payment.asked(CardAuthorizationRequested))
        if name == "1":
            done = payment.said(payment.asked(CardCaptureRequested), reference="ch_2").answered(ORDER)
            assert kinds(done) == [CardCaptured.__name__, PaymentIncreased.__name__]
    # given one that pays, and one that is given up while it is charged
    gone = payment.when(CancelIncrease(order_id="o1", increase="2", amount=eur(200)))
    assert kinds(gone) == [IncreaseDeclined.__name__]
    assert kinds(payment.said(payment.asked(CardCaptureRequested), reference="ch_3")) == [
        CardCaptured.__name__,
        CardRefundRequested.__name__,
    ]
    assert payment.asked(CardRefundRequested).reference == "ch_3"
    # then what leaves draws on both charges that are wanted
    [taken] = payment.when(capture(1_200)).events
    assert isinstance(taken, PaymentCaptured)
    assert sorted(part.amount.amount for part in taken.captures) == [200, 1_000]
    assert sum(part.prepaid for part in taken.captures) == 2


def test_what_was_charged_for_a_change_goes_back_when_the_order_is_complete_without_it() -> None:
    # given an order that is captured, and a card that is charged for an exchange
    payment = paid(CHARGED)
    payment.when(capture(1_000))
    more = CHARGED.model_copy(update={"amount": eur(200)})
    payment.when(AuthorizeMore(order_id="o1", increase="1", amount=eur(200), tenders=(more,)))
    payment.said(payment.asked(CardAuthorizationRequested))
    payment.said(payment.asked(CardCaptureRequested), reference="ch_2")
    # when it is given up, which says nothing more of one that has its answer, and the order is complete again
    assert kinds(payment.when(CancelIncrease(order_id="o1", increase="1", amount=eur(200)))) == []
    gone = payment.when(VoidPayment(order_id="o1", cause=ORDER_COMPLETE))
    # then that goes back out of that charge, and what pays for goods stays
    assert kinds(gone) == [PaymentVoided.__name__, CardRefundRequested.__name__]
    call = payment.asked(CardRefundRequested)
    assert (call.reference, call.amount) == ("ch_2", eur(200))


def test_a_charge_waits_for_the_money_of_a_transfer() -> None:
    payment = Payment(CHARGED, TRANSFER)
    assert kinds(payment.said(payment.asked(CardAuthorizationRequested))) == [CardAuthorized.__name__]
    assert kinds(payment.when(came(1_000))) == [TransferReceived.__name__, CardCaptureRequested.__name__]


def test_a_charge_waits_for_the_hold_of_a_gift_card() -> None:
    # given a card that is secured, and a ledger that is asked
    payment = Payment(CHARGED, CARD_OF_GIFT)
    payment.said(payment.asked(CardAuthorizationRequested))
    [asked] = [event.asked for event in payment.events if isinstance(event, StoredValueRequested)]
    # when the ledger holds what the gift card is to pay, then the card is charged
    at = {"value": GIFT, "payment": "payment/o1", "order_id": "o1"}
    said = ValueHeld(**at, hold=asked.authorization, amount=eur(300), available=eur(0))
    assert kinds(payment.when(said)) == [StoredValueMoved.__name__, CardCaptureRequested.__name__]


def test_what_was_charged_for_a_change_that_is_given_up_goes_back_at_once() -> None:
    # given a change that two cards pay, of which one is charged
    other = SECOND.model_copy(update=AT_ORDER)
    payment = paid(CHARGED, other)
    payment.said(next(e.call for e in payment.events if isinstance(e, CardCaptureRequested)), reference="ch_0")
    more = tuple(tender.model_copy(update={"amount": eur(100)}) for tender in (CHARGED, other))
    payment.when(AuthorizeMore(order_id="o1", increase="1", amount=eur(200), tenders=more))
    for call in [event.call for event in payment.events if isinstance(event, CardAuthorizationRequested)][-2:]:
        payment.said(call)
    payment.said(payment.asked(CardCaptureRequested), reference="ch_2")
    # when it is given up, then that goes back, and the other once it is charged after all
    gone = payment.when(CancelIncrease(order_id="o1", increase="1", amount=eur(200)))
    assert kinds(gone) == [IncreaseDeclined.__name__, CardRefundRequested.__name__]
    late = [event.call for event in payment.events if isinstance(event, CardCaptureRequested)][-2]
    assert kinds(payment.said(late)) == [CardCaptured.__name__, CardRefundRequested.__name__]
    assert held(payment.spec.state.prepaid) == 1_500
