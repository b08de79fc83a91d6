"""A printed paper: A4 pages in our typeface, each with a foot that says where it belongs. What stands on them is the matter
of whoever prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, SimpleDocTemplate

from chassis.typeface import DRAWING, drawable, face

__all__ = ["MARGIN", "paper_pdf"]

MARGIN = 15 * mm
FOOT_SIZE, FOOT_LEADING = 8, 10
"""Points."""


def paper_pdf(
    title: str, story: Callable[[], Sequence[Flowable]], foot: Sequence[str], author: str | None = None
) -> bytes:
    """The paper as PDF. `story` makes what stands on it, while nobody else draws; below each page stand the lines of `foot`,
    the last with the page's number, since pages come apart. The same paper is the same bytes."""
    written = BytesIO()
    document = SimpleDocTemplate(
        written,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=2 * MARGIN,
        title=title,
        author=author,
        invariant=1,
    )

    def below(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont(face(), FOOT_SIZE)
        *above, last = foot
        for height, line in enumerate([f"{last}, page {canvas.getPageNumber()}", *reversed(above)]):
            canvas.drawString(MARGIN, MARGIN + height * FOOT_LEADING, drawable(line))

    with DRAWING:
        document.build(list(story()), onFirstPage=below, onLaterPages=below)
    return written.getvalue()
