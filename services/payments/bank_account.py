"""The entries of a bank account: each counts once, goes to the invoice that it names, or waits for a person.

One stream an account. Whatever is asked for twice, by a statement that is read again, changes nothing: entries are known
again, or were booked so early that nobody could tell, and are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from chassis.decider import Context, Fold, Outgoing, Send, StreamKind
from chassis.maps import HashTrieMap
from contracts.ids import aggregate_id, split_stream, stream
from contracts.message import Event
from contracts.payments.receivables import (
    BankEntry,
    EntryAssigned,
    EntryMatched,
    EntryRefusal,
    EntryRefused,
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
"""Entries of an account that are known again when a statement is read once more: those that were booked last."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """The last entries by their names, each with the day on which it was booked (ISO 8601), and by that day; `forgotten` is
    the last day of which none is known any more. Besides those that wait for a person."""

    known: HashTrieMap[str, str] = HashTrieMap()
    days: HashTrieMap[str, tuple[str, ...]] = HashTrieMap()
    forgotten: str | None = None
    unmatched: HashTrieMap[str, EntryUnmatched] = HashTrieMap()


def bank_stream(tenant: str, account: str) -> str:
    """The stream of an account, by its name or IBAN."""
    return stream("bank_account", aggregate_id(tenant, "bank_account", account))


def _evolve(state: BankAccount, event: Event) -> BankAccount:
    match event:
        case EntryMatched():
            return _remember(state, event)
        case EntryUnmatched():
            return replace(_remember(state, event), unmatched=state.unmatched.insert(event.entry, event))
        case EntryAssigned() | EntrySettled():
            return replace(state, unmatched=state.unmatched.discard(event.entry))
    return state


def _remember(state: BankAccount, entry: BankEntry) -> BankAccount:
    if entry.entry in state.known:
        return state
    day = entry.booked_on.isoformat()
    known, days = state.known.insert(entry.entry, day), state.days.insert(day, (*state.days.get(day, ()), entry.entry))
    state = replace(state, known=known, days=days)
    return _without_first_day(state) if len(known) > KNOWN_MAX else state


def _without_first_day(state: BankAccount) -> BankAccount:
    """A day is forgotten as a whole, so that of each day all entries are known, or none is taken."""
    first, known = min(state.days.keys()), state.known
    for entry in state.days[first]:
        known = known.discard(entry)
    return replace(state, known=known, days=state.days.discard(first), forgotten=max(first, state.forgotten or first))


def _fields(entry: BankEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in BankEntry.model_fields}


def _record(command: RecordBankEntry, state: BankAccount, context: Context) -> Sequence[Event]:
    if command.entry in state.known or command.entry in state.unmatched:
        return (EntryRepeated(account=command.account, entry=command.entry),)
    if state.forgotten is not None and command.booked_on.isoformat() <= state.forgotten:
        forgotten = date.fromisoformat(state.forgotten)
        return (EntryRefused(**_fields(command), reason=EntryRefusal.FORGOTTEN_DAY, forgotten=forgotten),)
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
    folds=(Fold("bank_account", 2, BankAccount(), _evolve, _react),),
    decide={
        RecordBankEntry: _record,
        SettleEntry: _settle,
        InvoicePaid: _on_paid,
        PaymentNotTaken: _on_not_taken,
    },
)
