"""What is there at Stripe, read as what it says of a call of ours. No call is made here.

A capture is no thing of its own there: an intent remembers in its metadata which of our captures were taken of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.money import Money
from contracts.payments import Capability
from services.payments.provider import Call, Outcome, Result, Settlement
from services.payments.providers.stripe_words import NAME, decline, money_here

__all__ = [
    "CAPTURE",
    "Document",
    "captured",
    "charge_held",
    "charge_taken",
    "charge_was_taken",
    "intent_outcome",
    "intent_taken",
    "mark",
    "refund_outcome",
    "several",
    "taken_before",
    "words_of",
]

REFUND_RESULTS = {"succeeded": Result.DONE, "failed": Result.DECLINED, "canceled": Result.DECLINED}
Document = Mapping[str, Any]
"""A thing there, as JSON has it."""

CAPTURE = "capture"
"""Where what can be captured once says by which call of ours, marked just before it is."""


def mark(call: Call) -> str:
    """How an intent remembers a capture or a raise of ours: a name of 38 characters, of 40 that are allowed."""
    return f"{call.step.value[0]}:{call.key}"


def words_of(made: Document) -> Mapping[str, str]:
    """The metadata of a thing there."""
    return made.get("metadata") or {}


def _charge_of(intent: Document) -> Document:
    charge = intent.get("latest_charge")
    return charge if isinstance(charge, Mapping) else {"id": charge} if charge else {}


def _card_of(charge: Mapping[str, Any]) -> Mapping[str, Any]:
    card: Mapping[str, Any] = (charge.get("payment_method_details") or {}).get("card") or {}
    return card


def _offers(card: Mapping[str, Any], what: str) -> bool:
    return (card.get(what) or {}).get("status") == "available"


def several(intent: Document) -> bool:
    """Whether more than one capture can be taken of an intent."""
    return _offers(_card_of(_charge_of(intent)), "multicapture")


def _capabilities(card: Mapping[str, Any]) -> tuple[Capability, ...]:
    offered = {
        Capability.MULTI_CAPTURE: "multicapture",
        Capability.OVER_CAPTURE: "overcapture",
        Capability.INCREMENTAL: "incremental_authorization",
    }
    return tuple(capability for capability, what in offered.items() if _offers(card, what))


def intent_outcome(intent: Document) -> Outcome:
    """What an intent says of the authorisation that made it."""
    error = intent.get("last_payment_error") or {}
    match intent["status"]:
        case "requires_capture" | "succeeded":
            result = Result.DONE
        case "requires_action" | "requires_confirmation":
            result = Result.ACTION_REQUIRED
        case "processing":
            result = Result.PENDING
        case "canceled":
            return decline("voided", None, intent["id"])
        case _:
            return decline(error.get("code"), error.get("decline_code"), intent["id"])
    charge = _charge_of(intent)
    card = _card_of(charge)
    redirect = (intent.get("next_action") or {}).get("redirect_to_url") or {}
    before = card.get("capture_before")
    return Outcome(
        result,
        NAME,
        reference=intent["id"],
        amount=money_here(intent["amount"], intent["currency"]),
        action_url=redirect.get("url"),
        expires_at=datetime.fromtimestamp(before, UTC) if before else None,
        capabilities=_capabilities(card),
        final=not _offers(card, "multicapture"),
        brand=card.get("brand"),
        last_four=card.get("last4"),
    )


def taken_before(intent: Document, call: Call) -> Outcome | None:
    """The capture, if it was taken of this intent before; None: it was not."""
    if several(intent):
        taken = mark(call) in words_of(intent)
    else:
        taken = intent["status"] == "succeeded" and words_of(intent).get(CAPTURE) == call.key
    return captured(intent, call, final=intent["status"] == "succeeded") if taken else None


def captured(intent: Document, call: Call, final: bool) -> Outcome:
    """What an intent says of a capture that was taken of it just now, or before."""
    charge = _charge_of(intent)
    amount = call.amount if several(intent) else _received(intent, call.amount)
    return Outcome(
        Result.DONE,
        NAME,
        reference=charge.get("id") or intent["id"],
        amount=amount,
        final=final,
        settlement=_settlement(charge),
        brand=_card_of(charge).get("brand"),
        last_four=_card_of(charge).get("last4"),
    )


def intent_taken(intent: Document) -> Outcome:
    """What an intent that was captured once says of the capture."""
    whole = money_here(intent["amount"], intent["currency"])
    charge = _charge_of(intent)
    return Outcome(
        Result.DONE,
        NAME,
        reference=charge.get("id") or intent["id"],
        amount=_received(intent, whole),
        final=True,
        settlement=_settlement(charge),
    )


def _received(intent: Document, asked: Money) -> Money:
    received = intent.get("amount_received")
    return money_here(received, intent["currency"]) if received else asked


def _settlement(charge: Mapping[str, Any]) -> Settlement | None:
    posted = charge.get("balance_transaction")
    if not isinstance(posted, Mapping):
        return None
    currency = str(posted["currency"])
    rate = posted.get("exchange_rate")
    text = "1" if rate is None else f"{Decimal(str(rate)):f}"
    fee = money_here(posted.get("fee") or 0, currency)
    return Settlement(money_here(posted["amount"], currency), text, "stripe", fee)


def charge_held(charge: Document) -> Outcome:
    """What a charge says of the authorisation that made it."""
    if charge["status"] == "failed":
        return decline(charge.get("failure_code"), None, charge["id"])
    if charge["refunded"] and not charge["captured"]:
        return decline("voided", None, charge["id"])
    card = _card_of(charge)
    return Outcome(
        Result.DONE,
        NAME,
        reference=charge["id"],
        amount=money_here(charge["amount"], charge["currency"]),
        final=True,
        brand=card.get("brand"),
        last_four=card.get("last4"),
    )


def charge_was_taken(charge: Document, call: Call) -> bool:
    """Whether it was captured by this call."""
    return bool(charge["captured"]) and words_of(charge).get(CAPTURE) == call.key


def charge_taken(charge: Document, call: Call) -> Outcome:
    """What a charge says of its capture."""
    return Outcome(Result.DONE, NAME, reference=charge["id"], amount=call.amount, final=True)


def refund_outcome(refund: Document) -> Outcome:
    """What a refund says of the call that made it."""
    result = REFUND_RESULTS.get(refund["status"] or "", Result.PENDING)
    if result is Result.DECLINED:
        return decline(refund.get("failure_reason") or refund["status"], None, refund["id"])
    return Outcome(result, NAME, reference=refund["id"], amount=money_here(refund["amount"], refund["currency"]))
