"""Amounts and refusals as Stripe says them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import Money
from contracts.payments import CardDecline
from services.payments.provider import Result
from services.payments.providers.stripe_words import AmountRefused, amount_there, decline, money_here


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
