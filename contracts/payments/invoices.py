"""Invoices and credit notes: what a seller states, under a number that follows the one before, that a buyer owes or gets
back.

A document is `invoice/<id>`: of an invoice the id is uuid5 of (tenant, `invoice`, order, fulfilment), of a credit note of
(tenant, `credit_note`, order, refund), with `rest` after them for what came back after the refund was withdrawn. Numbers are given by `invoice_series/<id>`, uuid5 of (tenant, `invoice_series`,
seller). Once issued a document never changes. Amounts are money in minor units.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.address import ShipTo
from contracts.message import Command, Event, Instant, Value
from contracts.money import ChargeKind, Currency, DecimalText, Money
from contracts.personal import Personal

__all__ = [
    "AssignNumber",
    "Correction",
    "CorrectionNumbered",
    "CreditInvoice",
    "CreditNoteIssued",
    "DescribeSeller",
    "DocumentKind",
    "DocumentLine",
    "DocumentTax",
    "DocumentTotal",
    "InvoiceCharge",
    "InvoiceContents",
    "InvoiceCredited",
    "InvoiceDrafted",
    "InvoiceIssued",
    "InvoiceRetried",
    "InvoiceWaits",
    "IssueCreditNote",
    "IssueInvoice",
    "Issued",
    "NumberAssigned",
    "NumberRefusal",
    "NumberRefused",
    "RetryInvoice",
    "RetryRefusal",
    "RetryRefused",
    "SellerDescribed",
    "SellerParticulars",
    "WaitReason",
]

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class DocumentKind(StrEnum):
    """What a document is. Each kind has a series of its own."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class SellerParticulars(Value):
    """What a legal entity has to say about itself on each document. `country` is an ISO 3166-1 code, `vat_id` begins
    with one (`DE123456789`), `tax_number` is a local one; `iban` is where the buyer pays. `time_zone` (IANA) is that of
    its dates; `payment_days` after the date of issue what is bought on account is due."""

    name: Text
    address_lines: Annotated[tuple[Text, ...], Field(min_length=1, max_length=4)]
    postcode: Text
    city: Text
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    vat_id: Text | None = None
    tax_number: Text | None = None
    register_number: Text | None = None
    email: Text | None = None
    iban: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}$")] | None = None
    bic: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$")] | None = None
    time_zone: str = "UTC"
    payment_days: Annotated[int, Field(ge=0, le=365)] = 14


class DocumentTax(Value):
    """One tax in an amount: its `rate` as a fraction (`0.19`), and how much it is."""

    jurisdiction: str
    rate: DecimalText
    amount: Money


class DocumentLine(Value):
    """The units [from_unit, to_unit) of an order's line. `gross` is `net` and the taxes."""

    line: str
    sku: str
    description: str | None = None
    from_unit: int
    to_unit: int
    quantity: int
    unit: str
    net: Money
    taxes: tuple[DocumentTax, ...] = ()
    gross: Money


class InvoiceCharge(Value):
    """A charge or discount (negative), of a `line` or of the whole; `code` is the channel's word for it. `gross` is `net`
    and the taxes."""

    kind: ChargeKind
    code: str | None = None
    line: str | None = None
    net: Money
    taxes: tuple[DocumentTax, ...] = ()
    gross: Money


class DocumentTotal(Value):
    """What all lines and charges under a tax come to: `base` is their net, `amount` the tax. The one without a
    jurisdiction is of those that bear no tax."""

    jurisdiction: str | None = None
    rate: DecimalText = "0"
    base: Money
    amount: Money


class InvoiceContents(Value):
    """What a document says, before it has a number: who owes whom what, for what left as `fulfillment`, or came back as
    `refund`. `buyer` and the sealed part of `bill_to` are personal data.

    `net`, `tax` and `gross` are the sums over lines and charges, `gross` to the minor unit what is captured or paid
    back. `on_account` of it the buyer is to pay by the due date (of a credit note: owes no more); the rest was paid
    otherwise: `credit` by that for goods of an exchange that come back. `collected_from` is the place of the tender whose
    card on file is charged on the due date for what is open then.
    """

    kind: DocumentKind
    seller: str
    order_id: str
    order_number: str
    channel_number: str | None = None
    fulfillment: str | None = None
    refund: str | None = None
    buyer: Personal | None = None
    bill_to: ShipTo | None = None
    locale: str | None = None
    currency: Currency
    lines: tuple[DocumentLine, ...]
    charges: tuple[InvoiceCharge, ...] = ()
    taxes: tuple[DocumentTotal, ...] = ()
    net: Money
    tax: Money
    gross: Money
    on_account: Money
    credit: Money | None = None
    collected_from: int | None = None


class Correction(Value):
    """The part of a credit note that corrects an `invoice` (its id): of its `gross`, of which `on_account` is owed no
    more. `number` and `issued_on` are the invoice's, absent while they are not known."""

    invoice: str
    gross: Money
    on_account: Money
    number: str | None = None
    issued_on: date | None = None


# Commands


class IssueInvoice(InvoiceContents, Command):
    """State what is owed for what left. Known again by its stream."""


class IssueCreditNote(InvoiceContents, Command):
    """State what the buyer is given back, of the invoices in `corrects`. Known again by its stream."""

    corrects: Annotated[tuple[Correction, ...], Field(min_length=1)]


class CreditInvoice(Command):
    """A credit note (its id) corrects this invoice: say its number, and owe less."""

    credit_note: str
    gross: Money
    on_account: Money


class MoveOnAccount(Command):
    """So much more of this invoice is to be paid by its buyer, or less (below zero), since credit of an exchange that paid
    for goods was charged after all, or what was over of it was paid out. `reference` is the id of that capture or refund: it
    counts once. No document says it: what was sold and what came back stay as they were stated. So it is of a refund for
    goods that were credited before, and then paid back otherwise: `reference` is the id that its credit note has, or
    would have."""

    reference: str
    amount: Money


class RetryInvoice(Command):
    """Ask once more for what a document waits for, such as a number, now that the seller is described; of an invoice whose
    card was declined, charge what is open once more."""


class DescribeSeller(Command):
    """What documents of a seller say from now on; those that were issued stay as they are."""

    seller: str
    particulars: SellerParticulars


class AssignNumber(Command):
    """A document (its id) of a seller wants the next number of its series."""

    seller: str
    document: str
    kind: DocumentKind


# Events


class InvoiceDrafted(InvoiceContents, Event):
    """What a document (its id) will say is settled. It waits for its number from `numbered_by` (the id of its seller's
    series), a credit note before that for the numbers of the invoices in `corrects`."""

    document: str
    numbered_by: str
    corrects: tuple[Correction, ...] = ()


class CorrectionNumbered(Event):
    """A credit note knows the number of an invoice that it corrects."""

    correction: Correction


class NumberAssigned(Event):
    """The next number of a series is a document's: `sequence` follows the one before it in `series`, which counts from 1
    in each year. `issued_on` is the date in the seller's zone and never goes back along a series. Answers the document."""

    seller: str
    document: str
    kind: DocumentKind
    series: str
    sequence: int
    number: str
    issued_on: date
    particulars: SellerParticulars
    reply_to: str | None = None


class NumberRefusal(StrEnum):
    """Why a document got no number: nobody described its seller."""

    SELLER_NOT_DESCRIBED = "seller_not_described"


class NumberRefused(Event):
    """A document got no number, and no number was used. Answers the document."""

    seller: str
    document: str
    reason: NumberRefusal
    reply_to: str | None = None


class SellerDescribed(Event):
    """What documents of a seller say from now on."""

    seller: str
    particulars: SellerParticulars


class Issued(InvoiceContents):
    """What an issued document says besides: its number, its dates (of the seller's zone), and who the seller is."""

    number: str
    series: str
    sequence: int
    issued_on: date
    due_on: date
    particulars: SellerParticulars


class InvoiceIssued(Issued, Event):
    """The invoice stands, for ever as it is. Of one that is charged to a card on file `collect_at` is when: as its due date
    begins in the seller's zone."""

    collect_at: Instant | None = None


class CreditNoteIssued(Issued, Event):
    """The credit note stands, for ever as it is; `corrects` names the invoices."""

    corrects: tuple[Correction, ...] = ()


class WaitReason(StrEnum):
    """What a document waits for: that somebody describes its seller; that an invoice which it corrects is issued."""

    SELLER_NOT_DESCRIBED = "seller_not_described"
    INVOICE_NOT_ISSUED = "invoice_not_issued"


class InvoiceWaits(Event):
    """A document cannot be issued yet; `owner` should do something about the reason, and try again."""

    reason: WaitReason
    owner: str


class InvoiceRetried(Event):
    """What a document waits for is asked for once more."""


class InvoiceCredited(Event):
    """A credit note corrects the invoice: `on_account` of it is owed no more. Without `number` it is not issued, or not
    known here. Answers the credit note."""

    credit_note: str
    gross: Money
    on_account: Money
    number: str | None = None
    issued_on: date | None = None
    reply_to: str | None = None


class OnAccountMoved(Event):
    """So much more of the invoice is open, or less (below zero), by the capture or refund of an exchange, or the credit
    note, that `reference` names."""

    reference: str
    amount: Money


class RetryRefusal(StrEnum):
    """Why there is nothing to try again: the document is unknown, or waits for nothing."""

    UNKNOWN_DOCUMENT = "unknown_document"
    NOT_WAITING = "not_waiting"


class RetryRefused(Event):
    """Nothing was tried again."""

    reason: RetryRefusal
