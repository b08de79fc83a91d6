"""The kinds of streams of the payments service."""

from __future__ import annotations

from services.payments.bank_account import BANK_ACCOUNT
from services.payments.invoice import INVOICE
from services.payments.invoice_series import SERIES
from services.payments.payment import PAYMENT
from services.payments.stored_value import STORED_VALUES

__all__ = ["KINDS"]

KINDS = (PAYMENT, STORED_VALUES, INVOICE, SERIES, BANK_ACCOUNT)
