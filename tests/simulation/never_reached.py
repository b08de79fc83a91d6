"""What simulated days do not reach, each with the reason; and how many days must reach all the rest.

A row that is not listed here and that so many days do not reach makes `make simulate` fail: something that was tried is
tried no more. What cannot be says why. What seeds reach seldom is not listed where a day that is kept reaches it
(kept_days.py): it counts as reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["GATE_SEEDS", "NEVER_REACHED", "unlisted"]

GATE_SEEDS = 10_000
"""A run of so many days or more has to reach all that is not listed."""

_NOT_SUMMED = "no act does it: the sums of safety.py do not know money that comes back to us after it was given back"
_SELDOM = "the act is there, and seldom finds what it is about"
_UNASKED = "an answer that no message of ours asks for: what is given back is told and not asked"
_IN_ORDER = (
    "a node has its work once, in one wording, and a cancel of it comes behind it: between two streams order is kept"
)
_OWN_LEDGER = "a customer's credit is named after them and its currency, and so takes each refund of theirs, once"
_ASKED_ONCE = "a payment asks a ledger once, and a message between our services comes once"

NEVER_REACHED: Mapping[str, str] = {
    "step increase: undone, unanswered": _SELDOM,
    "step release: answered by FulfillmentRefused": _IN_ORDER,
    "step refund_credit: answered by ValueRefused": _OWN_LEDGER,
    "step refund_credit: given up": _SELDOM,
    "step open_return: answered by ReturnRefused": _SELDOM,
    "step inspect_return: given up": _SELDOM,
    "deadline order refund_proposal": _SELDOM,
    "message order ClaimReduced": _UNASKED,
    "message order ClaimReleased": _UNASKED,
    "message order FulfillmentRefused": _IN_ORDER,
    "message order PaymentVoided": _UNASKED,
    "message order RefundReversed": _NOT_SUMMED,
    "message order ReturnRefused": _SELDOM,
    "message order ShipmentCancelRefused": _SELDOM,
    "message order ValueRefused": _OWN_LEDGER,
    "message payments CollectionFailed": _SELDOM,
    "message payments ReturnCollected": _SELDOM,
    "message payments ValueRepeated": _ASKED_ONCE,
}
"""By name as a run names it."""


def unlisted(unreached: Iterable[str]) -> list[str]:
    """Of what was not reached, what nobody gave a reason for."""
    return [name for name in unreached if name not in NEVER_REACHED]
