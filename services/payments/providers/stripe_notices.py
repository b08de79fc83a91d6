"""What Stripe tells by itself, verified over the raw bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.payments.provider import CallStep, Notice, NoticeRefused, Outcome
from services.payments.providers.signatures import verify
from services.payments.providers.stripe import CAPTURE, NAME, intent_outcome, intent_taken, refund_outcome
from services.payments.providers.stripe_words import decline

__all__ = ["StripeNotices"]

AUTHORIZED = frozenset(
    {
        "payment_intent.amount_capturable_updated",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "payment_intent.processing",
    }
)
REFUNDS = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})


class StripeNotices:
    """`secrets` are the signing secrets (`whsec_…`) that count now."""

    name = NAME

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)

    def read(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice | None:
        """The notice in these bytes; of intents and refunds that carry our words."""
        verify(body, headers.get("stripe-signature"), self._secrets, now)
        try:
            said = json.loads(body)
            return _notice(said["id"], said["type"], said["data"]["object"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoticeRefused(f"it cannot be read ({type(error).__name__})") from error


def _notice(id: str, kind: str, about: Mapping[str, Any]) -> Notice | None:
    words: Mapping[str, str] = about.get("metadata") or {}
    if not {"order_id", "authorization", "key"} <= words.keys():
        return None
    read = _read(kind, about, words)
    if read is None:
        return None
    step, key, outcome = read
    return Notice(
        id=id,
        provider=NAME,
        step=step,
        order_id=words["order_id"],
        authorization=words["authorization"],
        key=key,
        outcome=outcome,
        tenant=words.get("tenant", "default"),
    )


def _read(kind: str, about: Mapping[str, Any], words: Mapping[str, str]) -> tuple[CallStep, str, Outcome] | None:
    """The step, the key of the call that made it, and what became of it; None for what we do not follow."""
    if kind in AUTHORIZED:
        return CallStep.AUTHORIZE, words["key"], intent_outcome(about)
    if kind in REFUNDS:
        return CallStep.REFUND, words["key"], refund_outcome(about)
    if kind == "payment_intent.succeeded" and CAPTURE in words:
        return CallStep.CAPTURE, words[CAPTURE], intent_taken(about)
    if kind == "payment_intent.canceled":
        # By us, or because it lapsed: what was authorised is held no more.
        lapsed = about.get("cancellation_reason") == "automatic"
        return CallStep.AUTHORIZE, words["key"], decline("expired" if lapsed else "voided", None, about["id"])
    return None
