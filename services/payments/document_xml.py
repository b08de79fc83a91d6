"""A document for programs: Cross Industry Invoice in the profile EN 16931 of Factur-X, checked against its schema.

Amounts are those of the document. Taxes were reckoned by whoever sold, and shared out to the minor unit: a reader who
reckons rate times base may differ from them by the rounding of each line.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drafthorse.models.accounting import ApplicableTradeTax, CategoryTradeTax, TradeAllowanceCharge
from drafthorse.models.document import Document as Invoice
from drafthorse.models.party import TaxRegistration
from drafthorse.models.payment import PaymentMeans, PaymentTerms
from drafthorse.models.tradelines import LineItem

from contracts.money import Money
from contracts.payments.invoices import CreditNoteIssued, DocumentLine, DocumentTax, InvoiceCharge
from services.payments.document_paper import Paper, Recipient, percent, rate_of

__all__ = ["PROFILE", "document_xml"]

PROFILE = "urn:cen.eu:en16931:2017"
SCHEMA = "FACTUR-X_EN16931"

INVOICE_CODE, CREDIT_NOTE_CODE = "380", "381"
"""What a document is (UNTDID 1001)."""

UNITS = {"each": "C62", "g": "GRM", "kg": "KGM", "ml": "MLT", "l": "LTR", "mm": "MMT", "m": "MTR"}
PIECES = "C62"
"""Our units by their codes (UN/ECE Recommendation 20); any other is counted in pieces."""

VAT, STANDARD, ZERO = "VAT", "S", "Z"
TRANSFER, AS_AGREED = "58", "1"
"""Means of payment (UNTDID 4461): a credit transfer within SEPA, or one that is not said."""


def document_xml(paper: Paper) -> bytes:
    """The document as XML in UTF-8. Raises lxml.etree.XMLSyntaxError when it is none by its schema."""
    written, document = Invoice(), paper.document
    written.context.guideline_parameter.id = PROFILE
    written.header.id = document.number
    written.header.type_code = INVOICE_CODE if paper.is_invoice else CREDIT_NOTE_CODE
    written.header.issue_date_time = document.issued_on
    _parties(written.trade.agreement, paper)
    written.trade.delivery.event.occurrence = document.issued_on
    for line in document.lines:
        written.trade.items.add(_line(line))
    for number, charge in enumerate(() if document.lines else document.charges, start=1):
        written.trade.items.add(_charge_line(number, charge))
    _settlement(written.trade.settlement, paper)
    found: bytes = written.serialize(schema=SCHEMA)
    return found


def _parties(agreement: Any, paper: Paper) -> None:
    document, seller = paper.document, paper.document.particulars
    agreement.buyer_reference = document.channel_number or document.order_number
    agreement.seller.name = seller.name
    if seller.register_number:
        agreement.seller.legal_organization.id = ("", seller.register_number)
    _address(agreement.seller.address, seller.address_lines, seller.postcode, seller.city, seller.country)
    for scheme, number in (("VA", seller.vat_id), ("FC", seller.tax_number)):
        if number:
            agreement.seller.tax_registrations.add(TaxRegistration(id=(scheme, number)))
    if seller.email:
        agreement.seller.electronic_address.uri_ID = ("EM", seller.email)
    buyer: Recipient = paper.recipient
    agreement.buyer.name = buyer.name
    lines = tuple(line for line in (buyer.company, *buyer.lines) if line)
    _address(agreement.buyer.address, lines, buyer.postcode, buyer.city, buyer.country or seller.country)
    agreement.seller_order.issuer_assigned_id = document.order_number


def _address(address: Any, lines: tuple[str, ...], postcode: str | None, city: str | None, country: str) -> None:
    address.postcode = postcode or ""
    rest = ", ".join(lines[2:])
    for name, text in zip(("line_one", "line_two", "line_three"), (*lines[:2], rest), strict=False):
        setattr(address, name, text)
    address.city_name = city or ""
    address.country_id = country


def _line(line: DocumentLine) -> LineItem:
    """The price is for all units together, so that no rounding of a unit's price stands between it and the net."""
    item = _item(line.line, line.description or line.sku, line, line.quantity, UNITS.get(line.unit, PIECES))
    item.product.seller_assigned_id = line.sku
    return item


def _charge_line(number: int, charge: InvoiceCharge) -> LineItem:
    """What stands for no goods, such as goodwill: a document needs a line, so here charges are lines."""
    return _item(str(number), _what(charge), charge, 1, PIECES)


def _item(name: str, what: str, part: DocumentLine | InvoiceCharge, quantity: int, unit: str) -> LineItem:
    item, sign = LineItem(), -1 if part.net.amount < 0 else 1
    item.document.line_id = name
    item.product.name = what
    item.agreement.net.amount = _decimal(part.net) * sign
    item.agreement.net.basis_quantity = (Decimal(quantity), unit)
    item.delivery.billed_quantity = (Decimal(quantity) * sign, unit)
    _tax_of(item.settlement.trade_tax, part.taxes)
    item.settlement.monetary_summation.total_amount = _decimal(part.net)
    return item


def _tax_of(tax: Any, taxes: tuple[DocumentTax, ...]) -> None:
    rate = rate_of(taxes)
    tax.type_code = VAT
    tax.category_code = STANDARD if rate else ZERO
    tax.rate_applicable_percent = Decimal(percent(rate))


def _settlement(settlement: Any, paper: Paper) -> None:
    document = paper.document
    settlement.payment_reference = document.number
    settlement.currency_code = document.currency
    settlement.payment_means.add(_means(paper))
    for row in paper.tax_rows:
        tax = ApplicableTradeTax()
        tax.calculated_amount = _minor(row.amount, document.currency)
        tax.type_code = VAT
        tax.basis_amount = _minor(row.base, document.currency)
        tax.category_code = STANDARD if row.rate else ZERO
        tax.rate_applicable_percent = Decimal(percent(row.rate))
        settlement.trade_tax.add(tax)
    for charge in _beside_lines(paper):
        settlement.allowance_charge.add(_charge(charge))
    terms = PaymentTerms()
    terms.due = document.due_on
    settlement.terms.add(terms)
    _sums(settlement.monetary_summation, paper)
    if isinstance(document, CreditNoteIssued):
        first = document.corrects[0]
        settlement.invoice_referenced_document.issuer_assigned_id = first.number or ""


def _means(paper: Paper) -> PaymentMeans:
    means, seller = PaymentMeans(), paper.document.particulars
    transfer = paper.is_invoice and paper.document.on_account.amount and seller.iban
    means.type_code = TRANSFER if transfer else AS_AGREED
    if transfer:
        means.payee_account.iban = seller.iban
        if seller.bic:
            means.payee_institution.bic = seller.bic
    return means


def _charge(charge: InvoiceCharge) -> TradeAllowanceCharge:
    """What makes a document dearer is a charge, what makes it cheaper an allowance."""
    written = TradeAllowanceCharge()
    written.indicator = charge.net.amount >= 0
    written.actual_amount = abs(_decimal(charge.net))
    written.reason = _what(charge)
    tax = CategoryTradeTax()
    _tax_of(tax, charge.taxes)
    written.trade_tax.add(tax)
    return written


def _what(charge: InvoiceCharge) -> str:
    return " ".join(part for part in (charge.kind.value, charge.code) if part)


def _beside_lines(paper: Paper) -> tuple[InvoiceCharge, ...]:
    return paper.document.charges if paper.document.lines else ()


def _sums(sums: Any, paper: Paper) -> None:
    document = paper.document
    charges = [charge.net.amount for charge in _beside_lines(paper)]
    sums.line_total = _minor(document.net.amount - sum(charges), document.currency)
    sums.charge_total = _minor(sum(amount for amount in charges if amount >= 0), document.currency)
    sums.allowance_total = _minor(-sum(amount for amount in charges if amount < 0), document.currency)
    sums.tax_basis_total = (_decimal(document.net), None)
    sums.tax_total = (_decimal(document.tax), document.currency)
    sums.grand_total = (_decimal(document.gross), None)
    sums.prepaid_total = _decimal(paper.paid) if paper.is_invoice else Decimal(0)
    sums.due_amount = _decimal(document.on_account) if paper.is_invoice else _decimal(document.gross)


def _decimal(money: Money) -> Decimal:
    return Decimal(money.to_decimal())


def _minor(amount: int, currency: str) -> Decimal:
    return _decimal(Money(amount=amount, currency=currency))
