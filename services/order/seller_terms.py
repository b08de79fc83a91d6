"""What sellers say of returns and refunds in their settings, as doors put it into what they ask of an order.

A decision is made by what came with the question, so that a setting that is changed later changes nothing that was
decided, and a replay decides alike. What no setting says is said by the tables (return_policy.py, refund_limits.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chassis.reading import Reads
from contracts.money import Money
from contracts.order import OrderPlaced, RefundApprover, RefundLimits, ReturnRule, ReturnTerms
from services.order.stream import ORDER

__all__ = ["ANY_SELLER", "SellerTerms"]

ANY_SELLER = "*"
"""Under this name stands what holds for all sellers that have nothing of their own."""


@dataclass(frozen=True, slots=True)
class SellerTerms:
    """What is set, by seller. Of a seller's own rules each goes before the one of that name for all others; their label
    fees, and the limits of a role, are all their own or all the others'."""

    rules: Mapping[str, Sequence[ReturnRule]] = field(default_factory=dict)
    label_fees: Mapping[str, Sequence[Money]] = field(default_factory=dict)
    limits: Mapping[str, Mapping[RefundApprover, RefundLimits]] = field(default_factory=dict)

    def of_returns(self, reads: Reads, order: str) -> ReturnTerms | None:
        """What holds of returns of an order (its stream); None where nothing is set."""
        if not self.rules and not self.label_fees:
            return None
        seller = _seller(reads, order)
        rules = {rule.name: rule for name in (ANY_SELLER, seller) for rule in self.rules.get(name, ())}
        fees = self.label_fees.get(seller, self.label_fees.get(ANY_SELLER))
        if not rules and fees is None:
            return None
        return ReturnTerms(
            rules=tuple(rule for _, rule in sorted(rules.items())), label_fees=None if fees is None else tuple(fees)
        )

    def of_refunds(self, reads: Reads, order: str, approver: RefundApprover) -> RefundLimits | None:
        """How much somebody may give back of an order (its stream); None where nothing is set."""
        if not self.limits:
            return None
        own, others = self.limits.get(_seller(reads, order), {}), self.limits.get(ANY_SELLER, {})
        return own.get(approver) or others.get(approver)


def _seller(reads: Reads, order: str) -> str:
    """Who sold an order. One that is not read yet has nothing to come back, so that nothing is decided about it."""
    placed: OrderPlaced | None = reads.stream(order).stream.view(ORDER).order.placed
    return ANY_SELLER if placed is None else placed.seller
