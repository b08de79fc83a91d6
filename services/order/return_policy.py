"""By which rules goods may come back: the table, and what it says of units of a line.

Rules by name, which a line carries from its placement (`return_policy`); a name that is not here means the standard
ones. Change the table, raise VERSION: a return keeps the version that it was decided by. What a seller's settings say
instead comes with what is asked (`ReturnTerms`), and is kept with what was decided: nothing here reads a setting.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.fulfillment import Disposition, Postage, ReturnReason
from contracts.money import Money
from contracts.order import (
    OrderLine,
    RefundCause,
    RefundMoment,
    ReturnDenial,
    ReturnLine,
    ReturnQuestion,
    ReturnRule,
    ReturnTerms,
)

__all__ = [
    "DECIDE_WITHIN",
    "FAULTS",
    "GOODS_WITHIN",
    "INSPECT_WITHIN",
    "LABEL_FEES",
    "OPEN_WITHIN",
    "POLICIES",
    "STANDARD",
    "VERSION",
    "ReturnPolicy",
    "cause_of",
    "fee_of",
    "label_fee",
    "label_fee_set",
    "policy_of",
    "postage_for",
    "ruled",
]

VERSION = 2
"""The version of this table."""

DECIDE_WITHIN = timedelta(days=3)
"""How long a person has to make an exception; silence makes none."""

GOODS_WITHIN = timedelta(days=30)
"""How long the goods of an approved return may take to come."""

OPEN_WITHIN = timedelta(minutes=15)
"""How long fulfillment may take to list a return, before it is asked again."""

INSPECT_WITHIN = timedelta(days=7)
"""How long a node has to look at what came, before a person is asked."""

FAULTS = frozenset(
    {ReturnReason.DEFECTIVE, ReturnReason.DAMAGED, ReturnReason.WRONG_ITEM, ReturnReason.NOT_AS_DESCRIBED}
)
"""Reasons of which the merchant is at fault."""

_WORN = frozenset({Disposition.REFURBISH, Disposition.SCRAP})
"""Dispositions of goods that cannot be sold as they came back."""

LABEL_FEES: Mapping[str, int] = {"EUR": 495, "USD": 595, "GBP": 450, "CHF": 700, "JPY": 800}
"""What our label for the way back costs a customer who is to pay for it, by currency in minor units; in others nothing."""

FULL = 10_000
"""All of a price, in hundredths of a per cent."""


@dataclass(frozen=True, slots=True)
class ReturnPolicy:
    """Rules: how long after the last delivery (or, of what nobody reports delivered, after it left) goods may come back,
    where we are at fault (`fault_window`) and where not; for how long after that a person may make an exception; what is
    kept of the price (hundredths of a per cent) in any case and of goods that come back worn; when the money is granted.
    Fees are of returns of which we are not at fault. `at_once`: what is sent for them in an exchange may leave before they
    come. `final_sale`: all of it is sold for good. `label`: who pays for our label where we are not at fault."""

    window: timedelta = timedelta(days=30)
    grace: timedelta = timedelta(days=14)
    fault_window: timedelta = timedelta(days=730)
    restocking: int = 0
    damaged: int = 3_000
    refund_at: RefundMoment = RefundMoment.INSPECTION
    at_once: bool = False
    final_sale: bool = False
    label: Postage = Postage.DEDUCTED


STANDARD = "standard"

POLICIES: Mapping[str, ReturnPolicy] = {
    STANDARD: ReturnPolicy(),
    "electronics": ReturnPolicy(window=timedelta(days=14), grace=timedelta(days=7), restocking=1_500),
    "apparel": ReturnPolicy(window=timedelta(days=60), grace=timedelta(days=30)),
    "trusted": ReturnPolicy(window=timedelta(days=100), damaged=0, refund_at=RefundMoment.RECEIPT, at_once=True),
}
"""The rules by name."""


def policy_of(line: OrderLine, terms: ReturnTerms | None) -> tuple[str, ReturnPolicy, ReturnRule | None]:
    """The rules of a line, and what they are called; the last is what a seller set, None where the table says them."""
    set_rules = {rule.name: rule for rule in terms.rules} if terms else {}
    known = line.return_policy in POLICIES or line.return_policy in set_rules
    name = line.return_policy if known and line.return_policy else STANDARD
    rule = set_rules.get(name)
    return name, POLICIES[name] if rule is None else _policy(rule), rule


def _policy(rule: ReturnRule) -> ReturnPolicy:
    return ReturnPolicy(
        window=timedelta(days=rule.window_days),
        grace=timedelta(days=rule.grace_days),
        fault_window=timedelta(days=rule.fault_days),
        restocking=rule.restocking,
        damaged=rule.damaged,
        refund_at=rule.refund_at,
        at_once=rule.at_once,
        final_sale=rule.final_sale,
        label=rule.label,
    )


def ruled(
    policy: ReturnPolicy, final_sale: bool, reason: ReturnReason, since: datetime, now: datetime
) -> ReturnDenial | ReturnQuestion | None:
    """What the rules say of a line that is with the customer since then: no, a person decides, or (None) yes.
    `final_sale`: it was sold for good."""
    if reason in FAULTS:
        return None if now <= since + policy.fault_window else ReturnDenial.TOO_LATE
    if final_sale or policy.final_sale:
        return ReturnDenial.FINAL_SALE
    if now > since + policy.window + policy.grace:
        return ReturnDenial.TOO_LATE
    if now > since + policy.window:
        return ReturnQuestion.LATE
    return ReturnQuestion.OTHER_REASON if reason is ReturnReason.OTHER else None


def postage_for(lines: Collection[ReturnLine], label: bool) -> Postage:
    """Who pays for the way back: we do as soon as one of the reasons is our fault, and for our label where the rules of
    all lines say so."""
    if any(line.reason in FAULTS for line in lines):
        return Postage.OURS
    if not label:
        return Postage.CUSTOMERS
    ours = all(line.rule is not None and line.rule.label is Postage.OURS for line in lines)
    return Postage.OURS if ours else Postage.DEDUCTED


def cause_of(line: ReturnLine) -> RefundCause:
    """Why the money of units that come back goes back."""
    return RefundCause.RETURNED_AT_FAULT if line.reason in FAULTS else RefundCause.RETURNED


def label_fee_set(terms: ReturnTerms | None, currency: str) -> Money | None:
    """What our label costs where a seller set it; None where the table says it."""
    if terms is None or terms.label_fees is None:
        return None
    found = (fee for fee in terms.label_fees if fee.currency == currency)
    return next(found, Money(amount=0, currency=currency))


def label_fee(postage: Postage, currency: str, fee: Money | None) -> int:
    """What our label costs, in minor units, where the customer pays for it; `fee` is what a seller set."""
    if postage is not Postage.DEDUCTED:
        return 0
    return LABEL_FEES.get(currency, 0) if fee is None else fee.amount


def fee_of(amount: int, reason: ReturnReason, disposition: Disposition | None, restocking: int, damaged: int) -> int:
    """What is kept of the value of returned units (minor units), rounded down."""
    if reason in FAULTS:
        return 0
    rate = min(FULL, restocking + (damaged if disposition in _WORN else 0))
    return amount * rate // FULL
