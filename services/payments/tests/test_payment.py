"""What a payment does with every message it takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.testing import DAWN, Outcome, Spec
from contracts.chassis import DeadlinePassed
from contracts.message import Command
from contracts.money import ExternalState, Money, RefundExecutor, Tender, TenderMethod
from contracts.payments import (
    AuthorizationExpired,
    AuthorizePayment,
    CaptureLine,
    CapturePayment,
    CaptureRefusal,
    CaptureRefused,
    CaptureRepeated,
    DeclineReason,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentRepeated,
    PaymentVoided,
    RefundPayment,
    RefundRefusal,
    RefundRefused,
    RefundRepeated,
    VoidPayment,
)
from services.payments.api import _view
from services.payments.payment import PAYMENT
from services.payments.payment_state import EXPIRY

ORDER = "order:order/o1"
LAPSES = DAWN + timedelta(days=7)


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


INVOICE = Tender(method=TenderMethod.INVOICE, amount=eur(1_000), rank=1)
COUPON = Tender(method=TenderMethod.COUPON, amount=eur(200), rank=0, reference="coupon-7")
EXTERNAL = Tender(method=TenderMethod.EXTERNAL, amount=eur(1_000), reference="mp-1", expires_at=LAPSES)


def authorize(*tenders: Tender) -> AuthorizePayment:
    return AuthorizePayment(order_id="o1", amount=eur(sum(tender.amount.amount for tender in tenders)), tenders=tenders)


def capture(amount: int, fulfillment: str = "s1") -> CapturePayment:
    line = CaptureLine(line="1", from_unit=0, to_unit=1, amount=eur(amount))
    return CapturePayment(order_id="o1", fulfillment=fulfillment, amount=eur(amount), lines=(line,))


def refund(amount: int, name: str = "r1") -> RefundPayment:
    line = CaptureLine(line="1", from_unit=0, to_unit=1, amount=eur(amount))
    return RefundPayment(order_id="o1", refund=name, amount=eur(amount), lines=(line,), cause="returned")


VOID = VoidPayment(order_id="o1", cause="cancelled")


def after(*commands: Command) -> Spec:
    spec = Spec(PAYMENT, "payments")
    for command in commands:
        spec.when(command, reply_to=ORDER)
    return spec


def event_of(outcome: Outcome) -> Any:
    (event,) = outcome.events
    return event


# Authorising


def test_every_tender_is_authorised_and_keeps_its_reference() -> None:
    authorized = event_of(after().when(authorize(INVOICE, COUPON), reply_to=ORDER).answered(ORDER))
    assert isinstance(authorized, PaymentAuthorized)
    rows = [(row.tender, row.method, row.amount, row.reference) for row in authorized.authorizations]
    assert rows == [(0, "invoice", eur(1_000), None), (1, "coupon", eur(200), "coupon-7")]
    assert len({row.authorization for row in authorized.authorizations}) == 2


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        ((), authorize(INVOICE).model_copy(update={"amount": eur(999)}), DeclineReason.DOES_NOT_ADD_UP),
        ((), authorize(INVOICE).model_copy(update={"amount": Money(amount=1_000, currency="USD")}), DeclineReason.MIXED_CURRENCIES),
        ((), authorize(Tender(method=TenderMethod.CARD, amount=eur(5))), DeclineReason.UNSUPPORTED_METHOD),
        ((authorize(INVOICE),), authorize(COUPON), DeclineReason.CONFLICT),
        ((VOID,), authorize(INVOICE), DeclineReason.VOIDED),
        ((authorize(INVOICE), VOID), authorize(INVOICE), DeclineReason.VOIDED),
    ],
)  # fmt: skip
def test_what_cannot_be_authorised_is_declined_by_name(
    before: tuple[Command, ...], command: Command, reason: DeclineReason
) -> None:
    declined = event_of(after(*before).when(command, reply_to=ORDER).answered(ORDER))
    assert isinstance(declined, PaymentDeclined) and declined.reason is reason


def test_the_same_authorisation_again_says_what_is_authorised() -> None:
    spec = after(authorize(INVOICE))
    repeated = event_of(spec.when(authorize(INVOICE), reply_to=ORDER).answered(ORDER))
    assert isinstance(repeated, PaymentRepeated) and repeated.amount == eur(1_000)


def test_what_the_channel_authorised_lapses_and_the_order_hears_of_it() -> None:
    spec = after(authorize(EXTERNAL, COUPON), capture(300))
    due = DeadlinePassed(name=f"{EXPIRY}0", due=LAPSES)
    expired = event_of(spec.at(LAPSES).when(due).answered(ORDER))
    assert isinstance(expired, AuthorizationExpired) and expired.amount == eur(700)
    spec.when(due).then_nothing()
    refused = event_of(spec.when(capture(201, "s2"), reply_to=ORDER))
    assert refused.reason is CaptureRefusal.ABOVE_AUTHORIZED


@pytest.mark.parametrize(("before", "amount"), [((), 1_000), ((capture(300),), 700)])
def test_what_lapses_is_what_was_not_captured(before: tuple[Command, ...], amount: int) -> None:
    # given one tender that the channel had authorised, captured in part or not at all
    spec = after(authorize(EXTERNAL), *before)
    # when its time is over
    expired = event_of(spec.at(LAPSES).when(DeadlinePassed(name=f"{EXPIRY}0", due=LAPSES)))
    # then the rest is gone, and not a cent can be captured any more
    assert isinstance(expired, AuthorizationExpired) and expired.amount == eur(amount)
    refused = event_of(spec.when(capture(1, "s2"), reply_to=ORDER))
    assert refused.reason is CaptureRefusal.ABOVE_AUTHORIZED


@pytest.mark.parametrize("then", [VOID, capture(1_000)])
def test_what_is_used_up_or_voided_no_longer_lapses(then: Command) -> None:
    spec = after(authorize(EXTERNAL), then)
    spec.at(LAPSES).when(DeadlinePassed(name=f"{EXPIRY}0", due=LAPSES)).then_nothing()


def test_what_the_channel_has_captured_never_lapses() -> None:
    captured = EXTERNAL.model_copy(update={"external_state": ExternalState.CAPTURED})
    spec = after(authorize(captured))
    spec.at(LAPSES).when(DeadlinePassed(name=f"{EXPIRY}0", due=LAPSES)).then_nothing()


# Capturing


def test_a_capture_draws_on_tenders_by_rank_and_names_the_fulfilment_its_lines_and_tenders() -> None:
    captured = event_of(after(authorize(INVOICE, COUPON)).when(capture(500), reply_to=ORDER).answered(ORDER))
    assert isinstance(captured, PaymentCaptured)
    assert [(row.tender, row.amount) for row in captured.captures] == [(1, eur(200)), (0, eur(300))]
    assert (captured.fulfillment, captured.lines, captured.remaining) == ("s1", capture(500).lines, eur(700))


def test_partial_captures_sum_to_what_is_authorised() -> None:
    spec = after(authorize(INVOICE), capture(333, "s1"), capture(333, "s2"))
    last = event_of(spec.when(capture(334, "s3"), reply_to=ORDER))
    assert (last.captured, last.remaining) == (eur(1_000), eur(0))


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        ((authorize(INVOICE),), capture(1_001), CaptureRefusal.ABOVE_AUTHORIZED),
        ((authorize(INVOICE), capture(600)), capture(401, "s2"), CaptureRefusal.ABOVE_AUTHORIZED),
        ((authorize(INVOICE),), capture(-1), CaptureRefusal.ABOVE_AUTHORIZED),
        ((authorize(INVOICE), capture(600)), capture(601), CaptureRefusal.CONFLICT),
        ((), capture(1), CaptureRefusal.NOT_AUTHORIZED),
        ((authorize(INVOICE), VOID), capture(1), CaptureRefusal.VOIDED),
        ((authorize(INVOICE),), CapturePayment(order_id="o1", fulfillment="s1", amount=Money(amount=1, currency="USD")),
         CaptureRefusal.WRONG_CURRENCY),
    ],
)  # fmt: skip
def test_what_cannot_be_captured_is_refused_by_name(
    before: tuple[Command, ...], command: Command, reason: CaptureRefusal
) -> None:
    refused = event_of(after(*before).when(command, reply_to=ORDER).answered(ORDER))
    assert isinstance(refused, CaptureRefused) and refused.reason is reason


def test_the_same_capture_again_takes_nothing() -> None:
    spec = after(authorize(INVOICE), capture(600))
    repeated = event_of(spec.when(capture(600), reply_to=ORDER).answered(ORDER))
    assert isinstance(repeated, CaptureRepeated)
    assert spec.state.captured == 600


# Refunding


def test_a_refund_goes_back_to_the_tenders_that_were_used_last_and_names_the_captures_it_comes_out_of() -> None:
    # given a coupon used up by the first capture, an invoice that paid the rest of it and all of the second
    spec = after(authorize(INVOICE, COUPON), capture(500, "s1"), capture(300, "s2"))
    # when more goes back than the invoice paid
    refunded = event_of(spec.when(refund(700), reply_to=ORDER).answered(ORDER))
    # then it gets all of its own first, its last capture before the one before
    assert isinstance(refunded, PaymentRefunded)
    assert [(part.tender, part.amount.amount) for part in refunded.refunds] == [(0, 300), (0, 300), (1, 100)]
    assert (refunded.refunded, refunded.captured, refunded.lines) == (eur(700), eur(800), refund(700).lines)
    assert len({part.refund for part in refunded.refunds}) == 3


def test_refunds_in_parts_sum_to_what_was_captured() -> None:
    spec = after(authorize(INVOICE), capture(1_000), refund(333, "r1"), refund(333, "r2"))
    last = event_of(spec.when(refund(334, "r3"), reply_to=ORDER))
    assert last.refunded == last.captured == eur(1_000)


def test_what_the_channel_took_the_channel_gives_back_and_a_refund_outlives_the_void_of_the_rest() -> None:
    theirs = EXTERNAL.model_copy(update={"refunds_by": RefundExecutor.CHANNEL})
    refunded = event_of(after(authorize(theirs), capture(400), VOID).when(refund(400), reply_to=ORDER))
    [part] = refunded.refunds
    assert (part.executor, part.reference) == (RefundExecutor.CHANNEL, "mp-1")


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        ((), refund(1), RefundRefusal.NOT_CAPTURED),
        ((authorize(INVOICE),), refund(1), RefundRefusal.NOT_CAPTURED),
        ((authorize(INVOICE), capture(600)), refund(601), RefundRefusal.ABOVE_CAPTURED),
        ((authorize(INVOICE), capture(600), refund(400)), refund(201, "r2"), RefundRefusal.ABOVE_CAPTURED),
        ((authorize(INVOICE), capture(600)), refund(0), RefundRefusal.NO_AMOUNT),
        ((authorize(INVOICE), capture(600), refund(400)), refund(200), RefundRefusal.CONFLICT),
        ((authorize(INVOICE), capture(600)),
         RefundPayment(order_id="o1", refund="r1", amount=Money(amount=1, currency="USD")), RefundRefusal.WRONG_CURRENCY),
    ],
)  # fmt: skip
def test_what_cannot_be_refunded_is_refused_by_name(
    before: tuple[Command, ...], command: Command, reason: RefundRefusal
) -> None:
    refused = event_of(after(*before).when(command, reply_to=ORDER).answered(ORDER))
    assert isinstance(refused, RefundRefused) and refused.reason is reason


def test_the_same_refund_again_gives_nothing_back() -> None:
    spec = after(authorize(INVOICE), capture(600), refund(400))
    repeated = event_of(spec.when(refund(400), reply_to=ORDER).answered(ORDER))
    assert isinstance(repeated, RefundRepeated)
    assert spec.state.refunded == 400


# Voiding


@pytest.mark.parametrize(
    ("before", "amount", "captured"),
    [
        ((authorize(INVOICE),), eur(1_000), eur(0)),
        ((authorize(INVOICE), capture(600)), eur(400), eur(600)),
        ((authorize(INVOICE), VOID), eur(0), eur(0)),
    ],
)
def test_a_void_gives_back_what_is_not_captured(before: tuple[Command, ...], amount: Money, captured: Money) -> None:
    voided = event_of(after(*before).when(VOID, reply_to=ORDER).answered(ORDER))
    assert isinstance(voided, PaymentVoided)
    assert (voided.seen, voided.amount, voided.captured) == (True, amount, captured)


def test_a_payment_never_seen_is_voided_beforehand() -> None:
    voided = event_of(after().when(VOID, reply_to=ORDER).answered(ORDER))
    assert isinstance(voided, PaymentVoided)
    assert (voided.seen, voided.amount) == (False, None)


# Shown


def test_a_payment_is_shown_by_tender_and_by_fulfilment() -> None:
    shown = _view(after(authorize(EXTERNAL, COUPON), capture(500, "s1"), refund(50)).state)
    assert (shown["refunded"], shown["refunds"]) == (50, [{"refund": "r1", "amount": 50}])
    assert shown["captures"] == [{"fulfillment": "s1", "sequence": 0, "amount": 500}]
    assert [(row["method"], row["authorized"], row["remaining"]) for row in shown["tenders"]] == [
        ("external", 1_000, 500),
        ("coupon", 200, 200),
    ]
