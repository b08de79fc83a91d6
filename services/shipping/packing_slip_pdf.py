"""A packing slip as PDF: A4, as many pages as the contents need. The same slip gives the same bytes."""

from __future__ import annotations

from xml.sax.saxutils import escape

from reportlab.lib.colors import black, grey
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, Spacer, Table, TableStyle

from chassis.paper import paper_pdf
from chassis.typeface import drawable, face, one_line
from services.shipping.papers import PackingSlip, Parcel, SlipLine

__all__ = ["packing_slip_pdf"]

COLUMNS = [18 * mm, 42 * mm, 84 * mm, 36 * mm]
"""Line, SKU, description, quantity: the width of the page inside its margins."""

NOTE_CHARS = 500
"""Of a note, what stands in one row of the table: no row may be higher than a page."""


def packing_slip_pdf(slip: PackingSlip) -> bytes:
    """The packing slip of one package."""
    parcel = slip.parcel
    foot = f"{parcel.order_number}, package {parcel.place} of {parcel.count}"
    return paper_pdf(f"Packing slip {parcel.order_number}", lambda: [*_head(parcel), _contents(slip.lines)], [foot])


def _head(parcel: Parcel) -> list[Flowable]:
    seller, *_ = parcel.sender
    facts = [
        f"Order {parcel.order_number}",
        *([f"Customer's order {parcel.channel_number}"] if parcel.channel_number else []),
        f"Package {parcel.place} of {parcel.count}, {parcel.weight}",
        f"{parcel.carrier} {parcel.service}",
        *([f"SSCC {parcel.sscc}"] if parcel.sscc else []),
    ]
    sides = Table([[_lines(parcel.recipient), _lines(facts)]], colWidths=[90 * mm, 90 * mm], hAlign="LEFT")
    sides.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0)]))
    return [_text("Packing slip", 20), _text(seller, 12), Spacer(0, 8 * mm), sides, Spacer(0, 8 * mm)]


def _contents(lines: tuple[SlipLine, ...]) -> Table:
    rows: list[list[Flowable]] = [[_text(name, 8) for name in ("Line", "SKU", "Description", "Quantity")]]
    for line in lines:
        rows.append(
            [_text(line.line), _text(line.sku), _text(line.description or ""), _text(f"{line.quantity} {line.unit}")]
        )
        rows += [[_text(""), _text(""), _text(part, 8), _text("")] for note in line.notes for part in _parts(note)]
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


def _parts(note: str) -> list[str]:
    return [note[start : start + NOTE_CHARS] for start in range(0, len(note), NOTE_CHARS)]


def _lines(texts: tuple[str, ...] | list[str]) -> list[Flowable]:
    return [_text(text) for text in texts]


def _text(text: str, size: int = 10) -> Paragraph:
    """What customers typed is text, never markup."""
    style = ParagraphStyle("text", fontName=face(), fontSize=size, leading=1.3 * size, splitLongWords=1)
    return Paragraph(escape(drawable(one_line(text))), style)
