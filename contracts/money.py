"""Money and quantities: whole numbers with a currency or a unit, and the one way to take shares of an amount.

Here live the values that messages carry about money, and the arithmetic that every reader must do alike. Prices,
tax and promotions are decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Annotated

from pydantic import StringConstraints

from contracts.message import Instant, Value

__all__ = [
    "SHARES_VERSION",
    "CaptureTime",
    "Charge",
    "ChargeKind",
    "Currency",
    "DecimalText",
    "ExternalState",
    "Funder",
    "Money",
    "Quantity",
    "RefundExecutor",
    "RefundRule",
    "TaxLine",
    "TaxRemitter",
    "Tender",
    "TenderMethod",
    "minor_digits",
    "share",
    "share_by_weight",
]

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 alphabetic code."""

DecimalText = Annotated[str, StringConstraints(pattern=r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$")]
"""A decimal number as text, never a float: `19.6`, `-0.05`."""

_NO_MINOR_UNIT = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_TEN_THOUSANDTHS = frozenset({"CLF", "UYW"})
_MINOR_DIGITS = {
    **dict.fromkeys(_NO_MINOR_UNIT, 0),
    **dict.fromkeys(_THOUSANDTHS, 3),
    **dict.fromkeys(_TEN_THOUSANDTHS, 4),
}
"""The currencies whose minor unit is not a hundredth. Source: ISO 4217, list one, column "minor unit"."""


def minor_digits(currency: str) -> int:
    """How many decimals of `currency` one minor unit stands for: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _MINOR_DIGITS.get(currency, 2)


class Money(Value):
    """An amount in minor units of a currency (ISO 4217): 1050 EUR is 10.50 euros. May be negative."""

    amount: int
    currency: Currency

    @classmethod
    def from_decimal(cls, text: str, currency: str) -> Money:
        """Read `10.50`; raises ValueError for what is no decimal number, or finer than the currency's minor unit."""
        try:
            scaled = Decimal(text).scaleb(minor_digits(currency))
        except InvalidOperation as error:
            raise ValueError(f"{text!r} is not a decimal number") from error
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise ValueError(f"{text!r} has more than the {minor_digits(currency)} decimals of {currency}")
        return cls(amount=int(scaled), currency=currency)

    def to_decimal(self) -> str:
        """The amount as people write it, with all decimals of the currency: `10.50`."""
        return f"{Decimal(self.amount).scaleb(-minor_digits(self.currency)):f}"

    def __add__(self, other: Money) -> Money:
        return Money(amount=self.amount + self._same_currency(other).amount, currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(amount=self.amount - self._same_currency(other).amount, currency=self.currency)

    def __neg__(self) -> Money:
        return Money(amount=-self.amount, currency=self.currency)

    def _same_currency(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"{other.currency} cannot be added to or taken from {self.currency}")
        return other


class Quantity(Value):
    """A whole number of a unit: of an item's base unit (`each`, `g`, `ml`, `mm`), or of the unit that was ordered."""

    amount: int
    unit: str


SHARES_VERSION = 1
"""The version of the allocation that `share` is; stored with every amount that is shared out."""


def share(total: int, units: int, start: int, end: int) -> int:
    """The part of `total` (minor units) that the units [start, end) of `units` get: f(end) - f(start).

    f(k) = floor(total * k / units), of a negative total by its absolute value. So ranges that do not overlap never sum
    to more or less than the whole. Raises ValueError when the range does not lie in [0, units].
    """
    if not 0 <= start <= end <= units or units == 0:
        raise ValueError(f"the range of units [{start}, {end}) does not lie in [0, {units}) of a positive number")
    size = abs(total)
    part = size * end // units - size * start // units
    return part if total >= 0 else -part


def share_by_weight(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """The part of `total` that each line gets, by its weight (its extended amount, minor units), in line order.

    Where all weights are 0 (goods given away, but the parcel costs) all lines weigh the same. Raises ValueError for no
    line at all, or a negative weight.
    """
    if not weights or min(weights) < 0:
        raise ValueError(f"shares need at least one weight and none below 0, not {list(weights)}")
    marks = [0, *accumulate(weights if any(weights) else [1] * len(weights))]
    return tuple(share(total, marks[-1], start, end) for start, end in pairwise(marks))


class ChargeKind(StrEnum):
    """What an amount is for. A discount is negative; `rounding` is the rounding of the whole document."""

    ITEM = "item"
    SHIPPING = "shipping"
    HANDLING = "handling"
    GIFT_WRAP = "gift_wrap"
    DEPOSIT = "deposit"
    DUTY = "duty"
    FEE = "fee"
    TIP = "tip"
    ROUNDING = "rounding"
    DISCOUNT = "discount"


class Funder(StrEnum):
    """Who pays for a discount, or gets a charge."""

    MERCHANT = "merchant"
    MANUFACTURER = "manufacturer"
    MARKETPLACE = "marketplace"


class RefundRule(StrEnum):
    """How a charge comes back: with the units that come back, only when all do, or never."""

    BY_UNITS = "by_units"
    WHEN_ALL_RETURNED = "when_all_returned"
    NEVER = "never"


class TaxRemitter(StrEnum):
    """Who pays a tax to the authority."""

    MERCHANT = "merchant"
    MARKETPLACE = "marketplace"


class TaxLine(Value):
    """One tax on a charge: `rate` as a fraction (`0.19` is 19 %), `base` what it was computed on, `amount` the tax.

    `jurisdiction` names the authority (ISO 3166 code, or the computing system's own); `computed_by` the system that
    computed it, `remitted_by` who pays it to the authority.
    """

    jurisdiction: str
    rate: DecimalText
    base: Money
    amount: Money
    computed_by: str
    remitted_by: TaxRemitter = TaxRemitter.MERCHANT


class Charge(Value):
    """A typed amount on a line, a ship group or an order; a discount or rounding down is negative.

    `amount` is for all units together. `tax_included` says that `taxes` lie inside it, otherwise they come on top.
    `code` is the promotion, fee or coupon that it stands for, in the channel's words; never free text of a person.
    """

    kind: ChargeKind
    amount: Money
    tax_included: bool = False
    taxes: tuple[TaxLine, ...] = ()
    funded_by: Funder = Funder.MERCHANT
    refund_rule: RefundRule = RefundRule.BY_UNITS
    code: str | None = None


class TenderMethod(StrEnum):
    """What is paid with. `external`: the channel took the money; `coupon`: a manufacturer pays it; `cash_on_delivery`: the
    carrier takes it at the door and owes it."""

    INVOICE = "invoice"
    EXTERNAL = "external"
    COUPON = "coupon"
    CARD = "card"
    GIFT_CARD = "gift_card"
    STORE_CREDIT = "store_credit"
    CASH_ON_DELIVERY = "cash_on_delivery"
    BANK_TRANSFER = "bank_transfer"


class CaptureTime(StrEnum):
    """When the money of a tender is taken."""

    AT_ORDER = "at_order"
    AT_FULFILLMENT = "at_fulfillment"
    ON_DUE_DATE = "on_due_date"
    BY_CHANNEL = "by_channel"


class ExternalState(StrEnum):
    """How far the channel has gone with money that it takes."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"


class RefundExecutor(StrEnum):
    """Who pays a refund back; we instruct the channel where it does."""

    MERCHANT = "merchant"
    CHANNEL = "channel"


class Tender(Value):
    """A part of what is owed and how it is paid. Those with a lower `rank` are used first.

    `reference` is the provider's or channel's token of it (a purchase order number, a coupon's code), never a card
    number; of a card `provider` is who holds that token (absent: the installation's own). `card_on_file` is of an `invoice`
    tender: the provider's token of the card that is charged on the due date, held by `provider`. `external_state` and `refunds_by` are of an `external` tender; `expires_at` is when what the channel
    authorised lapses (UTC).
    """

    method: TenderMethod
    amount: Money
    rank: int = 0
    capture: CaptureTime = CaptureTime.AT_FULFILLMENT
    reference: str | None = None
    external_state: ExternalState | None = None
    refunds_by: RefundExecutor = RefundExecutor.MERCHANT
    expires_at: Instant | None = None
    provider: str | None = None
    card_on_file: str | None = None
