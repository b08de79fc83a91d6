"""Documents as a buyer's program judges them: whatever is bought and comes back, each XML keeps the business rules of
EN 16931, and each PDF those of PDF/A-3B."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.address import Area, ShipTo
from contracts.channel import ChannelOrder
from contracts.envelope import Actor
from contracts.money import Money
from contracts.order import GrantRefund, RefundApprover, RefundCause, RefundUnits
from contracts.payments.invoices import CreditNoteIssued, InvoiceIssued, SellerParticulars
from contracts.personal import Personal, PersonalContent
from services.payments.document_paper import Paper, paper_of
from services.payments.document_pdf import document_pdf
from services.payments.document_xml import document_xml
from services.payments.invoice_series import series_stream
from services.payments.tests.documents import DESCRIBED, SELLER
from tests.documents.rules import breaches, pdf_breaches
from tests.simulation.people import Floor, channel_order, order_stream, place, receive
from tests.simulation.world import World


def opened(sealed: Personal) -> PersonalContent:
    return PersonalContent(name="Ada Example", address_lines=("Musterweg 1",), postcode="10115", city="Berlin")


RATES = {"standard": ("0.19",), "reduced": ("0.07",), "none": (), "two": ("0.05", "0.09975")}


def taxed(amount: int, bears: str, included: bool) -> dict[str, Any]:
    """An amount in minor units with the taxes that it bears, reckoned as a shop does."""
    rates = [float(rate) for rate in RATES[bears]]
    net = round(amount / (1 + sum(rates))) if included else amount
    taxes = [
        {"jurisdiction": "DE", "rate": name, "base": net, "amount": round(net * rate)}
        for name, rate in zip(RATES[bears], rates, strict=True)
    ]
    return {"amount": amount, "tax_included": included, "taxes": taxes}


@st.composite
def priced(draw: st.DrawFn, low: int, high: int) -> dict[str, Any]:
    """An amount with the taxes that it bears."""
    return taxed(draw(st.integers(low, high)), draw(st.sampled_from(sorted(RATES))), draw(st.booleans()))


@st.composite
def orders(draw: st.DrawFn) -> ChannelOrder:
    """An order of some lines with discounts and charges, in a currency of two decimals, as the rules want it."""
    lines: list[dict[str, Any]] = [
        {"line_id": f"c{number}", "ship_group": "1", "sku": sku, "quantity": draw(st.integers(1, 5))}
        | draw(priced(500, 90_000))
        for number, sku in enumerate("AB"[: draw(st.integers(1, 2))], start=1)
    ]
    charges = [{"kind": "shipping", **draw(priced(1, 2_000))}] if draw(st.booleans()) else []
    if draw(st.booleans()):
        charges.append({"kind": "discount", "code": "SPRING", **taxed(-draw(st.integers(1, 400)), "standard", True)})
    total = sum(
        part["amount"] + sum(tax["amount"] for tax in part["taxes"] if not part["tax_included"])
        for part in [*lines, *charges]
    )
    plain = channel_order("1001", *((line["sku"], line["quantity"], line["amount"]) for line in lines))
    fields = plain.model_dump(mode="json") | {"lines": lines, "charges": charges, "total": total}
    return ChannelOrder.model_validate(fields | {"tenders": [{"method": "invoice", "amount": total}]})


def issued(order: ChannelOrder, wishes: list[GrantRefund], seller: SellerParticulars = SELLER) -> list[Paper]:
    """What is printed of an order whose goods left, and for which this is given back."""
    world = World()
    described = DESCRIBED.model_copy(update={"particulars": seller})
    world.tell("payments", series_stream("default", "acme"), described)
    for line in order.lines:
        receive(world, line.sku, "north", line.quantity)
    place(world, order)
    Floor(world).work()
    for wish in wishes:
        world.tell("order", order_stream("1001"), wish, Actor(kind="person", subject="anna"))
    documents = [event for _, event in world.events if isinstance(event, InvoiceIssued | CreditNoteIssued)]
    return [paper_of(document, opened) for document in documents]


def wish(amount: int, line: str | None = None) -> GrantRefund:
    """Goodwill, or a unit of a line."""
    fields: dict[str, Any] = {"reason": "late", "approver": RefundApprover.FINANCE}
    if line is None:
        return GrantRefund(cause=RefundCause.APPEASEMENT, amount=Money(amount=amount, currency="EUR"), **fields)
    return GrantRefund(cause=RefundCause.DAMAGED, lines=(RefundUnits(line=line, quantity=1),), **fields)


wishes = st.lists(st.tuples(st.integers(1, 300), st.sampled_from([None, "1", "2"])), max_size=3)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(orders(), wishes)
def test_what_is_issued_of_any_order_keeps_the_rules(order: ChannelOrder, back: list[tuple[int, str | None]]) -> None:
    papers = issued(order, [wish(amount, line) for amount, line in back])
    assert papers
    for paper in papers:
        assert breaches(document_xml(paper)) == []


def lamp() -> ChannelOrder:
    line = {"line_id": "c1", "ship_group": "1", "sku": "A", "quantity": 2, **taxed(1_190, "standard", True)}
    plain = channel_order("1001", ("A", 2, 1_190)).model_dump(mode="json")
    return ChannelOrder.model_validate(plain | {"lines": [line]})


@pytest.mark.parametrize(
    "known",
    [
        {"vat_id": None, "tax_number": "12/345/67890", "register_number": "HRB 1234"},
        {"email": "bills@acme.example", "iban": None, "bic": None},
    ],
)
def test_a_seller_may_be_known_by_other_names(known: dict[str, Any]) -> None:
    papers = issued(lamp(), [wish(100)], SELLER.model_copy(update=known))
    assert [breaches(document_xml(paper)) for paper in papers] == [[], []]


@pytest.mark.parametrize("bill_to", [None, ShipTo(area=Area(country="FR"), personal=None)])
def test_a_buyer_who_is_not_named_has_a_country_all_the_same(bill_to: ShipTo | None) -> None:
    [paper] = issued(lamp(), [])
    nameless = paper_of(paper.document.model_copy(update={"bill_to": bill_to, "buyer": None}), opened)
    assert breaches(document_xml(nameless)) == []


def test_a_sum_that_is_off_is_a_breach() -> None:
    [paper] = issued(lamp(), [])
    off = document_xml(paper).replace(b">10.00</ram:TaxBasisTotalAmount>", b">10.01</ram:TaxBasisTotalAmount>")
    assert any("BR-CO-13" in breach for breach in breaches(off))


def test_invoice_and_credit_note_are_archives(tmp_path: Path) -> None:
    for number, paper in enumerate(issued(lamp(), [wish(100)])):
        file = tmp_path / f"{number}.pdf"
        file.write_bytes(document_pdf(paper, document_xml(paper)))
        assert pdf_breaches(file) == []


def test_a_paper_that_does_not_say_what_its_colours_mean_is_no_archive(tmp_path: Path) -> None:
    [paper] = issued(lamp(), [])
    file = tmp_path / "plain.pdf"
    file.write_bytes(document_pdf(paper, document_xml(paper)).replace(b"/GTS_PDFA1", b"/GTS_PDFX_"))
    assert pdf_breaches(file)
