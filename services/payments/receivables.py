"""What an invoice takes of the money that comes, and what of it is given up: deciders of a document's stream.

An entry of an account counts once, however often it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chassis.decider import Context
from contracts.message import Event
from contracts.money import Money
from contracts.payments.receivables import (
    BankEntry,
    InvoicePaid,
    InvoiceWrittenOff,
    PaymentNotTaken,
    RecordPaymentReceived,
    UnmatchedReason,
    WriteOffInvoice,
    WriteOffRefusal,
    WriteOffRefused,
)

if TYPE_CHECKING:
    from services.payments.invoice import Invoice

__all__ = ["FINANCE", "entry_key", "receive", "write_off"]

FINANCE = "finance"
"""Who looks after documents that wait, and what buyers owe."""


def entry_key(entry: BankEntry) -> str:
    """What an entry is known by."""
    return f"{entry.account}\x1f{entry.entry}"


def receive(command: RecordPaymentReceived, state: Invoice, context: Context) -> Sequence[Event]:
    """As much as is open; more is the account's again."""
    named = {name: getattr(command, name) for name in ("account", "entry", "booked_on", "collected")}
    if (reason := _not_taken(command, state)) is not None:
        return (PaymentNotTaken(**named, amount=command.amount, reason=reason, reply_to=context.reply_to),)
    currency, taken = command.amount.currency, min(command.amount.amount, state.open)
    over = command.amount.amount - taken
    return (
        InvoicePaid(
            **named,
            amount=Money(amount=taken, currency=currency),
            over=Money(amount=over, currency=currency) if over else None,
            open=Money(amount=state.open - taken, currency=currency),
            reply_to=context.reply_to,
        ),
    )


def _not_taken(command: RecordPaymentReceived, state: Invoice) -> UnmatchedReason | None:
    if state.number is None or state.on_account is None or not state.owes:
        return UnmatchedReason.NOT_ISSUED
    if state.on_account.currency != command.amount.currency:
        return UnmatchedReason.OTHER_CURRENCY
    return None if state.open else UnmatchedReason.NOTHING_OPEN


def write_off(command: WriteOffInvoice, state: Invoice, context: Context) -> Sequence[Event]:
    """All that is open."""
    if state.number is None or state.on_account is None or not state.owes:
        return (WriteOffRefused(reason=WriteOffRefusal.NOT_ISSUED),)
    if not state.open:
        return (WriteOffRefused(reason=WriteOffRefusal.NOTHING_OPEN),)
    amount = Money(amount=state.open, currency=state.on_account.currency)
    return (InvoiceWrittenOff(amount=amount, reason=command.reason),)
