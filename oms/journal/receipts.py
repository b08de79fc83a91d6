"""Money that reaches bank accounts or is kept on the way: entries of which all is said by the event itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from contracts.envelope import Envelope
from contracts.ids import split_stream
from contracts.message import Message
from contracts.money import Money
from contracts.payments import (
    CardCaptured,
    CardRefunded,
    TransferReceived,
    TransferReturned,
    TransferUnmatched,
)
from contracts.payments.collecting import InvoiceOverpaid
from contracts.payments.receivables import (
    EntryMatched,
    EntrySettled,
    EntryUnmatched,
    InvoicePaid,
    InvoiceWrittenOff,
)
from oms.journal.accounts import Account

__all__ = ["RECEIPTS", "Found", "moved"]

Found = tuple[str | None, str, Mapping[str, Counter[Account]]] | None
"""The order and the document that an entry is about, and by currency what stands on each account; nothing where no money
moved."""


def moved(order: str | None, document: str, amount: Money, debit: Account, credit: Account) -> Found:
    """An amount from one account to another."""
    return order, document, {amount.currency: Counter({debit: amount.amount, credit: -amount.amount})}


def _came(envelope: Envelope, event: EntryMatched | EntryUnmatched) -> Found:
    """What is left of an entry that its invoice did not need had come before."""
    if isinstance(event, EntryUnmatched) and event.invoice is not None:
        return None
    return moved(None, event.entry, event.amount, Account.BANK, Account.UNMATCHED)


def _paid(envelope: Envelope, event: InvoicePaid) -> Found:
    """By what came to a bank account, or by a charge to the card on file."""
    invoice = split_stream(envelope.subject)[1]
    came = Account.UNMATCHED if event.collected is None else Account.PREPAID
    return moved(None, invoice, event.amount, came, Account.INVOICE)


def _overpaid(envelope: Envelope, event: InvoiceOverpaid) -> Found:
    return moved(event.order_id, event.invoice, event.amount, Account.INVOICE, Account.PREPAID)


def _written_off(envelope: Envelope, event: InvoiceWrittenOff) -> Found:
    invoice = split_stream(envelope.subject)[1]
    return moved(None, invoice, event.amount, Account.WRITTEN_OFF, Account.INVOICE)


def _settled(envelope: Envelope, event: EntrySettled) -> Found:
    return moved(None, event.entry, event.amount, Account.UNMATCHED, Account.BY_HAND)


def _received(envelope: Envelope, event: TransferReceived) -> Found:
    return moved(event.order_id, event.transfer, event.amount, Account.BANK, Account.TRANSFER)


def _not_needed(envelope: Envelope, event: TransferUnmatched) -> Found:
    return moved(event.order_id, event.order_id, event.amount, Account.TRANSFER, Account.CREDIT)


def _sent_back(envelope: Envelope, event: TransferReturned) -> Found:
    return moved(event.order_id, event.transfer, event.amount, Account.CREDIT, Account.BANK)


def _by_provider(envelope: Envelope, event: CardCaptured | CardRefunded) -> Found:
    """What a provider keeps, and what reaches the account in another currency: of a refund, leaves it. What is taken at the
    order or for an invoice, or goes back of that, no capture or refund of the order tells."""
    settled, taken = event.settlement, isinstance(event, CardCaptured)
    found: dict[str, Counter[Account]] = {event.amount.currency: Counter()}
    if event.prepaid:
        size = event.amount.amount if taken else -event.amount.amount
        found[event.amount.currency].update({Account.CARD: size, Account.PREPAID: -size})
    if settled is None:
        return (event.order_id, event.reference or event.key, found) if event.prepaid else None
    found.setdefault(settled.amount.currency, Counter())
    if settled.amount.currency != event.amount.currency:
        sign = 1 if taken else -1
        for money, way in ((event.amount, sign), (settled.amount, -sign)):
            size = abs(money.amount) * way
            found[money.currency].update({Account.CONVERSION: size, Account.CARD: -size})
    if settled.fee is not None:
        fee = settled.fee.amount
        of = found.setdefault(settled.fee.currency, Counter())
        of.update({Account.PROVIDER_FEES: fee, Account.CARD: -fee})
    return event.order_id, event.reference or event.key, found


RECEIPTS: Mapping[type[Message], Callable[[Envelope, Any], Found]] = {
    EntryMatched: _came,
    EntryUnmatched: _came,
    EntrySettled: _settled,
    InvoicePaid: _paid,
    InvoiceOverpaid: _overpaid,
    InvoiceWrittenOff: _written_off,
    TransferReceived: _received,
    TransferUnmatched: _not_needed,
    TransferReturned: _sent_back,
    CardCaptured: _by_provider,
    CardRefunded: _by_provider,
}
