"""What simulated days do not reach, each with the reason; and how many days must reach all the rest.

A row that is not listed here and that so many days do not reach makes `make simulate` fail: something that was tried is
tried no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["GATE_SEEDS", "NEVER_REACHED", "unlisted"]

GATE_SEEDS = 10_000
"""A run of so many days or more has to reach all that is not listed."""

_NO_ACT = "no act does it"
_SELDOM = "the act is there, and seldom finds what it is about"
_UNTOLD = "no day has led to it, and nobody has looked why"

NEVER_REACHED: Mapping[str, str] = {
    "step increase: undone, answered": _SELDOM,
    "step increase: undone, unanswered": _SELDOM,
    "step release: answered by FulfillmentRefused": _UNTOLD,
    "step release: undone, answered": _UNTOLD,
    "step release: undone, unanswered": _UNTOLD,
    "step collect: given up": _SELDOM,
    "step refund_credit: answered by ValueRepeated": _UNTOLD,
    "step refund_credit: answered by ValueRefused": _UNTOLD,
    "step refund_credit: asked again": _SELDOM,
    "step refund_credit: given up": _SELDOM,
    "step open_return: answered by ReturnRefused": _SELDOM,
    "step inspect_return: given up": _SELDOM,
    "deadline order refund_proposal": _SELDOM,
    "message order ApproveRefund": _SELDOM,
    "message order CancelByChannel": _NO_ACT,
    "message order ClaimReduced": _UNTOLD,
    "message order ClaimReleased": _UNTOLD,
    "message order DeclineRefund": _SELDOM,
    "message order ForgetCustomer": _NO_ACT,
    "message order FulfillmentRefused": _UNTOLD,
    "message order ImportOrder": _NO_ACT,
    "message order PaymentVoided": _UNTOLD,
    "message order RefundReversed": _NO_ACT,
    "message order RetryRefund": _SELDOM,
    "message order ReturnReopened": _SELDOM,
    "message order ReturnRefused": _SELDOM,
    "message order ShipmentCancelRefused": _SELDOM,
    "message order ValueRefused": _UNTOLD,
    "message order ValueRepeated": _UNTOLD,
    "message order WithdrawRefund": _SELDOM,
    "message payments InvoicePaid": _SELDOM,
    "message payments MoveOnAccount": _UNTOLD,
    "message payments RecordTransferReturned": _SELDOM,
    "message payments ValueRepeated": _UNTOLD,
}
"""By name as a run names it."""


def unlisted(unreached: Iterable[str]) -> list[str]:
    """Of what was not reached, what nobody gave a reason for."""
    return [name for name in unreached if name not in NEVER_REACHED]
