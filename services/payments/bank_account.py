"""The entries of a bank account: each counts once, goes to the invoice that it names, or waits for a person.

One stream an account. Whatever is asked for twice, by a statement that is read again, changes nothing: entries are known
again, or were booked so early that nobody could tell, and are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from chassis.decider import Context, Fold, Outgoing, Send, StreamKind
from chassis.maps import HashTrieMap
from chassis.states import replace
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
from services.payments.receivables import FINANCE

__all__ = ["BANK_ACCOUNT", "KNOWN_MAX", "PLACEHOLDERS", "BankAccount", "bank_stream"]

PLACEHOLDERS = frozenset({"NONREF", "NOTPROVIDED"})
"""What banks write where they name an entry by nothing: it names every entry alike. Such entries have names of ours; those
that were booked under the placeholder before are known by their day and amount."""

KNOWN_MAX = 20_000
"""Entries of an account that are known again when a statement is read once more: those that were booked last."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """The last entries by their names, each with the day on which it was booked (ISO 8601), and by that day; `forgotten` is
    the last day of which none is known any more. Besides those that wait for a person, and by day and
    amount those that are called by a placeholder and have not come again under a name of ours."""

    known: HashTrieMap[str, str] = HashTrieMap()
    days: HashTrieMap[str, tuple[str, ...]] = HashTrieMap()
    forgotten: str | None = None
    unmatched: HashTrieMap[str, EntryUnmatched] = HashTrieMap()
    placeholders: HashTrieMap[str, tuple[str, ...]] = HashTrieMap()


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
        case EntryRepeated(before=str(before)) if before in state.known:
            return _renamed(state, event.entry, before)
    return state


def _remember(state: BankAccount, entry: BankEntry) -> BankAccount:
    if entry.entry in state.known:
        return state
    day = entry.booked_on.isoformat()
    state = _known(state, entry.entry, day)
    if _is_placeholder(entry.entry):
        key = _day_and_amount(entry)
        names = (*state.placeholders.get(key, ()), entry.entry)
        state = replace(state, placeholders=state.placeholders.insert(key, names))
    return _without_first_day(state) if len(state.known) > KNOWN_MAX else state


def _known(state: BankAccount, name: str, day: str) -> BankAccount:
    days = state.days.insert(day, (*state.days.get(day, ()), name))
    return replace(state, known=state.known.insert(name, day), days=days)


def _is_placeholder(name: str) -> bool:
    """Whether an entry is called by a placeholder, or by one with the number that it had in its statement."""
    return name.partition("/")[0].strip().upper() in PLACEHOLDERS


def _day_and_amount(entry: BankEntry) -> str:
    return f"{entry.booked_on.isoformat()} {entry.amount.amount} {entry.amount.currency}"


def _renamed(state: BankAccount, name: str, before: str) -> BankAccount:
    """An entry that was booked under a placeholder came again under a name of ours, and stands for no other."""
    placeholders = state.placeholders
    for key, names in state.placeholders.items():
        if before in names:
            left = tuple(each for each in names if each != before)
            placeholders = placeholders.insert(key, left) if left else placeholders.discard(key)
    state = _known(replace(state, placeholders=placeholders), name, state.known[before])
    return _without_first_day(state) if len(state.known) > KNOWN_MAX else state


def _without_first_day(state: BankAccount) -> BankAccount:
    """A day is forgotten as a whole, so that of each day all entries are known, or none is taken."""
    first, known, placeholders = min(state.days.keys()), state.known, state.placeholders
    for entry in state.days[first]:
        known = known.discard(entry)
    for key in sorted(state.placeholders):
        if key.startswith(first):
            placeholders = placeholders.discard(key)
    forgotten = max(first, state.forgotten or first)
    return replace(state, known=known, days=state.days.discard(first), forgotten=forgotten, placeholders=placeholders)


def _fields(entry: BankEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in BankEntry.model_fields}


def _record(command: RecordBankEntry, state: BankAccount, context: Context) -> Sequence[Event]:
    if command.entry in state.known or command.entry in state.unmatched:
        return (EntryRepeated(account=command.account, entry=command.entry),)
    if command.unnamed and (booked := state.placeholders.get(_day_and_amount(command))):
        return (EntryRepeated(account=command.account, entry=command.entry, before=booked[0]),)
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
    folds=(Fold("bank_account", 3, BankAccount(), _evolve, _react),),
    decide={
        RecordBankEntry: _record,
        SettleEntry: _settle,
        InvoicePaid: _on_paid,
        PaymentNotTaken: _on_not_taken,
    },
)
