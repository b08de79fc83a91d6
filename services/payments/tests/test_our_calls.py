"""The calls that our events tell of, as they are compared with a provider's books."""

from __future__ import annotations

from datetime import date, timedelta

from chassis.testing import DAWN
from contracts.money import DecimalText
from contracts.payments import (
    CallResult,
    CallStep,
    CardAuthorizationRequested,
    CardCaptureRequested,
    CardDecline,
    CardRefundRequested,
    CardVoidRequested,
    DisputeStage,
    RecordProviderOutcome,
    Settled,
)
from services.payments.our_calls import OurCalls
from services.payments.provider_ledger import EntryKind
from services.payments.reconciling import OurCall, Stage
from services.payments.tests.test_cards import CARD, Payment
from services.payments.tests.test_payment import VOID, capture, eur, refund

DAY = date(2026, 11, 26)
RATE: DecimalText = "1"


def told(payment: Payment, provider: str = "sandbox") -> dict[EntryKind, OurCall]:
    """The last call of each kind, as all events of the payment tell it."""
    calls = OurCalls("sandbox")
    for event in payment.events:
        calls.apply(event, DAY)
    return {call.kind: call for call in calls.of(provider)}


def test_a_call_is_open_until_its_outcome_is_known() -> None:
    payment = Payment(CARD)
    call = told(payment)[EntryKind.AUTHORIZATION]
    assert (call.stage, call.amount, call.ended) == (Stage.OPEN, eur(1_000), None)
    payment.said(payment.asked(CardAuthorizationRequested), CallResult.UNKNOWN)
    assert told(payment)[EntryKind.AUTHORIZATION].stage is Stage.OPEN


def test_what_was_done_is_told_with_the_providers_name_and_what_it_settles_at() -> None:
    payment = Payment(CARD).secured()
    payment.when(capture(400, "s1"))
    settled = Settled(amount=eur(400), rate=RATE, source="same currency", fee=eur(30))
    payment.said(payment.asked(CardCaptureRequested), reference="ch_1", settlement=settled)
    charge = told(payment)[EntryKind.CHARGE]
    assert (charge.stage, charge.reference, charge.settled, charge.fee) == (Stage.DONE, "ch_1", eur(400), eur(30))
    assert told(payment)[EntryKind.AUTHORIZATION].stage is Stage.DONE
    assert told(payment, "stripe") == {}


def test_a_refund_is_told_once_it_is_paid() -> None:
    payment = Payment(CARD).secured().captured(400)
    payment.when(refund(300))
    assert told(payment)[EntryKind.REFUND].stage is Stage.OPEN
    payment.said(payment.asked(CardRefundRequested), reference="rf_1")
    back = told(payment)[EntryKind.REFUND]
    assert (back.stage, back.amount, back.reference) == (Stage.DONE, eur(300), "rf_1")


def test_what_was_refused_let_go_or_lapsed_holds_nothing() -> None:
    refused = Payment(CARD)
    refused.said(refused.asked(CardAuthorizationRequested), CallResult.DECLINED, reason=CardDecline.EXPIRED_CARD)
    assert told(refused)[EntryKind.AUTHORIZATION].stage is Stage.DECLINED

    let_go = Payment(CARD).secured()
    let_go.when(VOID)
    let_go.said(let_go.asked(CardVoidRequested))
    assert told(let_go)[EntryKind.AUTHORIZATION].stage is Stage.GIVEN_BACK

    lapsed = Payment(CARD).secured(expires_at=DAWN + timedelta(days=7))
    lapsed.passes(f"card_lapses/{lapsed.asked(CardAuthorizationRequested).authorization}", DAWN + timedelta(days=7))
    assert told(lapsed)[EntryKind.AUTHORIZATION].stage is Stage.GIVEN_BACK


def test_a_dispute_is_told_with_its_charge() -> None:
    payment = Payment(CARD).secured().captured(400)
    call = payment.asked(CardCaptureRequested)
    for stage in (DisputeStage.OPENED, DisputeStage.WON):
        payment.when(
            RecordProviderOutcome(
                order_id="o1",
                step=CallStep.CAPTURE,
                key=call.key,
                authorization=call.authorization,
                result=CallResult.DONE,
                provider="sandbox",
                amount=eur(400),
                notice=f"ev_{stage}",
                dispute=stage,
            )
        )
    charge = told(payment)[EntryKind.CHARGE]
    assert (charge.disputed, charge.won, charge.stage) == (DAY, DAY, Stage.DONE)
