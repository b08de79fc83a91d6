"""What Stripe's words and numbers mean here: amounts, refusals, errors of its library.

Sources: docs.stripe.com/currencies (amounts), /declines/codes (refusals), /error-low-level (errors).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import stripe

from contracts.money import Money, minor_digits
from contracts.payments import CardDecline
from services.payments.provider import Outcome, Result

__all__ = ["NAME", "AmountRefused", "amount_there", "decline", "money_here", "outcome_of_error"]

NAME = "stripe"

WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
"""Currencies that it takes in whole units."""

WHOLE_WRITTEN_AS_HUNDREDTHS = frozenset({"ISK", "UGX"})
"""Currencies without a minor unit that it nevertheless takes in hundredths, which must be 00."""

THOUSANDTHS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Currencies that it takes in thousandths, of which the last digit must be 0."""

REASONS: Mapping[str, CardDecline] = {
    "insufficient_funds": CardDecline.INSUFFICIENT_FUNDS,
    "expired_card": CardDecline.EXPIRED_CARD,
    "fraudulent": CardDecline.FRAUD,
    "merchant_blacklist": CardDecline.FRAUD,
    "stop_payment_order": CardDecline.DO_NOT_HONOR,
    "do_not_honor": CardDecline.DO_NOT_HONOR,
    "generic_decline": CardDecline.DO_NOT_HONOR,
    "card_declined": CardDecline.DO_NOT_HONOR,
    "call_issuer": CardDecline.DO_NOT_HONOR,
    "no_action_taken": CardDecline.DO_NOT_HONOR,
    "transaction_not_allowed": CardDecline.DO_NOT_HONOR,
    "lost_card": CardDecline.LOST_OR_STOLEN,
    "stolen_card": CardDecline.LOST_OR_STOLEN,
    "pickup_card": CardDecline.LOST_OR_STOLEN,
    "restricted_card": CardDecline.LOST_OR_STOLEN,
    "incorrect_number": CardDecline.INCORRECT_DETAILS,
    "invalid_number": CardDecline.INCORRECT_DETAILS,
    "incorrect_cvc": CardDecline.INCORRECT_DETAILS,
    "invalid_cvc": CardDecline.INCORRECT_DETAILS,
    "invalid_expiry_month": CardDecline.INCORRECT_DETAILS,
    "invalid_expiry_year": CardDecline.INCORRECT_DETAILS,
    "incorrect_zip": CardDecline.INCORRECT_DETAILS,
    "invalid_account": CardDecline.INCORRECT_DETAILS,
    "card_velocity_exceeded": CardDecline.LIMIT_EXCEEDED,
    "withdrawal_count_limit_exceeded": CardDecline.LIMIT_EXCEEDED,
    "authentication_required": CardDecline.AUTHENTICATION_FAILED,
    "payment_intent_authentication_failure": CardDecline.AUTHENTICATION_FAILED,
    "card_not_supported": CardDecline.UNSUPPORTED,
    "currency_not_supported": CardDecline.UNSUPPORTED,
    "not_permitted": CardDecline.UNSUPPORTED,
    "service_not_allowed": CardDecline.UNSUPPORTED,
    "invalid_amount": CardDecline.UNSUPPORTED,
    "amount_too_small": CardDecline.UNSUPPORTED,
    "amount_too_large": CardDecline.UNSUPPORTED,
}

SOFT = frozenset(
    {
        "insufficient_funds",
        "do_not_honor",
        "generic_decline",
        "card_declined",
        "call_issuer",
        "card_velocity_exceeded",
        "withdrawal_count_limit_exceeded",
        "processing_error",
        "issuer_not_available",
        "reenter_transaction",
        "try_again_later",
        "approve_with_id",
        "no_action_taken",
    }
)
"""Refusals after which the same call may go well later."""


class AmountRefused(ValueError):
    """An amount that Stripe cannot be told."""


def _digits_there(currency: str) -> int:
    return 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2


def amount_there(money: Money) -> int:
    """The amount as Stripe wants it; raises AmountRefused for one that it cannot take."""
    currency = money.currency
    shift = _digits_there(currency) - minor_digits(currency)
    if shift < 0 and money.amount % 10**-shift:
        raise AmountRefused(f"{money.to_decimal()} {currency} is finer than Stripe takes it")
    amount: int = money.amount * 10**shift if shift >= 0 else money.amount // 10**-shift
    if currency in THOUSANDTHS and amount % 10:
        raise AmountRefused(f"{money.to_decimal()} {currency}: Stripe wants the last digit to be 0")
    return amount


def money_here(amount: int, currency: str) -> Money:
    """An amount of Stripe's in our minor units; `currency` in any case."""
    code = currency.upper()
    shift = minor_digits(code) - _digits_there(code)
    return Money(amount=amount * 10**shift if shift >= 0 else amount // 10**-shift, currency=code)


def decline(code: str | None, word: str | None, reference: str | None = None) -> Outcome:
    """A refusal; `word` is the bank's (`decline_code`), `code` Stripe's own."""
    said = word or code or "refused"
    reason = REASONS.get(word or "") or REASONS.get(code or "") or CardDecline.OTHER
    return Outcome(
        Result.DECLINED,
        NAME,
        reference=reference,
        reason=reason,
        soft=said in SOFT,
        code=said,
        said=f"stripe refused: {said.replace('_', ' ')}",
    )


UNAVAILABLE = frozenset({502, 503, 504})
"""What stands before the provider says while that is not there."""


def outcome_of_error(error: stripe.StripeError, reference: str | None) -> Outcome:
    """What an error of the library says about whether money moved."""
    match error:
        case stripe.APIConnectionError():
            return _unheard(error)
        case stripe.StripeError(http_status=429):
            headers = {name.lower(): value for name, value in (error.headers or {}).items()}
            wait = _seconds(headers.get("retry-after"))
            said = "stripe asks to wait (429)"
            return Outcome(Result.TRY_AGAIN, NAME, code="429", retry_after=wait, away=True, said=said)
        case stripe.AuthenticationError() | stripe.PermissionError():
            said = "stripe does not let us in: look at the key in the setting stripe_key_file"
            return Outcome(Result.TRY_AGAIN, NAME, code=error.code or str(error.http_status), away=True, said=said)
        case stripe.CardError():
            body: Any = error.json_body or {}
            refusal = body.get("error") or {}
            made = (refusal.get("payment_intent") or {}).get("id") or refusal.get("charge")
            return decline(error.code, refusal.get("decline_code"), made or reference)
        case stripe.IdempotencyError():
            return decline("key_reused", None, reference)
        case stripe.InvalidRequestError():
            return decline(error.code or f"refused_{error.http_status}", None, reference)
    status = error.http_status
    away, said = status in UNAVAILABLE, f"stripe failed ({status})"
    return Outcome(Result.UNKNOWN, NAME, code=str(status), away=away, said=said)


def _unheard(error: stripe.APIConnectionError) -> Outcome:
    """Without a connection nothing was sent; of all else nobody can tell."""
    cause = error.__cause__
    never_sent = isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    said = f"stripe did not answer ({type(cause or error).__name__})"
    return Outcome(Result.TRY_AGAIN if never_sent else Result.UNKNOWN, NAME, away=True, said=said)


def _seconds(text: str | None) -> timedelta | None:
    return timedelta(seconds=int(text)) if text and text.isascii() and text.isdigit() and len(text) < 6 else None
