"""The kinds of streams of the payments service."""

from __future__ import annotations

from services.payments.invoice import INVOICE
from services.payments.invoice_series import SERIES
from services.payments.payment import PAYMENT

__all__ = ["KINDS"]

KINDS = (PAYMENT, INVOICE, SERIES)
