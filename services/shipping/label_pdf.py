"""A label for any other printer: a PDF page of 4 by 6 inch. The bars are vectors; the same marks give the same bytes."""

from __future__ import annotations

from io import BytesIO

from reportlab.graphics.barcode.code128 import Code128
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from chassis.typeface import DRAWING, drawable, face
from services.shipping.label_layout import (
    DOTS_PER_MM,
    HEIGHT,
    MARGIN,
    SQUARE_MODULES,
    SQUARE_VERSION,
    WIDTH,
    Bars,
    Mark,
    Rule,
    Square,
    Text,
)

__all__ = ["label_pdf"]

DOT = mm / DOTS_PER_MM
"""A printer's dot, in points."""

BASELINE = 0.85
"""How far below the upper edge of a line's box its letters stand."""

FNC1 = "\xf1"
"""What ReportLab draws as FNC1. First in the symbol it says that GS1's rules hold."""


def label_pdf(marks: tuple[Mark, ...], title: str) -> bytes:
    """One label."""
    written = BytesIO()
    with DRAWING:
        canvas = Canvas(written, pagesize=(WIDTH * DOT, HEIGHT * DOT), invariant=1)
        canvas.setTitle(title)
        for mark in marks:
            _draw(canvas, mark)
        canvas.showPage()
        canvas.save()
    return written.getvalue()


def _draw(canvas: Canvas, mark: Mark) -> None:
    """PDF counts from the lower edge upwards."""
    match mark:
        case Text():
            canvas.setFont(face(), mark.size * DOT)
            canvas.drawString(mark.x * DOT, (HEIGHT - mark.y - BASELINE * mark.size) * DOT, drawable(mark.text))
        case Rule():
            canvas.rect(
                MARGIN * DOT,
                (HEIGHT - mark.y - mark.thickness) * DOT,
                (WIDTH - 2 * MARGIN) * DOT,
                mark.thickness * DOT,
                stroke=0,
                fill=1,
            )
        case Bars():
            bars = Code128(
                FNC1 + mark.digits, barWidth=mark.module * DOT, barHeight=mark.height * DOT, quiet=0, humanReadable=0
            )
            bars.drawOn(canvas, mark.x * DOT, (HEIGHT - mark.y - mark.height) * DOT)
        case Square():
            _square(canvas, mark)


def _square(canvas: Canvas, mark: Square) -> None:
    size = SQUARE_MODULES * mark.module * DOT
    code = QrCodeWidget(mark.text, barLevel="M", qrVersion=SQUARE_VERSION, barBorder=0, barWidth=size, barHeight=size)
    drawing = Drawing(size, size)
    drawing.add(code)
    drawing.drawOn(canvas, mark.x * DOT, (HEIGHT - mark.y) * DOT - size)
