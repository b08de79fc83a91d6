"""The accounts of the journal. A debit is above zero, a credit below; the names are those that beancount reads."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from contracts.money import TaxRemitter, TenderMethod
from contracts.payments import IssueCause

__all__ = ["BY_CAUSE", "BY_METHOD", "BY_REMITTER", "Account"]


class Account(StrEnum):
    """What an amount stands on."""

    CARD = "Assets:Tender:Card"
    INVOICE = "Assets:Tender:Invoice"
    EXTERNAL = "Assets:Tender:External"
    COUPON = "Assets:Tender:Coupon"
    CASH = "Assets:Tender:CashOnDelivery"
    TRANSFER = "Assets:Tender:BankTransfer"
    VALUE_USED = "Assets:Tender:StoredValue"
    OTHER_TENDER = "Assets:Tender:Other"
    DISPUTED = "Assets:Disputed"
    BANK = "Assets:Bank"
    VALUE_SOLD = "Assets:StoredValueSold"
    ORDERS = "Liabilities:Orders"
    PREPAID = "Liabilities:Prepaid"
    CREDIT = "Liabilities:CustomerCredit"
    STORED_VALUE = "Liabilities:StoredValue"
    UNMATCHED = "Liabilities:BankUnmatched"
    TAX = "Liabilities:Tax:Merchant"
    TAX_MARKETPLACE = "Liabilities:Tax:Marketplace"
    SALES = "Income:Sales"
    RETURNS = "Income:Refunds"
    FEES = "Income:FeesRetained"
    BREAKAGE = "Income:Breakage"
    GOODWILL = "Expenses:Goodwill"
    CHARGEBACKS = "Expenses:Chargebacks"
    PROMOTION = "Expenses:Promotion"
    PROVIDER_FEES = "Expenses:ProviderFees"
    WRITTEN_OFF = "Expenses:WrittenOff"
    CONVERSION = "Equity:Conversion"
    BY_HAND = "Equity:SettledByHand"
    TAKEN_OVER = "Equity:TakenOver"

    @property
    def meaning(self) -> str:
        """What stands on it, for people."""
        return _MEANINGS[self]


_MEANINGS: Mapping[Account, str] = {
    Account.CARD: "taken through a payment provider, less what it keeps, until it pays out",
    Account.INVOICE: "owed by customers on account",
    Account.EXTERNAL: "taken by the channel, until it settles",
    Account.COUPON: "owed by manufacturers for their coupons",
    Account.CASH: "owed by carriers who took cash at the door",
    Account.TRANSFER: "paid by bank transfer: below zero what came and was not taken yet, or goes back",
    Account.VALUE_USED: "between a payment and the ledger of a gift card or store credit: zero once both have said so",
    Account.OTHER_TENDER: "taken by a method that is not known here, or given back in part by one that is not told",
    Account.DISPUTED: "withheld by banks until a dispute is decided",
    Account.BANK: "what came to bank accounts, as statements and people say it",
    Account.VALUE_SOLD: "paid for gift cards, until it is matched with what took the money",
    Account.ORDERS: "paid by customers and not fulfilled yet, by order: zero when an order has ended",
    Account.PREPAID: "taken of cards at the order, until goods leave or it goes back, and for an invoice, until that says what it needs: zero when an order has ended and no charge is under way",
    Account.CREDIT: "owed back to customers: zero when each refund is paid or withdrawn, and each transfer that nobody needs sent back",
    Account.STORED_VALUE: "what gift cards and store credit may still be spent on",
    Account.UNMATCHED: "came to a bank account and is no invoice's yet: zero when nobody has to look at any",
    Account.TAX: "tax that we owe to authorities",
    Account.TAX_MARKETPLACE: "tax that a marketplace pays for us",
    Account.SALES: "what was fulfilled, without tax",
    Account.RETURNS: "what was granted back, without tax; less of income",
    Account.FEES: "what was kept of refunds",
    Account.BREAKAGE: "stored value that lapsed",
    Account.GOODWILL: "given to make something good",
    Account.CHARGEBACKS: "lost in disputes",
    Account.PROMOTION: "given to win customers",
    Account.PROVIDER_FEES: "kept by payment providers",
    Account.WRITTEN_OFF: "given up of invoices",
    Account.CONVERSION: "between what was paid and what reaches the account, where the currencies differ",
    Account.BY_HAND: "bank entries that are no invoice's, as people said: payouts, transfers, what was sent back",
    Account.TAKEN_OVER: "what another system had taken, fulfilled or issued before",
}

BY_METHOD: Mapping[str, Account] = {
    TenderMethod.CARD: Account.CARD,
    TenderMethod.INVOICE: Account.INVOICE,
    TenderMethod.EXTERNAL: Account.EXTERNAL,
    TenderMethod.COUPON: Account.COUPON,
    TenderMethod.GIFT_CARD: Account.VALUE_USED,
    TenderMethod.STORE_CREDIT: Account.VALUE_USED,
    "cash_on_delivery": Account.CASH,
    "bank_transfer": Account.TRANSFER,
}
"""Where what a tender pays stands."""

BY_CAUSE: Mapping[IssueCause, Account] = {
    IssueCause.SOLD: Account.VALUE_SOLD,
    IssueCause.REFUND: Account.VALUE_USED,
    IssueCause.GOODWILL: Account.GOODWILL,
    IssueCause.PROMOTION: Account.PROMOTION,
    IssueCause.IMPORTED: Account.TAKEN_OVER,
}
"""What pays for value that is issued."""

BY_REMITTER: Mapping[TaxRemitter, Account] = {
    TaxRemitter.MERCHANT: Account.TAX,
    TaxRemitter.MARKETPLACE: Account.TAX_MARKETPLACE,
}
