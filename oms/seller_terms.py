"""What the settings say of returns and refunds, as what the doors of orders stand on."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from chassis.seller_settings import RefundLimitSettings, ReturnRuleSettings
from chassis.settings import Settings
from contracts.fulfillment import Postage
from contracts.money import Money
from contracts.order import RefundApprover, RefundLimits, RefundMoment, ReturnRule
from services.order.return_policy import POLICIES, STANDARD
from services.order.seller_terms import SellerTerms

__all__ = ["seller_terms"]


def seller_terms(settings: Settings) -> SellerTerms:
    """What sellers say, each rule whole: what a setting leaves out is as the table has it."""
    return SellerTerms(
        rules={
            seller: tuple(_rule(name, rule) for name, rule in sorted(rules.items()))
            for seller, rules in settings.return_rules.items()
        },
        label_fees={seller: _amounts(fees) for seller, fees in settings.label_fees.items()},
        limits={
            seller: {RefundApprover(role): _limits(limits) for role, limits in roles.items()}
            for seller, roles in settings.refund_limits.items()
        },
    )


def _rule(name: str, said: ReturnRuleSettings) -> ReturnRule:
    table = POLICIES.get(name, POLICIES[STANDARD])
    by = {"customer": Postage.DEDUCTED, "seller": Postage.OURS}
    return ReturnRule(
        name=name,
        window_days=table.window.days if said.window_days is None else said.window_days,
        grace_days=table.grace.days if said.grace_days is None else said.grace_days,
        fault_days=table.fault_window.days if said.fault_days is None else said.fault_days,
        final_sale=table.final_sale if said.final_sale is None else said.final_sale,
        restocking=_hundredths(said.restocking_percent, table.restocking),
        damaged=_hundredths(said.worn_percent, table.damaged),
        refund_at=table.refund_at if said.refund_at is None else RefundMoment(said.refund_at),
        at_once=table.at_once if said.send_at_once is None else said.send_at_once,
        label=table.label if said.label_paid_by is None else by[said.label_paid_by],
    )


def _hundredths(percent: Decimal | None, otherwise: int) -> int:
    """Of a per cent."""
    return otherwise if percent is None else int(percent * 100)


def _limits(said: RefundLimitSettings) -> RefundLimits:
    if said.approves == "any":
        return RefundLimits(alone=_amounts(said.alone), approves_any=True)
    return RefundLimits(alone=_amounts(said.alone), approves=_amounts(said.approves))


def _amounts(by_currency: Mapping[str, int]) -> tuple[Money, ...]:
    return tuple(Money(amount=amount, currency=currency) for currency, amount in sorted(by_currency.items()))
