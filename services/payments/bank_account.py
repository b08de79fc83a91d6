"""The entries of a bank account: each counts once, goes to the invoice that it names, or waits for a person.

One stream an account. Whatever is asked for twice, by a statement that is read again, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chassis.decider import Context, Fold, Outgoing, Send, StreamKind
from chassis.maps import HashTrieMap
from contracts.ids import aggregate_id, split_stream, stream
from contracts.message import Event
from contracts.payments.receivables import (
    BankEntry,
    EntryAssigned,
    EntryMatched,
    EntryRepeated,
    EntrySettled,
    EntryUnmatched,
    InvoicePaid,
    PaymentNotTaken,
    RecordBankEntry,
    RecordPaymentReceived,
    SettleEntry,
    SettleEntryRefusal,
    SettleEntryRefused,
    UnmatchedReason,
)
from services.payments.invoice import FINANCE

__all__ = ["BANK_ACCOUNT", "KNOWN_MAX", "BankAccount", "bank_stream"]

KNOWN_MAX = 20_000
"""Entries of an account, the last ones, that are known again when a statement is read once more."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """The last entries by their names (`known`, and in `order`), and those that wait for a person."""

    known: HashTrieMap[str, bool] = HashTrieMap()
    order: tuple[str, ...] = ()
    unmatched: HashTrieMap[str, EntryUnmatched] = HashTrieMap()


def bank_stream(tenant: str, account: str) -> str:
    """The stream of an account, by its name or IBAN."""
    return stream("bank_account", aggregate_id(tenant, "bank_account", account))


def _evolve(state: BankAccount, event: Event) -> BankAccount:
    match event:
        case EntryMatched():
            return _remember(state, event.entry)
        case EntryUnmatched():
            return replace(_remember(state, event.entry), unmatched=state.unmatched.insert(event.entry, event))
        case EntryAssigned() | EntrySettled():
            return replace(state, unmatched=state.unmatched.discard(event.entry))
    return state


def _remember(state: BankAccount, entry: str) -> BankAccount:
    if entry in state.known:
        return state
    known, order = state.known.insert(entry, True), (*state.order, entry)
    if len(order) > KNOWN_MAX:
        known, order = known.discard(order[0]), order[1:]
    return replace(state, known=known, order=order)


def _fields(entry: BankEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in BankEntry.model_fields}


def _record(command: RecordBankEntry, state: BankAccount, context: Context) -> Sequence[Event]:
    if command.entry in state.known or command.entry in state.unmatched:
        return (EntryRepeated(account=command.account, entry=command.entry),)
    if command.invoice is not None:
        return (EntryMatched(**_fields(command), invoice=command.invoice),)
    reason = command.unmatched or UnmatchedReason.NO_NUMBER
    return (EntryUnmatched(**_fields(command), reason=reason, owner=FINANCE, reference=command.reference),)


def _settle(command: SettleEntry, state: BankAccount, context: Context) -> Sequence[Event]:
    waiting = state.unmatched.get(command.entry)
    if waiting is None:
        return (SettleEntryRefused(entry=command.entry, reason=SettleEntryRefusal.NOT_UNMATCHED),)
    if command.invoice is not None:
        return (EntryAssigned(**_fields(waiting), invoice=command.invoice, detail=command.detail),)
    return (EntrySettled(account=waiting.account, entry=waiting.entry, amount=waiting.amount, detail=command.detail),)


def _on_paid(answer: InvoicePaid, state: BankAccount, context: Context) -> Sequence[Event]:
    """What the invoice did not need waits for a person."""
    if answer.over is None:
        return ()
    fields = {**_fields(answer), "amount": answer.over}
    return (_left(fields, UnmatchedReason.OVERPAID, context),)


def _on_not_taken(answer: PaymentNotTaken, state: BankAccount, context: Context) -> Sequence[Event]:
    return (_left(_fields(answer), answer.reason, context),)


def _left(fields: dict[str, Any], reason: UnmatchedReason, context: Context) -> EntryUnmatched:
    invoice = split_stream(context.subject)[1]
    return EntryUnmatched(**fields, reason=reason, owner=FINANCE, invoice=invoice)


def _react(state: BankAccount, event: Event) -> Sequence[Outgoing]:
    if not isinstance(event, EntryMatched | EntryAssigned):
        return ()
    received = RecordPaymentReceived(**_fields(event))
    return (Send("payments", stream("invoice", event.invoice), received, wants_answer=True),)


BANK_ACCOUNT = StreamKind(
    kind="bank_account",
    folds=(Fold("bank_account", 1, BankAccount(), _evolve, _react),),
    decide={
        RecordBankEntry: _record,
        SettleEntry: _settle,
        InvoicePaid: _on_paid,
        PaymentNotTaken: _on_not_taken,
    },
)
