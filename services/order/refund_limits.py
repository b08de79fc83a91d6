"""How much a person may give back alone, by whom they speak for and by currency; above it a second person approves.

What a seller's settings say instead comes with what is asked (`RefundLimits`), and is kept with what was decided: nothing
here reads a setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contracts.money import Money
from contracts.order import RefundApprover, RefundLimits

__all__ = ["ALONE", "APPROVED", "may_approve", "may_grant"]

ALONE: Mapping[RefundApprover, Mapping[str, int]] = {
    RefundApprover.CSR: {"EUR": 100_00, "USD": 100_00, "GBP": 100_00, "CHF": 100_00, "JPY": 15_000, "KWD": 30_000},
    RefundApprover.FINANCE: {
        "EUR": 1_000_00,
        "USD": 1_000_00,
        "GBP": 1_000_00,
        "CHF": 1_000_00,
        "JPY": 150_000,
        "KWD": 300_000,
    },
}
"""What each may grant alone of one order, in minor units, all their refunds together. In a currency without a row every refund needs two people."""

APPROVED: Mapping[RefundApprover, Mapping[str, int] | None] = {
    RefundApprover.CSR: ALONE[RefundApprover.CSR],
    RefundApprover.FINANCE: None,
}
"""What each may approve as the second person; None is any sum."""


def may_grant(approver: RefundApprover, amount: Money, set_limits: RefundLimits | None = None) -> bool:
    """Whether somebody may grant so much without a second person; `set_limits` are those that a seller set."""
    if set_limits is not None:
        return _within(set_limits.alone, amount)
    return amount.amount <= ALONE[approver].get(amount.currency, 0)


def may_approve(approver: RefundApprover, amount: Money, set_limits: RefundLimits | None = None) -> bool:
    """Whether somebody may approve so much that another proposed; `set_limits` are those that a seller set."""
    if set_limits is not None:
        return set_limits.approves_any or _within(set_limits.approves, amount)
    limits = APPROVED[approver]
    return limits is None or amount.amount <= limits.get(amount.currency, 0)


def _within(limits: Iterable[Money], amount: Money) -> bool:
    return any(amount.amount <= limit.amount for limit in limits if limit.currency == amount.currency)
