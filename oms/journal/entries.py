"""From money events to balanced entries: what each event says, by debit (above zero) and credit (below).

Each entry is balanced in its currency and names the event that it is. The book remembers of each order what later events
do not say again: its taxes, the methods of its tenders, what was granted back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.envelope import Envelope
from contracts.ids import split_stream
from contracts.message import Message
from contracts.money import share
from contracts.order import (
    CreditApplied,
    CreditCharged,
    CreditPaidOut,
    LinesAdded,
    LinesFulfilled,
    OrderImported,
    OrderPlaced,
    RefundCause,
    Refunded,
    RefundGranted,
    RefundTo,
    RefundWithdrawn,
    ShipGroupChanged,
)
from contracts.payments import (
    DisputeLost,
    DisputeOpened,
    DisputeWon,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentIncreased,
    PaymentRefunded,
    RefundRefused,
    RefundReversed,
    ValueExpired,
    ValueIssued,
    ValueRedeemed,
)
from oms.journal.accounts import BY_CAUSE, BY_METHOD, BY_REMITTER, Account
from oms.journal.receipts import RECEIPTS, Found, moved
from oms.journal.taxes import Taxes, taxes_of

__all__ = ["HEARD", "Book", "Entry", "Posting"]


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount on an account, in minor units of its currency: a debit above zero, a credit below."""

    account: Account
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What an event means in money. `event` is its id, `what` its name, `order` the order's id where there is one,
    `document` the fulfilment, refund, ledger, invoice, bank entry or system that it is about."""

    event: str
    when: datetime
    what: str
    order: str | None
    document: str
    postings: tuple[Posting, ...]


@dataclass(slots=True)
class _Granted:
    """What a refund took from where, until it is known that it is paid: its amount, and the debits that it stands on."""

    amount: int
    debits: Mapping[Account, int]


@dataclass(slots=True)
class Book:
    """Takes the events of a topic in the order of each stream; money events become entries. It keeps a few numbers a
    line of every order: orders never end for good while goods may come back."""

    _taxes: dict[str, Taxes] = field(default_factory=dict)
    _methods: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _granted: dict[str, _Granted] = field(default_factory=dict)
    _other_back: Counter[str] = field(default_factory=Counter)
    _part_paid: Counter[str] = field(default_factory=Counter)
    _whole: set[str] = field(default_factory=set)

    def entry(self, envelope: Envelope, event: Message) -> Entry | None:
        """The entry of an event; nothing where no money moved."""
        if (simple := RECEIPTS.get(type(event))) is not None:
            found = simple(envelope, event)
        else:
            make = _ENTRIES.get(type(event))
            found = None if make is None else make(self, envelope, event)
        if found is None:
            return None
        order, document, booked = found
        postings = tuple(
            Posting(account, amount, currency)
            for currency, amounts in booked.items()
            for account, amount in sorted(amounts.items())
            if amount
        )
        return Entry(envelope.id, envelope.time, type(event).__name__, order, document, postings) if postings else None


def _order_of(envelope: Envelope) -> str:
    return split_stream(envelope.subject)[1]


def _placed(book: Book, envelope: Envelope, event: OrderPlaced) -> Found:
    book._taxes[_order_of(envelope)] = taxes_of(event)
    return None


def _imported(book: Book, envelope: Envelope, event: OrderImported) -> Found:
    """What was settled there beyond what had left is owed to the customer in goods."""
    order = _order_of(envelope)
    book._taxes[order] = taxes_of(event)
    prepaid = event.settled.amount - event.fulfilled_amount.amount
    return order, event.system, {event.currency: Counter({Account.TAKEN_OVER: prepaid, Account.ORDERS: -prepaid})}


def _lines_added(book: Book, envelope: Envelope, event: LinesAdded) -> Found:
    book._taxes.setdefault(_order_of(envelope), Taxes()).add_lines(event.lines)
    return None


def _group_changed(book: Book, envelope: Envelope, event: ShipGroupChanged) -> Found:
    """What its charges bring in tax from now on: nothing of the group has left."""
    book._taxes.setdefault(_order_of(envelope), Taxes()).change_group(event.group)
    return None


def _fulfilled(book: Book, envelope: Envelope, event: LinesFulfilled) -> Found:
    order, amounts = _order_of(envelope), Counter({Account.ORDERS: event.amount.amount})
    taxed = 0
    for remitter, tax in book._taxes.get(order, Taxes()).of_units(event.ranges).items():
        amounts[BY_REMITTER[remitter]] -= tax
        taxed += tax
    amounts[Account.SALES] -= event.amount.amount - taxed
    return order, event.fulfillment, {event.amount.currency: amounts}


def _granted_back(book: Book, envelope: Envelope, event: RefundGranted) -> Found:
    order, fee = _order_of(envelope), 0 if event.fee is None else event.fee.amount
    whole, debits = event.amount.amount + fee, Counter[Account]()
    if event.cause is RefundCause.APPEASEMENT:
        debits[Account.GOODWILL] = whole
    elif event.cause is RefundCause.EXCHANGED:
        debits[Account.ORDERS] = whole
    else:
        taxes, before = book._taxes.get(order, Taxes()), book._other_back[order]
        book._other_back[order] = before + max(0, event.other.amount)
        found = (taxes.of_units(event.lines, with_shared=False), taxes.of_other(before, book._other_back[order]))
        for remitter, tax in (row for rows in found for row in rows.items()):
            debits[BY_REMITTER[remitter]] += tax
        debits[Account.RETURNS] = whole - sum(debits.values())
    book._granted[event.refund] = _Granted(event.amount.amount, debits)
    amounts = Counter(debits)
    amounts[Account.CREDIT] -= event.amount.amount
    amounts[Account.FEES] -= fee
    return order, event.refund, {event.amount.currency: amounts}


def _credit_applied(book: Book, envelope: Envelope, event: CreditApplied | CreditCharged | CreditPaidOut) -> Found:
    """Credit for what came back pays for what left; charged, it does so no more. What is paid out goes back to the
    customer's credit by its refund."""
    amount = -event.amount.amount if isinstance(event, CreditCharged) else event.amount.amount
    document = event.refund if isinstance(event, CreditPaidOut) else event.fulfillment
    amounts = Counter({Account.CREDIT: amount, Account.ORDERS: -amount})
    return _order_of(envelope), document, {event.amount.currency: amounts}


def _withdrawn(book: Book, envelope: Envelope, event: RefundWithdrawn) -> Found:
    """The credit is owed no more: what it stood on comes back, in proportion."""
    granted, amount = book._granted.get(event.refund), event.amount.amount
    amounts = Counter({Account.CREDIT: amount})
    rest = amount
    if granted is not None and 0 < amount <= granted.amount:
        for account, debit in granted.debits.items():
            if account not in (Account.RETURNS, Account.GOODWILL):
                part = share(debit, granted.amount, 0, amount)
                amounts[account] -= part
                rest -= part
    goodwill = granted is not None and Account.GOODWILL in granted.debits
    amounts[Account.GOODWILL if goodwill else Account.RETURNS] -= rest
    return _order_of(envelope), event.refund, {event.amount.currency: amounts}


def _authorized(book: Book, envelope: Envelope, event: PaymentAuthorized | PaymentIncreased) -> Found:
    """By which methods the tenders pay; more for a change names all of them again, by place."""
    book._methods[event.order_id] = tuple(tender.method for tender in event.tenders)
    return None


def _tender(book: Book, order: str, place: int) -> Account:
    methods = book._methods.get(order, ())
    return BY_METHOD.get(methods[place], Account.OTHER_TENDER) if place < len(methods) else Account.OTHER_TENDER


def _captured(book: Book, envelope: Envelope, event: PaymentCaptured) -> Found:
    amounts = Counter({Account.ORDERS: -event.amount.amount})
    for part in event.captures:
        paid = Account.PREPAID if part.prepaid else _tender(book, event.order_id, part.tender)
        amounts[paid] += part.amount.amount
    return event.order_id, event.fulfillment, {event.amount.currency: amounts}


def _refunded(book: Book, envelope: Envelope, event: PaymentRefunded) -> Found:
    before = book._part_paid.pop(event.refund, 0)
    book._whole.add(event.refund)
    amounts = Counter({Account.CREDIT: event.amount.amount - before, Account.OTHER_TENDER: before})
    for part in event.refunds:
        amounts[_tender(book, event.order_id, part.tender)] -= part.amount.amount
    amounts[Account.OTHER_TENDER] -= event.amount.amount - sum(part.amount.amount for part in event.refunds)
    return event.order_id, event.refund, {event.amount.currency: amounts}


def _refund_refused(book: Book, envelope: Envelope, event: RefundRefused) -> Found:
    """A part may be back all the same. By which tenders is told when the rest is."""
    paid = 0 if event.refunded_part is None else event.refunded_part.amount
    more = max(0, paid - book._part_paid[event.refund])
    book._part_paid[event.refund] += more
    amounts = Counter({Account.CREDIT: more, Account.OTHER_TENDER: -more})
    return event.order_id, event.refund, {event.amount.currency: amounts}


def _refund_reversed(book: Book, envelope: Envelope, event: RefundReversed) -> Found:
    """The customer is owed it again. Of a refund that was whole the tenders are known; of one of which a part was back
    they were not told. Nothing was booked of one that was under way."""
    amount, amounts = event.reversed.amount.amount, Counter[Account]()
    if event.prepaid:
        return moved(event.order_id, event.refund, event.reversed.amount, Account.CARD, Account.PREPAID)
    if event.refund in book._whole:
        book._whole.discard(event.refund)
        for part in (event.reversed, *event.refunds):
            amounts[_tender(book, event.order_id, part.tender)] += part.amount.amount
        left = sum(part.amount.amount for part in event.refunds)
        book._part_paid[event.refund] = left
        amounts[Account.OTHER_TENDER] -= left
    else:
        amount = min(amount, book._part_paid[event.refund])
        book._part_paid[event.refund] -= amount
        amounts[Account.OTHER_TENDER] += amount
    amounts[Account.CREDIT] -= amount
    return event.order_id, event.refund, {event.reversed.amount.currency: amounts}


def _disputed(debit: Account, credit: Account) -> Callable[[Book, Envelope, Any], Found]:
    def entry(book: Book, envelope: Envelope, event: DisputeOpened | DisputeWon | DisputeLost) -> Found:
        return moved(event.order_id, event.capture, event.amount, debit, credit)

    return entry


def _credited(book: Book, envelope: Envelope, event: Refunded) -> Found:
    """What the customer wanted as store credit, of which their ledger posts the other half; what goes back to tenders
    payments tell."""
    if event.to is not RefundTo.STORE_CREDIT:
        return None
    amount = event.amount.amount
    amounts = Counter({Account.CREDIT: amount, Account.VALUE_USED: -amount})
    return _order_of(envelope), event.refund, {event.amount.currency: amounts}


def _issued(book: Book, envelope: Envelope, event: ValueIssued) -> Found:
    return moved(event.order_id, event.value, event.amount, BY_CAUSE[event.cause], Account.STORED_VALUE)


def _redeemed(book: Book, envelope: Envelope, event: ValueRedeemed) -> Found:
    return moved(event.order_id, event.value, event.amount, Account.STORED_VALUE, Account.VALUE_USED)


def _expired(book: Book, envelope: Envelope, event: ValueExpired) -> Found:
    return moved(None, event.value, event.amount, Account.STORED_VALUE, Account.BREAKAGE)


_ENTRIES: Mapping[type[Message], Callable[[Book, Envelope, Any], Found]] = {
    OrderPlaced: _placed,
    OrderImported: _imported,
    LinesAdded: _lines_added,
    ShipGroupChanged: _group_changed,
    LinesFulfilled: _fulfilled,
    RefundGranted: _granted_back,
    CreditApplied: _credit_applied,
    CreditCharged: _credit_applied,
    CreditPaidOut: _credit_applied,
    RefundWithdrawn: _withdrawn,
    Refunded: _credited,
    PaymentAuthorized: _authorized,
    PaymentIncreased: _authorized,
    PaymentCaptured: _captured,
    PaymentRefunded: _refunded,
    RefundRefused: _refund_refused,
    RefundReversed: _refund_reversed,
    DisputeOpened: _disputed(Account.DISPUTED, Account.CARD),
    DisputeWon: _disputed(Account.CARD, Account.DISPUTED),
    DisputeLost: _disputed(Account.CHARGEBACKS, Account.DISPUTED),
    ValueIssued: _issued,
    ValueRedeemed: _redeemed,
    ValueExpired: _expired,
}

HEARD = frozenset(event.TYPE for event in (*_ENTRIES, *RECEIPTS))
"""The types of events that a book has to hear."""
