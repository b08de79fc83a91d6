"""Securing more where somebody outside has to be asked: a provider, a ledger, the payer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.testing import DAWN, Outcome
from contracts.chassis import DeadlinePassed
from contracts.message import Event
from contracts.money import Tender, TenderMethod
from contracts.payments import (
    AuthorizeMore,
    CallResult,
    CancelIncrease,
    Capability,
    CardAuthorizationRaised,
    CardAuthorizationRequested,
    CardAuthorized,
    CardCaptureRequested,
    CardDecline,
    CardDeclined,
    CardVoided,
    CardVoidRequested,
    DeclineReason,
    IncreaseDeclined,
    IncreaseStarted,
    PaymentIncreased,
    RecordTransferReceived,
    StoredValueRequested,
    TransferAwaited,
    TransferReceived,
    TransferUnmatched,
)
from services.payments.api import _view
from services.payments.methods import SOFT_AGAIN_AFTER
from services.payments.tests.test_cards import CARD, SEVERAL, Payment, kinds
from services.payments.tests.test_payment import INVOICE, ORDER, VOID, authorize, capture, eur
from services.payments.tests.test_value_tenders import CARD_OF_GIFT, GIFT, Shop
from services.payments.transfers import AWAITS

RAISES = (Capability.MULTI_CAPTURE, Capability.INCREMENTAL)
OTHER = CARD.model_copy(update={"reference": "pm_9"})
TRANSFER = Tender(method=TenderMethod.BANK_TRANSFER, amount=eur(1_000))


def paying(tender: Tender, amount: int) -> Tender:
    return tender.model_copy(update={"amount": eur(amount)})


def more(*tenders: Tender, increase: str = "1", **named: Any) -> AuthorizeMore:
    amount = sum(tender.amount.amount for tender in tenders)
    return AuthorizeMore(order_id="o1", increase=increase, amount=eur(amount), tenders=tenders, **named)


def give_up(amount: int, increase: str = "1") -> CancelIncrease:
    return CancelIncrease(order_id="o1", increase=increase, amount=eur(amount))


def by_card(capabilities: tuple[Capability, ...] = SEVERAL) -> Payment:
    """10.00 secured on a card."""
    payment = Payment(CARD)
    payment.said(payment.asked(CardAuthorizationRequested), capabilities=capabilities)
    return payment


def answer(outcome: Outcome) -> Any:
    """What the order hears."""
    outcome.answered(ORDER)
    [event] = [each for each in outcome.events if isinstance(each, PaymentIncreased | IncreaseDeclined)]
    return event


def calls(payment: Payment, kind: type[Event]) -> list[Any]:
    return [event.call for event in payment.events if isinstance(event, kind)]  # type: ignore[attr-defined]


# Cards


def test_an_authorisation_that_allows_it_is_raised() -> None:
    payment = by_card(RAISES)
    # when a tender on the same stored method is to pay 4.00 more
    assert kinds(payment.when(more(paying(CARD, 0), paying(CARD, 400)))) == [
        IncreaseStarted.__name__,
        CardAuthorizationRequested.__name__,
    ]
    call = payment.asked(CardAuthorizationRequested)
    assert (call.amount, call.reference, call.token, call.increase) == (eur(400), "authorize-2", None, "1")
    # and the provider does
    outcome = payment.said(call, reference="authorize-2")
    assert kinds(outcome) == [CardAuthorizationRaised.__name__, PaymentIncreased.__name__]
    assert [(row.tender, row.amount) for row in answer(outcome).authorizations] == [(0, eur(0)), (1, eur(400))]
    # then both are captured of the one authorisation; of two parts at once none may be the last
    payment.captured(900).captured(500, "s2")
    taken = calls(payment, CardCaptureRequested)
    assert [(each.amount, each.final) for each in taken] == [(eur(900), False), (eur(100), False), (eur(400), False)]
    assert {each.reference for each in taken} == {"authorize-2"}


def test_any_other_is_followed_by_one_more_on_the_stored_method() -> None:
    payment = by_card()
    payment.when(more(paying(CARD, 400)))
    call = payment.asked(CardAuthorizationRequested)
    assert (call.amount, call.reference, call.token) == (eur(400), None, "pm_1")
    assert isinstance(answer(payment.said(call)), PaymentIncreased)
    # then a capture that neither covers alone draws on both, and holds nothing anew
    payment.when(capture(1_200))
    for each in calls(payment, CardCaptureRequested):
        payment.said(each)
    assert sorted(each.amount.amount for each in calls(payment, CardCaptureRequested)) == [400, 800]
    assert len(calls(payment, CardAuthorizationRequested)) == 2
    assert (payment.spec.state.captured, payment.spec.state.left) == (1_200, 200)
    # and what is left is taken of what it is secured by
    payment.captured(200, "s2")
    assert payment.asked(CardCaptureRequested).final
    assert payment.spec.state.left == 0


def test_an_account_of_one_capture_takes_of_each_once() -> None:
    payment = by_card(())
    payment.when(more(paying(CARD, 400)))
    payment.said(payment.asked(CardAuthorizationRequested))
    payment.when(capture(1_400))
    for each in calls(payment, CardCaptureRequested):
        payment.said(each)
    assert payment.spec.state.captured == 1_400
    assert len(calls(payment, CardAuthorizationRequested)) == 2


def test_a_declined_card_declines_the_increase_and_what_else_was_secured_for_it_is_let_go_of() -> None:
    payment = by_card(RAISES)
    payment.when(more(paying(CARD, 0), paying(OTHER, 100), paying(OTHER, 300)))
    first, second = calls(payment, CardAuthorizationRequested)[1:]
    payment.said(first)
    # when the second is declined
    outcome = payment.said(second, CallResult.DECLINED, reason=CardDecline.FRAUD)
    declined = answer(outcome)
    assert (declined.reason, declined.detail) == (DeclineReason.CARD_DECLINED, "fraud")
    # then the first is void, the order's own stays
    assert [each.authorization for each in calls(payment, CardVoidRequested)] == [first.authorization]
    assert payment.spec.state.left == 1_000
    # and the same again is not begun anew
    assert answer(payment.when(more(paying(CARD, 0), paying(OTHER, 100), paying(OTHER, 300)))).reason is declined.reason


def test_what_cannot_be_let_go_of_alone_is_asked_for_last() -> None:
    payment = by_card(RAISES)
    payment.when(more(paying(CARD, 200), paying(OTHER, 300)))
    [_, other] = calls(payment, CardAuthorizationRequested)
    assert other.token == "pm_9"
    assert kinds(payment.said(other)) == [CardAuthorized.__name__, CardAuthorizationRequested.__name__]
    raised = payment.asked(CardAuthorizationRequested)
    assert raised.reference == "authorize-2"
    assert isinstance(answer(payment.said(raised)), PaymentIncreased)


def test_a_soft_decline_is_tried_again_and_then_declines_it() -> None:
    payment = by_card()
    payment.when(more(paying(CARD, 400)))
    for wait in SOFT_AGAIN_AFTER:
        call = payment.asked(CardAuthorizationRequested)
        [declined] = payment.said(call, CallResult.DECLINED, reason=CardDecline.DO_NOT_HONOR, soft=True).events
        assert isinstance(declined, CardDeclined) and declined.again_at == payment.spec._now + wait
        payment.due(call)
        assert payment.asked(CardAuthorizationRequested).amount == eur(400)
    call = payment.asked(CardAuthorizationRequested)
    assert answer(payment.said(call, CallResult.DECLINED, soft=True)).reason is DeclineReason.CARD_DECLINED
    assert len({each.key for each in calls(payment, CardAuthorizationRequested)}) == 2 + len(SOFT_AGAIN_AFTER)


def declined_softly() -> tuple[Payment, Any]:
    """An authorisation of 10.00 that was to be raised by 3.00, which was declined softly."""
    payment = by_card(RAISES)
    payment.when(more(paying(CARD, 300)))
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.DECLINED, soft=True, reason=CardDecline.INSUFFICIENT_FUNDS)
    return payment, call


def test_raised_after_a_soft_decline_it_is_secured_and_is_no_surplus() -> None:
    payment, call = declined_softly()
    # when it is raised after all, before the next attempt
    assert kinds(payment.said(call)) == [CardAuthorizationRaised.__name__, PaymentIncreased.__name__]
    [row] = payment.spec.state.cards.secured.values()
    assert (row.left, row.surplus, payment.spec.state.left) == (1_300, 0, 1_300)
    # then all is captured of the one authorisation
    payment.when(capture(1_300))
    assert [each.amount for each in calls(payment, CardCaptureRequested)] == [eur(1_300)]
    assert len(calls(payment, CardAuthorizationRequested)) == 2


def test_raised_after_the_next_attempt_was_made_it_is_surplus_and_secures_nothing() -> None:
    payment, first = declined_softly()
    payment.due(first)
    second = payment.asked(CardAuthorizationRequested)
    # when the first is done after all, then the increase waits for the second
    assert kinds(payment.said(first)) == [CardAuthorizationRaised.__name__]
    assert kinds(payment.said(second)) == [CardAuthorizationRaised.__name__, PaymentIncreased.__name__]
    [row] = payment.spec.state.cards.secured.values()
    assert (row.left, row.surplus, payment.spec.state.left) == (1_300, 300, 1_300)


@pytest.mark.parametrize("capabilities", [SEVERAL, RAISES])
def test_the_payer_has_to_confirm_more_in_time_too(capabilities: tuple[Capability, ...]) -> None:
    payment = by_card(capabilities)
    payment.when(more(paying(CARD, 400)))
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.ACTION_REQUIRED, reference="pi_2", action_url="https://bank.example")
    declined = answer(payment.due(call))
    assert (declined.reason, declined.detail) == (DeclineReason.CARD_DECLINED, "authentication_failed")
    # then what waits for the payer is let go of, but not what the order was placed with
    assert bool(calls(payment, CardVoidRequested)) is (capabilities == SEVERAL)
    payment.captured(1_000)
    assert payment.spec.state.captured == 1_000


@pytest.mark.parametrize("capabilities", [SEVERAL, RAISES])
def test_what_nobody_can_tell_is_asked_after_and_counts_when_it_happened(capabilities: tuple[Capability, ...]) -> None:
    payment = by_card(capabilities)
    payment.when(more(paying(CARD, 400)))
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.UNKNOWN)
    assert kinds(payment.due(call)) == ["ProviderInquiryRequested"]
    assert payment.events[-1].call == call  # type: ignore[attr-defined]
    assert isinstance(answer(payment.said(call)), PaymentIncreased)


def test_given_up_it_is_declined_and_what_comes_later_is_let_go_of() -> None:
    payment = by_card()
    payment.when(more(paying(CARD, 400)))
    call = payment.asked(CardAuthorizationRequested)
    assert answer(payment.when(give_up(400))).reason is DeclineReason.VOIDED
    assert kinds(payment.said(call)) == [CardAuthorized.__name__, CardVoidRequested.__name__]
    assert kinds(payment.said(payment.asked(CardVoidRequested))) == [CardVoided.__name__]
    assert payment.spec.state.left == 1_000
    assert payment.when(give_up(400)).events == ()


def test_an_authorisation_that_was_raised_too_late_gives_that_back_with_its_last_capture() -> None:
    payment = by_card(RAISES)
    payment.when(more(paying(CARD, 400)))
    raised = payment.asked(CardAuthorizationRequested)
    payment.when(give_up(400))
    assert kinds(payment.said(raised)) == [CardAuthorizationRaised.__name__]
    # then no more than before can be captured, and the last capture is final
    [row] = payment.spec.state.cards.secured.values()
    assert (row.left, row.surplus) == (1_000, 400)
    payment.captured(1_000)
    assert payment.asked(CardCaptureRequested).final


def test_one_that_was_never_seen_is_declined_when_it_comes_and_one_that_is_done_stays() -> None:
    payment = by_card()
    payment.when(give_up(400))
    assert answer(payment.when(more(paying(CARD, 400)))).reason is DeclineReason.VOIDED
    payment.when(more(paying(CARD, 300), increase="2"))
    payment.said(payment.asked(CardAuthorizationRequested))
    assert payment.when(give_up(300, "2")).events == ()
    assert payment.spec.state.left == 1_300


def test_a_void_gives_up_what_is_under_way_with_the_rest() -> None:
    payment = by_card()
    payment.when(more(paying(CARD, 400)))
    call = payment.asked(CardAuthorizationRequested)
    payment.when(VOID)
    assert len(calls(payment, CardVoidRequested)) == 1
    assert kinds(payment.said(call)) == [CardAuthorized.__name__, CardVoidRequested.__name__]
    assert answer(payment.when(more(paying(CARD, 400), increase="2"))).reason is DeclineReason.VOIDED


def test_no_capture_is_final_while_an_authorisation_is_being_raised() -> None:
    payment = by_card(RAISES)
    payment.when(more(paying(CARD, 400)))
    raised = payment.asked(CardAuthorizationRequested)
    payment.captured(1_000)
    assert not payment.asked(CardCaptureRequested).final
    payment.said(raised)
    payment.captured(400, "s2")
    assert payment.asked(CardCaptureRequested).final


def test_while_one_is_under_way_there_is_no_other_and_nothing_else_by_its_name() -> None:
    payment = by_card()
    payment.when(more(paying(CARD, 400)))
    assert answer(payment.when(more(paying(CARD, 100), increase="2"))).reason is DeclineReason.CONFLICT
    assert payment.when(more(paying(CARD, 400))).events == ()
    assert answer(payment.when(more(paying(CARD, 500)))).reason is DeclineReason.CONFLICT
    assert _view(payment.spec.state)["increases"][0] == {"increase": "1", "amount": 400, "stage": "under_way"}
    assert isinstance(answer(payment.said(payment.asked(CardAuthorizationRequested))), PaymentIncreased)


def test_what_nothing_was_secured_of_before_is_secured_by_an_increase_by_card_too() -> None:
    payment = Payment(INVOICE)
    payment.spec = type(payment.spec)(payment.spec.kind, "payments")
    payment.when(more(paying(INVOICE, 0), paying(CARD, 400)))
    assert answer(payment.when(authorize(INVOICE)) and payment.said(payment.asked(CardAuthorizationRequested)))
    payment.captured(400)
    assert payment.spec.state.captured == 400


# Gift cards and store credit


def test_a_ledger_holds_more_beside_what_it_holds() -> None:
    shop = Shop()
    shop.when(authorize(CARD_OF_GIFT))
    shop.settle()
    shop.when(more(paying(CARD_OF_GIFT, 150)))
    assert isinstance(shop.events[-2], IncreaseStarted) and isinstance(shop.events[-1], StoredValueRequested)
    shop.settle()
    assert isinstance(shop.events[-1], PaymentIncreased)
    assert shop.ledgers[GIFT].state.available == 50
    # then a capture draws on both holds, and a void gives the rest of them back
    shop.when(capture(400))
    shop.settle()
    assert shop.payment.state.captured == 400
    shop.when(VOID)
    shop.settle()
    assert shop.ledgers[GIFT].state.available == 100


def test_a_ledger_that_has_not_enough_declines_the_increase_and_keeps_what_it_holds() -> None:
    shop = Shop()
    shop.when(authorize(CARD_OF_GIFT))
    shop.settle()
    shop.when(more(paying(CARD_OF_GIFT, 201)))
    shop.settle()
    [declined] = [event for event in shop.events if isinstance(event, IncreaseDeclined)]
    assert (declined.reason, declined.detail) == (DeclineReason.VALUE_REFUSED, "insufficient")
    assert shop.payment.state.left == 300
    assert shop.ledgers[GIFT].state.available == 200


def test_a_hold_for_an_increase_that_was_given_up_is_released() -> None:
    shop = Shop()
    shop.when(authorize(CARD_OF_GIFT))
    shop.settle()
    shop.when(more(paying(CARD_OF_GIFT, 100)))
    shop.when(give_up(100))
    shop.settle()
    assert shop.ledgers[GIFT].state.available == 200
    assert shop.payment.state.left == 300


# Transfers


def came(amount: int, name: str = "t1") -> RecordTransferReceived:
    return RecordTransferReceived(order_id="o1", transfer=name, amount=eur(amount))


def by_transfer() -> Payment:
    payment = Payment(TRANSFER)
    payment.when(came(1_000))
    return payment


def test_the_money_of_a_transfer_is_waited_for() -> None:
    payment = by_transfer()
    until = DAWN + timedelta(days=3)
    started, awaited = payment.when(more(paying(TRANSFER, 400), until=until)).events
    assert isinstance(started, IncreaseStarted) and isinstance(awaited, TransferAwaited)
    assert (awaited.amount, awaited.until, awaited.increase) == (eur(400), until, "1")
    [part] = payment.when(came(150, "t2")).events
    assert isinstance(part, TransferReceived) and part.missing == eur(250)
    assert _view(payment.spec.state)["transfers"]["awaited"][0]["increase"] == "1"
    outcome = payment.when(came(300, "t3"))
    assert kinds(outcome) == [TransferReceived.__name__, PaymentIncreased.__name__, TransferUnmatched.__name__]
    assert payment.spec.state.left == 1_400
    # and after a void all that came is sent back
    payment.when(VOID)
    assert payment.spec.state.transfers.unmatched == 1_450


def test_too_little_in_time_declines_it_and_is_sent_back() -> None:
    payment = by_transfer()
    due = DAWN + timedelta(days=3)
    payment.when(more(paying(TRANSFER, 0), paying(TRANSFER, 400), until=due))
    payment.when(came(150, "t2"))
    outcome = payment.keep(payment.spec.at(due).when(DeadlinePassed(name=f"{AWAITS}1/1", due=due)))
    assert answer(outcome).reason is DeclineReason.NOT_RECEIVED
    assert payment.spec.state.transfers.unmatched == 150
    assert payment.spec.state.left == 1_000


@pytest.mark.parametrize("end", [give_up(400), VOID])
def test_what_came_for_an_increase_that_was_given_up_is_sent_back(end: Any) -> None:
    payment = by_transfer()
    payment.when(more(paying(TRANSFER, 400)))
    payment.when(came(150, "t2"))
    payment.when(end)
    assert payment.spec.state.transfers.unmatched == (150 if end is not VOID else 1_150)
    assert kinds(payment.when(came(250, "t3")))[-1] == TransferUnmatched.__name__


def test_a_card_beside_a_transfer_that_is_given_up_is_let_go_of() -> None:
    payment = by_card()
    payment.when(more(paying(CARD, 0), paying(OTHER, 300), paying(TRANSFER, 100)))
    payment.said(payment.asked(CardAuthorizationRequested))
    assert kinds(payment.when(give_up(400))) == [IncreaseDeclined.__name__, CardVoidRequested.__name__]
    assert payment.spec.state.left == 1_000
