"""What a payment asks a provider for, and what it makes of what the provider says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from chassis.testing import DAWN, Outcome
from contracts.chassis import DeadlinePassed
from contracts.message import Event
from contracts.money import Tender, TenderMethod
from contracts.payments import (
    CallResult,
    Capability,
    CaptureRefusal,
    CaptureRefused,
    CaptureStarted,
    CardActionRequired,
    CardAuthorizationLapsed,
    CardAuthorizationRequested,
    CardAuthorized,
    CardCaptured,
    CardCaptureRequested,
    CardDecline,
    CardDeclined,
    CardRefunded,
    CardRefundRequested,
    CardVoided,
    CardVoidRequested,
    DeclineReason,
    DisputeLost,
    DisputeOpened,
    DisputeStage,
    DisputeWon,
    IgnoredBecause,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentPending,
    PaymentRefunded,
    PaymentStarted,
    PaymentVoided,
    ProviderCall,
    ProviderCallDelayed,
    ProviderCallPending,
    ProviderInquiryRequested,
    ProviderOutcomeIgnored,
    ProviderOutcomeResolved,
    ProviderOutcomeUnknown,
    ProviderOutcomeUnresolved,
    RecordProviderOutcome,
    RefundRefusal,
    RefundRefused,
    RefundReversed,
    RefundStarted,
    ResolutionRefusal,
    ResolutionRefused,
    ResolveProviderOutcome,
)
from services.payments.card_calls import CALL, LAPSES
from services.payments.methods import ACTION_WITHIN, ASK_AFTER, ASK_PENDING_AFTER, SOFT_AGAIN_AFTER, TRY_AGAIN_AFTER
from services.payments.tests.test_payment import COUPON, ORDER, VOID, after, authorize, capture, eur, refund

CARD = Tender(method=TenderMethod.CARD, amount=eur(1_000), rank=1, reference="pm_1", provider="sandbox")
SECOND = CARD.model_copy(update={"amount": eur(500), "reference": "pm_2", "rank": 2})
SEVERAL = (Capability.MULTI_CAPTURE,)


class Payment:
    """A payment, and what it asked a provider for last."""

    def __init__(self, *tenders: Tender) -> None:
        self.spec = after()
        self.events: list[Event] = []
        self.keep(self.spec.when(authorize(*tenders), reply_to=ORDER))

    def keep(self, outcome: Outcome) -> Outcome:
        self.events += outcome.events
        self.last = outcome
        return outcome

    def asked(self, kind: type[Any]) -> Any:
        """The last intent of a kind."""
        return [event for event in self.events if isinstance(event, kind)][-1].call

    def said(self, call: ProviderCall, result: CallResult = CallResult.DONE, **more: Any) -> Outcome:
        """The provider says so of a call."""
        if result is CallResult.DONE and "reference" not in more:
            more["reference"] = f"{call.step}-{len(self.events)}"
        named: dict[str, Any] = {
            "order_id": "o1",
            "step": call.step,
            "key": call.key,
            "authorization": call.authorization,
        }
        return self.keep(self.spec.when(RecordProviderOutcome(**named, result=result, provider="sandbox", **more)))

    def secured(self, **more: Any) -> Payment:
        """The provider secures what was asked for last."""
        self.said(self.asked(CardAuthorizationRequested), capabilities=SEVERAL, **more)
        return self

    def when(self, command: Any) -> Outcome:
        return self.keep(self.spec.when(command, reply_to=ORDER))

    def captured(self, amount: int, name: str = "s1") -> Payment:
        """So much is captured for what was fulfilled."""
        self.when(capture(amount, name))
        self.said(self.asked(CardCaptureRequested))
        return self

    def passes(self, name: str, moment: datetime) -> Outcome:
        """A deadline passes, which is told until nobody waits for it any more: once is enough."""
        self.spec.at(max(moment, self.spec._now))
        outcome = self.keep(self.spec.when(DeadlinePassed(name=name, due=moment)))
        again = self.spec.when(DeadlinePassed(name=name, due=moment))
        assert again.events == (), f"{name}, told again"
        return outcome

    def due(self, call: ProviderCall) -> Outcome:
        """What is due about a call is due."""
        moment = self.spec.state.cards.calls[call.key].due
        return self.passes(f"{CALL}{call.key}", moment)


def kinds(outcome: Outcome) -> list[str]:
    return [type(event).__name__ for event in outcome.events]


# Securing


def test_a_card_is_asked_for_once_and_the_order_hears_when_it_is_secured() -> None:
    payment = Payment(CARD, COUPON)
    assert [type(event) for event in payment.events] == [PaymentStarted, CardAuthorizationRequested]
    call = payment.asked(CardAuthorizationRequested)
    assert (call.amount, call.token, call.provider) == (eur(1_000), "pm_1", "sandbox")
    outcome = payment.said(call, expires_at=DAWN + timedelta(days=7), brand="visa", last_four="4242")
    assert kinds(outcome.answered(ORDER)) == [CardAuthorized.__name__, PaymentAuthorized.__name__]
    authorized = outcome.events[-1]
    assert isinstance(authorized, PaymentAuthorized)
    assert [(row.tender, row.method) for row in authorized.authorizations] == [(0, "card"), (1, "coupon")]


def test_asked_again_while_it_is_under_way_it_is_pending_and_with_other_tenders_a_conflict() -> None:
    payment = Payment(CARD)
    assert kinds(payment.when(authorize(CARD)).answered(ORDER)) == [PaymentPending.__name__]
    conflict = payment.when(authorize(COUPON)).events[0]
    assert isinstance(conflict, PaymentDeclined) and conflict.reason is DeclineReason.CONFLICT
    assert kinds(payment.said(payment.asked(CardAuthorizationRequested)))[-1] == PaymentAuthorized.__name__


def test_when_one_of_several_cards_is_declined_the_others_are_given_back() -> None:
    # given two cards, the second of which is secured
    payment = Payment(CARD, SECOND)
    first, second = (e.call for e in payment.events if isinstance(e, CardAuthorizationRequested))
    payment.said(second)
    # when the first is declined, then the order hears, and the second is let go of
    outcome = payment.said(first, CallResult.DECLINED, reason=CardDecline.INSUFFICIENT_FUNDS)
    assert kinds(outcome.answered(ORDER)) == [
        CardDeclined.__name__,
        PaymentDeclined.__name__,
        CardVoidRequested.__name__,
    ]
    assert payment.asked(CardVoidRequested).authorization == second.authorization
    # and another try of the order begins anew, under other keys
    payment.when(authorize(CARD, SECOND))
    assert payment.asked(CardAuthorizationRequested).key not in (first.key, second.key)
    assert payment.spec.state.round == 2


def test_what_is_secured_after_another_was_declined_is_let_go_of() -> None:
    payment = Payment(CARD, SECOND)
    first, second = (e.call for e in payment.events if isinstance(e, CardAuthorizationRequested))
    payment.said(first, CallResult.DECLINED, reason=CardDecline.FRAUD)
    assert kinds(payment.said(second)) == [CardAuthorized.__name__, CardVoidRequested.__name__]
    assert kinds(payment.said(payment.asked(CardVoidRequested))) == [CardVoided.__name__]


def test_a_soft_decline_is_tried_again_as_another_attempt_so_often() -> None:
    payment, keys = Payment(CARD), set()
    for wait in SOFT_AGAIN_AFTER:
        call = payment.asked(CardAuthorizationRequested)
        keys.add(call.key)
        [declined] = payment.said(call, CallResult.DECLINED, reason=CardDecline.DO_NOT_HONOR, soft=True).events
        assert isinstance(declined, CardDeclined) and declined.again_at == payment.spec._now + wait
        payment.due(call)
    call = payment.asked(CardAuthorizationRequested)
    assert call.key not in keys
    outcome = payment.said(call, CallResult.DECLINED, reason=CardDecline.DO_NOT_HONOR, soft=True)
    assert kinds(outcome) == [CardDeclined.__name__, PaymentDeclined.__name__]


def test_a_card_that_is_secured_after_a_soft_decline_needs_no_other_attempt() -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.DECLINED, reason=CardDecline.DO_NOT_HONOR, soft=True)
    # when the provider has it after all, before it is asked once more
    assert kinds(payment.said(call)) == [CardAuthorized.__name__, PaymentAuthorized.__name__]
    # then nothing is due any more
    assert payment.spec.state.cards.calls[call.key].due is None


def test_a_card_that_is_secured_after_another_attempt_was_made_is_let_go_of() -> None:
    payment = Payment(CARD)
    first = payment.asked(CardAuthorizationRequested)
    payment.said(first, CallResult.DECLINED, reason=CardDecline.DO_NOT_HONOR, soft=True)
    payment.due(first)
    second = payment.asked(CardAuthorizationRequested)
    assert kinds(payment.said(first)) == [CardAuthorized.__name__, CardVoidRequested.__name__]
    assert kinds(payment.said(second)) == [CardAuthorized.__name__, PaymentAuthorized.__name__]


def test_less_than_was_asked_for_after_a_soft_decline_is_a_decline_for_good() -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.DECLINED, reason=CardDecline.DO_NOT_HONOR, soft=True)
    assert kinds(payment.said(call, amount=eur(900))) == [
        CardDeclined.__name__,
        PaymentDeclined.__name__,
        CardAuthorized.__name__,
        CardVoidRequested.__name__,
    ]


def test_the_payer_has_to_confirm_in_time() -> None:
    # given a card that waits for the payer
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    [asked] = payment.said(call, CallResult.ACTION_REQUIRED, reference="pi_1", action_url="https://bank.example").events
    assert isinstance(asked, CardActionRequired) and asked.until == DAWN + ACTION_WITHIN
    assert kinds(payment.said(call, CallResult.ACTION_REQUIRED)) == [ProviderOutcomeIgnored.__name__]
    # when they never do, then it is declined
    declined, answer, _ = payment.due(call).answered(ORDER).events
    assert isinstance(declined, CardDeclined) and declined.reason is CardDecline.AUTHENTICATION_FAILED
    assert isinstance(answer, PaymentDeclined)
    assert payment.asked(CardVoidRequested).reference == "pi_1"
    # and a confirmation that comes after all is let go of
    assert kinds(payment.said(call)) == [CardAuthorized.__name__, CardVoidRequested.__name__]


def test_the_payer_confirms() -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.ACTION_REQUIRED, reference="pi_1")
    assert kinds(payment.said(call)) == [CardAuthorized.__name__, PaymentAuthorized.__name__]


def test_less_than_was_asked_for_is_as_good_as_declined() -> None:
    payment = Payment(CARD)
    outcome = payment.said(payment.asked(CardAuthorizationRequested), amount=eur(900))
    assert kinds(outcome) == [
        CardDeclined.__name__,
        PaymentDeclined.__name__,
        CardAuthorized.__name__,
        CardVoidRequested.__name__,
    ]


# Voiding


def test_what_is_secured_and_not_captured_is_let_go_of() -> None:
    payment = Payment(CARD).secured()
    assert kinds(payment.when(VOID)) == [PaymentVoided.__name__, CardVoidRequested.__name__]
    assert payment.asked(CardVoidRequested).reference == "authorize-2"


@pytest.mark.parametrize("before", [None, CallResult.UNKNOWN, CallResult.PENDING])
def test_what_turns_out_to_be_secured_after_the_void_is_let_go_of(before: CallResult | None) -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    if before is not None:
        payment.said(call, before)
    assert kinds(payment.when(VOID)) == [PaymentVoided.__name__]
    assert kinds(payment.said(call)) == [CardAuthorized.__name__, CardVoidRequested.__name__]


def test_a_void_while_the_payer_has_to_confirm_lets_go_at_once() -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.ACTION_REQUIRED, reference="pi_1")
    assert kinds(payment.when(VOID)) == [PaymentVoided.__name__, CardVoidRequested.__name__]
    assert payment.asked(CardVoidRequested).reference == "pi_1"


@pytest.mark.parametrize("result", [CallResult.TRY_AGAIN, CallResult.NEVER_SEEN])
def test_of_what_never_happened_nothing_is_let_go(result: CallResult) -> None:
    payment = Payment(CARD)
    payment.when(VOID)
    assert kinds(payment.said(payment.asked(CardAuthorizationRequested), result)) == [CardVoided.__name__]


def test_a_delayed_call_is_over_with_the_void_and_a_void_that_is_declined_is_recorded() -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.TRY_AGAIN)
    payment.when(VOID)
    assert not payment.spec.state.cards.calls[call.key].open
    other = Payment(CARD).secured()
    other.when(VOID)
    assert kinds(other.said(other.asked(CardVoidRequested), CallResult.DECLINED)) == [CardDeclined.__name__]


# Capturing


def test_a_capture_of_a_card_answers_when_the_provider_has_said_so() -> None:
    payment = Payment(CARD, COUPON).secured()
    started = payment.when(capture(500)).answered()
    assert kinds(started) == [CaptureStarted.__name__, CardCaptureRequested.__name__]
    assert kinds(payment.when(capture(500))) == []
    call = payment.asked(CardCaptureRequested)
    assert (call.amount, call.reference, call.final) == (eur(300), "authorize-2", False)
    done, answer = payment.said(call, reference="ch_1").answered(ORDER).events
    assert isinstance(done, CardCaptured) and isinstance(answer, PaymentCaptured)
    assert (answer.captured, answer.remaining) == (eur(500), eur(700))


def test_several_captures_draw_on_one_authorisation_where_it_allows_that_and_the_last_is_final() -> None:
    payment = Payment(CARD).secured().captured(400, "s1")
    payment.when(capture(600, "s2"))
    call = payment.asked(CardCaptureRequested)
    assert call.final and call.reference == "authorize-2"


def test_what_is_used_up_by_one_capture_is_secured_anew_before_the_next() -> None:
    # given an authorisation for a single capture
    payment = Payment(CARD)
    payment.said(payment.asked(CardAuthorizationRequested))
    payment.captured(400, "s1")
    # when more is captured, then that is secured on the stored method first
    assert kinds(payment.when(capture(600, "s2"))) == [CaptureStarted.__name__, CardAuthorizationRequested.__name__]
    call = payment.asked(CardAuthorizationRequested)
    assert (call.amount, call.token) == (eur(600), "pm_1")
    assert kinds(payment.said(call)) == [CardAuthorized.__name__, CardCaptureRequested.__name__]
    assert kinds(payment.said(payment.asked(CardCaptureRequested))) == [CardCaptured.__name__, PaymentCaptured.__name__]


def test_what_lapsed_is_secured_anew() -> None:
    payment = Payment(CARD).secured(expires_at=DAWN + timedelta(days=7))
    name = payment.asked(CardAuthorizationRequested).authorization
    [lapsed] = payment.passes(f"{LAPSES}{name}", DAWN + timedelta(days=7)).answered().events
    assert isinstance(lapsed, CardAuthorizationLapsed) and lapsed.amount == eur(1_000)
    assert kinds(payment.when(capture(400))) == [CaptureStarted.__name__, CardAuthorizationRequested.__name__]


def test_a_declined_capture_is_tried_on_another_authorisation_then_refused_then_tried_again_when_asked() -> None:
    payment = Payment(CARD).secured()
    payment.when(capture(400))
    outcome = payment.said(payment.asked(CardCaptureRequested), CallResult.DECLINED, reason=CardDecline.OTHER)
    # what may still be held of the first authorisation is let go of, so that the payer is not held for both
    assert kinds(outcome) == [CardDeclined.__name__, CardVoidRequested.__name__, CardAuthorizationRequested.__name__]
    assert payment.asked(CardVoidRequested).amount == eur(1_000)
    call = payment.asked(CardAuthorizationRequested)
    declined, refused = payment.said(call, CallResult.DECLINED, reason=CardDecline.EXPIRED_CARD).answered(ORDER).events
    assert isinstance(declined, CardDeclined) and isinstance(refused, CaptureRefused)
    assert (refused.reason, refused.remaining) == (CaptureRefusal.CARD_DECLINED, eur(600))
    assert kinds(payment.when(capture(400))) == [CaptureStarted.__name__, CardAuthorizationRequested.__name__]
    assert kinds(payment.when(capture(401))) == [CaptureRefused.__name__]


# Refunding


def test_a_refund_of_a_card_answers_when_the_provider_has_said_so() -> None:
    payment = Payment(CARD).secured().captured(1_000)
    started = payment.when(refund(300)).answered()
    assert kinds(started) == [RefundStarted.__name__, CardRefundRequested.__name__]
    assert kinds(payment.when(refund(300))) == []
    assert isinstance(payment.when(refund(701, "r2")).events[0], RefundRefused)
    call = payment.asked(CardRefundRequested)
    assert call.reference == payment.spec.state.cards.charges[payment.asked(CardCaptureRequested).part].reference
    done, answer = payment.said(call, reference="re_1").answered(ORDER).events
    assert isinstance(done, CardRefunded) and isinstance(answer, PaymentRefunded)
    assert [part.reference for part in answer.refunds] == ["re_1"]


def test_a_refund_in_parts_one_of_which_is_refused_says_how_far_it_went_and_goes_on_when_asked_again() -> None:
    # given two captures, and a refund out of both
    payment = Payment(CARD).secured().captured(400, "s1").captured(600, "s2")
    payment.when(refund(700))
    first, second = (e.call for e in payment.events if isinstance(e, CardRefundRequested))
    payment.said(first)
    # when the second is refused
    refused = payment.said(second, CallResult.DECLINED).answered(ORDER).events[-1]
    assert isinstance(refused, RefundRefused) and refused.reason is RefundRefusal.PROVIDER
    assert refused.refunded_part == eur(600)
    # then, asked again, only that part is tried again
    assert kinds(payment.when(refund(700))) == [RefundStarted.__name__, CardRefundRequested.__name__]
    assert payment.asked(CardRefundRequested).amount == eur(100)
    assert kinds(payment.said(payment.asked(CardRefundRequested)))[-1] == PaymentRefunded.__name__
    assert isinstance(payment.when(refund(699)).events[0], RefundRefused)


def test_a_call_of_which_nothing_happened_is_made_again_under_its_key_so_often() -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    for number, wait in enumerate(TRY_AGAIN_AFTER, 1):
        [delayed] = payment.said(call, CallResult.TRY_AGAIN).events
        assert isinstance(delayed, ProviderCallDelayed) and delayed.again_at == payment.spec._now + wait
        assert kinds(payment.said(call, CallResult.TRY_AGAIN)) == [ProviderOutcomeIgnored.__name__]
        [again] = payment.due(call).events
        assert isinstance(again, CardAuthorizationRequested)
        assert (again.call, again.tries) == (call, number + 1)
    assert kinds(payment.said(call, CallResult.TRY_AGAIN)) == [ProviderOutcomeUnresolved.__name__]


@pytest.mark.parametrize(("asked", "waits"), [(120, 120), (999_999, 3_600)])
def test_a_provider_is_left_alone_as_long_as_it_asks_within_reason(asked: int, waits: int) -> None:
    payment = Payment(CARD)
    [delayed] = payment.said(payment.asked(CardAuthorizationRequested), CallResult.TRY_AGAIN, retry_after=asked).events
    assert isinstance(delayed, ProviderCallDelayed) and delayed.again_at == DAWN + timedelta(seconds=waits)


def test_what_nobody_can_tell_is_asked_after_and_never_made_again() -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    for number, wait in enumerate(ASK_AFTER, 1):
        [unknown] = payment.said(call, CallResult.UNKNOWN).events
        assert isinstance(unknown, ProviderOutcomeUnknown) and unknown.ask_at == payment.spec._now + wait
        [asked] = payment.due(call).events
        assert isinstance(asked, ProviderInquiryRequested) and asked.inquiries == number
    [open_] = payment.said(call, CallResult.UNKNOWN).events
    assert isinstance(open_, ProviderOutcomeUnresolved) and open_.owner == "payments_desk"
    # and when it is told after all, it counts
    assert kinds(payment.said(call)) == [CardAuthorized.__name__, PaymentAuthorized.__name__]


def test_what_the_provider_never_saw_is_asked_for_again_under_the_same_key() -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.UNKNOWN)
    payment.due(call)
    assert kinds(payment.said(call, CallResult.NEVER_SEEN)) == [ProviderCallDelayed.__name__]
    [again] = payment.due(call).events
    assert isinstance(again, CardAuthorizationRequested) and again.call.key == call.key


def test_what_is_pending_is_asked_after_until_a_person_has_to_look() -> None:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    for _ in ASK_PENDING_AFTER:
        assert kinds(payment.said(call, CallResult.PENDING)) == [ProviderCallPending.__name__]
        assert kinds(payment.due(call)) == [ProviderInquiryRequested.__name__]
    assert kinds(payment.said(call, CallResult.PENDING)) == [ProviderOutcomeUnresolved.__name__]


def test_an_amount_that_differs_from_what_was_asked_for_is_for_a_person() -> None:
    payment = Payment(CARD).secured()
    payment.when(capture(400))
    assert kinds(payment.said(payment.asked(CardCaptureRequested), amount=eur(399))) == [
        ProviderOutcomeUnresolved.__name__
    ]


# Twice, late, of nothing


def test_an_outcome_that_comes_twice_or_of_nothing_we_know_changes_nothing() -> None:
    payment = Payment(CARD).secured()
    call = payment.asked(CardAuthorizationRequested)
    state = payment.spec.state
    [again] = payment.said(call).events
    [late] = payment.said(call, CallResult.DECLINED).events
    [unknown] = payment.said(call.model_copy(update={"key": "other"})).events
    why = [e.because for e in (again, late, unknown) if isinstance(e, ProviderOutcomeIgnored)]
    assert why == [IgnoredBecause.NOTHING_NEW, IgnoredBecause.SETTLED, IgnoredBecause.UNKNOWN_CALL]
    assert payment.spec.state == state


def test_money_that_moved_after_it_was_said_not_to_is_for_a_person() -> None:
    payment = Payment(CARD).secured()
    payment.when(capture(400))
    call = payment.asked(CardCaptureRequested)
    payment.said(call, CallResult.DECLINED)
    assert kinds(payment.said(call)) == [ProviderOutcomeUnresolved.__name__]


def test_what_was_taken_twice_is_not_booked_as_once() -> None:
    # given a capture that was declined and taken by another call, of which it turns out that it had happened
    payment = Payment(CARD).secured()
    payment.when(capture(1_000))
    first = payment.asked(CardCaptureRequested)
    payment.said(first, CallResult.DECLINED)
    payment.said(payment.asked(CardAuthorizationRequested))
    second = payment.asked(CardCaptureRequested)
    assert kinds(payment.said(second, reference="ch_2"))[-1] == PaymentCaptured.__name__
    assert kinds(payment.said(first, reference="ch_1")) == [ProviderOutcomeUnresolved.__name__]
    # when a person says that it happened, then they are told to undo it at the provider first
    said = ResolveProviderOutcome(order_id="o1", key=first.key, happened=True, reference="ch_1")
    [refused] = payment.when(said).events
    assert isinstance(refused, ResolutionRefused) and refused.reason is ResolutionRefusal.DONE_TWICE
    assert payment.spec.state.cards.charges[second.part].reference == "ch_2"
    # and once that is done, that it did not happen: nothing is open, and one charge stands
    assert kinds(payment.when(said.model_copy(update={"happened": False})))[-1] == CardDeclined.__name__
    assert payment.spec.state.captured == 1_000


def test_a_void_that_happened_after_it_was_declined_is_recorded() -> None:
    payment = Payment(CARD).secured()
    payment.when(VOID)
    call = payment.asked(CardVoidRequested)
    payment.said(call, CallResult.DECLINED)
    assert kinds(payment.said(call)) == [CardVoided.__name__]


# A person


def _unresolved() -> tuple[Payment, ProviderCall]:
    payment = Payment(CARD)
    call = payment.asked(CardAuthorizationRequested)
    for _ in ASK_AFTER:
        payment.said(call, CallResult.UNKNOWN)
        payment.due(call)
    payment.said(call, CallResult.UNKNOWN)
    return payment, call


def test_a_person_says_that_it_happened() -> None:
    payment, call = _unresolved()
    found = ResolveProviderOutcome(order_id="o1", key=call.key, happened=True, reference="pi_9")
    assert kinds(payment.when(found)) == [
        ProviderOutcomeResolved.__name__,
        CardAuthorized.__name__,
        PaymentAuthorized.__name__,
    ]
    [refused] = payment.when(found).events
    assert isinstance(refused, ResolutionRefused) and refused.reason is ResolutionRefusal.SETTLED


def test_a_person_says_that_it_did_not_happen() -> None:
    payment, call = _unresolved()
    never = ResolveProviderOutcome(order_id="o1", key=call.key, happened=False)
    assert kinds(payment.when(never)) == [
        ProviderOutcomeResolved.__name__,
        CardDeclined.__name__,
        PaymentDeclined.__name__,
    ]


@pytest.mark.parametrize(
    ("key", "reason"), [("other", ResolutionRefusal.UNKNOWN_CALL), (None, ResolutionRefusal.REFERENCE_MISSING)]
)
def test_a_word_that_helps_nobody_is_refused(key: str | None, reason: ResolutionRefusal) -> None:
    payment, call = _unresolved()
    [refused] = payment.when(ResolveProviderOutcome(order_id="o1", key=key or call.key, happened=True)).events
    assert isinstance(refused, ResolutionRefused) and refused.reason is reason


# Disputes


@pytest.mark.parametrize(("stage", "kind"), [(DisputeStage.WON, DisputeWon), (DisputeStage.LOST, DisputeLost)])
def test_a_dispute_is_opened_once_and_ends_once(stage: DisputeStage, kind: type[Event]) -> None:
    payment = Payment(CARD).secured().captured(1_000)
    call = payment.asked(CardCaptureRequested)
    [opened] = payment.said(call, amount=eur(1_000), dispute=DisputeStage.OPENED).events
    assert isinstance(opened, DisputeOpened) and opened.capture == call.part
    assert kinds(payment.said(call, dispute=DisputeStage.OPENED)) == [ProviderOutcomeIgnored.__name__]
    assert kinds(payment.said(call, dispute=stage)) == [kind.__name__]
    assert kinds(payment.said(call, dispute=DisputeStage.OPENED)) == [ProviderOutcomeIgnored.__name__]


def test_a_dispute_of_nothing_we_took_is_ignored() -> None:
    payment = Payment(CARD).secured()
    outcome = payment.said(payment.asked(CardAuthorizationRequested), dispute=DisputeStage.OPENED, reference="ch_x")
    assert kinds(outcome) == [ProviderOutcomeIgnored.__name__]


def test_a_deadline_that_nobody_waits_for_changes_nothing() -> None:
    payment = Payment(CARD).secured()
    call = payment.asked(CardAuthorizationRequested)
    payment.passes(f"{CALL}{call.key}", DAWN + timedelta(hours=1)).then_nothing()


# What a provider is asked, and by which name


def test_what_became_of_a_call_is_asked_as_it_was_made() -> None:
    # given a refund that the provider has taken and not yet done, by a name of its own
    payment = Payment(CARD).secured().captured(1_000)
    payment.when(refund(300))
    call = payment.asked(CardRefundRequested)
    payment.said(call, CallResult.PENDING, reference="re_1")
    # when it is asked after, then by the charge that it was asked of: the port finds it by that and the key
    payment.due(call)
    assert payment.asked(ProviderInquiryRequested) == call


def test_what_a_person_found_out_is_captured_at_the_provider_that_was_asked() -> None:
    # given a card that names no provider, of which nobody can tell
    payment = Payment(CARD.model_copy(update={"provider": None}))
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, CallResult.UNKNOWN)
    # when a person says that it is held, then it is captured there
    payment.when(ResolveProviderOutcome(order_id="o1", key=call.key, happened=True, reference="pi_9"))
    payment.when(capture(400))
    taken = payment.asked(CardCaptureRequested)
    assert taken.provider == "sandbox"
    # and once, as nobody knows whether it serves several captures: the provider is told that it may let go of the rest
    assert taken.final
    payment.said(taken)
    payment.when(capture(600, "s2"))
    assert payment.asked(CardAuthorizationRequested).amount == eur(600)


def test_what_is_still_being_captured_keeps_its_authorisation() -> None:
    # given an authorisation for several captures, of which one could not be asked for yet
    payment = Payment(CARD).secured()
    payment.when(capture(400, "s1"))
    payment.said(payment.asked(CardCaptureRequested), CallResult.TRY_AGAIN)
    # when all the rest is captured, then that is not final there: the first would be declined
    payment.when(capture(600, "s2"))
    assert not payment.asked(CardCaptureRequested).final


def test_the_rest_of_an_authorisation_is_let_go_of_once_nothing_is_being_captured_of_it() -> None:
    payment = Payment(CARD).secured()
    payment.when(capture(400, "s1"))
    first = payment.asked(CardCaptureRequested)
    payment.said(first, CallResult.TRY_AGAIN)
    # when nobody wants the rest, then the capture comes first
    assert kinds(payment.when(VOID)) == [PaymentVoided.__name__]
    payment.due(first)
    assert kinds(payment.said(first)) == [CardCaptured.__name__, CardVoidRequested.__name__, PaymentCaptured.__name__]


def test_of_what_could_not_be_given_back_another_refund_may_be_made() -> None:
    # given a refund that the provider refuses, which nobody tries again
    payment = Payment(CARD).secured().captured(1_000)
    payment.when(refund(800))
    payment.said(payment.asked(CardRefundRequested), CallResult.DECLINED)
    # when another is granted instead, then it goes back
    assert kinds(payment.when(refund(1_000, "r2"))) == [RefundStarted.__name__, CardRefundRequested.__name__]
    payment.said(payment.asked(CardRefundRequested))
    # and the first is refused for good
    [late] = payment.when(refund(800)).events
    assert isinstance(late, RefundRefused) and late.reason is RefundRefusal.ABOVE_CAPTURED


def test_a_refused_refund_that_is_tried_again_is_set_aside_again() -> None:
    payment = Payment(CARD).secured().captured(1_000)
    payment.when(refund(800))
    payment.said(payment.asked(CardRefundRequested), CallResult.DECLINED)
    assert kinds(payment.when(refund(800))) == [RefundStarted.__name__, CardRefundRequested.__name__]
    assert isinstance(payment.when(refund(300, "r2")).events[0], RefundRefused)
    assert kinds(payment.said(payment.asked(CardRefundRequested)))[-1] == PaymentRefunded.__name__


# What goes back, and is taken back


def refunded_by_card(amount: int = 1_000) -> Payment:
    payment = Payment(CARD).secured().captured(1_000)
    payment.when(refund(amount))
    payment.said(payment.asked(CardRefundRequested))
    assert payment.spec.state.refunded == amount
    return payment


def test_a_refund_that_the_provider_takes_back_is_owed_again_and_paid_once_more_when_asked_for() -> None:
    payment = refunded_by_card()
    first = payment.asked(CardRefundRequested)
    # when the provider says that it failed after all, also twice
    outcome = payment.said(first, CallResult.DECLINED, code="account_closed").answered(ORDER)
    assert kinds(outcome) == [RefundReversed.__name__]
    event = outcome.events[0]
    assert isinstance(event, RefundReversed)
    assert (event.reversed.amount, event.refunds, event.refunded) == (eur(1_000), (), eur(0))
    assert kinds(payment.said(first, CallResult.DECLINED)) == [ProviderOutcomeIgnored.__name__]
    assert payment.spec.state.refunded == 0
    # then nothing is asked of it by itself, and asked for again it is another call
    assert kinds(payment.when(refund(1_000))) == [RefundStarted.__name__, CardRefundRequested.__name__]
    second = payment.asked(CardRefundRequested)
    assert second.key != first.key
    assert kinds(payment.said(second).answered(ORDER)) == [CardRefunded.__name__, PaymentRefunded.__name__]
    assert payment.spec.state.refunded == 1_000


def test_an_older_word_that_a_refund_was_made_comes_to_nothing_once_it_was_taken_back() -> None:
    # given a refund that the provider took back
    payment = refunded_by_card()
    first = payment.asked(CardRefundRequested)
    payment.said(first, CallResult.DECLINED)
    # when its notice that it was made arrives after that
    [ignored] = payment.said(first).events
    assert isinstance(ignored, ProviderOutcomeIgnored) and ignored.because is IgnoredBecause.SETTLED
    # then it can be tried again all the same
    assert kinds(payment.when(refund(1_000))) == [RefundStarted.__name__, CardRefundRequested.__name__]
    assert kinds(payment.said(payment.asked(CardRefundRequested)))[-1] == PaymentRefunded.__name__
    assert payment.spec.state.refunded == 1_000


def test_what_was_taken_back_others_may_give_back_meanwhile_but_nobody_twice() -> None:
    payment = refunded_by_card()
    payment.said(payment.asked(CardRefundRequested), CallResult.DECLINED)
    payment.when(refund(600, "r2"))
    payment.said(payment.asked(CardRefundRequested))
    [refused] = payment.when(refund(1_000)).events
    assert isinstance(refused, RefundRefused) and refused.reason is RefundRefusal.ABOVE_CAPTURED
    assert payment.spec.state.refunded == 600


def test_a_part_that_is_taken_back_while_others_are_under_way_refuses_the_refund() -> None:
    payment = Payment(CARD, SECOND)
    for each in [event.call for event in payment.events if isinstance(event, CardAuthorizationRequested)]:
        payment.said(each, capabilities=SEVERAL)
    payment.when(capture(1_500))
    for each in [event.call for event in payment.events if isinstance(event, CardCaptureRequested)]:
        payment.said(each)
    payment.when(refund(1_500))
    one, two = (event.call for event in payment.events if isinstance(event, CardRefundRequested))
    payment.said(one)
    # when the part that was back is taken back, then the order hears of a refusal, once
    outcome = payment.said(one, CallResult.DECLINED).answered(ORDER)
    assert kinds(outcome) == [RefundReversed.__name__, RefundRefused.__name__]
    refused = outcome.events[1]
    assert isinstance(refused, RefundRefused) and refused.refunded_part == eur(0)
    # and the other, which is done meanwhile, is not asked for twice
    payment.said(two)
    assert kinds(payment.when(refund(1_500))) == [RefundStarted.__name__, CardRefundRequested.__name__]
    assert payment.asked(CardRefundRequested).amount == one.amount
    assert kinds(payment.said(payment.asked(CardRefundRequested)))[-1] == PaymentRefunded.__name__
    # and one that was refused may lose a part too
    [lost] = payment.said(two, CallResult.DECLINED).events
    assert isinstance(lost, RefundReversed) and [part.amount for part in lost.refunds] == [one.amount]
    [also] = payment.said(payment.asked(CardRefundRequested), CallResult.DECLINED).events
    assert isinstance(also, RefundReversed) and also.refunds == ()
    assert [row.refunded for row in payment.spec.state.taken] == [0, 0]


@pytest.mark.parametrize(("before", "left"), [(0, 400), (300, 400)])
def test_what_is_lost_in_a_dispute_can_go_back_no_more(before: int, left: int) -> None:
    # given a charge of 10.00, of which something went back, and 6.00 are lost in a dispute
    payment = Payment(CARD).secured().captured(1_000)
    call = payment.asked(CardCaptureRequested)
    if before:
        payment.when(refund(before, "r0"))
        payment.said(payment.asked(CardRefundRequested))
    payment.said(call, amount=eur(600), dispute=DisputeStage.LOST)
    left -= before
    # then more than what is left is refused by name
    [refused] = payment.when(refund(left + 1)).events
    assert isinstance(refused, RefundRefused) and refused.reason is RefundRefusal.CHARGED_BACK
    # and what is left goes back
    payment.when(refund(left, "r2"))
    payment.said(payment.asked(CardRefundRequested))
    assert payment.spec.state.refunded == before + left
    [above] = payment.when(refund(1_001, "r3")).events
    assert isinstance(above, RefundRefused) and above.reason is RefundRefusal.ABOVE_CAPTURED


@pytest.mark.parametrize("taken_back", [False, True], ids=["declined", "taken back"])
def test_what_a_refund_under_way_takes_of_a_lost_charge_is_not_free_when_it_comes_to_nothing(taken_back: bool) -> None:
    # given a charge of 10.00, of which 6.00 are to go back or went back, and all of it is lost in a dispute
    payment = Payment(CARD).secured().captured(1_000)
    charge = payment.asked(CardCaptureRequested)
    payment.when(refund(600))
    back = payment.asked(CardRefundRequested)
    if taken_back:
        payment.said(back)
    payment.said(charge, amount=eur(1_000), dispute=DisputeStage.LOST)
    # when the refund does not happen after all
    payment.said(back, CallResult.DECLINED)
    # then the payer has it from the bank, and nothing goes back a second time
    [refused] = payment.when(refund(600, "r2")).events
    assert isinstance(refused, RefundRefused) and refused.reason is RefundRefusal.CHARGED_BACK
    [again] = payment.when(refund(600)).events
    assert isinstance(again, RefundRefused) and again.reason is RefundRefusal.ABOVE_CAPTURED


@pytest.mark.parametrize(("lost", "left"), [(1_000, 0), (700, 300), (300, 700)])
def test_a_dispute_of_a_charge_falls_on_all_captures_of_it(lost: int, left: int) -> None:
    # given two captures that are one charge at the provider, and one that is another
    payment = Payment(CARD.model_copy(update={"amount": eur(1_500)})).secured()
    for name, amount, charge in (("s1", 400, "ch_1"), ("s2", 600, "ch_1"), ("s3", 500, "ch_2")):
        payment.when(capture(amount, name))
        payment.said(payment.asked(CardCaptureRequested), reference=charge)
    # when so much of the charge is lost
    call = payment.asked(CardAuthorizationRequested)
    payment.said(call, reference="ch_1", amount=eur(lost), dispute=DisputeStage.LOST)
    # then so much less can go back, of whichever capture
    [refused] = payment.when(refund(501 + left)).events
    assert isinstance(refused, RefundRefused) and refused.reason is RefundRefusal.CHARGED_BACK
    [started, *_] = payment.when(refund(500 + left, "r2")).events
    assert isinstance(started, RefundStarted)


def test_a_dispute_falls_first_on_what_nothing_goes_back_of() -> None:
    # given two captures of one charge, the last of which is to go back
    payment = Payment(CARD).secured()
    for name, amount in (("s1", 400), ("s2", 600)):
        payment.when(capture(amount, name))
        payment.said(payment.asked(CardCaptureRequested), reference="ch_1")
    payment.when(refund(600))
    back = payment.asked(CardRefundRequested)
    # when 4.00 of the charge are lost, which is what was not to go back
    payment.said(payment.asked(CardCaptureRequested), reference="ch_1", amount=eur(400), dispute=DisputeStage.LOST)
    assert [(row.lost, row.left) for row in payment.spec.state.taken] == [(400, 0), (0, 0)]
    # then the refund that is declined may be made once more
    payment.said(back, CallResult.DECLINED)
    assert kinds(payment.when(refund(600))) == [RefundStarted.__name__, CardRefundRequested.__name__]


def test_a_dispute_that_was_won_takes_nothing() -> None:
    payment = Payment(CARD).secured().captured(1_000)
    payment.said(payment.asked(CardCaptureRequested), dispute=DisputeStage.WON)
    assert kinds(payment.when(refund(1_000))) == [RefundStarted.__name__, CardRefundRequested.__name__]
