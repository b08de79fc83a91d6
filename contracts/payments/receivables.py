"""What buyers pay of invoices: entries of bank accounts, what invoices take of them, and what is left for people.

A bank account is `bank_account/<id>`, uuid5 of (tenant, `bank_account`, the account's name or IBAN). An entry is known
again by its account and the bank's reference. Amounts are money in minor units.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from contracts.message import Command, Event, Value
from contracts.money import Money
from contracts.personal import Personal

__all__ = [
    "BankEntry",
    "EntryAssigned",
    "EntryMatched",
    "EntryRefusal",
    "EntryRefused",
    "EntryRepeated",
    "EntrySettled",
    "EntryUnmatched",
    "InvoicePaid",
    "InvoiceWrittenOff",
    "PaymentNotTaken",
    "RecordBankEntry",
    "RecordPaymentReceived",
    "SettleEntry",
    "SettleEntryRefusal",
    "SettleEntryRefused",
    "UnmatchedReason",
    "WriteOffInvoice",
    "WriteOffRefusal",
    "WriteOffRefused",
]

Detail = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class BankEntry(Value):
    """Money that came to an account: the bank's name of the `entry`, and the local date on which it was booked."""

    account: str
    entry: str
    amount: Money
    booked_on: date


class UnmatchedReason(StrEnum):
    """Why an entry, or a part of it, is no invoice's: it names none, one that nobody knows, or several; that has
    another currency, is not issued, or is no invoice; nothing of that is open; more came than is open."""

    NO_NUMBER = "no_number"
    UNKNOWN_NUMBER = "unknown_number"
    SEVERAL_NUMBERS = "several_numbers"
    OTHER_CURRENCY = "other_currency"
    NOT_ISSUED = "not_issued"
    NOTHING_OPEN = "nothing_open"
    OVERPAID = "overpaid"


# Commands


class RecordBankEntry(BankEntry, Command):
    """Money came. `invoice` is the id of the one invoice that it names; without it `unmatched` says why. What the payer
    wrote is sealed in `reference`. `unnamed`: the bank gave the entry no name, or a placeholder, and `entry` is one of
    ours."""

    invoice: str | None = None
    unmatched: UnmatchedReason | None = None
    unnamed: bool | None = None
    reference: Personal | None = None


class SettleEntry(Command):
    """A person says what an unmatched entry is: a payment of an `invoice` (its id), or what else was done about it."""

    entry: str
    invoice: str | None = None
    detail: Detail


class RecordPaymentReceived(BankEntry, Command):
    """Money came for this invoice. With `collected` it was charged to a card on file, by the attempt of that number:
    `account` is then the provider, and `entry` our id of the charge."""

    collected: int | None = None


class WriteOffInvoice(Command):
    """Give up what is open of an invoice. No name of a person in `reason`."""

    reason: Detail


# Events


class EntryMatched(BankEntry, Event):
    """An entry names an invoice (its id), which is told."""

    invoice: str


class EntryUnmatched(BankEntry, Event):
    """An entry, or what is left of it (`amount`), is no invoice's: `owner` should say what it is. `invoice` is the one
    that it was meant for, where there is one."""

    reason: UnmatchedReason
    owner: str
    invoice: str | None = None
    reference: Personal | None = None


class EntryRepeated(Event):
    """An entry came again; nothing was done. `before` is the placeholder under which it was booked, of one that the bank
    gave no name."""

    account: str
    entry: str
    before: str | None = None


class EntryRefusal(StrEnum):
    """Why an entry was not taken: of those that were booked so early it is not known any more which came before."""

    FORGOTTEN_DAY = "forgotten_day"


class EntryRefused(BankEntry, Event):
    """An entry was not taken, and pays nothing: it may have come before. The last day whose entries are not known any
    more is `forgotten`."""

    reason: EntryRefusal
    forgotten: date


class EntryAssigned(BankEntry, Event):
    """A person said that an unmatched entry is a payment of an invoice (its id), which is told."""

    invoice: str
    detail: str


class EntrySettled(Event):
    """A person did something else about an unmatched entry."""

    account: str
    entry: str
    amount: Money
    detail: str


class SettleEntryRefusal(StrEnum):
    """Why nothing was settled: no entry of that name is unmatched."""

    NOT_UNMATCHED = "not_unmatched"


class SettleEntryRefused(Event):
    """Nothing was settled."""

    entry: str
    reason: SettleEntryRefusal


class InvoicePaid(BankEntry, Event):
    """`amount` of an entry pays the invoice, of which `open` is left; `over` was more than was open. Of a charge `collected` is
    the number of the attempt. Answers the account, or the payment."""

    over: Money | None = None
    open: Money
    collected: int | None = None
    reply_to: str | None = None


class PaymentNotTaken(BankEntry, Event):
    """Nothing of an entry, or of a charge (`collected`: the number of its attempt), is this invoice's. Answers the account,
    or the payment."""

    reason: UnmatchedReason
    collected: int | None = None
    reply_to: str | None = None


class InvoiceWrittenOff(Event):
    """What was open of the invoice was given up."""

    amount: Money
    reason: str


class WriteOffRefusal(StrEnum):
    """Why nothing was given up: the document is no issued invoice, or nothing of it is open."""

    NOT_ISSUED = "not_issued"
    NOTHING_OPEN = "nothing_open"


class WriteOffRefused(Event):
    """Nothing was given up."""

    reason: WriteOffRefusal
