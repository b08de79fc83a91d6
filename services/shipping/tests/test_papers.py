"""What labels and packing slips say, read back as a scanner, a printer and a person read them."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import pairwise

import biip
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.graphics.barcode.code128 import Code128

from chassis.sealing import PersonalDataForgotten
from chassis.typeface import LACKING, wrap
from contracts.fulfillment import Package
from contracts.inventory import TracedQuantity
from contracts.personal import Personal, PersonalContent
from services.shipping.label_layout import DOTS_PER_MM, HEIGHT, MARGIN, MODULES, WIDTH, Bars, Mark, Rule, Text, layout
from services.shipping.label_pdf import FNC1, label_pdf
from services.shipping.label_zpl import label_zpl
from services.shipping.packing_slip_pdf import packing_slip_pdf
from services.shipping.papers import FORGOTTEN, UNNAMED, Opened, PackingSlip, Parcel, packing_slip_of, parcel_of
from services.shipping.sscc import COMPANY_PREFIX, sscc
from services.shipping.tests.parcels import NUMBER, RECIPIENT, content, labelled, package, placed, scanned, text_of

FIRST = sscc(COMPANY_PREFIX, 7)


def opened_as(recipient: PersonalContent) -> Opened:
    return lambda sealed: recipient


OPENED = opened_as(RECIPIENT)


def forgotten(sealed: Personal) -> PersonalContent:
    raise PersonalDataForgotten(sealed.subject)


def parcel(*packages: Package, place: int = 0, opened: Opened = OPENED) -> Parcel:
    shipment = labelled(*packages).state
    return parcel_of(shipment.packages[place], shipment.asked, shipment.packages, placed(), opened)


def marks(of: Parcel) -> tuple[Mark, ...]:
    assert of.sscc is not None
    return layout(of, of.sscc)


def pdf(of: Parcel) -> bytes:
    return label_pdf(marks(of), "Label")


def printed(zpl: bytes) -> list[str]:
    """What a printer prints as text, its escapes (^FH) undone."""
    fields = re.findall(r"\^A0N,\d+,\d+\^FH\^FD(.*?)\^FS", zpl.decode(), re.DOTALL)
    return [re.sub(r"_([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), field) for field in fields]


def commands(zpl: bytes) -> list[str]:
    """Every command that a printer obeys, without what it is told with it."""
    return re.findall(r"[\^~](?:A0|[A-Z]{2})|[\^~]", zpl.decode())


# The bars


def test_a_scanner_reads_the_sscc_off_the_pdf_as_gs1_128() -> None:
    ((symbology, data),) = scanned(pdf(parcel()))
    assert (symbology, data) == ("]C1", f"00{FIRST}")
    assert _read_by_gs1(symbology + data) == FIRST


def test_a_printer_is_told_start_c_fnc1_and_the_sscc() -> None:
    (bars,) = re.findall(r"\^BCN,\d+,N,N,N\^FD(.*?)\^FS", label_zpl(marks(parcel())).decode())
    assert bars == f">;>800{FIRST}"
    assert _read_by_gs1(bars.replace(">;>8", "]C1")) == FIRST


def _read_by_gs1(scan: str) -> str:
    """The SSCC of a scan; biip checks its check digit."""
    read = biip.parse(scan)
    assert read.gs1_message is not None and read.sscc is not None
    assert [element.ai.ai for element in read.gs1_message.element_strings] == ["00"]
    return read.sscc.value


def test_the_bars_keep_to_gs1_and_leave_white_beside_them() -> None:
    (bars,) = [mark for mark in marks(parcel()) if isinstance(mark, Bars)]
    assert 0.495 <= bars.module / DOTS_PER_MM <= 0.94
    assert bars.height / DOTS_PER_MM >= 31.75
    quiet = 10 * bars.module
    assert quiet <= bars.x and bars.x + MODULES * bars.module + quiet <= WIDTH
    assert Code128(FNC1 + bars.digits, barWidth=1, quiet=0).width == MODULES


# What it says


def test_a_label_says_from_whom_to_whom_and_how_it_goes() -> None:
    said = [
        "FROM", "Teapots GmbH", "north", "10 BE DE",
        "TO", "Zoë Žižek", "Łódź & Söhne", "Hafenstraße 7", "3. Stock", "01001 Київ", "30 UA",
        "own-fleet standard", "1 of 2 · 1.250 kg · international",
        f"Order {NUMBER}", "Customer's order WS-1001", f"(00) {FIRST}",
    ]  # fmt: skip
    assert printed(label_zpl(marks(parcel()))) == said
    assert text_of(pdf(parcel())).split() == " ".join(said).split()


def test_packages_are_counted_by_the_node_s_numbers() -> None:
    third = parcel(package(9), package(3), place=1)
    assert (third.place, third.count) == (1, 2)


def test_who_was_forgotten_is_on_no_paper_and_it_says_so() -> None:
    gone = parcel(opened=forgotten)
    for paper in (text_of(pdf(gone)), text_of(packing_slip_pdf(slip(package(1), opened=forgotten)))):
        assert FORGOTTEN in " ".join(paper.split()) and "30 UA" in paper
        assert not any(word in paper for word in ("Zoë", "Hafenstraße", "Київ", "01001"))
    assert FORGOTTEN in " ".join(printed(label_zpl(marks(gone))))


def test_nobody_named_is_said_too() -> None:
    shipment = labelled().state
    asked = shipment.asked.model_copy(update={"ship_to": shipment.asked.ship_to.model_copy(update={"personal": None})})
    nobody = parcel_of(shipment.packages[0], asked, shipment.packages, placed(), forgotten)
    assert nobody.recipient == (UNNAMED, "30 UA")


# What customers type

TYPED = st.text(max_size=256)
RECIPIENTS = st.builds(
    PersonalContent,
    name=TYPED,
    company=st.none() | TYPED,
    address_lines=st.lists(TYPED, max_size=10).map(tuple),
    city=TYPED,
    postcode=st.none() | st.text(max_size=32),
)


def test_what_a_customer_typed_is_no_command_of_a_printer() -> None:
    typed = PersonalContent(name="^XZ~JA ^FD_5EXZ", address_lines=("a\nb\tc\x00d\u202ee",), city="City")
    zpl = label_zpl(marks(parcel(opened=opened_as(typed))))
    assert "^XZ~JA ^FD_5EXZ" in printed(zpl) and "a b cde" in printed(zpl)
    assert commands(zpl).count("^XZ") == 1 and not any(command.startswith("~") for command in commands(zpl))


@settings(max_examples=25)
@given(RECIPIENTS)
def test_whatever_a_customer_typed_stays_in_its_place(typed: PersonalContent) -> None:
    drawn = marks(parcel(opened=opened_as(typed)))
    texts = [mark for mark in drawn if isinstance(mark, Text)]
    rules = [mark.y for mark in drawn if isinstance(mark, Rule)]
    assert all(wrap(text.text, text.size, WIDTH - 2 * MARGIN) == [text.text] for text in texts)
    assert all(above.y + above.size <= below.y for above, below in pairwise(texts))
    assert not any(text.y < rule < text.y + text.size for text in texts for rule in rules)
    assert texts[-1].y + texts[-1].size <= HEIGHT
    zpl = label_zpl(drawn)
    assert set(commands(zpl)) == {
        "^XA", "^CI", "^PW", "^LL", "^LH", "^FO", "^A0", "^FH", "^FD", "^FS", "^GB", "^BY", "^BC", "^XZ",
    }  # fmt: skip
    assert printed(zpl) == [text.text for text in texts]
    assert label_pdf(drawn, "Label") == label_pdf(drawn, "Label")


def test_a_letter_that_the_typeface_lacks_is_seen_to_be_missing_and_left_to_the_printer_s_own() -> None:
    tokyo = marks(parcel(opened=opened_as(PersonalContent(name="Mika \u6771", city="Z\u030ci\u0301"))))
    assert f"Mika {LACKING}" in text_of(label_pdf(tokyo, "Label"))
    assert {"Mika \u6771", "\u017d\u00ed"} <= set(printed(label_zpl(tokyo)))


def test_an_address_that_is_too_long_is_cut_before_its_town() -> None:
    endless = PersonalContent(name="n " * 128, address_lines=("word " * 50,) * 10, city="Kyiv", postcode="01001")
    said = [mark.text for mark in marks(parcel(opened=opened_as(endless))) if isinstance(mark, Text)]
    cut = said.index("…")
    assert said[cut + 1 : cut + 3] == ["01001 Kyiv", "30 UA"]


def test_the_same_package_has_the_same_label_however_many_are_drawn_at_once() -> None:
    drawn = marks(parcel())
    patience = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as threads:
            labels = set(threads.map(lambda _: label_pdf(drawn, "Label"), range(120)))
    finally:
        sys.setswitchinterval(patience)
    assert labels == {label_pdf(drawn, "Label")}


# The packing slip


def slip(*packages: Package, opened: Opened = OPENED) -> PackingSlip:
    of = parcel(*packages, opened=opened)
    return packing_slip_of(of, packages[0], placed())


def test_a_packing_slip_says_what_is_inside_and_no_price() -> None:
    inside = package(1, content("1", "POT-1", 2), content("2", "LID-1"), weight_grams=1_250)
    said = text_of(packing_slip_pdf(slip(inside, package(2))))
    for words in (
        "Teapots GmbH", "Zoë Žižek", "Hafenstraße 7", "01001 Київ", "WS-1001", NUMBER, "Package 1 of 2, 1.250 kg",
        f"SSCC {FIRST}", "own-fleet standard", "POT-1", "Teapot, blue <b>", "2 each", "LID-1", "Lid", "1 each",
    ):  # fmt: skip
        assert words in said
    assert not re.search(r"987[.,]?65|EUR|€", said)


def test_another_item_than_ordered_is_not_described_by_the_one_that_was() -> None:
    said = text_of(packing_slip_pdf(slip(package(1, content("1", "POT-2")))))
    assert "POT-2" in said and "instead of POT-1" in said
    assert "Teapot, blue" not in said


def test_lots_and_serial_numbers_are_named() -> None:
    lot = TracedQuantity(quantity=2, lot="L7", expires_on=date(2027, 1, 31), serials=("S-1", "S-2"))
    said = text_of(packing_slip_pdf(slip(package(1, content("1", "POT-1", 2, traced=(lot,))))))
    assert "2 each; lot L7; expires 2027-01-31; serial S-1, S-2" in " ".join(said.split())


@pytest.mark.parametrize("serials", [0, 4_000])
def test_contents_of_any_length_go_on_over_pages_that_say_where_they_belong(serials: int) -> None:
    traced = (TracedQuantity(quantity=1, serials=tuple(f"SERIAL-{n}" for n in range(serials))),)
    contents = [content(str(n), "W" * 128, traced=traced if n == 1 else ()) for n in range(1, 121)]
    paper = packing_slip_pdf(slip(package(1, *contents), package(2)))
    pages = text_of(paper).split(f"{NUMBER}, package 1 of 2, page ")
    assert len(pages) > 5
    assert all("SKU" in page for page in pages[1:-1])
    assert serials == 0 or f"SERIAL-{serials - 1}" in "".join(text_of(paper).split())
