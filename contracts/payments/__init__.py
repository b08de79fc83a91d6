"""Messages of the payments service: tenders of an order, their authorisations, captures, voids and refunds.

Amounts are money in minor units with their currency; the whole payment of an order has one currency. A tender is named
by its place (from 0) among the tenders that the order was placed with; its rank decides when a capture draws on it. The
modules are rooms, by subject; what they hold is imported from here, but for that of
invoices.py.
"""

from __future__ import annotations

from contracts.payments import invoices
from contracts.payments.paying import (
    Authorization,
    AuthorizationExpired,
    AuthorizePayment,
    Capability,
    Capture,
    CaptureLine,
    CapturePayment,
    CaptureRefusal,
    CaptureRefused,
    CaptureRepeated,
    CardDecline,
    DeclineReason,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRepeated,
    PaymentVoided,
    VoidPayment,
)
from contracts.payments.refunding import (
    PaymentRefunded,
    RefundPayment,
    RefundRefusal,
    RefundRefused,
    RefundRepeated,
    TenderRefund,
)

__all__ = [
    "Authorization",
    "AuthorizationExpired",
    "AuthorizePayment",
    "Capability",
    "Capture",
    "CaptureLine",
    "CapturePayment",
    "CaptureRefusal",
    "CaptureRefused",
    "CaptureRepeated",
    "CardDecline",
    "DeclineReason",
    "PaymentAuthorized",
    "PaymentCaptured",
    "PaymentDeclined",
    "PaymentRefunded",
    "PaymentRepeated",
    "PaymentVoided",
    "RefundPayment",
    "RefundRefusal",
    "RefundRefused",
    "RefundRepeated",
    "TenderRefund",
    "VoidPayment",
    "invoices",
]
