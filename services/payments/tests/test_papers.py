"""What is printed of a document: the PDF, the XML inside it, and what both say of a buyer who is forgotten."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from chassis.sealing import PersonalDataForgotten
from contracts.address import Area, ShipTo
from contracts.ids import aggregate_id, stream
from contracts.money import ChargeKind
from contracts.payments.invoices import DocumentTax, InvoiceCharge
from contracts.personal import Personal, PersonalContent
from services.payments.document_paper import FORGOTTEN, UNNAMED, Document, Paper, paper_of
from services.payments.document_pdf import document_pdf
from services.payments.document_xml import document_xml
from services.payments.tests.documents import Books, credit_note, document, eur, invoice

ADA = Personal(subject="s", ciphertext="c2VhbGVk")
BERLIN = ShipTo(area=Area(country="DE"), personal=ADA)
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
S1 = stream("invoice", document("s1"))
CREDIT = stream("invoice", aggregate_id("default", "credit_note", "o1", "r1"))


def opened(sealed: Personal) -> PersonalContent:
    return PersonalContent(name="Ada Example", address_lines=("Musterweg 1",), postcode="10115", city="Berlin")


def forgotten(sealed: Personal) -> PersonalContent:
    raise PersonalDataForgotten("its key is gone")


def issued(**more: Any) -> Document:
    books = Books().described()
    books.issue(invoice(**more))
    return books.issued(S1)


def credited() -> Document:
    books = Books().described()
    books.issue(invoice())
    books.tell(CREDIT, credit_note("s1"))
    return books.issued(CREDIT)


def texts(xml: bytes, tag: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(xml).iter(f"{RAM}{tag}")]


def read(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def test_the_xml_of_an_invoice_says_who_what_and_how_much() -> None:
    xml = document_xml(paper_of(issued(bill_to=BERLIN), opened))
    assert "INV-2026-000001" in texts(xml, "ID")
    assert texts(xml, "TypeCode")[0] == "380"
    assert {"Acme GmbH", "Ada Example", "A lamp"} <= set(texts(xml, "Name"))
    assert texts(xml, "IBANID") == ["DE02120300000000202051"]
    assert (texts(xml, "GrandTotalAmount"), texts(xml, "DuePayableAmount")) == (["11.90"], ["11.90"])
    assert (texts(xml, "TaxTotalAmount"), texts(xml, "TaxBasisTotalAmount")) == (["1.90"], ["10.00"])


def test_what_was_paid_otherwise_is_prepaid_and_asks_for_no_transfer() -> None:
    xml = document_xml(paper_of(issued(on_account=190), opened))
    assert (texts(xml, "TotalPrepaidAmount"), texts(xml, "DuePayableAmount")) == (["10.00"], ["1.90"])
    assert texts(document_xml(paper_of(issued(on_account=0), opened)), "IBANID") == []


def test_a_credit_note_is_one_by_its_code_and_names_the_invoice() -> None:
    xml = document_xml(paper_of(credited(), opened))
    assert texts(xml, "TypeCode")[0] == "381"
    assert "INV-2026-000001" in texts(xml, "IssuerAssignedID")
    assert texts(xml, "GrandTotalAmount") == ["5.95"]


def test_charges_and_discounts_stand_apart_with_their_taxes() -> None:
    charges = (
        InvoiceCharge(kind=ChargeKind.SHIPPING, net=eur(500), taxes=(), gross=eur(500)),
        InvoiceCharge(
            kind=ChargeKind.DISCOUNT,
            code="SPRING",
            net=eur(-100),
            taxes=(DocumentTax(jurisdiction="DE", rate="0.19", amount=eur(-19)),),
            gross=eur(-119),
        ),
    )
    paper = paper_of(issued(charges=charges, net=1_400, tax=171), opened)
    assert [(str(row.rate), row.base, row.amount) for row in paper.tax_rows] == [("0", 500, 0), ("0.19", 1_300, 152)]
    xml = document_xml(paper)
    assert (texts(xml, "ChargeTotalAmount"), texts(xml, "AllowanceTotalAmount")) == (["5.00"], ["1.00"])
    assert texts(xml, "Reason") == ["shipping", "discount SPRING"]


@pytest.mark.parametrize("kind", ["invoice", "credit note"])
def test_the_pdf_shows_it_and_carries_the_xml(kind: str) -> None:
    paper = paper_of(issued(bill_to=BERLIN) if kind == "invoice" else credited(), opened)
    xml = document_xml(paper)
    pdf = document_pdf(paper, xml)
    text = read(pdf)
    assert paper.document.number in text
    assert paper.document.gross.to_decimal() in text
    assert PdfReader(BytesIO(pdf)).attachments["factur-x.xml"][0] == xml
    if kind == "invoice":
        assert {"Ada Example", "Musterweg 1", "10115 Berlin"} <= set(text.splitlines())


def test_a_buyer_who_is_forgotten_or_was_never_named_is_said_to_be_so() -> None:
    assert paper_of(issued(bill_to=BERLIN), forgotten).recipient.name == FORGOTTEN
    nameless: Paper = paper_of(issued(), opened)
    assert nameless.recipient.name == UNNAMED
    assert FORGOTTEN in texts(document_xml(paper_of(issued(bill_to=BERLIN), forgotten)), "Name")
