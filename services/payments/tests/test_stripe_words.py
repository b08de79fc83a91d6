"""Amounts and refusals as Stripe says them, and notices that only it can have sent."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import Money
from contracts.payments import CardDecline
from services.payments.provider import CallStep, NoticeRefused, Result
from services.payments.providers.stripe_notices import StripeNotices
from services.payments.providers.stripe_words import AmountRefused, amount_there, decline, money_here

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECRET = "whsec_1"
WORDS = {"order_id": "o", "tenant": "t", "authorization": "a", "key": "k"}


@pytest.mark.parametrize(
    ("amount", "currency", "there"),
    [
        (1050, "EUR", 1050),
        (1050, "JPY", 1050),
        (1050, "ISK", 105000),
        (1050, "UGX", 105000),
        (105000, "MGA", 1050),
        (10500, "KWD", 10500),
    ],
)
def test_an_amount_is_told_as_stripe_counts_it(amount: int, currency: str, there: int) -> None:
    money = Money(amount=amount, currency=currency)
    assert amount_there(money) == there
    assert money_here(there, currency.lower()) == money


@pytest.mark.parametrize(("amount", "currency"), [(1055, "MGA"), (10501, "KWD")])
def test_an_amount_that_stripe_cannot_be_told_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(AmountRefused, match=currency):
        amount_there(Money(amount=amount, currency=currency))


@given(st.integers(0, 10**12), st.sampled_from(["EUR", "USD", "JPY", "ISK", "UGX", "MGA", "KWD", "TND", "CLP"]))
def test_an_amount_is_the_same_there_and_back_or_refused(amount: int, currency: str) -> None:
    money = Money(amount=amount, currency=currency)
    try:
        there = amount_there(money)
    except AmountRefused:
        assert currency in ("MGA", "KWD", "TND")
    else:
        assert money_here(there, currency) == money


@pytest.mark.parametrize(
    ("code", "word", "reason", "soft"),
    [
        ("card_declined", "insufficient_funds", CardDecline.INSUFFICIENT_FUNDS, True),
        ("card_declined", "fraudulent", CardDecline.FRAUD, False),
        ("expired_card", None, CardDecline.EXPIRED_CARD, False),
        ("card_declined", "a word of next year", CardDecline.DO_NOT_HONOR, False),
        (None, None, CardDecline.OTHER, False),
    ],
)
def test_a_refusal_has_a_reason_of_ours(code: str | None, word: str | None, reason: CardDecline, soft: bool) -> None:
    outcome = decline(code, word)
    assert (outcome.result, outcome.reason, outcome.soft) == (Result.DECLINED, reason, soft)


def _signed(kind: str, about: dict[str, Any], secret: str = SECRET, at: datetime = NOW) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"id": "evt_1", "type": kind, "data": {"object": about}}).encode()
    seconds = int(at.timestamp())
    proof = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"stripe-signature": f"t={seconds},v0=old,v1={proof}"}


def _intent(**more: Any) -> dict[str, Any]:
    words = {"id": "pi_1", "amount": 1000, "currency": "eur", "status": "requires_capture", "metadata": WORDS}
    return words | more


def test_an_authorization_is_told_with_our_words() -> None:
    notice = StripeNotices(["next", SECRET]).read(*_signed("payment_intent.amount_capturable_updated", _intent()), NOW)
    assert notice is not None
    assert (notice.id, notice.step, notice.order_id, notice.authorization, notice.key, notice.tenant) == (
        "evt_1",
        CallStep.AUTHORIZE,
        "o",
        "a",
        "k",
        "t",
    )
    assert (notice.outcome.result, notice.outcome.reference) == (Result.DONE, "pi_1")


def test_a_capture_is_told_by_its_own_key() -> None:
    about = _intent(status="succeeded", amount_received=400, latest_charge="ch_1", metadata={**WORDS, "capture": "c"})
    notice = StripeNotices([SECRET]).read(*_signed("payment_intent.succeeded", about), NOW)
    assert notice is not None and notice.outcome.amount is not None
    assert (notice.step, notice.key, notice.outcome.reference) == (CallStep.CAPTURE, "c", "ch_1")
    assert notice.outcome.amount.amount == 400


@pytest.mark.parametrize(
    ("kind", "about", "step", "result"),
    [
        ("payment_intent.canceled", _intent(status="canceled"), CallStep.AUTHORIZE, Result.DECLINED),
        (
            "payment_intent.payment_failed",
            _intent(status="requires_payment_method", last_payment_error={"code": "expired_card"}),
            CallStep.AUTHORIZE,
            Result.DECLINED,
        ),
        (
            "payment_intent.requires_action",
            _intent(status="requires_action"),
            CallStep.AUTHORIZE,
            Result.ACTION_REQUIRED,
        ),
        (
            "refund.failed",
            {"id": "re_1", "amount": 5, "currency": "eur", "status": "failed", "metadata": WORDS},
            CallStep.REFUND,
            Result.DECLINED,
        ),
        (
            "refund.updated",
            {"id": "re_1", "amount": 5, "currency": "eur", "status": "succeeded", "metadata": WORDS},
            CallStep.REFUND,
            Result.DONE,
        ),
    ],
)
def test_what_becomes_of_a_call_is_told(kind: str, about: dict[str, Any], step: CallStep, result: Result) -> None:
    notice = StripeNotices([SECRET]).read(*_signed(kind, about), NOW)
    assert notice is not None
    assert (notice.step, notice.outcome.result) == (step, result)


def test_what_is_not_ours_is_genuine_and_says_nothing() -> None:
    reader = StripeNotices([SECRET])
    assert reader.read(*_signed("payment_intent.succeeded", _intent(metadata={})), NOW) is None
    assert reader.read(*_signed("customer.created", {"metadata": WORDS}), NOW) is None


def test_only_what_is_signed_lately_by_a_secret_of_ours_is_read() -> None:
    reader = StripeNotices([SECRET])
    body, headers = _signed("payment_intent.canceled", _intent())
    other = _signed("payment_intent.canceled", _intent(), secret="whsec_2")
    old = _signed("payment_intent.canceled", _intent(), at=NOW - timedelta(seconds=301))
    for raw, said in (
        (body + b" ", headers),
        (body, {}),
        other,
        old,
        _signed("payment_intent.canceled", {"metadata": WORDS}),
    ):
        with pytest.raises(NoticeRefused):
            reader.read(raw, said, NOW)
