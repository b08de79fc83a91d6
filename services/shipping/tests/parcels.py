"""A shipment of two packages whose papers are looked at, and what a scanner and a reader make of a PDF."""

from __future__ import annotations

from typing import Any

import pypdfium2
import zxingcpp

from chassis.testing import DAWN, Spec
from contracts.address import Area, ShipTo
from contracts.fulfillment import Package, PackageContent
from contracts.ids import aggregate_id, order_number, stream
from contracts.money import Money
from contracts.order import OrderLine, OrderPlaced, Totals
from contracts.personal import Personal, PersonalContent
from contracts.shipping import CreateShipment, SerialsAllotted
from services.shipping.shipment import SHIPMENT
from services.shipping.sscc import COMPANY_PREFIX

PRINTER_DPI = 203
SUBJECT = "05862dfe-9882-5e28-b47e-3a452e2a5783"
ORDER_ID = aggregate_id("default", "order", "webshop-eu", "1001")
NUMBER = order_number(ORDER_ID)
RECIPIENT = PersonalContent(
    name="Zoë Žižek", company="Łódź & Söhne", address_lines=("Hafenstraße 7", "3. Stock"), city="Київ", postcode="01001"
)
SERIES = stream("sscc_series", aggregate_id("default", "sscc_series", COMPANY_PREFIX))


def content(line: str, sku: str, quantity: int = 1, **more: Any) -> PackageContent:
    """Units of a line in a package."""
    return PackageContent(
        fulfillment_order="f1", line=line, sequence=1, sku=sku, quantity=quantity, unit="each", **more
    )


def package(number: int, *contents: PackageContent, weight_grams: int = 900) -> Package:
    """A package as the node made it."""
    inside = contents or (content("1", "POT-1"),)
    return Package(package=f"package-{number}", number=number, contents=inside, weight_grams=weight_grams)


def placed() -> OrderPlaced:
    """The order: two teapots and two lids."""
    nothing = Money(amount=0, currency="EUR")
    return OrderPlaced(
        tenant="default",
        order_id=ORDER_ID,
        number=NUMBER,
        totals=Totals(goods=nothing, charges=nothing, taxes=nothing, total=nothing),
        seller="Teapots GmbH",
        channel="webshop",
        channel_account="webshop-eu",
        external_id="1001",
        channel_number="WS-1001",
        fingerprint="0" * 64,
        currency="EUR",
        placed_at=DAWN,
        lines=(_line("1", "POT-1", "Teapot, blue <b>"), _line("2", "LID-1", "Lid")),
        ship_groups=(),
    )


def _line(line: str, sku: str, description: str) -> OrderLine:
    return OrderLine(
        line=line,
        sku=sku,
        description=description,
        quantity=2,
        unit="each",
        amount=Money(amount=98_765, currency="EUR"),
        ship_group="1",
    )


def created(*packages: Package, personal: Personal | None = None) -> Spec:
    """A shipment that waits for the numbers of its packages."""
    sealed = personal or Personal(subject=SUBJECT, ciphertext="c2VhbGVk")
    command = CreateShipment(
        order_id=ORDER_ID,
        fulfillment_order="f1",
        location="north",
        carrier="own-fleet",
        origin=Area(country="DE", region="BE", postcode_prefix="10"),
        ship_to=ShipTo(area=Area(country="UA", region="30"), personal=sealed),
        packages=packages or (package(1, weight_grams=1_250), package(2)),
    )
    spec = Spec(SHIPMENT, "shipping")
    spec.when(command)
    return spec


def labelled(*packages: Package, personal: Personal | None = None) -> Spec:
    """A shipment whose packages have their numbers, from 7 on."""
    spec = created(*packages, personal=personal)
    spec.when(SerialsAllotted(company_prefix=COMPANY_PREFIX, first=7, count=len(spec.state.packages)), subject=SERIES)
    return spec


def scanned(pdf: bytes) -> list[tuple[str, str]]:
    """What a scanner reads off each page as a label printer prints it: the symbology (AIM's identifier) and the data."""
    pages = pypdfium2.PdfDocument(pdf)
    images = [page.render(scale=PRINTER_DPI / 72).to_pil() for page in pages]
    read = [code for image in images for code in zxingcpp.read_barcodes(image)]
    return [(code.symbology_identifier, code.bytes.decode("ascii")) for code in read]


def text_of(pdf: bytes) -> str:
    """The letters of all pages, as a reader copies them out."""
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)).replace("\r\n", "\n")
