"""The tokens, and what each makes the provider do. `docs/providers.md` has the same table for people.

A token is `tok_`, then perhaps a step (`capture_`, `void_`, `refund_`; without one the authorisation is meant), then
what goes wrong. What passes by itself (time-outs, errors, too many calls) does so for the first call with a key; sent
again with that key, the call goes well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DECLINES", "STEPS", "TROUBLES", "Plan", "Trouble", "plan_of"]

STEPS = ("authorize", "capture", "void", "refund")

DECLINES: Mapping[str, bool] = {
    "insufficient_funds": True,
    "expired_card": False,
    "fraudulent": False,
    "do_not_honor": True,
    "lost_card": False,
    "stolen_card": False,
    "incorrect_number": False,
    "incorrect_cvc": False,
    "card_velocity_exceeded": True,
    "authentication_failed": False,
    "not_supported": False,
    "processing_error": True,
}
"""The words for a refusal, and whether it is soft: the same call may go well later."""


class Trouble(StrEnum):
    """What may go wrong with a call, before or after it was done."""

    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    UNAVAILABLE = "unavailable"
    TOO_MANY = "429"
    SLOW = "slow"


TROUBLES = tuple(Trouble)
NOTICES = ("twice", "early", "late", "out_of_order", "lost")
TIMES = ("pending", "pending_fails", "taken_back")
DISPUTES = ("dispute", "dispute_won", "dispute_lost")


@dataclass(frozen=True)
class Plan:
    """What a token makes happen. `decline` is a word of DECLINES; `declines_once` goes well the next time that the
    order is charged; `notices` how notices come; `dispute` what becomes of a charge by itself."""

    step: str = "authorize"
    trouble: Trouble | None = None
    decline: str | None = None
    declines_once: bool = False
    action_required: bool = False
    notices: str | None = None
    refund: str | None = None
    dispute: str | None = None
    short: bool = False

    def troubled(self, step: str) -> Trouble | None:
        """What goes wrong with this step; None: nothing."""
        return self.trouble if self.step == step else None

    def declined(self, step: str) -> str | None:
        """The refusal of this step; None: it goes well."""
        return self.decline if self.step == step else None


def plan_of(token: str) -> Plan | None:
    """What a token makes happen; None for one that nobody knows. Anything after a `:` only tells tokens apart."""
    word = token.partition(":")[0]
    if not word.startswith("tok_"):
        return None
    word = word.removeprefix("tok_")
    if (notices := word.removeprefix("webhook_")) in NOTICES and notices != word:
        return Plan(notices=notices)
    if (refund := word.removeprefix("refund_")) in TIMES:
        return Plan(step="refund", refund=refund)
    if word in DISPUTES:
        return Plan(dispute=word)
    simple = {
        "ok": Plan(),
        "visa": Plan(),
        "action_required": Plan(action_required=True),
        "short_lived": Plan(short=True),
        "soft_decline_then_ok": Plan(decline="insufficient_funds", declines_once=True),
    }
    return simple.get(word) or _of_step(word)


def _of_step(word: str) -> Plan | None:
    step = next((name for name in STEPS if word.startswith(f"{name}_")), None)
    rest = word.removeprefix(f"{step}_") if step else word
    if rest in TROUBLES:
        return Plan(step=step or "authorize", trouble=Trouble(rest))
    if (decline := rest.removeprefix("decline_")) in DECLINES and decline != rest:
        return Plan(step=step or "authorize", decline=decline)
    return None
