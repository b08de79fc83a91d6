"""Notices that only Stripe can have sent, and what it leaves out of them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from contracts.payments import Capability
from services.payments.provider import CallStep, DisputeStage, Notice, NoticeLater, NoticeRefused, Result
from services.payments.providers.stripe_notices import StripeNotices

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECRET = "whsec_1"
WORDS = {"order_id": "o", "tenant": "t", "authorization": "a", "key": "k"}


class Kept:
    """What is there, by its name; without `there` Stripe cannot be reached."""

    def __init__(self, there: Mapping[str, Any] | None = None) -> None:
        self.there = there

    async def intent(self, reference: str) -> Mapping[str, Any]:
        if self.there is None:
            raise stripe.APIConnectionError("no connection")  # type: ignore[no-untyped-call]
        if reference not in self.there:
            raise stripe.InvalidRequestError(  # type: ignore[no-untyped-call]
                "no such thing", "id", code="resource_missing"
            )
        return dict(self.there[reference])

    charge = intent


def read(
    said: tuple[bytes, dict[str, str]], there: Mapping[str, Any] | None = None, secrets: Sequence[str] = (SECRET,)
) -> Notice | None:
    return asyncio.run(StripeNotices(secrets, Kept(there)).read(*said, NOW))


def _signed(kind: str, about: dict[str, Any], secret: str = SECRET, at: datetime = NOW) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"id": "evt_1", "type": kind, "data": {"object": about}}).encode()
    seconds = int(at.timestamp())
    proof = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"stripe-signature": f"t={seconds},v0=old,v1={proof}"}


def _intent(**more: Any) -> dict[str, Any]:
    words = {"id": "pi_1", "amount": 1000, "currency": "eur", "status": "requires_capture", "metadata": WORDS}
    return words | more


def test_an_authorization_is_told_with_our_words() -> None:
    notice = read(_signed("payment_intent.amount_capturable_updated", _intent()), secrets=["next", SECRET])
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
    posted = {"amount": 400, "currency": "eur", "fee": 31, "exchange_rate": None}
    there = {"ch_1": {"id": "ch_1", "balance_transaction": posted}}
    notice = read(_signed("payment_intent.succeeded", about), there)
    assert notice is not None and notice.outcome.amount is not None
    assert (notice.step, notice.key, notice.outcome.reference) == (CallStep.CAPTURE, "c", "ch_1")
    assert notice.outcome.amount.amount == 400
    assert notice.outcome.settlement and notice.outcome.settlement.fee
    assert notice.outcome.settlement.fee.amount == 31


CARD = {
    "brand": "visa",
    "last4": "4242",
    "capture_before": 1796000000,
    "multicapture": {"status": "available"},
    "incremental_authorization": {"status": "unavailable"},
}
CHARGE = {"id": "ch_1", "payment_method_details": {"card": CARD}, "metadata": WORDS}


def test_what_the_payer_confirmed_is_told_with_what_the_card_allows() -> None:
    # given a notice of an intent whose charge has only its name there, then it is looked up
    about = _intent(latest_charge="ch_1")
    notice = read(_signed("payment_intent.amount_capturable_updated", about), {"ch_1": CHARGE})
    assert notice is not None
    assert (notice.outcome.capabilities, notice.outcome.final) == ((Capability.MULTI_CAPTURE,), False)
    assert (notice.outcome.brand, notice.outcome.last_four) == ("visa", "4242")
    assert notice.outcome.expires_at == datetime.fromtimestamp(1796000000, UTC)


def test_while_stripe_cannot_be_asked_what_it_tells_waits() -> None:
    with pytest.raises(NoticeLater):
        read(_signed("payment_intent.amount_capturable_updated", _intent(latest_charge="ch_1")))
    with pytest.raises(NoticeLater):
        read(_signed("charge.dispute.created", _dispute()))


def test_what_stripe_does_not_show_us_does_not_count() -> None:
    with pytest.raises(NoticeRefused, match="resource_missing"):
        read(_signed("charge.dispute.created", _dispute()), {})


def _dispute(**more: Any) -> dict[str, Any]:
    words = {"id": "dp_1", "amount": 400, "currency": "eur", "charge": "ch_1", "payment_intent": "pi_1"}
    return words | {"status": "needs_response", "reason": "fraudulent", "metadata": {}} | more


@pytest.mark.parametrize(
    ("kind", "status", "stage"),
    [
        ("charge.dispute.created", "needs_response", DisputeStage.OPENED),
        ("charge.dispute.created", "warning_needs_response", None),
        ("charge.dispute.funds_withdrawn", "needs_response", DisputeStage.OPENED),
        ("charge.dispute.closed", "won", DisputeStage.WON),
        ("charge.dispute.closed", "lost", DisputeStage.LOST),
        ("charge.dispute.closed", "warning_closed", None),
    ],
)
def test_a_dispute_is_told_of_the_capture_whose_charge_it_is(
    kind: str, status: str, stage: DisputeStage | None
) -> None:
    there = {"pi_1": _intent(status="succeeded", metadata={**WORDS, "capture": "c"})}
    notice = read(_signed(kind, _dispute(status=status)), there)
    if stage is None:
        assert notice is None, "a bank that asks has taken nothing"
        return
    assert notice is not None and notice.outcome.amount is not None
    assert (notice.dispute, notice.step, notice.key) == (stage, CallStep.CAPTURE, "c")
    assert (notice.order_id, notice.tenant, notice.outcome.reference) == ("o", "t", "ch_1")
    assert notice.outcome.amount.amount == 400


def test_a_dispute_of_an_older_charge_is_told_by_what_the_charge_says() -> None:
    about = _dispute(payment_intent=None)
    notice = read(_signed("charge.dispute.created", about), {"ch_1": {**CHARGE, "metadata": {**WORDS, "capture": "c"}}})
    assert notice is not None and (notice.dispute, notice.key) == (DisputeStage.OPENED, "c")


def test_a_dispute_of_what_is_not_ours_says_nothing() -> None:
    assert read(_signed("charge.dispute.created", _dispute()), {"pi_1": _intent(metadata={})}) is None


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
    notice = read(_signed(kind, about))
    assert notice is not None
    assert (notice.step, notice.outcome.result) == (step, result)


def test_what_is_not_ours_is_genuine_and_says_nothing() -> None:
    assert read(_signed("payment_intent.succeeded", _intent(metadata={}))) is None
    assert read(_signed("customer.created", {"metadata": WORDS})) is None


def test_only_what_is_signed_lately_by_a_secret_of_ours_is_read() -> None:
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
            read((raw, said))
