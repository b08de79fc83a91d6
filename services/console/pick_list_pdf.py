"""A pick list as PDF: A4, what one location has to pick, work by work, with codes to be scanned.

The first code of a work is its id, which the warehouse page finds it by; each line has its article's. At the end stand the
codes that do a step. The same works give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.colors import black, grey
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, Paragraph, Spacer, Table, TableStyle

from chassis.paper import paper_pdf
from chassis.typeface import drawable, face, one_line
from services.console.counting import NEXT_PACKAGE

__all__ = ["DONE", "WORKS_MAX", "pick_list_pdf"]

DONE = "DONE-"
"""What a code begins with that does a step of the work whose page is open; the step's name follows."""

STEPS = (
    (f"{DONE}PICK", "All of a work is picked"),
    (NEXT_PACKAGE, "Pack into another package"),
    (f"{DONE}PACK", "All of a work is packed"),
    (f"{DONE}HAND-OVER", "Handed over to the carrier"),
)

WORKS_MAX = 50
"""Works on one list."""

COLUMNS = [34 * mm, 50 * mm, 24 * mm, 60 * mm, 12 * mm]
"""SKU, description, quantity, the code of the SKU, a box to tick: the width of the page inside its margins."""

MODULE = 0.25 * mm
"""The narrowest bar."""

BARS = 9 * mm
SCANNED = re.compile(r"[!-~]{1,16}")
"""An article's name that a code of the column's width can hold; what is longer, or has other letters, is typed."""

CELL_CHARS = 300
"""Of a text, what stands in one row: no row may be higher than a page."""

HEAD_ROOM = 60 * mm
"""A work begins on the next page where less than this is left for it."""


def pick_list_pdf(location: str, works: Sequence[Mapping[str, Any]], made: str) -> bytes:
    """The list of a location. `works` as the doors show them, in the order in which they are to be picked; `made` says
    when, in words."""
    units = sum(line["quantity"] for work in works for line in work["lines"])
    title = f"Pick list {location}"

    def story() -> list[Flowable]:
        head = [_text(title, 18), _text(f"Works: {len(works)}, units: {units}; {made}"), Spacer(0, 4 * mm)]
        return [*head, *(part for work in works for part in _work(work)), *_steps()]

    return paper_pdf(title, story, [f"{title}, {made}"])


def _work(work: Mapping[str, Any]) -> list[Flowable]:
    by = f", to leave by {work['ship_by']}" if work.get("ship_by") else ""
    title = f"Order {work['order_id']}, {work['method']}{by}"
    lines = sorted(work["lines"], key=lambda line: (line["sku"], line["line"], line["sequence"]))
    rows: list[list[Flowable | str]] = [[_text(name, 8) for name in ("SKU", "What", "Quantity", "Scan", "")]]
    for line in lines:
        quantity = _text(f"{line['quantity']} {line['unit']}", 12)
        rows.append([_text(line["sku"]), _text(line.get("description") or ""), quantity, _code(line["sku"]), ""])
    table = Table(rows, colWidths=COLUMNS, repeatRows=1, hAlign="LEFT")
    ruled = [("LINEBELOW", (0, 0), (-1, 0), 1, black), ("LINEBELOW", (0, 1), (-1, -1), 0.25, grey)]
    boxes = [("BOX", (4, row), (4, row), 1, black) for row in range(1, len(rows))]
    table.setStyle(
        TableStyle([*ruled, *boxes, ("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (0, -1), 0)])
    )
    code = Code128(work["id"], barWidth=MODULE, barHeight=BARS, quiet=0, humanReadable=0)
    return [
        CondPageBreak(HEAD_ROOM),
        _text(f"Work {work['id']}", 12),
        _text(title, 9),
        Spacer(0, 2 * mm),
        code,
        Spacer(0, 2 * mm),
        table,
        Spacer(0, 8 * mm),
    ]


def _steps() -> list[Flowable]:
    """The codes of what is done with a work, once its page is open."""
    cells = [
        [_text(about), Code128(code, barWidth=MODULE, barHeight=BARS, quiet=0, humanReadable=1)]
        for code, about in STEPS
    ]
    rows = [[part for cell in cells[place : place + 2] for part in cell] for place in range(0, len(cells), 2)]
    table = Table(rows, colWidths=[32 * mm, 58 * mm] * 2, rowHeights=18 * mm, hAlign="LEFT")
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (0, -1), 0)]))
    return [CondPageBreak(HEAD_ROOM), _text("When it is done", 12), Spacer(0, 2 * mm), table]


def _code(sku: str) -> Flowable | str:
    if not SCANNED.fullmatch(sku):
        return ""
    return Code128(sku, barWidth=MODULE, barHeight=BARS, quiet=0, humanReadable=0)


def _text(text: str, size: int = 10) -> Paragraph:
    """What others typed is text, never markup."""
    style = ParagraphStyle("text", fontName=face(), fontSize=size, leading=1.3 * size, splitLongWords=1)
    return Paragraph(escape(drawable(one_line(text[:CELL_CHARS]))), style)
