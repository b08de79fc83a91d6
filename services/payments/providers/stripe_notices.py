"""What Stripe tells by itself, verified over the raw bytes.

A notice there shows a thing as it was, without what hangs on it: of an intent the charge has only its name, and a dispute
carries none of our words. Both are looked up before the notice counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import stripe

from services.payments.provider import CallStep, DisputeStage, Notice, NoticeLater, NoticeRefused, Outcome, Result
from services.payments.providers.signatures import verify
from services.payments.providers.stripe_reading import (
    CAPTURE,
    Document,
    intent_outcome,
    intent_taken,
    refund_outcome,
    words_of,
)
from services.payments.providers.stripe_words import NAME, decline, money_here

__all__ = ["LOOK_UP_SECONDS", "StripeNotices", "Things"]

LOOK_UP_SECONDS = 5.0
"""How long a notice waits for what has to be looked up: Stripe tells again what is not taken soon."""

AUTHORIZED = frozenset(
    {
        "payment_intent.amount_capturable_updated",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "payment_intent.processing",
    }
)
SUCCEEDED = "payment_intent.succeeded"
REFUNDS = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})
DISPUTED = frozenset({"charge.dispute.created", "charge.dispute.funds_withdrawn"})
DISPUTE_CLOSED = "charge.dispute.closed"
ENDS = {"won": DisputeStage.WON, "lost": DisputeStage.LOST}
INQUIRY = "warning_"
"""How the states of an inquiry begin: a bank that asks, and has taken nothing."""

Read = tuple[CallStep, str, Outcome]


class Things(Protocol):
    """Shows what is there; both raise StripeError."""

    async def intent(self, reference: str) -> Document:
        """A payment intent."""

    async def charge(self, reference: str) -> Document:
        """A charge."""


class StripeNotices:
    """`secrets` are the signing secrets (`whsec_…`) that count now; what a notice leaves out is looked up in `things`."""

    name = NAME

    def __init__(self, secrets: Sequence[str], things: Things) -> None:
        self._secrets, self._things = tuple(secrets), things

    async def read(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice | None:
        """The notice in these bytes; of intents, refunds and disputes of what carries our words."""
        verify(body, headers.get("stripe-signature"), self._secrets, now)
        try:
            said = json.loads(body)
            kind, about = said["type"], said["data"]["object"]
            disputed = kind in DISPUTED or kind == DISPUTE_CLOSED
            return await (self._dispute if disputed else self._notice)(said["id"], kind, about)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoticeRefused(f"it cannot be read ({type(error).__name__})") from error
        except stripe.InvalidRequestError as error:
            raise NoticeRefused(f"stripe does not show us what it tells of ({error.code})") from error
        except stripe.StripeError as error:
            raise NoticeLater(f"stripe does not show what it tells of ({type(error).__name__})") from error

    async def _notice(self, id: str, kind: str, about: Document) -> Notice | None:
        words = words_of(about)
        if not _ours(words):
            return None
        charge = about.get("latest_charge")
        if isinstance(charge, str) and about["status"] in ("requires_capture", "succeeded"):
            about = {**about, "latest_charge": await self._things.charge(charge)}
        read = _read(kind, about, words)
        return None if read is None else _told(id, words, *read)

    async def _dispute(self, id: str, kind: str, about: Document) -> Notice | None:
        """Of the capture whose charge is disputed; our words stand on what the charge was made of."""
        stage = _stage(kind, about["status"])
        if stage is None:
            return None
        charge, intent = about["charge"], about.get("payment_intent")
        made = await self._things.intent(intent) if intent else await self._things.charge(charge)
        words = words_of(made)
        if not _ours(words):
            return None
        amount = money_here(about["amount"], about["currency"])
        outcome = Outcome(Result.DONE, NAME, reference=charge, amount=amount, code=about.get("reason"))
        return _told(id, words, CallStep.CAPTURE, words.get(CAPTURE, words["key"]), outcome, stage)


def _ours(words: Mapping[str, str]) -> bool:
    return {"order_id", "authorization", "key"} <= words.keys()


def _stage(kind: str, status: str) -> DisputeStage | None:
    """What a dispute has come to; None for an inquiry, which has taken nothing and may become a dispute."""
    if kind == DISPUTE_CLOSED:
        return ENDS.get(status)
    return None if status.startswith(INQUIRY) else DisputeStage.OPENED


def _told(
    id: str,
    words: Mapping[str, str],
    step: CallStep,
    key: str,
    outcome: Outcome,
    dispute: DisputeStage | None = None,
) -> Notice:
    return Notice(
        id=id,
        provider=NAME,
        step=step,
        order_id=words["order_id"],
        authorization=words["authorization"],
        key=key,
        outcome=outcome,
        dispute=dispute,
        tenant=words.get("tenant", "default"),
    )


def _read(kind: str, about: Document, words: Mapping[str, str]) -> Read | None:
    """The step, the key of the call that made it, and what became of it; None for what we do not follow."""
    if kind in AUTHORIZED:
        return CallStep.AUTHORIZE, words["key"], intent_outcome(about)
    if kind in REFUNDS:
        return CallStep.REFUND, words["key"], refund_outcome(about)
    if kind == SUCCEEDED and CAPTURE in words:
        return CallStep.CAPTURE, words[CAPTURE], intent_taken(about)
    if kind == "payment_intent.canceled":
        # By us, or because it lapsed: what was authorised is held no more.
        lapsed = about.get("cancellation_reason") == "automatic"
        return CallStep.AUTHORIZE, words["key"], decline("expired" if lapsed else "voided", None, about["id"])
    return None
