"""The composition root of the payments service: settings in, one running process out."""

from __future__ import annotations

from chassis.parked_list import ParkedProjection
from chassis.runtime import installation_of, run_service
from chassis.service import Service
from chassis.settings import Settings
from services.payments.bank_list import BankEntriesProjection
from services.payments.invoice_list import InvoicesProjection
from services.payments.projections import PaymentsProjection
from services.payments.stored_value_projection import StoredValuesProjection
from services.payments.streams import KINDS

__all__ = ["declare", "run"]


def declare(namespace: str = "") -> Service:
    """The service: its name, its kinds of streams and its read models, and that it acts outside through workers."""
    projections = (
        PaymentsProjection(),
        InvoicesProjection(),
        StoredValuesProjection(),
        BankEntriesProjection(),
        ParkedProjection("payments"),
    )
    return Service("payments", KINDS, intents=True, namespace=namespace, projections=projections)


def run(settings: Settings) -> int:
    """Run one process until it is asked to stop; its exit code."""
    return run_service(declare(settings.namespace), installation_of(settings))
