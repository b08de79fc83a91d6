"""Settings that a seller may have of their own: rules of returns, and how much may be given back.

Tables of the settings file; what they mean to an order is the order service's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["ByCurrency", "Named", "RefundLimitSettings", "ReturnRuleSettings", "ReturnRulesByName"]

DAYS_MAX = 36_500
"""A hundred years."""

RULES_MAX = 100
"""Rules of returns that one seller may name: all of them go with each question."""

AMOUNT_MAX = 10**12
"""Minor units that a fee or a limit may be at most."""


def _two_places(percent: Decimal) -> Decimal:
    if percent * 100 % 1:
        raise ValueError("a percentage has two decimals at most")
    return percent


Days = Annotated[int, Field(ge=0, le=DAYS_MAX)]
Percent = Annotated[Decimal, Field(ge=0, le=100), AfterValidator(_two_places)]
Code = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
Named = Annotated[str, StringConstraints(min_length=1, max_length=100)]
ByCurrency = Mapping[Code, Annotated[int, Field(ge=0, le=AMOUNT_MAX)]]


class ReturnRuleSettings(BaseModel):
    """What a seller says in rules of returns; what is not said is as in the rules of the same name, or the standard ones,
    that the order service has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_days: Days | None = None
    grace_days: Days | None = None
    fault_days: Days | None = None
    final_sale: bool | None = None
    restocking_percent: Percent | None = None
    worn_percent: Percent | None = None
    refund_at: Literal["receipt", "inspection"] | None = None
    send_at_once: bool | None = None
    label_paid_by: Literal["customer", "seller"] | None = None


ReturnRulesByName = Annotated[Mapping[Named, ReturnRuleSettings], Field(max_length=RULES_MAX)]


class RefundLimitSettings(BaseModel):
    """How much a role may give back of one order, alone and of what another proposed, by currency in minor units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alone: ByCurrency
    approves: ByCurrency | Literal["any"]
