"""How much a person may give back alone, by whom they speak for and by currency; above it a second person approves."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.money import Money
from contracts.order import RefundApprover

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


def may_grant(approver: RefundApprover, amount: Money) -> bool:
    """Whether somebody may grant so much without a second person."""
    return amount.amount <= ALONE[approver].get(amount.currency, 0)


def may_approve(approver: RefundApprover, amount: Money) -> bool:
    """Whether somebody may approve so much that another proposed."""
    limits = APPROVED[approver]
    return limits is None or amount.amount <= limits.get(amount.currency, 0)
