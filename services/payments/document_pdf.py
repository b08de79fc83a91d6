"""A document as PDF: A4, as many pages as its lines need, with its XML attached as Factur-X has it."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from io import BytesIO
from xml.sax.saxutils import escape

from drafthorse.pdf import attach_xml
from PIL.ImageCms import ImageCmsProfile, createProfile
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, StreamObject, TextStringObject
from reportlab.lib.colors import black, grey
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, Spacer, Table, TableStyle

from chassis.paper import paper_pdf
from chassis.typeface import drawable, face, one_line
from contracts.money import Money
from contracts.payments.invoices import CreditNoteIssued, DocumentLine, DocumentTax, InvoiceCharge
from services.payments.document_paper import Paper, percent, rate_of

__all__ = ["document_pdf"]

COLUMNS = [14 * mm, 78 * mm, 26 * mm, 28 * mm, 34 * mm]
"""Line, what it is, quantity, tax, net: the width of the page inside its margins."""

DESCRIPTION_CHARS = 400
"""Of a description, what stands on the paper: no row may be higher than a page."""


def document_pdf(paper: Paper, xml: bytes) -> bytes:
    """The document with `xml` attached."""
    document = paper.document

    def story() -> list[Flowable]:
        gap = Spacer(0, 6 * mm)
        return [*_head(paper), _contents(paper), gap, _sums(paper), gap, *_terms(paper)]

    title, seller = f"{_title(paper)} {document.number}", one_line(_seller_line(paper))
    written = paper_pdf(title, story, [seller, str(document.number)], document.particulars.name)
    attached = attach_xml(written, xml, "EN 16931", lang=(document.locale or "en").replace("_", "-"))
    return _with_colours(attached)


@cache
def _srgb() -> bytes:
    return ImageCmsProfile(createProfile("sRGB")).tobytes()


def _with_colours(pdf: bytes) -> bytes:
    """The PDF with what its colours mean, without which it is no archive."""
    writer = PdfWriter(clone_from=BytesIO(pdf))
    profile = StreamObject()
    profile.set_data(_srgb())
    profile[NameObject("/N")] = NumberObject(3)
    intent = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/OutputIntent"),
            NameObject("/S"): NameObject("/GTS_PDFA1"),
            NameObject("/OutputConditionIdentifier"): TextStringObject("sRGB"),
            NameObject("/DestOutputProfile"): writer._add_object(profile),
        }
    )
    writer.root_object[NameObject("/OutputIntents")] = ArrayObject([intent])
    written = BytesIO()
    writer.write(written)
    return written.getvalue()


def _title(paper: Paper) -> str:
    return "Invoice" if paper.is_invoice else "Credit note"


def _seller_line(paper: Paper) -> str:
    seller = paper.document.particulars
    parts = (
        seller.name,
        f"VAT {seller.vat_id}" if seller.vat_id else "",
        f"tax number {seller.tax_number}" if seller.tax_number else "",
        seller.register_number or "",
        seller.email or "",
    )
    return " · ".join(part for part in parts if part)


def _head(paper: Paper) -> list[Flowable]:
    document, seller = paper.document, paper.document.particulars
    sender = ", ".join((*seller.address_lines, f"{seller.postcode} {seller.city}", seller.country))
    facts = [
        f"Number {document.number}",
        f"Date {document.issued_on.isoformat()}",
        f"Order {document.order_number}",
        *([f"Your order {document.channel_number}"] if document.channel_number else []),
    ]
    if isinstance(document, CreditNoteIssued):
        facts += [
            f"Corrects {part.number} of {part.issued_on.isoformat() if part.issued_on else ''}"
            for part in document.corrects
        ]
    recipient = [paper.recipient.name, *paper.recipient.address]
    sides = Table([[_lines(recipient), _lines(facts)]], colWidths=[100 * mm, 80 * mm], hAlign="LEFT")
    sides.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0)]))
    top = [_text(seller.name, 12), _text(sender, 8), Spacer(0, 8 * mm), sides, Spacer(0, 8 * mm)]
    return [*top, _text(f"{_title(paper)} {document.number}", 16), Spacer(0, 4 * mm)]


def _contents(paper: Paper) -> Table:
    headings = ("Line", "What", "Quantity", "Tax", f"Net {paper.document.currency}")
    rows: list[list[Flowable]] = [[_text(name, 8, right=number > 1) for number, name in enumerate(headings)]]
    rows += [_line(line) for line in paper.document.lines]
    rows += [_charge(charge) for charge in paper.document.charges]
    table = Table(rows, colWidths=COLUMNS, repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, 0), 1, black),
                ("LINEBELOW", (0, 1), (-1, -1), 0.25, grey),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
            ]
        )
    )
    return table


def _line(line: DocumentLine) -> list[Flowable]:
    what = f"{line.description} ({line.sku})" if line.description else line.sku
    quantity = f"{line.quantity} {line.unit}"
    return [
        _text(line.line),
        _text(what[:DESCRIPTION_CHARS]),
        _text(quantity, right=True),
        _text(_rate(line.taxes), right=True),
        _text(line.net.to_decimal(), right=True),
    ]


def _charge(charge: InvoiceCharge) -> list[Flowable]:
    what = " ".join(part for part in (charge.kind.value.replace("_", " "), charge.code) if part)
    return [
        _text(charge.line or ""),
        _text(what[:DESCRIPTION_CHARS]),
        _text(""),
        _text(_rate(charge.taxes), right=True),
        _text(charge.net.to_decimal(), right=True),
    ]


def _rate(taxes: tuple[DocumentTax, ...]) -> str:
    return f"{percent(rate_of(taxes))} %" if taxes else ""


def _sums(paper: Paper) -> Table:
    document = paper.document
    rows = [("Net", document.net.to_decimal())]
    for total in document.taxes:
        if total.jurisdiction:
            of = Money(amount=total.base.amount, currency=document.currency).to_decimal()
            rows.append(
                (f"Tax {total.jurisdiction} {percent(Decimal(total.rate))} % of {of}", total.amount.to_decimal())
            )
    rows.append((f"Total {document.currency}", document.gross.to_decimal()))
    if paper.is_invoice and paper.paid.amount:
        rows.append(("Paid", paper.paid.to_decimal()))
        rows.append((f"To pay {document.currency}", document.on_account.to_decimal()))
    table = Table(
        [[_text(name, right=True), _text(amount, right=True)] for name, amount in rows],
        colWidths=[146 * mm, 34 * mm],
        hAlign="LEFT",
    )
    table.setStyle(TableStyle([("LINEABOVE", (0, -1), (-1, -1), 0.5, black)]))
    return table


def _terms(paper: Paper) -> list[Flowable]:
    document, seller = paper.document, paper.document.particulars
    if not paper.is_invoice:
        return [_text("The amount is given back by the way in which it was paid, or owed no more.")]
    if not document.on_account.amount:
        return [_text("Nothing is to be paid.")]
    lines = [f"To be paid by {document.due_on.isoformat()}, with the number {document.number}."]
    if seller.iban:
        lines.append(f"Account {seller.iban}{f', BIC {seller.bic}' if seller.bic else ''}, {seller.name}")
    return [_text(line) for line in lines]


def _lines(texts: list[str]) -> list[Flowable]:
    return [_text(text) for text in texts]


def _text(text: str, size: int = 10, right: bool = False) -> Paragraph:
    """What customers typed is text, never markup."""
    style = ParagraphStyle("text", fontName=face(), fontSize=size, leading=1.3 * size, splitLongWords=1)
    if right:
        style.alignment = TA_RIGHT
    return Paragraph(escape(drawable(one_line(text))), style)
