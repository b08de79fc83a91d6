"""What is printed of a document, on paper and for programs alike: what its event says, and who the buyer is.

The buyer is opened here and nowhere else in this service, and only to be printed: nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from chassis.sealing import PersonalDataForgotten
from contracts.money import Money
from contracts.payments.invoices import (
    CreditNoteIssued,
    DocumentKind,
    DocumentLine,
    DocumentTax,
    InvoiceCharge,
    InvoiceIssued,
)
from contracts.personal import Personal, PersonalContent

__all__ = [
    "FORGOTTEN",
    "UNNAMED",
    "Document",
    "Opened",
    "Paper",
    "Recipient",
    "TaxRow",
    "paper_of",
    "percent",
    "rate_of",
]

Document = InvoiceIssued | CreditNoteIssued
Part = DocumentLine | InvoiceCharge

Opened = Callable[[Personal], PersonalContent]
"""Opens what is sealed; raises PersonalDataForgotten or PersonalDataUnreadable."""

FORGOTTEN = "[forgotten: name and address were erased]"
"""Stands where the buyer's name was, once their key is destroyed."""

UNNAMED = "[no buyer was named]"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is to pay. `country` is an ISO 3166-1 code, where one is known."""

    name: str
    company: str | None = None
    lines: tuple[str, ...] = ()
    postcode: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """As it is written on an envelope, below the name."""
        place = " ".join(part for part in (self.postcode, self.city) if part)
        land = " ".join(part for part in (self.region, self.country) if part)
        return tuple(line for line in (self.company, *self.lines, place, land) if line)


@dataclass(frozen=True, slots=True)
class TaxRow:
    """What of a document bears taxes of one rate together, as a fraction, in minor units."""

    rate: Decimal
    base: int
    amount: int


@dataclass(frozen=True, slots=True)
class Paper:
    """A document and who gets it."""

    document: Document
    recipient: Recipient

    @property
    def is_invoice(self) -> bool:
        """Whether it asks for money; else it gives some back."""
        return self.document.kind is DocumentKind.INVOICE

    @property
    def paid(self) -> Money:
        """What of an invoice was paid otherwise than on account."""
        return self.document.gross - self.document.on_account

    @property
    def tax_rows(self) -> tuple[TaxRow, ...]:
        """The lines and charges by the rate that all their taxes come to; bases sum to the net, amounts to the tax."""
        rows: dict[Decimal, list[int]] = {}
        parts: list[Part] = [*self.document.lines, *self.document.charges]
        for part in parts:
            row = rows.setdefault(rate_of(part.taxes), [0, 0])
            row[0] += part.net.amount
            row[1] += sum(tax.amount.amount for tax in part.taxes)
        return tuple(TaxRow(rate, base, amount) for rate, (base, amount) in sorted(rows.items()))


def rate_of(taxes: tuple[DocumentTax, ...]) -> Decimal:
    """What several taxes on one amount come to, as a fraction; 0 where it bears none."""
    return sum((Decimal(tax.rate) for tax in taxes), Decimal(0))


def percent(rate: Decimal) -> str:
    """A rate as people write it: `19`, `5.5`."""
    text = f"{(rate * 100):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def paper_of(document: Document, opened: Opened) -> Paper:
    """The document for its buyer; raises PersonalDataUnreadable where the address cannot be opened."""
    return Paper(document, _recipient(document, opened))


def _recipient(document: Document, opened: Opened) -> Recipient:
    area = None if document.bill_to is None else document.bill_to.area
    country = None if area is None else area.country
    region = None if area is None else area.region
    sealed = document.buyer if document.bill_to is None else document.bill_to.personal or document.buyer
    if sealed is None:
        return Recipient(UNNAMED, region=region, country=country)
    try:
        content = opened(sealed)
    except PersonalDataForgotten:
        return Recipient(FORGOTTEN, region=region, country=country)
    return Recipient(
        name=content.name or content.company or UNNAMED,
        company=content.company if content.name else None,
        lines=content.address_lines or (),
        postcode=content.postcode,
        city=content.city,
        region=region,
        country=country,
    )
